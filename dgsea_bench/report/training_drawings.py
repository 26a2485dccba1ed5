"""Drawing what training gains: dots with intervals, curves over epochs, paths over weights, predicted against true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dgsea_bench.report import wording
from dgsea_bench.report.canvas import (
    FAINT,
    FONT,
    HEIGHT,
    INK,
    PAPER,
    Form,
    Point,
    Series,
    as_svg,
    axes_in,
    canvas,
    in_lines,
    legend,
    lines_of,
    longest_line,
    name_rows,
    title,
)

LEGEND_ROW = 22
FARTHEST = 1.5
"""Times the span of the first row and the marks that other dots may lie beyond it."""


@dataclass(frozen=True)
class Mark:
    """A value that others are held against: a dashed line with a name at its foot."""

    value: float
    name: str


@dataclass(frozen=True)
class Estimates:
    """Dots with whiskers of one backend, `x` being the number of the row; faint ones of single seeds beside."""

    mean: Series
    seeds: tuple[Point, ...]


@dataclass(frozen=True)
class Bundle:
    """A curve, with faint ones that it is the middle of; a dot on each of these at what was kept."""

    middle: Series
    each: tuple[tuple[Point, ...], ...]
    kept: tuple[Point, ...] = ()


def gains(names: Sequence[str], items: Sequence[Estimates], marks: Sequence[Mark], x_title: str) -> str:
    """A row for each name with a dot per backend, a line at 0, and dashed ones at the marks.

    What lies far beyond all of the first row and the marks is told in words at the edge, lest it squeeze the others.
    """
    shown = [in_lines(name, 22, 3) for name in names]
    columns = 1 if max(len(item.mean.label) for item in items) > 26 else 2
    below = LEGEND_ROW * -(-len(items) // columns)
    row = max(36.0, 17.0 * len(items), 16.0 * lines_of(shown) + 8)
    top = 30 + 16 * len(marks)
    with canvas(top + row * len(shown) + 44 + below) as figure:
        axes = axes_in(figure, left=24 + 7.4 * longest_line(shown), right=26, top=top, bottom=44 + below)
        axes.axvline(0, color=INK, linewidth=1.0, zorder=2.1)
        span = _span(items, marks)
        for number, item in enumerate(items):
            _draw_estimates(axes, item, (number - (len(items) - 1) / 2) * 0.72 / len(items), span)
        name_rows(axes, shown)
        axes.margins(x=0.06)
        _draw_marks(axes, marks)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
        title(figure, x_title, 12)
        legend(figure, [item.mean for item in items], columns, markers=True, lines=False)
        return as_svg(figure)


def _span(items: Sequence[Estimates], marks: Sequence[Mark]) -> tuple[float, float]:
    """Between which values dots are drawn: those of the first row and the marks, and as much again at each side."""
    ends = [end for item in items for point in item.mean.points if point.x == 0
            for end in (point.y, point.low, point.high) if end is not None]  # fmt: skip
    ends += [0.0, *[mark.value for mark in marks]]
    low, high = min(ends), max(ends)
    return low - FARTHEST * (high - low), high + FARTHEST * (high - low)


def _tick(value: float) -> str:
    return f"{round(value, 9):+g}".replace("-", "−") if abs(value) > 1e-9 else "0"


def _draw_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """Each with its name above the rows, on a line of its own, written to the side on which there is more room."""
    low, high = axes.get_xlim()
    low, high = min(low, *(mark.value for mark in marks), low), max(high, *(mark.value for mark in marks), high)
    pad = 0.03 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    for number, mark in enumerate(marks):
        to_the_left = mark.value - low > (high - low) / 2
        axes.axvline(mark.value, color=FAINT, linewidth=1.1, linestyle=(0, (4.0, 3.0)), zorder=2)
        axes.annotate(
            f"{mark.name} " if to_the_left else f" {mark.name}", (mark.value, 1.0), (0, 6 + 15 * number),
            xycoords=("data", "axes fraction"), textcoords="offset points", color=FAINT, fontsize=FONT - 1.5,
            ha="right" if to_the_left else "left", va="bottom", annotation_clip=False,
        )  # fmt: skip


def _draw_estimates(axes: Axes, item: Estimates, shift: float, span: tuple[float, float]) -> None:
    look = item.mean.look
    inside = [point for point in item.mean.points if span[0] <= point.y <= span[1]]
    for point in item.mean.points:
        if point not in inside:
            _tell_at_the_edge(axes, point, look.colour, shift)
    for point in inside:
        if point.low is not None and point.high is not None:
            axes.plot([point.low, point.high], [point.x + shift] * 2, color=look.colour, linewidth=2.0, zorder=3)
    strokes = [point for point in item.seeds if span[0] <= point.y <= span[1]]
    axes.plot(
        [point.y for point in strokes], [point.x + shift for point in strokes], color=look.colour,
        marker="|", markersize=9, markeredgewidth=1.3, alpha=0.55, linestyle="none", zorder=2.5,
    )  # fmt: skip
    axes.plot(
        [point.y for point in inside], [point.x + shift for point in inside], color=look.colour, marker=look.marker,
        markersize=7.5, markeredgecolor=PAPER, markeredgewidth=0.8, linestyle="none", zorder=4,
    )  # fmt: skip


def _tell_at_the_edge(axes: Axes, point: Point, colour: str, shift: float) -> None:
    """``◂ −0.200`` where the axis ends before the value."""
    left = point.y < 0
    value = wording.change(point.y)
    axes.text(
        0.01 if left else 0.99, point.x + shift, f"◂ {value}" if left else f"{value} ▸", color=colour, zorder=5,
        ha="left" if left else "right", va="center", fontsize=FONT - 1, transform=axes.get_yaxis_transform(),
    )  # fmt: skip


def bundles(items: Sequence[Bundle], x_title: str, y_title: str, y_form: Form) -> str:
    """Curves on linear axes."""
    columns = 1 if max(len(item.middle.label) for item in items) > 26 else 2
    below = LEGEND_ROW * -(-len(items) // columns)
    with canvas(HEIGHT + below) as figure:
        axes = axes_in(figure, left=66, right=20, top=34, bottom=52 + below)
        for item in items:
            _draw_bundle(axes, item)
        _whole_numbers(axes)
        _linear(axes, y_form)
        axes.set_xlabel(x_title)
        title(figure, y_title, 12)
        legend(figure, [item.middle for item in items], columns, markers=False, lines=True)
        return as_svg(figure)


def _whole_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _linear(axes: Axes, y_form: Form) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: y_form(value)))
    axes.margins(x=0.02, y=0.06)


def _draw_bundle(axes: Axes, item: Bundle) -> None:
    look = item.middle.look
    for curve in item.each:
        axes.plot([p.x for p in curve], [p.y for p in curve], color=look.colour, linewidth=0.8, alpha=0.45)
    (line,) = axes.plot(
        [p.x for p in item.middle.points], [p.y for p in item.middle.points], color=look.colour, linewidth=2.2, zorder=3
    )
    if look.dashes:
        line.set_dashes(look.dashes)
    if item.kept:
        axes.plot(
            [p.x for p in item.kept], [p.y for p in item.kept], color=look.colour, marker=look.marker, markersize=6.5,
            markeredgecolor=PAPER, markeredgewidth=0.8, linestyle="none", zorder=4,
        )  # fmt: skip


@dataclass(frozen=True)
class Trade:
    """A path over weights: `names` of its points, and which of them were chosen."""

    path: Series
    names: tuple[str, ...]
    chosen: tuple[int, ...]


def trades(items: Sequence[Trade], x_title: str, y_title: str, form: Form) -> str:
    """One value against another over the weights, in their order; a ring around what was chosen."""
    columns = 1 if max(len(item.path.label) for item in items) > 26 else 2
    below = LEGEND_ROW * -(-len(items) // columns)
    with canvas(HEIGHT + below) as figure:
        axes = axes_in(figure, left=66, right=26, top=34, bottom=52 + below)
        for number, item in enumerate(items):
            look, xs, ys = item.path.look, [p.x for p in item.path.points], [p.y for p in item.path.points]
            (line,) = axes.plot(
                xs, ys, color=look.colour, marker=look.marker, markersize=6, linewidth=1.5, zorder=3 - 0.1 * number
            )
            if look.dashes:
                line.set_dashes(look.dashes)
            axes.plot(
                [xs[place] for place in item.chosen], [ys[place] for place in item.chosen], color=look.colour,
                marker="o", markersize=14, markerfacecolor="none", markeredgewidth=1.6, linestyle="none", zorder=4,
            )  # fmt: skip
        _linear(axes, form)
        axes.margins(x=0.12, y=0.12)
        _name_weights(axes, items[0])
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
        axes.set_xlabel(x_title)
        title(figure, y_title, 12)
        legend(figure, [item.path for item in items], columns, markers=True, lines=True)
        return as_svg(figure)


def _name_weights(axes: Axes, item: Trade) -> None:
    """The weight beside each point of the first path, those left out that would run into another."""
    placed: list[tuple[float, float]] = []
    axes.autoscale_view()  # else places are those of empty axes
    for name, point in sorted(zip(item.names, item.path.points), key=lambda pair: pair[0] != item.names[0]):
        x, y = axes.transData.transform((point.x, point.y))
        if all(abs(x - other) > 46 or abs(y - level) > 15 for other, level in placed):
            placed.append((x, y))
            axes.annotate(
                name,
                (point.x, point.y),
                (10, 4),
                textcoords="offset points",
                fontsize=FONT - 1.5,
                color=FAINT,
                zorder=5,
            )


@dataclass(frozen=True)
class Cloud:
    """Dots of a panel: (n, 2) true and predicted values."""

    title: str
    colour: str
    dots: np.ndarray


def predictions(panels: Sequence[Cloud], x_title: str, y_title: str) -> str:
    """Predicted against true, a panel beside the other on the same axes, with the diagonal where they are equal."""
    everything = np.concatenate([panel.dots for panel in panels])
    low, high = float(everything.min()), float(everything.max())
    pad = 0.04 * (high - low) or 0.1
    ends = (low - pad, high + pad)
    width = (500 - 62 - 14 - 26 * (len(panels) - 1)) / len(panels)
    with canvas(54 + width + 56) as figure:
        for number, panel in enumerate(panels):
            left = 62 + number * (width + 26)
            axes = axes_in(figure, left=left, right=500 - left - width, top=54, bottom=56)
            axes.plot(ends, ends, color=FAINT, linewidth=1.0, linestyle=(0, (4.0, 3.0)))
            _draw_dots(axes, panel)
            axes.set(xlim=ends, ylim=ends)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
            if number:
                axes.tick_params(axis="y", labelleft=False)
            axes.set_title(wording.shortened(panel.title, 30), loc="left", color=INK, fontsize=FONT - 0.5)
            axes.set_xlabel(x_title)
        title(figure, y_title, 12)
        return as_svg(figure)


def _draw_dots(axes: Axes, panel: Cloud) -> None:
    """One path of lines without length, whose round ends are the dots: a tenth of the size of as many markers."""
    vertices = np.repeat(panel.dots, 2, axis=0)
    path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(panel.dots))
    path.should_simplify = False  # which would drop lines without length too
    dots = PathPatch(path, fill=False, edgecolor=panel.colour, linewidth=3.2, capstyle="round", alpha=0.5)
    axes.add_patch(dots).set_clip_on(False)  # clipping would drop lines without length
