"""Running sums of gene sets on a GPU, their scores and gradients: nothing of size sets × genes but what is asked for.

A set is a list of *entries*, its genes in the order of their ranks. Entry i lies at position y_i = rank - 3/2, counted
from 0, and adds step_i · σ((t - y_i) / τ) to the running sum at position t. Positions are taken in blocks. An entry
whose window begins after a block adds nothing there, one whose window ended before adds its step; for the others the
sigmoids are evaluated. Arrays are (profiles, entries of all sets), (profiles, sets) or (profiles, sets, blocks).

Work is in the precision of `offsets`, sums of many in float64. Every number is written by one program, and added up in
an order that depends on shapes alone, so that results are bitwise the same in each run.

Kernels are in Triton (Tillet et al. 2019, doi 10.1145/3315508.3329973), which compiles them for the GPU, or interprets
them on a CPU where TRITON_INTERPRET=1 is set before they are imported.
"""

import inspect
from collections.abc import Callable
from typing import Any

import triton
import triton.language as tl

LARGEST_POWER = tl.constexpr(120.0)
"""2^120 is a float32; 1 / (1 + 2^120) is 0 beside anything."""


def kernel(function: Callable[..., None]) -> Any:
    """Compile once for each choice of types and constants.

    Left alone, Triton compiles anew where a number is 1 or divisible by 16, and where an array does not begin at a
    multiple of 16 bytes, which is all the same here: rows begin anywhere.
    """
    parameters = inspect.signature(function).parameters.values()
    return triton.jit(
        function, do_not_specialize=[item.name for item in parameters if item.annotation is not tl.constexpr]
    )


@kernel
def fill_entries(
    keys, order, ranks, weights, starts,
    nodes, offsets, steps, levels, shares, totals,
    genes, entries, sets,
    ENTRIES: tl.constexpr,
):  # fmt: skip
    """From sorted keys: where each entry lies, what it adds, and the sum of what entries up to it add.

    A key (place of the gene in the ranking, plus genes times the number of the set) is doubled; it is odd for a gene
    that is no member. A set of up to half of the genes is written as C = Σ_hits (weight / N_R + a) σ - a A, with A the
    running sum of all genes, per gene, and the share a = 1 / N_miss. In a larger one that would cancel: all genes are
    its entries, misses add -1 / N_miss, and its share is 0. Where all weights are 0, N_R is 0 and hits count equally.

    Fills nodes (B, E), the position nearest to y; offsets (B, E), y less that; steps and levels (B, E); shares (B, V),
    genes · a; totals (B, V), N_R.
    """
    profile, number = (tl.program_id(0) // sets).to(tl.int64), (tl.program_id(0) % sets).to(tl.int64)
    start, stop = tl.load(starts + number), tl.load(starts + number + 1)
    row, of_profile = profile * entries, profile * genes
    total = tl.full((ENTRIES,), 0, tl.float64)
    members = tl.full((ENTRIES,), 0, tl.int32)
    for first in range(start, stop, ENTRIES):
        entry = first + tl.arange(0, ENTRIES)
        inside = entry < stop
        key = tl.load(keys + row + entry, mask=inside, other=1)
        hit = inside & (key % 2 == 0)
        gene = tl.load(order + of_profile + (key // 2 - number * genes), mask=hit, other=0)
        total += tl.load(weights + of_profile + gene, mask=hit, other=0.0)
        members += hit.to(tl.int32)
    weight_of_hits, hits = tl.sum(total, 0), tl.sum(members, 0)
    per_miss = 1.0 / tl.maximum(genes - hits, 1).to(tl.float64)
    share = tl.where(stop - start == genes, 0.0, per_miss)
    tl.store(shares + profile * sets + number, share * genes)
    tl.store(totals + profile * sets + number, weight_of_hits)
    level = weight_of_hits * 0.0
    for first in range(start, stop, ENTRIES):
        entry = first + tl.arange(0, ENTRIES)
        inside = entry < stop
        key = tl.load(keys + row + entry, mask=inside, other=1)
        hit = key % 2 == 0
        gene = tl.load(order + of_profile + (key // 2 - number * genes), mask=inside, other=0)
        y = tl.load(ranks + of_profile + gene, mask=inside, other=0.0) - 1.5
        node = tl.floor(y + 0.5)
        weight = tl.load(weights + of_profile + gene, mask=inside, other=0.0)
        divisor = tl.where(weight_of_hits > 0, weight_of_hits, hits.to(tl.float64))
        step = tl.where(weight_of_hits > 0, weight, 1.0) / divisor + share
        step = tl.where(inside, tl.where(hit, step, -per_miss), 0.0)
        upto = level + tl.cumsum(step, 0)
        tl.store(nodes + row + entry, node.to(tl.int32), mask=inside)
        tl.store(offsets + row + entry, (y - node).to(offsets.dtype.element_ty), mask=inside)
        tl.store(steps + row + entry, step.to(steps.dtype.element_ty), mask=inside)
        tl.store(levels + row + entry, upto, mask=inside)
        level += tl.sum(step, 0)


@triton.jit
def count_below(sorted_nodes, count, bounds, halvings):
    """How many of the sorted nodes lie below each bound, by bisection."""
    low = bounds * 0
    high = low + count
    for _ in range(halvings):
        middle = (low + high) // 2
        searching = low < high
        below = searching & (tl.load(sorted_nodes + middle, mask=searching, other=0) < bounds)
        high = tl.where(below, high, middle)
        low = tl.where(below, middle + 1, low)
    return low


@kernel
def fill_blocks(
    nodes, starts, firsts, lasts,
    entries, sets, blocks, reach, halvings,
    BLOCK: tl.constexpr, COUNT: tl.constexpr,
):  # fmt: skip
    """Fill firsts and lasts (B, V, blocks): the first entry whose window ends in the block or later, and the one after
    the last whose window begins in it or earlier, counted from the start of the set.
    """
    parts = tl.cdiv(blocks, COUNT)
    pair, part = tl.program_id(0) // parts, tl.program_id(0) % parts
    profile, number = (pair // sets).to(tl.int64), (pair % sets).to(tl.int64)
    start, stop = tl.load(starts + number), tl.load(starts + number + 1)
    block = part * COUNT + tl.arange(0, COUNT)
    here, count = nodes + profile * entries + start, (stop - start).to(tl.int32)
    at = (profile * sets + number) * blocks + block
    first = count_below(here, count, block * BLOCK - reach, halvings)
    last = count_below(here, count, (block + 1) * BLOCK + reach, halvings)
    tl.store(firsts + at, first, mask=block < blocks)
    tl.store(lasts + at, last, mask=block < blocks)


@triton.jit
def running_sum_of_block(
    positions, inside, base, nodes, offsets, steps, levels, share, first, last, steepness, WIDE: tl.constexpr,
):  # fmt: skip
    """The running sum at the positions of a block, whose windows are those of entries first .. last - 1.

    Pointers are to the entries of the set, and to the base curve of the profile. Windows are summed in type WIDE.
    """
    windows = tl.full(positions.shape, 0, WIDE)
    for entry in range(first, last):
        away = (tl.load(nodes + entry) - positions).to(offsets.dtype.element_ty) + tl.load(offsets + entry)
        windows += (tl.load(steps + entry) / (1 + tl.exp2(tl.minimum(away * steepness, LARGEST_POWER)))).to(WIDE)
    # Level and base are large and cancel: their difference is rounded, not they.
    level = tl.load(levels + first - 1, mask=first > 0, other=0.0)
    rest = level - share * tl.load(base + positions, mask=inside, other=0.0)
    return tl.where(inside, rest.to(WIDE) + windows, 0.0)


@kernel
def trace_sets(
    base, nodes, offsets, steps, levels, shares, starts, firsts, lasts, numbers,
    curves,
    genes, entries, sets, blocks,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Fill curves (B, V, G) with running sums: a program per block of positions."""
    pair, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    profile, number = pair // sets, pair % sets
    steepness = tl.load(numbers).to(offsets.dtype.element_ty)
    start = profile * entries + tl.load(starts + number)
    first, last = tl.load(firsts + pair * blocks + block), tl.load(lasts + pair * blocks + block)
    share = tl.load(shares + pair)
    positions = block * BLOCK + tl.arange(0, BLOCK)
    inside = positions < genes
    curve = running_sum_of_block(
        positions, inside, base + profile * genes, nodes + start, offsets + start, steps + start, levels + start,
        share, first, last, steepness, tl.float64,
    )  # fmt: skip
    tl.store(curves + pair * genes + positions, curve, mask=inside)


@kernel
def score_sets(
    base, nodes, offsets, steps, levels, shares, starts, firsts, lasts, numbers,
    inverse_taus, scores, peaks, sums,
    genes, entries, sets, blocks,
    STEEP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The softmax-weighted extremum of each running sum: a program per profile and set, block after block.

        dES = Σ_t e_t C(t) / Z,   Z = Σ_t e_t,   e_t = exp((abs(C(t)) - peak) / τ_abs)

    Fills scores, sums (Z) and peaks (B, V). Each lane keeps sums of its own, and its own peak where the softmax is
    steep; otherwise the peak is 0.
    """
    pair = tl.program_id(0).to(tl.int64)
    profile, number = pair // sets, pair % sets
    steepness = tl.load(numbers).to(offsets.dtype.element_ty)
    sharpness = (tl.load(inverse_taus + pair) * tl.load(numbers + 2)).to(offsets.dtype.element_ty)
    start = profile * entries + tl.load(starts + number)
    share = tl.load(shares + pair)
    lanes = tl.arange(0, BLOCK)
    peak = tl.full((BLOCK,), 0, offsets.dtype.element_ty)
    total, weighted = peak, peak
    for block in range(blocks):
        positions = block * BLOCK + lanes
        inside = positions < genes
        first, last = tl.load(firsts + pair * blocks + block), tl.load(lasts + pair * blocks + block)
        curve = running_sum_of_block(
            positions, inside, base + profile * genes, nodes + start, offsets + start, steps + start, levels + start,
            share, first, last, steepness, offsets.dtype.element_ty,
        )  # fmt: skip
        height = tl.abs(curve)
        if STEEP:
            higher = tl.maximum(peak, height)
            fall = tl.exp2((peak - higher) * sharpness)
            total, weighted, peak = total * fall, weighted * fall, higher
        e = tl.where(inside, tl.exp2((height - peak) * sharpness), 0.0)
        total += e
        weighted += e * curve
    top = tl.max(peak, 0)
    fall = tl.exp2((peak - top) * sharpness)
    whole = tl.sum((total * fall).to(tl.float64), 0)
    tl.store(scores + pair, tl.sum((weighted * fall).to(tl.float64), 0) / whole)
    tl.store(sums + pair, whole)
    tl.store(peaks + pair, top.to(tl.float64))


@kernel
def differentiate_sets(
    base, nodes, offsets, steps, levels, shares, starts, firsts, lasts, numbers,
    inverse_taus, scores, peaks, sums, gradients,
    to_base, block_sums, to_levels, to_places,
    profiles, genes, entries, sets, blocks, chunks, in_chunk, reach, slots,
    GIVEN: tl.constexpr, WEIGHTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The backward pass: a program per profile, block of positions and chunk of sets, making each running sum again.

        ∂L/∂C(t) = g e_t / Z · (1 + sign(C(t)) (C(t) - dES) / τ_abs),   g = ∂L/∂dES

    gradients (B, V) are g; or, where GIVEN, (B, V, G) are ∂L/∂C themselves. Fills to_base (chunks, B, G); block_sums
    (B, V, blocks), Σ_t ∂L/∂C(t); and for each of the blocks, `slots` at most, that an entry's window touches, to_levels
    and to_places (slots, B, E): Σ_t ∂L/∂C(t) σ(t), where gradients of WEIGHTS are wanted, and the same of σ'.
    """
    program = tl.program_id(0)
    chunk, block = program % chunks, (program // chunks) % blocks
    profile = (program // chunks // blocks).to(tl.int64)
    steepness = tl.load(numbers).to(offsets.dtype.element_ty)
    positions = block * BLOCK + tl.arange(0, BLOCK)
    inside = positions < genes
    gradient_of_base = tl.full((BLOCK,), 0, offsets.dtype.element_ty)
    for number in range(chunk * in_chunk, tl.minimum((chunk + 1) * in_chunk, sets)):
        pair = profile * sets + number
        start = profile * entries + tl.load(starts + number)
        first, last = tl.load(firsts + pair * blocks + block), tl.load(lasts + pair * blocks + block)
        share = tl.load(shares + pair)
        if GIVEN:
            slope = tl.load(gradients + pair * genes + positions, mask=inside, other=0.0).to(offsets.dtype.element_ty)
        else:
            curve = running_sum_of_block(
                positions, inside, base + profile * genes, nodes + start, offsets + start, steps + start,
                levels + start, share, first, last, steepness, offsets.dtype.element_ty,
            )  # fmt: skip
            inverse_tau = tl.load(inverse_taus + pair)
            sharpness = (inverse_tau * tl.load(numbers + 2)).to(offsets.dtype.element_ty)
            peak = tl.load(peaks + pair).to(offsets.dtype.element_ty)
            factor = (tl.load(gradients + pair) / tl.load(sums + pair)).to(offsets.dtype.element_ty)
            score = tl.load(scores + pair).to(offsets.dtype.element_ty)
            away = (curve - score) * inverse_tau.to(offsets.dtype.element_ty)
            e = tl.exp2((tl.abs(curve) - peak) * sharpness)
            slope = tl.where(inside, factor * e * (1 + tl.where(curve >= 0, away, -away)), 0.0)
        gradient_of_base -= share.to(offsets.dtype.element_ty) * slope
        tl.store(block_sums + pair * blocks + block, tl.sum(slope.to(tl.float64), 0))
        for entry in range(first, last):
            node = tl.load(nodes + start + entry)
            away = (node - positions).to(offsets.dtype.element_ty) + tl.load(offsets + start + entry)
            sigmoid = 1 / (1 + tl.exp2(tl.minimum(away * steepness, LARGEST_POWER)))
            slot = block - tl.maximum(node - reach, 0) // BLOCK
            at = (slot.to(tl.int64) * profiles * entries) + start + entry
            touched = (slot >= 0) & (slot < slots)
            if WEIGHTS:
                tl.store(to_levels + at, tl.sum(slope * sigmoid, 0), mask=touched)
            tl.store(to_places + at, tl.sum(slope * sigmoid * (1 - sigmoid), 0), mask=touched)
    here = chunk.to(tl.int64) * profiles * genes + profile * genes + positions
    tl.store(to_base + here, gradient_of_base, mask=inside)


@kernel
def sum_blocks(block_sums, sums_up_to, blocks, COUNT: tl.constexpr):
    """Fill sums_up_to (B, V, blocks) with the block_sums of all blocks up to each: a program per profile and set."""
    row = tl.program_id(0).to(tl.int64) * blocks
    before = tl.full((COUNT,), 0, tl.float64)
    for first in range(0, blocks, COUNT):
        block = first + tl.arange(0, COUNT)
        inside = block < blocks
        values = tl.load(block_sums + row + block, mask=inside, other=0.0)
        tl.store(sums_up_to + row + block, before + tl.cumsum(values, 0), mask=inside)
        before += tl.sum(values, 0)


@triton.jit
def gradient_of_levels(to_levels, sums_up_to, node, at, inside, slots_apart, blocks, reach, slots, BLOCK: tl.constexpr):
    """∂L/∂step of entries, but for a constant of the set: what the blocks that their windows touch gave, less the sum
    of ∂L/∂C over all positions up to there, in the place of the sum over all that follow.
    """
    last_block = tl.minimum((node + reach) // BLOCK, blocks - 1)
    level = -tl.load(sums_up_to + last_block, mask=inside, other=0.0)
    for slot in range(slots):
        level += tl.load(to_levels + slot * slots_apart + at, mask=inside, other=0.0).to(tl.float64)
    return level


@kernel
def finish_gradients(
    keys, nodes, steps, shares, totals, starts, numbers, to_levels, to_places, sums_up_to,
    to_weights, to_ranks,
    profiles, genes, entries, sets, blocks, reach, slots,
    WEIGHTS: tl.constexpr, BLOCK: tl.constexpr, ENTRIES: tl.constexpr,
):  # fmt: skip
    """Fill to_ranks (B, E), ∂L/∂rank of the gene of each entry, and to_weights, where WEIGHTS: a program per set.

        ∂L/∂weight_i = (u_i - Σ_hits weight_k / N_R u_k) / N_R,   u = ∂L/∂step
        ∂L/∂rank_i   = -step_i / τ Σ_t ∂L/∂C(t) σ'(t)

    A constant in u cancels. Misses have no weight; where all weights are 0 they have no gradient.
    """
    pair = tl.program_id(0).to(tl.int64)
    profile, number = pair // sets, pair % sets
    start, stop = tl.load(starts + number), tl.load(starts + number + 1)
    share, weight_of_hits = tl.load(shares + pair) / genes, tl.load(totals + pair)
    per_weight = tl.where(weight_of_hits > 0, 1.0 / tl.where(weight_of_hits > 0, weight_of_hits, 1.0), 0.0)
    sums = sums_up_to + pair * blocks
    slots_apart = tl.cast(profiles, tl.int64) * entries
    mean_level = per_weight * 0.0
    if WEIGHTS:
        mean = tl.full((ENTRIES,), 0, tl.float64)
        for first in range(start, stop, ENTRIES):
            entry = first + tl.arange(0, ENTRIES)
            inside, at = entry < stop, profile * entries + entry
            node = tl.load(nodes + at, mask=inside, other=0)
            hit = inside & (tl.load(keys + at, mask=inside, other=1) % 2 == 0)
            level = gradient_of_levels(to_levels, sums, node, at, inside, slots_apart, blocks, reach, slots, BLOCK)
            weight = tl.load(steps + at, mask=inside, other=0.0).to(tl.float64) - share
            mean += tl.where(hit, weight * level, 0.0)
        mean_level = tl.sum(mean, 0)
    for first in range(start, stop, ENTRIES):
        entry = first + tl.arange(0, ENTRIES)
        inside, at = entry < stop, profile * entries + entry
        if WEIGHTS:
            node = tl.load(nodes + at, mask=inside, other=0)
            hit = inside & (tl.load(keys + at, mask=inside, other=1) % 2 == 0)
            level = gradient_of_levels(to_levels, sums, node, at, inside, slots_apart, blocks, reach, slots, BLOCK)
            tl.store(to_weights + at, tl.where(hit, (level - mean_level) * per_weight, 0.0), mask=inside)
        place = tl.full((ENTRIES,), 0, tl.float64)
        for slot in range(slots):
            place += tl.load(to_places + slot * slots_apart + at, mask=inside, other=0.0).to(tl.float64)
        step = tl.load(steps + at, mask=inside, other=0.0).to(tl.float64)
        tl.store(to_ranks + at, -step * place * tl.load(numbers + 1), mask=inside)
