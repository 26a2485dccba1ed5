"""Which genes add to the running sum of a set under a permutation, and what each of them adds."""

from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled


class Sets(NamedTuple):
    """Gene sets under permutations: set p under permutation k is {permutations[k, i]: i in indices of p}.

    Attributes:
        offsets: (P + 1,) int64. indices: (members,) int64. permutations: (K, entries) int32.
    """

    offsets: np.ndarray
    indices: np.ndarray
    permutations: np.ndarray


class Steps(NamedTuple):
    """Room for the genes of one set.

    Attributes:
        genes: (G,) int64, the members first. sizes: (G,) what each adds. is_member: (G,) bool, False between uses.
    """

    genes: np.ndarray
    sizes: np.ndarray
    is_member: np.ndarray


def room_for_steps(genes: int) -> Steps:
    """Room for sets of up to so many genes."""
    return Steps(np.empty(genes, dtype=np.int64), np.empty(genes), np.zeros(genes, dtype=np.bool_))


@compiled(inline=True)
def take_members(sets: Sets, permutation: int, number: int, genes: np.ndarray) -> int:
    """Fill genes with the members of a set under a permutation; how many there are."""
    start, stop = sets.offsets[number], sets.offsets[number + 1]
    for member in range(start, stop):
        genes[member - start] = sets.permutations[permutation, sets.indices[member]]
    return int(stop - start)


@compiled(fast=True, inline=True)
def take_steps(weights: np.ndarray, members: int, steps: Steps) -> tuple[int, float, float]:
    """Fill the steps of a set from weights (G,): how many genes take one, its share of the base curve, and N_R.

    A set of up to half of the genes is written as C = Σ_hits (m / N_R + a) σ - a A, with a = 1 / N_miss its share of
    the base curve A, the sum over all genes. For a larger one that would cancel: there misses follow the members, with
    steps of their own, -a, and the share is 0. Where all weights are zero, N_R is 0 and hits count equally.
    """
    total = 0.0
    for i in range(members):
        steps.sizes[i] = weights[steps.genes[i]]
        total += steps.sizes[i]
    per_miss = 1.0 / (len(weights) - members)
    large = 2 * members > len(weights)
    share = 0.0 if large else per_miss
    for i in range(members):
        steps.sizes[i] = (steps.sizes[i] / total if total > 0.0 else 1.0 / members) + share
    if not large:
        return members, share, total
    _append_misses(members, -per_miss, steps)
    return len(weights), share, total


@compiled(inline=True)
def _append_misses(members: int, step: float, steps: Steps) -> None:
    for i in range(members):
        steps.is_member[steps.genes[i]] = True
    place = members
    for gene in range(len(steps.is_member)):
        if not steps.is_member[gene] and place < len(steps.genes):
            steps.genes[place] = gene
            steps.sizes[place] = step
            place += 1
        steps.is_member[gene] = False
