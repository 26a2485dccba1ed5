"""Measures of predictions against numpy, scipy and the definitions written out; resampling against repeated rows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import dgsea_bench as dg
from dgsea_bench.study.evaluate import (
    MEASURES,
    Judge,
    Judged,
    Scores,
    by_pathway,
    interval,
    over_pathways,
    resampling,
    row_correlations,
)
from dgsea_bench.study.objective import scales_of, set_scores

GENES = [f"g{n}" for n in range(60)]
PATHWAYS = dg.Pathways.directional(
    {"both": (GENES[:9], GENES[20:26]), "plain": GENES[30:41], "one": GENES[50:51]}, GENES
)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def expression(samples=12, seed=0):
    return torch.from_numpy(numbers(samples, len(GENES), seed=seed)).float()


@pytest.fixture(scope="module")
def judge():
    return Judge.of(PATHWAYS, expression(30, seed=5), permutations=60)


@pytest.fixture(scope="module")
def judged(judge):
    true = expression()
    return Judged.of(judge, true + expression(seed=1), true, judge.scores(true))


def robust_mean(magnitudes, trim=0.10, shrinkage=0.50):
    low, high = np.quantile(magnitudes, [trim, 1 - trim])
    kept = magnitudes[(magnitudes >= low) & (magnitudes <= high)]
    return (1 - shrinkage) * kept.mean() + shrinkage * np.clip(magnitudes, low, high).mean()


def test_scales_are_the_robust_mean_of_each_sign_over_the_training_set():
    scores = set_scores(dg.Exact(), expression(30, seed=5), PATHWAYS, dg.EnrichmentParams())
    for own, (positive, negative) in zip(scores.T.numpy(), scales_of(scores).numpy()):
        assert positive == pytest.approx(robust_mean(own[own >= 0]), rel=1e-12)
        assert negative == pytest.approx(robust_mean(-own[own < 0]), rel=1e-12)


def test_dnes_is_exact_des_on_that_scale_up_less_down(judge):
    values = expression(7, seed=3)
    scores = dg.enrichment_score(values.double(), PATHWAYS.gene_sets, backend="exact").numpy()
    scales = judge.scales.numpy()
    each = np.where(scores >= 0, scores / scales[:, 0], scores / scales[:, 1])
    names = PATHWAYS.gene_sets.names
    up, down, plain, one = (each[:, names.index(name)] for name in ("both up", "both down", "plain", "one"))
    np.testing.assert_allclose(judge.dnes(values), np.stack([up - down, plain, one], 1), rtol=1e-12)


def test_nes_is_the_classical_one_with_a_null_for_each_size(judge):
    values = expression(4, seed=3)
    null = dg.NullParams(permutations=60, sharing="size", split=None)
    found = dg.normalized_enrichment_score(values.double(), PATHWAYS.gene_sets, null=null, backend="hard").nes.numpy()
    names = PATHWAYS.gene_sets.names
    np.testing.assert_allclose(judge.nes(values)[:, 1], found[:, names.index("plain")], rtol=1e-12)
    wanted = found[:, names.index("both up")] - found[:, names.index("both down")]
    np.testing.assert_allclose(judge.nes(values)[:, 0], wanted, rtol=1e-12)


def test_training_is_watched_by_numbers_equal_to_exact_ones(judge):
    values = expression(20, seed=4)
    np.testing.assert_allclose(judge.with_backend(dg.Fastsum()).dnes(values), judge.dnes(values), rtol=1e-8)


def test_measures_of_genes_are_those_of_numpy(judge):
    true, predicted = expression(), expression(seed=2)
    found = Judged.of(judge, predicted, true, judge.scores(true)).measures()
    each = [np.corrcoef(a, b)[0, 1] for a, b in zip(true.numpy(), predicted.numpy())]
    top = [np.argsort(-np.abs(row))[:50] for row in true.numpy()]
    of_top = [np.corrcoef(a[at], b[at])[0, 1] for a, b, at in zip(true.numpy(), predicted.numpy(), top)]
    assert found["gene_correlation"][0] == pytest.approx(np.mean(each), rel=1e-5)
    assert found["top_gene_correlation"][0] == pytest.approx(np.mean(of_top), rel=1e-5)
    assert found["gene_rmse"][0] == pytest.approx(np.sqrt(((true - predicted).numpy() ** 2).mean()), rel=1e-5)


def test_measures_of_pathways_are_those_of_scipy(judged):
    found = judged.measures()
    assert tuple(found) == MEASURES
    for prefix, by in (("pathway", "dnes"), ("nes", "nes")):
        predicted, true = getattr(judged.predicted, by), getattr(judged.true, by)
        correlations, squares, signs = [], [], []
        for own, target in zip(predicted.T, true.T):
            known = np.isfinite(own) & np.isfinite(target)
            correlations.append(stats.pearsonr(own[known], target[known]).statistic)
            squares.extend((own - target)[known] ** 2)
            signs.extend(np.sign(own[known]) == np.sign(target[known]))
        assert found[f"{prefix}_correlation"][0] == pytest.approx(np.mean(correlations), rel=1e-9)
        assert found[f"{prefix}_mse"][0] == pytest.approx(np.mean(squares), rel=1e-9)
        assert found[f"{prefix}_sign_accuracy"][0] == pytest.approx(np.mean(signs), rel=1e-9)
    each = judged.per_pathway()
    assert each["correlation"].mean() == pytest.approx(found["pathway_correlation"][0])


@given(seed=st.integers(0, 10**6), missing=st.floats(0, 0.5))
def test_a_weight_is_that_many_repetitions(seed, missing):
    rng = np.random.default_rng(seed)
    predicted, true = rng.standard_normal((2, 9, 3)) * 10.0 ** rng.integers(-3, 4) + rng.standard_normal(3) * 5
    predicted[rng.random((9, 3)) < missing] = np.nan
    counts = rng.multinomial(9, np.full(9, 1 / 9), size=4).astype(float)
    many = over_pathways(predicted, true, counts)
    for number, row in enumerate(counts.astype(int)):
        once = over_pathways(predicted.repeat(row, 0), true.repeat(row, 0), np.ones((1, 9)))
        for name, value in once.items():
            np.testing.assert_allclose(many[name][number], value[0], rtol=1e-6, atol=1e-9)


def test_a_prediction_that_does_not_vary_correlates_with_nothing_and_a_truth_that_does_not_tells_nothing():
    values = numbers(8, 2)
    constant = np.full((8, 2), 0.1)
    once = np.ones((1, 8))
    assert (by_pathway(constant, values, once)["correlation"] == 0).all()
    assert np.isnan(by_pathway(values, constant, once)["correlation"]).all()
    assert np.isnan(over_pathways(values, constant, once)["correlation"]).all()
    assert row_correlations(constant, values).tolist() == [0.0] * 8


def test_pairs_without_a_score_are_left_out_and_none_at_all_is_no_number():
    true, predicted = numbers(6, 2), numbers(6, 2, seed=1)
    predicted[:, 1] = np.nan
    found = over_pathways(predicted, true, np.ones((1, 6)))
    alone = over_pathways(predicted[:, :1], true[:, :1], np.ones((1, 6)))
    for name, value in found.items():
        assert value[0] == pytest.approx(alone[name][0], rel=1e-12)
    nothing = over_pathways(np.full((6, 2), np.nan), true, np.ones((1, 6)))
    assert all(np.isnan(value).all() for value in nothing.values())


def test_arms_are_resampled_alike_and_seeds_are_not():
    draws = resampling(25, 300, seed=3)
    assert (draws.sum(1) == 25).all()
    assert (draws == resampling(25, 300, seed=3)).all()
    assert (draws != resampling(25, 300, seed=4)).any()


def test_an_interval_is_the_middle_of_the_resamples():
    assert interval(np.arange(1001.0)) == (25.0, 975.0)
    assert interval(np.array([1.0, np.nan])) is None


def test_what_is_saved_of_a_judgement_is_all_of_it(judged):
    again = Judged.from_arrays(judged.arrays())
    for name, value in judged.measures().items():
        assert again.measures()[name] == value
    assert isinstance(again.true, Scores)
