"""Working off many gene sets, permutations and profiles in portions that fit into memory."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

BYTES_PER_ENTRY, BYTES_PER_BLOCK, BYTES_PER_MISS = 192, 24, 16
"""What the backward pass needs for an entry, for a set and block of positions, and to tell misses from members."""

KEYS = 2**31
"""Keys, 32-bit integers; a set takes twice as many as there are genes, the same ones in each profile."""

QUIET = 2**28
"""Bytes that are asked for without first asking how much is free, which takes time."""

LEAST = 2**20
"""Portions are not made smaller than this many bytes."""

Found = TypeVar("Found")


class Portion(NamedTuple):
    """Which profiles, sets and permutations are worked off at once."""

    profiles: slice
    sets: slice
    permutations: slice


def portions(
    profiles: int, genes: int, sizes: np.ndarray, count: int, blocks: int, slots: int, memory: float
) -> Iterator[Portion]:
    """Profiles, sets of these sizes and `count` permutations that fit into so many bytes at once, one of each at least.

    A set takes room for each of its entries, and of the `slots` blocks that its window touches, and for each block.
    """
    room = room_of(genes, sizes, blocks, slots)
    most = max(1, KEYS // (2 * genes))  # of sets under all permutations, whatever the memory
    profiles_at_once = int(min(max(1, memory // room.sum()), profiles))
    permutations_at_once = int(min(max(1, memory // (room.sum() * profiles_at_once)), max(1, most // len(room)), count))
    spans = _spans(room, memory, most)
    for profile in range(0, profiles, profiles_at_once):
        for permutation in range(0, count, permutations_at_once):
            for span in spans:
                yield Portion(
                    slice(profile, min(profile + profiles_at_once, profiles)),
                    span,
                    slice(permutation, min(permutation + permutations_at_once, count)),
                )


def room_of(genes: int, sizes: np.ndarray, blocks: int, slots: int) -> np.ndarray:
    """Bytes that each set of these sizes takes in a profile."""
    large = 2 * sizes > genes
    entries = np.where(large, genes, sizes)
    room: np.ndarray = entries * (BYTES_PER_ENTRY + 16 * slots) + blocks * BYTES_PER_BLOCK
    room += large * genes * BYTES_PER_MISS
    return room


def _spans(room: np.ndarray, memory: float, most: int) -> list[slice]:
    """Slices of so many sets at most, that together need no more than so many bytes, or are one set."""
    spans, start, used = [], 0, 0.0
    for number, needed in enumerate(room):
        if (used + needed > memory or number - start == most) and number > start:
            spans.append(slice(start, number))
            start, used = number, 0.0
        used += needed
    return [*spans, slice(start, len(room))]


def within_memory(tensor: Tensor, needed: float, memory: float, work: Callable[[float], Found]) -> Found:
    """What `work` makes of a number of bytes: those, or what is free, or less as long as the device runs out of memory.

    `needed` is about what all the work at once would take.

    Raises:
        torch.OutOfMemoryError: the smallest portion does not fit.
    """
    if tensor.is_cuda and min(needed, memory) > QUIET:
        free, _ = torch.cuda.mem_get_info(tensor.device)
        unused = torch.cuda.memory_reserved(tensor.device) - torch.cuda.memory_allocated(tensor.device)
        memory = min(memory, max(QUIET, 0.8 * (free + unused)))
    while True:
        try:
            return work(memory)
        except torch.OutOfMemoryError as error:
            if memory <= LEAST:
                raise torch.OutOfMemoryError(_out_of_memory(tensor, memory, str(error))) from error
        memory /= 8
        torch.cuda.empty_cache()


def _out_of_memory(tensor: Tensor, memory: float, message: str) -> str:
    profiles, genes = tensor.shape
    return (
        f"cuda-batched ran out of memory on {tensor.device} with {profiles} profiles of {genes:,} genes, even with "
        f"working memory of {memory / 2**20:.2g} MiB (it begins with the option memory_mib): give it fewer profiles at "
        f"once, or free some memory. torch says: {message}"
    )
