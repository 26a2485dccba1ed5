"""Drawing: series of points -> an inline SVG string. No rows here; every text that comes in is drawn as it is."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from dgsea_bench.report.canvas import (
    BLUE,
    BROWN,
    FAINT,
    FONT,
    GREEN,
    GREY,
    HEIGHT,
    LIGHT_GREY,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    VERMILION,
    Form,
    Gap,
    Look,
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
from dgsea_bench.report.ticks import ticks_for
from dgsea_bench.report.wording import shortened

LABEL_ROOM = 188
LINE_STEP = 15.5
MOST_LABELS = 350
"""Height that labels at the ends of lines may take; more of them become a legend."""


BASELINES = (Look(GREY, "X", (4.0, 2.5)), Look(LIGHT_GREY, "P", (1.5, 1.5)))
OWN_LOOKS = {
    "fastsum": Look(BLUE, "o"),
    "exact": Look(ORANGE, "s"),
    "nyswin": Look(GREEN, "D"),
    "cuda-batched": Look(PURPLE, "^"),
}
"""Backend -> its look on every page."""
MORE_LOOKS = (Look(VERMILION, "^"), Look(SKY, "v"), Look(BROWN, "P"), Look(PURPLE, "X"))
"""Of other backends, and of those that are there with several settings of their knobs."""
DASHES = ((), (6.0, 2.0), (2.0, 2.0), (8.0, 2.0, 2.0, 2.0))


def looks(labels: Sequence[str], baselines: Sequence[str]) -> dict[str, Look]:
    """A look for each label from a palette safe for the colour-blind; baselines are grey and dashed.

    A backend has its own look on every page. With several settings of its knobs, the first of them has it.
    """
    grey = itertools.cycle(BASELINES)
    more = (replace(look, dashes=dashes) for dashes in itertools.cycle(DASHES) for look in MORE_LOOKS)
    found = {label: next(grey) for label in labels if label in baselines}
    taken = set()
    for label in sorted(set(labels) - found.keys(), key=_natural):
        backend = label.partition("[")[0]
        found[label] = OWN_LOOKS[backend] if backend in OWN_LOOKS and backend not in taken else next(more)
        taken.add(backend)
    return found


def _natural(label: str) -> list[tuple[int, str]]:
    """Orders ``nyswin[anchors=128]`` before ``nyswin[anchors=1024]``."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", label)]


def trend(series: Sequence[Series], x_title: str, y_title: str, y_form: Form) -> str:
    """Cost or error against a size on logarithmic axes, each line labelled at its end."""
    labels = sum(room_for(item) for item in series)
    direct = labels <= MOST_LABELS
    with canvas(max(HEIGHT, labels + 86) if direct else HEIGHT + 20 * len(series)) as figure:
        bottom = 52 if direct else 52 + 20 * len(series)
        axes = axes_in(figure, left=74, right=LABEL_ROOM if direct else 20, top=34, bottom=bottom)
        for item in series:
            _draw_line(axes, item)
        points = [point for item in series for point in item.points]
        log_axis(axes, "y", [end for point in points for end in (point.low, point.y, point.high)], y_form)
        _size_axis(axes, sorted({point.x for point in points} | {gap.x for item in series for gap in item.gaps}))
        axes.set_xlabel(x_title)
        axes.set_ylabel("")
        title(figure, y_title, 12)
        if direct:
            label_ends(axes, series)
        else:
            legend(figure, series, columns=1, markers=True, lines=True)
        return as_svg(figure)


def dots(categories: Sequence[str], series: Sequence[Series], x_title: str, x_form: Form, *, log: bool) -> str:
    """Values by category, a dot per backend; in points `x` is the category's number and `y` the value.

    With one category only, the backends are the categories.
    """
    alone = len(categories) == 1
    names = [shortened(item.label, 28) for item in series] if alone else [in_lines(name, 28, 3) for name in categories]
    columns = 1 if max(len(item.label) for item in series) > 26 else 2
    legend_height = 0 if alone else 22 * math.ceil(len(series) / columns)
    row_height = 30 if alone else max(34, 13 * len(series), 16 * lines_of(names) + 6)
    height = 80 + row_height * len(names) + legend_height
    with canvas(height) as figure:
        left = 24 + 7.4 * longest_line(names)
        axes = axes_in(figure, left=left, right=26, top=30, bottom=42 + legend_height)
        for number, item in enumerate(series):
            shift = number if alone else (number - (len(series) - 1) / 2) * 0.66 / len(series)
            _draw_dots(axes, item, shift, named=not alone)
        name_rows(axes, names)
        points = [point for item in series for point in item.points]
        if log:
            log_axis(axes, "x", [end for point in points for end in (point.low, point.y, point.high)], x_form)
        else:
            axes.xaxis.set_major_formatter(lambda value, _: x_form(value))
            axes.margins(x=0.06)
        title(figure, x_title, 12)
        if not alone:
            legend(figure, series, columns, markers=True, lines=False)
        return as_svg(figure)


@dataclass(frozen=True)
class Panel:
    """Curves over positions.

    Attributes:
        span: what the vertical axis goes from and to, at least. linear: beyond it, up and down, it is logarithmic.
    """

    title: str
    series: tuple[Series, ...]
    span: tuple[float, float]
    linear: float | None = None


def curves(panels: Sequence[Panel], x_title: str, below: str, mark: float) -> str:
    """Curves over positions on linear axes, a panel below the other, with a dotted line at the position `mark`.

    The backend `below` is a band below others.
    """
    shown = list({item.label: item for panel in panels for item in panel.series}.values())
    columns = 1 if max(len(item.label) for item in shown) > 26 else 2
    legend_height = 22 * math.ceil(len(shown) / columns)
    panel_height, gap = 130, 48
    height = 20 + (panel_height + gap) * len(panels) + legend_height
    with canvas(height) as figure:
        for number, panel in enumerate(panels):
            top = 28 + number * (panel_height + gap)
            axes = axes_in(figure, left=66, right=20, top=top, bottom=height - top - panel_height)
            for item in panel.series:
                _draw_curve(axes, item, broad=item.label == below)
            axes.axhline(0, color=FAINT, linewidth=0.8)
            axes.axvline(mark, color=FAINT, linewidth=0.8, linestyle=(0, (2.0, 3.0)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            _scale_of(axes, panel)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}".replace("-", "−"))
            axes.locator_params(axis="x", nbins=5)
            axes.margins(x=0.01)
            title(figure, panel.title, top - 16)
        axes.set_xlabel(x_title)
        legend(figure, shown, columns, markers=False, lines=True)
        return as_svg(figure)


def _scale_of(axes: Axes, panel: Panel) -> None:
    """The vertical axis of a panel, with the zero line among its ticks."""
    low, high = panel.span
    if panel.linear is None:
        pad = 0.05 * (high - low) or 0.1
        axes.set_ylim(low - pad, high + pad)
        axes.locator_params(axis="y", nbins=5)
        return
    axes.set_yscale("symlog", linthresh=panel.linear, linscale=0.6)
    axes.set_ylim(min(low, -panel.linear) * 1.3, max(high, panel.linear) * 1.3)
    powers = [panel.linear * 10.0**power for power in range(math.ceil(math.log10(max(-low, high) / panel.linear)))]
    ticks = [sign * tick for tick in powers for sign in (-1, 1) if low * 1.3 <= sign * tick <= high * 1.3]
    axes.yaxis.set_major_locator(FixedLocator([0.0, *ticks]))
    axes.yaxis.set_minor_locator(NullLocator())


def _draw_curve(axes: Axes, item: Series, *, broad: bool) -> None:
    (drawn,) = axes.plot([p.x for p in item.points], [p.y for p in item.points], color=item.look.colour)
    drawn.set(linewidth=4.0 if broad else 1.5, alpha=0.45 if broad else 1.0)
    if item.look.dashes:
        drawn.set_dashes(item.look.dashes)


def _draw_line(axes: Axes, item: Series) -> None:
    import seaborn

    frame = pd.DataFrame([(point.x, point.y) for point in item.points], columns=["size", "value"])
    seaborn.lineplot(
        frame, x="size", y="value", ax=axes, color=item.look.colour, marker=item.look.marker, markersize=6.5,
        linewidth=1.8, errorbar=None, legend=False, clip_on=False, markeredgecolor=PAPER,
    )  # fmt: skip
    if item.look.dashes:
        axes.lines[-1].set_dashes(item.look.dashes)
    for point in item.points:
        if point.low is not None and point.high is not None:
            ends, colour = [point.low, point.high], item.look.colour
            axes.plot([point.x] * 2, ends, color=colour, linewidth=1.2, marker="_", markersize=7, clip_on=False)
    for gap in item.gaps:
        _draw_gap(axes, item, gap)


def _draw_gap(axes: Axes, item: Series, gap: Gap) -> None:
    """A cross where a value is missing; a dotted line leads to it from the nearest point, if none lies beyond it."""
    if gap.y is None:
        return
    colour, nearest = item.look.colour, min(item.points, key=lambda point: abs(math.log(point.x / gap.x)))
    if not item.points[0].x < gap.x < item.points[-1].x:
        axes.plot([nearest.x, gap.x], [nearest.y, gap.y], color=colour, linewidth=1.4, linestyle=(0, (1.0, 2.0)))
    for paint, width in ((PAPER, 5.0), (colour, 2.0)):  # on paper of its own, so that a line below does not hide it
        axes.plot([gap.x], [gap.y], color=paint, marker="x", markersize=8, markeredgewidth=width, clip_on=False)


def _draw_dots(axes: Axes, item: Series, shift: float, *, named: bool) -> None:
    """Dots with whiskers; at the left what is missing, with the backend's name where others share the row."""
    for point in item.points:
        if point.low is not None and point.high is not None:
            axes.plot([point.low, point.high], [point.x + shift] * 2, color=item.look.colour, linewidth=1.4)
    axes.plot(
        [point.y for point in item.points], [point.x + shift for point in item.points],
        color=item.look.colour, marker=item.look.marker, markersize=7, linestyle="none", clip_on=False,
    )  # fmt: skip
    across = axes.get_yaxis_transform()
    for gap in item.gaps:
        colour, text = item.look.colour, f"{shortened(item.label, 24)}: {gap.text}" if named else gap.text
        axes.plot([0.03], [gap.x + shift], color=colour, marker="x", markeredgewidth=1.8, transform=across)
        axes.text(0.06, gap.x + shift, text, color=FAINT, va="center_baseline", fontsize=FONT - 2, transform=across)


def label_ends(axes: Axes, series: Sequence[Series]) -> None:
    """Labels to the right of the axes, moved apart, each tied to the last point of its line."""
    height = axes.bbox.height
    ends, rooms = [], []
    for item in series:
        _, y = axes.transData.transform(_end_of(item))
        ends.append(y - axes.bbox.y0)
        rooms.append(room_for(item))
    for item, y in zip(series, spread(ends, rooms, height), strict=True):
        text = "\n".join([shortened(item.label, 24), *(shortened(note, 28) for note in item.notes)])
        axes.annotate(
            text, _end_of(item), (1.08, y / height), xycoords="data", textcoords="axes fraction",
            va="center", ha="left", annotation_clip=False, fontsize=FONT - 0.5, linespacing=1.25,
            arrowprops={
                "arrowstyle": "-", "color": item.look.colour, "linewidth": 1.0,
                "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 6,
            },
        )  # fmt: skip


def _end_of(item: Series) -> tuple[float, float]:
    """The last point of a line, or the cross beyond it."""
    beyond = [(gap.x, gap.y) for gap in item.gaps if gap.y is not None and gap.x > item.points[-1].x]
    return beyond[-1] if beyond else (item.points[-1].x, item.points[-1].y)


def room_for(item: Series) -> float:
    """Height of a label with its notes."""
    return LINE_STEP * (1 + len(item.notes)) + 3


def spread(wanted: Sequence[float], rooms: Sequence[float], height: float) -> list[float]:
    """Centres near those wanted, in the same order, at least the rooms apart, within 0 .. height if that can be."""
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], -index))
    placed: dict[int, float] = {}
    floor = 0.0
    for index in order:
        placed[index] = max(wanted[index], floor + rooms[index] / 2)
        floor = placed[index] + rooms[index] / 2
    ceiling = height
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling - rooms[index] / 2)
        ceiling = placed[index] - rooms[index] / 2
    return [placed[index] for index in range(len(wanted))]


def _size_axis(axes: Axes, sizes: Sequence[float]) -> None:
    """Ticks at the sizes that were measured, those left out that would run into their neighbour."""
    axes.set_xscale("log")
    low, high = math.log(sizes[0]), math.log(sizes[-1])
    pad = 0.06 * (high - low) or 0.5
    axes.set_xlim(math.exp(low - pad), math.exp(high + pad))
    width = axes.bbox.width / (high - low + 2 * pad)
    kept: list[float] = []
    for size in reversed(sizes):
        if not kept or (math.log(kept[-1]) - math.log(size)) * width > 3.8 * len(f"{size:,.0f}{kept[-1]:,.0f}") + 6:
            kept.append(size)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{size:,.0f}" for size in kept]))
    axes.xaxis.set_minor_locator(NullLocator())


def log_axis(axes: Axes, which: str, values: Sequence[float | None], form: Form) -> None:
    """A logarithmic axis, ``"x"`` or ``"y"``, over these values, with round ticks."""
    known = [value for value in values if value is not None]
    low, high = math.log10(min(known)), math.log10(max(known))
    pad = max(0.06 * (high - low), 0.1)
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    (axes.set_ylim if which == "y" else axes.set_xlim)(10 ** (low - pad), 10 ** (high + pad))
    ticks = ticks_for(form, 10 ** (low - pad), 10 ** (high + pad), most=7 if which == "y" else 5)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([form(tick) for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def with_own_ids(svg: str, prefix: str) -> str:
    """The same with every id, and every reference to one, made unique on the page."""

    def rename(tag: re.Match[str]) -> str:
        text = re.sub(r' id="', f' id="{prefix}-', tag.group())
        return re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)

    return re.sub(r"<[^>]*>", rename, svg)
