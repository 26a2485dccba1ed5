"""From a curve at every few positions to the curve at every position, and back for gradients.

A curve that is smooth over τ_prefix is known by its values at every ⌊τ_prefix / 8⌋-th position: a polynomial through
the POINTS nodes around a position gives its value there to 4e-13 (the bound of `grid_sum` with q = 12 and h = τ / 8).
"""

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.lagrange import shares_of_nodes
from dgsea_bench.kernels.windows import MARGIN, Nodes, clear

POINTS = 2 * MARGIN
_POLYNOMIALS = shares_of_nodes(POINTS)


def shares_of_positions(genes: int, nodes: Nodes) -> np.ndarray:
    """(distinct, POINTS) how much of each node around it a position takes, for the positions between two nodes."""
    if nodes.spacing == 1.0:
        return np.empty((1, POINTS))  # of no use: every position is a node
    between = np.arange(min(genes, nodes.spacing))
    return np.asarray(np.vander(between / nodes.spacing - 0.5, POINTS, increasing=True) @ _POLYNOMIALS)


@compiled(fast=True, inline=True)
def interpolate(at_nodes: np.ndarray, nodes: Nodes, shares: np.ndarray, curve: np.ndarray) -> None:
    """Fill curve (G,) by position from at_nodes (total,)."""
    node, between = nodes.first, 0
    for position in range(len(curve)):
        around = at_nodes[node - MARGIN + 1 : node + MARGIN + 1]
        value = 0.0
        for j in range(POINTS):
            value += shares[between, j] * around[j]
        curve[position] = value
        between += 1
        if between == len(shares):
            node, between = node + 1, 0


@compiled(fast=True, inline=True)
def gather(gradient: np.ndarray, nodes: Nodes, shares: np.ndarray, at_nodes: np.ndarray) -> None:
    """Fill at_nodes (total,), ∂L/∂node, from gradient (G,), ∂L/∂position: the adjoint of `interpolate`."""
    clear(at_nodes)
    node, between = nodes.first, 0
    for position in range(len(gradient)):
        around = at_nodes[node - MARGIN + 1 : node + MARGIN + 1]
        for j in range(POINTS):
            around[j] += shares[between, j] * gradient[position]
        between += 1
        if between == len(shares):
            node, between = node + 1, 0
