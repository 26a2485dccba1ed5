"""What times one call: the processor's clock, or events on a GPU at rest whose cache holds nothing of the call."""

from abc import ABC, abstractmethod
from time import perf_counter
from typing import Any

import torch

FILLERS = 2
"""A GPU's cache is overwritten by so many times its size: it need not replace the oldest lines first."""


class Stopwatch(ABC):
    """Marks points in time, on whatever does the work."""

    @abstractmethod
    def rest(self) -> None:
        """Make every call begin alike; to be called before the first mark of each."""

    @abstractmethod
    def mark(self) -> Any:
        """A point in time, after all that was asked for so far."""

    @abstractmethod
    def seconds(self, first: Any, last: Any) -> float:
        """The time from one mark to another one, in seconds."""


class ProcessorStopwatch(Stopwatch):
    """For calls whose work is done when they return. Their data stay in the processor's caches, as in a loop."""

    def rest(self) -> None:
        """There is nothing to wait for."""

    def mark(self) -> float:
        """The processor's clock."""
        return perf_counter()

    def seconds(self, first: float, last: float) -> float:
        """The difference."""
        return last - first


class GpuStopwatch(Stopwatch):
    """CUDA events on the current stream of a device.

    Each call begins on a device that has nothing to do, so that the time which the processor takes to launch its
    kernels counts; and with a cache that was overwritten, so that inputs come from memory, as they do in a training
    loop, where a model's layers run in between.
    """

    def __init__(self, device: torch.device | str) -> None:
        self._device = torch.device(device)
        size = FILLERS * torch.cuda.get_device_properties(self._device).L2_cache_size
        self._filler = torch.empty(size, dtype=torch.int8, device=self._device)

    def rest(self) -> None:
        """Overwrite the cache and wait until nothing is under way."""
        self._filler.zero_()
        torch.cuda.synchronize(self._device)

    def mark(self) -> Any:
        """An event behind all that was launched so far; nothing waits for it."""
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def seconds(self, first: Any, last: Any) -> float:
        """The time between two events, once the later one has come."""
        last.synchronize()
        return float(first.elapsed_time(last)) / 1e3


def is_gpu(device: torch.device | str) -> bool:
    """Whether a device is a GPU that CUDA drives."""
    return torch.device(device).type == "cuda"


def stopwatch_for(device: torch.device | str) -> Stopwatch:
    """The stopwatch of a device."""
    return GpuStopwatch(device) if is_gpu(device) else ProcessorStopwatch()
