"""2^x against the same in extended precision, alone and where a caller lets sums be reordered."""

from decimal import Decimal, localcontext

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.kernels.exponential import LARGEST, power_of_two

RELATIVE_ERROR = 5e-16


def fill_powers(exponents, powers):
    for i in range(len(exponents)):
        powers[i] = power_of_two(exponents[i] * 1.0 - 0.0)


FILLS = {
    "strict": numba.njit(error_model="numpy")(fill_powers),
    "reordered": numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz"})(fill_powers),
}


def powers_of(exponents, fill):
    exponents = np.array(exponents, dtype=np.float64)
    powers = np.empty_like(exponents)
    FILLS[fill](exponents, powers)
    return powers


def relative_error(power: float, exponent: float) -> float:
    with localcontext(prec=40):
        truth = Decimal(2) ** Decimal(exponent)
        return float(abs(Decimal(power) - truth) / truth)


EXPONENTS = st.floats(-LARGEST, LARGEST) | st.floats(-1, 1) | st.floats(-40, 40)


@pytest.mark.parametrize("fill", FILLS)
@given(st.lists(EXPONENTS, min_size=1, max_size=67))
def test_powers_are_exact_to_two_roundings(fill, exponents):
    for exponent, power in zip(exponents, powers_of(exponents, fill)):
        assert relative_error(power, exponent) <= RELATIVE_ERROR, exponent


@pytest.mark.parametrize("fill", FILLS)
def test_whole_exponents_give_exact_powers(fill):
    whole = np.arange(-LARGEST, LARGEST + 1)
    assert np.array_equal(powers_of(whole, fill), np.ldexp(1.0, whole.astype(int)))


@pytest.mark.parametrize("fill", FILLS)
def test_the_halves_where_two_whole_numbers_are_as_near_are_exact_to_two_roundings(fill):
    halves = np.arange(-20, 20) + 0.5
    near = np.concatenate([np.nextafter(halves, -100), halves, np.nextafter(halves, 100)])
    assert max(map(relative_error, powers_of(near, fill), near)) <= RELATIVE_ERROR


@pytest.mark.parametrize("fill", FILLS)
@given(st.floats(LARGEST, np.inf))
def test_what_lies_beyond_the_limit_is_taken_as_the_limit(fill, beyond):
    assert powers_of([beyond, -beyond], fill).tolist() == [2.0**LARGEST, 2.0**-LARGEST]


def test_a_million_of_the_largest_powers_can_be_summed():
    assert np.isfinite(1e6 * powers_of([np.inf], "strict"))[0]
