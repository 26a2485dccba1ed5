"""Figures from rows: what is drawn, and what its heading, caption and alternative text say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.report import wording
from dgsea_bench.report.content import Figure
from dgsea_bench.report.figures import Form, Look, Point, Series, dots, looks, trend
from dgsea_bench.report.rows import Axis, Line, Problem, Result, Run


@dataclass(frozen=True)
class Quantity:
    """A metric as figures show it.

    Attributes:
        subject: begins the heading. low, high: metrics at the ends of the whiskers.
        baseline: the metric of backends that have no gradient, where it can stand beside.
        whiskers: what they are, for the caption.
    """

    metric: str
    subject: str
    kind: Literal["error", "cost", "agreement"]
    form: Callable[[float | None], str]
    tick: Form
    low: str | None = None
    high: str | None = None
    baseline: str | None = None
    whiskers: str = ""

    @property
    def title(self) -> str:
        """What the metric says, from METRICS."""
        return METRICS[self.metric].title


ERROR = Quantity(
    "value_error_mean", "mean error", "error", wording.error, wording.error_tick, "value_error_mean", "value_error_p95",
    whiskers="The upper tick is the 95th percentile over sets.",
)  # fmt: skip
GRADIENT = Quantity("gradient_error", "gradient error", "error", wording.error, wording.error_tick)
TIME = Quantity(
    "step_seconds", "time", "cost", wording.seconds, wording.seconds_tick, "step_seconds_q1", "step_seconds_q3",
    baseline="forward_seconds", whiskers="Ticks are the quartiles of repeated calls.",
)  # fmt: skip
MEMORY = Quantity(
    "step_peak_mib", "peak memory", "cost", wording.mebibytes, wording.mebibytes_tick, baseline="forward_peak_mib"
)
SPEARMAN = Quantity("es_spearman", "Spearman correlation", "agreement", wording.share, wording.share_tick)
SIGN = Quantity("es_sign_agreement", "share of equal signs", "agreement", wording.share, wording.share_tick)


def look_of(run: Run) -> dict[str, Look]:
    """A look for every backend of the run."""
    baselines = [row.label for row in run.rows if row.target == "gsea"]
    return looks(run.labels, baselines)


def trend_figure(run: Run, lines: Sequence[Line], quantity: Quantity) -> Figure:
    """A quantity against an axis, a line per backend."""
    axis = lines[0].axis
    found = [_series(line, quantity, look_of(run)[line.label]) for line in lines]
    series = [item for item in found if item is not None]
    where = describe(run, lines[0].family)
    heading = _trend_heading(lines, quantity)
    if not series:
        return Figure(heading, None, where, missing=_nothing_drawn(quantity))
    svg = trend(series, f"{axis} (logarithmic)", _axis_title(quantity), quantity.tick)
    caption = " ".join(part for part in (f"{where}.", *_caption(lines, series, quantity)) if part)
    return Figure(heading, svg, caption, alternative=_alternative(heading, series, quantity, str(axis)))


def dot_figure(run: Run, groups: Sequence[tuple[str, Problem]], quantity: Quantity, heading: str) -> Figure:
    """A quantity by named problem, a dot per backend and seed."""
    by_problem = {problem: number for number, (_, problem) in enumerate(groups)}
    series, zeros = [], []
    for label in run.labels:
        results = [item for item in run.results if item.label == label and item.problem in by_problem]
        points = [point for item in results for point in _dots_of(item, by_problem[item.problem], quantity)]
        drawn = tuple(point for point in points if point.y > 0 or quantity.kind == "agreement")
        if points and not drawn:
            zeros.append(label)
        if drawn:
            note = "forward only" if quantity.baseline and results[0].target == "gsea" else ""
            series.append(Series(label, look_of(run)[label], drawn, note))
    names = [name for name, _ in groups]
    if not series:
        return Figure(heading, None, f"{quantity.title}.", missing=_nothing_drawn(quantity))
    log = quantity.kind != "agreement"
    svg = dots(names, series, _axis_title(quantity), quantity.tick, log=log)
    caption = " ".join(part for part in (f"{_capital(quantity.title)}.", quantity.whiskers, _zeros(zeros)) if part)
    values = [f"{item.label}: {wording.span([p.y for p in item.points], quantity.form)}" for item in series]
    return Figure(heading, svg, caption, alternative=f"Dot plot. {heading}. {'; '.join(values)}.")


def describe(run: Run, problem: Problem) -> str:
    """A problem in words: scores, sizes that are fixed, and settings that differ within the run."""
    sizes = [
        f"{size:,} {axis if size != 1 else axis.removesuffix('s')}"
        for axis in ("genes", "sets", "profiles")
        if (size := getattr(problem, axis)) is not None
    ]
    differing = problem.differing(run.varying)
    return ", ".join([f"{_capital(problem.scores)} scores", *sizes, *([differing] if differing else [])])


def _series(line: Line, quantity: Quantity, look: Look) -> Series | None:
    """What can be drawn of a line; nothing where every value is zero or unknown."""
    name = _metric_of(line.results[0], quantity)
    points = [point for result in line.results if name for point in _trend_point(result, line.axis, name, quantity)]
    if not points:
        return None
    growth = line.growth(name or "") if quantity.kind == "cost" else None
    slope = f"slope {wording.slope(growth)}" if growth else ""
    note = slope + (" forward only" if name == quantity.baseline and not slope else "")
    return Series(line.label, look, tuple(points), note.strip())


def _metric_of(result: Result, quantity: Quantity) -> str | None:
    """The classical baseline has no gradient: its cost is the forward pass's, and it has no place among errors."""
    return quantity.metric if result.target == "dgsea" or quantity.kind == "agreement" else quantity.baseline


def _trend_point(result: Result, axis: Axis, name: str, quantity: Quantity) -> list[Point]:
    value = result.typical(name)
    if value is None or value <= 0:
        return []
    low, high = _whisker(result, name, quantity)
    return [Point(float(getattr(result.problem, axis)), value, low, high)]


def _dots_of(result: Result, place: int, quantity: Quantity) -> list[Point]:
    """A dot for each seed; a whisker only where there is one seed."""
    name = _metric_of(result, quantity)
    if name is None or (quantity.kind == "agreement" and result.target == "gsea"):
        return []
    values = result.values(name)
    if len(values) != 1:
        return [Point(place, value) for value in values]
    low, high = _whisker(result, name, quantity)
    return [Point(place, values[0], low, high)]


def _whisker(result: Result, name: str, quantity: Quantity) -> tuple[float | None, float | None]:
    if quantity.high is None or quantity.low is None:
        return None, None
    if name == quantity.baseline:
        return result.typical(f"{name}_q1"), result.typical(f"{name}_q3")
    low, high = result.typical(quantity.low), result.typical(quantity.high)
    return (low, high) if low and high else (None, None)


def _axis_title(quantity: Quantity) -> str:
    return f"{quantity.title}, logarithmic" if quantity.kind != "agreement" else wording.shortened(quantity.title, 60)


def _trend_heading(lines: Sequence[Line], quantity: Quantity) -> str:
    """What is so at the largest size that was measured."""
    found = {line.label: points for line in lines if (points := _points_of(line, quantity))}
    if not found:
        return f"{_capital(quantity.subject)}: not known at any size"
    largest = max(points[-1][0] for points in found.values())
    there = {label: points[-1][1] for label, points in found.items() if points[-1][0] == largest}
    place = f"{largest:,} {lines[0].axis}"
    if quantity.kind == "error":
        return _error_heading(there, place, quantity)
    best, worst = min(there, key=lambda label: there[label]), max(there, key=lambda label: there[label])
    low, high = quantity.form(there[best]), quantity.form(there[worst])
    if len(there) == 1:
        return f"At {place} {best} takes {low}"
    least = "fastest" if quantity.metric == TIME.metric else "leanest"
    return f"At {place} {best} is {least} with {low}; {worst} takes {high}"


def _points_of(line: Line, quantity: Quantity) -> list[tuple[int, float]]:
    return line.points(quantity.metric) if line.results[0].target == "dgsea" else []


def _error_heading(there: dict[str, float], place: str, quantity: Quantity) -> str:
    wrong = {label: value for label, value in there.items() if value >= wording.ROUNDING}
    if not wrong:
        return f"At {place} every backend has the same {quantity.subject} to rounding"
    best, worst = min(wrong, key=lambda name: wrong[name]), max(wrong, key=lambda name: wrong[name])
    if best == worst:
        return f"At {place} the {quantity.subject} of {best} is {quantity.form(wrong[best])}"
    low, high = quantity.form(wrong[best]), quantity.form(wrong[worst])
    return f"At {place} the {quantity.subject} goes from {low} ({best}) to {high} ({worst})"


def _caption(lines: Sequence[Line], series: Sequence[Series], quantity: Quantity) -> list[str]:
    """What the marks mean, what is not drawn and why, and where lines end before their time."""
    parts = [quantity.whiskers]
    if any(item.note.startswith("slope") for item in series):
        parts.append(f"Slope: fitted exponent of growth with {lines[0].axis}, with its 95 % interval.")
    if any(line.results[0].target == "gsea" for line in lines) and quantity.baseline:
        names = wording.listed([line.label for line in lines if line.results[0].target == "gsea"])
        parts.append(f"Dashed: classical GSEA ({names}), forward pass only, as it has no gradient.")
    drawn = {item.label for item in series}
    zeros = [line.label for line in lines if line.label not in drawn and _points_of(line, quantity)]
    parts.append(_zeros(zeros) if quantity.kind == "error" else _unmeasurable(zeros))
    parts += [_gap(line) for line in lines]
    return parts


def _zeros(labels: Sequence[str]) -> str:
    if not labels:
        return ""
    names = wording.listed(labels)
    is_truth = "it is the truth" if labels == ["exact"] else "equal to the truth"
    return f"Not drawn, as a logarithmic axis has no zero: {names} ({is_truth})."


def _unmeasurable(labels: Sequence[str]) -> str:
    return f"Not drawn, as too small to be measured: {wording.listed(labels)}." if labels else ""


def _gap(line: Line) -> str:
    """Sizes without a result, with the reason."""
    missing = [result for result in line.results if not result.done]
    if not missing:
        return ""
    sizes = wording.listed([f"{getattr(result.problem, line.axis):,}" for result in missing])
    row = missing[0].rows[0]
    return f"{line.label} {row.status} at {sizes} {line.axis}: {row.reason or 'no reason was given'}."


def _nothing_drawn(quantity: Quantity) -> str:
    if quantity.kind == "error":
        return "Not drawn: no backend has an error other than zero here, or the truth is not known."
    return "Not drawn: nothing that could be measured."


def _alternative(heading: str, series: Sequence[Series], quantity: Quantity, axis: str) -> str:
    """The figure as a sentence per line."""
    told = []
    for item in series:
        first, last = item.points[0], item.points[-1]
        text = f"{item.label} {quantity.form(first.y)} at {first.x:,.0f} {axis}"
        told.append(f"{text}, {quantity.form(last.y)} at {last.x:,.0f}" if last is not first else text)
    return f"Line plot. {heading}. {'; '.join(told)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
