"""What a GPU can do, measured by kernels that do nothing else: bytes moved, sigmoids and exponentials evaluated.

Run with ``python benchmarks/scripts/gpu_ceilings.py``, or take `measure_ceilings`, as `gpu.py` does. Loads Triton.
"""

import statistics
import sys

import torch
import triton
import triton.language as tl

from dgsea_bench.bench.roofline import Ceilings
from dgsea_bench.bench.stopwatches import Stopwatch, is_gpu, stopwatch_for

WARM_UPS, REPEATS = 5, 25
COPIED_BYTES = 2**30
BLOCK = 1024
VALUES, TURNS = 2**22, 512
"""Values, and how often the function is evaluated of its own result: some milliseconds, of which memory takes none."""


@triton.jit
def _repeat_sigmoid(values, results, turns: tl.constexpr, block: tl.constexpr):
    places = tl.program_id(0) * block + tl.arange(0, block)
    value = tl.load(values + places)
    for _ in range(turns):
        value = 1.0 / (1.0 + tl.exp2(-value))
    tl.store(results + places, value)


@triton.jit
def _repeat_exponential(values, results, turns: tl.constexpr, block: tl.constexpr):
    places = tl.program_id(0) * block + tl.arange(0, block)
    value = tl.load(values + places)
    for _ in range(turns):
        value = tl.exp2(-value)  # stays between 0 and 1
    tl.store(results + places, value)


KERNELS = {"sigmoids": _repeat_sigmoid, "exponentials": _repeat_exponential}


def measure_ceilings(device: str) -> Ceilings:
    """All three, in float32, medians of calls."""
    if is_gpu(device):
        torch.cuda.set_device(device)  # Triton launches there
    watch = stopwatch_for(device)
    rates = {name: evaluations_per_second(name, device, watch) for name in KERNELS}
    return Ceilings(moved=copied_per_second(device, watch), **rates)


def copied_per_second(device: str, watch: Stopwatch, size: int = COPIED_BYTES) -> float:
    """Bytes read and written in a second by a copy within the device's memory."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size / median_seconds(lambda: target.copy_(source), watch)


def evaluations_per_second(name: str, device: str, watch: Stopwatch, values: int = VALUES, turns: int = TURNS) -> float:
    """How often a function of `KERNELS` is evaluated in a second."""
    inputs = torch.linspace(0, 1, values, device=device)
    return values * turns / median_seconds(lambda: repeated(name, inputs, turns), watch)


def repeated(name: str, inputs: torch.Tensor, turns: int) -> torch.Tensor:
    """A function of `KERNELS` of its own result, so many times; a multiple of `BLOCK` values."""
    results = torch.empty_like(inputs)
    KERNELS[name][(inputs.numel() // BLOCK,)](inputs, results, turns, BLOCK)
    return results


def median_seconds(call, watch: Stopwatch) -> float:
    """Of calls that begin at rest, after some that warm up."""
    times = []
    for _ in range(WARM_UPS + REPEATS):
        watch.rest()
        first = watch.mark()
        call()
        times.append(watch.seconds(first, watch.mark()))
    return statistics.median(times[WARM_UPS:])


def told(ceilings: Ceilings) -> str:
    """One line."""
    return (
        f"ceilings: {ceilings.moved / 1e9:,.0f} GB/s moved, {ceilings.sigmoids / 1e12:.3g} million million sigmoids/s, "
        f"{ceilings.exponentials / 1e12:.3g} million million exponentials/s"
    )


if __name__ == "__main__":
    if not torch.cuda.is_available():
        print("there is no CUDA device: nothing is measured")
        sys.exit(2)
    print(told(measure_ceilings("cuda")))
