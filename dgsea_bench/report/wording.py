"""Numbers, names and lists as people read them."""

import math
from collections.abc import Callable, Iterable, Sequence

from dgsea_bench.bench.metrics import METRICS, ROUNDING, Growth

Words = Callable[[float | None], str]
"""A number in words, also one that is not known."""
UNKNOWN = "–"
SPACE = "\u00a0"
"""Between a number and its unit: no line breaks there."""
POSITIONS_ROUNDING = 1e-9
"""Errors of a rank, in positions, below this are rounding."""
PERCENT_FROM = 1e-4
"""Errors from here on are given in percent, smaller ones as 1.3e-6."""


def count(number: float | None) -> str:
    """A whole number with thousands separated: ``4,000``."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def _three_digits(value: float) -> str:
    """Three significant digits, without an exponent below 1,000,000: ``12.3``, ``0.0457``, ``1,230``."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    return f"{value:,.{decimals}f}"


def _short(value: float) -> str:
    """At most three significant digits, and no zeros at the end: for ticks."""
    text = _three_digits(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(value: float | None) -> str:
    """A time in the unit that suits it: ``12.3 ms``."""
    if value is None:
        return UNKNOWN
    for unit, factor in (("µs", 1e6), ("ms", 1e3)):
        if value * factor < 999.5:
            return f"{_three_digits(value * factor)}{SPACE}{unit}"
    for unit, factor, below in (("s", 1, 300), ("min", 60, 300 * 60)):
        if value < below:
            return f"{_three_digits(value / factor)}{SPACE}{unit}"
    return f"{_three_digits(value / 3600)}{SPACE}h"


def seconds_tick(value: float) -> str:
    """A time on an axis: ``10 ms``, ``2 min``."""
    for unit, size in (("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if value >= 0.9995 * size:
            return f"{_short(value / size)}{SPACE}{unit}"
    return f"{_short(value * 1e6)}{SPACE}µs"


def mebibytes(value: float | None) -> str:
    """An amount of memory: ``16 KiB``, ``2.4 MiB``, ``41 MiB``, ``1.30 GiB``."""
    if value is None:
        return UNKNOWN
    if 0 < value < 0.95:
        return f"{value * 1024:.0f}{SPACE}KiB"
    if value >= 1023.5:
        return f"{_three_digits(value / 1024)}{SPACE}GiB"
    return f"{value:.1f}{SPACE}MiB" if value < 9.95 else f"{value:.0f}{SPACE}MiB"


def mebibytes_tick(value: float) -> str:
    """Memory on an axis: ``100 KiB``, ``20 MiB``."""
    for unit, size in (("TiB", 2**20), ("GiB", 2**10), ("MiB", 1)):
        if value >= size:
            return f"{_short(value / size)}{SPACE}{unit}"
    return f"{_short(value * 1024)}{SPACE}KiB"


def error(value: float | None) -> str:
    """A relative error: ``0.13 %``, ``1.3e-6``, ``same to rounding``, or ``0``."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    if value < ROUNDING:
        return "same to rounding"
    if value < PERCENT_FROM:
        return _exponent(value, 1)
    percent = 100 * value
    decimals = 2 if percent < 9.995 else 1 if percent < 99.95 else 0
    return f"{percent:,.{decimals}f}{SPACE}%"


def error_tick(value: float) -> str:
    """An error on an axis: ``0.1 %``, ``1e-6``."""
    return _exponent(value, 1).replace(".0", "") if value < 0.99 * PERCENT_FROM else f"{_short(100 * value)}{SPACE}%"


def share(value: float | None) -> str:
    """A correlation, cosine or share: ``0.984``; more digits close to 1, where they matter."""
    if value is None:
        return UNKNOWN
    if 0.9995 <= value < 1 - ROUNDING:
        return f"1 − {_exponent(1 - value, 1)}"
    return f"{value:.3f}".replace("-", "−")


def change(value: float | None) -> str:
    """A difference of correlations or shares: ``+0.049``, ``−0.0012``; ``0`` below half of the last digit."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if abs(value) < 5e-5:
        return "0"
    return f"{value:+.{3 if abs(value) >= 0.00995 else 4}f}".replace("-", "−")


def percent_change(value: float | None) -> str:
    """A ratio minus 1: ``+12 %``, ``−0.4 %``."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{100 * value:+.{0 if abs(value) >= 0.0995 else 1}f}{SPACE}%".replace("-", "−")


def interval(low: float | None, high: float | None, form: Words) -> str:
    """The ends of an interval: ``+0.041 to +0.057``; nothing where there is none."""
    return "" if low is None or high is None else f"{form(low)}{SPACE}to{SPACE}{form(high)}"


def share_tick(value: float) -> str:
    """A share on an axis: ``0.90``, ``0.975``."""
    whole, digits = f"{value:.4f}".split(".")
    return f"{whole}.{digits.rstrip('0'):0<2}".replace("-", "−")


def times(factor: float) -> str:
    """A ratio: ``1.4``, ``12``."""
    return f"{factor:.1f}" if factor < 9.95 else f"{factor:,.0f}"


def ratio(value: float) -> str:
    """A ratio to be read closely: ``1.04``, ``12.3``."""
    return _three_digits(value) if value >= 1 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def slope(growth: Growth | None) -> str:
    """An exponent with its interval: ``1.93 (1.80 to 2.06)``."""
    if growth is None:
        return UNKNOWN
    return f"{growth.slope:.2f} ({growth.low:.2f} to {growth.high:.2f})".replace("-", "−")


def metric(name: str, value: float | None) -> str:
    """A value of that metric in its unit."""
    unit, better = METRICS[name].unit, METRICS[name].better
    if value is None:
        return UNKNOWN
    formats: dict[str, Callable[[float], str]] = {"s": seconds, "MiB": mebibytes, "positions": _positions}
    formats |= {"steps": count, "λ": "{:g}".format, "of a step": percent_change}
    formats |= dict.fromkeys(("dNES²", "NES²", "units of the scores"), _plain)
    return formats.get(unit, error if better == "lower" else share)(value)


def tracked(value: float | None, unit: str) -> str:
    """A value in a unit of asv's: ``12.3 ms`` of seconds, ``2.4 MiB`` of bytes, else a number with its unit."""
    if value is None:
        return UNKNOWN
    if value < 0:
        return f"−{tracked(-value, unit)}"
    if unit == "seconds":
        return seconds(value)
    if unit == "bytes":
        return mebibytes(value / 2**20) if value >= 1024 else f"{value:.0f}{SPACE}B"
    number = "0" if value == 0 else _exponent(value, 2) if value < 1e-3 else _three_digits(value)
    return number if unit in ("", "unit") else f"{number}{SPACE}{unit}"


def span(values: Iterable[float | None], form: Callable[[float | None], str]) -> str:
    """The smallest and the largest of `values`: ``12 ms to 15 ms``; one of them if they read the same."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return UNKNOWN
    low, high = form(known[0]), form(known[-1])
    return low if low == high else f"{low} to {high}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def plural(number: int, singular: str, many: str | None = None) -> str:
    """``1 case``, ``2 cases``."""
    return f"{count(number)} {singular if number == 1 else many or singular + 's'}"


def capital(text: str) -> str:
    """The same with its first letter raised."""
    return text[:1].upper() + text[1:]


def shortened(text: str, most: int = 30) -> str:
    """Text that fits into a figure; the middle goes, since beginnings and ends tell names apart."""
    if len(text) <= most:
        return text
    front = (most - 1) // 2
    return f"{text[:front]}…{text[front + 1 - most :]}"


def _exponent(value: float, decimals: int) -> str:
    mantissa, power = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}e{int(power)}"


def _plain(value: float) -> str:
    return f"{value:,.3f}".replace("-", "−")


def _positions(value: float) -> str:
    if 0 < value < POSITIONS_ROUNDING:
        return "same to rounding"
    return _exponent(value, 1) if 0 < value < 1e-3 else _three_digits(value)
