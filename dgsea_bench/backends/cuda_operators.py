"""What `cuda-batched` computes, as operators of torch (see `operators`): ranks in torch, gene sets by Triton kernels.

Sets are worked off in portions that fit into memory. Where the device has less than that, portions become smaller.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dgsea_bench.backends.batched_ranks import soft_ranks, soft_ranks_gradient
from dgsea_bench.backends.cuda_entries import ENTRIES, Inputs, kernels, launch, list_entries
from dgsea_bench.backends.cuda_portions import Portion, within_memory
from dgsea_bench.backends.operators import ANY_DEVICE, operator, register_gradient, register_shapes, shaped_like
from dgsea_bench.backends.sums_in_any_order import add_up

PROGRAMS = 4096
"""Programs of the backward pass that keep a GPU busy; each sums the gradients of some sets."""

STEEPEST = 100.0
"""exp2(100) times any number of positions is a float32: no peak need be taken off up to there."""

SETS = (
    "Tensor weights, Tensor ranks, Tensor order, Tensor base, Tensor offsets, Tensor indices, Tensor permutations, "
    "float tau_prefix, float width, bool single, int block, float memory"
)
"""Ranked profiles: weights, ranks, order (B, G) of genes by rank, base (B, G); P gene sets; permutations (K, up to G);
the temperature of windows and their half-width in it; whether to work in float32; positions of a block; bytes."""

Three = tuple[Tensor, Tensor, Tensor]


@operator("cuda_rank(Tensor values, float tau_rank, float memory) -> Tensor", ANY_DEVICE)
def rank(values: Tensor, tau_rank: float, memory: float) -> Tensor:
    """Soft ranks (B, G) of values (B, G) in float64."""
    return within_memory(values, memory, lambda most: soft_ranks(values, tau_rank, most))


@operator("cuda_rank_gradient(Tensor values, float tau_rank, float memory, Tensor to_ranks) -> Tensor", ANY_DEVICE)
def rank_gradient(values: Tensor, tau_rank: float, memory: float, to_ranks: Tensor) -> Tensor:
    """∂L/∂values from ∂L/∂ranks."""
    return within_memory(values, memory, lambda most: soft_ranks_gradient(values, tau_rank, to_ranks, most))


@operator(f"cuda_running_sum({SETS}) -> Tensor", ANY_DEVICE)
def running_sum(*arguments: Any) -> Tensor:
    """Running sums (B, P, K, G) of P sets under K permutations, in float64."""
    inputs = Inputs(*arguments)
    (profiles, genes), sets, count = inputs.ranks.shape, len(inputs.offsets) - 1, len(inputs.permutations)

    def work(memory: float) -> Tensor:
        curves = inputs.base.new_empty(profiles, sets, count, genes)
        for part in inputs.portions(memory):
            some = inputs.of(part.profiles)
            listing = list_entries(some, part)
            found = some.base.new_empty(*listing.shares.shape, genes)
            sizes = genes, listing.keys.shape[1], listing.shares.shape[1], some.blocks
            launch(
                kernels().trace_sets,
                listing.shares.numel() * some.blocks,
                *(some.base, *listing.curves, some.numbers, found, *sizes),
                **some.blocks_and_warps,
            )
            curves[part] = found.unflatten(1, (-1, part.sets.stop - part.sets.start)).transpose(1, 2)
        return curves

    return within_memory(inputs.ranks, inputs.memory, work)


@operator(f"cuda_score({SETS}, Tensor taus) -> (Tensor, Tensor, Tensor)", ANY_DEVICE)
def score(*arguments: Any) -> Three:
    """The dES (B, P, K) of P sets under K permutations with `taus` (B, P, K) for τ_abs; and of each abs(running sum)
    the peak that was taken off and Z, the sum of exponentials of what remains, all in float64.
    """
    inputs, taus = Inputs(*arguments[:12]), arguments[12]
    genes = inputs.ranks.shape[1]
    steep = math.log2(math.e) / float(taus.amin()) > STEEPEST

    def work(memory: float) -> Three:
        result = torch.empty_like(taus), torch.empty_like(taus), torch.empty_like(taus)
        for part in inputs.portions(memory):
            some = inputs.of(part.profiles)
            listing = list_entries(some, part)
            inverse = _by_set(1 / taus[part])
            found = [torch.empty_like(inverse) for _ in result]
            sizes = genes, listing.keys.shape[1], listing.shares.shape[1], some.blocks
            launch(
                kernels().score_sets,
                listing.shares.numel(),
                *(some.base, *listing.curves, some.numbers, inverse, *found, *sizes),
                STEEP=steep,
                **some.blocks_and_warps,
            )
            for into, values in zip(result, found):
                into[part] = values.unflatten(1, (-1, into[part].shape[1])).transpose(1, 2)
        return result

    return within_memory(inputs.ranks, inputs.memory, work)


@operator(
    f"cuda_score_gradient({SETS}, Tensor taus, Tensor scores, Tensor peaks, Tensor sums, Tensor gradient)"
    " -> (Tensor, Tensor, Tensor)",
    ANY_DEVICE,
)
def score_gradient(*arguments: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂dES (B, P, K), and what `score` took and returned."""
    inputs, (taus, *found, gradient) = Inputs(*arguments[:12]), arguments[12:]

    def upstream(part: Portion) -> tuple[Tensor, ...]:
        return tuple(_by_set(values[part]) for values in (1 / taus, *found, gradient))

    return _gradients(inputs, upstream, given=False)


@operator(f"cuda_running_sum_gradient({SETS}, Tensor gradient) -> (Tensor, Tensor, Tensor)", ANY_DEVICE)
def running_sum_gradient(*arguments: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂curves (B, P, K, G), and what `running_sum` took."""
    inputs, gradient = Inputs(*arguments[:12]), arguments[12]

    def upstream(part: Portion) -> tuple[Tensor, ...]:
        return (inputs.ranks,) * 4 + (_by_set(gradient[part]),)  # of the first four nothing is read

    return _gradients(inputs, upstream, given=True)


def _gradients(inputs: Inputs, upstream: Callable[[Portion], tuple[Tensor, ...]], given: bool) -> Three:
    """The backward pass of either, portion by portion."""

    def work(memory: float) -> Three:
        to_weights, to_ranks = torch.zeros_like(inputs.ranks), torch.zeros_like(inputs.ranks)
        to_base = torch.zeros_like(inputs.ranks)
        for part in inputs.portions(memory):
            found = _gradients_of(inputs.of(part.profiles), part, upstream(part), given)
            for into, values in zip((to_weights, to_ranks, to_base), found):
                into[part.profiles] += values
        return to_weights, to_ranks, to_base

    return within_memory(inputs.ranks, inputs.memory, work)


def _gradients_of(some: Inputs, part: Portion, upstream: tuple[Tensor, ...], given: bool) -> Three:
    listing = list_entries(some, part)
    (profiles, sets), entries, genes = listing.shares.shape, listing.keys.shape[1], some.ranks.shape[1]
    in_chunk = -(-profiles * some.blocks * sets // PROGRAMS)
    chunks = -(-sets // in_chunk)
    to_base = torch.empty(chunks, profiles, genes, dtype=some.real, device=some.base.device)
    block_sums = some.ranks.new_empty(profiles, sets, some.blocks)
    to_levels, to_places = torch.zeros(2, some.slots, profiles, entries, dtype=some.real, device=some.base.device)
    launch(
        kernels().differentiate_sets,
        profiles * some.blocks * chunks,
        *(some.base, *listing.curves, some.numbers, *upstream, to_base, block_sums, to_levels, to_places),
        *(profiles, genes, entries, sets, some.blocks, chunks, in_chunk, some.reach, some.slots),
        GIVEN=given,
        **some.blocks_and_warps,
    )
    of_entries = some.ranks.new_empty(2, profiles, entries)
    launch(
        kernels().finish_gradients,
        profiles * sets,
        *(listing.keys, listing.nodes, listing.steps, listing.shares, listing.totals, listing.starts, some.numbers),
        *(to_levels, to_places, block_sums, *of_entries),
        *(profiles, genes, entries, sets, some.blocks, some.reach, some.slots),
        BLOCK=some.block,
        ENTRIES=ENTRIES,
    )
    places = (listing.keys.long() // 2).remainder_(genes)
    of_gene = some.order.gather(1, places).repeat(2, 1)
    to_weights, to_ranks = add_up(of_entries.flatten(0, 1), of_gene, genes, most=sets).unflatten(0, (2, -1))
    return to_weights, to_ranks, to_base.double().sum(0)


def _by_set(values: Tensor) -> Tensor:
    """From (B, P, K, ...) to (B, K · P, ...): sets under the first permutation, then under the second."""
    return values.transpose(1, 2).flatten(1, 2).contiguous()


def _rank_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    values, *ctx.numbers = inputs
    ctx.save_for_backward(values)


def _rank_backward(ctx: Any, to_ranks: Tensor) -> tuple[Tensor | None, ...]:
    return rank_gradient(*ctx.saved_tensors, *ctx.numbers, to_ranks), None, None


def _score_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    tensors, ctx.numbers, taus = inputs[:7], inputs[7:12], inputs[12]
    ctx.save_for_backward(*tensors, taus, *output)


def _score_backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, taus, scores, peaks, sums = ctx.saved_tensors
    found = score_gradient(*tensors, *ctx.numbers, taus, scores, peaks, sums, gradient)
    return found[0], found[1], None, found[2], *([None] * 9)


def _running_sum_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    tensors, ctx.numbers = inputs[:7], inputs[7:]
    ctx.save_for_backward(*tensors)


def _running_sum_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    found = running_sum_gradient(*ctx.saved_tensors, *ctx.numbers, gradient)
    return found[0], found[1], None, found[2], *([None] * 8)


def _register() -> None:
    no_second = 'cuda-batched has no second derivative; take backend="exact" on small problems, or do without'
    register_gradient("cuda_rank", _rank_backward, _rank_context, no_second)
    register_gradient("cuda_score", _score_backward, _score_context, no_second)
    register_gradient("cuda_running_sum", _running_sum_backward, _running_sum_context, no_second)

    def running_sum_shape(*arguments: Any) -> Tensor:
        inputs = Inputs(*arguments)
        profiles, genes = inputs.base.shape
        shape = profiles, inputs.offsets.shape[0] - 1, inputs.permutations.shape[0], genes
        return torch.empty(shape, dtype=inputs.base.dtype, device=inputs.base.device)

    register_shapes("cuda_rank", shaped_like(0))
    register_shapes("cuda_rank_gradient", shaped_like(0))
    register_shapes("cuda_score", shaped_like(12, 12, 12))
    register_shapes("cuda_score_gradient", shaped_like(0, 1, 3))
    register_shapes("cuda_running_sum", running_sum_shape)
    register_shapes("cuda_running_sum_gradient", shaped_like(0, 1, 3))


_register()
