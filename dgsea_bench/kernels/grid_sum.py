"""Sums of a smooth kernel over points on a line, Σ_j w_j k((x_j - x_i) / τ), by way of a uniform grid.

Each point hands its weight to the NODES nearest nodes of a grid of spacing τ / PER_TAU, in the shares by which a
polynomial through those nodes would be read off at the point (Lagrange). The kernel is summed from node to node, and
the result read off at the points with the same shares. It is the gridding of non-uniform Fourier transforms (Dutt and
Rokhlin 1993, doi 10.1137/0914081), but for the middle: instead of a Fourier transform, sums
of exponentials that make up the kernel go along from node to node (`logistic_powers`).

A polynomial through q nodes misses f by at most abs(f^(q)) / q! · h^q [Π_{j≤q/2} (j - ½)]². The logistic function has
its poles at ±iπτ, so that f^(q) / q! is about (πτ)^-q: with q = 8 and h = τ / 32 that is 4e-15 per unit of weight, and
2e-14 for σ'. On a long grid the rounding of places adds up to 1e-17 per node of its length.
"""

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.lagrange import shares_of_nodes
from dgsea_bench.kernels.lanes import load, splat, store, total
from dgsea_bench.kernels.logistic_powers import HIGH, LOW, OF_LEVELS, OF_SLOPES, fading, tiny_beside

PER_TAU = 32
NODES = 8
REACH = 37.5
"""σ(-37.5) is 5e-17: beyond, σ is 0 or 1 to rounding, in units of τ."""


SHARES = shares_of_nodes(NODES).ravel()
"""(power · NODES,) of the distance from the middle of the nodes."""

FADING = fading(PER_TAU)


@compiled(inline=True)
def grid_for(points: np.ndarray, tau: float) -> tuple[float, float, int]:
    """The lowest of points (n,), the nodes to a unit, and the number of nodes of a grid for them."""
    low, high = points[0], points[0]
    for value in points:
        low, high = min(low, value), max(high, value)
    scale = PER_TAU / tau
    return low, scale, int((high - low) * scale) + NODES + 1  # one to spare, for another rounding of the product


@compiled(inline=True)
def fill_shares(points: np.ndarray, low: float, scale: float, first: np.ndarray, shares: np.ndarray) -> None:
    """Fill first (n,) int64, the first node that each point (n,) has a share in, and shares (n · NODES,).

    Node 0 lies 3 spacings 1 / scale below `low`.
    """
    s0, s1, s2, s3 = load(SHARES, 0, NODES), load(SHARES, 8, NODES), load(SHARES, 16, NODES), load(SHARES, 24, NODES)
    s4, s5, s6, s7 = load(SHARES, 32, NODES), load(SHARES, 40, NODES), load(SHARES, 48, NODES), load(SHARES, 56, NODES)
    for i in range(len(points)):
        place = (points[i] - low) * scale
        first[i] = int(place)
        v = splat(place - first[i] - 0.5, NODES)
        square = v * v
        even = ((s6 * square + s4) * square + s2) * square + s0
        odd = ((s7 * square + s5) * square + s3) * square + s1
        store(odd * v + even, shares, NODES * i)


@compiled(inline=True)
def spread(first: np.ndarray, shares: np.ndarray, weights: np.ndarray, grid: np.ndarray) -> None:
    """Add to grid (nodes,) the weights (n,) of points, by the shares of their nodes."""
    for i in range(len(first)):
        given = load(shares, NODES * i, NODES) * splat(weights[i], NODES)
        store(load(grid, first[i], NODES) + given, grid, first[i])


@compiled(inline=True)
def read_off(first: np.ndarray, shares: np.ndarray, grid: np.ndarray, result: np.ndarray) -> None:
    """Add to result (n,) the values on the grid (nodes,), interpolated at the points: the adjoint of `spread`."""
    for i in range(len(first)):
        result[i] += total(load(shares, NODES * i, NODES) * load(grid, first[i], NODES))


@compiled(inline=True)
def sum_sigmoids(grid: np.ndarray, result: np.ndarray) -> None:
    """Fill result_n = Σ_m grid_m σ((m - n) / PER_TAU)."""
    fading_low, fading_high = load(FADING, 0, LOW), load(FADING, LOW, HIGH)
    c_low, c_high = load(OF_LEVELS, 0, LOW), load(OF_LEVELS, LOW, HIGH)
    low, high, level, tiny = splat(0.0, LOW), splat(0.0, HIGH), 0.0, tiny_beside(grid)
    for n in range(len(grid) - 1, -1, -1):
        result[n] = level + 0.5 * grid[n] - (total(low * c_low) + total(high * c_high))
        level += grid[n]
        low = low * fading_low + splat(grid[n] + tiny, LOW) * fading_low
        high = high * fading_high + splat(grid[n] + tiny, HIGH) * fading_high
    low, high = splat(0.0, LOW), splat(0.0, HIGH)
    for n in range(len(grid)):
        result[n] += total(low * c_low) + total(high * c_high)
        low = low * fading_low + splat(grid[n] + tiny, LOW) * fading_low
        high = high * fading_high + splat(grid[n] + tiny, HIGH) * fading_high


@compiled(inline=True)
def sum_slopes(grid: np.ndarray, result: np.ndarray) -> None:
    """Fill result_n = Σ_m grid_m σ'((m - n) / PER_TAU)."""
    fading_low, fading_high = load(FADING, 0, LOW), load(FADING, LOW, HIGH)
    d_low, d_high = load(OF_SLOPES, 0, LOW), load(OF_SLOPES, LOW, HIGH)
    low, high, tiny = splat(0.0, LOW), splat(0.0, HIGH), tiny_beside(grid)
    for n in range(len(grid) - 1, -1, -1):
        result[n] = 0.25 * grid[n] + (total(low * d_low) + total(high * d_high))
        low = low * fading_low + splat(grid[n] + tiny, LOW) * fading_low
        high = high * fading_high + splat(grid[n] + tiny, HIGH) * fading_high
    low, high = splat(0.0, LOW), splat(0.0, HIGH)
    for n in range(len(grid)):
        result[n] += total(low * d_low) + total(high * d_high)
        low = low * fading_low + splat(grid[n] + tiny, LOW) * fading_low
        high = high * fading_high + splat(grid[n] + tiny, HIGH) * fading_high
