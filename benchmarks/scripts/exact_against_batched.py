"""Time of `exact` beside that of one well-batched torch formulation of the same sums.

Run with ``python benchmarks/scripts/exact_against_batched.py``. Both compute in float64, forward and backward, in
turns; printed are medians over the turns and their ratio. The batched formulation holds all pairs of a batch at once.
"""

import statistics
import sys
from time import perf_counter

import torch

import dgsea_bench as dg
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.testing import dense_enrichment_score

SIZES = [(32, 978, 50), (1, 978, 50), (1, 4000, 50), (1, 4000, 500), (64, 200, 20)]
TURNS = 9


def seconds_of_a_step(function, scores):
    leaf = scores.clone().requires_grad_()
    start = perf_counter()
    function(leaf).sum().backward()
    return perf_counter() - start


def main():
    params = dg.EnrichmentParams()
    print(f"threads: {torch.get_num_threads()}")
    print("profiles  genes  sets   batched   exact    batched / exact")
    for profiles, genes, sets in SIZES:
        source = SyntheticSource(genes=genes, sets=sets, set_size="15-100", profiles=profiles)
        problem = source.load()
        contestants = {
            "batched": lambda s, g=problem.gene_sets: dense_enrichment_score(s, g, params),
            "exact": lambda s, g=problem.gene_sets: dg.enrichment_score(s, g, params=params, backend="exact"),
        }
        times = {name: [] for name in contestants}
        for turn in range(TURNS + 1):
            for name, function in contestants.items():
                seconds = seconds_of_a_step(function, problem.scores)
                if turn > 0:  # the first turn warms up
                    times[name].append(seconds)
        batched, exact = (statistics.median(times[name]) for name in ("batched", "exact"))
        print(f"{profiles:8} {genes:6} {sets:5} {batched:8.4f}s {exact:8.4f}s {batched / exact:10.2f}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
