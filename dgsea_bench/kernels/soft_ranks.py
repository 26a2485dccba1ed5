"""Soft ranks of a profile and their gradient, near-linear in genes at any temperature.

    r_i = ½ + Σ_j σ((s_j - s_i) / τ)            ∂L/∂s_k = 1/τ · Σ_i (u_i - u_k) σ'((s_k - s_i) / τ),   u = ∂L/∂r

Where scores lie dense, a grid sums them (`grid_sum`). Where τ is so small or an outlier so far that the grid would have
many more nodes than there are genes, scores are sorted and cut into clusters at gaps wider than REACH, across which a
sigmoid is 0 or 1; each cluster is then summed on a grid of its own or pair by pair, whichever costs less. Neither can
cost more than some 0.3 µs a gene unless a cluster is dense at one end and sparse at the other.
"""

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two
from dgsea_bench.kernels.grid_sum import (
    NODES,
    PER_TAU,
    REACH,
    fill_shares,
    grid_for,
    read_off,
    spread,
    sum_sigmoids,
    sum_slopes,
)

SPARE_NODES = 2048
"""A grid of no more nodes than genes and these costs less than sorting."""

PAIR_COST, NODE_COST, GENE_COST = 1.0, 0.05, 15.0
"""Nanoseconds for a pair of genes, for a node and a neighbour in reach, and for a gene on and off the grid.

Nodes cost less; but a long grid rounds places coarsely, and pairs are summed where that would show."""


def soft_ranks(scores: np.ndarray, tau: float, ranks: np.ndarray) -> None:
    """Fill ranks (n, G) of profiles from scores (n, G)."""
    ranks.fill(0.5)
    sparse = np.zeros(len(scores), dtype=np.bool_)
    add_sums_of_dense(scores, tau, ranks, sparse)
    for values, result in zip(scores[sparse], _rows(ranks, sparse)):
        order = np.argsort(-values)
        sums = np.empty_like(values)
        fill_sums_of_clusters(values[order], tau, sums)
        result[order] += sums


def soft_ranks_gradient(scores: np.ndarray, tau: float, gradient: np.ndarray, result: np.ndarray) -> None:
    """Fill result (n, G), ∂L/∂scores, from gradient (n, G), ∂L/∂ranks."""
    result.fill(0.0)
    sparse = np.zeros(len(scores), dtype=np.bool_)
    add_slopes_of_dense(scores, tau, gradient, result, sparse)
    for values, u, into in zip(scores[sparse], gradient[sparse], _rows(result, sparse)):
        order = np.argsort(-values)
        sums = np.zeros_like(values)
        add_slopes_of_clusters(values[order], tau, u[order], sums)
        into[order] = sums
    with np.errstate(over="ignore"):  # the slope of ties at the smallest temperatures is beyond any number
        result /= tau


def _rows(array: np.ndarray, which: np.ndarray) -> list[np.ndarray]:
    return [array[number] for number in np.flatnonzero(which)]


@compiled
def add_sums_of_dense(scores: np.ndarray, tau: float, sums: np.ndarray, sparse: np.ndarray) -> None:
    """sums_i += Σ_j σ((s_j - s_i) / τ) in each profile (n, G) on a grid; sparse (n,) marks those where it is vast."""
    for b in range(len(scores)):
        sparse[b] = _is_sparse(scores[b], tau)
        if not sparse[b]:
            add_sums_on_grid(scores[b], tau, sums[b])


@compiled
def add_slopes_of_dense(scores: np.ndarray, tau: float, u: np.ndarray, sums: np.ndarray, sparse: np.ndarray) -> None:
    """sums_k += Σ_i (u_i - u_k) σ'((s_k - s_i) / τ) likewise."""
    for b in range(len(scores)):
        sparse[b] = _is_sparse(scores[b], tau)
        if not sparse[b]:
            add_slopes_on_grid(scores[b], tau, u[b], sums[b])


@compiled(inline=True)
def _is_sparse(scores: np.ndarray, tau: float) -> bool:
    """Whether a grid over all scores (G,) would cost more than sorting them."""
    low, high = scores[0], scores[0]
    for value in scores:
        low, high = min(low, value), max(high, value)
    return not (high - low) / tau * PER_TAU <= len(scores) + SPARE_NODES


@compiled
def fill_sums_of_clusters(values: np.ndarray, tau: float, sums: np.ndarray) -> None:
    """sums_i = Σ_j σ((x_j - x_i) / τ) for descending values (G,), cluster by cluster."""
    first = 0
    while first < len(values):
        last = _end_of_cluster(values, tau, first)
        part = sums[first:last]
        for place in range(len(part)):
            part[place] = first
        if _pairs_are_cheaper(values[first:last], tau):
            _add_sums_of_pairs(values[first:last], tau, part)
        else:
            add_sums_on_grid(values[first:last], tau, part)
        first = last


@compiled
def add_slopes_of_clusters(values: np.ndarray, tau: float, u: np.ndarray, sums: np.ndarray) -> None:
    """sums_k += Σ_i (u_i - u_k) σ'((x_k - x_i) / τ) for descending values (G,), cluster by cluster."""
    first = 0
    while first < len(values):
        last = _end_of_cluster(values, tau, first)
        if _pairs_are_cheaper(values[first:last], tau):
            _add_slopes_of_pairs(values[first:last], tau, u[first:last], sums[first:last])
        else:
            add_slopes_on_grid(values[first:last], tau, u[first:last], sums[first:last])
        first = last


@compiled(inline=True)
def _end_of_cluster(values: np.ndarray, tau: float, first: int) -> int:
    """The place after the last of the descending values that hang together from `first` on."""
    last = first + 1
    while last < len(values) and (values[last - 1] - values[last]) / tau <= REACH:
        last += 1
    return last


@compiled(inline=True)
def _pairs_are_cheaper(values: np.ndarray, tau: float) -> bool:
    """Whether to sum a cluster of descending scores pair by pair rather than on a grid."""
    nodes = (values[0] - values[-1]) / tau * PER_TAU + NODES
    on_grid = NODE_COST * nodes * min(nodes, 2 * REACH * PER_TAU) + GENE_COST * len(values)
    pairs, first = 0, 0
    for place in range(len(values)):
        while (values[first] - values[place]) / tau > REACH:
            first += 1
        pairs += place - first
        if PAIR_COST * pairs > on_grid:
            return False
    return True


@compiled(inline=True)
def add_sums_on_grid(points: np.ndarray, tau: float, sums: np.ndarray) -> None:
    """sums_i += Σ_j σ((x_j - x_i) / τ)."""
    low, scale, nodes = grid_for(points, tau)
    first, shares = np.empty(len(points), dtype=np.int64), np.empty(NODES * len(points))
    fill_shares(points, low, scale, first, shares)
    grid, summed = np.zeros(nodes), np.empty(nodes)
    spread(first, shares, np.ones(len(points)), grid)
    sum_sigmoids(grid, summed)
    read_off(first, shares, summed, sums)


@compiled(inline=True)
def add_slopes_on_grid(points: np.ndarray, tau: float, u: np.ndarray, sums: np.ndarray) -> None:
    """sums_k += Σ_i (u_i - u_k) σ'((x_k - x_i) / τ), as the difference of two sums; u less its mean cancels little."""
    low, scale, nodes = grid_for(points, tau)
    first, shares = np.empty(len(points), dtype=np.int64), np.empty(NODES * len(points))
    fill_shares(points, low, scale, first, shares)
    mean = 0.0
    for value in u:
        mean += value / len(u)
    weights, found = np.ones((2, len(points))), np.zeros((2, len(points)))
    for i in range(len(u)):
        weights[0, i] = u[i] - mean
    grids, summed = np.zeros((2, nodes)), np.empty((2, nodes))
    for which in range(2):
        spread(first, shares, weights[which], grids[which])
        sum_slopes(grids[which], summed[which])
        read_off(first, shares, summed[which], found[which])
    for i in range(len(points)):
        sums[i] += found[0, i] - weights[0, i] * found[1, i]


@compiled(fast=True, inline=True)
def _add_sums_of_pairs(values: np.ndarray, tau: float, sums: np.ndarray) -> None:
    """The same sums for descending values, each pair once."""
    last = 0
    for i in range(len(values)):
        while last < len(values) and (values[i] - values[last]) / tau <= REACH:
            sums[last] += i  # all before are further above than REACH
            last += 1
        lower, sums_of_lower = values[i + 1 : last], sums[i + 1 : last]
        total = 0.5
        for j in range(len(lower)):
            e = power_of_two((lower[j] - values[i]) / tau * LOG2_E)
            above = 1.0 / (1.0 + e)
            sums_of_lower[j] += above
            total += e * above
        sums[i] += total


@compiled(fast=True, inline=True)
def _add_slopes_of_pairs(values: np.ndarray, tau: float, u: np.ndarray, sums: np.ndarray) -> None:
    """The same sums for descending values, each pair once."""
    last = 0
    for i in range(len(values)):
        while last < len(values) and (values[i] - values[last]) / tau <= REACH:
            last += 1
        lower, u_of_lower, sums_of_lower = values[i + 1 : last], u[i + 1 : last], sums[i + 1 : last]
        total = 0.0
        for j in range(len(lower)):
            e = power_of_two((lower[j] - values[i]) / tau * LOG2_E)
            above = 1.0 / (1.0 + e)
            change = (u_of_lower[j] - u[i]) * (e * above * above)
            total += change
            sums_of_lower[j] -= change
        sums[i] += total
