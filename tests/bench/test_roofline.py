"""The least that must be done, counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.bench.roofline import Ceilings, Shape, Work, forward_work, step_work
from dgsea_bench.data.sources import SyntheticSource

SIZES = st.integers(1, 10**5)
RATES = st.floats(1e3, 1e15)


def test_a_small_problem_counted_by_hand():
    shape = Shape(profiles=2, genes=100, sets=3, members=10)
    assert shape.window == 39
    assert forward_work(shape) == Work(
        moved=2 * 100 * 4 + (10 + 4) * 8 + 2 * 3 * 4,
        sigmoids=2 * 10 * 39 + 2 * 100 * 16,
        exponentials=2 * 3 * 100,
    )
    step = step_work(shape)
    assert step.moved == forward_work(shape).moved + 2 * 3 * 4 + 2 * 100 * 4
    assert (step.sigmoids, step.exponentials) == (2 * (780 + 3200), 1200)


@pytest.mark.parametrize(
    ("dtype", "tau", "genes", "window"),
    [("float32", 1.1, 978, 43), ("float64", 1.0, 978, 75), ("float32", 30.0, 978, 978), ("float32", 0.01, 978, 3)],
)
def test_a_window_ends_where_the_sigmoid_does_or_the_ranking(dtype, tau, genes, window):
    assert Shape(1, genes, 1, 1, dtype, tau).window == window


@given(profiles=SIZES, genes=SIZES, sets=SIZES, members=SIZES, ceilings=st.builds(Ceilings, RATES, RATES, RATES))
def test_floors_grow_with_the_problem_and_a_step_costs_at_most_a_few_times_its_forward_pass(
    profiles, genes, sets, members, ceilings
):
    shape, twice = (Shape(profiles * factor, genes, sets, members) for factor in (1, 2))
    forward, step = (ceilings.floor(count(shape)) for count in (forward_work, step_work))
    assert 0 < forward <= step <= 2 * forward * (1 + 1e-12)
    assert forward <= ceilings.floor(forward_work(twice)) <= 2 * forward * (1 + 1e-12)


def test_the_floor_is_the_slower_of_moving_and_evaluating():
    ceilings = Ceilings(moved=100.0, sigmoids=10.0, exponentials=20.0)
    assert ceilings.floor(Work(moved=400, sigmoids=10, exponentials=20)) == 4.0
    assert ceilings.floor(Work(moved=100, sigmoids=10, exponentials=20)) == 2.0


def test_sizes_of_sets_are_those_of_the_problem():
    source = SyntheticSource(genes=300, sets=20, set_size="5-40", seed=3)
    assert source.draw_sizes().tolist() == source.load().gene_sets.sizes.tolist()
