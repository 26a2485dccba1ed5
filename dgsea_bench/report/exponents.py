"""Drawing fitted exponents of growth with their intervals: a row per backend, time above memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from dgsea_bench.bench.metrics import Growth
from dgsea_bench.report.canvas import (
    FAINT,
    FONT,
    PAPER,
    Look,
    as_svg,
    axes_in,
    canvas,
    key,
    lines_of,
    longest_line,
    name_rows,
    title,
)
from dgsea_bench.report.wording import shortened

REFERENCES = {0.0: "0", 1.0: "1\nlinear", 2.0: "2\nquadratic"}
"""Exponents with a line of their own, and what stands below them."""
EDGE, REACH = 0.15, 0.85
"""What the axis shows beyond all that it must show, and how far it follows intervals."""
APART = 0.19
"""Half the distance of time and memory within a row."""
LONGEST = 22


@dataclass(frozen=True)
class Exponents:
    """How time and memory of one backend grow, None where there is no fit; `claimed` is the order that it states."""

    label: str
    claimed: str
    look: Look
    time: Growth | None
    memory: Growth | None


def exponents(rows: Sequence[Exponents], x_title: str) -> str:
    """A filled mark for time and a hollow one for memory; intervals that are cut at the edge end in an arrow."""
    names = ["\n".join(shortened(text, LONGEST) for text in (row.label, *row.claimed.split(", ", 1))) for row in rows]
    span = limits(rows)
    with canvas(112 + max(42, 16 * lines_of(names) + 6) * len(rows)) as figure:
        axes = axes_in(figure, left=30 + 7.2 * longest_line(names), right=24, top=30, bottom=76)
        for number, row in enumerate(rows):
            _draw(axes, number - APART, row.time, row.look, span, hollow=False)
            _draw(axes, number + APART, row.memory, row.look, span, hollow=True)
        name_rows(axes, names)
        axes.tick_params(axis="y", pad=9)  # room for arrows
        axes.set_xlim(*span)
        for reference in REFERENCES:
            axes.axvline(reference, color=FAINT, linewidth=1.1, zorder=1.5)
        ticks = sorted({*REFERENCES, *range(math.ceil(span[0]), math.floor(span[1]) + 1)})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(
            FixedFormatter([REFERENCES.get(tick, f"{tick:g}".replace("-", "−")) for tick in ticks])
        )
        title(figure, x_title, 12)
        key(figure, "time", "memory")
        return as_svg(figure)


def limits(rows: Sequence[Exponents]) -> tuple[float, float]:
    """The ends of the axis: around all exponents and references, and around intervals as far as `REACH` from them."""
    fits = [growth for row in rows for growth in (row.time, row.memory) if growth]
    low, high = min([0.0, *(fit.slope for fit in fits)]), max([2.0, *(fit.slope for fit in fits)])
    lowest, highest = min([low, *(fit.low for fit in fits)]), max([high, *(fit.high for fit in fits)])
    return max(lowest, low - REACH) - EDGE, min(highest, high + REACH) + EDGE


def _draw(
    axes: Axes, height: float, growth: Growth | None, look: Look, span: tuple[float, float], *, hollow: bool
) -> None:
    if growth is None:
        text = f"no fit for {'memory' if hollow else 'time'}"
        axes.text(1.04, height, text, color=FAINT, va="center", fontsize=FONT - 2)
        return
    axes.plot([growth.low, growth.high], [height] * 2, color=look.colour, linewidth=1.5, zorder=3)
    axes.plot(
        [growth.slope], [height], color=look.colour, marker=look.marker, markersize=7, linestyle="none",
        markerfacecolor=PAPER if hollow else look.colour, markeredgewidth=1.5, zorder=4,
    )  # fmt: skip
    for end, edge, arrow in ((growth.low, span[0], "<"), (growth.high, span[1], ">")):
        if not span[0] <= end <= span[1]:
            axes.plot([edge], [height], color=look.colour, marker=arrow, markersize=7, clip_on=False, zorder=4)
