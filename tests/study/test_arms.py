"""A study from end to end on few compounds: a row says what its tables say, and what was saved is what is used."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import dgsea_bench as dg
from dgsea_bench.bench.case import Case
from dgsea_bench.study.arms import choose_weight
from dgsea_bench.study.baseline import Baseline, Study
from dgsea_bench.study.evaluate import MEASURES
from dgsea_bench.study.measure import compute_baseline, measure_arm, overhead

SMALL = {"hidden": 32, "epochs": 4, "fine_tune_epochs": 3, "warmup_steps": 3, "weights": [0, 0.3], "resamples": 100}
SOURCE = {"kind": "simulated-compounds", "compounds": 120, "signal": 0.9}


def case(arm="hybrid", backend="fastsum", source=SOURCE, **training):
    return Case.model_validate(
        {
            "task": "training",
            "source": source,
            "params": {"tau_rank": 0.8, "tau_prefix": 1.1, "tau_abs": 0.7},
            "training": {**SMALL, "permutations": 40, "arm": arm, **training},
            "backend": "none" if arm == "gene-mse" else backend,
            "dtype": "float32",
            "measure": {"min_seconds": 0, "max_seconds": 0},
        }
    )


@pytest.fixture(scope="module")
def baseline_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("baseline") / "baseline.pt"
    compute_baseline(case()).save(file)
    return file


@pytest.fixture(scope="module")
def measured(baseline_file, tmp_path_factory):
    """Arm and pathways -> (the fields of its row, the folder of its tables)."""
    found = {}
    for arm, pathways in (("gene-mse", "directional"), ("hybrid", "directional"), ("hybrid", "random")):
        folder = tmp_path_factory.mktemp("details")
        found[arm, pathways] = (measure_arm(case(arm, pathways=pathways), baseline_file, folder), folder)
    return found


def table(measured, arm, pathways, name):
    return pd.read_parquet(measured[arm, pathways][1] / f"{name}.parquet")


def test_every_measure_is_there_and_a_gain_is_the_difference_from_the_baseline(measured):
    alone = measured["gene-mse", "directional"][0]["metrics"]
    assert set(MEASURES) <= set(alone)
    assert not any(name.startswith(("gain_", "baseline_")) for name in alone)
    for key in (("hybrid", "directional"), ("hybrid", "random")):
        metrics = measured[key][0]["metrics"]
        for name in MEASURES:
            assert metrics[f"baseline_{name}"] == pytest.approx(alone[name], rel=1e-12)
            assert metrics[f"gain_{name}"] == pytest.approx(metrics[name] - alone[name], abs=1e-12)
            assert metrics[f"gain_{name}_low"] <= metrics[f"gain_{name}_high"]


def test_the_tables_say_what_the_row_says(measured):
    metrics = measured["hybrid", "directional"][0]["metrics"]
    each = table(measured, "hybrid", "directional", "pathways")
    assert each["correlation"].mean() == pytest.approx(metrics["pathway_correlation"])
    predictions = table(measured, "hybrid", "directional", "predictions")
    error = (predictions["predicted"] - predictions["true"]) ** 2
    assert error.mean() == pytest.approx(metrics["pathway_mse"])
    by_hand = predictions.groupby("pathway")[["true", "predicted"]].corr().iloc[0::2, 1]
    assert by_hand.mean() == pytest.approx(metrics["pathway_correlation"])
    resamples = table(measured, "hybrid", "directional", "bootstrap")
    assert len(resamples) == SMALL["resamples"]
    low, high = np.quantile(resamples["gain_gene_rmse"], [0.025, 0.975])
    assert (low, high) == pytest.approx((metrics["gain_gene_rmse_low"], metrics["gain_gene_rmse_high"]), rel=1e-5)


def test_a_hybrid_begins_where_the_loss_on_genes_ended_and_the_weight_chosen_is_that_of_validation(measured):
    epochs = table(measured, "hybrid", "directional", "epochs")
    alone = table(measured, "gene-mse", "directional", "epochs")
    start = alone[alone["kept"]].iloc[0]
    first = epochs[epochs["epoch"] == 0]
    assert first["weight"].tolist() == SMALL["weights"]
    np.testing.assert_allclose(first["validation_gene_mse"], start["validation_gene_mse"], rtol=1e-5)
    weights = table(measured, "hybrid", "directional", "weights")
    metrics = measured["hybrid", "directional"][0]["metrics"]
    chosen = weights[weights["chosen"]]
    assert chosen["weight"].unique().tolist() == [metrics["chosen_weight"]]
    on_test = chosen[chosen["split"] == "test"].iloc[0]
    for name in MEASURES:
        assert on_test[name] == pytest.approx(metrics[name], rel=1e-6)


def test_who_trains_with_other_pathways_is_judged_by_the_same_and_by_those_too(measured):
    random, real = (measured["hybrid", name][0]["metrics"] for name in ("random", "directional"))
    assert random["baseline_pathway_correlation"] == real["baseline_pathway_correlation"]
    assert "own_correlation" in random
    assert "own_correlation" not in real
    gain = random["own_correlation"] - random["baseline_own_correlation"]
    assert random["gain_own_correlation"] == pytest.approx(gain, abs=1e-12)
    weights = table(measured, "hybrid", "random", "weights")
    assert (weights["trained_correlation"] != weights["pathway_correlation"]).any()


def test_sizes_add_up(measured):
    facts = measured["hybrid", "directional"][0]["problem"]
    assert facts["train"] + facts["validation"] + facts["test"] == facts["compounds"] == 120
    assert (facts["genes"], facts["pathways"], facts["sets"]) == (978, 5, 7)


def test_pathways_alone_are_trained_from_the_start(measured, baseline_file, tmp_path):
    metrics = measure_arm(case("dgsea"), baseline_file, tmp_path)["metrics"]
    epochs = pd.read_parquet(tmp_path / "epochs.parquet")
    alone = table(measured, "gene-mse", "directional", "epochs")
    assert "chosen_weight" not in metrics
    for name in ("validation_gene_mse", "validation_pathway_mse"):
        assert epochs[name][0] == pytest.approx(alone[name][0], rel=1e-6)
    assert not (tmp_path / "weights.parquet").exists()


def test_what_a_baseline_saves_is_what_it_was(baseline_file):
    study = Study.of(case())
    fresh, again = compute_baseline(case()), Baseline.load(baseline_file, study, "kept")
    for name, value in fresh.trained.state.items():
        assert torch.equal(value, again.trained.state[name])
    told = (each.trained.epochs.drop(columns="seconds") for each in (fresh, again))
    pd.testing.assert_frame_equal(*told, check_dtype=False)
    for name, value in fresh.test.measures().items():
        assert again.test.measures()[name] == value


class Harmful:
    def __reduce__(self):
        return print, ("a file of tensors has run a program",)


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps(Harmful())], ids=["empty", "text", "program"])
def test_a_file_that_is_no_model_is_refused_and_runs_nothing(content, tmp_path, capsys):
    file = tmp_path / "baseline.pt"
    file.write_bytes(content)
    here = rf"^references/{case().reference_id}\.pt: is no model that this program saved .*; remove that file"
    with pytest.raises(dg.InputError, match=here):
        measure_arm(case(), file, tmp_path)
    torch.save({"state": Harmful()}, file)
    with pytest.raises(dg.InputError, match="is no model that this program saved"):
        Baseline.load(file, Study.of(case()), "kept")
    assert capsys.readouterr().out == ""


@given(
    rows=st.lists(st.tuples(st.floats(-1, 1), st.one_of(st.floats(-1, 1), st.just(math.nan))), min_size=1, max_size=6),
    least=st.floats(-1, 1),
)
def test_the_weight_chosen_has_the_best_pathways_of_those_that_keep_the_genes(rows, least):
    weights = [0.1 * number for number in range(len(rows))]
    seen = pd.DataFrame(rows, columns=["gene_correlation", "trained_correlation"]).assign(weight=weights)
    chosen, eligible = choose_weight(seen.sample(frac=1, random_state=0), least)
    genes, pathways = rows[weights.index(chosen)]
    keeping = [weight for weight, (gene, _) in zip(weights, rows) if gene >= least]
    assert eligible == keeping
    if keeping:
        known = [(-math.inf if math.isnan(p) else p) for g, p in rows if g >= least]
        mine = -math.inf if math.isnan(pathways) else pathways
        assert mine == max(known)
        assert chosen in keeping
    else:
        assert genes == max(gene for gene, _ in rows)


def test_what_a_step_costs_more_is_the_median_of_pairs():
    phases = {"gene_step": [9.0, 1.0, 2.0, 4.0], "step": [9.0, 1.5, 4.0, 5.0]}
    rows = [
        (number, phase, seconds, number == 0) for phase, each in phases.items() for number, seconds in enumerate(each)
    ]
    found = overhead(pd.DataFrame(rows, columns=["repeat", "phase", "seconds", "warm_up"]))
    assert found["step_overhead"] == pytest.approx(0.5)
    assert (found["step_overhead_low"], found["step_overhead_high"]) == pytest.approx((0.25, 1.0))


def test_pathways_that_are_not_measured_are_named(tmp_path, baseline_file):
    file = tmp_path / "mine.gmt"
    genes = "\t".join(Study.of(case()).compounds.genes[:8])
    file.write_text(f"here\t\t{genes}\nelsewhere\t\tNOGENE1\tNOGENE2\n")
    found = measure_arm(case(pathways=str(file), weights=[0.1]), baseline_file, tmp_path)
    assert any("pathway 'elsewhere' is left out" in flag for flag in found["flags"])
    assert sum(found["problem"]["dropped"].values()) == 1
