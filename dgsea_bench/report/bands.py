"""Drawing how values are spread along a trait: medians as a line, quartiles as a band, a high percentile as dashes."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from dgsea_bench.report.canvas import HEIGHT, PAPER, Form, Series, as_svg, axes_in, canvas, legend, title
from dgsea_bench.report.figures import LABEL_ROOM, MOST_LABELS, label_ends, log_axis, room_for

MOST_BANDS = 3
"""More bands than these would cover one another: then there are lines alone."""


@dataclass(frozen=True)
class Band:
    """One backend: medians, whose `low` and `high` are the quartiles, and a high percentile above each of them."""

    medians: Series
    high: tuple[float, ...]


def bands(items: Sequence[Band], x_title: str, y_title: str, x_form: Form, y_form: Form) -> str:
    """Values against a trait, both on logarithmic axes, each line labelled at its end."""
    series = [item.medians for item in items]
    labels = sum(room_for(item) for item in series)
    direct = labels <= MOST_LABELS
    below = 0 if direct else 20 * len(series)
    with canvas(max(HEIGHT, labels + 86) if direct else HEIGHT + below) as figure:
        axes = axes_in(figure, left=74, right=LABEL_ROOM if direct else 20, top=34, bottom=52 + below)
        for item in items:
            _draw(axes, item, spread=len(items) <= MOST_BANDS)
        points = [point for item in series for point in item.points]
        log_axis(axes, "x", [point.x for point in points], x_form)
        ends = [end for point in points for end in (point.low, point.y, point.high)]
        highest = [value for item in items for value in item.high]
        log_axis(axes, "y", [*ends, *highest] if len(items) <= MOST_BANDS else [point.y for point in points], y_form)
        axes.set_xlabel(f"{x_title} (logarithmic)")
        title(figure, y_title, 12)
        if direct:
            label_ends(axes, series)
        else:
            legend(figure, series, columns=1, markers=True, lines=True)
        return as_svg(figure)


def _draw(axes: Axes, item: Band, *, spread: bool) -> None:
    look, points = item.medians.look, item.medians.points
    at = [point.x for point in points]
    if spread:
        low, high = ([end or point.y for end, point in zip(ends, points, strict=True)] for ends in _ends(item))
        axes.fill_between(at, low, high, color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(at, item.high, color=look.colour, linewidth=1.1, linestyle=(0, (2.5, 2.5)))
    (line,) = axes.plot(
        at, [point.y for point in points], color=look.colour, marker=look.marker, markersize=6.5, linewidth=1.8,
        markeredgecolor=PAPER, markeredgewidth=0.8, zorder=3,
    )  # fmt: skip
    line.set_clip_on(False)
    if look.dashes:
        line.set_dashes(look.dashes)


def _ends(item: Band) -> tuple[list[float | None], list[float | None]]:
    """The lower and the upper quartiles."""
    return [point.low for point in item.medians.points], [point.high for point in item.medians.points]
