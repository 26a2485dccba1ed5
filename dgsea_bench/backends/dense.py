"""The dense sum of sigmoids that both stages of dGSEA are made of, in tiles, with its gradient."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE_ELEMENTS = 2**20
"""Sigmoids evaluated at once: tiles of 8 MiB stay in cache between operations, and are tall enough for matrix products
at 12,000 genes."""


def sigmoid_sum(
    weights: Float64[Tensor, "profiles sums sources"],
    sources: Float64[Tensor, "profiles sources"],
    queries: Float64[Tensor, "profiles queries"],
    tau: float,
) -> Float64[Tensor, "profiles sums queries"]:
    """(B, K, Q) F_k(q) = Σ_j w_kj σ((x_j - q) / τ), for K weightings of the same J sources x_j.

    No more than a tile of the (queries, sources) table exists at a time, forward or backward; the backward pass
    computes it again, unless a single tile was all. With ∂F/∂x_j = w_kj σ'((x_j - q) / τ) / τ, and the opposite sign
    for q. A second derivative is not provided: asking for it raises.
    """
    result: Tensor = _SigmoidSum.apply(weights, sources, queries, tau)
    return result


class _SigmoidSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, sources: Tensor, queries: Tensor, tau: float) -> Tensor:
        result = weights.new_empty(*weights.shape[:2], queries.shape[1])
        for profiles, span, table in _tiles(sources, queries, tau):
            torch.matmul(weights[profiles], table.mT, out=result[profiles, :, span])
        only_table = table if table.shape == (*queries.shape, sources.shape[1]) else None
        ctx.save_for_backward(weights, sources, queries, only_table)
        ctx.tau = tau
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weights, sources, queries, only_table = ctx.saved_tensors
        need_weights, need_sources, need_queries, _ = ctx.needs_input_grad
        to_weights = torch.zeros_like(weights) if need_weights else None
        to_sources = torch.zeros_like(sources) if need_sources else None
        to_queries = torch.empty_like(queries) if need_queries else None
        everything = [(slice(None), slice(None), only_table)]
        for profiles, span, table in everything if only_table is not None else _tiles(sources, queries, ctx.tau):
            part = gradient[profiles, :, span]
            if to_weights is not None:
                to_weights[profiles] += part @ table
            if need_sources or need_queries:
                # The gradient with respect to x_j - q, at each place of the table, by σ' = σ (1 - σ).
                slopes = part.mT @ weights[profiles]
                torch.ops.aten.sigmoid_backward.grad_input(slopes, table, grad_input=slopes)
                if to_sources is not None:
                    to_sources[profiles] += slopes.sum(1)
                if to_queries is not None:
                    to_queries[profiles, span] = slopes.sum(2)
        return (
            to_weights,
            to_sources / ctx.tau if to_sources is not None else None,
            -to_queries / ctx.tau if to_queries is not None else None,
            None,
        )


def _tiles(sources: Tensor, queries: Tensor, tau: float) -> Iterator[tuple[slice, slice, Tensor]]:
    """Slices of profiles and of queries, with σ((x_j - q) / τ) for them: (profiles, queries, sources).

    Each table is overwritten by the next. Subtraction comes before scaling, so that ties stay exact.
    """
    (profiles, width), height = sources.shape, queries.shape[1]
    rows = min(height, max(1, TILE_ELEMENTS // width))
    depth = min(profiles, max(1, TILE_ELEMENTS // (width * rows)))
    buffer = sources.new_empty(depth * rows * width)
    for first in range(0, profiles, depth):
        chosen = slice(first, min(first + depth, profiles))
        for top in range(0, height, rows):
            span = slice(top, min(top + rows, height))
            shape = (chosen.stop - chosen.start, span.stop - span.start, width)
            table = buffer[: shape[0] * shape[1] * shape[2]].view(shape)
            torch.sub(sources[chosen, None, :], queries[chosen, span, None], out=table)
            yield chosen, span, table.div_(tau).sigmoid_()
