"""The entries of gene sets in ranked profiles, as `dgsea_bench.kernels.triton_sets` wants them."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgsea_bench.backends.cuda_portions import Portion, portions, room_of

ENTRIES = 128
"""Entries of a set that are prepared at once."""

COUNTED_BLOCKS = 64
"""Blocks of positions whose entries are counted, or whose sums are added up, at once."""

LANES = 128
"""Positions of a block to each group of 32 threads: four to a thread."""


@dataclass(frozen=True)
class Inputs:
    """The arguments that `SETS` lists."""

    weights: Tensor
    ranks: Tensor
    order: Tensor
    places: Tensor
    base: Tensor
    offsets: Tensor
    indices: Tensor
    permutations: Tensor
    tau_prefix: float
    width: float
    single: bool
    block: int
    memory: float

    @property
    def real(self) -> torch.dtype:
        """The type of what is made for each position, and each entry and position."""
        return torch.float32 if self.single else torch.float64

    @property
    def blocks(self) -> int:
        """Blocks of positions."""
        return -(-self.ranks.shape[1] // self.block)

    @property
    def reach(self) -> int:
        """Positions from the middle of a window to its end."""
        return min(math.ceil(self.width * self.tau_prefix) + 1, self.ranks.shape[1])

    @property
    def slots(self) -> int:
        """Blocks that a window touches at most."""
        return min(2 * self.reach // self.block + 2, self.blocks)

    @cached_property
    def edges(self) -> np.ndarray:
        """(P + 1,) offsets, on the host."""
        return self.offsets.cpu().numpy()

    @cached_property
    def numbers(self) -> Tensor:
        """(3,) log2(e) / τ_prefix, 1 / τ_prefix and log2(e) in float64: as plain arguments they would be rounded."""
        log2_e = math.log2(math.e)
        values = log2_e / self.tau_prefix, 1 / self.tau_prefix, log2_e
        return torch.tensor(values, dtype=torch.float64, device=self.ranks.device)

    @property
    def blocks_and_warps(self) -> dict[str, int]:
        """The constants of kernels that work block by block."""
        return {"BLOCK": self.block, "warps": min(8, max(1, self.block // LANES))}

    @property
    def needed(self) -> float:
        """Bytes that all profiles, sets and permutations at once would take."""
        (profiles, genes), sizes = self.ranks.shape, np.diff(self.edges)
        return float(room_of(genes, sizes, self.blocks, self.slots).sum()) * profiles * len(self.permutations)

    def portions(self, memory: float) -> list[Portion]:
        """What fits into so many bytes at once."""
        (profiles, genes), sizes = self.ranks.shape, np.diff(self.edges)
        return list(portions(profiles, genes, sizes, len(self.permutations), self.blocks, self.slots, memory))

    def of(self, profiles: slice) -> "Inputs":
        """The same for some of the profiles."""
        if profiles == slice(0, len(self.ranks)):
            return self
        ranked = ("weights", "ranks", "order", "places", "base")
        return replace(self, **{name: getattr(self, name)[profiles].contiguous() for name in ranked})


@dataclass(frozen=True)
class Listing:
    """The entries of V sets, P sets under each of some permutations, in each of B profiles; see `triton_sets`."""

    keys: Tensor
    starts: Tensor
    nodes: Tensor
    offsets: Tensor
    steps: Tensor
    levels: Tensor
    shares: Tensor
    totals: Tensor
    firsts: Tensor
    lasts: Tensor

    @property
    def curves(self) -> tuple[Tensor, ...]:
        """What running sums are made of, beside the base curve."""
        return self.nodes, self.offsets, self.steps, self.levels, self.shares, self.starts, self.firsts, self.lasts


def kernels() -> Any:
    """The module of Triton kernels, loaded when it is first needed: it is not installed everywhere."""
    from dgsea_bench.kernels import triton_sets

    return triton_sets


def launch(kernel: Any, programs: int, *arguments: Any, warps: int = 4, **constants: Any) -> None:
    """Run so many programs of a kernel on the device and the current stream of its first argument."""
    device = arguments[0].device
    chosen: AbstractContextManager[Any] = torch.cuda.device(device) if device.type == "cuda" else nullcontext()
    with chosen:
        kernel[(programs,)](*arguments, **constants, num_warps=warps)


def list_entries(some: Inputs, part: Portion) -> Listing:
    """The entries of the sets and permutations of a portion, for profiles that were chosen already."""
    (profiles, genes), device = some.ranks.shape, some.ranks.device
    keys, lengths = _sorted_keys(some, part)
    entries, sets = keys.shape[1], len(lengths)
    starts = torch.from_numpy(np.concatenate([[0], lengths.cumsum()])).to(device)
    real = some.real

    def room(*shape: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(profiles, *shape, dtype=dtype, device=device)

    nodes, levels = room(entries, dtype=torch.int32), room(entries, dtype=torch.float64)
    offsets, steps = room(entries, dtype=real), room(entries, dtype=real)
    shares, totals = room(sets, dtype=torch.float64), room(sets, dtype=torch.float64)
    firsts, lasts = room(sets, some.blocks, dtype=torch.int32), room(sets, some.blocks, dtype=torch.int32)
    launch(
        kernels().fill_entries,
        profiles * sets,
        *(keys, some.order, some.ranks, some.weights, starts),
        *(nodes, offsets, steps, levels, shares, totals, genes, entries, sets),
        ENTRIES=ENTRIES,
    )
    launch(
        kernels().fill_blocks,
        profiles * sets * -(-some.blocks // COUNTED_BLOCKS),
        *(nodes, starts, firsts, lasts, entries, sets, some.blocks, some.reach, int(lengths.max()).bit_length()),
        BLOCK=some.block,
        COUNT=COUNTED_BLOCKS,
    )
    return Listing(keys, starts, nodes, offsets, steps, levels, shares, totals, firsts, lasts)


def _sorted_keys(some: Inputs, part: Portion) -> tuple[Tensor, np.ndarray]:
    """Keys (B, E) int32 of the entries of V sets, in order, and the number of entries (V,) of each set."""
    (profiles, genes), device = some.ranks.shape, some.ranks.device
    edges = some.edges[part.sets.start : part.sets.stop + 1]
    sizes = np.diff(edges)
    if sizes.tolist() == [genes]:  # all genes are in it: their order is that of their ranks
        everything = torch.arange(0, 2 * genes, 2, dtype=torch.int32, device=device)
        return everything.expand(profiles, -1).contiguous(), sizes
    permutations = some.permutations[part.permutations]
    members = permutations[:, some.indices[edges[0] : edges[-1]]]  # (K, members)
    first = 2 * genes * np.arange(len(members) * len(sizes), dtype=np.int32).reshape(len(members), -1)
    large = 2 * sizes > genes
    if large.any():
        keys = _keys_beside_large_sets(some.places, members, first, sizes, large)
    else:
        of_member = torch.from_numpy(np.repeat(first, sizes, axis=1).ravel()).to(device)
        keys = some.places.index_select(1, members.flatten()).add_(of_member)
    return keys.sort(-1).values, np.tile(np.where(large, genes, sizes), len(members))


def _keys_beside_large_sets(
    places: Tensor, members: Tensor, first: np.ndarray, sizes: np.ndarray, large: np.ndarray
) -> Tensor:
    """Keys where some sets are `large`, with all genes for their entries: those of misses are odd."""
    device, (profiles, genes) = places.device, places.shape
    in_large = np.repeat(large, sizes)
    small_members = members[:, torch.from_numpy(np.flatnonzero(~in_large)).to(device)].flatten()
    of_member = torch.from_numpy(np.repeat(first[:, ~large], sizes[~large], axis=1).ravel()).to(device)
    keys_of_small = places.index_select(1, small_members).add_(of_member)
    is_miss = torch.ones(len(members), int(large.sum()), genes, dtype=torch.int32, device=device)
    of_set = torch.from_numpy(np.repeat(np.arange(large.sum()), sizes[large])).to(device)
    in_large_sets = members[:, torch.from_numpy(np.flatnonzero(in_large)).to(device)].long()
    is_miss[torch.arange(len(members), device=device)[:, None], of_set, in_large_sets] = 0
    odd = is_miss.add_(torch.from_numpy(first[:, large, None]).to(device))
    keys_of_large = (odd + places[:, None, None]).view(profiles, -1)
    return torch.cat([keys_of_small, keys_of_large], dim=1)
