"""Figures from rows: what is drawn, and what its heading, caption and alternative text say."""

from collections.abc import Sequence

import pandas as pd

from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Look, Point, Series
from dgsea_bench.report.content import Cell, Figure
from dgsea_bench.report.figures import dots, looks, trend
from dgsea_bench.report.outcomes import NO_DOT, NO_VALUE, gap_in_row, gaps_of, notes_of, reasons_of
from dgsea_bench.report.quantities import (
    Groups,
    Quantity,
    axis_title,
    dot_heading,
    most_telling,
    of_all,
    points_of,
    trend_heading,
)
from dgsea_bench.report.rows import AXES, Axis, Line, Problem, Result, Run, sizes_in_words
from dgsea_bench.report.wording import capital


def data_of(series: Sequence[Series], x: str, y: str, names: Sequence[str] = ()) -> pd.DataFrame:
    """What is drawn, a row per mark: backend, `x`, `y`, the ends of whiskers, and what is missing, where anything is.

    With `names` the points' x are numbers of categories, which the table has by name.
    """
    rows: list[tuple[object, ...]] = []
    for item in series:
        rows += [(item.label, point.x, point.y, point.low, point.high, None) for point in item.points]
        rows += [(item.label, gap.x, None, None, None, gap.text) for gap in item.gaps]
    table = pd.DataFrame(rows, columns=["backend", x, y, "low", "high", "missing"])
    if names:
        table[x] = [names[int(number)] for number in table[x]]
    return table.dropna(axis="columns", how="all")


def look_of(run: Run) -> dict[str, Look]:
    """A look for every backend of the run, or of the one that it is a part of: the same on the whole page."""
    whole = run.whole or run
    return looks(whole.labels, whole.baselines)


def backend_cell(run: Run, label: str) -> Cell:
    """A backend with its colour, for a table."""
    return Cell(label, colour=look_of(run)[label].colour)


def trend_figure(run: Run, lines: Sequence[Line], quantity: Quantity) -> Figure:
    """A quantity against an axis, a line per backend."""
    axis = lines[0].axis
    found = [_series(line, quantity, look_of(run)[line.label]) for line in lines]
    series = [item for item in found if item is not None]
    where = describe(run, lines[0].family)
    heading = trend_heading(lines, quantity)
    if not series:
        return Figure(heading, None, where, missing=nothing_drawn(quantity))
    svg = trend(series, f"{axis} (logarithmic)", axis_title(quantity), quantity.tick)
    caption = " ".join(part for part in (f"{where}.", *_caption(lines, series, quantity)) if part)
    alternative = _alternative(heading, series, quantity, str(axis))
    return Figure(heading, svg, caption, alternative, data=data_of(series, axis, quantity.metric))


def dot_figure(run: Run, groups: Groups, quantity: Quantity) -> Figure:
    """A quantity by named problem, a dot per backend and seed; of very many problems the most telling."""
    heading = dot_heading(run, groups, quantity)
    shown = most_telling(run, groups, quantity)
    by_problem = {problem: number for number, (_, problem) in enumerate(shown)}
    series, zeros = [], []
    for label in run.labels:
        results = [item for item in run.results if item.label == label and item.problem in by_problem]
        points = [point for item in results for point in _dots_of(item, by_problem[item.problem], quantity)]
        drawn = tuple(point for point in points if point.y > 0 or quantity.kind == "agreement")
        gaps = [gap for item in results if (gap := gap_in_row(item, by_problem[item.problem], quantity))]
        if points and not drawn:
            zeros.append(label)
        if drawn or gaps:
            notes = ("forward only",) if quantity.forward_alone and results[0].target == "gsea" else ()
            series.append(Series(label, look_of(run)[label], drawn, notes, tuple(gaps)))
    names = [name for name, _ in shown]
    if not any(item.points for item in series):
        return Figure(heading, None, f"{quantity.title}.", missing=nothing_drawn(quantity))
    log = quantity.kind != "agreement"
    svg = dots(names, series, axis_title(quantity), quantity.tick, log=log)
    whiskers = quantity.whiskers if any(point.low for item in series for point in item.points) else ""
    baseline = _baseline([result for result in run.results if result.problem in by_problem], quantity)
    not_drawn = zeros_told(zeros) if quantity.kind == "error" else _unmeasurable(zeros)
    missing = NO_DOT if any(item.gaps for item in series) else ""
    left_out = of_all(shown, groups, quantity)
    parts = (f"{capital(quantity.title)}.", left_out, whiskers, baseline, not_drawn, missing)
    caption = " ".join(part for part in parts if part)
    values = [f"{item.label}: {_values(item, quantity)}" for item in series]
    data = data_of(series, "problem", quantity.metric, names)
    return Figure(heading, svg, caption, f"Dot plot. {heading}. {'; '.join(values)}.", data=data)


def _values(item: Series, quantity: Quantity) -> str:
    """The values of a backend in words, and what stands in their place."""
    values = [wording.span([point.y for point in item.points], quantity.form)] if item.points else []
    return ", ".join([*values, *dict.fromkeys(gap.text for gap in item.gaps)])


def describe(run: Run, problem: Problem) -> str:
    """A problem in words: scores, sizes that are fixed, and settings that differ within the run."""
    sizes = [
        f"{size:,} {axis if size != 1 else axis.removesuffix('s')}"
        for axis in AXES
        if (size := getattr(problem, axis)) is not None
    ]
    differing = problem.differing(run.varying)
    scores = problem.scores if problem.real else capital(problem.scores)  # names of files stay as they are
    return ", ".join([f"{scores} scores", *sizes, *([differing] if differing else [])])


def unless_said(run: Run) -> str:
    """The settings that go without saying in `named`."""
    usual = ", ".join(f"{name} {value}" for name, value in run.usual.items())
    return f" Where a name does not say otherwise: {usual}." if usual else ""


def named(run: Run, problems: list[Problem], *, in_full: bool = False) -> list[tuple[str, Problem]]:
    """Short names that tell the problems of this run apart; if not `in_full` the most common settings go unsaid."""
    several = {axis: len({getattr(p, axis) for p in problems}) > 1 for axis in AXES}
    kinds = len({problem.scores for problem in problems}) > 1
    named = []
    for problem in problems:
        sizes = [sizes_in_words([problem], axis) for axis in AXES if several[axis]]
        differing = problem.differing(run.varying, {} if in_full else run.usual)
        parts = [*([problem.scores] if kinds or not sizes else []), *sizes, differing]
        named.append((", ".join(part for part in parts if part), problem))
    return named


def _series(line: Line, quantity: Quantity, look: Look) -> Series | None:
    """What can be drawn of a line; nothing where every value is zero or unknown."""
    name = _metric_of(line.results[0], quantity)
    points = [point for result in line.results if name for point in _trend_point(result, line.axis, name, quantity)]
    if not points:
        return None
    growth = line.growth(name or "") if quantity.kind == "cost" else None
    slope = f"slope {wording.slope(growth)}" if growth else ""
    notes = tuple(note for note in (slope, *notes_of(line)) if note)
    return Series(line.label, look, tuple(points), notes, gaps_of(line, points))


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


def _caption(lines: Sequence[Line], series: Sequence[Series], quantity: Quantity) -> list[str]:
    """What the marks mean, what is not drawn and why, and where lines end before their time."""
    parts = [quantity.whiskers]
    if any(note.startswith("slope") for item in series for note in item.notes):
        parts.append(f"Slope: fitted exponent of growth with {lines[0].axis}, with its 95 % interval.")
    parts.append(_baseline([result for line in lines for result in line.results], quantity))
    drawn = {item.label for item in series}
    zeros = [line.label for line in lines if line.label not in drawn and points_of(line, quantity)]
    parts.append(zeros_told(zeros) if quantity.kind == "error" else _unmeasurable(zeros))
    parts.append(NO_VALUE if any(item.gaps for item in series) else "")
    gaps: dict[str, list[str]] = {}
    for line in lines:
        gaps.setdefault(reasons_of(line), []).append(line.label)
    parts.append(_without_truth(lines) if quantity.kind == "error" else "")
    return [*parts, *[f"{wording.listed(labels)} {gap}" for gap, labels in gaps.items() if gap]]


def _without_truth(lines: Sequence[Line]) -> str:
    reasons = {row.without_truth for line in lines for result in line.results for row in result.done}
    told = sorted({reason.partition(" (here ")[0] for reason in reasons if reason})
    return f"No error without a truth: {'; '.join(told)}." if told else ""


def _baseline(results: Sequence[Result], quantity: Quantity) -> str:
    names = list(dict.fromkeys(result.label for result in results if result.target == "gsea"))
    if not names or not quantity.forward_alone:
        return ""
    return f"Grey: classical GSEA ({wording.listed(names)}), forward pass only, as it has no gradient."


def zeros_told(labels: Sequence[str]) -> str:
    """Which backends have no error to draw, and why."""
    if not labels:
        return ""
    names = wording.listed(labels)
    is_truth = "it is the truth" if labels == ["exact"] else "equal to the truth"
    return f"Not drawn, as a logarithmic axis has no zero: {names} ({is_truth})."


def _unmeasurable(labels: Sequence[str]) -> str:
    return f"Not drawn, as too small to be measured: {wording.listed(labels)}." if labels else ""


def nothing_drawn(quantity: Quantity) -> str:
    """What stands in the place of a figure."""
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
