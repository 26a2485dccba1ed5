"""Time and memory of null distributions: classical NES beside `gseapy.prerank`, and ranking once beside ranking anew.

Run with ``python benchmarks/scripts/null_against_gseapy.py``. Times are medians of turns taken alternately, on the same
problem and with the same number of threads; each memory figure is of a process of its own.
"""

import statistics
import subprocess
import sys
from time import perf_counter

import torch

import dgsea_bench as dg
from dgsea_bench.bench.memory import peak_memory
from dgsea_bench.bench.witnesses import WITNESSES
from dgsea_bench.core.permutations import draw_permutations
from dgsea_bench.data.sources import SyntheticSource

TURNS = 5
MEMORY_SIZES = [("hard", 1000, 1500, 12_000), ("exact", 2, 1500, 12_000), ("exact", 1000, 1500, 978)]


def seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def against_gseapy():
    params, null = dg.EnrichmentParams(), dg.NullParams()
    print("classical NES, 1,000 permutations x 50 sets of 15-200\n  genes  threads   gseapy      ours   ours / gseapy")
    for genes in (978, 12_328):
        problem = SyntheticSource(genes=genes, sets=50, set_size="15-200").load()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            calls = {
                "gseapy": lambda p=problem, n=threads: WITNESSES["gseapy"].measure(
                    p.scores, p.gene_sets, params, null, threads=n
                ),
                "ours": lambda p=problem: dg.normalized_enrichment_score(p.scores, p.gene_sets, backend="hard"),
            }
            times = {name: [] for name in calls}
            for turn in range(TURNS + 1):
                for name, call in calls.items():
                    took = seconds(call)
                    if turn > 0:  # the first turn warms up
                        times[name].append(took)
            theirs, ours = (statistics.median(times[name]) for name in ("gseapy", "ours"))
            print(f"{genes:7,} {threads:8} {theirs:7.3f}s {ours:8.3f}s {ours / theirs:14.2f}")
            sys.stdout.flush()


def against_ranking_anew():
    """The same permutations of one profile: as sets; or, as the release does, each ranked anew, set by set."""
    genes, sets, permutations = 978, 10, 20
    problem = SyntheticSource(genes=genes, sets=sets, set_size="15-200").load()
    drawn = draw_permutations(genes, 0, permutations).long()
    method = dg.Exact()

    def once():
        method.null_scores(method.rank(problem.scores, dg.EnrichmentParams()), problem.gene_sets, drawn)

    def anew():
        for order in drawn:
            for number in range(sets):
                one = problem.gene_sets.subset(number, number + 1)
                dg.enrichment_score(problem.scores[:, order], one, backend=method)

    once(), anew()
    first, second = (statistics.median(seconds(call) for _ in range(3)) for call in (once, anew))
    print(f"\nexact, {genes} genes, {sets} sets, {permutations} permutations")
    print(f"ranked once {first:.3f}s, ranked anew {second:.2f}s")
    whole = second / (sets * permutations) * 50 * 1000
    print(f"extrapolated, not measured: 1,000 permutations x 50 sets anew would take {whole:.0f} s a profile")


def peak(backend, permutations, sets, genes):
    """MiB above the start of the call."""
    null = dg.NullParams(permutations=max(20, permutations))
    warm, problem = (SyntheticSource(genes=n, sets=p, set_size=30).load() for n, p in ((300, 10), (genes, sets)))
    dg.normalized_enrichment_score(warm.scores, warm.gene_sets, backend=backend)
    with peak_memory("cpu") as used:
        if permutations >= 20:
            dg.normalized_enrichment_score(problem.scores, problem.gene_sets, null=null, backend=backend)
        else:
            method = dg.get_backend(backend)
            ranking = method.rank(problem.scores, dg.EnrichmentParams())
            method.null_scores(ranking, problem.gene_sets, draw_permutations(genes, 0, permutations))
    return used.mib


def memory():
    print("\npeak memory\nbackend  permutations   sets   genes    MiB")
    for backend, permutations, sets, genes in MEMORY_SIZES:
        command = [sys.executable, __file__, backend, str(permutations), str(sets), str(genes)]
        figure = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
        print(f"{backend:7} {permutations:13,} {sets:6,} {genes:7,} {figure:>6}")
        sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(f"{peak(sys.argv[1], *map(int, sys.argv[2:])):.0f}")
    else:
        against_gseapy()
        against_ranking_anew()
        memory()
