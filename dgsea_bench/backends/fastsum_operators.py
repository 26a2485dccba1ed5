"""What `fastsum` computes, as operators of torch (see `operators`)."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgsea_bench.backends.operators import operator, register_gradient, register_shapes, shaped_like
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.threads import in_threads
from dgsea_bench.kernels.base_curve import add_gradient_of_all_genes, sums_of_all_genes
from dgsea_bench.kernels.block_moments import Blocks, room_for_blocks
from dgsea_bench.kernels.coarse_positions import shares_of_positions
from dgsea_bench.kernels.gene_steps import Sets, Steps, room_for_steps
from dgsea_bench.kernels.set_gradients import Gradients, add_gradients, add_gradients_of_curves, room_for_slopes
from dgsea_bench.kernels.set_scores import Found, Plan, Ranked, Room, room_for_curves, score_sets, take_running_sums
from dgsea_bench.kernels.soft_ranks import soft_ranks, soft_ranks_gradient
from dgsea_bench.kernels.windows import nodes_of

MOST_CHUNKS, FEWEST_SETS = 16, 12
"""For the backward pass the sets of a profile are cut into chunks, each of which sums its gradients apart: one to a
profile, or so many over all profiles, each of at least so many sets."""

WINDOWS = "float tau_prefix, float width"
SETS = (
    "Tensor weights, Tensor ranks, Tensor base, Tensor offsets, Tensor indices, Tensor permutations, "
    f"{WINDOWS}, bool block_moments"
)
"""Ranked profiles: weights and ranks (B, G), base (B, nodes); P gene sets; permutations (K, up to G); how to sum."""

Three = tuple[Tensor, Tensor, Tensor]


@operator(f"rank(Tensor values, float tau_rank, {WINDOWS}) -> (Tensor, Tensor)")
def rank(values: Tensor, tau_rank: float, tau_prefix: float, width: float) -> tuple[Tensor, Tensor]:
    """Soft ranks (B, G) of values (B, G) in float64, and the running sum of all genes (B, nodes)."""
    nodes = nodes_of(values.shape[1], tau_prefix, width)
    scores, ranks = _array(values), np.empty(tuple(values.shape))
    if not np.isfinite(scores).all():  # compiled loops would look for their place in memory
        raise InputError("scores are not all finite")
    base = np.empty((len(scores), nodes.total))

    def work(start: int, stop: int) -> None:
        soft_ranks(scores[start:stop], tau_rank, ranks[start:stop])
        sums_of_all_genes(ranks[start:stop], nodes, base[start:stop])

    in_threads(work, len(scores))
    return torch.from_numpy(ranks), torch.from_numpy(base)


@operator(
    f"rank_gradient(Tensor values, Tensor ranks, float tau_rank, {WINDOWS}, Tensor to_ranks, Tensor to_base) -> Tensor"
)
def rank_gradient(
    values: Tensor, ranks: Tensor, tau_rank: float, tau_prefix: float, width: float, to_ranks: Tensor, to_base: Tensor
) -> Tensor:
    """∂L/∂values from ∂L/∂ranks and ∂L/∂base."""
    nodes = nodes_of(values.shape[1], tau_prefix, width)
    scores, places, above, below = _array(values), _array(ranks), _array(to_ranks).copy(), _array(to_base)
    result = np.empty_like(scores)

    def work(start: int, stop: int) -> None:
        part = slice(start, stop)
        add_gradient_of_all_genes(places[part], nodes, below[part], above[part])
        soft_ranks_gradient(scores[part], tau_rank, above[part], result[part])

    in_threads(work, len(scores))
    return torch.from_numpy(result)


@operator(f"score({SETS}, Tensor taus) -> (Tensor, Tensor)")
def score(*inputs: Any) -> tuple[Tensor, Tensor]:
    """The dES (B, P, K) of P sets under K permutations with `taus` (B, P, K) for τ_abs, and log2 Z of each."""
    ranked, sets, plan = _inputs(*inputs[:9])
    taus = _array(inputs[9])
    found = Found(np.empty(taus.shape), np.empty(taus.shape), taus)

    def work(start: int, stop: int) -> None:
        score_sets(ranked, sets, plan, start, stop, *_rooms(ranked, plan), found)

    in_threads(work, taus.size)
    return torch.from_numpy(found.scores), torch.from_numpy(found.log_totals)


@operator(
    f"score_gradient({SETS}, Tensor taus, Tensor scores, Tensor log_totals, Tensor gradient)"
    " -> (Tensor, Tensor, Tensor)"
)
def score_gradient(*inputs: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂dES (B, P, K), and what `score` took and returned."""
    ranked, sets, plan = _inputs(*inputs[:9], check=False)
    taus, scores, log_totals, gradient = map(_array, inputs[9:])
    profiles, genes = ranked.ranks.shape
    chunks = max(1, min(MOST_CHUNKS // profiles, gradient[0].size // FEWEST_SETS))
    result = _room_for(ranked, chunks)
    found = Found(scores, log_totals, taus)

    def work(start: int, stop: int) -> None:
        slopes = room_for_slopes(genes, plan)
        add_gradients(ranked, sets, plan, chunks, start, stop, *_rooms(ranked, plan), slopes, found, gradient, result)

    in_threads(work, profiles * chunks)
    return _joined(result, chunks)


@operator(f"running_sum({SETS}) -> Tensor")
def running_sum(*inputs: Any) -> Tensor:
    """Running sums (B, P, K, G) of P sets under K permutations at every position."""
    ranked, sets, plan = _inputs(*inputs)
    (profiles, genes), count = ranked.ranks.shape, len(sets.offsets) - 1
    curves = np.empty((profiles, count, len(sets.permutations), genes))

    def work(start: int, stop: int) -> None:
        room, steps, _ = _rooms(ranked, plan)
        take_running_sums(ranked, sets, plan, start, stop, room, steps, curves)

    in_threads(work, curves.size // genes)
    return torch.from_numpy(curves)


@operator(f"running_sum_gradient({SETS}, Tensor gradient) -> (Tensor, Tensor, Tensor)")
def running_sum_gradient(*inputs: Any) -> Three:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂curves (B, P, K, G), and what `running_sum` took."""
    ranked, sets, plan = _inputs(*inputs[:9], check=False)
    gradient, result, genes = _array(inputs[9]), _room_for(ranked, 1), ranked.ranks.shape[1]

    def work(start: int, stop: int) -> None:
        room, steps, _ = _rooms(ranked, plan)
        slopes = room_for_slopes(genes, plan)
        add_gradients_of_curves(ranked, sets, plan, start, stop, room, steps, slopes, gradient, result)

    in_threads(work, len(ranked.ranks))
    return _joined(result, 1)


def _inputs(
    weights: Tensor,
    ranks: Tensor,
    base: Tensor,
    offsets: Tensor,
    indices: Tensor,
    permutations: Tensor,
    tau_prefix: float,
    width: float,
    block_moments: bool,
    *,
    check: bool = True,
) -> tuple[Ranked, Sets, Plan]:
    """What loops take; the forward pass checks it, for the backward pass too."""
    genes = weights.shape[1]
    sets = Sets(_array(offsets), _array(indices), _array(permutations))
    if check:
        _check_sets(sets, genes)
    nodes = nodes_of(genes, tau_prefix, width)
    mean_size = len(sets.indices) / (len(sets.offsets) - 1)
    plan = Plan(nodes, shares_of_positions(genes, nodes), block_bits(genes, mean_size), block_moments)
    return Ranked(_array(weights), _array(ranks), _array(base)), sets, plan


def _check_sets(sets: Sets, genes: int) -> None:
    """Raise for what compiled loops, which check nothing, would look up outside their arrays."""
    sizes, drawn = np.diff(sets.offsets), sets.permutations
    if not (len(sizes) and sizes.min() >= 1 and sizes.max() < genes):
        raise InputError(f"gene sets must have 1 .. {genes - 1} members, one set at least")
    if sets.indices.min() < 0 or sets.indices.max() >= drawn.shape[1]:
        raise InputError(
            f"members are {sets.indices.min()} .. {sets.indices.max()}, of {drawn.shape[1]} that are permuted"
        )
    if drawn.size and (drawn.min() < 0 or drawn.max() >= genes):
        raise InputError(f"permutations hold {drawn.min()} .. {drawn.max()}, of {genes} genes")


def block_bits(genes: int, mean_size: float) -> int:
    """How many positions make a block, as a power of two: each costs an exponential, or is lost whole to a window."""
    best = (4.0 * genes / mean_size) ** 0.5
    return min(7, max(4, round(math.log2(best))))


def _rooms(ranked: Ranked, plan: Plan) -> tuple[Room, Steps, Blocks]:
    """What one thread works in."""
    genes, positions = ranked.ranks.shape[1], plan.nodes.span
    return room_for_curves(genes, plan), room_for_steps(genes), room_for_blocks(positions, 1 << plan.block_bits)


def _room_for(ranked: Ranked, chunks: int) -> Gradients:
    (profiles, genes), nodes = ranked.ranks.shape, ranked.base.shape[1]
    rows = profiles * chunks
    return Gradients(np.zeros((rows, genes)), np.zeros((rows, genes)), np.zeros((rows, nodes)))


def _joined(result: Gradients, chunks: int) -> Three:
    """The sums over the chunks of each profile, in their order."""
    weights, ranks, base = (
        torch.from_numpy(rows if chunks == 1 else rows.reshape(-1, chunks, rows.shape[1]).sum(1)) for rows in result
    )
    return weights, ranks, base


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


def _rank_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    values, *ctx.numbers = inputs
    ctx.save_for_backward(values, output[0])


def _rank_backward(ctx: Any, to_ranks: Tensor, to_base: Tensor) -> tuple[Tensor | None, ...]:
    return rank_gradient(*ctx.saved_tensors, *ctx.numbers, to_ranks, to_base), None, None, None


def _score_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    tensors, ctx.numbers, taus = inputs[:6], inputs[6:9], inputs[9]
    ctx.save_for_backward(*tensors, taus, *output)


def _score_backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, taus, scores, log_totals = ctx.saved_tensors
    found = score_gradient(*tensors, *ctx.numbers, taus, scores, log_totals, gradient)
    return *found, None, None, None, None, None, None, None


def _running_sum_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    tensors, ctx.numbers = inputs[:6], inputs[6:]
    ctx.save_for_backward(*tensors)


def _running_sum_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return *running_sum_gradient(*ctx.saved_tensors, *ctx.numbers, gradient), None, None, None, None, None, None


def _register() -> None:
    no_second = 'fastsum has no second derivative; take backend="exact" on small problems, or do without'
    register_gradient("rank", _rank_backward, _rank_context, no_second)
    register_gradient("score", _score_backward, _score_context, no_second)
    register_gradient("running_sum", _running_sum_backward, _running_sum_context, no_second)

    def rank_shapes(values: Tensor, tau_rank: float, *windows: float) -> tuple[Tensor, Tensor]:  # noqa: ARG001
        nodes = nodes_of(int(values.shape[1]), *map(float, windows))  # numbers, where the compiler has symbols for them
        return values.new_empty(values.shape), values.new_empty(values.shape[0], nodes.total)

    def running_sum_shape(*inputs: Any) -> Tensor:
        weights, offsets, permutations = inputs[0], inputs[3], inputs[5]
        shape = weights.shape[0], offsets.shape[0] - 1, permutations.shape[0], weights.shape[1]
        return torch.empty(shape, dtype=weights.dtype, device=weights.device)

    register_shapes("rank", rank_shapes)
    register_shapes("rank_gradient", shaped_like(0))
    register_shapes("score", shaped_like(9, 9))
    register_shapes("score_gradient", shaped_like(0, 1, 2))
    register_shapes("running_sum", running_sum_shape)
    register_shapes("running_sum_gradient", shaped_like(0, 1, 2))


_register()
