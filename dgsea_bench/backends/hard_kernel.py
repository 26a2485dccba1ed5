"""The compiled loop of `hard`: the signed maximum of a running sum from the hits of a set alone."""

import numba
import numpy as np

SAME_MAGNITUDE = 1e-12
"""A maximum and a minimum that differ by less in magnitude are equal but for rounding; the positive one wins."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def signed_maxima(
    weights: np.ndarray, places: np.ndarray, offsets: np.ndarray, indices: np.ndarray
) -> np.ndarray:  # pragma: no cover (compiled)
    """(B, P) signed maxima; weights (B, G) are abs(s)^exponent, places (B, G) count from 0."""
    profiles, genes = weights.shape
    sets = len(offsets) - 1
    result = np.empty((profiles, sets))
    by_place = np.empty(genes)
    for b in range(profiles):
        for gene in range(genes):
            by_place[places[b, gene]] = weights[b, gene]
        for p in range(sets):
            hits = np.sort(places[b][indices[offsets[p] : offsets[p + 1]]])
            total = 0.0
            for place in hits:
                total += by_place[place]
            per_miss = 1.0 / (genes - len(hits))
            reached = highest = lowest = 0.0
            for hit, place in enumerate(hits):
                misses = (place - hit) * per_miss
                lowest = min(lowest, reached - misses)
                reached += by_place[place] / total if total > 0 else 1.0 / len(hits)
                highest = max(highest, reached - misses)
            result[b, p] = highest if highest >= -lowest - SAME_MAGNITUDE else lowest
    return result
