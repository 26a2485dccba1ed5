"""One case measured: values and gradient against the truth, then time and peak memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from dgsea_bench.backends import Backend, Ranking
from dgsea_bench.backends.dense import sigmoid_sum
from dgsea_bench.bench.case import Case, case_backend, problem_of
from dgsea_bench.bench.clock import disturbed, repeat, time_metrics, unstable, watched_load
from dgsea_bench.bench.memory import peak_memory
from dgsea_bench.bench.metrics import (
    SAMPLED_GENES,
    Computed,
    accuracy_by_profile,
    accuracy_metrics,
)
from dgsea_bench.bench.reference import Reference, too_large, too_many_terms, upstream, value_and_gradient
from dgsea_bench.bench.stopwatches import is_gpu, stopwatch_for
from dgsea_bench.core.files import write_whole
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.profiles import responding_genes
from dgsea_bench.data.sources import SyntheticSource

CURVE_POINTS = 250
"""Positions of a running sum that are kept, the same ones whatever the backend."""


def measure_case(case: Case, reference: Reference, details: Path) -> dict[str, Any]:
    """Measure a case in this process: the fields of its row, such as ``status``, ``metrics``, ``flags``.

    What has many values goes into `details` as parquet: sets, profiles, timings, curves.
    """
    backend = case_backend(case)
    reason = backend.unavailable(case.device)
    if reason:
        return {"status": "skipped", "reason": reason}
    problem = problem_of(case)
    scores = problem.scores.to(case.device, getattr(torch, case.dtype))
    gene_sets = problem.gene_sets.to(case.device)
    warm_up(backend, case)
    if is_gpu(case.device):
        _warm_up_at_full_size(backend, case, scores, gene_sets)

    metrics, found, ranking = _accuracy_and_memory(backend, case, scores, gene_sets, reference)
    value = np.asarray(found.value)
    write_table(details / "sets.parquet", _per_set(problem, value, reference))
    each = accuracy_by_profile(found, _truth(backend, reference), reference.classical)
    write_table(details / "profiles.parquet", facts_of_profiles(problem).assign(**each))
    write_table(
        details / "curves.parquet",
        _curves(backend, ranking, gene_sets, value if reference.classical is None else reference.classical),
    )
    without_truth = (too_large if backend.target == "dgsea" else too_many_terms)(case, problem)
    outcome: dict[str, Any] = {
        "status": "done",
        "problem": facts(problem),
        "without_truth": without_truth,
        "flags": [],
        "process": {},
    }
    if case.measure.timed:
        with watched_load() as load:
            timings = _timings(backend, case, scores, gene_sets)
        write_table(details / "timings.parquet", timings)
        metrics |= time_metrics(timings)
        outcome |= {"flags": unstable(timings, case.measure) + disturbed(load), "process": load}
    return outcome | {"metrics": {key: float(number) for key, number in metrics.items()}}


def _accuracy_and_memory(
    backend: Backend, case: Case, scores: torch.Tensor, gene_sets: GeneSets, reference: Reference
) -> tuple[dict[str, float], Computed, Ranking]:
    """The first full-size calls: nothing is timed before their results have been compared with the truth."""
    metrics: dict[str, float] = {}
    with peak_memory(case.device) as forward, torch.no_grad():
        ranking = backend.rank(scores, case.params)
        result = backend.enrichment_score(ranking, gene_sets)
    metrics |= forward.metrics("forward")
    value = result.double().cpu().numpy()
    if not np.isfinite(value).all():
        raise RuntimeError(f"{case.label} returned scores that are not finite")
    found, truth = Computed(value), _truth(backend, reference)
    metrics |= accuracy_metrics(found, truth, reference.classical)
    if backend.target == "dgsea":
        metrics["rank_error"] = _rank_error(scores, ranking)
        metrics["positions_kept"] = float(backend.positions(ranking).isfinite().sum()) / scores.numel()
    if backend.differentiable:
        with peak_memory(case.device) as step:
            _, gradient, _ = value_and_gradient(backend, scores, gene_sets, case.params)
        metrics |= step.metrics("step")
        if not np.isfinite(gradient).all():
            raise RuntimeError(f"{case.label} returned a gradient that is not finite")
        metrics |= accuracy_metrics(Computed(None, gradient), truth, None)
        found = Computed(value, gradient)
    return metrics, found, ranking


def _truth(backend: Backend, reference: Reference) -> Computed:
    """What a backend is held to: dGSEA, or classical scores, which have no gradient."""
    soft = backend.target == "dgsea"
    return Computed(reference.value, reference.gradient) if soft else Computed(reference.classical)


def _rank_error(scores: torch.Tensor, ranking: Ranking) -> float:
    """Largest abs(rank - exact rank), in positions, over genes sampled evenly: affordable at any number of genes."""
    genes = scores.shape[1]
    chosen = torch.linspace(0, genes - 1, min(SAMPLED_GENES, genes), device=scores.device).long()
    values = scores.double()
    above = sigmoid_sum(torch.ones_like(values)[:, None], values, values[:, chosen], ranking.params.tau_rank)
    return float((ranking.ranks[:, chosen] - (0.5 + above[:, 0])).abs().max())


def _timings(backend: Backend, case: Case, scores: torch.Tensor, gene_sets: GeneSets) -> pd.DataFrame:
    """Raw seconds of each repeat: forward without gradient; and forward + backward (step), backward alone."""
    watch = stopwatch_for(case.device)

    def forward() -> dict[str, float]:
        watch.rest()
        start = watch.mark()
        with torch.no_grad():
            backend.enrichment_score(backend.rank(scores, case.params), gene_sets)
        return {"forward": watch.seconds(start, watch.mark())}

    def step() -> dict[str, float]:
        leaf = scores.detach().clone().requires_grad_()
        watch.rest()
        start = watch.mark()
        value = backend.enrichment_score(backend.rank(leaf, case.params), gene_sets)
        between = watch.mark()
        value.backward(weights)
        end = watch.mark()
        return {"step": watch.seconds(start, end), "backward": watch.seconds(between, end)}

    timings = repeat(forward, case.measure)
    if backend.differentiable:
        weights = upstream(scores.new_empty(len(scores), len(gene_sets)))
        timings = pd.concat([timings, repeat(step, case.measure)])
    return timings


def warm_up(backend: Backend, case: Case) -> None:
    """Compile, load libraries and start threads on a tiny problem, so that none of it counts as time or memory.

    Once with scores as close as usual and once with scores far apart, for which other loops may be compiled.
    """
    tiny = SyntheticSource(genes=100, sets=10, set_size=5, profiles=2).load()
    gene_sets = tiny.gene_sets.to(case.device)
    for spread in (1.0, 1e4):
        scores = (spread * tiny.scores).to(case.device, getattr(torch, case.dtype))
        if backend.differentiable:
            value_and_gradient(backend, scores, gene_sets, case.params)
        else:
            backend.enrichment_score(backend.rank(scores, case.params), gene_sets)


def _warm_up_at_full_size(backend: Backend, case: Case, scores: torch.Tensor, gene_sets: GeneSets) -> None:
    """On a GPU kernels are compiled for classes of sizes, and those that choose among variants try them all first."""
    with torch.no_grad():
        backend.enrichment_score(backend.rank(scores, case.params), gene_sets)
    if backend.differentiable:
        value_and_gradient(backend, scores, gene_sets, case.params)


def _per_set(problem: Problem, value: np.ndarray, reference: Reference) -> pd.DataFrame:
    """A row per profile and set."""
    profiles, sets = value.shape
    names = np.asarray(problem.gene_sets.names)
    return pd.DataFrame(
        {
            "profile": np.repeat(np.arange(profiles), sets),
            "gene_set": np.tile(names, profiles),
            "size": np.tile(problem.gene_sets.sizes.numpy(), profiles),
            "planted": np.tile(np.isin(names, problem.planted), profiles),
            "value": value.ravel(),
            "truth": np.nan if reference.value is None else reference.value.ravel(),
            "classical": np.nan if reference.classical is None else reference.classical.ravel(),
        }
    )


def _curves(backend: Backend, ranking: Ranking, gene_sets: GeneSets, scores: np.ndarray) -> pd.DataFrame:
    """Running sums of a few sets of the first profile, chosen by these scores of theirs, thinned for drawing."""
    first = ranking.select(slice(0, 1))
    positions = backend.positions(first)[0].cpu().numpy()
    kept = np.isin(positions, np.linspace(1, first.scores.shape[1], CURVE_POINTS).round())
    sets = [gene_sets.subset(number, number + 1) for number in _told_apart(scores[0])]
    names = tuple(one.names[0] for one in sets)
    members = torch.cat([one.indices for one in sets])
    chosen = GeneSets.from_sizes(names, gene_sets.genes, torch.cat([one.sizes for one in sets]), members)
    with torch.no_grad():
        found = backend.running_sum(first, chosen)[0].double().cpu().numpy()[:, kept]
    count = int(kept.sum())
    return pd.DataFrame(
        {
            "gene_set": np.repeat(names, count),
            "profile": 0,
            "position": np.tile(positions[kept], len(sets)),
            "running_sum": found.ravel(),
        }
    )


def _told_apart(scores: np.ndarray) -> list[int]:
    """The sets with the largest score, the smallest, and one of middling magnitude; fewer where there are fewer."""
    by_magnitude = np.argsort(np.abs(scores), kind="stable").tolist()
    ends = list(dict.fromkeys([int(scores.argmax()), int(scores.argmin())]))
    between = [number for number in by_magnitude if number not in ends]
    return ends + between[len(between) // 2 :][:1]


def facts(problem: Problem) -> dict[str, Any]:
    """What was measured on: sizes, ties, and sets that were left out."""
    profiles, genes = problem.scores.shape
    sizes = problem.gene_sets.sizes
    return {
        "genes": genes,
        "profiles": profiles,
        "sets": len(problem.gene_sets),
        "smallest_set": int(sizes.min()),
        "largest_set": int(sizes.max()),
        "tied_share": problem.tied_share,
        "dropped": problem.gene_sets.dropped_by_reason,
    }


def facts_of_profiles(problem: Problem) -> pd.DataFrame:
    """A row per profile: ``profile``, its ``name``, and how many of its genes are ``responding``."""
    count = len(problem.scores)
    return pd.DataFrame(
        {
            "profile": np.arange(count),
            "name": list(problem.profiles) or [""] * count,
            "responding": responding_genes(problem.scores.numpy()),
        }
    )


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a parquet file, renamed into place when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, frame.to_parquet(index=False))
