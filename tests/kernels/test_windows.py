"""Running sums and their gradients from windows against sums over all genes at every node."""

import math

import numba
import numpy as np
import pytest
from dense_sums import ROUNDING, SEEDS, soft_ranks_of_genes
from from_python import from_python
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from dgsea_bench.kernels import windows
from dgsea_bench.kernels.base_curve import add_gradient_of_all_genes, sums_of_all_genes
from dgsea_bench.kernels.windows import (
    COARSE_FROM,
    MARGIN,
    NARROWEST,
    STEP,
    WIDEST,
    add_window,
    nodes_of,
    sums_over_window,
    width_for,
)

TEMPERATURES = (
    st.sampled_from([1e-200, 7e-4, 1.4e-3, 0.0113, 0.0135, 1.0, 15.999, COARSE_FROM, 23.999, 1e6, 1e300])
    | st.floats(1e-4, 0.1)
    | st.floats(0.1, 100)
)
"""exp(STEP / τ) overflows below 0.0113, exp(1 / τ) below 1.4e-3, and 2^x is at its limit below 7e-4."""
WIDTHS = st.floats(NARROWEST, WIDEST)


@numba.njit(error_model="numpy")
def add_windows(nearest, factors, weights, nodes, window_sums, jumps):
    for gene in range(len(nearest)):
        add_window(nearest[gene], factors[gene], weights[gene], nodes, window_sums, jumps)


@numba.njit(error_model="numpy")
def fill_sums_over_windows(nearest, factors, nodes, values, later, levels, slopes):
    for gene in range(len(nearest)):
        levels[gene], slopes[gene] = sums_over_window(nearest[gene], factors[gene], nodes, values, later)


place_genes, start_of_window, sums_from_each_step, take_curve = from_python(
    windows.place_genes, windows.window_of, windows.sums_from_each_step, windows.take_curve
)


def placed(ranks, nodes):
    nearest, factors = np.empty(len(ranks), dtype=np.int64), np.empty(len(ranks))
    place_genes(ranks, nodes, nearest, factors)
    return nearest, factors


def inner(nodes):
    """The nodes from which positions are interpolated."""
    return slice(nodes.first - MARGIN + 1, nodes.first + nodes.span + MARGIN)


def logits(ranks, nodes, tau_prefix):
    """(gene, node): (t + ½ - r) / τ at the inner nodes, node `first` being position 1."""
    positions = 1 + nodes.spacing * np.arange(1 - MARGIN, nodes.span + MARGIN)
    return (positions[None, :] + 0.5 - ranks[:, None]) / tau_prefix


def curve_of(ranks, weights, nodes):
    window_sums, jumps, curve = np.zeros(nodes.total), np.zeros(nodes.total // STEP), np.empty(nodes.total)
    add_windows(*placed(ranks, nodes), weights, nodes, window_sums, jumps)
    take_curve(window_sums, jumps, np.zeros(nodes.total), 0.0, curve)
    return curve


@given(soft_ranks_of_genes(), TEMPERATURES, WIDTHS, SEEDS)
def test_windows_give_the_running_sum_but_for_what_lies_beyond_them(ranks, tau, width, seed):
    weights = np.random.default_rng(seed).standard_normal(len(ranks))
    nodes = nodes_of(len(ranks), tau, width)
    error = np.abs(curve_of(ranks, weights, nodes)[inner(nodes)] - weights @ expit(logits(ranks, nodes, tau))).max()
    assert error <= (math.exp(-width) + 2 * ROUNDING) * np.abs(weights).sum()


@given(st.floats(1, 1500), st.floats(1, 60), WIDTHS)
def test_the_window_of_a_gene_is_as_wide_as_was_asked_for(rank, tau, width):
    """Of one gene among many, whose sigmoid is cut off on either side."""
    ranks, nodes = np.array([rank]), nodes_of(1500, tau, width)
    error = np.abs(curve_of(ranks, np.ones(1), nodes)[inner(nodes)] - expit(logits(ranks, nodes, tau)[0])).max()
    assert error <= math.exp(-width) + 2 * ROUNDING


@given(soft_ranks_of_genes(), TEMPERATURES, WIDTHS)
def test_the_base_curve_is_the_sum_over_all_genes(ranks, tau, width):
    """For several profiles, none of which leaves anything for the next."""
    profiles = np.stack([ranks, ranks[::-1], len(ranks) + 1 - ranks])
    nodes = nodes_of(len(ranks), tau, width)
    base = np.full((len(profiles), nodes.total), np.nan)
    sums_of_all_genes(profiles, nodes, base)
    for row, values in zip(base, profiles):
        error = np.abs(row[inner(nodes)] - expit(logits(values, nodes, tau)).sum(0)).max()
        assert error <= (math.exp(-width) + 2 * ROUNDING) * len(ranks)


@given(soft_ranks_of_genes(), TEMPERATURES, WIDTHS, SEEDS)
def test_gradients_are_sums_of_slopes(ranks, tau, width, seed):
    """∂A(k)/∂r_i = -σ'((k - y_i) / τ) / τ, added to what was there."""
    nodes = nodes_of(len(ranks), tau, width)
    to_base, result = np.zeros((1, nodes.total)), np.full((1, len(ranks)), 1.0 / tau)
    to_base[0, inner(nodes)] = np.random.default_rng(seed).standard_normal(len(to_base[0, inner(nodes)]))
    add_gradient_of_all_genes(ranks[None], nodes, to_base, result)
    z = logits(ranks, nodes, tau)
    truth = 1.0 / tau - (expit(z) * expit(-z)) @ to_base[0, inner(nodes)] / tau
    assert np.abs(result[0] - truth).max() <= (math.exp(-width) + 2 * ROUNDING) * (1 + np.abs(to_base).sum()) / tau


@given(soft_ranks_of_genes(), TEMPERATURES, SEEDS)
def test_sums_over_windows_are_the_adjoint_of_adding_them(ranks, tau, seed):
    rng = np.random.default_rng(seed)
    nodes = nodes_of(len(ranks), tau, NARROWEST)
    weights, values = rng.standard_normal(len(ranks)), rng.standard_normal(nodes.total)
    later = np.full(nodes.total // STEP + 1, np.nan)
    sums_from_each_step(values, later)
    levels, slopes = np.empty(len(ranks)), np.empty(len(ranks))
    fill_sums_over_windows(*placed(ranks, nodes), nodes, values, later, levels, slopes)
    difference = curve_of(ranks, weights, nodes) @ values - weights @ levels
    assert abs(difference) <= 10 * ROUNDING * np.abs(weights).sum() * np.abs(values).sum()


@given(soft_ranks_of_genes(), TEMPERATURES, WIDTHS)
def test_windows_of_all_genes_lie_within_the_arrays(ranks, tau, width):
    nodes = nodes_of(len(ranks), tau, width)
    assert nodes.total % STEP == nodes.first % STEP == nodes.length % STEP == 0
    assert len(nodes.powers) == nodes.length + STEP - 1
    for nearest in placed(np.append(ranks, [1 - 1e-9, len(ranks) + 1e-9]), nodes)[0]:
        start, offset = start_of_window(nearest, nodes)
        assert start % STEP == 0
        assert 0 <= start <= nearest - nodes.reach
        assert nearest + nodes.reach < start + nodes.length < nodes.total
        assert 0 <= offset < STEP


@given(st.integers(1, 20), st.floats(-2, 2), SEEDS)
def test_a_curve_is_what_was_added_less_a_share_of_the_base_curve_and_leaves_nothing_behind(steps, share, seed):
    rng = np.random.default_rng(seed)
    window_sums, base, jumps = rng.standard_normal((3, steps * STEP))
    jumps = jumps[:steps].copy()
    truth = np.repeat(np.cumsum(jumps), STEP) + window_sums - share * base
    curve = np.full(steps * STEP, np.nan)
    take_curve(window_sums, jumps, base, share, curve)
    np.testing.assert_allclose(curve, truth, rtol=0, atol=1e-13)
    assert not window_sums.any()
    assert not jumps.any()


@given(st.integers(1, 20), SEEDS)
def test_sums_from_each_step_are_sums_of_all_that_follows(steps, seed):
    values, later = np.random.default_rng(seed).standard_normal(steps * STEP), np.full(steps + 1, np.nan)
    sums_from_each_step(values, later)
    np.testing.assert_allclose(later, [values[step * STEP :].sum() for step in range(steps + 1)], rtol=0, atol=1e-13)


@given(st.floats(1e-200, 1e300))
def test_what_windows_cut_off_is_small_beside_tau_abs(tau_abs):
    width = width_for(tau_abs)
    assert NARROWEST <= width <= WIDEST
    assert math.exp(-width) <= max(math.exp(-NARROWEST) * min(1, 2 * tau_abs), math.exp(-WIDEST)) * (1 + 1e-12)


@pytest.mark.parametrize(("tau", "spacing"), [(15.999, 1), (16.0, 2), (23.999, 2), (24.0, 3), (1000.0, 125)])
def test_nodes_lie_at_every_position_or_at_least_eight_to_a_temperature(tau, spacing):
    nodes = nodes_of(1000, tau, NARROWEST)
    assert (nodes.spacing, nodes.tau) == (spacing, tau / spacing)
    assert (nodes.span - 1) * spacing <= 999 < nodes.span * spacing
