import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import accuracy, cost, make_row, three_sizes

from dgsea_bench.report.answers import answer, growth_sentence, sentences, window_sentence
from dgsea_bench.report.rows import Run
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
    assert line.startswith("Use cuda-batched: within 0.1 %")
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


def test_it_says_what_a_window_keeps():
    kept = {"exact": 1.0, "nyswin": 0.999, "nyswin[window=fixed]": 0.2}
    rows = [make_row(label, metrics={"positions_kept": share}) for label, share in kept.items()]
    said = window_sentence(run_of(rows))
    assert "100 % of positions by exact and nyswin;" in said
    assert "20 % of positions by nyswin[window=fixed]." in said
    assert window_sentence(run_of([make_row("exact", metrics={})])) == ""
    assert "no window saves anything" in window_sentence(run_of(rows[:2]))
