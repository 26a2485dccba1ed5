"""What `fastsum` costs, beside the other backends and `gseapy.prerank`, on the same problems with the same threads.

Run with ``python benchmarks/scripts/fastsum.py [part ...]``; without a part all are run, for about a quarter of an
hour. Times are medians of turns taken alternately after a warm-up; each memory figure, and each time of compilation, is
of a process of its own. The paper's release takes one gene set at a time: `released` here is its formulas written
plainly in torch. A few sets are measured, and multiplied.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from time import perf_counter

import numpy as np
import torch

import dgsea_bench as dg
from dgsea_bench.backends import fastsum_operators as operators
from dgsea_bench.bench.memory import peak_memory
from dgsea_bench.bench.witnesses import WITNESSES
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.kernels.windows import width_for
from dgsea_bench.testing import dense_enrichment_score

SIZES = "15-200"
DIRECTIONAL = {"p53": (6, 1), "cell cycle": (1, 4), "heat shock": (4, 0), "ubiquitin": (4, 0), "DNA damage": (2, 0)}
"""Genes that go up and down in the pathways of the paper's training: seven sets of 1 to 6 genes."""


PAUSE, SHORT = 0.2, 0.1
"""Seconds."""


def problem(genes, sets=50, profiles=1, dtype=torch.float64):
    loaded = SyntheticSource(genes=genes, sets=sets, set_size=SIZES, profiles=profiles).load()
    return loaded.scores.to(dtype), loaded.gene_sets


def seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def medians(calls, turns):
    """Median seconds of each call, by name, over turns in which all are taken, after one that warms up.

    Before each there is a pause, in which the threads of the call before stop spinning. Short calls are then made
    untimed for a tenth of a second, since caches were left to others and the processor slowed down.
    """
    times = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            time.sleep(PAUSE)
            began = perf_counter()
            while turn > 0 and times[name][-1] < SHORT and perf_counter() - began < SHORT:
                call()
            times[name].append(seconds(call))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def step(scores, gene_sets, backend):
    """One forward and backward pass."""
    method = dg.get_backend(backend)

    def run():
        leaf = scores.detach().requires_grad_()
        dg.enrichment_score(leaf, gene_sets, backend=method).sum().backward()

    return run


def score(scores, gene_sets, backend):
    """One forward pass."""
    return lambda: dg.enrichment_score(scores, gene_sets, backend=backend)


def batched(scores, gene_sets):
    """Forward and backward of the dense sums written plainly in torch, in float64, all pairs of the batch at once."""

    def run():
        leaf = scores.detach().double().requires_grad_()
        dense_enrichment_score(leaf, gene_sets, dg.EnrichmentParams()).sum().backward()

    return run


def released(scores, gene_sets):
    """Forward and backward of `nyswin` as released, one set at a time, each with its own ranks and tables."""
    params, genes = dg.EnrichmentParams(), scores.shape[1]
    levels = torch.linspace(0, 1, min(512, genes) + 2)[1:-1].to(scores.dtype)
    positions = torch.arange(1, genes + 1, dtype=scores.dtype)

    def run():
        for member in gene_sets.membership():
            leaf = scores.detach().requires_grad_()
            anchors = leaf.detach().quantile(levels, dim=1).T
            above = torch.sigmoid((anchors[:, None, :] - leaf[:, :, None]) / params.tau_rank)
            ranks = 1 + genes / len(levels) * above.sum(2)
            hits = leaf.abs() * member
            steps = hits / hits.sum(1, keepdim=True) - (~member).to(leaf) / (~member).sum()
            reached = torch.sigmoid((positions[None, :, None] + 0.5 - ranks[:, None, :]) / params.tau_prefix)
            curve = (reached * steps[:, None, :]).sum(2)
            weights = (curve.abs() / params.tau_abs).softmax(1)
            (weights * curve).sum().backward()

    return run


def say(text):
    print(text, flush=True)


def training_step():
    scores, gene_sets = problem(978, profiles=32, dtype=torch.float32)
    some = gene_sets.subset(0, 3)
    found = medians(
        {
            "fastsum": step(scores, gene_sets, "fastsum"),
            "exact": step(scores, gene_sets, "exact"),
            "batched": batched(scores, gene_sets),
            "nyswin": lambda: [step(scores, some.subset(n, n + 1), "nyswin")() for n in range(len(some))],
            "released": released(scores, some),
        },
        turns=7,
    )
    say(f"B=32, G=978, P=50, float32, forward + backward: fastsum {found['fastsum'] * 1e3:.1f} ms")
    compare(found, "exact", 1)
    compare(found, "batched", 1)
    compare(found, "nyswin", len(gene_sets) / len(some))
    compare(found, "released", len(gene_sets) / len(some))


def compare(found, name, factor):
    """Print a time, multiplied, and how many times that of fastsum it is."""
    whole = found[name] * factor
    extent = "" if factor == 1 else f", one set at a time (measured x {factor:.3g})"
    say(f"  {name} {whole:.3g} s{extent}: {whole / found['fastsum']:,.0f} x")


def one_large_profile():
    scores, gene_sets = problem(20_000)
    found = medians({"fastsum": step(scores, gene_sets, "fastsum")}, turns=15)
    one = gene_sets.subset(0, 1)
    found |= medians({"nyswin": step(scores, one, "nyswin"), "released": released(scores, one)}, turns=3)
    say(f"B=1, G=20,000, P=50, float64, forward + backward: fastsum {found['fastsum'] * 1e3:.2f} ms")
    compare(found, "nyswin", len(gene_sets))
    compare(found, "released", len(gene_sets))


def stages():
    """Where the time of a training step goes, on one thread."""
    torch.set_num_threads(1)
    scores, gene_sets = problem(978, profiles=32)
    params = dg.EnrichmentParams()
    ranking = dg.Fastsum().rank(scores, params)
    windows = params.tau_prefix, width_for(params.tau_abs)
    unchanged = torch.arange(978, dtype=torch.int32)[None]
    inputs = (
        ranking.weights,
        ranking.ranks,
        ranking.base,
        gene_sets.offsets,
        gene_sets.indices,
        unchanged,
        *windows,
        True,
    )
    taus = torch.full((32, len(gene_sets), 1), params.tau_abs, dtype=torch.float64)
    found = operators.score(*inputs, taus)
    to_ranks, to_base = torch.ones_like(ranking.ranks), torch.ones_like(ranking.base)
    took = medians(
        {
            "rank": lambda: operators.rank(scores, params.tau_rank, *windows),
            "rank_gradient": lambda: operators.rank_gradient(
                scores, ranking.ranks, params.tau_rank, *windows, to_ranks, to_base
            ),
            "score": lambda: operators.score(*inputs, taus),
            "score_gradient": lambda: operators.score_gradient(*inputs, taus, *found, torch.ones_like(taus)),
        },
        turns=15,
    )
    say(f"B=32, G=978, P=50, one thread, {len(gene_sets.indices) / len(gene_sets):.0f} genes to a set:")
    for name, each in {
        "rank": 978,
        "rank_gradient": 978,
        "score": len(gene_sets),
        "score_gradient": len(gene_sets),
    }.items():
        unit = "gene" if each == 978 else "set"
        say(f"  {name} {took[name] * 1e3:.2f} ms, {took[name] / 32 / each * 1e9:,.0f} ns a {unit}")


def growth():
    sizes = [2**power for power in range(11, 18)]
    calls = {genes: step(*problem(genes), "fastsum") for genes in sizes}
    found = medians(calls, turns=15)
    slope = np.polyfit(np.log(sizes), np.log([found[genes] for genes in sizes]), 1)[0]
    say("growth at P=50, forward + backward: " + ", ".join(f"{genes:,} {found[genes] * 1e3:.2f} ms" for genes in sizes))
    say(f"slope {slope:.2f}")


def memory():
    command = [sys.executable, __file__, "peak"]
    figure = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    say(f"B=32, G=20,000, P=50, float32, forward + backward: peak {figure} MiB above the start of the call")


def peak():
    small, large = (step(*problem(genes, profiles=32, dtype=torch.float32), "fastsum") for genes in (300, 20_000))
    small()
    with peak_memory("cpu") as used:
        large()
    say(f"{used.mib:.0f}")


def nulls(threads, genes, sets, sharings=("set",), turns=5):
    torch.set_num_threads(threads)
    scores, gene_sets = problem(genes, sets)
    params, null = dg.EnrichmentParams(), dg.NullParams()
    calls = {"gseapy": lambda: WITNESSES["gseapy"].measure(scores, gene_sets, params, null, threads=threads)}
    for sharing in sharings:
        shared = dg.NullParams(sharing=sharing)
        calls[sharing] = lambda shared=shared: dg.normalized_enrichment_score(scores, gene_sets, null=shared)
    found = medians(calls, turns)
    ours = "; ".join(
        f"fastsum by {sharing} {found[sharing]:.2f} s, ratio {found[sharing] / found['gseapy']:.3f}"
        for sharing in sharings
    )
    say(f"1,000 permutations x {sets:,} sets, G={genes:,}, {threads} threads: gseapy {found['gseapy']:.2f} s; {ours}")


def null_distributions():
    for genes in (978, 12_328, 20_000):
        for threads in (1, 2):
            nulls(threads, genes, 50)
    nulls(2, 20_000, 1000, ("set", "size"), turns=1)


def block_moments():
    for genes, sets in ((2_000, 1000), (20_000, 5000), (131_072, 5000)):
        scores, gene_sets = problem(genes, sets)
        whole, single = dg.Fastsum(), dg.Fastsum(block_moments=False)
        forward = medians({"whole": score(scores, gene_sets, whole), "single": score(scores, gene_sets, single)}, 5)
        both = medians({"whole": step(scores, gene_sets, whole), "single": step(scores, gene_sets, single)}, 5)
        for title, found in (("forward", forward), ("forward + backward", both)):
            say(
                f"G={genes:,}, P={sets:,}, {title}: by blocks {found['whole'] * 1e3:.0f} ms, by position "
                f"{found['single'] * 1e3:.0f} ms, ratio {found['whole'] / found['single']:.2f}"
            )


def training_loss():
    genes = [f"gene{number}" for number in range(978)]
    order = iter(np.random.default_rng(0).permutation(genes).tolist())
    members = {
        name: tuple([next(order) for _ in range(count)] for count in counts) for name, counts in DIRECTIONAL.items()
    }
    loss = dg.EnrichmentLoss(dg.Pathways.directional(members, genes))
    generator = torch.Generator().manual_seed(0)
    predicted, target = (torch.randn(32, 978, generator=generator) for _ in range(2))
    wanted = loss.scores(target)

    def run(**against):
        leaf = predicted.detach().requires_grad_()
        loss(leaf, **against).backward()

    found = medians(
        {"target": lambda: run(target=target), "target_scores": lambda: run(target_scores=wanted)}, turns=31
    )
    say("EnrichmentLoss, B=32, G=978, 7 sets of 1-6 genes, forward + backward:")
    for against, took in found.items():
        say(f"  against {against} {took * 1e3:.2f} ms")


def compilation():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "first"]
        for state in ("cold", "warm"):
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            figure = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, check=True, env=environment
            ).stdout.strip()
            say(f"first forward + backward less the second, {state} cache: {figure} s")


def first():
    run = step(*problem(978), "fastsum")
    say(f"{seconds(run) - seconds(run):.2f}")


PARTS = {
    part.__name__: part
    for part in (
        training_step,
        one_large_profile,
        stages,
        growth,
        memory,
        training_loss,
        compilation,
        block_moments,
        null_distributions,
    )
}


if __name__ == "__main__":
    asked = sys.argv[1:] or list(PARTS)
    if asked in (["peak"], ["first"]):
        {"peak": peak, "first": first}[asked[0]]()
    else:
        threads = torch.get_num_threads()
        say(f"threads: {threads}")
        for name in asked:
            torch.set_num_threads(threads)
            PARTS[name]()
