"""Portions of profiles, sets and permutations: each is in one of them, and none needs more than it may."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.backends import cuda_portions
from dgsea_bench.backends.cuda_portions import BYTES_PER_BLOCK, BYTES_PER_ENTRY, portions


@given(
    st.integers(1, 4),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(1, 4),
    st.sampled_from([1e2, 1e4, 3e4, 1e9]),
    st.sampled_from([2, 3, 1000]),
)
def test_all_is_worked_off_once_in_portions_that_fit(profiles, sizes, count, memory, most_sets):
    genes, sizes, done = 20, np.array(sizes), np.zeros((profiles, len(sizes), count), dtype=int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_portions, "KEYS", 2 * genes * most_sets)
        parts = list(portions(profiles, genes, sizes, count, blocks=2, slots=1, memory=memory))
    for part in parts:
        some = done[part]
        some += 1
        assert some.shape[1] * some.shape[2] <= most_sets
        room = sizes[part.sets] * (BYTES_PER_ENTRY + 16) + 2 * BYTES_PER_BLOCK
        assert room.sum() * some.shape[0] * some.shape[2] <= memory or some.size == 1
    assert (done == 1).all()


def test_twice_the_memory_is_used_for_twice_the_profiles():
    at_once = [
        next(portions(256, 20_000, np.full(10_000, 100), 1, blocks=79, slots=2, memory=memory)).profiles.stop
        for memory in (2.0**31, 2.0**32)
    ]
    assert at_once == [8, 17]


def test_a_large_set_costs_the_others_nothing():
    small, sizes = np.full(10_000, 100), np.r_[np.full(10_000, 100), 15_000]
    alone, beside = (len(list(portions(256, 20_000, some, 1, 79, 2, 2.0**31))) for some in (small, sizes))
    assert alone <= beside <= alone + 5
