"""Where a line or a row of dots has no value: what is written there, and why."""

import math
from collections.abc import Sequence
from itertools import pairwise

from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Gap, Point
from dgsea_bench.report.quantities import Quantity
from dgsea_bench.report.rows import Line, Result

NO_VALUE = "✕ marks a size without a result, at the height of its neighbours."
NO_DOT = "✕: no result; All cases says why."


def gaps_of(line: Line, points: Sequence[Point]) -> tuple[Gap, ...]:
    """A gap for each size without a result between the points, and for the next one before and after them.

    Not where the line ends for another reason: a size that has a result, but not this value.
    """
    first, last = points[0].x, points[-1].x
    before = [result for result in line.results if _size(result, line) < first]
    within = [result for result in line.results if first < _size(result, line) < last]
    after = [result for result in line.results if _size(result, line) > last]
    told = {_size(item, line): item.rows[0].status for item in (*before[-1:], *within, *after[:1]) if not item.done}
    return tuple(Gap(float(size), status, _height(size, points)) for size, status in told.items())


def _height(size: float, points: Sequence[Point]) -> float:
    """On the line between its neighbours, or level with the nearest of them."""
    for left, right in pairwise(points):
        if left.x < size < right.x:
            share = math.log(size / left.x) / math.log(right.x / left.x)
            return float(left.y * (right.y / left.y) ** share)
    return points[0].y if size < points[0].x else points[-1].y


def notes_of(line: Line) -> list[str]:
    """Where a line has no result: ``failed at 2,000``, and last where it ends: ``out of memory at 64,000``."""
    results = list(line.results)
    trailing: list[Result] = []
    while results and not results[-1].done:
        trailing.append(results.pop())
    within = [result for result in results if not result.done]
    return [*_within(line, within), *([_told(line, trailing[-1])] if trailing and results else [])]


def _within(line: Line, results: Sequence[Result]) -> list[str]:
    if len(results) > 1:
        return [f"no result at {len(results)} sizes"]
    return [_told(line, result) for result in results]


def _told(line: Line, result: Result) -> str:
    return f"{result.rows[0].status} at {_size(result, line):,}"


def reasons_of(line: Line) -> str:
    """Sizes without a result, with the reason of each."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for result in line.results:
        if not result.done:
            row = result.rows[0]
            outcome = row.status, row.reason or "no reason was given"
            sizes.setdefault(outcome, []).append(f"{_size(result, line):,}")
    told = [f"{status} at {wording.listed(at)} {line.axis}: {reason}" for (status, reason), at in sizes.items()]
    return f"{'; '.join(told)}." if told else ""


def gap_in_row(result: Result, place: int, quantity: Quantity) -> Gap | None:
    """What stands in the place of a dot: the status of a case without a result, or that its error is not known."""
    if result.target == "gsea" and (quantity.kind != "cost" or quantity.baseline is None):
        return None
    if not result.done:
        return Gap(place, result.rows[0].status)
    untold = quantity.kind == "error" and any(row.without_truth for row in result.done)
    return Gap(place, "not known") if untold and not result.values(quantity.metric) else None


def _size(result: Result, line: Line) -> int:
    return int(getattr(result.problem, line.axis))
