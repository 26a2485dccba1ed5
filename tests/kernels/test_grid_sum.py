"""Sums by way of a grid against sums over all pairs."""

import numba
import numpy as np
import pytest
from dense_sums import SEEDS, points_on_a_line, sigmoids_of_pairs, slopes_of_pairs
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from dgsea_bench.kernels.grid_sum import (
    AT_ONCE,
    NODES,
    PER_TAU,
    REACH,
    grid_for,
    read_off,
    spread,
    sum_sigmoids,
    sum_slopes,
)

PER_UNIT_OF_WEIGHT = 5e-15
PER_UNIT_OF_WEIGHT_OF_SLOPES = 2e-14
TEMPERATURES = st.sampled_from([1e-200, 1e-12, 0.3, 1.0, 1.7, 1e12, 1e200])
WIDEST = 300.0
"""In units of the temperature; `soft_ranks` cuts what is wider into clusters."""


@numba.njit(error_model="numpy")
def grid_of(points, tau):
    return grid_for(points, tau)


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
    weights = np.random.default_rng(seed).standard_normal((1, len(points)))
    low, scale, nodes = grid_of(points, tau)
    grids, summed, result = np.zeros((1, nodes)), np.empty((1, nodes)), np.ones((1, len(points)))
    spread(points, low, scale, weights, grids)
    sum_kernel(grids[0], summed[0])
    read_off(points, low, scale, summed, result)
    error = np.abs(result[0] - 1 - of_pairs(points, tau) @ weights[0]).max()
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


@given(points_on_a_line(4 * AT_ONCE), st.integers(1, 3), SEEDS)
def test_reading_off_is_the_adjoint_of_spreading(points, grids, seed):
    """For several grids at once, each on its own."""
    points = np.clip(points, -WIDEST, WIDEST)
    rng = np.random.default_rng(seed)
    low, scale, nodes = grid_of(points, 1.0)
    weights, values = rng.standard_normal((grids, len(points))), rng.standard_normal((grids, nodes))
    spread_out, read = np.zeros((grids, nodes)), np.zeros((grids, len(points)))
    spread(points, low, scale, weights, spread_out)
    read_off(points, low, scale, values, read)
    difference = np.abs((spread_out * values).sum(1) - (weights * read).sum(1))
    assert (difference <= 1e-14 * np.abs(weights).sum(1) * np.abs(values).max()).all()


@given(st.integers(1, 5000), st.floats(0.01, 100), st.integers(-2, 2))
def test_the_grid_reaches_beyond_the_highest_point(spacings, tau, ulps):
    """Where rounding decides between which two nodes it lies, too: what is behind the grid is never read."""
    high = spacings / PER_TAU * tau
    for _ in range(abs(ulps)):
        high = np.nextafter(high, np.inf if ulps > 0 else 0.0)
    points, result = np.array([0.0, high]), np.zeros((1, 2))
    low, scale, nodes = grid_of(points, tau)
    memory = np.full((1, nodes + NODES), np.nan)
    memory[0, :nodes] = 1.0
    read_off(points, low, scale, memory[:, :nodes], result)
    np.testing.assert_allclose(result, 1.0, atol=1e-14)
