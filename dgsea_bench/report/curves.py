"""The section on running sums: those of a few gene sets under each backend, and what they differ by from exact."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import ROUNDING
from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Look, Point, Series
from dgsea_bench.report.content import Figure, Section
from dgsea_bench.report.figures import Panel, curves
from dgsea_bench.report.plots import describe, look_of
from dgsea_bench.report.rows import Problem, Result, Run

TITLE = "Running sums"
MOST_SETS = 3
MOST_POSITIONS = 250
"""Of a curve that are drawn; more of them cannot be told apart."""
TYPICAL = 0.95
"""Share of the positions whose differences from exact are drawn on a linear scale."""
SPIKES = 20
"""Times that scale, from which on differences beyond it need a logarithmic one."""
MISSING = "Not drawn: the details of this run hold no running sums (details/*/curves.parquet)."
CHOSEN = {
    1: "The gene set of the first profile whose classical ES is furthest from zero.",
    2: "Two gene sets of the first profile: with a high and with a low classical ES.",
    3: "Three gene sets of the first profile: with the highest classical ES, the lowest, and a middling one.",
}
"""Number of sets -> which they are."""
POSITIONS = "Position 1 is the top of the ranking"
BELOW = "Below, what each backend differs by from exact; a spike is a step that comes a little earlier or later"

Curves = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Comparison:
    """One gene set's running sum under each backend.

    Attributes:
        frames: backend -> positions and running sums. compared: backends that are held to exact.
    """

    gene_set: str
    frames: Curves
    compared: tuple[str, ...]

    @cached_property
    def apart(self) -> Curves:
        """Backend -> its running sum less the exact one, at the positions that it has."""
        exact = self.frames.get("exact")
        return {} if exact is None else {label: _minus(self.frames[label], exact) for label in self.compared}

    @cached_property
    def distances(self) -> dict[str, pd.Series]:
        """Backend -> its distance from exact at each position, where it leaves out no stretch of positions."""
        whole = {label: frame for label, frame in self.apart.items() if not _gaps(frame).any()}
        return {label: frame["running_sum"].abs() for label, frame in whole.items()}

    @property
    def furthest(self) -> str:
        """The backend that is on average furthest from exact."""
        return max(self.distances, key=lambda label: float(self.distances[label].mean()))

    @cached_property
    def peak(self) -> Point:
        """Where the running sum is furthest from zero: of exact, or of the first backend."""
        frame = self.frames.get("exact", next(iter(self.frames.values())))
        row = frame.iloc[int(frame["running_sum"].abs().to_numpy().argmax())]
        return Point(float(row["position"]), float(row["running_sum"]))

    @property
    def share(self) -> float:
        """The largest average distance as a share of the peak."""
        return float(self.distances[self.furthest].mean()) / abs(self.peak.y) if self.peak.y else 0.0


def running_sums(run: Run) -> Section:
    """A figure for each gene set, all on the same scales."""
    found = _choose(run)
    if found is None:
        return Section(TITLE, "curves", figures=[Figure("Running sum of one gene set", None, "", missing=MISSING)])
    problem, compared = found
    parts = [POSITIONS, *([BELOW] if any(item.apart for item in compared) else [])]
    parts += ["All figures have the same scales"] if len(compared) > 1 else []
    said = [_furthest(compared), f"{CHOSEN[len(compared)]} {'. '.join(parts)}."]
    figures = [_figure(run, problem, item, compared) for item in compared]
    return Section(TITLE, "curves", [text for text in said if text], figures=figures)


def _furthest(compared: Sequence[Comparison]) -> str:
    """Where a backend strays most, of several sets."""
    found = [item for item in compared if item.distances]
    if len(compared) < 2 or not found:
        return ""
    worst = max(found, key=lambda item: item.share)
    if worst.share < ROUNDING:
        return "On none of these sets does a backend stray from exact by more than rounding."
    return (
        f"On average over positions no backend strays from exact by more than {wording.error(worst.share)} of a set's "
        f"peak, as {worst.furthest} does on {wording.shortened(worst.gene_set, 60)}."
    )


def _figure(run: Run, problem: Problem, item: Comparison, compared: Sequence[Comparison]) -> Figure:
    """Running sums over positions, and below them their distance from the exact one."""
    look = look_of(run)
    panels = [_above(item, look, compared), *([_below(item, look, compared)] if item.apart else [])]
    heading = f"{_heading(item)}{_left_out(item.frames)}"
    at = f"Dotted: its peak, at position {wording.count(item.peak.x)}"
    band = "The broad band is exact. " if "exact" in item.frames else ""
    caption = f"{describe(run, problem)}; the first profile. {band}{at}."
    names = wording.listed(list(item.frames))
    alternative = f"Curves over {wording.count(problem.genes)} positions for {names}. {heading}."
    svg = curves(panels, "position in the ranking", below="exact", mark=item.peak.x)
    return Figure(heading, svg, caption, alternative, data=_data(item))


def _above(item: Comparison, look: dict[str, Look], compared: Sequence[Comparison]) -> Panel:
    """The running sums of one set, on the scale of those of all sets."""
    return Panel("running sum", _all_series(item.frames, look), _span([each.frames for each in compared]))


def _below(item: Comparison, look: dict[str, Look], compared: Sequence[Comparison]) -> Panel:
    """Their distances from exact; where a few are far larger than most, on a scale that shows both."""
    shown = [each.apart for each in compared]
    span = _span(shown)
    typical = max(frame["running_sum"].abs().quantile(TYPICAL) for each in shown for frame in each.values())
    linear = 10.0 ** math.floor(math.log10(typical)) if typical >= ROUNDING else None
    if linear is None or max(-span[0], span[1]) < SPIKES * linear:
        return Panel("minus that of exact", _all_series(item.apart, look), span)
    name = f"minus that of exact (logarithmic beyond ±{linear:g})"
    return Panel(name, _all_series(item.apart, look), span, linear)


def _span(shown: Sequence[Curves]) -> tuple[float, float]:
    """The smallest and the largest value, or zero."""
    values = [float(value) for each in shown for frame in each.values() for value in frame["running_sum"]]
    return min(0.0, *values), max(0.0, *values)


def _all_series(frames: Curves, look: dict[str, Look]) -> tuple[Series, ...]:
    return tuple(_series(label, frame, look[label]) for label, frame in frames.items())


def _data(item: Comparison) -> pd.DataFrame:
    """A row per backend and position."""
    nothing = pd.Series(dtype=float)
    parts = []
    for label, frame in item.frames.items():
        less = item.apart[label]["running_sum"] if label in item.apart else nothing
        parts.append(_thinned(frame.assign(minus_exact=less).assign(backend=label)))
    columns = ["backend", "gene_set", "profile", "position", "running_sum", "minus_exact"]
    return pd.concat([part for part in parts if len(part)])[columns].dropna(axis="columns", how="all")


def _choose(run: Run) -> tuple[Problem, list[Comparison]] | None:
    """The problem to show: with most backends' curves, a real ranking first, then planted, then the largest.

    Of its sets, those that most backends have: where no classical scores are known, each chooses its own.
    """
    found: dict[Problem, Curves] = {}
    for result in run.results:
        frame = _curves_of(run, result)
        if frame is not None:
            found.setdefault(result.problem, {})[result.label] = frame

    def merit(problem: Problem) -> tuple[object, ...]:
        return (problem.real, problem.scores == "planted", len(found[problem]), problem.order)

    if not found:
        return None
    best = max(found, key=merit)
    shown = found[best]
    backends_with = Counter(name for frame in shown.values() for name in frame["gene_set"].unique())
    soft = [row.label for row in run.rows if row.target == "dgsea" and row.label != "exact"]
    compared = []
    most = max(backends_with.values())
    for name in [name for name, count in backends_with.most_common(MOST_SETS) if 2 * count > most]:
        of_set = {label: frame[frame["gene_set"] == name].reset_index(drop=True) for label, frame in shown.items()}
        frames = {label: frame for label, frame in of_set.items() if len(frame)}
        compared.append(Comparison(str(name), frames, tuple(label for label in frames if label in soft)))
    return best, compared


def _curves_of(run: Run, result: Result) -> pd.DataFrame | None:
    """Those of the first seed."""
    for row in result.done[:1]:
        frame = run.details(row, "curves")
        if frame is not None and len(frame):
            return frame
    return None


def _minus(frame: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    """A running sum less the exact one, at the positions that it has."""
    there = np.interp(frame["position"], exact["position"], exact["running_sum"])
    return frame.assign(running_sum=frame["running_sum"] - there)


def _series(label: str, frame: pd.DataFrame, look: Look) -> Series:
    thinned = _thinned(frame)
    broken = thinned.assign(
        running_sum=thinned["running_sum"].where(~_gaps(thinned))
    )  # no line across what is left out
    pairs = zip(broken["position"], broken["running_sum"], strict=True)
    return Series(label, look, tuple(Point(float(x), float(y)) for x, y in pairs))


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """As many of its rows as a drawing can show."""
    return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, min(MOST_POSITIONS, len(frame))).round().astype(int))]


def _gaps(frame: pd.DataFrame) -> pd.Series:
    """Where a stretch of positions was left out just before, as by a window; thinning leaves even steps."""
    step = frame["position"].diff()
    return step > 3 * step.median() + 1


def _left_out(frames: Curves) -> str:
    names = [label for label, frame in frames.items() if _gaps(frame).any()]
    verb = "leaves" if len(names) == 1 else "leave"
    return f"; {wording.listed(names)} {verb} out a stretch of positions" if names else ""


def _heading(item: Comparison) -> str:
    name = wording.shortened(item.gene_set, 60)
    peak = wording.share(item.peak.y)
    if not item.distances:
        return f"The running sum of {name} peaks at {peak}"
    distance = item.distances[item.furthest]
    if distance.max() < ROUNDING:
        return f"{name} peaks at {peak}: all backends agree with exact to rounding"
    strays = f"{item.furthest} strays from exact by {distance.mean():.2g} on average"
    return f"{name} peaks at {peak}: {strays}, {distance.max():.2g} at most"
