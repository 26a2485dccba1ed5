"""Permutations: known answers of the generator, a shuffle written out anew, and uniformity."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import dgsea_bench as dg
from dgsea_bench.core.permutations import draw_permutations, philox

WORD = 2**32
SEEDS = st.integers(0, 2**63 - 1)


def words(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


# Random123 1.14 (Salmon et al. 2011, doi 10.1145/2063384.2063405), tests/kat_vectors: philox4x32 10.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter, key, answer):
    drawn = philox(tuple(map(np.uint64, words(counter))), tuple(map(np.uint64, words(key))))
    assert tuple(map(int, drawn)) == words(answer)


def plain_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Ten rounds of Philox4x32 in Python's whole numbers, as the paper writes them."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], WORD)
        high1, low1 = divmod(0xCD9E8D57 * c[2], WORD)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % WORD, (k[1] + 0xBB67AE85) % WORD]
    return tuple(c)


def plain_words(seed: int, number: int) -> Iterator[int]:
    """The random words of permutation `number`: key = seed, counter = (block, number), low words first."""
    block = 0
    while True:
        counter = (block % WORD, block // WORD, number % WORD, number // WORD)
        yield from plain_philox(counter, (seed % WORD, seed // WORD))
        block += 1


def plain_permutation(genes: int, number: int, seed: int, first: int | None = None) -> tuple[list[int], int]:
    """Fisher-Yates from the front, and how many words were refused.

    A word times the reach gives a place in its high half, and is refused where its low half would favour a place.
    """
    stream, moved, drawn, refused = plain_words(seed, number), {}, [], 0
    for entry in range(genes if first is None else first):
        reach = genes - entry
        high, low = divmod(next(stream) * reach, WORD)
        while low < WORD % reach:
            high, low = divmod(next(stream) * reach, WORD)
            refused += 1
        drawn.append(moved.get(entry + high, entry + high))
        moved[entry + high] = moved.get(entry, entry)
    return drawn, refused


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_the_plain_generator_of_these_tests_gives_the_known_answers(counter, key, answer):
    assert plain_philox(words(counter), words(key)) == words(answer)


@given(st.integers(1, 60), st.integers(0, 2**63 - 10), SEEDS, st.integers(1, 4))
def test_permutations_are_those_of_the_plain_shuffle(genes, start, seed, count):
    """For large seeds and numbers too: no bit is lost between signed, unsigned and floating point."""
    drawn = draw_permutations(genes, start, start + count, seed=seed)
    assert drawn.tolist() == [plain_permutation(genes, start + row, seed)[0] for row in range(count)]


def test_many_genes_are_those_of_the_plain_shuffle():
    assert draw_permutations(20_000, 7, 8, seed=123)[0].tolist() == plain_permutation(20_000, 7, 123)[0]


def test_words_that_would_favour_a_place_are_refused():
    """Of ten million genes, about one word in five hundred."""
    truth, refused = plain_permutation(10_000_000, 3, 5, first=4000)
    assert refused > 0
    assert draw_permutations(10_000_000, 3, 4, seed=5, first=4000)[0].tolist() == truth


def test_permutations_never_change():
    """Results that were published with a seed stay what they were."""
    assert draw_permutations(12, 0, 2).tolist() == [
        [4, 10, 9, 8, 11, 7, 1, 5, 3, 2, 6, 0],
        [6, 11, 2, 7, 10, 4, 8, 9, 1, 0, 5, 3],
    ]
    assert draw_permutations(12, 0, 1, seed=2**40 + 1).tolist() == [[1, 5, 10, 9, 11, 0, 8, 3, 4, 2, 7, 6]]


@given(st.integers(1, 300), st.integers(0, 30), SEEDS)
def test_every_row_is_a_permutation(genes, count, seed):
    drawn = draw_permutations(genes, 0, count, seed=seed)
    assert drawn.dtype == torch.int32
    assert drawn.shape == (count, genes)
    assert torch.equal(drawn.sort(-1).values, torch.arange(genes, dtype=torch.int32).expand(count, -1))


@given(st.integers(1, 200), st.data(), SEEDS)
def test_the_first_entries_do_not_depend_on_how_many_follow(genes, draw, seed):
    first = draw.draw(st.integers(1, genes))
    few, all_of_them = draw_permutations(genes, 3, 9, seed=seed, first=first), draw_permutations(genes, 3, 9, seed=seed)
    assert torch.equal(few, all_of_them[:, :first])


@given(st.integers(1, 100), st.lists(st.integers(0, 40), min_size=1, max_size=4), SEEDS)
def test_the_portions_in_which_they_are_drawn_do_not_matter(genes, cuts, seed):
    edges = sorted({0, 40, *cuts})
    parts = [draw_permutations(genes, start, stop, seed=seed) for start, stop in pairwise(edges)]
    assert torch.equal(torch.cat(parts), draw_permutations(genes, 0, 40, seed=seed))


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_threads_do_not_matter(count):
    before = torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            drawn.append(draw_permutations(50, 5, 5 + count, seed=9))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


@given(SEEDS, SEEDS)
def test_other_seeds_and_numbers_give_other_permutations(one, other):
    """Of 100! orders no two agree by chance."""
    drawn = [draw_permutations(100, 0, 20, seed=seed) for seed in {one, other}]
    rows = {tuple(row) for part in drawn for row in part.tolist()}
    assert len(rows) == 20 * len(drawn)


@pytest.mark.parametrize("seeds", [(1, 1 + 2**32), (2**32, 2**62), (0, 2**63 - 1)])
def test_both_halves_of_a_seed_count(seeds):
    assert not torch.equal(*(draw_permutations(50, 0, 1, seed=seed) for seed in seeds))


def test_both_halves_of_a_number_count():
    assert not torch.equal(draw_permutations(50, 1, 2), draw_permutations(50, 1 + 2**32, 2 + 2**32))


UNLIKELY = 1e-4
"""Of the p-values below, with fixed seeds, none is smaller."""


def chi_square(observed: np.ndarray) -> float:
    return float(stats.chisquare(observed.ravel()).pvalue)


@pytest.mark.parametrize("genes", [3, 10, 17])
def test_every_gene_lands_in_every_entry_equally_often(genes):
    drawn = draw_permutations(genes, 0, 20_000, seed=1).numpy()
    for entry in range(genes):
        assert chi_square(np.bincount(drawn[:, entry], minlength=genes)) > UNLIKELY, f"entry {entry}"


def test_every_order_of_four_genes_is_equally_frequent():
    orders, counts = np.unique(draw_permutations(4, 0, 48_000, seed=2).numpy(), axis=0, return_counts=True)
    assert len(orders) == 24
    assert chi_square(counts) > UNLIKELY


def test_a_permutation_says_nothing_of_the_next_one():
    first = draw_permutations(6, 0, 36_001, seed=3, first=1)[:, 0].numpy()
    assert chi_square(np.bincount(first[:-1] * 6 + first[1:], minlength=36)) > UNLIKELY


def test_a_seed_says_nothing_of_the_next_one():
    first = np.array([draw_permutations(6, 0, 10, seed=seed, first=1)[:, 0].numpy() for seed in range(600)])
    assert chi_square(np.bincount((first[:-1] * 6 + first[1:]).ravel(), minlength=36)) > UNLIKELY


@pytest.mark.parametrize(
    ("genes", "start", "stop", "options"),
    [
        (0, 0, 1, {}),
        (-1, 0, 1, {}),
        (2**31, 0, 1, {"first": 1}),
        (5, 3, 2, {}),
        (5, -1, 2, {}),
        (5, 0, 1, {"first": 6}),
        (5, 0, 1, {"first": 0}),
        (5, 0, 1, {"seed": -1}),
        (5, 0, 1, {"seed": 2**63}),
    ],
)
def test_what_makes_no_sense_is_refused(genes, start, stop, options):
    with pytest.raises(dg.InputError, match=rf"permutations {start} \.\. {stop} of {genes} genes.*need"):
        draw_permutations(genes, start, stop, **options)
