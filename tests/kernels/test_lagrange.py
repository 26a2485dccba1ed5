"""Polynomials through equidistant nodes against the product formula, and the bound that other files build on."""

from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.kernels.lagrange import shares_of_nodes

COUNTS = st.integers(1, 12)
BETWEEN = st.floats(-0.5, 0.5)


def shares_at(v: float, count: int) -> np.ndarray:
    return v ** np.arange(count) @ shares_of_nodes(count)


def places_of(count: int) -> np.ndarray:
    return np.arange(count) - (count - 1) / 2


@given(COUNTS, BETWEEN)
def test_shares_are_those_of_the_product_formula(count, v):
    places = places_of(count)
    truth = [prod((v - other) / (place - other) for other in places if other != place) for place in places]
    np.testing.assert_allclose(shares_at(v, count), truth, rtol=0, atol=1e-15 * count)


@pytest.mark.parametrize("count", range(1, 13))
def test_a_node_takes_its_own_value_alone(count):
    powers = np.vander(places_of(count), count, increasing=True)
    rounding = np.abs(powers) @ np.abs(shares_of_nodes(count))
    assert (np.abs(powers @ shares_of_nodes(count) - np.eye(count)) <= 1e-15 * rounding).all()


@given(st.integers(1, 6), BETWEEN, st.floats(0, 1.5))
def test_waves_are_read_off_to_the_stated_bound(half, v, frequency):
    """[Π_{j≤q/2}(j - ½)]² / q! · (ωh)^q between the two nodes in the middle of q."""
    count = 2 * half
    missed = abs(shares_at(v, count) @ np.exp(1j * frequency * places_of(count)) - np.exp(1j * frequency * v))
    bound = prod(j - 0.5 for j in range(1, half + 1)) ** 2 / factorial(count) * frequency**count
    assert missed <= bound + 2e-15
