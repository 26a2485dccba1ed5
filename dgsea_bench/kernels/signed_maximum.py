"""The compiled loops of `hard`: the signed maximum of a running sum from the hits of a set alone."""

import numpy as np

from dgsea_bench.core.compiled import compiled

SAME_MAGNITUDE = 1e-12
"""A maximum and a minimum that differ by less in magnitude are equal but for rounding; the positive one wins."""

WORD = 64
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
"""Any six bits in a row of it differ, so that ``(lowest bit * DE_BRUIJN) >> 58`` is a perfect hash of that bit."""
BIT_NUMBER = np.zeros(WORD, dtype=np.int64)
for _bit in range(WORD):
    BIT_NUMBER[(((1 << _bit) * int(DE_BRUIJN)) & (2**64 - 1)) >> 58] = _bit


@compiled
def signed_maxima(
    weights: np.ndarray,
    places: np.ndarray,
    offsets: np.ndarray,
    indices: np.ndarray,
    permutations: np.ndarray,
    result: np.ndarray,
) -> None:
    """Fill result (B, P, K) with the signed maxima of set p under permutation k, {π_k(i): i in set p}.

    weights (B, G) are abs(s)^exponent by gene, places (B, G) count from 0, permutations (K, up to G) are int32.
    """
    profiles, genes = weights.shape
    marks = np.zeros(genes // WORD + 1, dtype=np.uint64)
    hits = np.empty(genes, dtype=np.int64)
    by_place = np.empty(genes)
    for b in range(profiles):
        for gene in range(genes):
            by_place[places[b, gene]] = weights[b, gene]
        for k in range(len(permutations)):
            for p in range(len(offsets) - 1):
                size = offsets[p + 1] - offsets[p]
                for member in range(offsets[p], offsets[p + 1]):
                    place = places[b, permutations[k, indices[member]]]
                    marks[place // WORD] |= np.uint64(1) << np.uint64(place % WORD)
                _take_in_order(marks, hits)
                result[b, p, k] = _signed_maximum(by_place, hits[:size])


@compiled(inline=True)
def _take_in_order(marks: np.ndarray, hits: np.ndarray) -> None:
    """Write the numbers of the bits that are set, in order, to `hits`, and clear them: a sort in O(hits + G / 64)."""
    found = 0
    for number in range(len(marks)):
        word = marks[number]
        while word != 0:
            rest = word & (word - np.uint64(1))
            hits[found] = number * WORD + BIT_NUMBER[((word ^ rest) * DE_BRUIJN) >> np.uint64(58)]
            found += 1
            word = rest
        marks[number] = 0


@compiled(inline=True)
def _signed_maximum(by_place: np.ndarray, hits: np.ndarray) -> float:
    """The largest deviation of the running sum from zero: it falls between hits, so its ends lie before and at them."""
    total = 0.0
    for place in hits:
        total += by_place[place]
    per_miss = 1.0 / (len(by_place) - len(hits))
    reached = highest = lowest = 0.0
    for hit, place in enumerate(hits):
        misses = (place - hit) * per_miss
        lowest = min(lowest, reached - misses)
        reached += by_place[place] / total if total > 0 else 1.0 / len(hits)
        highest = max(highest, reached - misses)
    return highest if highest >= -lowest - SAME_MAGNITUDE else lowest
