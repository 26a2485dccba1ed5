"""What `fastsum` computes, as operators of torch with gradients of their own.

Each is a `torch.library.custom_op`: opaque to torch.compile, autocast and functional transforms, with the gradient written
by hand. A second derivative is not provided, and asking for it raises.
"""

from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.threads import in_threads
from dgsea_bench.kernels.coarse_positions import shares_of_positions
from dgsea_bench.kernels.gene_steps import Sets
from dgsea_bench.kernels.set_gradients import Gradients, add_gradients, add_gradients_of_curves
from dgsea_bench.kernels.set_scores import ADAPTIVE, Found, Plan, Ranked, score_sets, take_running_sums
from dgsea_bench.kernels.soft_ranks import soft_ranks, soft_ranks_gradient
from dgsea_bench.kernels.windows import add_gradient_of_all_genes, nodes_of, sums_of_all_genes

__all__ = ["ADAPTIVE", "rank", "running_sums", "scores"]

CHUNKS = 8
"""Into so many chunks, over all profiles, sets are cut for the backward pass; each sums its gradients apart."""


@torch.library.custom_op("dgsea_bench::rank", mutates_args=())
def rank(values: Tensor, tau_rank: float, tau_prefix: float) -> tuple[Tensor, Tensor]:
    """Soft ranks (B, G) of values (B, G) in float64, and the running sum of all genes (B, nodes)."""
    nodes = nodes_of(values.shape[1], tau_prefix)
    scores, ranks = _array(values), np.empty(tuple(values.shape))
    base = np.empty((len(scores), nodes.total))

    def work(start: int, stop: int) -> None:
        soft_ranks(scores, tau_rank, start, stop, ranks)
        sums_of_all_genes(ranks, nodes, start, stop, base)

    in_threads(work, len(scores))
    return torch.from_numpy(ranks), torch.from_numpy(base)


@rank.register_fake
def _(values: Tensor, tau_rank: float, tau_prefix: float) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    return torch.empty_like(values), values.new_empty(len(values), nodes_of(values.shape[1], tau_prefix).total)


@torch.library.custom_op("dgsea_bench::rank_gradient", mutates_args=())
def rank_gradient(
    values: Tensor, ranks: Tensor, tau_rank: float, tau_prefix: float, to_ranks: Tensor, to_base: Tensor
) -> Tensor:
    """∂L/∂values from ∂L/∂ranks and ∂L/∂base."""
    nodes = nodes_of(values.shape[1], tau_prefix)
    scores, places, above, below = _array(values), _array(ranks), _array(to_ranks).copy(), _array(to_base)
    result = np.empty_like(scores)

    def work(start: int, stop: int) -> None:
        add_gradient_of_all_genes(places, nodes, start, stop, below, above)
        soft_ranks_gradient(scores, tau_rank, start, stop, above, result)

    in_threads(work, len(scores))
    return torch.from_numpy(result)


@torch.library.custom_op("dgsea_bench::scores", mutates_args=())
def scores(
    weights: Tensor,
    ranks: Tensor,
    base: Tensor,
    offsets: Tensor,
    indices: Tensor,
    permutations: Tensor,
    tau_prefix: float,
    tau_abs: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """dES (B, P, K) of P sets under K permutations, with log2 Z and τ_abs of each, in float64."""
    ranked, sets, plan = _inputs(weights, ranks, base, offsets, indices, permutations, tau_prefix, tau_abs)
    shape = len(weights), len(offsets) - 1, len(permutations)
    found = Found(np.empty(shape), np.empty(shape), np.empty(shape))
    in_threads(lambda start, stop: score_sets(ranked, sets, plan, start, stop, found), found.scores.size)
    return torch.from_numpy(found.scores), torch.from_numpy(found.log_totals), torch.from_numpy(found.taus)


@scores.register_fake
def _(
    weights: Tensor,
    ranks: Tensor,  # noqa: ARG001
    base: Tensor,  # noqa: ARG001
    offsets: Tensor,
    indices: Tensor,  # noqa: ARG001
    permutations: Tensor,
    tau_prefix: float,  # noqa: ARG001
    tau_abs: float,  # noqa: ARG001
) -> tuple[Tensor, Tensor, Tensor]:
    shape = len(weights), len(offsets) - 1, len(permutations)
    return weights.new_empty(shape), weights.new_empty(shape), weights.new_empty(shape)


@torch.library.custom_op("dgsea_bench::scores_gradient", mutates_args=())
def scores_gradient(
    weights: Tensor,
    ranks: Tensor,
    base: Tensor,
    offsets: Tensor,
    indices: Tensor,
    permutations: Tensor,
    tau_prefix: float,
    tau_abs: float,
    found: list[Tensor],
    gradient: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂dES (B, P, K), and what `scores` returned."""
    ranked, sets, plan = _inputs(weights, ranks, base, offsets, indices, permutations, tau_prefix, tau_abs)
    kept, incoming = Found(*map(_array, found)), _array(gradient)
    chunks = min(max(1, CHUNKS // len(weights)), incoming[0].size)
    result = _room_for(ranked, chunks)
    in_threads(
        lambda start, stop: add_gradients(ranked, sets, plan, chunks, start, stop, kept, incoming, result),
        len(weights) * chunks,
    )
    return _joined(result, chunks)


@torch.library.custom_op("dgsea_bench::running_sums", mutates_args=())
def running_sums(
    weights: Tensor, ranks: Tensor, base: Tensor, offsets: Tensor, indices: Tensor, tau_prefix: float
) -> Tensor:
    """Running sums (B, P, G) at every position, in float64."""
    ranked, sets, plan = _inputs(weights, ranks, base, offsets, indices, _unchanged(weights), tau_prefix, 1.0)
    curves = np.empty((len(weights), len(offsets) - 1, weights.shape[1]))
    in_threads(
        lambda start, stop: take_running_sums(ranked, sets, plan, start, stop, curves), curves.size // curves.shape[2]
    )
    return torch.from_numpy(curves)


@running_sums.register_fake
def _(
    weights: Tensor,
    ranks: Tensor,  # noqa: ARG001
    base: Tensor,  # noqa: ARG001
    offsets: Tensor,
    indices: Tensor,  # noqa: ARG001
    tau_prefix: float,  # noqa: ARG001
) -> Tensor:
    return weights.new_empty(len(weights), len(offsets) - 1, weights.shape[1])


@torch.library.custom_op("dgsea_bench::running_sums_gradient", mutates_args=())
def running_sums_gradient(
    weights: Tensor,
    ranks: Tensor,
    base: Tensor,
    offsets: Tensor,
    indices: Tensor,
    tau_prefix: float,
    gradient: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """∂L/∂weights, ∂L/∂ranks and ∂L/∂base from ∂L/∂curves (B, P, G)."""
    ranked, sets, plan = _inputs(weights, ranks, base, offsets, indices, _unchanged(weights), tau_prefix, 1.0)
    incoming, result = _array(gradient), _room_for(ranked, 1)
    in_threads(
        lambda start, stop: add_gradients_of_curves(ranked, sets, plan, start, stop, incoming, result), len(weights)
    )
    return _joined(result, 1)


@rank_gradient.register_fake
def _(values: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(values)


@scores_gradient.register_fake
@running_sums_gradient.register_fake
def _(weights: Tensor, ranks: Tensor, base: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(weights), torch.empty_like(ranks), torch.empty_like(base)


def _unchanged(weights: Tensor) -> Tensor:
    return torch.arange(weights.shape[1], dtype=torch.int32)[None]


def _inputs(
    weights: Tensor,
    ranks: Tensor,
    base: Tensor,
    offsets: Tensor,
    indices: Tensor,
    permutations: Tensor,
    tau_prefix: float,
    tau_abs: float,
) -> tuple[Ranked, Sets, Plan]:
    genes = weights.shape[1]
    nodes = nodes_of(genes, tau_prefix)
    mean_size = len(indices) / max(1, len(offsets) - 1)
    plan = Plan(nodes, shares_of_positions(genes, nodes), block_width(genes, mean_size), tau_abs)
    ranked = Ranked(_array(weights), _array(ranks), _array(base))
    return ranked, Sets(_array(offsets), _array(indices), _array(permutations)), plan


def block_width(genes: int, mean_size: float) -> int:
    """Positions to a block: many blocks cost an exponential each, wide ones are lost whole to a window."""
    best = (4.0 * genes / mean_size) ** 0.5
    return int(min(128, max(16, 8 * round(best / 8))))


def _room_for(ranked: Ranked, chunks: int) -> Gradients:
    (profiles, genes), total = ranked.ranks.shape, ranked.base.shape[1]
    rows = profiles * chunks
    return Gradients(np.zeros((rows, genes)), np.zeros((rows, genes)), np.zeros((rows, total)))


def _joined(result: Gradients, chunks: int) -> tuple[Tensor, Tensor, Tensor]:
    """The sums over the chunks of each profile, in their order."""
    weights, ranks, base = (
        torch.from_numpy(rows if chunks == 1 else rows.reshape(-1, chunks, rows.shape[1]).sum(1)) for rows in result
    )
    return weights, ranks, base


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


def _rank_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    values, *ctx.taus = inputs
    ctx.save_for_backward(values, output[0])


def _rank_backward(ctx: Any, to_ranks: Tensor, to_base: Tensor) -> tuple[Tensor | None, ...]:
    return rank_gradient(*ctx.saved_tensors, *ctx.taus, to_ranks, to_base), None, None


def _scores_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, tau_prefix, tau_abs = inputs
    ctx.save_for_backward(*tensors, *output)
    ctx.taus = tau_prefix, tau_abs


def _scores_backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, es, log_totals, taus = ctx.saved_tensors
    gradients = scores_gradient(*tensors, *ctx.taus, [es, log_totals, taus], gradient)
    return *gradients, None, None, None, None, None


def _running_sums_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    *tensors, ctx.tau_prefix = inputs
    ctx.save_for_backward(*tensors)


def _running_sums_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return *running_sums_gradient(*ctx.saved_tensors, ctx.tau_prefix, gradient), None, None, None


def _no_second_derivative(*_: Any) -> NoReturn:
    raise InputError('fastsum has no second derivative; take backend="exact" on small problems, or do without')


rank.register_autograd(_rank_backward, setup_context=_rank_context)
scores.register_autograd(_scores_backward, setup_context=_scores_context)
running_sums.register_autograd(_running_sums_backward, setup_context=_running_sums_context)
for _operator in (rank_gradient, scores_gradient, running_sums_gradient):
    _operator.register_autograd(_no_second_derivative)
