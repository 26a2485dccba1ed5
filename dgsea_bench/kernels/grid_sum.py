"""Sums of a smooth kernel over points on a line, Σ_j w_j k((x_j - x_i) / τ), by way of a uniform grid.

Each point hands its weight to the NODES nearest nodes of a grid of spacing τ / PER_TAU, in the shares by which a
polynomial through those nodes would be read off at the point (Lagrange). The kernel is summed from node to node, and
the result read off at the points with the same shares. It is the gridding of non-uniform Fourier transforms (Dutt and
Rokhlin 1993, doi 10.1137/0914081), with the kernel summed directly rather than in Fourier space: it is 0 or 1 to
rounding beyond REACH, and a cumulative sum does the rest.

A polynomial of degree q - 1 through q nodes misses exp(iωx) by at most [Π_{j≤q/2}(j - ½)]² / q! · (ωh)^q, and the spectrum
of the logistic function falls as exp(-π² ω τ): with q = 8 and h = τ / 32 the error is some 4e-15 per unit of weight.
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


@compiled(fast=True)
def spread(points: np.ndarray, low: float, scale: float, weights: np.ndarray, grid: np.ndarray) -> None:
    """Add to grid (nodes,) the weights (n,) of points (n,), node 0 lying 3 spacings 1 / scale below `low`."""
    for i in range(len(points)):
        u = (points[i] - low) * scale
        first = int(u)
        nearest = grid[first : first + NODES]
        for j in range(NODES // 2):
            share, mirrored = _shares_of_two_nodes(u - first - 0.5, j)
            nearest[j] += share * weights[i]
            nearest[NODES - 1 - j] += mirrored * weights[i]


@compiled(fast=True)
def read_off(points: np.ndarray, low: float, scale: float, grid: np.ndarray, result: np.ndarray) -> None:
    """Add to result (n,) the values on the grid, interpolated at the points: the adjoint of `spread`."""
    for i in range(len(points)):
        u = (points[i] - low) * scale
        first = int(u)
        nearest = grid[first : first + NODES]
        total = 0.0
        for j in range(NODES // 2):
            share, mirrored = _shares_of_two_nodes(u - first - 0.5, j)
            total += share * nearest[j] + mirrored * nearest[NODES - 1 - j]
        result[i] += total


@compiled(fast=True, inline=True)
def _shares_of_two_nodes(v: float, node: int) -> tuple[float, float]:
    """The shares of a node and of its mirror image, whose polynomial is the same in -v."""
    square = v * v
    even = ((SHARES[6, node] * square + SHARES[4, node]) * square + SHARES[2, node]) * square + SHARES[0, node]
    odd = ((SHARES[7, node] * square + SHARES[5, node]) * square + SHARES[3, node]) * square + SHARES[1, node]
    return even + odd * v, even - odd * v


@compiled
def grid_for(points: np.ndarray, tau: float) -> tuple[float, int]:
    """The lowest of points (n,), and the number of nodes of a grid for them."""
    low, high = points[0], points[0]
    for value in points:
        low, high = min(low, value), max(high, value)
    return low, int((high - low) / tau * PER_TAU) + NODES


@compiled(fast=True)
def sigmoids_from_above(grid: np.ndarray, result: np.ndarray) -> None:
    """result_n = Σ_m grid_m σ((m - n) / PER_TAU): what lies far above counts 1, far below 0."""
    nodes = len(grid)
    reach = min(nodes - 1, int(REACH * PER_TAU))
    table = np.empty(reach)
    for d in range(reach):
        table[d] = 1.0 / (1.0 + power_of_two((d + 1) * (LOG2_E / PER_TAU)))
    above = 0.0
    for n in range(nodes - 1, -1, -1):
        result[n] = above + 0.5 * grid[n]
        above += grid[n]
    padded, backwards = _padded(grid, reach, False), _padded(grid, reach, True)
    for n in range(nodes):
        below, upward = backwards[nodes - 1 - n + reach + 1 :], padded[n + reach + 1 :]
        total = 0.0
        for d in range(reach):
            total += table[d] * (below[d] - upward[d])
        result[n] += total


@compiled(fast=True)
def slopes(grid: np.ndarray, result: np.ndarray) -> None:
    """result_n = Σ_m grid_m σ'((m - n) / PER_TAU)."""
    nodes = len(grid)
    reach = min(nodes - 1, int(REACH * PER_TAU))
    table = np.empty(reach)
    for d in range(reach):
        sigmoid = 1.0 / (1.0 + power_of_two((d + 1) * (LOG2_E / PER_TAU)))
        table[d] = sigmoid * (1.0 - sigmoid)
    padded, backwards = _padded(grid, reach, False), _padded(grid, reach, True)
    for n in range(nodes):
        below, upward = backwards[nodes - 1 - n + reach + 1 :], padded[n + reach + 1 :]
        total = 0.0
        for d in range(reach):
            total += table[d] * (below[d] + upward[d])
        result[n] = total + 0.25 * grid[n]


@compiled(inline=True)
def _padded(grid: np.ndarray, reach: int, backwards: bool) -> np.ndarray:
    """The grid with `reach` zeros on either side; in reverse order, so that two sums run the same way in memory."""
    padded = np.zeros(len(grid) + 2 * reach)
    for n in range(len(grid)):
        padded[reach + n] = grid[len(grid) - 1 - n] if backwards else grid[n]
    return padded
