"""Sums of a smooth kernel over points on a line, Σ_j w_j k((x_j - x_i) / τ), by way of a uniform grid.

Each point hands its weight to the NODES nearest nodes of a grid of spacing τ / PER_TAU, in the shares by which a
polynomial through those nodes would be read off at the point (Lagrange). The kernel is summed from node to node, and
the result read off at the points with the same shares. It is the gridding of non-uniform Fourier transforms (Dutt and
Rokhlin 1993, doi 10.1137/0914081), with the kernel summed directly rather than in Fourier space: it is 0 or 1 to
rounding beyond REACH, and a cumulative sum does the rest.

A polynomial through q nodes misses f by at most abs(f^(q)) / q! · h^q [Π_{j≤q/2} (j - ½)]². The logistic function has
its poles at ±iπτ, so that f^(q) / q! is about (πτ)^-q: with q = 8 and h = τ / 32 that is 4e-15 per unit of weight, and
1e-14 for σ'. On a long grid the rounding of places adds up to 1e-17 per node of its length.
"""

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two
from dgsea_bench.kernels.lagrange import shares_of_nodes

PER_TAU = 32
NODES = 8
REACH = 37.5
"""σ(-37.5) is 5e-17: beyond, σ is 0 or 1 to rounding, in units of τ."""


SHARES = shares_of_nodes(NODES)


@compiled(inline=True)
def grid_for(points: np.ndarray, tau: float) -> tuple[float, float, int]:
    """The lowest of points (n,), the nodes to a unit, and the number of nodes of a grid for them."""
    low, high = points[0], points[0]
    for value in points:
        low, high = min(low, value), max(high, value)
    scale = PER_TAU / tau
    return low, scale, int((high - low) * scale) + NODES + 1  # one to spare, for another rounding of the product


@compiled(fast=True, inline=True)
def fill_shares(points: np.ndarray, low: float, scale: float, first: np.ndarray, shares: np.ndarray) -> None:
    """Fill first (n,) int64, the first node that each point (n,) has a share in, and shares (NODES, n).

    Node 0 lies 3 spacings 1 / scale below `low`. The polynomial of a node is that of its mirror image in -v, so that
    even and odd powers serve both.
    """
    for i in range(len(points)):
        first[i] = int((points[i] - low) * scale)
    for j in range(NODES // 2):
        of_node, of_mirrored = shares[j], shares[NODES - 1 - j]
        for i in range(len(points)):
            v = (points[i] - low) * scale - first[i] - 0.5
            square = v * v
            even = ((SHARES[6, j] * square + SHARES[4, j]) * square + SHARES[2, j]) * square + SHARES[0, j]
            odd = ((SHARES[7, j] * square + SHARES[5, j]) * square + SHARES[3, j]) * square + SHARES[1, j]
            of_node[i] = even + odd * v
            of_mirrored[i] = even - odd * v


@compiled(fast=True, inline=True)
def spread(first: np.ndarray, shares: np.ndarray, weights: np.ndarray, grid: np.ndarray) -> None:
    """Add to grid (nodes,) the weights (n,) of points, by the shares of their nodes."""
    for i in range(len(first)):
        nearest = grid[first[i] : first[i] + NODES]
        for j in range(NODES):
            nearest[j] += shares[j, i] * weights[i]


@compiled(fast=True, inline=True)
def read_off(first: np.ndarray, shares: np.ndarray, grid: np.ndarray, result: np.ndarray) -> None:
    """Add to result (n,) the values on the grid (nodes,), interpolated at the points: the adjoint of `spread`."""
    for i in range(len(first)):
        nearest = grid[first[i] : first[i] + NODES]
        total = 0.0
        for j in range(NODES):
            total += shares[j, i] * nearest[j]
        result[i] += total


@compiled(inline=True)
def sum_sigmoids(grid: np.ndarray, result: np.ndarray) -> None:
    """Fill result_n = Σ_m grid_m σ((m - n) / PER_TAU): what lies far above counts 1, far below 0."""
    reach = min(len(grid) - 1, int(REACH * PER_TAU))
    kernel = np.empty(2 * reach + 1)
    _fill_sigmoids(kernel, reach)
    above = 0.0
    for n in range(len(grid) - 1, -1, -1):
        if n + reach + 1 < len(grid):
            above += grid[n + reach + 1]
        result[n] = above + _sum_around(grid, kernel, n, reach)


@compiled(inline=True)
def sum_slopes(grid: np.ndarray, result: np.ndarray) -> None:
    """Fill result_n = Σ_m grid_m σ'((m - n) / PER_TAU)."""
    reach = min(len(grid) - 1, int(REACH * PER_TAU))
    kernel = np.empty(2 * reach + 1)
    _fill_sigmoids(kernel, reach)
    for d in range(reach + 1):  # σ'(x) = σ(x) σ(-x), without cancellation
        kernel[d] *= kernel[2 * reach - d]
        kernel[2 * reach - d] = kernel[d]
    for n in range(len(grid)):
        result[n] = _sum_around(grid, kernel, n, reach)


@compiled(fast=True, inline=True)
def _fill_sigmoids(kernel: np.ndarray, reach: int) -> None:
    """Fill kernel (2 · reach + 1,) with σ(d / PER_TAU), d = -reach .. reach."""
    for d in range(len(kernel)):
        kernel[d] = 1.0 / (1.0 + power_of_two((reach - d) * (LOG2_E / PER_TAU)))


@compiled(fast=True, inline=True)
def _sum_around(grid: np.ndarray, kernel: np.ndarray, n: int, reach: int) -> float:
    """Σ grid_m kernel_(m - n) over the nodes within reach of node n."""
    start, stop = max(0, n - reach), min(len(grid), n + reach + 1)
    part, factors = grid[start:stop], kernel[start - n + reach : stop - n + reach]
    total = 0.0
    for m in range(len(part)):
        total += part[m] * factors[m]
    return total
