"""What the page says of trained models: pooling, pairing, the check, and sentences that stay true whatever happened."""

import io
import re
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from synthetic_run import make_row, write_run
from test_report_page import NASTY, parsed, text_of
from training_run import (
    BASELINE,
    GAIN,
    NOTHING,
    REFUSED,
    details_of,
    everything,
    model,
    study,
    write_study,
)

from dgsea_bench.bench.compare import compare_runs, read_side
from dgsea_bench.report import render_index, render_report
from dgsea_bench.report.comparison import Names, render_comparison
from dgsea_bench.report.reading import read_runs
from dgsea_bench.report.training_answer import training_answer
from dgsea_bench.report.training_check import conclude
from dgsea_bench.report.training_rows import continued, difference, experiments, studies
from dgsea_bench.report.training_words import study_sentences

WORSE = {"pathway_correlation": -0.03, "pathway_sign_accuracy": -0.01, "pathway_mse": 0.1}


def read(path, rows, **options):
    return read_runs([write_study(path, rows, **options)])


def told(path, rows, **options):
    """The answer, and all sentences of all studies."""
    run = read(path, rows, **options)
    return training_answer(run), " ".join(text for each in studies(run) for text in study_sentences(each))


def page_of(path, rows, **options):
    return render_report(write_study(path, rows, **options)).read_text(encoding="utf-8")


def by_label(run):
    return {each.label: each for each in experiments(run) if each.variant.arm == "hybrid"}


def test_seeds_are_pooled_by_resample(tmp_path):
    rows = study(("exact", "fastsum"))
    found = by_label(read(tmp_path, rows))
    for label in ("exact", "fastsum"):
        mine = [row for row in rows if row.label == label]
        drawn = np.mean([details_of(row)["bootstrap"]["gain_pathway_mse"] for row in mine], axis=0)
        gain = found[label].gain("pathway_mse")
        assert gain.value == pytest.approx(np.mean([row.metrics["gain_pathway_mse"] for row in mine]))
        assert (gain.low, gain.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
        assert gain.by_seed == {row.case["training"]["seed"]: row.metrics["gain_pathway_mse"] for row in mine}


def test_differences_are_paired_over_the_seeds_that_both_have(tmp_path):
    rows = [row for row in study(("exact", "fastsum")) if row.label != "exact" or row.case["training"]["seed"] != 1]
    found = by_label(read(tmp_path, rows))
    apart = difference(found["fastsum"], found["exact"])
    kept = {row.case["training"]["seed"]: row for row in rows if row.label == "exact"}
    pairs = [
        (row, kept[seed]) for row in rows if row.label == "fastsum" and (seed := row.case["training"]["seed"]) in kept
    ]
    name = "gain_pathway_correlation"
    drawn = sum(details_of(a)["bootstrap"][name] - details_of(b)["bootstrap"][name] for a, b in pairs) / len(pairs)
    assert sorted(apart.by_seed) == [0, 2]
    assert apart.value == pytest.approx(np.mean([a.metrics[name] - b.metrics[name] for a, b in pairs]))
    assert (apart.low, apart.high) == pytest.approx((drawn.quantile(0.025), drawn.quantile(0.975)))
    alone = found["fastsum"].gain("pathway_correlation")
    assert apart.high - apart.low < alone.high - alone.low, "what resamples have in common drops out"


def test_without_resamples_one_seed_has_its_own_interval_and_several_have_none(tmp_path):
    one = by_label(read(tmp_path / "one", [model("fastsum")], details=False))["fastsum"].gain("gene_correlation")
    metrics = model("fastsum").metrics
    assert (one.low, one.high) == (metrics["gain_gene_correlation_low"], metrics["gain_gene_correlation_high"])
    answer, said = told(tmp_path / "two", study(("fastsum",), seeds=(0, 1)), details=False)
    assert "no interval: no resamples of seeds 0 and 1" in said
    assert "not for certain" in answer
    html = page_of(tmp_path / "page", study(seeds=(0, 1)), details=False)
    assert "no interval" in text_of(html)


def test_resamples_that_do_not_pair_give_no_interval(tmp_path):
    rows = study(("exact", "fastsum"), seeds=(0,))
    write_study(tmp_path, rows)
    file = tmp_path / "details" / rows[-1].case_id / "bootstrap.parquet"
    pd.read_parquet(file).head(50).to_parquet(file)
    found = by_label(read_runs([tmp_path]))
    apart = difference(found["fastsum"], found["exact"])
    assert apart.low is None
    assert "different numbers of resamples" in apart.why


@pytest.mark.parametrize(
    ("name", "gain", "passes"),
    [
        *[("pathway_correlation", 0.0101, True), ("pathway_correlation", 0.0099, False)],
        *[("pathway_sign_accuracy", 0.0021, True), ("pathway_sign_accuracy", 0.0019, False)],
        *[("pathway_mse", -0.051, True), ("pathway_mse", -0.049, False), ("pathway_mse", 0.2, False)],
        *[("gene_correlation", -0.0099, True), ("gene_correlation", -0.0101, False)],
        *[("top_gene_correlation", -0.0199, True), ("top_gene_correlation", -0.0201, False)],
    ],
)
def test_the_check_has_the_bounds_of_the_paper(tmp_path, name, gain, passes):
    row = model("exact")
    row.metrics[f"gain_{name}"] = gain
    found = by_label(read(tmp_path, [row], details=False))["exact"]
    conclusion = conclude(found)
    assert conclusion.passes is passes
    if not passes:
        assert [each.criterion.metric for each in conclusion.failing] == [name]


def test_the_check_is_certain_only_where_no_interval_reaches_a_bound(tmp_path):
    clear = conclude(by_label(read(tmp_path / "a", study(("exact",))))["exact"])
    assert (clear.passes, clear.certain) == (True, True)
    near = conclude(by_label(read(tmp_path / "b", study(("exact",), gains={"pathway_correlation": 0.0105})))["exact"])
    assert (near.passes, near.certain) == (True, False)
    assert [each.criterion.metric for each in near.open] == ["pathway_correlation"]
    one_fails = {"pathway_correlation": 0.0095, "gene_correlation": -0.2}
    far = conclude(by_label(read(tmp_path / "c", study(("exact",), gains=one_fails)))["exact"])
    assert (far.passes, far.certain) == (False, True), "one criterion that fails for certain is enough"


def test_where_all_backends_agree_the_answer_says_so(tmp_path):
    answer, said = told(tmp_path, study())
    assert answer.startswith(
        "dGSEA as an auxiliary loss improves pathway agreement without hurting gene-level accuracy"
    )
    assert re.search(r"pathway correlation \+0\.049, 95 % interval \+0\.04\d.to.\+0\.05\d, with exact, 3 seeds", answer)
    assert "no other backend changes that (largest difference" in answer
    assert "fastsum comes to the same conclusion as exact over the same seeds: the check passes" in said
    assert "above 0 in 3 of 3 seeds" in said


def test_a_gain_of_nothing_fails_and_no_backend_changes_that(tmp_path):
    answer, said = told(tmp_path, study(gains=NOTHING))
    assert "dGSEA as an auxiliary loss does not improve pathway agreement enough" in answer
    assert "fails the check of the paper's conclusion on gain in pathway correlation, " in said
    assert "improves" not in answer + said
    assert "no other backend changes that" in answer
    assert "the check fails" in said


def test_what_training_on_without_a_pathway_loss_gains_is_told_apart(tmp_path):
    run = read(tmp_path, study(("exact",), seeds=(0, 1)))
    (hybrid,) = [each for each in studies(run)[0].trained if each.label == "exact"]
    wanted = {}
    for seed, row in hybrid.rows.items():
        table = run.details(row, "weights")
        at_zero = table[(table["weight"] == 0) & (table["split"] == "test")]["pathway_correlation"].item()
        wanted[seed] = at_zero - row.metrics["baseline_pathway_correlation"]
    assert continued(hybrid) == pytest.approx(wanted)
    (said,) = [text for text in study_sentences(studies(run)[0]) if "(λ 0)" in text]
    assert said.endswith("with exact (2 seeds). Test compounds, no interval.")


@pytest.mark.parametrize(("weights", "one"), [((0.0, 0.0), True), ((0.0, 0.1), False), ((0.1, 0.1), False)])
def test_where_validation_chose_no_pathway_loss_backends_are_not_said_to_agree_by_merit(tmp_path, weights, one):
    rows = [
        row.model_copy(update={"metrics": {**row.metrics, "chosen_weight": weights[row.label == "fastsum"]}})
        if row.case["training"]["arm"] == "hybrid"
        else row
        for row in study(("exact", "fastsum"), seeds=(0,))
    ]
    answer, said = told(tmp_path, rows)
    told_apart = "whether another backend changes that is not told: validation chose λ 0, at which all are one model"
    assert (told_apart in answer) == one
    assert ("Validation chose λ 0 for both, at which they are one model." in said) == one


def test_a_loss_that_harms_is_told(tmp_path):
    answer, said = told(tmp_path, study(gains=WORSE))
    assert "does not improve pathway agreement enough" in answer
    assert "pathway correlation −0.03" in answer
    assert "above 0 in 0 of 3 seeds" in said


def test_a_backend_that_comes_to_another_conclusion_is_named(tmp_path):
    rows = [*study(("exact", "fastsum")), *[model("nyswin[anchors=8]", seed, WORSE) for seed in range(3)]]
    answer, said = told(tmp_path, rows)
    assert "improves" in answer
    assert "with nyswin[anchors=8] it fails" in answer
    assert "no other backend" not in answer
    assert "nyswin[anchors=8] comes to another conclusion than exact over the same seeds: the check fails." in said
    assert re.search(r"differs by −0\.0[78]", said)


def test_differs_only_where_the_paired_interval_excludes_zero(tmp_path):
    _, said = told(tmp_path, study(("exact", "fastsum"), seeds=(0,)))
    assert "does not clearly differ:" in said
    rows = [*study(("exact",)), *[model("fastsum", seed, {"pathway_correlation": 0.044}) for seed in range(3)]]
    assert "differs by −0.00" in told(tmp_path / "other", rows)[1]


def test_uncertain_is_told_as_such(tmp_path):
    answer, said = told(tmp_path, study(("exact", "fastsum"), gains={"gene_correlation": -0.0095}))
    assert "seems to improve pathway agreement without hurting gene-level accuracy, not for certain" in answer
    assert "The interval reaches across the bound of change of gene correlation (not below −0.010)" in said


def test_fewer_seeds_of_exact_are_compared_over_those(tmp_path):
    rows = [*study(("fastsum",)), model("exact", 0), model("exact", 1, status="skipped", reason=REFUSED)]
    answer, said = told(tmp_path, rows)
    assert "with exact, 1 seed" in answer
    assert "fastsum comes to the same conclusion as exact over seed 0, which both have" in said
    assert "Over all its 3 seeds it passes the check" in said
    assert f"Skipped: exact (hybrid) at seed 1: {REFUSED}." in said


def test_more_seeds_that_turn_the_conclusion_are_not_hidden(tmp_path):
    rows = [*study(("exact",), seeds=(0,)), model("fastsum", 0)]
    rows += [model("fastsum", seed, {"pathway_correlation": -0.2}) for seed in (1, 2)]
    answer, said = told(tmp_path, rows)
    assert "with fastsum it fails over seeds 0, 1 and 2" in answer
    assert "fastsum comes to the same conclusion as exact over seed 0, which both have" in said
    assert "Over all its 3 seeds it fails the check" in said


def test_no_seed_in_common_is_no_comparison(tmp_path):
    answer, said = told(tmp_path, [model("exact", 0), model("fastsum", 1)])
    assert "whether another backend changes that is not known" in answer
    assert "have no seed in common" in said


def test_without_exact_another_one_stands_for_it(tmp_path):
    answer, said = told(tmp_path, study(("nyswin", "fastsum")))
    assert "with fastsum, 3 seeds" in answer
    assert "exact was not trained so" in said
    answer, said = told(tmp_path / "alone", study(("nyswin",)))
    assert "no other backend was trained" in answer
    assert "No other backend than nyswin was trained: whether" in said


def test_temperatures_are_compared_where_there_are_several(tmp_path):
    sharp = {"params": {"tau_rank": 0.1}}
    as_well = [model("exact", seed, {"pathway_correlation": 0.04}, **sharp) for seed in range(3)]
    answer, said = told(tmp_path / "alone", [*study(("exact",)), *as_well])
    assert "no other backend was trained; no other temperature changes that" in answer
    assert "exact at tau_rank 0.1 comes to the same conclusion as exact at tau_rank 0.8" in said
    answer, _ = told(tmp_path / "both", [*study(("exact", "fastsum")), *as_well])
    assert "no other temperature does either" in answer
    answer, _ = told(tmp_path / "turned", [*study(("exact",)), *as_well, *study(("fastsum",), gains=WORSE)[3:]])
    assert "with fastsum it fails" in answer
    assert "; no other temperature changes that" in answer, "not either, as a backend does"
    worse = [model("exact", seed, WORSE, **sharp) for seed in range(3)]
    answer, _ = told(tmp_path / "worse", [*study(("exact",)), *worse])
    assert "with exact at tau_rank 0.1 it fails" in answer
    assert "temperature" not in told(tmp_path / "one", study())[0]


def test_controls_are_told(tmp_path):
    answer, said = told(tmp_path, everything())
    assert "Random gene sets of the same sizes gain +0.0" in said
    assert "which is less than with the pathways that are judged (directional): −0.03" in said
    assert "dGSEA as the only loss (dGSEA alone, fastsum, 3 seeds) changes pathway correlation by +0.020" in said
    assert "For comparison, straight-through, no way of computing dGSEA, gains +0.030" in said
    assert "straight-through" not in answer


def test_what_is_trained_with_sets_of_a_file_stands_beside_the_rest_of_its_study(tmp_path):
    other = model("exact", pathways="mine.gmt").model_copy(update={"inputs": {"mine.gmt": "ab" * 32}})
    (found,) = studies(read(tmp_path, [*study(("exact",), seeds=(0,)), other]))
    assert {each.variant.pathways for each in found.trained} == {"directional", "mine.gmt"}


def test_gains_on_their_own_gene_sets_are_told(tmp_path):
    row = model("exact", pathways="random")
    row.metrics.update(own_correlation=0.4, baseline_own_correlation=0.3, gain_own_correlation=0.1)
    _, said = told(tmp_path, [model("exact"), row])
    assert "On the gene sets that it was trained with it gains +0.100 (no interval: no resamples of seed 0)." in said
    assert "0.400" in text_of(page_of(tmp_path / "page", [model("exact"), row]))


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([model(arm="gene-mse", seed=seed) for seed in (0, 1)], "only those trained on genes alone finished"),
        ([model("exact", status="failed", reason="out of luck")], "no model was trained (out of luck)"),
        ([model(arm="gene-mse", status="skipped", reason="no data")], "no model was trained (no data)"),
        ([model("exact", arm="dgsea")], "dGSEA as the only loss improves"),
        ([model("exact", pathways="random")], "dGSEA as an auxiliary loss on random gene sets of the same sizes"),
        ([model("straight-through", target="gsea")], "Classical ES as an auxiliary loss (straight-through) improves"),
        ([model("exact", gains=dict.fromkeys(GAIN, np.nan))], "cannot be checked"),
        (
            [model("exact", gains={"gene_correlation": np.nan})],
            "cannot be checked (change of gene correlation not known)",
        ),
    ],
)
@pytest.mark.parametrize("details", [True, False])
def test_whatever_finished_there_is_an_answer_and_a_page(tmp_path, rows, answer, details):
    rows = [
        row.model_copy(update={"metrics": {k: v for k, v in row.metrics.items() if not np.isnan(v)}}) for row in rows
    ]
    found, said = told(tmp_path, rows, details=details)
    assert answer in found
    assert said
    html = render_report(tmp_path).read_text(encoding="utf-8")
    assert answer in text_of(html)
    assert "nan" not in text_of(html)


def test_another_encoder_is_another_study(tmp_path):
    rows = [*study(), *study(("exact",), gains=WORSE, encoder="chemberta:big")]
    answer, said = told(tmp_path, rows)
    assert "improves" in answer
    assert answer.endswith("with encoder chemberta:big the check fails")
    assert "Encoder chemberta:big: With exact" in said.replace("with exact", "With exact")
    assert "Encoder chemberta:big" in text_of(page_of(tmp_path / "page", rows))


def test_data_of_another_seed_are_other_data(tmp_path):
    other = {"kind": "simulated-compounds", "compounds": 1200, "genes": 978, "seed": 1}
    assert len(studies(read(tmp_path, [model(), model(source=other)]))) == 2


def test_a_page_of_trained_models(tmp_path):
    html = page_of(tmp_path, everything())
    text = text_of(html)
    assert re.search(r"<h1>dGSEA as an auxiliary loss improves pathway agreement", html)
    for part in ("Does the conclusion hold?", "Beside the paper's numbers", "Every pathway", "What training takes"):
        assert part in text
    assert "0.257 → 0.306" in text
    assert "Li et al. 2026" in text
    assert "PATHWAY_11" in text
    assert "arm hybrid, pathways directional" in text, "experiments are told apart in the tables of all cases"
    assert "22 cases: 20 done, 2 skipped, 0 failed. Models trained with fastsum" in text
    assert "none no pathway loss" in text
    assert "Every trained model, on test compounds" in text


def test_numbers_in_tables_have_values_and_figures_have_words_and_data(tmp_path):
    html = page_of(tmp_path, everything())
    tables = re.findall(r"<h3>([^<]*)</h3>.*?<table[^>]*>(.*?)</table>", html, flags=re.DOTALL)
    for title in (
        "Does the conclusion hold?",
        "Beside the paper&#39;s numbers",
        "Every pathway",
        "What every model reaches",
    ):
        body = dict(tables)[title]
        numbers = re.findall(r"<td([^>]*)>(?:<i[^>]*></i>)?(?:pass: |fail: )?([+−]?\d+\.\d+)", body)
        assert numbers
        assert all("data-n=" in attributes for attributes, _ in numbers)
    alternatives = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert len(alternatives) == html.count("<svg") >= 8
    assert all(len(words) > 40 for words in alternatives)
    data = [pd.read_csv(io.StringIO(unquote(text))) for text in re.findall(r'href="data:text/csv[^,]*,([^"]*)"', html)]
    assert len(data) == len(alternatives)
    assert all(len(table) for table in data)
    gains = data[0].query("seed == 'all' and backend == 'fastsum' and trained_with == 'hybrid'")
    assert gains["gain"].item() == pytest.approx(0.049, abs=0.001)
    assert (gains["low"] < gains["gain"]).all()


def test_curves_are_those_of_the_chosen_weight(tmp_path):
    html = page_of(tmp_path, study(("exact",), seeds=(0,)))
    data = [pd.read_csv(io.StringIO(unquote(text))) for text in re.findall(r'href="data:text/csv[^,]*,([^"]*)"', html)]
    curve = next(table for table in data if "validation_pathway_correlation" in table).query("backend == 'exact'")
    epochs = details_of(model("exact"))["epochs"].query("weight == 0.03")
    assert list(curve["validation_pathway_correlation"]) == pytest.approx(
        list(epochs["validation_pathway_correlation"]), abs=1e-5
    )


def test_names_are_escaped(tmp_path):
    rows = [*study(seeds=(0, 1)), *study(("exact",), seeds=(0, 1), encoder=f"chemberta:{NASTY}")]
    rows += [
        model(f"nyswin[{NASTY}]", 0),
        model("exact", 0, pathways=NASTY),
        model("exact", 2, status="failed", reason=NASTY),
    ]
    html = page_of(tmp_path, rows, prefix=f"=1+1{NASTY}")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    parsed(html)


def test_with_other_tasks_the_page_keeps_their_answer(tmp_path):
    write_run(tmp_path, [make_row("exact"), make_row("fastsum")])
    html = page_of(tmp_path, study())
    text = text_of(html)
    assert re.search("<h1>(Use|Exact)", html)
    assert text.count("dGSEA as an auxiliary loss improves pathway agreement") == 2, "at the top, and in its section"
    assert "2 backends at 1,000 genes on 1 kind of scores (planted). Models trained with" in text
    assert "1,000 × 20 × 1" in text


def test_an_index_and_a_comparison_know_trained_models(tmp_path):
    write_study(tmp_path / "a", study())
    worse = [row.model_copy(deep=True) for row in study()]
    worse[-1].metrics["pathway_mse"] *= 1.2
    write_study(tmp_path / "b", worse)
    render_report(tmp_path / "a")
    assert "dGSEA as an auxiliary loss improves" in text_of(render_index(tmp_path).read_text(encoding="utf-8"))
    comparison = compare_runs(read_side(tmp_path / "a"), read_side(tmp_path / "b"))
    assert [change.after.case_id for change in comparison.regressions] == [worse[-1].case_id]
    assert any("neither correlations nor times" in remark for remark in comparison.remarks)
    names = Names("", {row.case_id: row.label for row in worse})
    assert "pathway MSE 1.6" in text_of(render_comparison(comparison, names))


def test_figures_hold_whatever_is_far_off(tmp_path):
    rows = [
        *study(("exact",)),
        model("exact", 0, {"gene_correlation": -40.0, "pathway_correlation": 30.0}, arm="dgsea"),
    ]
    text = text_of(page_of(tmp_path, rows))
    assert re.search(r"◂ −(40\.0|39\.9)", text)
    assert re.search(r"\+(30\.0|29\.9)\d+ ▸", text)


def test_a_hybrid_gains_what_its_rows_say(tmp_path):
    text = text_of(page_of(tmp_path, study(("exact",), seeds=(0,), spread=0)))
    row = model("exact")
    before, after = BASELINE["pathway_correlation"], row.metrics["pathway_correlation"]
    assert f"{before:.3f} → {after:.3f}" in text


def test_every_pair_that_is_drawn_has_its_dot(tmp_path):
    html = page_of(tmp_path, study(("fastsum",), seeds=(0,)))
    drawn = re.findall(r'<path d="([^"]*)"[^>]*opacity: 0\.5', html)
    assert [path.count("L") for path in drawn] == [2000, 2000]
    assert "2,000 of 2,850 pairs of pathway and test compound" in text_of(html)


@pytest.mark.parametrize("width", [400, 1280])
def test_in_a_browser_no_width_scrolls_sideways(visit, tmp_path, width):
    long = "a_long_name_" * 20
    rows = [*everything(), *study((f"nyswin[{long}]",), seeds=(0, 1), encoder=NASTY + long)]
    rows.append(model("exact", 0, status="failed", reason=long, encoder=NASTY + long))
    reader = visit(render_report(write_study(tmp_path, rows, prefix=long)), width=width)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    assert reader.page.locator("figure svg").count() >= 8
