"""The softmax-weighted extremum and its gradient against the dense softmax, at any temperature."""

import math

import numba
import numpy as np
import pytest
import torch
from dense_sums import SEEDS
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.kernels.signed_softmax import STEEPEST, peak_of, signed_softmax_gradient, sums_of_exponentials

TEMPERATURES = (
    st.sampled_from([1e-200, 1e-12, np.nextafter(1 / STEEPEST, 0), 1 / STEEPEST, np.nextafter(1 / STEEPEST, 1), 1e300])
    | st.floats(1e-4, 0.1)
    | st.floats(0.1, 100)
)
ROUNDING = 2e-15


@numba.njit(error_model="numpy")
def fill_gradient(curve, tau, score, log_total, gradient, result):
    signed_softmax_gradient(curve, tau, score, log_total, gradient, peak_of(curve, tau), result)


@numba.njit(error_model="numpy")
def signed_softmax(curve, tau):
    """As a curve is scored whose blocks are all taken position by position."""
    total, weighted = sums_of_exponentials(curve, tau, peak_of(curve, tau))
    return weighted / total, np.log2(total)


@st.composite
def curves(draw: st.DrawFn) -> np.ndarray:
    """Within ±1: smooth, tied, of one value or of two opposite ones; of any number of positions."""
    rng = np.random.default_rng(draw(SEEDS))
    positions = draw(st.integers(1, 300))
    kind = draw(st.sampled_from(["smooth", "tied", "constant", "opposite", "zero"]))
    if kind == "smooth":
        walk = np.cumsum(rng.standard_normal(positions))
        return walk / np.abs(walk).max()
    if kind == "tied":
        return rng.integers(-4, 5, positions) / 4
    if kind == "constant":
        return np.full(positions, rng.uniform(-1, 1))
    if kind == "opposite":
        return rng.uniform(0, 1) * rng.choice([-1.0, 1.0], positions)
    return np.zeros(positions)


def dense_softmax(curve, tau):
    """Shares of the positions, relative to the largest, and log2 of their sum relative to it."""
    exponentials = np.exp((np.abs(curve) - np.abs(curve).max()) / tau)
    return exponentials / exponentials.sum(), math.log2(exponentials.sum())


@given(curves(), TEMPERATURES)
def test_scores_are_those_of_the_dense_softmax(curve, tau):
    """Exponents of size abs(C) / τ are rounded, which moves shares by as much."""
    score, log_total = signed_softmax(curve, tau)
    shares, above = dense_softmax(curve, tau)
    highest = np.abs(curve).max() / tau
    assert abs(score - shares @ curve) <= ROUNDING * (1 + min(highest, 1 / ROUNDING))
    if tau * STEEPEST < 1:
        assert abs(log_total - above) <= ROUNDING * (1 + min(highest, 1 / ROUNDING))
    else:
        assert abs(log_total - (above + highest * math.log2(math.e))) <= ROUNDING * (above + 2 * highest + 1)


@pytest.mark.parametrize("tau", [1e-6, 1e-18, 1e-200])
def test_tied_maxima_share_the_gradient_however_small_the_temperature(tau):
    curve, result = np.array([0.7, 0.7, 0.1, 0.7, 0.7]), np.empty(5)
    fill_gradient(curve, tau, *signed_softmax(curve, tau), 1.0, result)
    np.testing.assert_allclose(result, [0.25, 0.25, 0, 0.25, 0.25], rtol=1e-9, atol=1e-90)


@given(curves())
def test_ties_of_the_largest_magnitude_share_equally_at_the_smallest_temperature(curve):
    largest = np.abs(curve) == np.abs(curve).max()
    assert signed_softmax(curve, 1e-200)[0] == pytest.approx(curve[largest].mean(), abs=1e-15)


@given(curves(), TEMPERATURES)
def test_the_mirrored_curve_has_the_mirrored_score(curve, tau):
    score, log_total = signed_softmax(curve, tau)
    assert signed_softmax(-curve, tau) == (-score, log_total)


@given(curves(), st.sampled_from([1 / STEEPEST, 1e300]) | st.floats(1e-4, 100), st.floats(-3, 3))
def test_gradients_are_those_of_the_dense_softmax(curve, tau, gradient):
    """By autograd of a dense softmax; where C is 0 the derivative of abs(C) is 0 there and 1 here."""
    leaf = torch.from_numpy(np.where(curve == 0, 1e-300, curve)).requires_grad_()
    ((torch.softmax(leaf.abs() / tau, -1) * leaf).sum() * gradient).backward()
    result = np.full(len(curve), np.nan)
    fill_gradient(curve, tau, *signed_softmax(curve, tau), gradient, result)
    error = np.abs(result - leaf.grad.numpy()).max()
    assert error <= ROUNDING * (1 + np.abs(curve).max() / tau) * (1 + 1 / tau) * abs(gradient)
