"""Cases of significance: what scenarios say of them, what is measured, and metrics against scipy and numpy."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import dgsea_bench as dg
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.measure_significance import measure_significance
from dgsea_bench.bench.metrics import METRICS, attainable_share, gradient_health, profile_agreement, share_below
from dgsea_bench.bench.reference import compute_reference, null_of_profile
from dgsea_bench.bench.scenario_files import read_scenario
from dgsea_bench.bench.sweep import run_sweep
from dgsea_bench.bench.witnesses import WITNESSES
from dgsea_bench.data.sources import SyntheticSource

SMALL = {"genes": 120, "sets": 12, "set_size": "8-30", "profiles": 4}


def case(backend="exact", generator="planted", **fields):
    return Case.model_validate(
        {
            "task": "significance",
            "source": {"kind": "synthetic", "generator": generator, **SMALL},
            "params": {},
            "null": {"permutations": 60},
            "backend": backend,
            "measure": {"min_seconds": 0},
            **fields,
        }
    )


def scenario(tmp_path, text, task="significance"):
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "mine"\nsummary = "a test"\ntask = "{task}"\n{text}\n[[backends]]\nname = "exact"\n', encoding="utf-8"
    )
    return read_scenario(file)


GRID = '[[grids]]\nsource = "synthetic"\ngenes = 100\nset_size = 10\n'


def test_null_parameters_are_axes(tmp_path):
    cases = scenario(
        tmp_path, GRID + 'permutations = [100, 200]\nsharing = ["set", "size"]\nnull_seed = 3\nseed = 5'
    ).cases()
    assert [(c.null.permutations, c.null.sharing) for c in cases] == [
        (100, "set"),
        (100, "size"),
        (200, "set"),
        (200, "size"),
    ]
    assert {(c.null.seed, c.source.seed) for c in cases} == {(3, 5)}
    assert len({c.case_id for c in cases}) == 4


def test_none_stands_for_no_split_and_a_bad_value_is_told_without_the_others(tmp_path):
    (one,) = scenario(tmp_path, GRID + 'split = "none"\ntrim = 0.0').cases()
    assert one.null.split is None
    with pytest.raises(dg.InputError) as told:
        scenario(tmp_path, GRID + "permutations = 19").cases()
    assert "permutations is 19" in str(told.value)
    assert "{" not in str(told.value)


def test_every_profile_of_every_problem_has_its_own_permutations():
    seeds = [
        null_of_profile(
            case(source={"kind": "synthetic", **SMALL, "seed": seed}), dg.NullParams(seed=null_seed), profile
        ).seed
        for seed in (0, 1)
        for null_seed in (0, 1)
        for profile in range(4)
    ]
    assert len(set(seeds)) == 16


def test_witnesses_stand_beside_the_backends(tmp_path):
    found = scenario(tmp_path, 'witnesses = ["gseapy"]\n' + GRID)
    assert [c.label for c in found.cases()] == ["exact", "gseapy"]
    assert [c.label for c in found.with_backends(["hard"]).cases()] == ["hard"]
    assert [c.label for c in found.with_backends(["gseapy"]).cases()] == ["gseapy"]


@pytest.mark.parametrize(
    ("text", "task", "message"),
    [
        (GRID + "permutations = 5", "significance", "permutations is 5"),
        (
            GRID + "permutations = 500",
            "enrichment",
            "unknown key 'permutations' in a scenario with task = \"enrichment\"",
        ),
        (GRID + "gradient = true", "significance", "unknown key 'gradient'"),
        (GRID + "null_seed = 1048576", "significance", "null_seed is 1048576; it must be below 1,048,576"),
        (GRID + "seed = 1048576", "significance", "seed is 1048576; it must be below 1,048,576"),
        (GRID + '[[backends]]\nname = "gseapy"', "significance", r'write witnesses = \["gseapy"\]'),
        ('witnesses = ["gseapi"]\n' + GRID, "significance", "did you mean 'gseapy'"),
        ('witnesses = ["gseapy"]\n' + GRID, "enrichment", 'with task = "significance" only'),
        (GRID, "significanse", "task"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, task, message):
    with pytest.raises(dg.InputError, match=message):
        scenario(tmp_path, text, task).cases()


def test_a_case_is_its_own_json_and_an_older_case_keeps_its_identity():
    for one in (case(), case("gseapy")):
        again = Case.model_validate(json.loads(one.model_dump_json()))
        assert (again, again.case_id, again.reference_id) == (one, one.case_id, one.reference_id)
    plain = case(task="enrichment", null=None)
    assert "null" not in json.dumps(sorted(plain.model_dump(exclude_none=True)))
    assert plain.case_id != case().case_id


def test_classical_references_are_shared_over_temperatures_and_by_exact_and_hard():
    hot = {"tau_rank": 2.4}
    assert (
        case().reference_id == case(params=hot).reference_id == case("hard").reference_id == case("gseapy").reference_id
    )
    assert case("nyswin").reference_id not in (case().reference_id, case("nyswin", params=hot).reference_id)
    assert case(null={"permutations": 61}).reference_id != case().reference_id


def measured(tmp_path, one):
    outcome = measure_significance(one, compute_reference(one), tmp_path)
    assert outcome["status"] == "done"
    assert {
        name.removesuffix("_q1").removesuffix("_q3").removesuffix("_low").removesuffix("_high")
        for name in outcome["metrics"]
    } <= set(METRICS)
    return outcome["metrics"], {
        name: pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("sets", "profiles", "timings")
    }


def test_agreement_is_that_of_the_public_functions(tmp_path):
    one = case()
    metrics, tables = measured(tmp_path, one)
    problem = one.source.load()
    each = []
    for profile in range(4):
        null = null_of_profile(one, one.null, profile)
        soft, hard = (
            dg.normalized_enrichment_score(
                problem.scores[profile, None], problem.gene_sets, null=null, backend=name
            ).nes[0]
            for name in ("exact", "hard")
        )
        each.append(stats.spearmanr(soft, hard).statistic)
    np.testing.assert_allclose(tables["profiles"]["spearman"], each, atol=1e-12)
    assert tables["profiles"]["profile"].tolist() == [0, 1, 2, 3]
    assert tables["profiles"]["name"].tolist() == [""] * 4
    assert tables["profiles"]["responding"].tolist() == (problem.scores.abs() >= 2).sum(1).tolist()
    assert metrics["nes_spearman"] == pytest.approx(np.median(each))
    assert metrics["nes_spearman_lowest"] == pytest.approx(min(each))
    assert len(tables["sets"]) == 4 * 12
    assert len(tables["timings"]) >= 5
    assert "p_below" not in metrics  # something is enriched


def test_p_values_of_simulated_profiles_are_not_held_to_be_uniform(tmp_path):
    source = {"kind": "synthetic", "generator": "l1000-simulated", "sets": 12, "set_size": 20, "profiles": 3}
    metrics, _ = measured(tmp_path, case("fastsum", source=source))
    assert "nes_spearman" in metrics
    assert not [name for name in metrics if name.startswith("p_")]


def test_nyswin_is_compared_with_exact_on_the_same_permutations(tmp_path):
    metrics, tables = measured(tmp_path, case("nyswin"))
    table = tables["sets"]
    assert metrics["nes_error_mean"] == pytest.approx((table["nes"] / table["exact_nes"] - 1).abs().mean())
    assert 0 < metrics["nes_error_mean"] < 0.2


def test_classical_nes_is_not_compared_with_itself(tmp_path):
    metrics, tables = measured(tmp_path, case("hard", generator="null"))
    assert "nes_spearman" not in metrics
    assert "gradient_norm" not in metrics
    np.testing.assert_array_equal(tables["sets"]["nes"], tables["sets"]["classical_nes"])
    assert metrics.get("p_below_low", 0) <= metrics["p_below"] <= metrics.get("p_below_high", 1)
    assert metrics["p_below_released"] >= metrics["p_below"]
    p = tables["sets"]["p_value"]
    assert metrics["p_distance"] == pytest.approx(stats.kstest(p, "uniform").statistic)


def test_gseapy_gives_rows_and_agrees_with_our_classical_nes(tmp_path):
    outcome = run_sweep_of(tmp_path, "gseapy")
    (row,) = outcome.to_dict("records")
    assert row["status"] == "done"
    assert row["procedure"].startswith("gseapy ")
    assert row["metrics.nes_spearman_lowest"] > 0.9
    assert row["metrics.es_sign_agreement"] == 1
    assert row["metrics.null_seconds"] > 0


def run_sweep_of(tmp_path, backend):
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nsummary = "a test"\ntask = "significance"\nwitnesses = ["gseapy"]\n'
        '[[grids]]\nsource = "synthetic"\ngenes = 120\nsets = 12\nset_size = "8-30"\n'
        'profiles = 2\npermutations = 300\n[[backends]]\nname = "hard"\n'
        "[measure]\nmin_seconds = 0\n",
        encoding="utf-8",
    )
    return run_sweep(file, backends=[backend], out=tmp_path / "run")


@pytest.mark.filterwarnings("error")
def test_gseapy_takes_the_same_scores_and_sets():
    problem = SyntheticSource(**SMALL, generator="heavy-tailed").load()
    theirs = WITNESSES["gseapy"].measure(
        problem.scores, problem.gene_sets, dg.EnrichmentParams(), dg.NullParams(permutations=50), threads=1
    )
    ours = dg.normalized_enrichment_score(
        problem.scores, problem.gene_sets, null=dg.NullParams(permutations=50), backend="hard"
    )
    torch.testing.assert_close(theirs.es, ours.es, rtol=0, atol=1e-9)
    assert theirs.peaks.equal(ours.peaks)
    assert theirs.of_sign.isnan().all()
    assert theirs.nes.shape == ours.nes.shape
    assert WITNESSES["gseapy"].unavailable("cuda") is not None


@given(seed=st.integers(0, 10**6), sets=st.integers(10, 40))
def test_agreement_of_a_profile(seed, sets):
    rng = np.random.default_rng(seed)
    classical = rng.standard_normal(sets)
    nes = 2 * classical + 0.5 * rng.standard_normal(sets)
    found = profile_agreement(nes, classical)
    assert found["spearman"] == pytest.approx(stats.spearmanr(nes, classical).statistic)
    assert found["slope"] == pytest.approx(stats.linregress(classical, nes).slope)
    top, other = (set(np.argsort(np.abs(values))[-10:]) for values in (nes, classical))
    assert found["top_ten"] == pytest.approx(len(top & other) / 10)
    holes = np.r_[nes, np.nan, 1.0], np.r_[classical, 3.0, np.nan]
    assert profile_agreement(*holes) == pytest.approx(found)
    assert profile_agreement(classical, classical) == pytest.approx({"spearman": 1, "slope": 1, "top_ten": 1})
    assert profile_agreement(nes[:9], classical[:9]) == {}


@given(seed=st.integers(0, 10**6), profiles=st.integers(2, 30))
def test_the_interval_of_a_share_takes_profiles_as_its_units(seed, profiles):
    p = np.random.default_rng(seed).random((profiles, 8))
    found = share_below(p, 0.3)
    each = (p < 0.3).mean(axis=1)
    assert found["share"] == pytest.approx(each.mean())
    assert ("low" in found) == (np.ptp(each) > 0)
    if "low" in found:
        low, high = stats.t.interval(0.95, profiles - 1, each.mean(), stats.sem(each))
        assert (found["low"], found["high"]) == pytest.approx((max(0, low), min(1, high)))
    assert share_below(np.full((3, 2), np.nan)) == {}
    assert set(share_below(p[:1])) == {"share"}


@given(null_scores=st.integers(1, 600), level=st.sampled_from([0.01, 0.05, 0.1, 0.5]))
def test_the_attainable_share_is_counted_out(null_scores, level):
    possible = (1 + np.arange(null_scores + 1)) / (1 + null_scores)
    assert attainable_share(np.array([float(null_scores)]), level) == pytest.approx(
        (possible < level).mean(), abs=1e-12
    )


def test_the_health_of_gradients():
    one = np.array([[3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0]])
    assert gradient_health(one) == pytest.approx({"share": 0.5, "norm": 5.0, "repeatability": 1.0})
    turned = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert gradient_health(turned)["repeatability"] == pytest.approx(-0.5)
    assert gradient_health(np.zeros((2, 3))) == {"share": 0.0, "norm": 0.0}
