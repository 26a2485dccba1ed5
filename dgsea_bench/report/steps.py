"""Drawing curves over commits: values as dots, levels as thick lines, and a mark where a curve steps or fails."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from dgsea_bench.report.canvas import (
    FAINT,
    GRID,
    INK,
    PAPER,
    WIDTH,
    Form,
    Look,
    Point,
    Series,
    as_svg,
    axes_in,
    canvas,
    title,
)
from dgsea_bench.report.figures import label_ends, log_axis, room_for
from dgsea_bench.report.ticks import ticks_for
from dgsea_bench.report.wording import shortened

LEFT, RIGHT, TOP, GAP, BOTTOM = 74, 20, 46, 34, 34
LOWEST_PANEL = 92
LONGEST_LABEL = 24
TICK_WIDTH = 74
"""Room for the name of a commit below the axis."""
TICK_HEIGHT, TICK_APART = 20, 15
FLATTEST = 0.1
"""A linear axis spans at least this share of its values' size, lest noise look like mountains."""
WIDEST = 1.5
"""Of an interval a logarithmic axis shows so much beyond the outermost value, a linear one their span again."""
HALF = 0.32
"""How far a level reaches beyond the middle of a commit."""


@dataclass(frozen=True)
class Level:
    """A level from a commit to another, both by their number."""

    start: float
    end: float
    value: float


@dataclass(frozen=True)
class Mark:
    """Where a curve gets worse, better or otherwise, going `up` or down, or fails."""

    kind: Literal["worse", "better", "changed", "failed"]
    x: float
    y: float
    up: bool = False


@dataclass(frozen=True)
class Line:
    """A curve; in points `x` is the number of the commit."""

    label: str
    look: Look
    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Panel:
    """Axes of their own with a title; an empty title takes no room."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Scale:
    """The vertical axes: what they show, how a value reads there, and whether they are logarithmic where they can be.

    `labels` says what the names of the lines are.
    """

    title: str
    form: Form
    log: bool
    labels: str


def step_graph(panels: Sequence[Panel], commits: Sequence[str], wanted: Sequence[int], scale: Scale) -> str:
    """Panels one below the other over the same commits; those `wanted` are named first, others where there is room."""
    heights = [max(LOWEST_PANEL, *[sum(map(_room, panel.lines)) + 8]) for panel in panels]
    longest = max(len(shortened(line.label, LONGEST_LABEL)) for panel in panels for line in panel.lines)
    right = 46 + 7.2 * max(longest, len(scale.labels) - 5) if longest else RIGHT
    total = TOP + sum(heights) + GAP * (len(panels) - 1) + BOTTOM
    with canvas(total) as figure:
        title(figure, scale.title, 12)
        top = float(TOP)
        for number, (panel, height) in enumerate(zip(panels, heights, strict=True)):
            axes = axes_in(figure, left=LEFT, right=right, top=top, bottom=total - top - height)
            _draw_panel(axes, panel, scale)
            _commit_axis(axes, commits, wanted, named=number == len(panels) - 1)
            figure.text(LEFT / WIDTH, 1 - (top - 9) / total, panel.title, color=INK, va="center")
            if longest:
                label_ends(axes, [_at_its_end(line, len(commits)) for line in panel.lines])
            top += height + GAP
        if longest:
            figure.text(1 - 4 / WIDTH, 1 - (TOP - 12) / total, scale.labels, color=FAINT, ha="right", va="center")
        return as_svg(figure)


def _room(line: Line) -> float:
    return room_for(Series(line.label, line.look, line.points))


def _at_its_end(line: Line, commits: int) -> Series:
    """The line as far as its label needs it, which is tied to the right end of the axes."""
    last = line.points[-1]
    return Series(shortened(line.label, LONGEST_LABEL), line.look, (Point(min(last.x + HALF, commits - 0.5), last.y),))


def _draw_panel(axes: Axes, panel: Panel, scale: Scale) -> None:
    values = [point.y for line in panel.lines for point in line.points]
    low, high = min(values), max(values)
    ends = [end for line in panel.lines for point in line.points for end in (point.low, point.high) if end is not None]
    if scale.log and low > 0:
        shown = [min(max(end, low / WIDEST), high * WIDEST) for end in ends]
        _log_axis(axes, [*values, *shown], scale.form)
    else:
        shown = [min(max(end, 2 * low - high), 2 * high - low) for end in ends]
        _linear_axis(axes, [*values, *shown], scale.form)
    for line in panel.lines:
        _draw_line(axes, line)


def _log_axis(axes: Axes, values: Sequence[float], form: Form) -> None:
    """With as many ticks as there is room for."""
    log_axis(axes, "y", values, form)
    low, high = axes.get_ylim()
    height, decades = axes.bbox.height, math.log10(high / low)
    kept: list[float] = []
    for tick in sorted(ticks_for(form, low, high, most=max(2, int(height / TICK_HEIGHT))), key=_roundness):
        if all(abs(math.log10(tick / other)) * height / decades >= TICK_APART for other in kept):
            kept.append(tick)
    axes.set_yticks(kept, [form(tick) for tick in kept])


def _roundness(tick: float) -> tuple[int, float]:
    """Orders 1 before 5 and 2 before 3, whatever the power of ten."""
    leading = round(tick / 10 ** math.floor(math.log10(tick) + 1e-9), 1)
    order = (1.0, 5.0, 2.0, 3.0)
    return (order.index(leading) if leading in order else len(order), tick)


def _linear_axis(axes: Axes, values: Sequence[float], form: Form) -> None:
    low, high = min(values), max(values)
    middle = (low + high) / 2
    half = max(0.55 * (high - low), FLATTEST / 2 * abs(middle)) or 1.0
    axes.set_ylim(middle - half, middle + half)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: form(value) if value else "0")


def _draw_line(axes: Axes, line: Line) -> None:
    colour = line.look.colour
    bars = [(point.x, (point.low, point.high)) for point in line.points]
    known = [(x, end) for x, ends in bars for end in (*ends, math.nan) if end is not None]
    axes.plot(
        [x for x, _ in known], [end for _, end in known], color=colour, linewidth=1.0, alpha=0.5, zorder=2.2,
    )  # fmt: skip
    axes.plot(
        [point.x for point in line.points], [point.y for point in line.points],
        color=colour, marker="o", markersize=3.6, markeredgewidth=0, linestyle="none", alpha=0.65, zorder=2.4,
    )  # fmt: skip
    ends = [x for level in line.levels for x in (level.start - HALF, level.end + HALF)]
    heights = [level.value for level in line.levels for _ in range(2)]
    axes.plot(ends, heights, color=colour, linewidth=0.9, zorder=2.3)
    for level in line.levels:
        span = [level.start - HALF, level.end + HALF]
        axes.plot(span, [level.value] * 2, color=colour, linewidth=2.8, solid_capstyle="butt", zorder=2.3)
    for mark in line.marks:
        _draw_mark(axes, mark)


def _draw_mark(axes: Axes, mark: Mark) -> None:
    """Filled: worse; hollow: better or otherwise; a cross: failed. Triangles point where the curve goes."""
    if mark.kind == "failed":
        axes.plot([mark.x], [mark.y], color=INK, marker="x", markersize=6.5, markeredgewidth=1.7, zorder=4)
        return
    fill = INK if mark.kind == "worse" else PAPER
    axes.plot(
        [mark.x], [mark.y], color=fill, marker="^" if mark.up else "v", markersize=8.5,
        markeredgecolor=PAPER if mark.kind == "worse" else INK, markeredgewidth=1.1, zorder=4, clip_on=False,
    )  # fmt: skip
    if mark.kind == "worse":
        axes.axvline(mark.x, color=INK, linewidth=0.8, dashes=(2, 3), zorder=1.5)


def _commit_axis(axes: Axes, commits: Sequence[str], wanted: Sequence[int], *, named: bool) -> None:
    """Ticks at some of the commits, whose names are below the lowest panel alone."""
    axes.set_xlim(-0.6, len(commits) - 0.4)
    chosen = ticks_among(len(commits), wanted, axes.bbox.width)
    axes.xaxis.set_major_locator(FixedLocator(chosen))
    axes.xaxis.set_major_formatter(FixedFormatter([commits[number] if named else "" for number in chosen]))
    axes.tick_params(axis="x", length=3, color=GRID)


def ticks_among(count: int, wanted: Sequence[int], width: float) -> list[int]:
    """Of so many commits those that can be named on an axis: the wanted ones first, the ends, then evenly others."""
    apart = TICK_WIDTH * count / width
    evenly = [round(index * (count - 1) / 4) for index in range(5)]
    chosen: list[int] = []
    for number in (*wanted, count - 1, 0, *evenly, *range(count)):
        if all(abs(number - other) >= apart for other in chosen):
            chosen.append(number)
    return sorted(chosen)
