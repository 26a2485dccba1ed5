"""Drawing values of many profiles against how strong they are: a dot each, and a line through medians of groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from dgsea_bench.report.canvas import HEIGHT, PAPER, Form, Point, Series, as_svg, axes_in, canvas, legend, title
from dgsea_bench.report.figures import LABEL_ROOM, MOST_LABELS, label_ends, log_axis, room_for
from dgsea_bench.report.ticks import log_ticks

DOT = 4.0
NONE_AT = 0.5
"""Where a logarithmic axis of whole numbers has its zero."""


@dataclass(frozen=True)
class Cloud:
    """Dots of one backend, and the line through medians of groups of them."""

    medians: Series
    dots: tuple[Point, ...]


def clouds(items: Sequence[Cloud], x_title: str, y_title: str, y_form: Form, *, log: bool) -> str:
    """A value against a count, which has a logarithmic axis if it spans more than ten times; `log` is of the value."""
    counts = [point.x for item in items for point in item.dots]
    logarithmic = spans_ten_times(counts)
    placed = [_placed(item) for item in items] if logarithmic else items
    series = [item.medians for item in placed]
    labels = sum(room_for(item) for item in series)
    direct = labels <= MOST_LABELS
    below = 0 if direct else 20 * len(series)
    with canvas(max(HEIGHT, labels + 86) if direct else HEIGHT + below) as figure:
        axes = axes_in(figure, left=74, right=LABEL_ROOM if direct else 20, top=34, bottom=52 + below)
        for item in placed:
            _draw(axes, item)
        if log:
            log_axis(axes, "y", [point.y for item in placed for point in item.dots], y_form)
        else:
            axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))  # ticks that `y_form` need not round
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: y_form(value)))
        if logarithmic:
            _log_counts(axes, counts)
        else:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(f"{x_title} (logarithmic)" if logarithmic else x_title)
        title(figure, y_title, 12)
        if direct:
            label_ends(axes, series)
        else:
            legend(figure, series, columns=1, markers=True, lines=True)
        return as_svg(figure)


def spans_ten_times(counts: Sequence[float]) -> bool:
    """Whether the largest is more than ten times the smallest; none counts as one."""
    return max(counts) > 10 * max(1.0, min(counts))


def _log_counts(axes: Axes, counts: Sequence[float]) -> None:
    """A logarithmic axis of whole numbers, none at its left."""
    axes.set_xscale("log")
    low, high = max(min(counts), NONE_AT), max(counts)
    pad = (high / low) ** 0.04
    axes.set_xlim(low / pad, high * pad)
    ticks = [NONE_AT] * (min(counts) == 0) + log_ticks(max(1.0, low / pad), high * pad, most=5)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter(["0" if tick < 1 else f"{tick:,.0f}" for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())


def _placed(item: Cloud) -> Cloud:
    """The same with counts of none where a logarithmic axis can show them."""

    def shown(points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple(replace(point, x=max(point.x, NONE_AT)) for point in points)

    return Cloud(replace(item.medians, points=shown(item.medians.points)), shown(item.dots))


def _draw(axes: Axes, item: Cloud) -> None:
    look = item.medians.look
    # One path of lines without length, whose round ends are the dots: a tenth of the size of as many markers.
    vertices = [(point.x, point.y) for point in item.dots for _ in range(2)]
    path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(item.dots))
    path.should_simplify = False  # which would drop lines without length, of 64 dots or more
    dots = PathPatch(path, fill=False, edgecolor=look.colour, linewidth=DOT, capstyle="round", alpha=0.3)
    axes.add_patch(dots).set_clip_on(False)
    (line,) = axes.plot(
        [point.x for point in item.medians.points], [point.y for point in item.medians.points], color=look.colour,
        marker=look.marker, markersize=7, linewidth=1.8, markeredgecolor=PAPER, markeredgewidth=0.8, zorder=3,
    )  # fmt: skip
    line.set_clip_on(False)
    if look.dashes:
        line.set_dashes(look.dashes)
