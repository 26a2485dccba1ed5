"""Soft ranks of many profiles at once and their gradient, near-linear in genes, in torch alone: on any device.

    r_i = ½ + Σ_j σ((s_j - s_i) / τ)            ∂L/∂s_k = 1/τ · Σ_i (u_i - u_k) σ'((s_k - s_i) / τ),   u = ∂L/∂r

The sums are those of `dgsea_bench.kernels.grid_sum`: genes hand their weight to the nearest nodes of a uniform grid, in
the shares of a polynomial through them, the kernel is summed from node to node, here by a Fourier transform, and the
result is read off with the same shares. Where scores lie so far apart that the grid would have many more nodes than
there are genes, gaps across which a sigmoid is 0 or 1 are shortened first, which changes nothing but the grid.

Sums over genes that meet at a node are bitwise the same in any order (`sums_in_any_order`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from dgsea_bench.backends.sums_in_any_order import add_up, running_total
from dgsea_bench.kernels.grid_sum import REACH
from dgsea_bench.kernels.lagrange import shares_of_nodes

GRIDS = ((16, 10), (8, 12), (4, 18))
"""Nodes to a τ, and nodes that a gene has a share in: each errs by 1e-14 to 1e-10 per unit of weight. Fewer nodes to a
τ are for scores that lie far apart."""

NODES_PER_GENE, SPARE_NODES = 16, 2048
"""A grid of more nodes than so many times the genes, and these, is made coarser, or its gaps shortened."""

COPIES = 9
"""Arrays of the size of the shares, and of the padded grid, that exist at once."""

Kernel = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Grid:
    """A grid of `nodes` nodes for each profile, `per_tau` to a τ.

    Attributes:
        first: (B, G) the first node that a gene has a share in. shares: (B, G, q) its shares in q nodes from there on.
    """

    per_tau: int
    nodes: int
    first: Int64[Tensor, "profiles genes"]
    shares: Float64[Tensor, "profiles genes shares"]

    @property
    def places(self) -> Int64[Tensor, "profiles genes shares"]:
        """(B, G, q) the nodes that each gene has a share in."""
        return self.first[..., None] + torch.arange(self.shares.shape[2], device=self.first.device)


def soft_ranks(
    scores: Float64[Tensor, "profiles genes"], tau: float, memory: float
) -> Float64[Tensor, "profiles genes"]:
    """(B, G) soft ranks of finite scores, in working memory of so many bytes, that of one profile at least."""
    found = [_sums(grid, [None], _sigmoid)[0].add_(0.5) for _, grid in _grids(scores, tau, memory)]
    return found[0] if len(found) == 1 else torch.cat(found)


def soft_ranks_gradient(
    scores: Float64[Tensor, "profiles genes"],
    tau: float,
    upstream: Float64[Tensor, "profiles genes"],
    memory: float,
) -> Float64[Tensor, "profiles genes"]:
    """(B, G) ∂L/∂scores from ∂L/∂ranks; u less its mean cancels little in the difference of two sums."""
    found = []
    for part, grid in _grids(scores, tau, memory):
        u = upstream[part] - upstream[part].mean(-1, keepdim=True)
        of_u, of_ones = _sums(grid, [u, None], _slope)
        found.append((of_u - u * of_ones) / tau)
    return found[0] if len(found) == 1 else torch.cat(found)


def _grids(scores: Tensor, tau: float, memory: float) -> Iterator[tuple[slice, Grid]]:
    """Slices of profiles that fit into memory, each with a grid for them."""
    low, high = scores.aminmax(dim=-1, keepdim=True)
    length = float((high - low).amax()) / tau
    at_once = profiles_at_once(scores.shape[1], length, memory)
    for start in range(0, len(scores), at_once):
        part = slice(start, start + at_once)
        if GRIDS[0][0] * length > _most_nodes(scores.shape[1]):
            places = _shortened(scores[part], tau)
            yield part, _grid(places, float(places.amax()))
        else:
            yield part, _grid((scores[part] - low[part]) / tau, length)  # subtracted first, so that ties stay exact


def profiles_at_once(genes: int, length: float, memory: float) -> int:
    """How many profiles of so many genes, whose scores spread over `length` τ, fit into so many bytes; 1 at least."""
    (per_tau, width), (coarsest, widest) = GRIDS[0], GRIDS[-1]
    nodes = per_tau * length
    if nodes > _most_nodes(genes):
        nodes, width = max(_most_nodes(genes), coarsest * REACH * genes), widest
    return max(1, int(memory / (8 * COPIES * (genes * width + 2 * (nodes + width)))))


def _most_nodes(genes: int) -> int:
    return NODES_PER_GENE * genes + SPARE_NODES


def _shortened(scores: Tensor, tau: float) -> Tensor:
    """Places whose gaps are those of the scores, in τ, but none wider than REACH."""
    ordered, order = scores.sort(-1)
    gaps = (ordered.diff(dim=-1) / tau).clamp_max(REACH)
    places = torch.cat([torch.zeros_like(scores[:, :1]), running_total(gaps, REACH)], dim=-1)
    return torch.empty_like(scores).scatter_(1, order, places)


def _grid(places: Float64[Tensor, "profiles genes"], length: float) -> Grid:
    """A grid for genes at places 0 .. length, in τ: the finest that has few enough nodes, or else the coarsest."""
    limit = _most_nodes(places.shape[1])
    per_tau, width = next((grid for grid in GRIDS if grid[0] * length <= limit), GRIDS[-1])
    scaled = places * per_tau
    first = scaled.floor()
    powers = (scaled - first).sub_(0.5)[..., None] ** torch.arange(width, device=places.device)
    shares = powers @ torch.from_numpy(shares_table(width)).to(places.device)
    return Grid(per_tau, int(length * per_tau) + width + 1, first.long(), shares)


shares_table = lru_cache(shares_of_nodes)


def _sums(grid: Grid, weightings: Sequence[Tensor | None], kernel: Kernel) -> Tensor:
    """(K, B, G) Σ_j w_j kernel((x_j - x_i) / τ) for each of K weightings (B, G), or all weights 1."""
    genes, places = grid.first.shape[1], grid.places.flatten(1)
    at_nodes = torch.stack([_spread(grid, weights, places, genes) for weights in weightings])
    length = scipy.fft.next_fast_len(2 * grid.nodes, real=True)
    transformed = torch.fft.rfft(at_nodes, n=length).mul_(_spectrum(kernel, grid.per_tau, length).to(at_nodes.device))
    summed = torch.fft.irfft(transformed, n=length)
    read = summed.gather(2, places.expand(len(weightings), -1, -1)).unflatten(2, (genes, -1))
    found: Tensor = read.mul_(grid.shares).sum(-1)
    return found


def _spread(grid: Grid, weights: Tensor | None, places: Tensor, genes: int) -> Tensor:
    """(B, nodes) what genes of these weights hand to each node."""
    if weights is None:  # shares are 1 at most
        return add_up(grid.shares.flatten(1), places, grid.nodes, most=genes, largest=1.0)
    return add_up((weights[..., None] * grid.shares).flatten(1), places, grid.nodes, most=genes)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 0.5 * (1.0 + np.tanh(0.5 * x))
    return result


def _slope(x: np.ndarray) -> np.ndarray:
    small: np.ndarray = np.exp(-np.abs(x))
    result: np.ndarray = small / (1.0 + small) ** 2  # σ(x) σ(-x), without cancellation
    return result


@lru_cache(maxsize=8)
def _spectrum(kernel: Kernel, per_tau: int, length: int) -> Tensor:
    """The transform of the kernel by the distance from node to node, cyclic over `length`; on the host.

    On a device it would have to wait for the stream that made it.
    """
    distance = np.fft.fftfreq(length, 1 / length)
    return torch.from_numpy(np.fft.rfft(kernel(-distance / per_tau)))
