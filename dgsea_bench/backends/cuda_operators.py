"""What `cuda-batched` computes, as operators of torch (see `operators`): ranks in torch, gene sets by Triton kernels.

Sets are worked off in portions that fit into memory. Where the device has less than that, portions become smaller.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from dgsea_bench.backends.batched_ranks import soft_ranks, soft_ranks_gradient
from dgsea_bench.backends.operators import ANY_DEVICE, operator, register_gradient, register_shapes, shaped_like
from dgsea_bench.backends.sums_in_any_order import add_up

ENTRIES = 128
"""Entries of a set that are prepared at once."""

COUNTED_BLOCKS = 64
"""Blocks of positions whose entries are counted at once."""

LANES = 128
"""Positions of a block to each group of 32 threads: four to a thread."""

PROGRAMS = 4096
"""Programs of the backward pass that keep a GPU busy; each sums the gradients of some sets."""

STEEPEST = 100.0
"""exp2(100) times any number of positions is a float32: no peak need be taken off up to there."""

BYTES_PER_ENTRY, BYTES_PER_BLOCK, BYTES_PER_MISS = 192, 24, 16
"""What the backward pass needs for an entry, for a set and block of positions, and to tell misses from members."""

QUIET = 2**28
"""Bytes that are asked for without first asking how much is free, which takes time."""

LEAST = 2**20
"""Portions are not made smaller than this many bytes."""

SETS = (
    "Tensor weights, Tensor ranks, Tensor order, Tensor base, Tensor offsets, Tensor indices, Tensor permutations, "
    "float tau_prefix, float width, int block, float memory"
)
"""Ranked profiles: weights, ranks, order (B, G) of genes by rank, base (B, G), whose dtype is that of the work; P gene
sets; permutations (K, up to G); the temperature of windows and their half-width in it; positions of a block; bytes."""

Three = tuple[Tensor, Tensor, Tensor]
Found = TypeVar("Found")


class Portion(NamedTuple):
    """Which profiles, sets and permutations are worked off at once."""

    profiles: slice
    sets: slice
    permutations: slice


@dataclass(frozen=True)
class Listing:
    """The entries of V sets, P sets under each of some permutations, in each of B profiles; see `triton_sets`."""

    keys: Tensor
    starts: Tensor
    nodes: Tensor
    offsets: Tensor
    steps: Tensor
    levels: Tensor
    shares: Tensor
    totals: Tensor
    firsts: Tensor
    lasts: Tensor

    @property
    def curves(self) -> tuple[Tensor, ...]:
        """What running sums are made of, beside the base curve."""
        return self.nodes, self.offsets, self.steps, self.levels, self.shares, self.starts, self.firsts, self.lasts


@dataclass(frozen=True)
class Inputs:
    """The arguments that `SETS` lists."""

    weights: Tensor
    ranks: Tensor
    order: Tensor
    base: Tensor
    offsets: Tensor
    indices: Tensor
    permutations: Tensor
    tau_prefix: float
    width: float
    block: int
    memory: float

    @property
    def blocks(self) -> int:
        """Blocks of positions."""
        return -(-self.ranks.shape[1] // self.block)

    @property
    def reach(self) -> int:
        """Positions from the middle of a window to its end."""
        return min(math.ceil(self.width * self.tau_prefix) + 1, self.ranks.shape[1])

    @property
    def slots(self) -> int:
        """Blocks that a window touches at most."""
        return min(2 * self.reach // self.block + 2, self.blocks)

    @property
    def numbers(self) -> Tensor:
        """(3,) log2(e) / τ_prefix, 1 / τ_prefix and log2(e) in float64: as plain arguments they would be rounded."""
        log2_e = math.log2(math.e)
        values = log2_e / self.tau_prefix, 1 / self.tau_prefix, log2_e
        return torch.tensor(values, dtype=torch.float64, device=self.ranks.device)

    def of(self, profiles: slice) -> "Inputs":
        """The same for some of the profiles."""
        ranked = (part[profiles].contiguous() for part in (self.weights, self.ranks, self.order, self.base))
        rest = self.offsets, self.indices, self.permutations, self.tau_prefix, self.width, self.block, self.memory
        return Inputs(*ranked, *rest)


def kernels() -> Any:
    """The module of Triton kernels, loaded when it is first needed: it is not installed everywhere."""
    from dgsea_bench.kernels import triton_sets

    return triton_sets


def launch(kernel: Any, programs: int, *arguments: Any, warps: int = 4, **constants: Any) -> None:
    """Run so many programs of a kernel on the device and the current stream of its first argument."""
    device = arguments[0].device
    chosen: AbstractContextManager[Any] = torch.cuda.device(device) if device.type == "cuda" else nullcontext()
    with chosen:
        kernel[(programs,)](*arguments, **constants, num_warps=warps)


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
    """Running sums (B, P, K, G) of P sets under K permutations, in the dtype of the base curve."""
    inputs = Inputs(*arguments)
    (profiles, genes), sets, count = inputs.ranks.shape, len(inputs.offsets) - 1, len(inputs.permutations)

    def work(memory: float) -> Tensor:
        curves = inputs.base.new_empty(profiles, sets, count, genes)
        for part in portions(inputs, memory):
            some = inputs.of(part.profiles)
            listing = list_entries(some, part)
            found = some.base.new_empty(*listing.shares.shape, genes)
            sizes = genes, listing.keys.shape[1], listing.shares.shape[1], some.blocks
            launch(
                kernels().trace_sets,
                listing.shares.numel() * some.blocks,
                *(some.base, *listing.curves, some.numbers, found, *sizes),
                **_shape_of_blocks(some),
            )
            curves[part] = found.unflatten(1, (-1, part.sets.stop - part.sets.start)).transpose(1, 2)
        return curves

    return within_memory(inputs.ranks, inputs.memory, work)


@operator(f"cuda_score({SETS}, Tensor taus) -> (Tensor, Tensor, Tensor)", ANY_DEVICE)
def score(*arguments: Any) -> Three:
    """The dES (B, P, K) of P sets under K permutations with `taus` (B, P, K) for τ_abs; and of each abs(running sum)
    the peak that was taken off and Z, the sum of exponentials of what remains, all in float64."""
    inputs, taus = Inputs(*arguments[:11]), arguments[11]
    genes = inputs.ranks.shape[1]
    steep = math.log2(math.e) / float(taus.amin()) > STEEPEST

    def work(memory: float) -> Three:
        result = torch.empty_like(taus), torch.empty_like(taus), torch.empty_like(taus)
        for part in portions(inputs, memory):
            some = inputs.of(part.profiles)
            listing = list_entries(some, part)
            inverse = by_set(1 / taus[part])
            found = [torch.empty_like(inverse) for _ in result]
            sizes = genes, listing.keys.shape[1], listing.shares.shape[1], some.blocks
            launch(
                kernels().score_sets,
                listing.shares.numel(),
                *(some.base, *listing.curves, some.numbers, inverse, *found, *sizes),
                STEEP=steep,
                **_shape_of_blocks(some),
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
    inputs, (taus, *found, gradient) = Inputs(*arguments[:11]), arguments[11:]

    def upstream(part: Portion) -> tuple[Tensor, ...]:
        return tuple(by_set(values[part]) for values in (1 / taus, *found, gradient))

    return _gradients(inputs, upstream, given=False)


@operator(f"cuda_running_sum_gradient({SETS}, Tensor gradient) -> (Tensor, Tensor, Tensor)", ANY_DEVICE)
def running_sum_gradient(*arguments: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂curves (B, P, K, G), and what `running_sum` took."""
    inputs, gradient = Inputs(*arguments[:11]), arguments[11]

    def upstream(part: Portion) -> tuple[Tensor, ...]:
        return (inputs.ranks,) * 4 + (by_set(gradient[part]),)  # of the first four nothing is read

    return _gradients(inputs, upstream, given=True)


def _gradients(inputs: Inputs, upstream: Callable[[Portion], tuple[Tensor, ...]], given: bool) -> Three:
    """The backward pass of either, portion by portion."""

    def work(memory: float) -> Three:
        to_weights, to_ranks = torch.zeros_like(inputs.ranks), torch.zeros_like(inputs.ranks)
        to_base = torch.zeros_like(inputs.ranks)
        for part in portions(inputs, memory):
            found = _gradients_of(inputs.of(part.profiles), part, upstream(part), given)
            for into, values in zip((to_weights, to_ranks, to_base), found):
                into[part.profiles] += values
        return to_weights, to_ranks, to_base.to(inputs.base.dtype)

    return within_memory(inputs.ranks, inputs.memory, work)


def _gradients_of(some: Inputs, part: Portion, upstream: tuple[Tensor, ...], given: bool) -> Three:
    listing = list_entries(some, part)
    (profiles, sets), entries, genes = listing.shares.shape, listing.keys.shape[1], some.ranks.shape[1]
    in_chunk = -(-profiles * some.blocks * sets // PROGRAMS)
    chunks = -(-sets // in_chunk)
    to_base = some.base.new_empty(chunks, profiles, genes)
    block_sums = some.ranks.new_empty(profiles, sets, some.blocks)
    to_levels, to_places = some.base.new_zeros(2, some.slots, profiles, entries)
    launch(
        kernels().differentiate_sets,
        profiles * some.blocks * chunks,
        *(some.base, *listing.curves, some.numbers, *upstream, to_base, block_sums, to_levels, to_places),
        *(profiles, genes, entries, sets, some.blocks, chunks, in_chunk, some.reach, some.slots),
        GIVEN=given,
        **_shape_of_blocks(some),
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


def by_set(values: Tensor) -> Tensor:
    """From (B, P, K, ...) to (B, K · P, ...): sets under the first permutation, then under the second."""
    return values.transpose(1, 2).flatten(1, 2).contiguous()


def _shape_of_blocks(some: Inputs) -> dict[str, int]:
    return {"BLOCK": some.block, "warps": min(8, max(1, some.block // LANES))}


def list_entries(some: Inputs, part: Portion) -> Listing:
    """The entries of the sets and permutations of a portion, for profiles that were chosen already."""
    (profiles, genes), device = some.ranks.shape, some.ranks.device
    keys, lengths = _sorted_keys(some, part)
    entries, sets = keys.shape[1], len(lengths)
    starts = torch.from_numpy(np.concatenate([[0], lengths.cumsum()])).to(device)
    real = some.base.dtype

    def room(*shape: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(profiles, *shape, dtype=dtype, device=device)

    nodes, levels = room(entries, dtype=torch.int32), room(entries, dtype=torch.float64)
    offsets, steps = room(entries, dtype=real), room(entries, dtype=real)
    shares, totals = room(sets, dtype=torch.float64), room(sets, dtype=torch.float64)
    firsts, lasts = room(sets, some.blocks, dtype=torch.int32), room(sets, some.blocks, dtype=torch.int32)
    launch(
        kernels().fill_entries,
        profiles * sets,
        *(keys, some.order, some.ranks, some.weights, starts),
        *(nodes, offsets, steps, levels, shares, totals, genes, entries, sets),
        ENTRIES=ENTRIES,
    )
    launch(
        kernels().fill_blocks,
        profiles * sets * -(-some.blocks // COUNTED_BLOCKS),
        *(nodes, starts, firsts, lasts, entries, sets, some.blocks, some.reach, int(lengths.max()).bit_length()),
        BLOCK=some.block,
        COUNT=COUNTED_BLOCKS,
    )
    return Listing(keys, starts, nodes, offsets, steps, levels, shares, totals, firsts, lasts)


def _sorted_keys(some: Inputs, part: Portion) -> tuple[Tensor, np.ndarray]:
    """Keys (B, E) int32 of the entries of V sets, in order, and the number of entries (V,) of each set."""
    genes, device = some.ranks.shape[1], some.ranks.device
    permutations = some.permutations[part.permutations]
    count = len(permutations)
    edges = some.offsets.cpu().numpy()[part.sets.start : part.sets.stop + 1]
    sizes = np.diff(edges)
    large = 2 * sizes > genes
    place = torch.empty_like(some.order, dtype=torch.int32)
    place.scatter_(1, some.order, torch.arange(genes, dtype=torch.int32, device=device).expand_as(place))

    members = permutations[:, some.indices[edges[0] : edges[-1]]].long()  # (K, members)
    of_set = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)).to(device)
    first_keys = 2 * genes * torch.arange(count * len(sizes), dtype=torch.int32, device=device).view(count, -1)
    keys = []
    if not large.all():
        chosen = torch.from_numpy(np.flatnonzero(np.repeat(~large, sizes))).to(device)
        within = 2 * place[:, members[:, chosen].flatten()]
        keys.append(within + first_keys[:, of_set[chosen]].flatten())
    if large.any():
        is_miss = torch.ones(count, len(sizes), genes, dtype=torch.int32, device=device)
        is_miss[torch.arange(count, device=device)[:, None], of_set, members] = 0
        which = torch.from_numpy(np.flatnonzero(large)).to(device)
        odd = first_keys[:, which, None] + is_miss[:, which]
        keys.append((odd + 2 * place[:, None, None]).flatten(1))
    lengths = np.tile(np.where(large, genes, sizes), count)
    return torch.cat(keys, dim=1).sort(-1).values, lengths


def portions(inputs: Inputs, memory: float) -> Iterator[Portion]:
    """Profiles, sets and permutations that fit into so many bytes at once, one of each at least."""
    (profiles, genes), count = inputs.ranks.shape, len(inputs.permutations)
    sizes = np.diff(inputs.offsets.cpu().numpy())
    large = 2 * sizes > genes
    room = np.where(large, genes, sizes) * (BYTES_PER_ENTRY + 16 * inputs.slots) + inputs.blocks * BYTES_PER_BLOCK
    room += large.any() * genes * BYTES_PER_MISS
    room = np.maximum(room, -(-2 * genes * memory // 2**31))  # keys are 32-bit integers
    profiles_at_once = int(min(max(1, memory // room.sum()), profiles))
    permutations_at_once = int(min(max(1, memory // (room.sum() * profiles_at_once)), count))
    spans = _spans(room, memory)
    for profile in range(0, profiles, profiles_at_once):
        for permutation in range(0, count, permutations_at_once):
            for span in spans:
                yield Portion(
                    slice(profile, min(profile + profiles_at_once, profiles)),
                    span,
                    slice(permutation, min(permutation + permutations_at_once, count)),
                )


def _spans(room: np.ndarray, memory: float) -> list[slice]:
    """Slices of sets that together need no more than so many bytes, or are one set."""
    spans, start, used = [], 0, 0.0
    for number, needed in enumerate(room):
        if used + needed > memory and number > start:
            spans.append(slice(start, number))
            start, used = number, 0.0
        used += needed
    return [*spans, slice(start, len(room))]


def within_memory(tensor: Tensor, memory: float, work: Callable[[float], Found]) -> Found:
    """What `work` makes of a number of bytes: those, or what is free, or less as long as the device runs out of memory.

    Raises:
        torch.OutOfMemoryError: the smallest portion does not fit.
    """
    if tensor.is_cuda and memory > QUIET:
        free, _ = torch.cuda.mem_get_info(tensor.device)
        unused = torch.cuda.memory_reserved(tensor.device) - torch.cuda.memory_allocated(tensor.device)
        memory = min(memory, max(QUIET, 0.8 * (free + unused)))
    while True:
        try:
            return work(memory)
        except torch.OutOfMemoryError as error:
            if memory <= LEAST:
                raise torch.OutOfMemoryError(_out_of_memory(tensor, memory, str(error))) from error
        memory /= 8
        torch.cuda.empty_cache()


def _out_of_memory(tensor: Tensor, memory: float, message: str) -> str:
    profiles, genes = tensor.shape
    return (
        f"cuda-batched ran out of memory on {tensor.device} with {profiles} profiles of {genes:,} genes, even with "
        f"working memory of {memory / 2**20:.2g} MiB (it begins with the option memory_mib): give it fewer profiles at "
        f"once, or free some memory. torch says: {message}"
    )


def _rank_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    values, *ctx.numbers = inputs
    ctx.save_for_backward(values)


def _rank_backward(ctx: Any, to_ranks: Tensor) -> tuple[Tensor | None, ...]:
    return rank_gradient(*ctx.saved_tensors, *ctx.numbers, to_ranks), None, None


def _score_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    tensors, ctx.numbers, taus = inputs[:7], inputs[7:11], inputs[11]
    ctx.save_for_backward(*tensors, taus, *output)


def _score_backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, taus, scores, peaks, sums = ctx.saved_tensors
    found = score_gradient(*tensors, *ctx.numbers, taus, scores, peaks, sums, gradient)
    return found[0], found[1], None, found[2], *([None] * 8)


def _running_sum_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    tensors, ctx.numbers = inputs[:7], inputs[7:]
    ctx.save_for_backward(*tensors)


def _running_sum_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    found = running_sum_gradient(*ctx.saved_tensors, *ctx.numbers, gradient)
    return found[0], found[1], None, found[2], *([None] * 7)


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
    register_shapes("cuda_score", shaped_like(11, 11, 11))
    register_shapes("cuda_score_gradient", shaped_like(0, 1, 3))
    register_shapes("cuda_running_sum", running_sum_shape)
    register_shapes("cuda_running_sum_gradient", shaped_like(0, 1, 3))


_register()
