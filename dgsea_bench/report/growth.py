"""How cost grows along an axis: the fitted exponents of time and of memory, beside the order that is claimed."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dgsea_bench.bench.metrics import Growth
from dgsea_bench.report import plots, wording
from dgsea_bench.report.content import Figure
from dgsea_bench.report.exponents import Exponents, exponents, limits
from dgsea_bench.report.quantities import MEMORY, TIME, Quantity
from dgsea_bench.report.rows import Line, Run

MOST_CUT = 3
"""Intervals that a caption tells one by one."""
NEEDED = "A fit needs three sizes at which the cost could be measured."


def growth_figure(run: Run, lines: Sequence[Line]) -> Figure:
    """The exponents of time and of memory, a row per backend.

    `lines` are those of one family; what has no fit is told so in its row.
    """
    axis = lines[0].axis
    looks = plots.look_of(run)
    rows = [
        Exponents(line.label, line.results[0].cost, looks[line.label], _fit(line, TIME), _fit(line, MEMORY))
        for line in lines
    ]
    where = plots.describe(run, lines[0].family)
    heading = _heading(lines, axis)
    if not any(row.time or row.memory for row in rows):
        return Figure(heading, None, f"{where}.", missing=f"Not drawn: {NEEDED[:1].lower()}{NEEDED[1:]}")
    svg = exponents(rows, f"exponent of growth with {axis}")
    told = [f"{row.label} (claims {row.claimed}): {_in_words(row)}" for row in rows]
    caption = " ".join([f"{where}.", *_caption(rows, lines)])
    return Figure(heading, svg, caption, f"Dot plot. {heading}. {'; '.join(told)}.", data=_data(rows))


def _fit(line: Line, quantity: Quantity) -> Growth | None:
    """The classical baseline has no gradient: its cost is that of the forward pass."""
    name = quantity.metric if line.results[0].target == "dgsea" else quantity.baseline
    return line.growth(name) if name else None


def _heading(lines: Sequence[Line], axis: str) -> str:
    """Which backend's time grows slowest, and which one's fastest, as far as intervals tell them apart."""
    fits = {line.label: fit for line in lines if line.results[0].target == "dgsea" and (fit := _fit(line, TIME))}
    if not fits:
        return f"How time grows with {axis} is not known"
    ends = [end for fit in fits.values() for end in fit.sizes]
    place = f"From {min(ends):,.0f} to {max(ends):,.0f} {axis}"
    order = sorted(fits, key=lambda label: fits[label].slope)
    first, last = order[0], order[-1]
    if len(fits) == 1:
        return f"{place} time of {first} grows with an exponent of {wording.slope(fits[first])}"
    alike = [label for label in order if fits[label].low <= fits[first].high]
    if last in alike:
        return f"{place} exponents of time are alike within their intervals: {_span(fits, order)}"
    slowest = (
        f"{first}, exponent {wording.slope(fits[first])}"
        if len(alike) == 1
        else f"{wording.listed(alike)}, alike within their intervals: {_span(fits, alike)}"
    )
    return f"{place} time grows slowest for {slowest}; fastest for {last}, {wording.slope(fits[last])}"


def _span(fits: Mapping[str, Growth], labels: Sequence[str]) -> str:
    """``0.94 (fastsum) to 1.20 (exact)``."""
    texts = [f"{fits[label].slope:.2f}".replace("-", "−") + f" ({label})" for label in (labels[0], labels[-1])]
    return " to ".join(texts)


def _caption(rows: Sequence[Exponents], lines: Sequence[Line]) -> list[str]:
    """What the marks mean, over which sizes they are fitted, and what is cut or missing."""
    parts = [
        "Exponents k of cost ~ size^k, by least squares on logarithms, with their 95 % intervals; below each name the "
        "order that the backend claims."
    ]
    baselines = [line.label for line in lines if line.results[0].target == "gsea"]
    parts += [f"Of {wording.listed(baselines)} the forward pass only."] if baselines else []
    ranges: dict[str, list[str]] = {}
    for row in rows:
        if fit := row.time or row.memory:
            ranges.setdefault(f"{fit.sizes[0]:,.0f} to {fit.sizes[1]:,.0f}", []).append(row.label)
    if len(ranges) > 1:
        sizes = [f"{sizes} for {wording.listed(labels)}" for sizes, labels in ranges.items()]
        parts.append(f"Fitted over {'; '.join(sizes)}.")
    low, high = limits(rows)
    cut = [
        f"{name} of {row.label}, {wording.slope(fit)}"
        for row in rows
        for name, fit in (("time", row.time), ("memory", row.memory))
        if fit and (fit.low < low or fit.high > high)
    ]
    told = "; ".join(cut) if len(cut) <= MOST_CUT else f"{len(cut)} of them; the data have their ends"
    parts += [f"Arrows: the interval goes beyond the axis ({told})."] if cut else []
    parts += [NEEDED] if any(row.time is None or row.memory is None for row in rows) else []
    return parts


def _in_words(row: Exponents) -> str:
    fits = {"time": row.time, "memory": row.memory}
    return ", ".join(f"{name} {wording.slope(fit) if fit else 'not fitted'}" for name, fit in fits.items())


def _data(rows: Sequence[Exponents]) -> pd.DataFrame:
    table = [
        (row.label, row.claimed, quantity.metric, fit.slope, fit.low, fit.high, *fit.sizes)
        for row in rows
        for quantity, fit in ((TIME, row.time), (MEMORY, row.memory))
        if fit
    ]
    columns = ["backend", "claimed", "cost", "exponent", "low", "high", "smallest size", "largest size"]
    return pd.DataFrame(table, columns=columns)
