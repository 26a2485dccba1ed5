"""A row of numbers as a line of text: one bar each."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
FLAT = 0.25
"""The bars span at least this share of the values' size, lest noise look like mountains."""


def bars(values: Sequence[float | None], blank: str = " ") -> str:
    """A character for each finite value, from the smallest, ``▁``, to the largest, ``█``; `blank` where there is none.

    Values that hardly differ are all in the middle: ``▄▅▅▄``.
    """
    known = [value for value in values if value is not None] or [0.0]
    middle = max(known) / 2 + min(known) / 2
    half = max(max(known) / 2 - min(known) / 2, FLAT / 2 * abs(middle)) or 1.0
    return "".join(blank if value is None else _bar((value - middle) / half) for value in values)


def _bar(height: float) -> str:
    """The bar of a height from -1 to 1, or beyond by rounding."""
    level = math.floor((height + 1) / 2 * len(BARS))
    return BARS[max(0, min(level, len(BARS) - 1))]
