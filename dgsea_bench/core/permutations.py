"""Permutations of genes as data: permutation k of a seed is the same wherever and in whatever portion it is drawn.

Random numbers come from the counter-based generator Philox4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405),
with the seed as its key and (block, k) as its counter. They drive a Fisher-Yates shuffle, whose first entries do not
depend on how many follow; numbers in a range are made without bias (Lemire 2019, doi 10.1145/3230636).
"""

import numpy as np
import torch
from torch import Tensor

from dgsea_bench.core.compiled import compiled
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.threads import in_threads

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
Words = tuple[np.uint64, ...]


def draw_permutations(genes: int, start: int, stop: int, *, seed: int = 0, first: int | None = None) -> Tensor:
    """(stop - start, first) int32: the first entries of permutations `start` .. `stop` - 1 of 0 .. genes - 1.

    Args:
        genes: number of things to permute.
        start: the first permutation, counted from 0.
        stop: the one after the last.
        seed: 0 .. 2^63 - 1.
        first: entries of each to draw; all by default.

    Raises:
        InputError: fewer than one gene, a range that runs backwards, or more entries than genes.
    """
    width = genes if first is None else first
    if not (1 <= width <= genes < 2**31 and 0 <= start <= stop < 2**63 and 0 <= seed < 2**63):
        raise InputError(
            f"permutations {start} .. {stop} of {genes} genes, {width} entries each, seed {seed}: "
            "need 1 <= entries <= genes < 2^31, 0 <= start <= stop and 0 <= seed"
        )
    result = np.empty((stop - start, width), dtype=np.int32)
    in_threads(lambda low, high: _shuffle(result[low:high], genes, start + low, seed), stop - start)
    return torch.from_numpy(result)


@compiled
def philox(counter: Words, key: Words) -> Words:
    """Four random words of 32 bits (in uint64) from a counter of four such words and a key of two."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        product0 = np.uint64(MULTIPLIERS[0]) * c0
        product1 = np.uint64(MULTIPLIERS[1]) * c2
        c0, c1, c2, c3 = (product1 >> HALF) ^ c1 ^ k0, product1 & LOW, (product0 >> HALF) ^ c3 ^ k1, product0 & LOW
        k0 = (k0 + np.uint64(KEY_STEPS[0])) & LOW
        k1 = (k1 + np.uint64(KEY_STEPS[1])) & LOW
    return c0, c1, c2, c3


@compiled
def _shuffle(result: np.ndarray, genes: int, start: int, seed: int) -> None:
    """Fill each row with the first entries of a permutation; row k is number `start` + k."""
    rows, width = result.shape
    deck = np.empty(genes, dtype=np.int32)
    key = (np.uint64(seed) & LOW, np.uint64(seed) >> HALF)
    for row in range(rows):
        number = np.uint64(start + row)
        for gene in range(genes):
            deck[gene] = gene
        words: Words = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
        block, used = np.uint64(0), 4
        for entry in range(width):
            reach = np.uint64(genes - entry)
            while True:
                if used == 4:
                    words = philox((block & LOW, block >> HALF, number & LOW, number >> HALF), key)
                    block += np.uint64(1)
                    used = 0
                product = words[used] * reach
                used += 1
                # Of the 2^32 words, 2^32 mod reach are refused, so that each place is hit equally often.
                if product & LOW >= reach or product & LOW >= (LOW + np.uint64(1)) % reach:
                    break
            other = entry + np.int64(product >> HALF)
            result[row, entry] = deck[other]
            deck[other] = deck[entry]
