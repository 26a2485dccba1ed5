"""The running sum of all genes, A(k) = Σ_i σ((k - y_i) / τ), without windows: by sums of exponentials.

A gene below node k (y <= k) adds 1 - Σ_m c_m z^m, one above it Σ_m c_m z^m, z = exp(-abs(k - y) / τ): see
`logistic_powers`. Sums of z^m over all genes below go along from node to node, and take in the genes that lie between
the two, which are sorted for it; the same from the other end serves the genes above. For the gradient, sums of ∂L/∂A(k)
go along instead, and each gene reads them off at the two nodes beside it.
"""

from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two
from dgsea_bench.kernels.lanes import load, splat, total
from dgsea_bench.kernels.logistic_powers import HIGH, LOW, OF_LEVELS, OF_SLOPES, TERMS, TINY, powers_of, tiny_beside
from dgsea_bench.kernels.windows import MARGIN, Nodes, clear

SMALLEST = -50.0
"""z below 2^SMALLEST is 0 to rounding, and taken as 0: its powers would be too small for a float64."""


class Sorted(NamedTuple):
    """The genes of a profile from node to node: numbers starts[k] .. starts[k + 1] - 1 lie between nodes k - 1 and k.

    Here node 0 is MARGIN nodes before that of position 1, and the last one MARGIN nodes after that of position G.

    Attributes:
        starts: (nodes + 2,) int64. places: (G,) int64, the number of each gene.
        above, below: (G,) by number, z at the next node above the gene, k, and below it, k - 1.
        decay: (TERMS,) exp(-m / τ).
    """

    starts: np.ndarray
    places: np.ndarray
    above: np.ndarray
    below: np.ndarray
    decay: np.ndarray


@compiled(inline=True)
def room_for_sorted(genes: int, nodes: Nodes) -> Sorted:
    """Room for a profile."""
    decay = np.empty(TERMS)
    for m in range(TERMS):
        faded = np.exp(-(m + 1) / nodes.tau)
        decay[m] = faded if faded > 1e-30 else 0.0
    starts, places = np.empty(nodes.span + 2 * MARGIN + 2, dtype=np.int64), np.empty(genes, dtype=np.int64)
    return Sorted(starts, places, np.empty(genes), np.empty(genes), decay)


@compiled(fast=True, inline=True)
def sort_genes(ranks: np.ndarray, nodes: Nodes, room: Sorted) -> None:
    """Fill the room for ranks (G,): a counting sort."""
    starts, places, above, below = room.starts, room.places, room.above, room.below
    per_position, steepness = 1.0 / nodes.spacing, LOG2_E / nodes.tau
    for k in range(len(starts)):
        starts[k] = 0
    for gene in range(len(ranks)):
        places[gene] = int(np.floor((ranks[gene] - 1.5) * per_position)) + MARGIN + 1
    for gene in range(len(ranks)):
        starts[places[gene] + 1] += 1
    for k in range(1, len(starts)):
        starts[k] += starts[k - 1]
    for gene in range(len(ranks)):
        k = places[gene]
        y = (ranks[gene] - 1.5) * per_position
        place = starts[k]
        starts[k] += 1
        places[gene] = place
        below[place] = y - np.floor(y)
    for k in range(len(starts) - 1, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0
    for i in range(len(ranks)):
        y = below[i]
        up, down = (y - 1.0) * steepness, -y * steepness
        above[i] = power_of_two(up) if up > SMALLEST else 0.0
        below[i] = power_of_two(down) if down > SMALLEST else 0.0


@compiled
def sums_of_all_genes(ranks: np.ndarray, nodes: Nodes, base: np.ndarray) -> None:
    """Fill base (n, total), A(k) = Σ_i σ((k - y_i) / τ) over all genes, for profiles with ranks (n, G)."""
    room = room_for_sorted(ranks.shape[1], nodes)
    for b in range(len(ranks)):
        sort_genes(ranks[b], nodes, room)
        start, stop = nodes.first - MARGIN, nodes.first + nodes.span + MARGIN
        curve = base[b, start:stop]
        _add_below(room, curve)
        _add_above(room, curve)
        clear(base[b, :start])
        for k in range(stop, nodes.total):
            base[b, k] = ranks.shape[1]


@compiled(inline=True)
def _add_below(room: Sorted, curve: np.ndarray) -> None:
    """Fill the curve (nodes,) with Σ (1 - f(z)) over genes below each node."""
    low, high = splat(0.0, LOW), splat(0.0, HIGH)
    decay_low, decay_high = load(room.decay, 0, LOW), load(room.decay, LOW, HIGH)
    c_low, c_high = load(OF_LEVELS, 0, LOW), load(OF_LEVELS, LOW, HIGH)
    for k in range(len(curve)):
        low, high = low * decay_low + splat(TINY, LOW), high * decay_high + splat(TINY, HIGH)
        for i in range(room.starts[k], room.starts[k + 1]):
            more_low, more_high = powers_of(room.above[i])
            low, high = low + more_low, high + more_high
        curve[k] = room.starts[k + 1] - (total(low * c_low) + total(high * c_high))


@compiled(inline=True)
def _add_above(room: Sorted, curve: np.ndarray) -> None:
    """Add to the curve (nodes,) Σ f(z) over genes above each node."""
    low, high = splat(0.0, LOW), splat(0.0, HIGH)
    decay_low, decay_high = load(room.decay, 0, LOW), load(room.decay, LOW, HIGH)
    c_low, c_high = load(OF_LEVELS, 0, LOW), load(OF_LEVELS, LOW, HIGH)
    for k in range(len(curve) - 1, -1, -1):
        low, high = low * decay_low + splat(TINY, LOW), high * decay_high + splat(TINY, HIGH)
        for i in range(room.starts[k + 1], room.starts[k + 2]):
            more_low, more_high = powers_of(room.below[i])
            low, high = low + more_low, high + more_high
        curve[k] += total(low * c_low) + total(high * c_high)


@compiled
def add_gradient_of_all_genes(ranks: np.ndarray, nodes: Nodes, gradient: np.ndarray, result: np.ndarray) -> None:
    """Add to result (n, G), ∂L/∂ranks, what comes of gradient (n, total), ∂L/∂base."""
    room, slopes = room_for_sorted(ranks.shape[1], nodes), np.empty(ranks.shape[1])
    factor = 1.0 / (nodes.tau * nodes.spacing)
    for b in range(len(ranks)):
        sort_genes(ranks[b], nodes, room)
        curve = gradient[b, nodes.first - MARGIN : nodes.first + nodes.span + MARGIN]
        _read_above(room, curve, slopes)
        _read_below(room, curve, slopes)
        for gene in range(len(slopes)):
            result[b, gene] -= slopes[room.places[gene]] * factor


@compiled(inline=True)
def _read_above(room: Sorted, curve: np.ndarray, slopes: np.ndarray) -> None:
    """Fill slopes (G,), in order, with Σ ∂L/∂A(k) σ' over the nodes above each gene."""
    low, high = splat(0.0, LOW), splat(0.0, HIGH)
    decay_low, decay_high = load(room.decay, 0, LOW), load(room.decay, LOW, HIGH)
    d_low, d_high = load(OF_SLOPES, 0, LOW), load(OF_SLOPES, LOW, HIGH)
    tiny = tiny_beside(curve)
    for k in range(len(curve) - 1, -1, -1):
        value = curve[k] + tiny
        low, high = low * decay_low + splat(value, LOW), high * decay_high + splat(value, HIGH)
        for i in range(room.starts[k], room.starts[k + 1]):
            of_low, of_high = powers_of(room.above[i])
            slopes[i] = total(low * d_low * of_low) + total(high * d_high * of_high)


@compiled(inline=True)
def _read_below(room: Sorted, curve: np.ndarray, slopes: np.ndarray) -> None:
    """Add to slopes (G,), in order, Σ ∂L/∂A(k) σ' over the nodes below each gene."""
    low, high = splat(0.0, LOW), splat(0.0, HIGH)
    decay_low, decay_high = load(room.decay, 0, LOW), load(room.decay, LOW, HIGH)
    d_low, d_high = load(OF_SLOPES, 0, LOW), load(OF_SLOPES, LOW, HIGH)
    tiny = tiny_beside(curve)
    for k in range(len(curve)):
        value = curve[k] + tiny
        low, high = low * decay_low + splat(value, LOW), high * decay_high + splat(value, HIGH)
        for i in range(room.starts[k + 1], room.starts[k + 2]):
            of_low, of_high = powers_of(room.below[i])
            slopes[i] += total(low * d_low * of_low) + total(high * d_high * of_high)
