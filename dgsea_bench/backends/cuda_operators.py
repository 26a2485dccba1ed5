"""What `cuda-batched` computes, as operators of torch (see `operators`): ranks in torch, gene sets by Triton kernels.

Sets are worked off in portions that fit into memory. Where the device has less than that, portions become smaller.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dgsea_bench.backends.batched_ranks import soft_ranks, soft_ranks_gradient
from dgsea_bench.backends.cuda_entries import COUNTED_BLOCKS, ENTRIES, Inputs, kernels, launch, list_entries
from dgsea_bench.backends.cuda_portions import Portion, within_memory
from dgsea_bench.backends.operators import ANY_DEVICE, operator, register_gradient, register_shapes, shaped_like
from dgsea_bench.backends.sums_in_any_order import add_up

PROGRAMS = 4096
"""Programs of the backward pass that keep a GPU busy; each sums the gradients of some sets."""

BYTES_PER_GENE = 800
"""What the soft ranks of ordinary scores need for a gene of each profile."""

SETS = (
    "Tensor weights, Tensor ranks, Tensor order, Tensor places, Tensor base, "
    "Tensor offsets, Tensor indices, Tensor permutations, "
    "float tau_prefix, float width, bool single, int block, float memory"
)
"""Ranked profiles: weights and ranks (B, G), order (B, G) of genes by rank, places (B, G), twice the place of each gene
in it, base (B, G); P gene sets; permutations (K, up to G); the temperature of windows and their half-width in it;
whether to work in float32; positions of a block; bytes."""

COUNT = 13
"""How many those are."""

Three = tuple[Tensor, Tensor, Tensor]


@operator("cuda_rank(Tensor values, float tau_rank, float memory) -> Tensor", ANY_DEVICE)
def rank(values: Tensor, tau_rank: float, memory: float) -> Tensor:
    """Soft ranks (B, G) of values (B, G) in float64."""
    return within_memory(
        values, BYTES_PER_GENE * values.numel(), memory, lambda most: soft_ranks(values, tau_rank, most)
    )


@operator("cuda_rank_gradient(Tensor values, float tau_rank, float memory, Tensor to_ranks) -> Tensor", ANY_DEVICE)
def rank_gradient(values: Tensor, tau_rank: float, memory: float, to_ranks: Tensor) -> Tensor:
    """∂L/∂values from ∂L/∂ranks."""

    def work(most: float) -> Tensor:
        return soft_ranks_gradient(values, tau_rank, to_ranks, most)

    return within_memory(values, 2 * BYTES_PER_GENE * values.numel(), memory, work)


@operator(f"cuda_running_sum({SETS}) -> Tensor", ANY_DEVICE)
def running_sum(*arguments: Any) -> Tensor:
    """Running sums (B, P, K, G) of P sets under K permutations, in float64."""
    inputs = Inputs(*arguments)
    (profiles, genes), sets, count = inputs.ranks.shape, len(inputs.offsets) - 1, len(inputs.permutations)

    def curves_of(part: Portion) -> tuple[Tensor]:
        some = inputs.of(part.profiles)
        listing = list_entries(some, part)
        found = some.base.new_empty(*listing.shares.shape, genes)
        launch(
            kernels().trace_sets,
            listing.shares.numel() * some.blocks,
            *(some.base, *listing.curves, some.numbers, found),
            *(genes, listing.keys.shape[1], listing.shares.shape[1], some.blocks),
            **some.blocks_and_warps,
        )
        return (found,)

    (curves,) = _by_portions(inputs, (profiles, sets, count, genes), 1, curves_of)
    return curves


@operator(f"cuda_score({SETS}, Tensor inverse_taus, bool steep) -> (Tensor, Tensor, Tensor)", ANY_DEVICE)
def score(*arguments: Any) -> Three:
    """The dES (B, P, K) of P sets under K permutations with 1 / τ_abs (B, P, K); and of each abs(running sum) the peak
    that was taken off and Z, the sum of exponentials of what remains, all in float64. There is a peak where `steep`.
    """
    inputs, inverse_taus, steep = Inputs(*arguments[:COUNT]), *arguments[COUNT:]

    def scores_of(part: Portion) -> Three:
        some = inputs.of(part.profiles)
        listing = list_entries(some, part)
        inverse = _by_set(inverse_taus[part])
        found = torch.empty_like(inverse), torch.empty_like(inverse), torch.empty_like(inverse)
        launch(
            kernels().score_sets,
            listing.shares.numel(),
            *(some.base, *listing.curves, some.numbers, inverse, *found),
            *(some.ranks.shape[1], listing.keys.shape[1], listing.shares.shape[1], some.blocks),
            STEEP=steep,
            **some.blocks_and_warps,
        )
        return found

    scores, peaks, sums = _by_portions(inputs, tuple(inverse_taus.shape), 3, scores_of)
    return scores, peaks, sums


def _by_portions(
    inputs: Inputs, shape: tuple[int, ...], results: int, work: Callable[[Portion], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """Results (B, P, K, ...), from those (B, K · P, ...) that `work` makes of a portion."""

    def within(memory: float) -> tuple[Tensor, ...]:
        parts = inputs.portions(memory)
        if len(parts) == 1:
            return tuple(_by_permutation(values, shape[1]) for values in work(parts[0]))
        whole = tuple(inputs.ranks.new_empty(shape) for _ in range(results))
        for part in parts:
            for into, values in zip(whole, work(part)):
                into[part] = _by_permutation(values, part.sets.stop - part.sets.start)
        return whole

    return within_memory(inputs.ranks, inputs.needed, inputs.memory, within)


@operator(
    f"cuda_score_gradient({SETS}, Tensor inverse_taus, Tensor scores, Tensor peaks, Tensor sums, Tensor gradient, "
    "bool of_weights) -> (Tensor, Tensor, Tensor)",
    ANY_DEVICE,
)
def score_gradient(*arguments: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂dES (B, P, K), and what `score` took and returned.

    Zeros for the weights, unless `of_weights`: half of the work is theirs.
    """
    inputs, *tensors, of_weights = Inputs(*arguments[:COUNT]), *arguments[COUNT:]

    def upstream(part: Portion) -> tuple[Tensor, ...]:
        return tuple(_by_set(values[part]) for values in tensors)

    return _gradients(inputs, upstream, given=False, of_weights=of_weights)


@operator(
    f"cuda_running_sum_gradient({SETS}, Tensor gradient, bool of_weights) -> (Tensor, Tensor, Tensor)", ANY_DEVICE
)
def running_sum_gradient(*arguments: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂curves (B, P, K, G), and what `running_sum` took."""
    inputs, gradient, of_weights = Inputs(*arguments[:COUNT]), *arguments[COUNT:]

    def upstream(part: Portion) -> tuple[Tensor, ...]:
        return (inputs.ranks,) * 4 + (_by_set(gradient[part]),)  # of the first four nothing is read

    return _gradients(inputs, upstream, given=True, of_weights=of_weights)


def _gradients(
    inputs: Inputs, upstream: Callable[[Portion], tuple[Tensor, ...]], *, given: bool, of_weights: bool
) -> Three:
    """The backward pass of either, portion by portion."""

    def within(memory: float) -> Three:
        parts = inputs.portions(memory)
        if len(parts) == 1:
            return _gradients_of(inputs, parts[0], upstream(parts[0]), given, of_weights)
        whole = torch.zeros_like(inputs.ranks), torch.zeros_like(inputs.ranks), torch.zeros_like(inputs.ranks)
        for part in parts:
            found = _gradients_of(inputs.of(part.profiles), part, upstream(part), given, of_weights)
            for into, values in zip(whole, found):
                into[part.profiles] += values
        return whole

    return within_memory(inputs.ranks, inputs.needed, inputs.memory, within)


def _gradients_of(some: Inputs, part: Portion, upstream: tuple[Tensor, ...], given: bool, of_weights: bool) -> Three:
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
        WEIGHTS=of_weights,
        **some.blocks_and_warps,
    )
    sums_up_to = torch.empty_like(block_sums)
    if of_weights:
        launch(kernels().sum_blocks, profiles * sets, block_sums, sums_up_to, some.blocks, COUNT=COUNTED_BLOCKS)
    of_entries = some.ranks.new_empty(1 + of_weights, profiles, entries)
    launch(
        kernels().finish_gradients,
        profiles * sets,
        *(listing.keys, listing.nodes, listing.steps, listing.shares, listing.totals, listing.starts, some.numbers),
        *(to_levels, to_places, sums_up_to, of_entries[-1], of_entries[0]),
        *(profiles, genes, entries, sets, some.blocks, some.reach, some.slots),
        WEIGHTS=of_weights,
        BLOCK=some.block,
        ENTRIES=ENTRIES,
    )
    to_ranks, *to_weights = _by_gene(some, listing.keys, of_entries, sets)
    return to_weights[0] if to_weights else torch.zeros_like(to_ranks), to_ranks, to_base.sum(0, dtype=torch.float64)


def _by_gene(some: Inputs, keys: Tensor, of_entries: Tensor, sets: int) -> tuple[Tensor, ...]:
    """What gradients (number, B, E) by entry add up to for each gene (B, G); no set has one twice."""
    genes = some.ranks.shape[1]
    if sets == 1 and keys.shape[1] == genes:
        return tuple(torch.empty_like(of_entries).scatter_(2, some.order.expand_as(of_entries), of_entries))
    places = keys.long().div_(2, rounding_mode="floor").remainder_(genes)
    of_gene = some.order.gather(1, places).repeat(len(of_entries), 1)
    sums = add_up(of_entries.flatten(0, 1), of_gene, genes, most=sets)
    return tuple(sums.unflatten(0, (len(of_entries), -1)))


def _by_permutation(values: Tensor, sets: int) -> Tensor:
    """From (B, K · P, ...) to (B, P, K, ...)."""
    result: Tensor = values.unflatten(1, (-1, sets)).transpose(1, 2)
    return result.contiguous()  # as torch.compile is told that it is; one permutation is not copied


def _by_set(values: Tensor) -> Tensor:
    """From (B, P, K, ...) to (B, K · P, ...): sets under the first permutation, then under the second."""
    return values.transpose(1, 2).flatten(1, 2).contiguous()


def _rank_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    values, *ctx.numbers = inputs
    ctx.save_for_backward(values)


def _rank_backward(ctx: Any, to_ranks: Tensor) -> tuple[Tensor | None, ...]:
    return rank_gradient(*ctx.saved_tensors, *ctx.numbers, to_ranks), None, None


def _score_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    tensors, ctx.numbers, inverse_taus = inputs[:8], inputs[8:COUNT], inputs[COUNT]
    ctx.save_for_backward(*tensors, inverse_taus, *output)


def _score_backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    tensors, rest = ctx.saved_tensors[:8], ctx.saved_tensors[8:]
    to_weights, to_ranks, to_base = score_gradient(*tensors, *ctx.numbers, *rest, gradient, ctx.needs_input_grad[0])
    return to_weights, to_ranks, None, None, to_base, *([None] * (COUNT - 3))


def _running_sum_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    tensors, ctx.numbers = inputs[:8], inputs[8:]
    ctx.save_for_backward(*tensors)


def _running_sum_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    to_weights, to_ranks, to_base = running_sum_gradient(
        *ctx.saved_tensors, *ctx.numbers, gradient, ctx.needs_input_grad[0]
    )
    return to_weights, to_ranks, None, None, to_base, *([None] * (COUNT - 5))


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
    register_shapes("cuda_score", shaped_like(COUNT, COUNT, COUNT))
    register_shapes("cuda_score_gradient", shaped_like(0, 1, 4))
    register_shapes("cuda_running_sum", running_sum_shape)
    register_shapes("cuda_running_sum_gradient", shaped_like(0, 1, 4))


_register()
