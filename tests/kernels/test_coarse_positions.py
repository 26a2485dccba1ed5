"""Curves at every position, read off at every few, against the curves themselves."""

import numpy as np
from dense_sums import SEEDS, soft_ranks_of_genes
from from_python import from_python
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from dgsea_bench.kernels import coarse_positions
from dgsea_bench.kernels.base_curve import sums_of_all_genes
from dgsea_bench.kernels.coarse_positions import shares_of_positions
from dgsea_bench.kernels.windows import MARGIN, WIDEST, nodes_of

gather, interpolate = from_python(coarse_positions.gather, coarse_positions.interpolate)

PER_UNIT_OF_WEIGHT = 4e-13
TEMPERATURES = st.sampled_from([16.0, 23.999, 24.0, 1e3, 1e6, 1e300]) | st.floats(16, 200)


def nodes_and_shares(genes, tau):
    nodes = nodes_of(genes, tau, WIDEST)
    return nodes, shares_of_positions(genes, nodes)


@given(soft_ranks_of_genes(), TEMPERATURES, SEEDS)
def test_a_curve_at_nodes_gives_the_curve_at_every_position(ranks, tau, seed):
    """Curves of single genes, of weights of either sign, exact at the nodes."""
    genes = len(ranks)
    weights = np.random.default_rng(seed).standard_normal(genes)
    nodes, shares = nodes_and_shares(genes, tau)
    at_nodes, curve = np.full(nodes.total, np.nan), np.full(genes, np.nan)
    around = np.arange(1 - MARGIN, nodes.span + MARGIN)
    positions = 1 + nodes.spacing * around
    at_nodes[nodes.first + around] = expit((positions[:, None] + 0.5 - ranks) / tau) @ weights
    interpolate(at_nodes, nodes, shares, curve)
    truth = expit((np.arange(1, genes + 1)[:, None] + 0.5 - ranks) / tau) @ weights
    assert np.abs(curve - truth).max() <= PER_UNIT_OF_WEIGHT * np.abs(weights).sum()


@given(soft_ranks_of_genes(), TEMPERATURES)
def test_windows_at_nodes_give_the_base_curve_at_every_position(ranks, tau):
    genes = len(ranks)
    nodes, shares = nodes_and_shares(genes, tau)
    base, curve = np.empty((1, nodes.total)), np.empty(genes)
    sums_of_all_genes(ranks[None], nodes, base)
    interpolate(base[0], nodes, shares, curve)
    truth = expit((np.arange(1, genes + 1)[:, None] + 0.5 - ranks) / tau).sum(1)
    assert np.abs(curve - truth).max() <= PER_UNIT_OF_WEIGHT * genes


@given(st.integers(1, 500), TEMPERATURES, SEEDS)
def test_gathering_is_the_adjoint_of_interpolation(genes, tau, seed):
    rng = np.random.default_rng(seed)
    nodes, shares = nodes_and_shares(genes, tau)
    at_nodes, gradient = rng.standard_normal(nodes.total), rng.standard_normal(genes)
    curve, gathered = np.empty(genes), np.full(nodes.total, np.nan)
    interpolate(at_nodes, nodes, shares, curve)
    gather(gradient, nodes, shares, gathered)
    assert abs(curve @ gradient - at_nodes @ gathered) <= 1e-14 * np.abs(gradient).sum() * np.abs(at_nodes).max()
