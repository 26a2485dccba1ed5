"""Drawing ratios with their intervals: a row per case on a logarithmic axis, with 1 and the tolerance marked."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from dgsea_bench.report.canvas import (
    BAND,
    FAINT,
    Series,
    as_svg,
    axes_in,
    canvas,
    in_lines,
    legend,
    longest_line,
    name_rows,
    title,
)
from dgsea_bench.report.figures import log_axis


def forest(
    names: Sequence[str],
    series: Sequence[Series],
    x_title: str,
    *,
    band: tuple[float, float],
    span: tuple[float, float],
) -> str:
    """A point with its interval in each row, which is the point's `x`; `span` is what the axis shows at least."""
    shown = [in_lines(name, 32, 2) for name in names]
    height = 98 + (36 if any("\n" in name for name in shown) else 24) * len(shown)
    with canvas(height) as figure:
        left = 24 + 7.2 * longest_line(shown)
        axes = axes_in(figure, left=left, right=26, top=30, bottom=62)
        axes.axvspan(*band, color=BAND, linewidth=0, zorder=0)
        axes.axvline(1, color=FAINT, linewidth=1.2, zorder=2.1)  # above the lines between rows, below the marks
        for item in series:
            _draw(axes, item)
        name_rows(axes, shown)
        log_axis(axes, "x", [*span, *band], lambda value: f"{value:.3g}")
        title(figure, x_title, 12)
        legend(figure, series, len(series), markers=True, lines=False)
        return as_svg(figure)


def _draw(axes: Axes, item: Series) -> None:
    for point in item.points:
        if point.low is not None and point.high is not None:
            axes.plot([point.low, point.high], [point.x] * 2, color=item.look.colour, linewidth=1.6, zorder=3)
    axes.plot(
        [point.y for point in item.points], [point.x for point in item.points],
        color=item.look.colour, marker=item.look.marker, markersize=7, linestyle="none", zorder=3,
    )  # fmt: skip
