"""Soft ranks in torch: against the dense sums at any temperature, on scores of any kind, by finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kinds_of_scores import KINDS

import dgsea_bench as dg
from dgsea_bench.backends import batched_ranks
from dgsea_bench.backends.batched_ranks import soft_ranks, soft_ranks_gradient

MEMORY = 2.0**28


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 300))
    scores = torch.from_numpy(KINDS[draw(st.sampled_from(list(KINDS)))](rng, shape))
    return scores, draw(st.sampled_from([1e-4, 0.012, 0.3, 1.2, 30.0])), torch.from_numpy(rng.standard_normal(shape))


@given(problems())
def test_ranks_and_their_gradient_are_those_of_the_dense_sums(problem):
    scores, tau, upstream = problem
    leaf = scores.clone().requires_grad_()
    truth = dg.soft_rank(leaf, tau, backend="exact")
    truth.backward(upstream)
    genes = scores.shape[1]
    assert (soft_ranks(scores, tau, MEMORY) - truth).abs().max() <= 2e-12 * genes
    error = (soft_ranks_gradient(scores, tau, upstream, MEMORY) - leaf.grad).norm()
    # Of scores so far apart that none touches another the gradient is 0, and found to rounding in units of 1 / tau.
    assert error <= 1e-9 * leaf.grad.norm() + 1e-13 * genes / tau


@pytest.mark.parametrize("tau", [1.2, 0.01])
def test_ranks_of_many_genes_and_profiles(tau):
    scores = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 20_000)))
    ranks = soft_ranks(scores, tau, MEMORY)
    assert (ranks - dg.soft_rank(scores, tau, backend="fastsum")).abs().max() <= 1e-8
    torch.testing.assert_close(ranks.mean(-1), torch.full((4,), 10_000.5).double())


@given(problems())
def test_neither_memory_nor_neighbours_nor_the_order_of_genes_matter(problem):
    scores, tau, upstream = problem
    ranks, gradient = soft_ranks(scores, tau, MEMORY), soft_ranks_gradient(scores, tau, upstream, MEMORY)
    bound = 1e-11 * scores.shape[1]
    assert (soft_ranks(scores, tau, 1.0) - ranks).abs().max() <= bound
    slack = 1e-9 * gradient.norm() + bound / tau
    assert (soft_ranks_gradient(scores, tau, upstream, 1.0) - gradient).abs().max() <= slack
    assert (soft_ranks(scores.flip(-1), tau, MEMORY).flip(-1) - ranks).abs().max() <= bound


@pytest.mark.parametrize(("tau", "fewest", "most"), [(1.2, 100, 250), (1e-4, 2, 8)])
def test_as_many_profiles_at_once_as_their_grids_allow(tau, fewest, most):
    spread = 8.5  # of 256 × 20,000 normal scores
    assert fewest <= batched_ranks.profiles_at_once(20_000, spread / tau, 2.0**31) <= most


def test_finite_differences():
    scores = torch.from_numpy(np.random.default_rng(3).standard_normal((2, 7))).requires_grad_()
    rank = torch.ops.dgsea_bench.cuda_rank
    assert torch.autograd.gradcheck(lambda values: rank(values, 0.7, MEMORY), scores)


def test_a_second_derivative_is_refused():
    scores = torch.randn(1, 5, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(
        torch.ops.dgsea_bench.cuda_rank(scores, 1.2, MEMORY).square().sum(), scores, create_graph=True
    )
    with pytest.raises(dg.InputError, match="no second derivative"):
        first.sum().backward()
