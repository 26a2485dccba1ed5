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

KEPT_ELEMENTS = 2**22
"""Tables of up to 32 MiB in all are kept for the backward pass; larger ones are computed again."""

GPU_FACTOR = 2**6
"""Off the CPU both are so many times as large, tiles of 512 MiB and kept tables of 2 GiB: a GPU has no cache that holds
them, and smaller ones leave most of it idle while the next kernel is launched."""


def sigmoid_sum(
    weights: Float64[Tensor, "profiles sums sources"],
    sources: Float64[Tensor, "profiles sources"],
    queries: Float64[Tensor, "profiles queries"],
    tau: float,
) -> Float64[Tensor, "profiles sums queries"]:
    """(B, K, Q) F_k(q) = Σ_j w_kj σ((x_j - q) / τ), for K weightings of the same J sources x_j.

    No more than a tile of the (queries, sources) table exists at a time, forward or backward; the backward pass
    computes it again, unless all tiles are small enough to keep. With ∂F/∂x_j = w_kj σ'((x_j - q) / τ) / τ, and the
    opposite sign for q. A second derivative is not provided: asking for it raises.
    """
    result: Tensor = _SigmoidSum.apply(weights, sources, queries, tau)
    return result


class _SigmoidSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, sources: Tensor, queries: Tensor, tau: float) -> Tensor:
        result = weights.new_empty(*weights.shape[:2], queries.shape[1])
        kept = []
        most = KEPT_ELEMENTS * _factor(sources)
        keep = any(ctx.needs_input_grad) and sources.numel() * queries.shape[1] <= most
        buffer = None if keep else sources.new_empty(0)
        for profiles, span in _tiles(sources, queries):
            table = _table(sources[profiles], queries[profiles, span], tau, buffer)
            torch.matmul(weights[profiles], table.mT, out=result[profiles, :, span])
            if keep:
                kept.append(table)
        ctx.save_for_backward(weights, sources, queries, *kept)
        ctx.tau = tau
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weights, sources, queries, *kept = ctx.saved_tensors
        need_weights, need_sources, need_queries, _ = ctx.needs_input_grad
        to_weights = torch.zeros_like(weights) if need_weights else None
        to_sources = torch.zeros_like(sources) if need_sources else None
        to_queries = torch.empty_like(queries) if need_queries else None
        buffer = sources.new_empty(0)
        for number, (profiles, span) in enumerate(_tiles(sources, queries)):
            table = kept[number] if kept else _table(sources[profiles], queries[profiles, span], ctx.tau, buffer)
            part = gradient[profiles, :, span]
            if to_weights is not None:
                to_weights[profiles] += part @ table
            if need_sources or need_queries:
                # The gradient with respect to x_j - q, at each place of the table, by σ' = σ (1 - σ).
                slopes = part.mT * weights[profiles] if weights.shape[1] == 1 else part.mT @ weights[profiles]
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


def _tiles(sources: Tensor, queries: Tensor) -> Iterator[tuple[slice, slice]]:
    """Slices of profiles and of queries that cut the (profiles, queries, sources) table into tiles."""
    (profiles, width), height = sources.shape, queries.shape[1]
    elements = TILE_ELEMENTS * _factor(sources)
    rows = min(height, max(1, elements // width))
    depth = min(profiles, max(1, elements // (width * rows)))
    for first in range(0, profiles, depth):
        for top in range(0, height, rows):
            yield slice(first, min(first + depth, profiles)), slice(top, min(top + rows, height))


def _factor(sources: Tensor) -> int:
    return 1 if sources.device.type == "cpu" else GPU_FACTOR


def _table(sources: Tensor, queries: Tensor, tau: float, buffer: Tensor | None) -> Tensor:
    """σ((x_j - q) / τ) for all pairs, (profiles, queries, sources), over what was in the buffer if one is given."""
    if buffer is None:
        buffer = sources.new_empty(0)
    table = buffer.resize_(queries.shape[0], queries.shape[1], sources.shape[1])
    torch.sub(sources[:, None, :], queries[:, :, None], out=table)
    return table.div_(tau).sigmoid_()  # subtracted before scaling, so that ties stay exact
