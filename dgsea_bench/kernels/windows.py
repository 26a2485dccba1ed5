"""Running sums from windows: where a gene's sigmoid is neither 0 nor 1, and where it is.

The running sum is taken at *nodes*: the positions 1 .. G or, for a wide τ_prefix, every `spacing`-th of them (see
`coarse_positions`). Gene i contributes σ((k - y_i) / τ) at node k, with y_i its place among the nodes and τ in nodes.
Beyond a window of `width_for` τ on either side that is 0 or 1 to 1e-12, and a cumulative sum does the rest. Within it
σ = 1 / (1 + E) with E = exp((y - k) / τ), which falls by a constant factor from node to node, so that

    E(k) = exp((y - n) / τ) · exp((n - k) / τ),   n the node nearest to y:

one exponential for each gene, one table for all, and a division for each node of the window. Windows begin at multiples
of STEP, so that the part that is 1 is a cumulative sum over every STEP-th node.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two

NARROWEST, WIDEST = 28.0, 37.0
"""Half-widths of windows, in τ: exp(-28) = 7e-13; exp(-37) = 9e-17 is rounding."""
STEP = 8
COARSE_FROM = 16.0
"""A τ_prefix from which on a running sum is taken at every ⌊τ / 8⌋-th position."""
MARGIN = 6
"""Nodes on either side that interpolation between nodes asks for."""


class Nodes(NamedTuple):
    """Where a running sum is taken.

    Attributes:
        spacing: positions from a node to the next. tau: τ_prefix in nodes.
        reach: half of a window. length: a window, a multiple of STEP.
        first: the node of position 1, a multiple of STEP. span: nodes from there to position G.
        total: length of arrays over nodes, with room for windows at either end.
        powers: exp((reach + STEP - 1 - j) / tau) for j = 0 .. length + STEP - 2.
    """

    spacing: float
    tau: float
    reach: int
    length: int
    first: int
    span: int
    total: int
    powers: np.ndarray


def width_for(tau_abs: float) -> float:
    """The half-width of windows, in τ_prefix: what is cut off of a running sum is small beside τ_abs too."""
    return min(WIDEST, NARROWEST + max(0.0, math.log(0.5) - math.log(tau_abs)))


@lru_cache(maxsize=64)
def nodes_of(genes: int, tau_prefix: float, width: float) -> Nodes:
    """The nodes for so many positions at that temperature, with windows of that half-width in τ."""
    spacing = 1.0 if tau_prefix < COARSE_FROM else float(math.floor(tau_prefix / 8))
    tau = tau_prefix / spacing
    reach = math.ceil(width * tau)
    length = _up(2 * reach + STEP)
    first = _up(reach + STEP + MARGIN)
    span = int((genes - 1) / spacing) + 1
    with np.errstate(over="ignore"):
        powers = np.exp((reach + STEP - 1 - np.arange(length + STEP - 1)) / tau)
    return Nodes(spacing, tau, reach, length, first, span, _up(first + span + MARGIN) + length + STEP, powers)


def _up(number: int) -> int:
    return -(-number // STEP) * STEP


@compiled(inline=True)
def clear(values: np.ndarray) -> None:
    """Set all values to 0; an assignment to a slice takes numba a second to compile."""
    for i in range(len(values)):
        values[i] = 0.0


@compiled(inline=True)
def copy(values: np.ndarray, into: np.ndarray) -> None:
    """Set one array to another, as long as it."""
    for i in range(len(values)):
        into[i] = values[i]


@compiled(fast=True, inline=True)
def place_genes(ranks: np.ndarray, nodes: Nodes, nearest: np.ndarray, factors: np.ndarray) -> None:
    """Fill nearest (G,) int64, the node n nearest to each gene, and factors (G,), exp((y - n) / τ).

    The running sum at position t holds σ((t + ½ - r) / τ_prefix), so that a gene of rank r lies at position r - ½.
    """
    per_position, steepness = 1.0 / nodes.spacing, LOG2_E / nodes.tau
    for gene in range(len(ranks)):
        y = (ranks[gene] - 1.5) * per_position
        n = np.floor(y + 0.5)
        nearest[gene] = nodes.first + int(n)
        factors[gene] = power_of_two((y - n) * steepness)


@compiled(inline=True)
def window_of(nearest: int, nodes: Nodes) -> tuple[int, int]:
    """The first node of a gene's window, and where its powers begin."""
    wanted = nearest - nodes.reach
    start = wanted // STEP * STEP
    return start, start - wanted + STEP - 1


@compiled(fast=True, inline=True)
def add_window(
    nearest: int, factor: float, weight: float, nodes: Nodes, window_sums: np.ndarray, jumps: np.ndarray
) -> None:
    """Add weight · σ to window_sums (total,) within the window, and to jumps (total / STEP,) what it adds after it."""
    start, offset = window_of(nearest, nodes)
    part, powers = window_sums[start : start + nodes.length], nodes.powers[offset : offset + nodes.length]
    for j in range(len(part)):
        part[j] += weight / (1.0 + factor * powers[j])
    jumps[(start + nodes.length) // STEP] += weight


@compiled(fast=True, inline=True)
def sums_over_window(
    nearest: int, factor: float, nodes: Nodes, values: np.ndarray, later: np.ndarray
) -> tuple[float, float]:
    """Σ_k values_k σ_k and Σ_k values_k σ'_k for one gene: what a gradient with respect to the curve gives for it.

    values (total,) are by node; later (total / STEP + 1,) their sums from each STEP-th node on.
    """
    start, offset = window_of(nearest, nodes)
    part, powers = values[start : start + nodes.length], nodes.powers[offset : offset + nodes.length]
    level, slope = 0.0, 0.0
    for j in range(len(part)):
        sigmoid = 1.0 / (1.0 + factor * powers[j])
        level += part[j] * sigmoid
        slope += part[j] * (sigmoid * (1.0 - sigmoid))
    return level + later[(start + nodes.length) // STEP], slope


@compiled(fast=True, inline=True)
def take_curve(window_sums: np.ndarray, jumps: np.ndarray, base: np.ndarray, share: float, curve: np.ndarray) -> None:
    """Fill curve (total,): windows and jumps less share · base; windows and jumps are 0 again afterwards."""
    level = 0.0
    for step in range(len(jumps)):
        level += jumps[step]
        part = curve[step * STEP : (step + 1) * STEP]
        for j in range(STEP):
            part[j] = level
    for k in range(len(curve)):
        curve[k] += window_sums[k] - share * base[k]
    clear(window_sums)
    clear(jumps)


@compiled(fast=True, inline=True)
def subtract(share: float, values: np.ndarray, from_: np.ndarray) -> None:
    """Subtract share · values from another array, as long."""
    for i in range(len(values)):
        from_[i] -= share * values[i]


@compiled(fast=True, inline=True)
def total_of(values: np.ndarray) -> float:
    """The sum of all values."""
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@compiled(inline=True)
def sums_from_each_step(values: np.ndarray, later: np.ndarray) -> None:
    """Fill later (total / STEP + 1,) with the sums of values (total,) from each STEP-th node on."""
    total = 0.0
    later[-1] = 0.0
    for step in range(len(later) - 2, -1, -1):
        total += total_of(values[step * STEP : (step + 1) * STEP])
        later[step] = total
