"""Memory: the peak of a call, resident on a CPU or of the allocator on a GPU; how much there is, when it ran out."""

import ctypes
import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from dgsea_bench.bench.control_groups import bytes_left
from dgsea_bench.bench.stopwatches import is_gpu

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
OF_SYSTEM, EVENTS = Path("/proc/meminfo"), Path("/proc/vmstat")
SHARE_OF_AVAILABLE = 0.9
"""What a case may take of it when its scenario does not say."""
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""


@dataclass
class Peak:
    """The peak of a block above its start, known once it has ended.

    Attributes:
        mib: resident memory, or what a GPU's allocator gave out.
        reserved_mib: on a GPU, what its allocator took from the device for that; None on a CPU.
    """

    mib: float = float("nan")
    reserved_mib: float | None = None

    def metrics(self, phase: str) -> dict[str, float]:
        """``forward_peak_mib``, and on a GPU ``forward_reserved_mib``."""
        reserved = {} if self.reserved_mib is None else {f"{phase}_reserved_mib": self.reserved_mib}
        return {f"{phase}_peak_mib": self.mib} | reserved


@contextmanager
def peak_memory(device: str) -> Iterator[Peak]:
    """Yields an object that holds, after the block, the peak above the start of the block.

    On Linux this is VmHWM, reset by writing 5 to /proc/self/clear_refs, over VmRSS. Elsewhere it is the growth of
    ru_maxrss, which never falls, so that in a process of its own the first and largest block counts. On a GPU it is
    what torch's allocator says, after it has given back what it kept for later, which would count as reserved before.
    """
    result = Peak()
    gc.collect()
    if is_gpu(device):
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        allocated, reserved = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
        yield result
        torch.cuda.synchronize(device)
        result.mib = (torch.cuda.max_memory_allocated(device) - allocated) / 2**20
        result.reserved_mib = (torch.cuda.max_memory_reserved(device) - reserved) / 2**20
        return
    with _blocks_of_their_own():
        if _can_reset_peak():
            before = _status_bytes("VmRSS")
            yield result
            result.mib = max(0, _status_bytes("VmHWM") - before) / 2**20
        else:
            before = _largest_resident_bytes()
            yield result
            result.mib = (_largest_resident_bytes() - before) / 2**20


def _can_reset_peak() -> bool:
    """Reset VmHWM to what is resident now; where the system forbids it or has none, ru_maxrss must do."""
    if sys.platform != "linux":
        return False
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return True


@contextmanager
def _blocks_of_their_own() -> Iterator[None]:
    """Within the block the C library returns freed memory of 64 KiB and more to the system at once.

    Otherwise a peak shows what the library keeps for later, and how its heap is broken up, rather than what is in use.
    Afterwards blocks up to 32 MiB come from the heap again, as they do in a process that has run for a while.
    """
    library = _c_library()
    if library is None:
        yield
        return
    library.malloc_trim(0)
    library.mallopt(MMAP_THRESHOLD, 64 * 2**10)
    try:
        yield
    finally:
        library.mallopt(MMAP_THRESHOLD, 32 * 2**20)
        library.mallopt(TRIM_THRESHOLD, 64 * 2**20)


def _c_library() -> ctypes.CDLL | None:
    """The GNU C library, whose allocator can be told; None with another one."""
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL("libc.so.6")
    except OSError:
        return None


def _status_bytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise RuntimeError(f"{STATUS} has no {field}")
    return int(match.group(1)) * 1024


def _largest_resident_bytes() -> int:
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_bytes() -> int:
    """Memory that can be had without swapping, within the limits of a container or a batch job if there are any."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", OF_SYSTEM.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{OF_SYSTEM} has no MemAvailable")
    return max(0, min([int(found.group(1)) * 1024, *bytes_left()]))


@contextmanager
def killed_for_memory() -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether the system has killed any process for want of memory since then."""
    before = _out_of_memory_kills()
    yield lambda: _out_of_memory_kills() > before


def _out_of_memory_kills() -> int:
    if not EVENTS.is_file():
        return 0
    found = re.search(r"^oom_kill (\d+)", EVENTS.read_text(), re.MULTILINE)
    return int(found.group(1)) if found else 0


def limit_gpu_memory(device: str, gib: float | None, share: int) -> dict[str, float]:
    """Tell a GPU's allocator how much it may take, by default a share of nine tenths of what is free there.

    Returns:
        ``memory_limit_gib``; nothing on a CPU, whose limit is that of the process.
    """
    if not is_gpu(device):
        return {}
    # The fraction is of a device with a number: torch takes "cuda" alone for none.
    index = torch.device(device).index
    number = torch.cuda.current_device() if index is None else index
    free, total = torch.cuda.mem_get_info(number)
    size = SHARE_OF_AVAILABLE * free / share if gib is None else min(gib * 2**30, total)
    torch.cuda.set_per_process_memory_fraction(size / total, number)
    return {"memory_limit_gib": round(size / 2**30, 3)}
