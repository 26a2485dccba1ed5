import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import accuracy, cost, make_row, three_sizes

from dgsea_bench.report.answers import answer, growth_sentence, how_sure, sentences, window_sentence
from dgsea_bench.report.rows import Run
from dgsea_bench.report.tables import verdict_table
from dgsea_bench.report.verdict import CLOSE, EXACT, GPU, LEAN, NEEDS, grouped, recommend


def run_of(rows, tmp_path="unused"):
    from pathlib import Path

    return Run(Path(tmp_path), tuple(rows), {"e1": {}})


def recommended(rows, need):
    return recommend(run_of(rows).results, need)


numbers = st.floats(1e-9, 10.0)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=6))
def test_what_is_recommended_meets_the_need_and_nothing_that_does_is_faster(backends):
    rows = [
        make_row(f"backend{number}", metrics=accuracy(error, gradient) | cost(seconds))
        for number, (error, gradient, seconds) in enumerate(backends)
    ]
    for need in (EXACT, CLOSE, LEAN):
        (found,) = recommended(rows, need)
        good = [
            row.metrics[need.least]
            for row in rows
            if row.metrics["value_error_scaled"] <= need.value
            and (need.gradient is None or row.metrics["gradient_error"] <= need.gradient)
        ]
        assert (found.chosen is None) == (not good)
        if found.chosen:
            assert found.chosen.worst("value_error_scaled") <= need.value
            near = found.chosen.typical(need.least) / (1.0 if need is LEAN else 1.05 / 0.95)
            assert near <= 1.05 * min(good)  # within noise of the fastest, or nearly the leanest
            for rival in found.rivals:
                assert rival.worst("value_error_scaled") <= need.value
        else:
            assert found.why


def test_nothing_is_recommended_without_truth():
    metrics = {key: value for key, value in (accuracy(0) | cost(1.0)).items() if "error" not in key}
    row = make_row(metrics=metrics, without_truth="30,000 genes are more than the limit")
    for need in (EXACT, CLOSE, LEAN):
        (found,) = recommended([row], need)
        assert found.chosen is None
        assert found.errors_unknown
        assert "30,000 genes" in found.why
    assert "Nothing can be recommended" in sentences([recommended([row], need) for need in NEEDS], [])[0]


def test_the_classical_score_is_no_contender():
    (found,) = recommended([make_row("hard", metrics=accuracy(0.0) | cost(1e-6)), make_row("exact")], EXACT)
    assert found.chosen.label == "exact"


def test_a_backend_that_failed_on_one_seed_is_no_contender():
    rows = [make_row("exact", seed=seed) for seed in (0, 1)]
    rows.append(make_row("fastsum", metrics=accuracy(0) | cost(1e-6), seed=0))
    rows.append(make_row("fastsum", status="failed", reason="out of memory", seed=1))
    (found,) = recommended(rows, EXACT)
    assert found.chosen.label == "exact"
    assert found.alone


def test_the_worst_seed_counts():
    rows = [make_row("nyswin", metrics=accuracy(error) | cost(1e-6), seed=n) for n, error in enumerate((1e-4, 2e-3))]
    rows += [make_row("exact", seed=seed) for seed in (0, 1)]
    (found,) = recommended(rows, CLOSE)
    assert found.chosen.label == "exact"


def test_exact_needs_an_exact_gradient_too():
    rows = [make_row("nyswin", metrics=accuracy(1e-9, 1e-3) | cost(1e-6)), make_row("exact")]
    assert recommended(rows, EXACT)[0].chosen.label == "exact"
    assert recommended(rows, CLOSE)[0].chosen.label == "nyswin"


def test_a_vanishing_gradient_is_not_an_exact_one():
    metrics = accuracy(0.0) | cost(1e-6)
    without = {key: value for key, value in metrics.items() if not key.startswith("gradient")}
    rows = [make_row("nyswin", metrics=without), make_row("exact")]
    assert recommended(rows, EXACT)[0].chosen.label == "exact"
    assert recommended(rows[:1], EXACT)[0].chosen.label == "nyswin"


@pytest.mark.parametrize(("seconds", "tied"), [(1.05, True), (1.5, False)])
def test_as_fast_within_noise_when_quartiles_overlap(seconds, tied):
    rows = [
        make_row("exact", metrics=accuracy(0) | cost(1.0)),
        make_row("fastsum", metrics=accuracy(0) | cost(seconds)),
    ]
    (found,) = recommended(rows, EXACT)
    assert [rival.label for rival in found.rivals] == (["fastsum"] if tied else [])


def test_the_order_of_rows_does_not_matter():
    rows = [
        make_row(label, metrics=accuracy(0) | cost(s)) for label, s in (("exact", 3.0), ("fastsum", 1.0), ("x", 2.0))
    ]
    for order in itertools.permutations(rows):
        assert recommended(list(order), EXACT)[0].chosen.label == "fastsum"


def test_times_of_two_machines_are_not_compared():
    from pathlib import Path

    other = make_row("fastsum").model_copy(update={"environment_id": "e2"})
    environments = {"e1": {"processor": "slow"}, "e2": {"processor": "fast"}}
    found = recommend(Run(Path(), (make_row("exact"), other), environments).results, EXACT)
    assert {item.chosen.label for item in found} == {"exact", "fastsum"}


def test_kinds_of_scores_that_agree_share_a_line():
    rows = [make_row("exact", generator=kind) for kind in ("planted", "null", "tied")]
    rows.append(make_row("fastsum", metrics=accuracy(0.0) | cost(1e-9), generator="tied"))
    groups = grouped([recommended(rows, need) for need in NEEDS])
    assert sorted(sorted(group.kinds) for group in groups) == [["null", "planted"], ["tied"]]


def words(rows):
    run = run_of(rows)
    found = [recommend(run.results, need) for need in NEEDS]
    return answer(found, run.results), sentences(found, run.results)


def cells(rows):
    """The verdict's table."""
    run = run_of(rows)
    return verdict_table(run, grouped([recommend(run.results, need) for need in NEEDS])).body


def test_the_verdict_in_words():
    rows = three_sizes()
    for row in rows:
        if row.label.startswith("nyswin"):
            row.metrics.update(accuracy(2e-4, 8e-4))
    line, (exact, close, lean, gpu) = words(rows)
    assert line == "Use exact: nothing faster is exact to 1e-6, at 400 to 4,000 genes"
    assert exact == "Exact to 1e-6: use exact at 400 to 4,000 genes (nothing else measured is as accurate)."
    assert "Within 0.1 %: use nyswin[anchors=128] at 400 to 4,000 genes" in close
    assert "2.0 times as fast as the exact backend" in close
    assert "gradient is off by up to 0.08\u00a0%" in close
    assert "the next best, exact, takes at least 1.8 times as long" in close, "at the ends of both intervals"
    assert "Least memory, within 0.1 %: use nyswin[anchors=128]" in lean
    assert gpu == "On a GPU nothing was measured."
    assert "2.00 for exact and 2.00 for nyswin[anchors=128]" in growth_sentence(run_of(rows))


def test_one_backend_for_every_need():
    rows = [make_row("exact"), make_row("fastsum", metrics=accuracy(0.0) | cost(1e-6))]
    line, (first, *_) = words(rows)
    assert line == "Use fastsum: exact to 1e-6 and 10,000 times as fast as the exact backend, at 1,000 genes"
    assert first.endswith("Nothing that is only within 0.1 % is faster or takes less memory.")


def test_the_answer_tells_sizes_apart():
    rows = [make_row("exact", genes, accuracy(0) | cost(1e-8 * genes**2)) for genes in (400, 4000)]
    rows += [make_row("fastsum", genes, accuracy(0) | cost(0.01)) for genes in (400, 4000)]
    line, _ = words(rows)
    assert line == "Exact to 1e-6, use exact at 400 genes and fastsum at 4,000 genes"


def test_the_least_memory_counts_for_itself():
    lean = accuracy(5e-4) | cost(1.0) | {"step_peak_mib": 1.0}
    wrong = accuracy(0.1) | cost(1e-9)
    rows = [
        make_row("exact", metrics=accuracy(0) | cost(0.5)),
        make_row("nyswin", metrics=lean),
        make_row("x", metrics=wrong),
    ]
    (found,) = recommended(rows, LEAN)
    assert found.chosen.label == "nyswin"
    assert found.margin.rival.label == "exact"
    assert found.margin.factor == pytest.approx(50)
    assert recommended(rows, CLOSE)[0].chosen.label == "exact", "the faster one"


def test_a_gpu_is_a_need_of_its_own():
    processor = make_row("fastsum", metrics=accuracy(0) | cost(1e-3))
    case = processor.case | {"device": "cuda"}
    on_gpu = make_row("cuda-batched", metrics=accuracy(1e-6) | cost(1e-5)).model_copy(update={"case": case})
    rows = [processor, on_gpu.model_copy(update={"case_id": "other"})]
    assert [item.chosen.label for item in recommended(rows, EXACT)] == ["fastsum"]
    assert [item.chosen.label for item in recommended(rows, GPU)] == ["cuda-batched"]
    (alone,) = recommended(rows[1:], GPU)
    assert alone.chosen.label == "cuda-batched"
    (nothing,) = recommended(rows[1:], CLOSE)
    assert not nothing.measured
    line, said = words(rows[1:])
    assert line.startswith("Use cuda-batched on a GPU: within 0.1 %")
    assert not any("On a GPU nothing" in text for text in said)


@given(st.floats(1.01, 5.0), st.floats(0.01, 0.3))
def test_a_margin_holds_at_the_ends_of_both_intervals(factor, spread):
    rows = [
        make_row("exact", metrics=accuracy(0) | cost(factor, spread)),
        make_row("x", metrics=accuracy(0) | cost(1, spread)),
    ]
    (found,) = recommended(rows, EXACT)
    slower, faster = (
        max(rows, key=lambda r: r.metrics["step_seconds"]),
        min(rows, key=lambda r: r.metrics["step_seconds"]),
    )
    if found.chosen.label == "x":
        assert found.margin.low == pytest.approx(slower.metrics["step_seconds_q1"] / faster.metrics["step_seconds_q3"])
        assert (found.margin.low >= 1) == (not found.rivals) or found.margin.low == pytest.approx(1)


def test_a_gradient_that_is_off_is_no_bargain():
    rows = [make_row("exact"), make_row("nyswin", metrics=accuracy(1e-3, 0.03) | cost(1e-6))]
    assert recommended(rows, CLOSE)[0].chosen.label == "exact"


def test_of_several_as_fast_within_noise_the_most_accurate_is_used():
    rows = [make_row(f"nyswin[anchors={n}]", metrics=accuracy(0.1 / n, 1e-3) | cost(1 + n * 1e-5)) for n in (128, 512)]
    (found,) = recommended(rows, CLOSE)
    assert found.chosen.label == "nyswin[anchors=512]"
    assert [rival.label for rival in found.rivals] == ["nyswin[anchors=128]"]


def test_it_says_so_when_nothing_less_exact_is_faster():
    rows = [make_row("exact", metrics=accuracy(0) | cost(0.1)), make_row("nyswin", metrics=accuracy(5e-4) | cost(0.2))]
    _, (first, *_) = words(rows)
    assert "use exact at 1,000 genes" in first
    assert "Nothing that is only within 0.1 % is faster" in first


def answers_of(*cases):
    """Rows of one size: (backend, error, seconds, where it differs from the others)."""
    return [make_row(label, metrics=accuracy(error) | cost(time), **other) for label, error, time, other in cases]


def elsewhere(row, machine, **place):
    """The same case on another machine."""
    fields = {"environment_id": machine, "case": row.case | place, "case_id": f"{row.case_id}{machine}"}
    return row.model_copy(update=fields)


def test_the_answer_tells_apart_what_is_of_one_size():
    few, many = {"sets": 50}, {"sets": 500}
    rows = answers_of(("exact", 0, 1, few), ("fastsum", 0, 2, few), ("exact", 0, 2, many), ("fastsum", 0, 1, many))
    assert (
        words(rows)[0]
        == "Exact to 1e-6, use exact at 1,000 genes with 50 sets and fastsum at 1,000 genes with 500 sets"
    )
    rows = [elsewhere(row, "e2") for row in answers_of(("exact", 0, 1, {}), ("fastsum", 0, 2, {}))]
    rows += [elsewhere(row, "e3") for row in answers_of(("exact", 0, 2, {}), ("fastsum", 0, 1, {}))]
    assert words(rows)[0] == "Exact to 1e-6, use exact at 1,000 genes on e2 and fastsum at 1,000 genes on e3"
    sharp, usual = ({"params": rows[0].case["params"] | {"tau_rank": tau}} for tau in (0.1, 1.2))
    rows = [
        elsewhere(row, "e1", **params)
        for params, times in ((sharp, (1, 2)), (usual, (2, 1)))
        for row in answers_of(("exact", 0, times[0], {}), ("fastsum", 0, times[1], {}))
    ]
    line = "Exact to 1e-6, use exact at 1,000 genes with tau_rank 0.1 and fastsum at 1,000 genes with tau_rank 1.2"
    assert words(rows)[0] == line


def test_what_no_one_thing_tells_apart_is_told_of_some():
    times = {("planted", 400): (1, 2), ("null", 400): (2, 1), ("planted", 1000): (2, 1), ("null", 1000): (1, 2)}
    rows = [
        make_row(label, genes, accuracy(0) | cost(seconds), generator=kind)
        for (kind, genes), both in times.items()
        for label, seconds in zip(("exact", "fastsum"), both)
    ]
    assert words(rows)[0].count("at 400 and 1,000 genes, on some of the problems") == 2


def test_no_range_goes_across_a_size_with_another_answer():
    times = {400: (1, 2), 1000: (2, 1), 2000: (1, 2), 4000: (1, 2), 8000: (1, 2)}
    rows = [
        make_row(label, genes, accuracy(0) | cost(seconds))
        for genes, both in times.items()
        for label, seconds in zip(("exact", "fastsum"), both)
    ]
    assert words(rows)[0] == "Exact to 1e-6, use exact at 400 and 2,000 to 8,000 genes and fastsum at 1,000 genes"


def test_what_is_used_on_few_problems_is_not_used_mostly():
    winners = {400: "a", 1000: "b", 2000: "c", 4000: "d"}
    rows = [
        make_row(label, genes, accuracy(0) | cost(1 if label == winner else 2))
        for genes, winner in winners.items()
        for label in "abcd"
    ]
    assert words(rows)[0] == "Exact to 1e-6, what to use differs from problem to problem"
    rows += [
        make_row(label, genes, accuracy(0) | cost(1 + (label != "d"))) for label in "abcd" for genes in range(5, 9)
    ]
    assert words(rows)[0] == "Exact to 1e-6, use d mostly, others on some problems"


def test_where_the_truth_is_missing_for_some_of_a_size():
    untold = {key: value for key, value in (accuracy(0) | cost(1)).items() if "error" not in key}
    rows = [make_row("exact", sets=50), make_row("exact", metrics=untold, without_truth="too many", sets=5000)]
    assert "At 1,000 genes with 5,000 sets there is no truth" in words(rows)[1][-1]


def test_what_is_faster_within_noise_is_not_denied():
    rows = answers_of(("exact", 0, 1.0, {}), ("fastsum", 1e-9, 0.98, {}), ("nyswin", 5e-4, 0.97, {}))
    line, (first, *_) = words(rows)
    assert line.startswith("Use exact: nothing clearly faster is exact to 1e-6")
    assert first.endswith("Nothing that is only within 0.1 % is clearly faster or takes clearly less memory.")
    assert cells(rows)[0][2].note == "the same: nothing less exact is clearly faster"


def test_only_what_is_within_noise_is_called_so():
    wide = make_row("R", metrics=accuracy(1e-9) | cost(2.0, 0.55))
    rows = [*answers_of(("exact", 0, 1, {})), wide, make_row("X", metrics=accuracy(1e-9) | cost(1.5, 0.01))]
    assert "(within noise of R)" in words(rows)[1][0]


def test_no_answer_is_not_the_same_answer():
    gpu = elsewhere(make_row("cuda-batched"), "e1", device="cuda")
    line, said = words([*answers_of(("nyswin", 0.01, 1, {})), gpu])
    assert line.startswith("Use cuda-batched on a GPU")
    assert said[:2] == ["No backend measured here is exact to 1e-6.", "No backend measured here is within 0.1 %."]
    assert said[2].startswith("On a GPU, within 0.1 %: use cuda-batched")


def test_the_reason_for_no_answer_is_the_one_there_is():
    untimed = make_row("exact", metrics=accuracy(0) | {"step_peak_mib": 3.0})
    line, (first, *_) = words([untimed])
    assert line == "Use exact: nothing leaner is within 0.1 %, at 1,000 genes"
    assert first == "No dGSEA backend finished with both errors and times."
    assert words([make_row("hard")])[0] == "Nothing can be recommended: no dGSEA backend was measured"


def test_times_of_two_gpus_are_not_compared():
    gpus = [
        elsewhere(row, machine, device="cuda")
        for machine, seconds in (("g1", 0.1), ("g2", 0.3))
        for row in answers_of(("cuda-batched", 0, seconds, {}), ("exact", 0, 5 * seconds, {}))
    ]
    rows = [make_row("exact"), *gpus]
    (found,) = recommended(rows, GPU)
    assert found.chosen.label == "cuda-batched"
    assert found.margin.rival.label == "exact"
    assert found.margin.factor == pytest.approx(5)
    assert cells(rows)[0][-1].note.endswith("\nmachine g1"), "the row is on another machine"


def test_what_takes_too_little_to_be_measured_is_no_infinite_bargain():
    rows = [make_row("exact"), make_row("fastsum", metrics=accuracy(0) | cost(1e-3) | {"step_peak_mib": 0.0})]
    (found,) = recommended(rows, LEAN)
    assert how_sure([found]) == "too little to be measured; the next best, exact, takes more"
    assert recommended([make_row("exact"), make_row("fastsum", metrics=accuracy(0) | cost(0))], EXACT)[0].margin


def test_factors_and_exponents_are_told_of_the_sizes_they_are_of():
    rows = [make_row("exact", genes, accuracy(0) | cost(1e-8 * genes**2)) for genes in (400, 1000, 4000)]
    rows += [make_row("fastsum", genes, accuracy(0) | cost(1e-6 * genes)) for genes in (400, 1000, 4000, 64000)]
    assert (
        "4.0 to 40 times as fast as the exact backend where both were measured, at 400 to 64,000 genes"
        in words(rows)[0]
    )
    said = growth_sentence(run_of(rows))
    assert said.startswith("From 400 to 4,000 genes")
    assert "2.00 for exact and 1.00 for fastsum (400 to 64,000)" in said


def test_it_says_what_a_window_keeps():
    kept = {"exact": 1.0, "nyswin": 0.999, "nyswin[window=fixed]": 0.2}
    rows = [make_row(label, metrics={"positions_kept": share}) for label, share in kept.items()]
    said = window_sentence(run_of(rows))
    assert "100 % of positions by exact and nyswin;" in said
    assert "20 % of positions by nyswin[window=fixed]." in said
    assert window_sentence(run_of([make_row("exact", metrics={})])) == ""
    assert "no window saves anything" in window_sentence(run_of(rows[:2]))
