"""Two runs compared: laws that hold for any times and errors, and each verdict by example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import ENVIRONMENT, accuracy, make_row, write_run

from dgsea_bench.bench.compare import Side, compare_runs, read_side
from dgsea_bench.core.errors import InputError

GENES = (400, 1000, 2000, 4000)


def timed(seconds, spread=0.02, phase="step", ends=("low", "high")):
    """Metrics of a time with its interval."""
    name = f"{phase}_seconds"
    metrics = {name: seconds, f"{name}_{ends[0]}": seconds * (1 - spread), f"{name}_{ends[1]}": seconds * (1 + spread)}
    return metrics | {f"{name}_q1": seconds * 0.9, f"{name}_q3": seconds * 1.1}


def side(*rows, name="run", environments=None):
    return Side(name, rows, {"e1": ENVIRONMENT} if environments is None else environments)


def one(before, after, **options):
    """The change of the only case."""
    (change,) = compare_runs(side(before), side(after), **options).changes
    return change


def verdict(before, after, **options):
    """The verdict on the time of the only case, from its metrics."""
    return one(make_row(metrics=before), make_row(metrics=after), **options).time


def run_of(numbers):
    """A run of four cases from the time, its spread and the error of each."""
    return side(
        *[
            make_row(genes=genes, metrics=timed(seconds, spread) | accuracy(error))
            for genes, (seconds, spread, error) in zip(GENES, numbers, strict=True)
        ]
    )


positive = st.floats(1e-6, 1e3)
runs = st.lists(st.tuples(positive, st.floats(0, 0.9), positive), min_size=len(GENES), max_size=len(GENES))
"""Numbers for `run_of`, which cannot be drawn itself: rows are checked with random numbers of their own."""
tolerances = st.floats(0, 1)


# --- laws -------------------------------------------------------------------------------------------------------------


@given(runs, tolerances)
def test_nothing_changed_against_itself(run, tolerance):
    comparison = compare_runs(run_of(run), run_of(run), tolerance=tolerance)
    assert not comparison.regressions
    assert {change.time for change in comparison.changes} == {"same within noise"}
    assert {error.judgement for change in comparison.changes for error in change.errors} == {"same"}


@given(runs, runs, tolerances)
def test_the_other_way_round_is_the_inverse(before, after, tolerance):
    opposite = {"slower": "faster", "faster": "slower", "worse": "better", "better": "worse"}
    there = {
        each.after.case_id: each for each in compare_runs(run_of(before), run_of(after), tolerance=tolerance).changes
    }
    back = {
        each.after.case_id: each for each in compare_runs(run_of(after), run_of(before), tolerance=tolerance).changes
    }
    for case_id, change in there.items():
        other = back[case_id]
        assert other.ratio.value == pytest.approx(1 / change.ratio.value)
        assert (other.ratio.low, other.ratio.high) == pytest.approx((1 / change.ratio.high, 1 / change.ratio.low))
        assert other.time == opposite.get(change.time, change.time)
        assert [each.judgement for each in other.errors] == [
            opposite.get(each.judgement, each.judgement) for each in change.errors
        ]


@given(runs, runs, st.floats(0.01, 100))
def test_all_ratios_move_with_the_times(before, after, factor):
    scaled = [(seconds * factor, spread, error) for seconds, spread, error in after]
    plain = {each.after.case_id: each.ratio for each in compare_runs(run_of(before), run_of(after)).changes}
    moved = {each.after.case_id: each.ratio for each in compare_runs(run_of(before), run_of(scaled)).changes}
    for case_id, ratio in plain.items():
        assert moved[case_id].value == pytest.approx(factor * ratio.value)
        assert moved[case_id].low == pytest.approx(factor * ratio.low)


@given(runs, runs, tolerances)
def test_an_interval_contains_its_ratio_and_excludes_1_where_times_differ(before, after, tolerance):
    for change in compare_runs(run_of(before), run_of(after), tolerance=tolerance).changes:
        assert change.ratio.low <= change.ratio.value <= change.ratio.high
        if change.time == "slower":
            assert change.ratio.value > 1 + tolerance - 1e-9
            assert change.ratio.low >= 1
        if change.time == "faster":
            assert change.ratio.value < 1 / (1 + tolerance) + 1e-9
            assert change.ratio.high <= 1


@given(runs, runs)
def test_every_case_has_one_verdict_on_its_time_and_the_worst_come_first(before, after):
    comparison = compare_runs(run_of(before), run_of(after))
    assert sum(comparison.counts[name] for name in ("slower", "faster", "same within noise")) == len(GENES)
    regressions = [change.regression for change in comparison.changes]
    assert regressions == sorted(regressions, reverse=True)


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "spread", "expected"),
    [
        (1.5, 0.02, "slower"),
        (0.5, 0.02, "faster"),
        (1.05, 0.001, "same within noise"),  # beyond the noise, within the tolerance
        (1.5, 0.4, "same within noise"),  # beyond the tolerance, within the noise
    ],
)
def test_a_time_counts_beyond_the_tolerance_and_the_noise(seconds, spread, expected):
    assert verdict(timed(1.0, spread), timed(seconds, spread)) == expected


def test_the_tolerance_is_a_ratio():
    assert verdict(timed(1.0), timed(1.5), tolerance=0.6) == "same within noise"
    assert verdict(timed(1.5), timed(1.0), tolerance=0.6) == "same within noise"


def test_the_whole_step_counts_where_both_have_it_and_forward_alone_elsewhere():
    forward = timed(1.0, phase="forward")
    assert verdict(forward | timed(1.0), forward | timed(2.0)) == "slower"
    assert verdict(forward | timed(1.0), forward) == "same within noise"


def test_the_time_of_significance_is_that_of_the_null():
    rows = [make_row(metrics=timed(seconds, phase="null") | {"nes_error_mean": 0.1}) for seconds in (1.0, 2.0)]
    change = one(*[row.model_copy(update={"task": "significance"}) for row in rows])
    assert change.time == "slower"
    assert [error.metric for error in change.errors] == ["nes_error_mean"]


def test_quartiles_serve_where_there_is_no_interval_and_it_is_told():
    old = {name: value for name, value in timed(1.0).items() if not name.endswith(("_low", "_high"))}
    comparison = compare_runs(side(make_row(metrics=old)), side(make_row(metrics=timed(1.5, 0.001))))
    (change,) = comparison.changes
    assert change.ratio.low == pytest.approx(1.5 * 0.999 / 1.1)
    assert "1 case without a recorded interval of the median" in comparison.remarks[0]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({}, timed(1.0), "no time before"),
        (timed(1.0), {}, "no time after"),
        (timed(1.0), timed(0.0), "no time after"),
        (timed(1.0), timed(float("nan")), "no time after"),
        (timed(1.0), {"step_seconds": 1.0}, "no interval after"),
        (timed(1.0), timed(1.0, phase="forward"), "no time after"),
    ],
)
def test_what_has_no_time_is_not_compared(before, after, reason):
    assert verdict(before, after) == f"not comparable: {reason}"


def test_times_of_another_machine_are_not_compared_but_errors_are():
    before = side(make_row(metrics=timed(1.0) | accuracy(0.01)))
    there = {"e1": ENVIRONMENT | {"cores": 64}}
    comparison = compare_runs(before, side(make_row(metrics=timed(9.0) | accuracy(0.02)), environments=there))
    (change,) = comparison.changes
    assert change.time == "not comparable: another machine"
    assert change.ratio is None
    assert change.worse
    assert change.regression
    assert "Test processor, 2 cores before, Test processor, 64 cores after" in comparison.remarks[0]


def test_another_version_on_the_same_machine_is_compared():
    newer = {"e2": ENVIRONMENT | {"packages": {"numpy": "3.0"}}}
    after = make_row(metrics=timed(2.0)).model_copy(update={"environment_id": "e2"})
    comparison = compare_runs(side(make_row(metrics=timed(1.0))), side(after, environments=newer))
    assert comparison.changes[0].time == "slower"


def test_times_of_processes_with_other_cores_are_not_compared():
    rows = [
        make_row(metrics=timed(1.0)).model_copy(update={"process": {"isolation": isolation, "load": load}})
        for isolation, load in (("cores 0-1", 0.1), ("none", 0.2))
    ]
    assert one(*rows).time == "not comparable: isolation was cores 0-1, now none"
    assert one(rows[0], rows[0].model_copy(update={"process": {}})).time == "same within noise"


@pytest.mark.parametrize(
    ("cores", "expected"), [([2, 3], "same within noise"), ([2], "not comparable: cores was 2, now 1")]
)
def test_which_cores_does_not_matter_but_how_many(cores, expected):
    rows = [
        make_row(metrics=timed(1.0)).model_copy(update={"process": {"cores": numbers}}) for numbers in ([0, 1], cores)
    ]
    assert one(*rows).time == expected


def test_cases_match_whatever_the_version_of_the_measurement_and_it_is_told():
    after = make_row(metrics=timed(1.0)).model_copy(update={"measurement_version": 99})
    comparison = compare_runs(side(make_row(metrics=timed(1.0))), side(after))
    assert "measurement_version" in comparison.remarks[0]


# --- errors and outcomes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.01, 0.02, "worse"),
        (0.02, 0.01, "better"),
        (0.01, 0.01005, "same"),
        (0.01, 0.0105, "worse"),
        (1e-15, 9e-11, "same"),  # rounding is no news
        (0.0, 1e-3, "worse"),
        (0.0, 0.0, "same"),
    ],
)
def test_errors_are_judged_beyond_tolerance_and_rounding(before, after, expected):
    change = one(*[make_row(metrics=timed(1.0) | accuracy(error)) for error in (before, after)])
    assert {error.judgement for error in change.errors} == {expected}
    assert change.regression == (expected == "worse")


def test_a_larger_gradient_error_outweighs_a_smaller_error():
    change = one(*[make_row(metrics=timed(1.0) | accuracy(*errors)) for errors in ((0.2, 0.1), (0.1, 0.2))])
    assert change.worse
    assert not change.better


def test_an_error_that_one_run_alone_knows_is_told():
    rows = [make_row(metrics=timed(1.0) | accuracy(0.1)), make_row(metrics=timed(1.0))]
    comparison = compare_runs(side(rows[0]), side(rows[1]))
    assert comparison.changes[0].errors == ()
    assert "one run alone knows" in comparison.remarks[0]


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("failed", "killed (signal 9)", "now fails: killed (signal 9)"),
        ("failed", None, "now fails: no reason was given"),
        ("out of memory", "needed 9 GiB", "now fails: out of memory, needed 9 GiB"),
        ("out of time", None, "now fails: out of time"),
    ],
)
def test_what_fails_now_is_a_regression(status, reason, expected):
    done, failed = make_row(), make_row(status=status, reason=reason)
    assert one(done, failed).status == expected
    assert one(done, failed).regression
    assert one(failed, done).status == "now done"
    assert not one(failed, done).regression
    assert one(failed, failed).status == "done in neither"


def test_what_is_skipped_now_is_told_and_no_regression():
    change = one(make_row(), make_row(status="skipped", reason="no GPU here"))
    assert change.status == "now skipped: no GPU here"
    assert not change.regression


def test_the_worst_come_first():
    before = [make_row(genes=genes, metrics=timed(1.0) | accuracy(0.01)) for genes in (1, 2, 3, 4, 5, 6)]
    after = [
        make_row(genes=1, metrics=timed(0.5) | accuracy(0.01)),
        make_row(genes=2, metrics=timed(1.0) | accuracy(0.01)),
        make_row(genes=3, metrics=timed(1.5) | accuracy(0.01)),
        make_row(genes=4, metrics=timed(3.0) | accuracy(0.01)),
        make_row(genes=5, metrics=timed(1.0) | accuracy(0.02)),
        make_row(genes=6, status="failed"),
    ]
    changes = compare_runs(side(*before), side(*after)).changes
    assert [change.after.case["source"]["genes"] for change in changes] == [6, 5, 4, 3, 2, 1]


def test_cases_in_one_run_alone_are_kept_apart():
    rows = {genes: make_row(genes=genes) for genes in (1, 2, 3)}
    comparison = compare_runs(side(rows[1], rows[2]), side(rows[2], rows[3]))
    assert [change.after for change in comparison.changes] == [rows[2]]
    assert comparison.only_before == (rows[1],)
    assert comparison.only_after == (rows[3],)


# --- refused ----------------------------------------------------------------------------------------------------------


def test_no_case_in_common_is_refused():
    with pytest.raises(InputError, match="a and b have no case in common; compare two runs of the same scenario"):
        compare_runs(side(make_row(genes=1), name="a"), side(make_row(genes=2), name="b"))


@pytest.mark.parametrize("tolerance", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance):
    with pytest.raises(InputError, match="--tolerance is"):
        compare_runs(side(make_row()), side(make_row()), tolerance=tolerance)


def test_a_run_is_read_from_its_directory(tmp_path):
    rows = [make_row(), make_row(genes=2000)]
    read = read_side(write_run(tmp_path / "run", rows))
    assert list(read.rows) == rows
    assert read.environments == {"e1": {**ENVIRONMENT, "commands": []}}


def test_a_directory_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="no results there; run a sweep with --out"):
        read_side(tmp_path / "nothing")
