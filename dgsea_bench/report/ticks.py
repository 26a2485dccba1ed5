"""Where logarithmic axes have their ticks: at numbers that are round in the unit they are told in."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Form

STEPS = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
"""Ticks of a power of ten, from the closest to the farthest apart."""

NEARLY = 0.81
"""From this share of the next unit on a tick would run into that unit's first: 800 KiB is told, 1000 KiB is not."""


@dataclass(frozen=True)
class Units:
    """How a tick is written, and the sizes of the units that it is written in, smallest first."""

    form: Form
    sizes: tuple[float, ...]

    def __call__(self, value: float) -> str:
        """A tick in words: ``10 ms``."""
        return self.form(value)


SECONDS = Units(wording.seconds_tick, (1e-6, 1e-3, 1.0, 60.0, 3600.0))
MEBIBYTES = Units(wording.mebibytes_tick, (2.0**-10, 1.0, 2.0**10, 2.0**20))


def ticks_for(form: Form, low: float, high: float, most: int = 7) -> list[float]:
    """Ticks between low and high, at most that many, round as that form writes them."""
    return log_ticks(low, high, most, form.sizes if isinstance(form, Units) else (1.0,))


def log_ticks(low: float, high: float, most: int = 7, units: tuple[float, ...] = (1.0,)) -> list[float]:
    """Round numbers of these units between low and high, evenly spread on a logarithmic axis, at most that many."""
    for steps in STEPS:
        ticks = [tick for tick in _round_numbers(low, high, units, steps) if low <= tick <= high]
        if len(ticks) <= most:
            return ticks or [math.sqrt(low * high)]
    whole = [unit for unit in units if low <= unit <= high]
    if 3 <= len(whole) <= most:
        return whole
    return ticks[:: math.ceil(len(ticks) / most)]


def _round_numbers(low: float, high: float, units: tuple[float, ...], steps: Iterable[float]) -> Iterable[float]:
    """In each unit those below the next unit; in the smallest one its parts too."""
    for number, unit in enumerate(units):
        first = math.floor(math.log10(low / unit)) if number == 0 else 0
        ceiling = min(high, math.inf if unit == units[-1] else NEARLY * units[number + 1])
        for power in range(first, math.floor(math.log10(ceiling / unit)) + 1):
            yield from (tick for step in steps if (tick := step * 10.0**power * unit) <= ceiling)
