"""No compound is on two sides of a split."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.study.split import Split, split_compounds


@given(compounds=st.integers(40, 120), rows=st.integers(0, 80), seed=st.integers(0, 1000))
def test_all_rows_of_a_compound_fall_into_one_part(compounds, rows, seed):
    names = [f"C{number}" for number in [*range(compounds), *(number % 7 for number in range(rows))]]
    split = split_compounds(names, 0.2, 0.25, seed)
    parts = [split.train.tolist(), split.validation.tolist(), split.test.tolist()]
    assert sorted(itertools.chain(*parts)) == list(range(len(names)))
    members = [{names[number] for number in part} for part in parts]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(members, 2))
    assert len(members[2]) == round(0.25 * compounds)
    assert len(members[1]) == round(0.2 * compounds)


def test_the_same_seed_splits_alike_and_another_one_otherwise():
    names = [f"C{number}" for number in range(50)]
    first, again, other = (split_compounds(names, 0.2, 0.2, seed).test.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_compound_on_two_sides_is_refused_by_name():
    names = ["CCO", *(f"C{number}" for number in range(20)), "CCO"]
    split = Split(torch.arange(0, 8), torch.arange(8, 14), torch.arange(14, 22))
    with pytest.raises(InputError, match=r"1 compounds are in train and in test at once: 'CCO'"):
        split.check(names)


def test_a_part_too_small_to_correlate_across_is_refused():
    with pytest.raises(InputError, match="2 of 20 compounds are for validation, and 5 are the fewest"):
        split_compounds([f"C{number}" for number in range(20)], 0.1, 0.4, 0)
