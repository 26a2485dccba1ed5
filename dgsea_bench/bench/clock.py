"""Honest clocks: warm-ups apart, repeats until the median is known, and how busy the machine was meanwhile.

After pyperf: raw values are kept, and a result that stays unstable is flagged rather than hidden.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import scipy

from dgsea_bench.bench.case import MeasureSettings
from dgsea_bench.bench.control_groups import throttled_seconds
from dgsea_bench.bench.cores import usable_cores
from dgsea_bench.bench.processors import busy_ticks, stolen_ticks

WARM_UP_SECONDS = 0.1
"""A processor that has slept, or changes to wide vectors, takes some tens of milliseconds to reach its speed."""
CONFIDENCE = 0.95
HERE, BUSY = 0.1, 0.25
"""Above this much that others take times are flagged: of the cores of a case; of all cores, as a share."""
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 1

Interval = tuple[float, float]


def repeat(call: Callable[[], dict[str, float]], settings: MeasureSettings) -> pd.DataFrame:
    """Time a call again and again: a row per repeat and phase, ``repeat, phase, seconds, warm_up``.

    Warm-ups come first, at least one call and `WARM_UP_SECONDS`. Then at least `settings.repeats` calls and
    `settings.min_seconds`; and on until the 95 % interval of each phase's median lies within `settings.interval` of it,
    or `settings.max_seconds` are spent.

    Args:
        call: returns the seconds of each of its phases.
        settings: how carefully.
    """
    warm = _calls(call, lambda _, total: total >= WARM_UP_SECONDS, at_least=1)
    gc.collect()
    timed = _calls(call, lambda values, total: _enough(values, total, settings), at_least=settings.repeats)
    rows = [
        (number, phase, seconds, warm_up)
        for calls, warm_up in ((warm, True), (timed, False))
        for phase, values in calls.items()
        for number, seconds in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["repeat", "phase", "seconds", "warm_up"])


def _calls(
    call: Callable[[], dict[str, float]], enough: Callable[[dict[str, list[float]], float], bool], at_least: int
) -> dict[str, list[float]]:
    """Seconds of every call by phase."""
    values: dict[str, list[float]] = {}
    total, count, next_look = 0.0, 0, at_least
    while True:
        start = time.perf_counter()
        seconds = call()
        for phase, value in seconds.items():
            values.setdefault(phase, []).append(value)
        total += max(*seconds.values(), time.perf_counter() - start)  # what is around the clocked part takes time too
        count += 1
        if count >= next_look:
            if enough(values, total):
                return values
            next_look = int(1.05 * count) + 1  # a look sorts all values: it must not cost more than the calls


def _enough(values: dict[str, list[float]], total: float, settings: MeasureSettings) -> bool:
    if total < settings.min_seconds:
        return False
    return total >= settings.max_seconds or all(
        relative_width(np.asarray(each)) <= settings.interval for each in values.values()
    )


def median_interval(seconds: np.ndarray) -> Interval:
    """An interval that holds the median with a confidence of 95 %, whatever the distribution; of independent values.

    From the order statistics: fewer than k of n values lie below the median with a probability below 2.5 %. With
    fewer than six values it is their range, of a lower confidence: 94 % with five.
    """
    ordered = np.sort(seconds)
    below = scipy.special.bdtr(np.arange(len(ordered)), len(ordered), 0.5)
    outside = max(int(np.searchsorted(below, (1 - CONFIDENCE) / 2)), 1)
    return float(ordered[outside - 1]), float(ordered[-outside])


def relative_width(seconds: np.ndarray) -> float:
    """The further end of that interval from the median, as a share of the median."""
    low, high = median_interval(seconds)
    median = float(np.median(seconds))
    return max(high - median, median - low) / median if median > 0 else 0.0


def time_metrics(timings: pd.DataFrame) -> dict[str, float]:
    """Median, quartiles and interval of each phase: ``forward_seconds``, ``_q1``, ``_q3``, ``_low``, ``_high``."""
    metrics: dict[str, float] = {}
    for phase, seconds in _timed(timings).items():
        metrics |= quartiles(f"{phase}_seconds", seconds)
        metrics[f"{phase}_seconds_low"], metrics[f"{phase}_seconds_high"] = median_interval(seconds)
    return metrics


def quartiles(name: str, values: np.ndarray) -> dict[str, float]:
    """The median by that name, and ``<name>_q1`` and ``<name>_q3``."""
    first, median, third = np.quantile(np.asarray(values, float), [0.25, 0.5, 0.75])
    return {name: float(median), f"{name}_q1": float(first), f"{name}_q3": float(third)}


def unstable(timings: pd.DataFrame, settings: MeasureSettings) -> list[str]:
    """A line per phase whose median is not known as well as was asked for."""
    told = []
    for phase, seconds in _timed(timings).items():
        width = relative_width(seconds)
        if width > settings.interval:
            told.append(
                f"unstable {phase} time: its median is known to ±{width:.0%} after {len(seconds)} calls, "
                f"asked for ±{settings.interval:.0%}"
            )
    return told


def _timed(timings: pd.DataFrame) -> dict[str, np.ndarray]:
    kept = timings[~timings["warm_up"]]
    return {str(phase): seconds.to_numpy(float) for phase, seconds in kept.groupby("phase")["seconds"]}


@contextmanager
def watched_load() -> Iterator[dict[str, float]]:
    """A dictionary that is filled when the block ends; what the system does not tell is left out.

    ``load_before`` and ``load_after``: running processes, mean over a minute. In cores, during the block:
    ``others_busy``: what other processes kept busy; ``others_here``: of that on the cores that this process may use;
    ``stolen``: what the host of a virtual machine took. ``throttled``: seconds that a container's quota withheld.
    """
    load: dict[str, float] = {}
    average, ticks, stolen, throttled = _load_average(), busy_ticks(), stolen_ticks(), throttled_seconds()
    start, own = time.perf_counter(), time.process_time()
    yield load
    seconds, own = time.perf_counter() - start, time.process_time() - own
    busy = {core: (now - ticks.get(core, now)) / TICKS for core, now in busy_ticks().items()}
    if average is not None:
        load |= {"load_before": average, "load_after": _load_average() or 0.0}
    if busy and seconds > 0:
        here = sum(busy.get(core, 0.0) for core in usable_cores())
        load["others_busy"] = max(0.0, (sum(busy.values()) - own) / seconds)
        load["others_here"] = max(0.0, (here - own) / seconds)
        load["stolen"] = (stolen_ticks() - stolen) / TICKS / seconds
    if throttled is not None:
        load["throttled"] = (throttled_seconds() or 0.0) - throttled


def disturbed(load: dict[str, float]) -> list[str]:
    """Whether others worked on the machine, or it was held back, while something was timed."""
    told = {
        "others_here": (HERE, "other programs took {:.1f} of its cores"),
        "others_busy": (BUSY * (os.cpu_count() or 1), "other programs kept {:.1f} cores of the machine busy"),
        "stolen": (HERE, "the host took {:.1f} cores away"),
        "throttled": (0.0, "its quota of processor time held it up for {:.1f} s"),
    }
    return [
        f"{text.format(load[name])} while this was timed"
        for name, (most, text) in told.items()
        if load.get(name, 0.0) > most
    ]


def _load_average() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
