"""The logistic function and its slope as polynomials in exp(-x), and the lanes that add up their powers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.lanes import load, powers, splat, store, total
from dgsea_bench.kernels.logistic_powers import OF_LEVELS, OF_SLOPES, TERMS, TINY, fading

LANES = 8


@compiled
def combine(first, second, z, result):
    """Fill with first · second + z, and the powers of z, taken apart; their sum."""
    store(load(first, 1, LANES) * load(second, 0, LANES) + splat(z, LANES), result, 2)
    store(powers(z, LANES), result, 2 + LANES)
    return total(powers(z, LANES))


@pytest.mark.parametrize(
    ("coefficients", "exact", "bound"),
    [(OF_LEVELS, lambda z: z / (1 + z), 4e-15), (OF_SLOPES, lambda z: z / (1 + z) ** 2, 3e-14)],
)
def test_powers_add_up_to_the_logistic_function_and_its_slope(coefficients, exact, bound):
    """And to their part of z where z is small: sums over many genes far away stay right."""
    z = np.concatenate([np.linspace(0, 1, 4001), np.geomspace(1e-15, 1, 200)])
    found = (z[:, None] ** np.arange(1, TERMS + 1)) @ coefficients
    assert (np.abs(found - exact(z)) <= bound * z).all()


@given(st.floats(1e-300, 1e300))
def test_sums_fade_to_nothing_or_to_numbers_that_processors_are_fast_with(tau):
    faded = fading(tau)
    assert ((faded == 0) | (faded * TINY > np.finfo(float).tiny)).all()
    assert (np.abs(faded - np.exp(-np.arange(1, TERMS + 1) / tau)) <= 1e-30).all()


@given(st.integers(0, 1000), st.floats(0, 2))
def test_lanes_are_numbers_side_by_side(seed, z):
    first, second = np.random.default_rng(seed).standard_normal((2, LANES + 1))
    result = np.full(2 * LANES + 3, np.nan)
    found = combine(first, second, z, result)
    rising = z ** np.arange(1, LANES + 1)
    np.testing.assert_allclose(result[2:-1], [*(first[1:] * second[:-1] + z), *rising], rtol=1e-14, atol=1e-15)
    assert np.isnan(result[[0, 1, -1]]).all()
    assert found == pytest.approx(rising.sum(), rel=1e-14)
