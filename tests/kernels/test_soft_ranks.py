"""Soft ranks and their gradient against sums over all pairs, whichever way they are summed."""

import numpy as np
import pytest
import torch
from dense_sums import SEEDS, points_on_a_line, sigmoids_of_pairs, slopes_of_pairs
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.kernels.grid_sum import REACH
from dgsea_bench.kernels.soft_ranks import (
    add_slopes_of_clusters,
    fill_sums_of_clusters,
    soft_ranks,
    soft_ranks_gradient,
)

PER_GENE = 1e-14
PER_GENE_OF_GRADIENT = 2e-14
TEMPERATURES = st.sampled_from([1e-200, 1e-9, 0.7, 1.0, 1e9, 1e200])


@st.composite
def profiles(draw: st.DrawFn) -> np.ndarray:
    """Scores in units of the temperature, some with outliers so far away that a grid over all of them would be vast."""
    scores = draw(points_on_a_line())
    outliers = draw(st.lists(st.sampled_from([-1e12, 1e5, 1e12]), max_size=2))
    return np.concatenate([scores, outliers])


def ranks_of(scores: np.ndarray, tau: float) -> np.ndarray:
    ranks = np.empty((1, len(scores)))
    soft_ranks(scores[None], tau, ranks)
    return ranks[0]


def gradient_of(scores: np.ndarray, tau: float, u: np.ndarray) -> np.ndarray:
    result = np.full((1, len(scores)), np.nan)
    soft_ranks_gradient(scores[None], tau, u[None], result)
    return result[0]


def dense_gradient(scores: np.ndarray, tau: float, u: np.ndarray) -> np.ndarray:
    """Σ_i (u_i - u_k) σ'((s_k - s_i) / τ) / τ."""
    return ((u[None, :] - u[:, None]) * slopes_of_pairs(scores, tau)).sum(1) / tau


def rounding_of_gradient(u: np.ndarray, tau: float) -> np.ndarray:
    away = np.abs(u - u.mean())
    return PER_GENE_OF_GRADIENT * (away.sum() + len(u) * away) / tau


@given(profiles(), TEMPERATURES)
def test_ranks_are_sums_over_all_pairs(scores, tau):
    truth = 0.5 + sigmoids_of_pairs(scores * tau, tau).sum(1)
    assert np.abs(ranks_of(scores * tau, tau) - truth).max() <= PER_GENE * len(scores)


@given(profiles(), TEMPERATURES, SEEDS)
def test_gradients_are_sums_over_all_pairs(scores, tau, seed):
    u = np.random.default_rng(seed).standard_normal(len(scores)) + 3.0
    error = np.abs(gradient_of(scores * tau, tau, u) - dense_gradient(scores * tau, tau, u))
    assert (error <= rounding_of_gradient(u, tau)).all()


@given(points_on_a_line(), SEEDS)
def test_clusters_give_what_all_scores_together_give(scores, seed):
    """For dense scores too, which are not cut into clusters otherwise."""
    scores = np.sort(scores)[::-1].copy()
    u = np.random.default_rng(seed).standard_normal(len(scores))
    sums, slopes = np.empty(len(scores)), np.zeros(len(scores))
    fill_sums_of_clusters(scores, 1.0, sums)
    add_slopes_of_clusters(scores, 1.0, u, slopes)
    assert np.abs(sums - sigmoids_of_pairs(scores, 1.0).sum(1)).max() <= PER_GENE * len(scores)
    assert (np.abs(slopes - dense_gradient(scores, 1.0, u)) <= rounding_of_gradient(u, 1.0)).all()


@pytest.mark.parametrize("gap", [10.0, 20.0, 30.0, REACH - 1e-9, REACH, np.nextafter(REACH, 100), REACH + 1e-9])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 200), (200, 3)])
def test_a_gap_changes_nothing(gap, sizes):
    """A cluster ends at one that is wider than REACH, and not before."""
    rng = np.random.default_rng(1)
    upper, lower = (rng.uniform(0, 5, size) for size in sizes)
    scores = np.concatenate([upper - upper.min() + gap, lower - lower.max(), [-1e12]])
    u = rng.standard_normal(len(scores))
    truth = 0.5 + sigmoids_of_pairs(scores, 1.0).sum(1)
    assert np.abs(ranks_of(scores, 1.0) - truth).max() <= PER_GENE * len(scores)
    assert (np.abs(gradient_of(scores, 1.0, u) - dense_gradient(scores, 1.0, u)) <= rounding_of_gradient(u, 1.0)).all()


@pytest.mark.parametrize("tail", [0, 20, 120])
@pytest.mark.parametrize("sign", [-1, 1])
def test_many_genes_dense_at_one_end_and_sparse_at_the_other(tail, sign):
    """A long grid: places on it are rounded more coarsely far from where it begins."""
    rng = np.random.default_rng(2)
    scores = sign * np.concatenate([rng.uniform(0, 1, 3000), -37.0 * np.arange(1, tail + 1)])
    u = rng.standard_normal(len(scores))
    truth = 0.5 + sigmoids_of_pairs(scores, 1.0).sum(1)
    assert np.abs(ranks_of(scores, 1.0) - truth).max() <= 10 * PER_GENE * len(scores)
    error = np.abs(gradient_of(scores, 1.0, u) - dense_gradient(scores, 1.0, u))
    assert (error <= 10 * rounding_of_gradient(u, 1.0)).all()


@given(SEEDS, st.floats(0.1, 10))
def test_gradients_are_those_of_the_ranks(seed, tau):
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.standard_normal((3, 40))).requires_grad_()
    u = rng.standard_normal((3, 40))
    ranks = 0.5 + torch.sigmoid((scores[:, None, :] - scores[:, :, None]) / tau).sum(-1)
    (ranks * torch.from_numpy(u)).sum().backward()
    result = np.empty((3, 40))
    soft_ranks_gradient(scores.detach().numpy(), tau, u, result)
    for row, truth, weights in zip(result, scores.grad.numpy(), u):
        assert (np.abs(row - truth) <= rounding_of_gradient(weights, tau)).all()


@given(points_on_a_line(), st.sampled_from([1e100, 1e300]))
def test_a_temperature_beyond_all_scores_ranks_all_in_the_middle(scores, tau):
    np.testing.assert_allclose(ranks_of(scores, tau), (len(scores) + 1) / 2, rtol=1e-13)


@given(st.integers(1, 400), SEEDS, st.sampled_from([1e-200, 1e-100]))
def test_the_smallest_temperature_gives_the_positions_of_a_sort(genes, seed, tau):
    """Tied genes share the mean of their positions."""
    scores = np.random.default_rng(seed).integers(-5, 5, genes) * 1.0
    truth = [(scores > score).sum() + ((scores == score).sum() + 1) / 2 for score in scores]
    np.testing.assert_allclose(ranks_of(scores, tau), truth, rtol=1e-13)


def test_scores_whose_differences_overflow_are_ranked():
    scores = np.array([1.7e308, -1.7e308, 0.0, 1.7e308])
    np.testing.assert_allclose(ranks_of(scores, 1.0), [1.5, 4.0, 3.0, 1.5])
