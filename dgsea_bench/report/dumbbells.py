"""Drawing one value beside several others: a filled mark, hollow ones, and a line from end to end in each row."""

from collections.abc import Sequence
from dataclasses import dataclass

from dgsea_bench.report.canvas import (
    PAPER,
    Form,
    Look,
    as_svg,
    axes_in,
    canvas,
    in_lines,
    key,
    lines_of,
    longest_line,
    name_rows,
    title,
)
from dgsea_bench.report.figures import log_axis


@dataclass(frozen=True)
class Dumbbell:
    """A row: its name in lines, and the value that stands beside the others."""

    name: str
    look: Look
    value: float
    others: tuple[float, ...]


def dumbbells(rows: Sequence[Dumbbell], x_title: str, x_form: Form, *, filled: str, hollow: str, log: bool) -> str:
    """A row for each; `filled` and `hollow` say what the marks are."""
    names = ["\n".join(in_lines(line, 28, 2) for line in row.name.split("\n")) for row in rows]
    with canvas(98 + max(32, 16 * lines_of(names) + 8) * len(rows)) as figure:
        axes = axes_in(figure, left=24 + 7.2 * longest_line(names), right=26, top=30, bottom=64)
        for number, row in enumerate(rows):
            ends = [min(row.value, *row.others), max(row.value, *row.others)]
            axes.plot(ends, [number] * 2, color=row.look.colour, linewidth=1.6, alpha=0.6, zorder=2)
            axes.plot(
                row.others, [number] * len(row.others), color=row.look.colour, marker=row.look.marker, markersize=7,
                linestyle="none", markerfacecolor=PAPER, markeredgewidth=1.5, zorder=3, clip_on=False,
            )  # fmt: skip
            axes.plot(
                [row.value], [number], color=row.look.colour, marker=row.look.marker, markersize=8.5, zorder=4,
                clip_on=False,
            )  # fmt: skip
        name_rows(axes, names)
        if log:
            log_axis(axes, "x", [end for row in rows for end in (row.value, *row.others)], x_form)
        else:
            axes.xaxis.set_major_formatter(lambda value, _: x_form(value))
            axes.locator_params(axis="x", nbins=6)
            axes.margins(x=0.06)
        title(figure, x_title, 12)
        key(figure, filled, hollow)
        return as_svg(figure)
