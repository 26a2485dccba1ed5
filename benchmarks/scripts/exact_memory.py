"""Peak memory of `exact`, forward and backward, against genes and sets, for several values of its knob.

Run with ``python benchmarks/scripts/exact_memory.py``. Each figure is of a process of its own.
"""

import subprocess
import sys

import dgsea_bench as dg
from dgsea_bench.bench.memory import peak_memory
from dgsea_bench.bench.reference import value_and_gradient
from dgsea_bench.data.sources import SyntheticSource

SIZES = [(2000, 50), (20_000, 50), (4000, 3000)]


def peak(genes: int, sets: int, memory_mib: float) -> float:
    """MiB above the start of the call."""
    method = dg.Exact(memory_mib=memory_mib)
    params = dg.EnrichmentParams()
    warm, problem = (SyntheticSource(genes=n, sets=p, set_size=30).load() for n, p in ((300, 10), (genes, sets)))
    value_and_gradient(method, warm.scores, warm.gene_sets, params)
    with peak_memory("cpu") as used:
        value_and_gradient(method, problem.scores, problem.gene_sets, params)
    return used.mib


def main() -> None:
    if len(sys.argv) == 4:
        print(f"{peak(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])):.0f}")
        return
    print("peak MiB, one profile\n  genes   sets   memory_mib=16   memory_mib=64  memory_mib=512")
    for genes, sets in SIZES:
        figures = []
        for memory_mib in (16, 64, 512):
            command = [sys.executable, __file__, str(genes), str(sets), str(memory_mib)]
            figures.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())  # noqa: S603
        print(f"{genes:7} {sets:6}" + "".join(f"{figure:>16}" for figure in figures))


if __name__ == "__main__":
    main()
