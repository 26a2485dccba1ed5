"""Sums by way of a grid against sums over all pairs."""

import numpy as np
import pytest
from dense_sums import SEEDS, points_on_a_line, sigmoids_of_pairs, slopes_of_pairs
from from_python import from_python
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from dgsea_bench.kernels import grid_sum
from dgsea_bench.kernels.grid_sum import NODES, PER_TAU, REACH

PER_UNIT_OF_WEIGHT = 5e-15
PER_UNIT_OF_WEIGHT_OF_SLOPES = 2e-14
TEMPERATURES = st.sampled_from([1e-200, 1e-12, 0.3, 1.0, 1.7, 1e12, 1e200])
WIDEST = 300.0
"""In units of the temperature; `soft_ranks` cuts what is wider into clusters."""


grid_for, fill_shares, spread, read_off, sum_sigmoids, sum_slopes = from_python(
    grid_sum.grid_for,
    grid_sum.fill_shares,
    grid_sum.spread,
    grid_sum.read_off,
    grid_sum.sum_sigmoids,
    grid_sum.sum_slopes,
)


def shares_on_grid(points, tau):
    """First nodes, shares, and the number of nodes."""
    low, scale, nodes = grid_for(points, tau)
    first, shares = np.empty(len(points), dtype=np.int64), np.empty(NODES * len(points))
    fill_shares(points, low, scale, first, shares)
    return first, shares, nodes


@pytest.mark.parametrize(
    ("sum_kernel", "of_pairs", "bound"),
    [
        (sum_sigmoids, sigmoids_of_pairs, PER_UNIT_OF_WEIGHT),
        (sum_slopes, slopes_of_pairs, PER_UNIT_OF_WEIGHT_OF_SLOPES),
    ],
)
@given(points_on_a_line(), TEMPERATURES, SEEDS)
def test_sums_are_those_over_all_pairs(sum_kernel, of_pairs, bound, points, tau, seed):
    """For weights of either sign, added to what was there."""
    points = np.clip(points, -WIDEST, WIDEST) * tau
    weights = np.random.default_rng(seed).standard_normal(len(points))
    first, shares, nodes = shares_on_grid(points, tau)
    grid, summed, result = np.zeros(nodes), np.empty(nodes), np.ones(len(points))
    spread(first, shares, weights, grid)
    sum_kernel(grid, summed)
    read_off(first, shares, summed, result)
    error = np.abs(result - 1 - of_pairs(points, tau) @ weights).max()
    assert error <= bound * (1 + np.abs(weights).sum())


@pytest.mark.parametrize("sum_kernel", [sum_sigmoids, sum_slopes])
@given(st.integers(1, 4000) | st.integers(-3, 3).map(lambda more: int(REACH * PER_TAU) + more), SEEDS)
def test_sums_from_node_to_node_are_those_over_all_pairs_of_nodes(sum_kernel, nodes, seed):
    """On grids shorter and longer than the kernel, and with nodes that are just within its reach."""
    grid, result = np.random.default_rng(seed).standard_normal(nodes), np.full(nodes, np.nan)
    sum_kernel(grid, result)
    some = np.unique(np.linspace(0, nodes - 1, 20).astype(int))
    distances = (np.arange(nodes)[None, :] - some[:, None]) / PER_TAU
    truth = (expit(distances) if sum_kernel is sum_sigmoids else expit(distances) * expit(-distances)) @ grid
    assert np.abs(result[some] - truth).max() <= PER_UNIT_OF_WEIGHT * np.abs(grid).sum()


@given(points_on_a_line(), SEEDS)
def test_reading_off_is_the_adjoint_of_spreading(points, seed):
    rng = np.random.default_rng(seed)
    first, shares, nodes = shares_on_grid(np.clip(points, -WIDEST, WIDEST), 1.0)
    weights, values = rng.standard_normal(len(points)), rng.standard_normal(nodes)
    spread_out, read = np.zeros(nodes), np.zeros(len(points))
    spread(first, shares, weights, spread_out)
    read_off(first, shares, values, read)
    assert abs(spread_out @ values - weights @ read) <= 1e-14 * np.abs(weights).sum() * np.abs(values).max()


@given(st.integers(1, 5000), st.floats(0.01, 100), st.integers(-2, 2))
def test_the_grid_reaches_beyond_the_highest_point(spacings, tau, ulps):
    """Where rounding decides between which two nodes it lies, too: what is behind the grid is never read."""
    high = spacings / PER_TAU * tau
    for _ in range(abs(ulps)):
        high = np.nextafter(high, np.inf if ulps > 0 else 0.0)
    first, shares, nodes = shares_on_grid(np.array([0.0, high]), tau)
    memory, result = np.full(nodes + NODES, np.nan), np.zeros(2)
    memory[:nodes] = 1.0
    read_off(first, shares, memory[:nodes], result)
    np.testing.assert_allclose(result, 1.0, atol=1e-14)
