"""The gradient of dES with respect to weights, ranks and base curve of a profile, set by set.

gradient on the curve   g(t) = ∂L/∂C(t)                                     (`signed_softmax`, `block_moments`)
of a hit                ∂L/∂w_i = Σ_t g(t) σ_i(t),     ∂L/∂r_i = -step_i / τ Σ_t g(t) σ'_i(t)     (`windows`)
of its weight m_i       (∂L/∂w_i - Σ_k ∂L/∂w_k m_k / N_R) / N_R,             w_i = m_i / N_R
of the base curve       ∂L/∂A(t) = -Σ_sets a g(t)
"""

from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.block_moments import (
    ORDERS,
    Blocks,
    add_polynomials,
    fill_blocks,
    gradient_of_blocks,
    radius_to_trust,
)
from dgsea_bench.kernels.coarse_positions import gather
from dgsea_bench.kernels.gene_steps import Sets, Steps, take_members, take_steps
from dgsea_bench.kernels.set_scores import (
    Found,
    Plan,
    Ranked,
    Room,
    blocks_of,
    by_blocks,
    mark,
    part_blocks,
    take_positions,
    trace,
)
from dgsea_bench.kernels.signed_softmax import peak_of, signed_softmax_gradient
from dgsea_bench.kernels.windows import (
    STEP,
    Nodes,
    clear,
    copy,
    place_genes,
    subtract,
    sums_from_each_step,
    sums_over_window,
    total_of,
)


class Gradients(NamedTuple):
    """∂L by weights and ranks (B·chunks, G) and by base curve (B·chunks, total), added to."""

    weights: np.ndarray
    ranks: np.ndarray
    base: np.ndarray


class Slopes(NamedTuple):
    """Room for the gradient on the curve of one set.

    Attributes:
        values: (G,) by position. nodes: (total,). later: (total / STEP + 1,) its sums from each STEP-th node on.
        sums: (blocks,) its sums over blocks. polynomials: (ORDERS, blocks) ∂L/∂A of all sets so far.
        hits: (G,) ∂L/∂w_i.
    """

    values: np.ndarray
    nodes: np.ndarray
    later: np.ndarray
    sums: np.ndarray
    polynomials: np.ndarray
    hits: np.ndarray


def room_for_slopes(genes: int, plan: Plan) -> Slopes:
    """Room for the gradients of profiles of so many genes."""
    nodes, blocks = plan.nodes, blocks_of(plan)
    return Slopes(
        values=np.empty(genes),
        nodes=np.zeros(nodes.total),
        later=np.zeros(nodes.total // STEP + 1),
        sums=np.empty(blocks),
        polynomials=np.zeros((ORDERS, blocks)),
        hits=np.empty(genes),
    )


@compiled
def add_gradients(
    ranked: Ranked,
    sets: Sets,
    plan: Plan,
    chunks: int,
    start: int,
    stop: int,
    room: Room,
    steps: Steps,
    blocks: Blocks,
    slopes: Slopes,
    found: Found,
    gradient: np.ndarray,
    result: Gradients,
) -> None:
    """Add to `result` what comes of gradient (B, P, K), ∂L/∂dES, for numbers start .. stop - 1 of all (profile, chunk).

    The sets of a profile, under all permutations, are cut into so many chunks; each adds to rows of its own, so that
    the result does not depend on which thread does what.
    """
    nodes, genes, count = plan.nodes, ranked.ranks.shape[1], len(sets.offsets) - 1
    tasks = len(sets.permutations) * count
    for number in range(start, stop):
        b, chunk = number // chunks, number % chunks
        base, to_base = ranked.base[b], result.base[number]
        positions = slice(nodes.first, nodes.first + nodes.span)
        place_genes(ranked.ranks[b], nodes, room.nearest, room.factors)
        fill_blocks(base[positions], blocks)
        for order in range(ORDERS):
            clear(slopes.polynomials[order])
        for task in range(tasks * chunk // chunks, tasks * (chunk + 1) // chunks):
            k, p = task // count, task % count
            members = take_members(sets, k, p, steps.genes)
            taking, share, total = take_steps(ranked.weights[b], members, steps)
            trace(steps, taking, nodes, room)
            tau = found.taus[b, p, k]
            one = tau, found.scores[b, p, k], found.log_totals[b, p, k], gradient[b, p, k]
            if by_blocks(plan, taking, tau):
                mark(steps, taking, plan, room)
                _to_nodes_by_blocks(base, share, plan, one, blocks, room, slopes, to_base)
            else:
                take_positions(base, share, plan, genes, room)
                peak = peak_of(room.values[:genes], tau)
                signed_softmax_gradient(room.values[:genes], *one, peak, slopes.values[:genes])
                _to_nodes(share, plan, genes, slopes, to_base)
            _add_to_genes(
                ranked.weights[b],
                members,
                taking,
                total,
                steps,
                nodes,
                room,
                slopes,
                result.weights[number],
                result.ranks[number],
            )
        add_polynomials(base[positions], blocks, slopes.polynomials, to_base[positions])


@compiled
def add_gradients_of_curves(
    ranked: Ranked,
    sets: Sets,
    plan: Plan,
    start: int,
    stop: int,
    room: Room,
    steps: Steps,
    slopes: Slopes,
    gradient: np.ndarray,
    result: Gradients,
) -> None:
    """Add to `result` what comes of gradient (B, P, K, G), ∂L/∂C by position, for profiles start .. stop - 1."""
    genes, count = ranked.ranks.shape[1], len(sets.offsets) - 1
    for b in range(start, stop):
        place_genes(ranked.ranks[b], plan.nodes, room.nearest, room.factors)
        for task in range(len(sets.permutations) * count):
            k, p = task // count, task % count
            members = take_members(sets, k, p, steps.genes)
            taking, share, total = take_steps(ranked.weights[b], members, steps)
            copy(gradient[b, p, k], slopes.values[:genes])
            _to_nodes(share, plan, genes, slopes, result.base[b])
            _add_to_genes(
                ranked.weights[b],
                members,
                taking,
                total,
                steps,
                plan.nodes,
                room,
                slopes,
                result.weights[b],
                result.ranks[b],
            )


One = tuple[float, float, float, float]
"""τ_abs, dES, log2 Z and ∂L/∂dES of one set."""


@compiled(inline=True)
def _to_nodes(share: float, plan: Plan, genes: int, slopes: Slopes, to_base: np.ndarray) -> None:
    """Fill slopes.nodes and slopes.later from slopes.values by position, and add to ∂L/∂base."""
    nodes = plan.nodes
    if nodes.spacing > 1.0:
        gather(slopes.values[:genes], nodes, plan.shares, slopes.nodes)
    else:
        copy(slopes.values[:genes], slopes.nodes[nodes.first : nodes.first + nodes.span])
    subtract(share, slopes.nodes, to_base)
    sums_from_each_step(slopes.nodes, slopes.later)


@compiled(inline=True)
def _to_nodes_by_blocks(
    base: np.ndarray,
    share: float,
    plan: Plan,
    one: One,
    blocks: Blocks,
    room: Room,
    slopes: Slopes,
    to_base: np.ndarray,
) -> None:
    """The same by blocks: what blocks taken as a whole give to the base curve is kept as polynomials.

    slopes.nodes is then right where windows lie, and slopes.later where they end.
    """
    tau, score, log_total, gradient = one
    part_blocks(base, share, radius_to_trust(share, tau), blocks, plan.nodes, room)
    gradient_of_blocks(
        room.centres, room.whole, blocks, share, tau, score, log_total, gradient, slopes.polynomials, slopes.sums
    )
    _slopes_of_runs(share, plan.nodes, one, blocks, room, slopes, to_base)
    nodes, later = plan.nodes, 0.0
    clear(slopes.later[(nodes.first + nodes.span) // STEP :])
    for block in range(len(blocks.mean) - 1, -1, -1):
        start = nodes.first + block * blocks.width
        if room.whole[block] == 1.0:
            later += slopes.sums[block]
            slopes.later[start // STEP] = later
            continue
        for node in range(min(start + blocks.width, nodes.total) - STEP, start - 1, -STEP):
            later += total_of(slopes.nodes[node : node + STEP])
            slopes.later[node // STEP] = later


@compiled(inline=True)
def _slopes_of_runs(
    share: float, nodes: Nodes, one: One, blocks: Blocks, room: Room, slopes: Slopes, to_base: np.ndarray
) -> None:
    """Fill slopes.nodes for blocks taken singly, as many together as follow one another, and add to ∂L/∂base."""
    block = taken = 0
    while block < len(blocks.mean):
        first = block
        while block < len(blocks.mean) and room.whole[block] == 0.0:
            block += 1
        if block == first:
            block += 1
            continue
        start = nodes.first + first * blocks.width
        size = min((block - first) * blocks.width, nodes.first + nodes.span - start)
        into, below = slopes.nodes[start : start + size], to_base[start : start + size]
        signed_softmax_gradient(room.values[taken : taken + size], *one, 0.0, into)
        subtract(share, into, below)
        taken += size


@compiled(inline=True)
def _add_to_genes(
    weights: np.ndarray,
    members: int,
    taking: int,
    total: float,
    steps: Steps,
    nodes: Nodes,
    room: Room,
    slopes: Slopes,
    to_weights: np.ndarray,
    to_ranks: np.ndarray,
) -> None:
    """From the gradient on the curve to ∂L/∂weights and ∂L/∂ranks (G,), added to."""
    mean = 0.0
    for i in range(taking):
        gene = steps.genes[i]
        level, slope = sums_over_window(room.nearest[gene], room.factors[gene], nodes, slopes.nodes, slopes.later)
        to_ranks[gene] -= steps.sizes[i] * slope / (nodes.tau * nodes.spacing)
        if i < members:
            slopes.hits[i] = level
            mean += level * weights[gene]
    if total > 0.0:
        for i in range(members):
            to_weights[steps.genes[i]] += (slopes.hits[i] - mean / total) / total
