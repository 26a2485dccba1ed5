"""The figure of one gene set's running sum under each backend."""

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import ROUNDING
from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Look, Point, Series
from dgsea_bench.report.content import Figure
from dgsea_bench.report.figures import curves
from dgsea_bench.report.plots import describe, look_of
from dgsea_bench.report.rows import Problem, Result, Run

Curves = dict[str, pd.DataFrame]
BELOW = "Below, the difference on a scale of its own; a spike is a step that comes a little earlier or later."


def curve_figure(run: Run) -> Figure:
    """Running sums over positions, and below them their distance from the exact one."""
    found = _choose(run)
    if found is None:
        missing = "Not drawn: the details of this run hold no running sums (details/*/curves.parquet)."
        return Figure("Running sum of one gene set", None, "", missing=missing)
    problem, frames = found
    targets = {row.label: row.target for row in run.rows}
    look = look_of(run)
    exact = frames.get("exact")
    panels = [("running sum", [_series(label, frame, look[label]) for label, frame in frames.items()])]
    distances: dict[str, float] = {}
    if exact is not None:
        others = [name for name in frames if targets[name] == "dgsea" and name != "exact"]
        apart = {name: _minus(frames[name], exact) for name in others}
        whole = {name: frame for name, frame in apart.items() if not _gaps(frame).any()}
        distances = {name: float(frame["running_sum"].abs().max()) for name, frame in whole.items()}
        if apart:
            panels.append(("minus that of exact", [_series(name, frame, look[name]) for name, frame in apart.items()]))
    gene_set = str(next(iter(frames.values()))["gene_set"].iloc[0])
    heading = _heading(gene_set, distances) + _left_out(frames)
    caption = (
        f"{describe(run, problem)}; the set with the largest classical ES of the first profile. "
        "Position 1 is the top of the ranking; long curves are thinned. The broad band is exact. "
        + (BELOW if len(panels) > 1 else "")
    )
    alternative = f"Curves over {wording.count(problem.genes)} positions for {wording.listed(list(frames))}. {heading}."
    svg = curves(panels, "position in the ranking", below="exact")
    data = pd.concat([frame.assign(backend=label) for label, frame in frames.items()])
    return Figure(heading, svg, caption.strip(), alternative=alternative, data=data)


def _choose(run: Run) -> tuple[Problem, Curves] | None:
    """The problem to show: with most backends' curves, a real ranking first, then planted, then the largest."""
    found: dict[Problem, Curves] = {}
    for result in run.results:
        frame = _curve(run, result)
        if frame is not None:
            found.setdefault(result.problem, {})[result.label] = frame

    def merit(problem: Problem) -> tuple[object, ...]:
        return (problem.real, problem.scores == "planted", len(found[problem]), problem.order)

    if not found:
        return None
    best = max(found, key=merit)
    shown = found[best]
    gene_set = next(iter(shown.values()))["gene_set"].iloc[0]
    return best, {label: frame for label, frame in shown.items() if frame["gene_set"].iloc[0] == gene_set}


def _curve(run: Run, result: Result) -> pd.DataFrame | None:
    """That of the first seed."""
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
    gaps = _gaps(frame)
    broken = frame.assign(running_sum=frame["running_sum"].where(~gaps))  # no line across positions left out
    pairs = zip(broken["position"], broken["running_sum"], strict=True)
    return Series(label, look, tuple(Point(float(x), float(y)) for x, y in pairs))


def _gaps(frame: pd.DataFrame) -> pd.Series:
    """Where a stretch of positions was left out just before, as by a window; thinning leaves even steps."""
    step = frame["position"].diff()
    return step > 3 * step.median() + 1


def _left_out(frames: Curves) -> str:
    names = [label for label, frame in frames.items() if _gaps(frame).any()]
    return f"; {wording.listed(names)} leaves out a stretch of positions" if names else ""


def _heading(gene_set: str, distances: dict[str, float]) -> str:
    name = wording.shortened(gene_set, 60)
    if not distances:
        return f"Running sum of {name}"
    worst = max(distances, key=lambda label: distances[label])
    if distances[worst] < ROUNDING:
        return f"Running sum of {name}: all backends agree with exact to rounding"
    return f"Running sum of {name}: {worst} strays from exact by at most {distances[worst]:.2g}"
