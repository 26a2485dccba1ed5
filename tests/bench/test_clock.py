"""Clocks: how long they go on, what they say of a median, and whether they see that others worked."""

import gc
import itertools
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.bench import clock, processors
from dgsea_bench.bench.case import MeasureSettings
from dgsea_bench.bench.clock import (
    WARM_UP_SECONDS,
    disturbed,
    median_interval,
    quartiles,
    relative_width,
    repeat,
    time_metrics,
    unstable,
    watched_load,
)
from dgsea_bench.bench.cores import usable_cores

SECONDS = st.floats(1e-3, 0.3)
SAMPLES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60).map(np.array)


@pytest.fixture(scope="module", autouse=True)
def what_was_imported_is_not_looked_through_again():
    """Each clock collects garbage once, which takes a fifth of a second with all that the tests import."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def settings(**changes):
    return MeasureSettings(**{"repeats": 5, "min_seconds": 0.0, "max_seconds": 2.0, "interval": 0.05, **changes})


def fake(*phases):
    """A call whose phases take these seconds, again and again."""
    turns = zip(*(itertools.cycle(values) for values in phases))
    return lambda: {f"phase{number}": seconds for number, seconds in enumerate(next(turns))}


def timed(timings, phase="phase0"):
    return timings.query("not warm_up and phase == @phase")["seconds"].to_numpy()


def warm_ups(timings, phase="phase0"):
    return timings.query("warm_up and phase == @phase")["seconds"].to_numpy()


@given(
    st.lists(SECONDS, min_size=1, max_size=8),
    st.integers(5, 20),
    st.floats(0, 1),
    st.floats(0, 3),
    st.floats(0.001, 0.5),
)
def test_a_clock_goes_on_until_enough_is_known_or_its_time_is_spent_and_little_further(
    cycle, repeats, least, most, interval
):
    asked = settings(repeats=repeats, min_seconds=least, max_seconds=most, interval=interval)
    values = timed(repeat(fake(cycle), asked))

    def enough(count):
        known = values[:count]
        done = known.sum() >= most - 1e-9 or relative_width(known) <= interval
        return count >= repeats and known.sum() >= least - 1e-9 and done

    assert enough(len(values))
    looks = [count for count in range(repeats, len(values)) if count <= (len(values) - 1) / 1.05]
    assert not looks or not all(enough(count) for count in looks)


@given(SECONDS, st.integers(5, 30), st.floats(0, 2))
def test_a_steady_call_stops_as_soon_as_it_has_its_repeats_and_seconds(seconds, repeats, least):
    values = timed(repeat(fake([seconds]), settings(repeats=repeats, min_seconds=least, max_seconds=100.0)))
    needed = max(repeats, least / seconds)
    assert needed - 1e-6 <= len(values) <= 1.05 * needed + 2


def test_a_noisy_call_uses_its_budget_and_a_steady_one_does_not():
    noisy = timed(repeat(fake([0.01, 0.02]), settings(max_seconds=3.0)))
    steady = timed(repeat(fake([0.01]), settings(max_seconds=3.0)))
    assert 3.0 <= noisy.sum() <= 3.0 * 1.05 + 0.04
    assert len(steady) == 5


def test_a_budget_below_the_least_seconds_does_not_cut_them_short():
    values = timed(repeat(fake([0.1, 0.3]), settings(min_seconds=4.0, max_seconds=0.0)))
    assert values.sum() >= 4.0 - 1e-9


def test_a_wider_interval_asks_for_fewer_calls():
    draws = np.random.default_rng(0).lognormal(-4, 0.4, 5000).tolist()
    counts = [
        len(timed(repeat(fake(draws), settings(interval=share, max_seconds=100.0)))) for share in (0.3, 0.1, 0.03)
    ]
    assert counts == sorted(set(counts))


def test_a_clock_goes_on_until_each_of_its_phases_is_known():
    steady_beside_noisy = repeat(fake([0.02], [0.001, 0.005]), settings(max_seconds=1.0))
    assert timed(steady_beside_noisy).sum() >= 1.0
    assert len(timed(steady_beside_noisy)) == len(timed(steady_beside_noisy, "phase1"))


@given(st.lists(SECONDS, min_size=1, max_size=8))
def test_there_is_at_least_one_warm_up_and_a_tenth_of_a_second_of_them_before_what_counts(cycle):
    call, made = fake(cycle), []

    def remembered():
        seconds = call()
        made.append(seconds["phase0"])
        return seconds

    timings = repeat(remembered, settings())
    warm = warm_ups(timings)
    assert len(warm) >= 1
    assert warm.sum() >= WARM_UP_SECONDS - 1e-9
    assert len(warm) <= 2 + 1.05 * np.searchsorted(np.cumsum(made), WARM_UP_SECONDS)
    assert [*warm, *timed(timings)] == made


def test_one_call_is_warm_up_enough_if_it_is_long():
    assert warm_ups(repeat(fake([3.0]), settings())).tolist() == [3.0]


def test_phases_are_kept_apart_and_each_is_numbered_from_zero():
    timings = repeat(fake([0.05, 0.06], [0.01]), settings(interval=1.0))
    assert list(timings.columns) == ["repeat", "phase", "seconds", "warm_up"]
    assert set(timings.query("phase == 'phase1'")["seconds"]) == {0.01}
    for _, group in timings.groupby(["phase", "warm_up"]):
        assert group["repeat"].tolist() == list(range(len(group)))


def test_phases_of_one_call_share_its_time_rather_than_add_up():
    values = timed(repeat(fake([0.1], [0.1], [0.1]), settings(min_seconds=1.0)))
    assert values.sum() == pytest.approx(1.0, abs=0.11)


def coverage(count):
    """The exact confidence of the interval of so many values: the number below the median is binomial."""
    low, high = median_interval(np.arange(1, count + 1, dtype=float))
    below = scipy.stats.binom(count, 0.5)
    return below.cdf(high - 1) - below.cdf(low - 1), below.cdf(high - 2) - below.cdf(low), (low, high)


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10, 15, 16, 17, 25, 100, 101, 999, 20_000])
def test_the_interval_is_the_tightest_symmetric_one_with_a_confidence_of_95_percent(count):
    confidence, of_the_next, (low, high) = coverage(count)
    assert low + high == count + 1
    assert confidence >= 0.95 > of_the_next


@pytest.mark.parametrize(("count", "confidence"), [(1, 0.0), (2, 0.5), (3, 0.75), (4, 0.875), (5, 0.9375)])
def test_fewer_than_six_values_have_their_range_of_a_lower_confidence(count, confidence):
    assert coverage(count)[2] == (1, count)
    assert coverage(count)[0] == pytest.approx(confidence)


@given(st.lists(st.floats(1e-6, 1e3), min_size=6, max_size=200, unique=True).map(np.array))
def test_the_interval_is_that_of_scipys_test_of_a_quantile(values):
    found = scipy.stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    assert median_interval(values) == (found.low, found.high)


@given(SAMPLES, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_the_interval_holds_the_median_whatever_the_order_and_the_unit(values, random, factor):
    low, high = median_interval(values)
    assert values.min() <= low <= np.median(values) <= high <= values.max()
    assert median_interval(np.array(random.sample(values.tolist(), len(values)))) == (low, high)
    assert median_interval(values * factor) == (low * factor, high * factor)


@pytest.mark.parametrize("count", [6, 9, 25, 60])
def test_the_interval_holds_the_true_median_of_skewed_times_as_often_as_it_says(count):
    draws = np.random.default_rng(1).lognormal(0.0, 1.5, (4000, count))
    held = np.mean([low <= 1.0 <= high for low, high in map(median_interval, draws)])
    exact = coverage(count)[0]
    assert held == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / len(draws)))


@given(SAMPLES, st.floats(1e-3, 1e3))
def test_the_width_is_that_of_the_further_end_and_has_no_unit(values, factor):
    low, high = median_interval(values)
    median, width = np.median(values), relative_width(values)
    slack = 1e-9 * median
    assert (1 - width) * median - slack <= low <= high <= (1 + width) * median + slack
    assert width == pytest.approx(max(high / median - 1, 1 - low / median), abs=1e-9)
    assert relative_width(values * factor) == pytest.approx(width, rel=1e-6, abs=1e-9)


def test_the_width_of_values_that_are_all_the_same_is_none():
    assert relative_width(np.full(9, 0.3)) == 0
    assert relative_width(np.zeros(9)) == 0


def table(*phases):
    rows = [(n, f"phase{p}", s, False) for p, values in enumerate(phases) for n, s in enumerate(values)]
    rows += [(0, f"phase{p}", 1e6, True) for p in range(len(phases))]
    return pd.DataFrame(rows, columns=["repeat", "phase", "seconds", "warm_up"])


@given(SAMPLES, SAMPLES)
def test_metrics_of_time_hold_the_median_of_each_phase_without_its_warm_ups(one, other):
    metrics = time_metrics(table(one, other))
    assert len(metrics) == 10
    for number, values in enumerate((one, other)):
        name = f"phase{number}_seconds"
        assert metrics[name] == np.median(values)
        for low, high in (("low", "high"), ("q1", "q3")):
            assert (
                values.min() <= metrics[f"{name}_{low}"] <= metrics[name] <= metrics[f"{name}_{high}"] <= values.max()
            )
        assert (metrics[f"{name}_low"], metrics[f"{name}_high"]) == median_interval(values)


def test_few_values_leave_the_median_less_known_than_the_middle_half_and_many_more():
    few = time_metrics(table(np.arange(1.0, 6.0)))
    many = time_metrics(table(np.arange(1.0, 101.0)))
    assert few["phase0_seconds_low"] < few["phase0_seconds_q1"] < few["phase0_seconds_q3"] < few["phase0_seconds_high"]
    assert many["phase0_seconds_q1"] < many["phase0_seconds_low"] < many["phase0_seconds_high"]
    assert many["phase0_seconds_high"] < many["phase0_seconds_q3"]


@given(SAMPLES)
def test_quartiles_are_those_of_numpy(values):
    found = quartiles("x", values)
    assert list(found.values()) == pytest.approx(np.quantile(values, [0.5, 0.25, 0.75]).tolist())
    assert list(found) == ["x", "x_q1", "x_q3"]


@given(SAMPLES, SAMPLES, st.floats(0.001, 2))
def test_exactly_the_phases_whose_interval_is_too_wide_are_called_unstable(one, other, interval):
    told = unstable(table(one, other), settings(interval=interval))
    wide = [f"phase{n}" for n, values in enumerate((one, other)) if relative_width(values) > interval]
    assert [line.split()[1] for line in told] == wide


def test_an_unstable_time_says_how_well_it_is_known():
    assert unstable(table([1.0, 1.0, 1.0, 1.0, 1.5]), settings()) == [
        "unstable phase0 time: its median is known to ±50% after 5 calls, asked for ±5%"
    ]


def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.skipif(not processors.STAT.is_file(), reason="this system does not tell how busy its processors are")
def test_another_process_that_works_meanwhile_is_seen():
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        watched = psutil.Process(other.pid)
        with watched_load() as load:
            start, before = time.perf_counter(), sum(watched.cpu_times()[:2])
            time.sleep(1.0)
            used = (sum(watched.cpu_times()[:2]) - before) / (time.perf_counter() - start)
    finally:
        other.kill()
        other.wait()
    assert used > 0.2
    assert used - 0.15 <= load["others_busy"] <= psutil.cpu_count() + 0.1
    assert {"load_before", "load_after"} <= set(load)


def counters(file, here, elsewhere, stolen):
    """As the kernel writes them, in ticks: work on the cores of this process and on others, in seconds."""
    lines = []
    for name, busy in (("cpu", here + elsewhere), (f"cpu{usable_cores()[0]}", here), ("cpu9999", elsewhere)):
        user, system, taken = (round(seconds * clock.TICKS) for seconds in (busy * 0.7, busy * 0.3, stolen))
        lines.append(f"{name} {user} 0 {system} {time.time_ns() % 10**9} 77 0 0 {taken} 0 0")
    file.write_text("\n".join([*lines, "intr 5"]))


def test_own_work_is_not_that_of_others_and_what_the_host_takes_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(processors, "STAT", tmp_path / "stat")
    counters(processors.STAT, 1000, 100, 500)
    with watched_load() as load:
        start, own = time.perf_counter(), time.process_time()
        spin(0.2)
        seconds, own = time.perf_counter() - start, time.process_time() - own
        counters(processors.STAT, 1000 + own + seconds, 100 + 2 * seconds, 500 + 2 * seconds)
    assert load["others_busy"] == pytest.approx(3, rel=0.15)
    assert load["others_here"] == pytest.approx(1, rel=0.2)
    assert load["stolen"] == pytest.approx(2, rel=0.15)
    counters(processors.STAT, 1000, 100, 500)
    with watched_load() as load:
        spin(0.2)
        counters(processors.STAT, 1000.2, 100, 500)
    assert max(load["others_busy"], load["others_here"]) < 0.15
    assert load["stolen"] == 0


def test_a_system_that_does_not_tell_leaves_the_load_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(processors, "STAT", tmp_path / "nothing")
    with watched_load() as load:
        pass
    assert not {"others_busy", "stolen"} & set(load)
    assert disturbed(load) == []


@given(st.floats(0, 8), st.floats(0, 8), st.floats(0, 8), st.floats(0, 8))
def test_what_others_take_is_told_of_its_own_cores_sooner_than_of_the_machine(here, busy, stolen, throttled):
    load = {"others_here": here, "others_busy": busy, "stolen": stolen, "throttled": throttled, "load_before": 100.0}
    told = disturbed(load)
    assert len(told) == (here > 0.1) + (busy > 0.25 * os.cpu_count()) + (stolen > 0.1) + (throttled > 0)
    assert all(line.endswith("while this was timed") for line in told)
