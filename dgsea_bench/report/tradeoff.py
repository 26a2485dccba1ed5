"""Drawing time against error: a mark per backend with its intervals, and the frontier as a line of steps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from dgsea_bench.report.canvas import (
    BAND,
    FAINT,
    PAPER,
    Form,
    Look,
    Series,
    as_svg,
    axes_in,
    canvas,
    legend,
    title,
)
from dgsea_bench.report.figures import log_axis
from dgsea_bench.report.ticks import log_ticks
from dgsea_bench.report.wording import shortened

HEIGHT = 330
LETTER, LINE = 7.0, 16.0
"""Room for a letter of a label, and for its line."""
MARK = 8.0
BESIDE = 26.0
"""A name that comes so near to another mark is taken for its name."""
PIECES = 12
"""Of a line, each in a box of its own, so that a slanting one takes no more room than it needs."""
LONGEST = 28
"""Characters of a label; the middle of a longer one goes."""
EDGE = "exact to\nrounding"
Box = tuple[float, float, float, float]
"""Left, bottom, right and top."""


@dataclass(frozen=True)
class Titles:
    """What the axes say, and how their ticks are written."""

    error: str
    time: str
    error_form: Form
    time_form: Form


@dataclass(frozen=True)
class Mark:
    """A backend with its error and its time, each with the ends of its interval.

    Attributes:
        error: None where it is zero or rounding. group: marks of one group are joined by a faint line.
        best: whether it is on the frontier.
    """

    label: str
    look: Look
    group: str
    error: float | None
    error_high: float | None
    time: float
    time_low: float
    time_high: float
    best: bool


def tradeoff(marks: Sequence[Mark], titles: Titles) -> str:
    """Time against error, both logarithmic; marks without an error stand in a band at the left.

    Names stand beside the marks, or below in a legend where they would cover one another.
    """
    with canvas(HEIGHT) as figure:
        axes, places = _fill(figure, marks, titles, 0)
        spots = _spots(axes, marks, places)
        if spots is not None:
            for mark, (left, bottom, _, top) in zip(marks, spots, strict=True):
                name = shortened(mark.label, LONGEST)
                axes.text(left, (bottom + top) / 2, name, va="center", transform=None, zorder=5)
            return as_svg(figure)
    below = 20 * len(marks)
    with canvas(HEIGHT + below) as figure:
        _fill(figure, marks, titles, below)
        legend(figure, [Series(mark.label, mark.look, ()) for mark in marks], 1, markers=True, lines=False)
        return as_svg(figure)


def _fill(figure: Figure, marks: Sequence[Mark], titles: Titles, below: float) -> tuple[Axes, dict[str, float]]:
    """All but the names; the place of each mark on the axis of errors comes back."""
    rounding = any(mark.error is None for mark in marks)
    axes = axes_in(figure, left=74, right=24, top=34, bottom=(68 if rounding else 52) + below)
    log_axis(axes, "y", [end for mark in marks for end in (mark.time_low, mark.time, mark.time_high)], titles.time_form)
    places = _error_axis(axes, marks, titles.error_form)
    _draw_steps(axes, marks, places)
    for joined in _joined(marks, places):
        axes.plot([x for x, _ in joined], [y for _, y in joined], color=FAINT, linewidth=0.9, alpha=0.55, zorder=2)
    for mark in marks:
        _draw(axes, mark, places[mark.label])
    axes.set_xlabel(titles.error)
    title(figure, titles.time, 12)
    return axes, places


def _error_axis(axes: Axes, marks: Sequence[Mark], form: Form) -> dict[str, float]:
    """The axis below, and the place of each mark on it."""
    known = [end for mark in marks if mark.error is not None for end in (mark.error, mark.error_high or mark.error)]
    low, high = (math.log10(min(known)), math.log10(max(known))) if known else (0.0, 0.0)
    pad = max(0.08 * (high - low), 0.12)
    room = 1.6 * max(0.18 * (high - low), 0.3) if len(marks) > sum(mark.error is not None for mark in marks) else 0.0
    axes.set_xscale("log")
    axes.set_xlim(10 ** (low - pad - room), 10 ** (high + pad) if known else 10 ** (low - pad))
    ticks = log_ticks(10 ** (low - pad), 10 ** (high + pad), most=5 if room == 0 else 4) if known else []
    edge = 10 ** (low - pad - room / 2)
    if room:
        axes.axvspan(10 ** (low - pad - room), 10 ** (low - pad), color=BAND, linewidth=0, zorder=0)
    axes.xaxis.set_major_locator(FixedLocator([edge, *ticks] if room else ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([EDGE] * (room > 0) + [form(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    return {mark.label: edge if mark.error is None else mark.error for mark in marks}


def _draw_steps(axes: Axes, marks: Sequence[Mark], places: Mapping[str, float]) -> None:
    """From one mark of the frontier to the next: what lies above and to the right of it is worse in both ways."""
    corners = _corners(axes, marks, places)
    axes.plot([x for x, _ in corners], [y for _, y in corners], color=FAINT, linewidth=1.3, linestyle=(0, (4.0, 2.5)))


def _corners(axes: Axes, marks: Sequence[Mark], places: Mapping[str, float]) -> list[tuple[float, float]]:
    best = sorted((places[mark.label], mark.time) for mark in marks if mark.best)
    (_, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    corners = [(best[0][0], top)]
    for x, y in best:
        corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (right, best[-1][1])]


def _draw(axes: Axes, mark: Mark, place: float) -> None:
    colour = mark.look.colour
    axes.plot([place] * 2, [mark.time_low, mark.time_high], color=colour, linewidth=1.4, zorder=3)
    if mark.error is not None and mark.error_high is not None:
        axes.plot([mark.error, mark.error_high], [mark.time] * 2, color=colour, linewidth=1.4, zorder=3)
    axes.plot(
        [place], [mark.time], color=colour, marker=mark.look.marker, markersize=MARK, linestyle="none", zorder=4,
        markerfacecolor=colour if mark.best else PAPER, markeredgewidth=1.6, clip_on=False,
    )  # fmt: skip


def _spots(axes: Axes, marks: Sequence[Mark], places: Mapping[str, float]) -> list[Box] | None:
    """A box for each name next to its mark; None where there are not enough that are free."""
    centres = axes.transData.transform([(places[mark.label], mark.time) for mark in marks]).tolist()
    taken: list[Box] = [(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in centres]
    lines = _lines(axes, marks, places)
    left, bottom, right, top = map(float, axes.bbox.extents)
    bounds = (left + 2, bottom + 2, right + 20, top + 6)
    found = []
    for mark, (x, y) in zip(marks, centres, strict=True):
        near = [(a - BESIDE, b - LINE, a + BESIDE, b + LINE) for a, b in centres if [a, b] != [x, y]]
        boxes = _around(x, y, LETTER * min(len(mark.label), LONGEST))
        free = [box for box in boxes if _inside(box, bounds) and not any(_meet(box, other) for other in taken)]
        if not free:
            return None
        clutter = [
            3 * sum(_meet(box, other) for other in near) + sum(_meet(box, line) for line in lines) for box in free
        ]
        chosen = free[clutter.index(min(clutter))]  # of equal ones the first
        taken.append(chosen)
        found.append(chosen)
    return found


def _lines(axes: Axes, marks: Sequence[Mark], places: Mapping[str, float]) -> list[Box]:
    """What names should keep off where they can: intervals, steps, and lines between settings, as thin boxes."""
    ends = list(pairwise(_corners(axes, marks, places)))
    for mark in marks:
        ends.append(((places[mark.label], mark.time_low), (places[mark.label], mark.time_high)))
        if mark.error is not None and mark.error_high is not None:
            ends.append(((mark.error, mark.time), (mark.error_high, mark.time)))
    for joined in _joined(marks, places):
        ends += pairwise(joined)
    boxes: list[Box] = []
    for pair in ends:
        start, end = axes.transData.transform(pair)
        corners = np.linspace(start, end, PIECES + 1).tolist()
        boxes += [
            (min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1)
            for (x0, y0), (x1, y1) in pairwise(corners)
        ]
    return boxes


def _joined(marks: Sequence[Mark], places: Mapping[str, float]) -> list[list[tuple[float, float]]]:
    """The places of each group of marks, from the most accurate on."""
    groups = dict.fromkeys(mark.group for mark in marks)
    return [sorted((places[mark.label], mark.time) for mark in marks if mark.group == group) for group in groups]


def _around(x: float, y: float, width: float) -> list[Box]:
    """Boxes for a name beside a mark, the best first: right, left, above, below, and a line further away."""
    near = MARK + 3
    corners = [(x + near, y - LINE / 2), (x + near, y + 3), (x + near, y - LINE - 3), (x - near - width, y - LINE / 2)]
    corners += [(x - near - width, y + 3), (x - near - width, y - LINE - 3)]
    for gap in (near, near + LINE):
        for left in (x - near, x - width / 2, x - width + near):
            corners += [(left, y + gap - 2), (left, y - gap - LINE + 2)]
    return [(left, bottom, left + width, bottom + LINE) for left, bottom in corners]


def _inside(box: Box, bounds: Box) -> bool:
    return box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
