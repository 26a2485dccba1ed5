"""Peak memory of a call: resident memory of the process on a CPU, the allocator's on a GPU."""

import ctypes
import gc
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextmanager
def peak_memory(device: str) -> Iterator[SimpleNamespace]:
    """Yields an object whose `mib` is, after the block, the peak above the start of the block.

    On Linux this is VmHWM, reset by writing 5 to /proc/self/clear_refs, over VmRSS. Elsewhere it is the growth of
    ru_maxrss, which never falls, so that in a process of its own the first and largest block counts.
    """
    result = SimpleNamespace(mib=float("nan"))
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield result
        torch.cuda.synchronize(device)
        result.mib = (torch.cuda.max_memory_allocated(device) - before) / 2**20
        return
    _release_free_memory()
    if sys.platform == "linux":
        CLEAR.write_text("5")
        before = _status_bytes("VmRSS")
        yield result
        result.mib = max(0, _status_bytes("VmHWM") - before) / 2**20
    else:
        before = _largest_resident_bytes()
        yield result
        result.mib = (_largest_resident_bytes() - before) / 2**20


def _release_free_memory() -> None:
    """Hand freed memory back to the system: what the C library keeps would hide a peak."""
    gc.collect()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except OSError:
            return  # another C library, which has no such call


def _status_bytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise RuntimeError(f"{STATUS} has no {field}")
    return int(match.group(1)) * 1024


def _largest_resident_bytes() -> int:
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
