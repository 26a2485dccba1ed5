"""Sums by place: against exact rational sums, and bitwise the same in any order."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.backends.sums_in_any_order import add_up, running_total


@st.composite
def numbers_in_places(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    count, size = draw(st.integers(1, 300)), draw(st.integers(1, 20))
    values = rng.standard_normal((2, count)) * 10.0 ** rng.integers(-6, 7, (2, count))
    return (
        torch.from_numpy(values * draw(st.sampled_from([1e-200, 1.0, 1e200]))),
        rng.integers(0, size, (2, count)),
        size,
    )


@given(numbers_in_places())
def test_sums_are_those_of_exact_arithmetic_to_a_rounding_of_the_largest(problem):
    values, places, size = problem
    found = add_up(values, torch.from_numpy(places), size, most=values.shape[1])
    for row in range(2):
        exact = [Fraction(0)] * size
        for value, place in zip(values[row].tolist(), places[row]):
            exact[place] += Fraction(value)
        # Of as many values as meet, each is rounded to a part in 2^61 / most of the largest, or to its own last bit.
        count, largest = values.shape[1], float(values[row].abs().max())
        allowed = Fraction(count * max(count * 2.0**-60, 2.0**-51)) * Fraction(largest)
        assert all(abs(Fraction(float(got)) - want) <= allowed for got, want in zip(found[row], exact))


@given(numbers_in_places(), st.integers(0, 10**6))
def test_no_order_changes_a_bit(problem, seed):
    values, places, size = problem
    order = np.random.default_rng(seed).permutation(values.shape[1])
    found = add_up(values, torch.from_numpy(places), size, most=values.shape[1])
    assert torch.equal(add_up(values[:, order], torch.from_numpy(places[:, order]), size, most=values.shape[1]), found)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_row_with_a_value_that_is_not_finite_has_no_finite_sum(bad):
    found = add_up(torch.tensor([[1.0, bad], [1.0, 2.0]]).double(), torch.tensor([[0, 1], [0, 0]]), 2, most=2)
    assert not found[0].isfinite().any()
    assert torch.equal(found[1], torch.tensor([3.0, 0.0]).double())


def test_rows_of_zeros_stay_zero():
    assert torch.equal(
        add_up(torch.zeros(1, 3).double(), torch.zeros(1, 3).long(), 2, most=3), torch.zeros(1, 2).double()
    )


@pytest.mark.parametrize("count", [1, 1000, 100_000])
def test_a_running_total_is_that_of_exact_arithmetic(count):
    values = torch.rand(2, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = running_total(values, 1.0)
    truth = torch.tensor([math.fsum(row) for row in values.tolist()], dtype=torch.float64)
    assert (found[:, -1] - truth).abs().max() <= 1e-9
    assert (found.diff(dim=-1) - values[:, 1:]).abs().sum() <= 1e-6
