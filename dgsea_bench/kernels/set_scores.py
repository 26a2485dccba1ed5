"""dES of gene sets in ranked profiles, and its gradient: the curve of one set at a time, never those of all.

The curve of a set is made from the windows of its hits (`windows`), scored by blocks of positions (`block_moments`) or
position by position (`signed_softmax`), and thrown away; the backward pass makes it again.
"""

from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.block_moments import (
    Blocks,
    fill_blocks,
    radius_to_trust,
    sums_over_blocks,
)
from dgsea_bench.kernels.coarse_positions import interpolate
from dgsea_bench.kernels.gene_steps import Sets, Steps, take_members, take_steps
from dgsea_bench.kernels.signed_softmax import (
    STEEPEST,
    peak_of,
    sums_of_exponentials,
)
from dgsea_bench.kernels.windows import (
    STEP,
    Nodes,
    add_window,
    clear,
    copy,
    place_genes,
    take_curve,
    window_of,
)


class Ranked(NamedTuple):
    """Ranked profiles: weights (B, G) of hits, ranks (B, G), base (B, total) of `sums_of_all_genes`."""

    weights: np.ndarray
    ranks: np.ndarray
    base: np.ndarray


class Plan(NamedTuple):
    """How running sums are taken.

    Attributes:
        nodes: where. shares: (distinct, POINTS) of nodes in the positions between them.
        block_bits: a block has 2^block_bits positions.
        block_moments: whether blocks may be taken as a whole.
    """

    nodes: Nodes
    shares: np.ndarray
    block_bits: int
    block_moments: bool


class Found(NamedTuple):
    """Scores (B, P, K), log2 Z (B, P, K), and the τ_abs that they are for (B, P, K)."""

    scores: np.ndarray
    log_totals: np.ndarray
    taus: np.ndarray


class Room(NamedTuple):
    """Room for the curve of one set in one profile, by node or by block of positions.

    Attributes:
        nearest, factors: (G,) of the profile, by `place_genes`.
        window_sums: (total,). jumps: (total / STEP,). Both 0 between sets.
        touched: (blocks,) bool, whether a window lies there; False between sets.
        centres, whole: (blocks,) C̄, and 1 for a block taken as a whole, 0 for one whose positions are taken singly.
        values: (blocks · width or G,) the curve at the positions of the latter, or at all.
        curve: (total,).
    """

    nearest: np.ndarray
    factors: np.ndarray
    window_sums: np.ndarray
    jumps: np.ndarray
    touched: np.ndarray
    centres: np.ndarray
    whole: np.ndarray
    values: np.ndarray
    curve: np.ndarray


def blocks_of(plan: Plan) -> int:
    """How many blocks the positions make."""
    return ((plan.nodes.span - 1) >> plan.block_bits) + 1


def room_for_curves(genes: int, plan: Plan) -> Room:
    """Room for the curves of profiles of so many genes."""
    nodes, blocks = plan.nodes, blocks_of(plan)
    return Room(
        nearest=np.empty(genes, dtype=np.int64),
        factors=np.empty(genes),
        window_sums=np.zeros(nodes.total),
        jumps=np.zeros(nodes.total // STEP),
        touched=np.zeros(blocks, dtype=np.bool_),
        centres=np.empty(blocks),
        whole=np.empty(blocks),
        values=np.empty(max(genes, blocks << plan.block_bits)),
        curve=np.empty(nodes.total),
    )


@compiled(inline=True)
def by_blocks(plan: Plan, taking: int, tau: float) -> bool:
    """Whether blocks may be taken as a whole: so many windows leave some, and exponents need no peak taken off."""
    nodes = plan.nodes
    smooth = nodes.spacing == 1.0 and tau * STEEPEST >= 1.0
    return plan.block_moments and smooth and taking * nodes.length < 2 * nodes.span


@compiled(inline=True)
def trace(steps: Steps, taking: int, nodes: Nodes, room: Room) -> None:
    """Add the windows of so many genes."""
    for i in range(taking):
        gene = steps.genes[i]
        add_window(room.nearest[gene], room.factors[gene], steps.sizes[i], nodes, room.window_sums, room.jumps)


@compiled(inline=True)
def mark(steps: Steps, taking: int, plan: Plan, room: Room) -> None:
    """Mark the blocks that the windows of so many genes touch."""
    nodes, last_block = plan.nodes, len(room.touched) - 1
    for i in range(taking):
        start = window_of(room.nearest[steps.genes[i]], nodes)[0] - nodes.first
        last = min((start + nodes.length - 1) >> plan.block_bits, last_block)
        for block in range(max(0, start) >> plan.block_bits, last + 1):
            room.touched[block] = True


@compiled(inline=True)
def part_blocks(base: np.ndarray, share: float, limit: float, blocks: Blocks, nodes: Nodes, room: Room) -> int:
    """Decide which blocks are taken as a whole, and fill values with the curve at the positions of the others.

    Windows, jumps and marks are cleared. Returns how many positions those are.
    """
    level, filled = 0.0, 0
    run, run_start = 0, nodes.first  # of blocks one after the other: in values, and among nodes
    for block in range(len(blocks.mean)):
        start = nodes.first + block * blocks.width
        level += room.jumps[start // STEP]
        centre = level - share * blocks.mean[block]
        whole = not room.touched[block] and blocks.radius[block] <= limit
        whole = whole and abs(centre) >= share * blocks.radius[block]
        room.centres[block], room.whole[block] = centre, 1.0 if whole else 0.0
        if whole:
            _complete(room.values[run:filled], run_start, room.window_sums, base, share)
            run, run_start = filled, start + blocks.width
            continue
        for node in range(start, min(start + blocks.width, nodes.first + nodes.span), STEP):
            if room.touched[block] and node > start:
                level += room.jumps[node // STEP]
            part = room.values[filled : filled + STEP]
            for j in range(STEP):
                part[j] = level
            filled += STEP
        room.touched[block] = False
    filled = min(filled, run + nodes.first + nodes.span - run_start)  # the last block may not be full
    _complete(room.values[run:filled], run_start, room.window_sums, base, share)
    _clear_ends(nodes, room)
    return filled


@compiled(fast=True, inline=True)
def _complete(values: np.ndarray, start: int, window_sums: np.ndarray, base: np.ndarray, share: float) -> None:
    """From levels to the curve: add the windows, and subtract the share of the base curve, from node `start` on."""
    windows, below = window_sums[start : start + len(values)], base[start : start + len(values)]
    for t in range(len(values)):
        values[t] += windows[t] - share * below[t]
    clear(windows)


@compiled(inline=True)
def _clear_ends(nodes: Nodes, room: Room) -> None:
    """Clear what windows left before the first and after the last position, and all jumps."""
    clear(room.window_sums[: nodes.first])
    clear(room.window_sums[nodes.first + nodes.span :])
    clear(room.jumps)


@compiled(inline=True)
def take_positions(base: np.ndarray, share: float, plan: Plan, genes: int, room: Room) -> None:
    """Fill values (G,) with the curve that was traced; windows and jumps are cleared."""
    nodes = plan.nodes
    if nodes.spacing > 1.0:
        take_curve(room.window_sums, room.jumps, base, share, room.curve)
        interpolate(room.curve, nodes, plan.shares, room.values[:genes])
        return
    level = 0.0
    for filled in range(0, genes, STEP):
        level += room.jumps[(nodes.first + filled) // STEP]
        part = room.values[filled : filled + STEP]
        for j in range(STEP):
            part[j] = level
    _complete(room.values[:genes], nodes.first, room.window_sums, base, share)
    _clear_ends(nodes, room)


@compiled
def score_sets(
    ranked: Ranked,
    sets: Sets,
    plan: Plan,
    start: int,
    stop: int,
    room: Room,
    steps: Steps,
    blocks: Blocks,
    found: Found,
) -> None:
    """Fill `found` for numbers start .. stop - 1 of all (profile, permutation, set), the set counting fastest."""
    nodes, genes = plan.nodes, ranked.ranks.shape[1]
    permutations, count = len(sets.permutations), len(sets.offsets) - 1
    current = -1
    for number in range(start, stop):
        b, rest = number // (permutations * count), number % (permutations * count)
        k, p = rest // count, rest % count
        if b != current:
            current = b
            place_genes(ranked.ranks[b], nodes, room.nearest, room.factors)
            fill_blocks(ranked.base[b, nodes.first : nodes.first + nodes.span], blocks)
        members = take_members(sets, k, p, steps.genes)
        taking, share, _ = take_steps(ranked.weights[b], members, steps)
        trace(steps, taking, nodes, room)
        tau, total, weighted, filled = found.taus[b, p, k], 0.0, 0.0, genes
        if by_blocks(plan, taking, tau):
            mark(steps, taking, plan, room)
            filled = part_blocks(ranked.base[b], share, radius_to_trust(share, tau), blocks, nodes, room)
            total, weighted = sums_over_blocks(room.centres, room.whole, blocks, share, tau)
        else:
            take_positions(ranked.base[b], share, plan, genes, room)
        values = room.values[:filled]
        singly, singly_weighted = sums_of_exponentials(values, tau, peak_of(values, tau))
        found.scores[b, p, k] = (weighted + singly_weighted) / (total + singly)
        found.log_totals[b, p, k] = np.log2(total + singly)


@compiled
def take_running_sums(
    ranked: Ranked, sets: Sets, plan: Plan, start: int, stop: int, room: Room, steps: Steps, curves: np.ndarray
) -> None:
    """Fill curves (B, P, K, G) for numbers start .. stop - 1 of all (profile, permutation, set)."""
    genes, permutations, count = ranked.ranks.shape[1], len(sets.permutations), len(sets.offsets) - 1
    current = -1
    for number in range(start, stop):
        b, rest = number // (permutations * count), number % (permutations * count)
        k, p = rest // count, rest % count
        if b != current:
            current = b
            place_genes(ranked.ranks[b], plan.nodes, room.nearest, room.factors)
        members = take_members(sets, k, p, steps.genes)
        taking, share, _ = take_steps(ranked.weights[b], members, steps)
        trace(steps, taking, plan.nodes, room)
        take_positions(ranked.base[b], share, plan, genes, room)
        copy(room.values[:genes], curves[b, p, k])
