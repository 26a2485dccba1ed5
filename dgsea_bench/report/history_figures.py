"""A figure for each tracked benchmark: which of its curves are drawn, and what is said of them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dgsea_bench.backends import backends
from dgsea_bench.bench.asv_files import Commit
from dgsea_bench.bench.history import Curve, History
from dgsea_bench.bench.history import Point as Value
from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.report import history_words as words
from dgsea_bench.report import wording
from dgsea_bench.report.canvas import BLUE, Form, Look, Point
from dgsea_bench.report.content import Figure
from dgsea_bench.report.figures import looks
from dgsea_bench.report.history_words import Judgement
from dgsea_bench.report.steps import Level, Line, Mark, Panel, Scale, step_graph

BACKEND = "backend"
"""The parameter by whose values curves have their colour."""
MOST_LINES, MOST_PANELS = 8, 6
"""Of more curves in a panel, and of more panels in a figure, those that changed most are drawn."""
ONE_PANEL = 6
"""So many curves are drawn in one panel; more of them in one for each backend."""
LONGEST_TITLE = 66
MARKS: dict[str, str] = {
    "worse": "filled triangle: worse from there on",
    "better": "hollow triangle: better",
    "changed": "hollow triangle: another level",
    "failed": "cross: failed",
}


@dataclass(frozen=True)
class Axis:
    """The commits of a place in their order, and each one's number."""

    commits: tuple[Commit, ...]
    numbers: Mapping[str, int]


def axis_of(curves: Sequence[Curve], commits: Sequence[Commit]) -> Axis:
    """The commits at which any of the curves has a point."""
    held = set(words.commits_of(curves, commits))
    kept = tuple(commit for commit in commits if commit.hash in held)
    return Axis(kept, {commit.hash: number for number, commit in enumerate(kept)})


def looks_of(history: History) -> dict[str, Look]:
    """A look for each backend, the same as in reports and in all figures."""
    labels = dict.fromkeys(curve.parameters[BACKEND] for curve in history.curves if BACKEND in curve.parameters)
    known = backends()
    classical = [label for label in labels if getattr(known.get(label.partition("[")[0]), "target", "") == "gsea"]
    return looks(list(labels), classical)


def drawable(curve: Curve) -> bool:
    """Whether there is something to see: values, and not mere rounding."""
    return curve.last is not None and not curve.is_noise


def interest(curves: Iterable[Curve]) -> tuple[int, float]:
    """Orders figures and lines: what fails, then what got worse, then what changed most."""
    order: dict[Judgement, int] = {"fails": 3, "worse": 2, "better": 1, "changed": 1, "back": 1}
    found = [
        (order.get(words.judged(curve), int(words.far_without_a_step(curve))), _distance(curve)) for curve in curves
    ]
    return max(rank for rank, _ in found), max(distance for _, distance in found)


def history_figure(curves: Sequence[Curve], axis: Axis, palette: Mapping[str, Look]) -> Figure:
    """The curves of one benchmark in one place."""
    shown, panels = _panels(curves, axis, palette)
    heading = f"{wording.shortened(words.name_of(curves[0]), 90)}: {_found(curves)}"
    commits = [words.short(commit.hash) for commit in axis.commits]
    svg = step_graph(panels, commits, _wanted(shown, axis), _scale(shown))
    return Figure(heading, svg, _caption(curves, shown, axis, panels), _alternative(heading, shown), data=_data(shown))


def _distance(curve: Curve) -> float:
    """How far the curve ever moved, on a logarithmic scale."""
    factors = [words.factor(step) for step in curve.news if step.before > 0 and step.after > 0]
    moved = [abs(math.log(factor)) for factor in (*factors, curve.ratio or 1.0)]
    return max(moved)


def _most_changed(curves: Sequence[Curve], most: int) -> list[Curve]:
    chosen = sorted(range(len(curves)), key=lambda number: interest([curves[number]]), reverse=True)[:most]
    return [curves[number] for number in sorted(chosen)]


def _panels(curves: Sequence[Curve], axis: Axis, palette: Mapping[str, Look]) -> tuple[list[Curve], list[Panel]]:
    """What is drawn, by backend where there are many curves."""
    candidates = [curve for curve in curves if drawable(curve)]
    varying = words.varying_of(curves)
    groups: dict[str, list[Curve]] = {}
    split = BACKEND in varying and len(candidates) > ONE_PANEL
    for curve in candidates:
        groups.setdefault(curve.parameters[BACKEND] if split else "", []).append(curve)
    names = sorted(groups, key=lambda name: interest(groups[name]), reverse=True)[:MOST_PANELS]
    kept = {name: _most_changed(group, MOST_LINES) for name, group in groups.items() if name in names}
    told = [name for name in varying if not (split and name == BACKEND)]
    panels = [
        Panel(wording.shortened(name, 40), tuple(_line(curve, told, axis, palette) for curve in group))
        for name, group in kept.items()
    ]
    return [curve for group in kept.values() for curve in group], panels


def _line(curve: Curve, told: Sequence[str], axis: Axis, palette: Mapping[str, Look]) -> Line:
    points = tuple(_point(value, axis) for value in curve.measured)
    levels = tuple(
        Level(axis.numbers[each.first.commit], axis.numbers[each.last.commit], each.value) for each in curve.levels
    )
    look = palette.get(curve.parameters.get(BACKEND, ""), Look(BLUE, "o"))
    return Line(", ".join(curve.parameters[name] for name in told), look, points, levels, tuple(_marks(curve, axis)))


def _point(value: Value, axis: Axis) -> Point:
    low, high = value.interval or (None, None)
    return Point(axis.numbers[value.commit], value.value or 0.0, low, high)


def _marks(curve: Curve, axis: Axis) -> list[Mark]:
    """Steps at their new level; failures at the height of the last value before, or of the first one."""
    marks = [
        Mark(step.verdict, axis.numbers[step.commit], step.after, up=step.after > step.before) for step in curve.news
    ]
    height = curve.measured[0].value or 0.0
    for point in curve.points:
        height = height if point.value is None else point.value
        if point.outcome == "failed":
            marks.append(Mark("failed", axis.numbers[point.commit], height))
    return marks


def _scale(curves: Sequence[Curve]) -> Scale:
    """Logarithmic where the unit has a zero that is none at all, and values span some range."""
    first = curves[0]
    unit = _unit(first)
    form = TICKS.get(unit) or (wording.error_tick if _is_error(first) else _plain_tick)
    varying = [name for name in words.varying_of(curves) if name != BACKEND or len(curves) <= ONE_PANEL]
    shown = "" if unit in (*TICKS, "unit", "") else f" ({unit})"
    title = words.name_of(first)
    title = wording.shortened(title if len(title + shown) > LONGEST_TITLE else title + shown, LONGEST_TITLE)
    ratio = unit in TICKS or _is_error(first)
    return Scale(title, form, ratio, wording.shortened(", ".join(varying), 28))


def _unit(curve: Curve) -> str:
    return METRICS[curve.metric].unit if curve.metric else curve.unit


def _is_error(curve: Curve) -> bool:
    return bool(curve.metric) and _unit(curve) == "" and curve.better == "lower"


def _plain_tick(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _bytes_tick(value: float) -> str:
    return wording.mebibytes_tick(value / 2**20)


TICKS: dict[str, Form] = {
    "seconds": wording.seconds_tick,
    "s": wording.seconds_tick,
    "MiB": wording.mebibytes_tick,
    "bytes": _bytes_tick,
}
"""Unit of a benchmark -> how its values stand on an axis; errors and other numbers have none."""


def _wanted(curves: Sequence[Curve], axis: Axis) -> list[int]:
    """Commits to be named on the axis: those at which most got worse, then those at which anything changed."""
    found: dict[int, tuple[int, int]] = {}
    for curve in curves:
        for step in curve.news:
            worse, steps = found.get(axis.numbers[step.commit], (0, 0))
            found[axis.numbers[step.commit]] = (worse + (step.verdict == "worse"), steps + 1)
        if curve.broken:
            number = axis.numbers[words.fails_since(curve).commit]
            worse, steps = found.get(number, (0, 0))
            found[number] = (worse + 1, steps + 1)
    return sorted(found, key=lambda number: (*found[number], -number), reverse=True)


def _found(curves: Sequence[Curve]) -> str:
    """``1 of 36 worse since d9fbba3f, 2 better``."""
    judged = [(curve, words.judged(curve)) for curve in curves if not curve.skipped]
    told: list[str] = []
    for judgement, text in (("fails", "fails now"), ("worse", "worse"), ("better", "better"), ("changed", "changed")):
        found = [curve for curve, verdict in judged if verdict == judgement]
        if found:
            since = words.since_text(found) if judgement in ("fails", "worse") else ""
            told.append(f"{len(found):,}{'' if told else f' of {len(judged):,}'} {text}{since}")
    back = sum(verdict == "back" for _, verdict in judged)
    far = sum(words.far_without_a_step(curve) for curve, _ in judged)
    if not told:
        told.append(f"no step in {wording.plural(len(judged), 'curve')}" if not back else "no step that stayed")
    if back:
        told.append(f"{back:,} came back")
    if far:
        told.append(
            f"{far:,} ended far from where they began without a step" if far > 1 else "1 moved far without a step"
        )
    return ", ".join(told)


def _caption(curves: Sequence[Curve], shown: Sequence[Curve], axis: Axis, panels: Sequence[Panel]) -> str:
    kinds = {mark.kind for panel in panels for line in panel.lines for mark in line.marks}
    intervals = any(point.low is not None for panel in panels for line in panel.lines for point in line.points)
    dots = f"Dots: values{', with their 99 % intervals' if intervals else ''}; thick lines: levels"
    marks = "; ".join([dots, *dict.fromkeys(text for kind, text in MARKS.items() if kind in kinds)])
    first, last = axis.commits[0].date, axis.commits[-1].date
    dates = f"{wording.plural(len(axis.commits), 'commit')}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    drawn = sum(map(drawable, curves))
    noise = sum(curve.last is not None and curve.is_noise for curve in curves)
    left = [f"{wording.plural(drawn - len(shown), 'curve')} that moved less"] if drawn > len(shown) else []
    left += [f"{wording.plural(noise, 'curve')} whose values are noise"] if noise else []
    told = f" In the table only: {wording.listed(left)}." if left else ""
    return f"{words.title_of(curves[0], words.varying_of(curves))}. {dates}. {marks}.{told}"


def _alternative(heading: str, curves: Sequence[Curve]) -> str:
    told = []
    varying = words.varying_of(curves)
    for curve in curves:
        name = ", ".join(curve.parameters[each] for each in varying)
        text = f"{name} {words.first_to_last(curve)}".strip()
        told.append("; ".join([text, *words.remarks(curve)]))
    return f"Values over commits. {heading}. {'. '.join(told)}."


def _data(curves: Sequence[Curve]) -> pd.DataFrame:
    """A row per value or failure that is drawn."""
    rows = []
    for curve in curves:
        verdicts = {step.commit: step.verdict for step in curve.news}
        for point in curve.points:
            if point.outcome != "skipped":
                low, high = point.interval or (None, None)
                own = (point.commit, f"{point.date:%Y-%m-%dT%H:%M:%SZ}", point.outcome, point.value, low, high)
                level = _level_at(curve, point)
                rows.append((*curve.parameters.values(), *own, level, verdicts.get(point.commit, "")))
    columns = ["commit", "date", "outcome", _value_column(curves[0]), "low", "high", "level", "step"]
    names = [name if name not in columns else f"parameter {name}" for name in curves[0].parameters]
    return pd.DataFrame(rows, columns=[*names, *columns])


def _value_column(curve: Curve) -> str:
    return {"seconds": "seconds", "bytes": "bytes"}.get(curve.unit, curve.metric or "value")


def _level_at(curve: Curve, point: Value) -> float | None:
    """The level that a value belongs to."""
    return next(
        (
            each.value
            for each in curve.levels
            if each.first.date <= point.date <= each.last.date and point.value is not None
        ),
        None,
    )
