"""More drawings: distributions over profiles, quantiles against quantiles, and maps over two settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FuncFormatter, NullLocator

from dgsea_bench.report.canvas import (
    FAINT,
    INK,
    PAPER,
    Form,
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


@dataclass(frozen=True)
class Sample:
    """Values of one backend in each category, such as one per profile."""

    label: str
    look: Look
    values: dict[int, tuple[float, ...]]


def distributions(categories: Sequence[str], samples: Sequence[Sample], x_title: str, x_form: Form) -> str:
    """A faint dot per value, a line between the quartiles and a marker at the median, by category and backend."""
    names = [in_lines(name, 28, 3) for name in categories]
    columns = 1 if max(len(item.label) for item in samples) > 26 else 2
    legend_height = 22 * math.ceil(len(samples) / columns)
    height = 80 + max(34, 17 * len(samples), 16 * lines_of(names) + 6) * len(names) + legend_height
    with canvas(height) as figure:
        left = 24 + 7.4 * longest_line(names)
        axes = axes_in(figure, left=left, right=26, top=30, bottom=42 + legend_height)
        for number, item in enumerate(samples):
            shift = (number - (len(samples) - 1) / 2) * 0.72 / len(samples)
            for category, values in item.values.items():
                at = category + shift
                axes.plot(
                    values, [at] * len(values), linestyle="none", marker="o", markersize=4.5,
                    color=item.look.colour, alpha=0.28, markeredgewidth=0, clip_on=False,
                )  # fmt: skip
                first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
                axes.plot([first, third], [at, at], color=item.look.colour, linewidth=2.2)
                axes.plot([median], [at], color=item.look.colour, marker=item.look.marker, markersize=7, clip_on=False)
        name_rows(axes, names)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: x_form(value)))
        axes.margins(x=0.04)
        title(figure, x_title, 12)
        legend(figure, [Series(item.label, item.look, ()) for item in samples], columns, markers=True, lines=False)
        return as_svg(figure)


def quantile_plot(series: Sequence[Series], x_title: str, y_title: str, mark: float) -> str:
    """Observed against expected quantiles on logarithmic axes from the same beginning; the diagonal is perfect.

    `mark` is a level, drawn as a thin line across and down.
    """
    columns = 1 if max(len(item.label) for item in series) > 26 else 2
    legend_height = 22 * math.ceil(len(series) / columns)
    low = min(min(point.x, point.y) for item in series for point in item.points)
    with canvas(360 + legend_height) as figure:
        axes = axes_in(figure, left=66, right=120, top=34, bottom=50 + legend_height)
        axes.plot([low, 1], [low, 1], color=FAINT, linewidth=1.0)
        for edge in (axes.axhline, axes.axvline):
            edge(mark, color=FAINT, linewidth=0.8, linestyle=(0, (2.0, 3.0)))
        for item in series:
            (drawn,) = axes.plot([p.x for p in item.points], [p.y for p in item.points], color=item.look.colour)
            drawn.set(linewidth=1.8)
            if item.look.dashes:
                drawn.set_dashes(item.look.dashes)
        for axis, scale, limits in (
            (axes.xaxis, axes.set_xscale, axes.set_xlim),
            (axes.yaxis, axes.set_yscale, axes.set_ylim),
        ):
            scale("log")
            limits(low * 0.9, 1.05)
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
        axes.set_xlabel(x_title)
        title(figure, y_title, 12)
        legend(figure, series, columns, markers=False, lines=True)
        return as_svg(figure)


def heat_map(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], form: Form, *, row_title: str, column_title: str
) -> str:
    """A colour and a number for each pair of settings; NaN where there is none. Darker is larger."""
    import seaborn

    with canvas(96 + 38 * len(rows)) as figure:
        axes = axes_in(figure, left=74, right=20, top=36, bottom=56)
        texts = np.array([["–" if math.isnan(value) else form(value) for value in row] for row in values])
        seaborn.heatmap(
            values, ax=axes, annot=texts, fmt="", cbar=False, cmap="cividis_r", linewidths=1.5, linecolor=PAPER,
            xticklabels=list(columns), yticklabels=list(rows), annot_kws={"size": 12},
        )  # fmt: skip
        axes.tick_params(length=0, rotation=0)
        axes.set_xlabel(column_title)
        axes.set_ylabel("")
        title(figure, row_title, 14)
        for text in axes.texts:
            text.set_color(INK if _is_light(text.get_color()) else "#ffffff")
        return as_svg(figure)


def _is_light(colour: object) -> bool:
    """Seaborn writes white on dark cells and dark on light ones; its dark grey becomes our ink."""
    return str(colour) != "w"
