"""dES of gene sets in ranked profiles, and its gradient: the curve of one set at a time, never those of all.

The curve of a set is made from the windows of its hits (`windows`), scored by blocks of positions (`block_moments`) or
position by position (`signed_softmax`), and thrown away; the backward pass makes it again.
"""

from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.block_moments import (
    Blocks,
    empty_blocks,
    fill_blocks,
    largest_radius,
    sums_over_blocks,
)
from dgsea_bench.kernels.coarse_positions import interpolate
from dgsea_bench.kernels.exponential import LOG2_E
from dgsea_bench.kernels.gene_steps import Sets, Steps, room_for_steps, take_members, take_steps
from dgsea_bench.kernels.signed_softmax import (
    STEEPEST,
    median_absolute_deviation,
    signed_softmax,
    sums_of_exponentials,
)
from dgsea_bench.kernels.windows import (
    STEP,
    Nodes,
    add_window,
    place_genes,
    take_curve,
    window_of,
)

ADAPTIVE = 0.0
"""In the place of τ_abs: the median absolute deviation of each running sum."""


class Ranked(NamedTuple):
    """Ranked profiles: weights (B, G) of hits, ranks (B, G), base (B, total) of `sums_of_all_genes`."""

    weights: np.ndarray
    ranks: np.ndarray
    base: np.ndarray


class Plan(NamedTuple):
    """How running sums are taken: nodes, shares (distinct, POINTS) of positions between them, width of blocks, τ_abs."""

    nodes: Nodes
    shares: np.ndarray
    width: int
    tau_abs: float


class Found(NamedTuple):
    """Scores (B, P, K), log2 Z (B, P, K), and the τ_abs of each (B, P, K)."""

    scores: np.ndarray
    log_totals: np.ndarray
    taus: np.ndarray


class Room(NamedTuple):
    """Room for the curve of one set in one profile, by node or by block of positions.

    Attributes:
        nearest, factors: (G,) of the profile, by `place_genes`.
        window_sums: (total,). jumps: (total / STEP,). Both 0 between sets.
        touched: (blocks,) bool, whether a window lies there; False between sets.
        centres, whole: (blocks,) C̄, and 1 where a block is taken as a whole, 0 where its positions are taken one by one.
        singly: (blocks,) int64, the numbers of the latter. values: (G,) the curve at their positions, or at all.
        curve: (total,).
    """

    nearest: np.ndarray
    factors: np.ndarray
    window_sums: np.ndarray
    jumps: np.ndarray
    touched: np.ndarray
    centres: np.ndarray
    whole: np.ndarray
    singly: np.ndarray
    values: np.ndarray
    curve: np.ndarray


@compiled
def room_for_curves(genes: int, nodes: Nodes, blocks: int) -> Room:
    """Room for the curves of profiles of so many genes."""
    return Room(
        np.empty(genes, dtype=np.int64),
        np.empty(genes),
        np.zeros(nodes.total),
        np.zeros(nodes.total // STEP),
        np.zeros(blocks, dtype=np.bool_),
        np.empty(blocks),
        np.empty(blocks),
        np.empty(blocks, dtype=np.int64),
        np.empty(genes),
        np.empty(nodes.total),
    )


@compiled
def trace(steps: Steps, count: int, width: int, nodes: Nodes, room: Room) -> None:
    """Add the windows of so many genes, and mark the blocks that they touch."""
    for i in range(count):
        gene = steps.genes[i]
        add_window(room.nearest[gene], room.factors[gene], steps.sizes[i], nodes, room.window_sums, room.jumps)
        start, _ = window_of(room.nearest[gene], nodes)
        first = max(0, start - nodes.first) // width
        last = min(start + nodes.length - 1 - nodes.first, nodes.count - 1) // width
        for block in range(first, last + 1):
            room.touched[block] = True


@compiled
def part_blocks(
    base: np.ndarray, share: float, limit: float, blocks: Blocks, nodes: Nodes, room: Room
) -> tuple[int, int]:
    """Decide which blocks are taken as a whole, and fill values with the curve at the positions of the others.

    Windows and jumps are 0 again afterwards. Returns how many blocks are taken singly, and how many positions they have.
    """
    level, single, filled = 0.0, 0, 0
    for block in range(len(blocks.mean)):
        start = nodes.first + block * blocks.width
        level += room.jumps[start // STEP]
        room.jumps[start // STEP] = 0.0
        centre = level - share * blocks.mean[block]
        whole = not room.touched[block] and blocks.radius[block] <= limit
        whole = whole and abs(centre) >= share * blocks.radius[block]
        room.centres[block], room.whole[block] = centre, 1.0 if whole else 0.0
        if whole:
            continue
        room.touched[block] = False
        room.singly[single] = block
        single += 1
        stop = min(start + blocks.width, nodes.first + nodes.count)
        for node in range(start, stop, STEP):
            if node > start:
                level += room.jumps[node // STEP]
                room.jumps[node // STEP] = 0.0
            part = slice(node, min(node + STEP, stop))
            windows, below = room.window_sums[part], base[part]
            into = room.values[filled : filled + len(windows)]
            for j in range(len(into)):
                into[j] = level + windows[j] - share * below[j]
                windows[j] = 0.0
            filled += len(into)
    _clear_ends(nodes, room)
    return single, filled


@compiled
def _clear_ends(nodes: Nodes, room: Room) -> None:
    """What windows left before the first and after the last position."""
    room.window_sums[: nodes.first] = 0.0
    room.window_sums[nodes.first + nodes.count :] = 0.0
    room.jumps[(nodes.first + nodes.count) // STEP :] = 0.0


@compiled
def score_by_blocks(base: np.ndarray, share: float, plan: Plan, blocks: Blocks, room: Room) -> tuple[float, float]:
    """dES and log2 Z of the curve that was traced, by blocks where they are smooth."""
    tau, steep = plan.tau_abs, plan.tau_abs * STEEPEST < 1.0
    limit = -1.0 if steep else largest_radius(share, tau)
    single, filled = part_blocks(base, share, limit, blocks, plan.nodes, room)
    if single == len(blocks.mean):
        return signed_softmax(room.values[:filled], tau)
    total, weighted = sums_over_blocks(room.centres, room.whole, blocks, share, tau)
    singly, singly_weighted = sums_of_exponentials(room.values[:filled], LOG2_E / tau, 0.0)
    total, weighted = total + singly, weighted + singly_weighted
    return weighted / total, np.log2(total)


@compiled
def score_by_position(base: np.ndarray, share: float, plan: Plan, room: Room) -> tuple[float, float, float]:
    """dES, log2 Z and τ_abs of the curve that was traced, at every position."""
    take_positions(base, share, plan, room)
    tau = median_absolute_deviation(room.values) if plan.tau_abs == ADAPTIVE else plan.tau_abs
    score, log_total = signed_softmax(room.values, tau)
    return score, log_total, tau


@compiled
def take_positions(base: np.ndarray, share: float, plan: Plan, room: Room) -> None:
    """Fill values (G,) with the curve that was traced; windows, jumps and marks are cleared."""
    nodes = plan.nodes
    take_curve(room.window_sums, room.jumps, base, share, room.curve)
    room.touched[:] = False
    if nodes.spacing > 1.0:
        interpolate(room.curve, nodes, plan.shares, room.values)
    else:
        room.values[:] = room.curve[nodes.first : nodes.first + nodes.count]


@compiled
def by_position(plan: Plan) -> bool:
    """Whether curves are needed at every position: to interpolate them, or for their median."""
    return plan.nodes.spacing > 1.0 or plan.tau_abs == ADAPTIVE


@compiled
def score_sets(ranked: Ranked, sets: Sets, plan: Plan, start: int, stop: int, found: Found) -> None:
    """Fill `found` for numbers start .. stop - 1 of all (profile, permutation, set), the set counting fastest."""
    genes, nodes = ranked.ranks.shape[1], plan.nodes
    blocks = empty_blocks(nodes.count, plan.width)
    room, steps = room_for_curves(genes, nodes, len(blocks.mean)), room_for_steps(genes)
    permutations, count = len(sets.permutations), len(sets.offsets) - 1
    current = -1
    for number in range(start, stop):
        b, rest = number // (permutations * count), number % (permutations * count)
        k, p = rest // count, rest % count
        if b != current:
            current = b
            place_genes(ranked.ranks[b], nodes, room.nearest, room.factors)
            if not by_position(plan):
                fill_blocks(ranked.base[b, nodes.first : nodes.first + nodes.count], blocks)
        members = take_members(sets, k, p, steps.genes)
        taking, share, _ = take_steps(ranked.weights[b], members, steps)
        trace(steps, taking, plan.width, nodes, room)
        if by_position(plan):
            score, log_total, tau = score_by_position(ranked.base[b], share, plan, room)
        else:
            score, log_total = score_by_blocks(ranked.base[b], share, plan, blocks, room)
            tau = plan.tau_abs
        found.scores[b, p, k], found.log_totals[b, p, k], found.taus[b, p, k] = score, log_total, tau


@compiled
def take_running_sums(ranked: Ranked, sets: Sets, plan: Plan, start: int, stop: int, curves: np.ndarray) -> None:
    """Fill curves (B, P, G) for numbers start .. stop - 1 of all (profile, set), under the first permutation."""
    genes, count = ranked.ranks.shape[1], len(sets.offsets) - 1
    blocks = empty_blocks(plan.nodes.count, plan.width)
    room, steps = room_for_curves(genes, plan.nodes, len(blocks.mean)), room_for_steps(genes)
    current = -1
    for number in range(start, stop):
        b, p = number // count, number % count
        if b != current:
            current = b
            place_genes(ranked.ranks[b], plan.nodes, room.nearest, room.factors)
        members = take_members(sets, 0, p, steps.genes)
        taking, share, _ = take_steps(ranked.weights[b], members, steps)
        trace(steps, taking, plan.width, plan.nodes, room)
        take_positions(ranked.base[b], share, plan, room)
        curves[b, p] = room.values
