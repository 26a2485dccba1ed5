"""One case of significance measured: agreement of NES with classical NES, calibration of p-values, time and memory."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
import torch
from torch import Tensor

from dgsea_bench.backends import Backend
from dgsea_bench.bench.case import Case, contestant, problem_of
from dgsea_bench.bench.clock import disturbed, quartiles, repeat, time_metrics, unstable, watched_load
from dgsea_bench.bench.foils import NoPathwayLoss
from dgsea_bench.bench.measure import facts, facts_of_profiles, warm_up, write_table
from dgsea_bench.bench.memory import peak_memory
from dgsea_bench.bench.metrics import (
    agreement_metrics,
    attainable_share,
    gradient_health,
    profile_agreement,
    share_below,
    value_metrics,
)
from dgsea_bench.bench.reference import Reference, null_of_profile, too_large, value_and_gradient
from dgsea_bench.bench.stopwatches import is_gpu, stopwatch_for
from dgsea_bench.bench.witnesses import Witness
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import NullParams
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.enrichment_result import EnrichmentResult
from dgsea_bench.normalized_enrichment import normalized_enrichment_score
from dgsea_bench.significance import p_values, permutations_for_p_values

Run = Callable[[Tensor, GeneSets, NullParams], EnrichmentResult]


def measure_significance(case: Case, reference: Reference, details: Path) -> dict[str, Any]:
    """Measure a case in this process; the result is as that of `measure_case`, with ``procedure`` beside.

    Profiles are taken one by one, each with permutations of its own, so that they are independent draws. What has many
    values goes into `details` as parquet: sets, profiles, timings.
    """
    method = contestant(case)
    reason = method.unavailable(case.device)
    if reason:
        return {"status": "skipped", "reason": reason}
    if case.null is None or isinstance(method, NoPathwayLoss):
        raise ValueError("a case of significance has a null, and scores")
    problem = problem_of(case)
    scores = problem.scores.to(case.device, getattr(torch, case.dtype))
    gene_sets = problem.gene_sets.to(case.device)
    run = _runner(method, case)
    if is_gpu(case.device):  # compiled at first use for classes of sizes, and variants are tried
        run(scores[:1], gene_sets, null_of_profile(case, case.null, 0))
    with peak_memory(case.device) as first:
        run(scores[:1], gene_sets, null_of_profile(case, case.null, 0))
    results = [run(scores[profile, None], gene_sets, null) for profile, null in _nulls(case, case.null, len(scores))]
    if not all(result.es.isfinite().all() for result in results):
        raise RuntimeError(f"{case.label} returned scores that are not finite")
    table = _per_set(problem, results, case.null, reference)
    write_table(details / "sets.parquet", table)
    agreeing = _per_profile(table, compare=method.target == "dgsea" or isinstance(method, Witness))
    profiles = facts_of_profiles(problem).merge(agreeing, on="profile", validate="one_to_one")
    write_table(details / "profiles.parquet", profiles)
    metrics = first.metrics("null") | _agreement(table, profiles, scores.shape[0])
    metrics["nes_missing"] = float(table["nes"].isna().mean())
    if problem.shifts is not None and not problem.shifts.any():
        metrics |= _calibration(table, scores.shape[0], attainable=case.null.p_value == "fgsea")
    if isinstance(method, Backend) and method.differentiable:
        health = gradient_health(_gradients(method, case, scores, gene_sets))
        metrics |= {f"gradient_{name}": value for name, value in health.items()}
    outcome: dict[str, Any] = {
        "status": "done",
        "problem": facts(problem),
        "without_truth": too_large(case, problem) if case.needs_soft_truth else None,
        "procedure": results[0].procedure,
        "flags": [],
        "process": {},
    }
    if case.measure.timed:
        with watched_load() as load:
            timings = _timings(run, case, case.null, scores, gene_sets)
        write_table(details / "timings.parquet", timings)
        metrics |= time_metrics(timings)
        outcome |= {"flags": unstable(timings, case.measure) + disturbed(load), "process": load}
    return outcome | {"metrics": {name: float(value) for name, value in metrics.items() if np.isfinite(value)}}


def _runner(method: Backend | Witness, case: Case) -> Run:
    """One way to call a backend and an outside program, loaded and compiled beforehand."""
    if isinstance(method, Witness):

        def run(scores: Tensor, gene_sets: GeneSets, null: NullParams) -> EnrichmentResult:
            return method.measure(scores, gene_sets, case.params, null, threads=case.threads)

    else:
        warm_up(method, case)

        def run(scores: Tensor, gene_sets: GeneSets, null: NullParams) -> EnrichmentResult:
            with torch.no_grad():
                return normalized_enrichment_score(scores, gene_sets, params=case.params, null=null, backend=method)

    tiny = SyntheticSource(genes=100, sets=10, set_size=5).load()
    null = NullParams() if case.null is None else replace(case.null, permutations=100)
    run(tiny.scores.to(case.device, getattr(torch, case.dtype)), tiny.gene_sets.to(case.device), null)
    return run


def _nulls(case: Case, null: NullParams, count: int) -> list[tuple[int, NullParams]]:
    return [(profile, null_of_profile(case, null, profile)) for profile in range(count)]


def _timings(run: Run, case: Case, null: NullParams, scores: Tensor, gene_sets: GeneSets) -> pd.DataFrame:
    """Raw seconds of each call, which take one profile after the other."""
    turns = itertools.cycle(_nulls(case, null, len(scores)))
    watch = stopwatch_for(case.device)

    def call() -> dict[str, float]:
        profile, own = next(turns)
        watch.rest()
        start = watch.mark()
        run(scores[profile, None], gene_sets, own)
        return {"null": watch.seconds(start, watch.mark())}

    return repeat(call, case.measure)


def _per_set(problem: Problem, results: list[EnrichmentResult], null: NullParams, reference: Reference) -> pd.DataFrame:
    """A row per profile and set."""
    shape = problem.scores.shape[0], len(problem.gene_sets)
    names = np.asarray(problem.gene_sets.names)

    def column(values: np.ndarray | None) -> np.ndarray | float:
        return np.nan if values is None else values.ravel()

    def gathered(name: str) -> Tensor:
        return torch.cat([getattr(result, name) for result in results]).double().cpu()

    counts = gathered("as_extreme"), gathered("of_sign")
    released = p_values(*counts, permutations_for_p_values(null, null.permutations), "released")
    return pd.DataFrame(
        {
            "profile": np.repeat(np.arange(shape[0]), shape[1]),
            "gene_set": np.tile(names, shape[0]),
            "size": np.tile(problem.gene_sets.sizes.numpy(), shape[0]),
            "planted": np.tile(np.isin(names, problem.planted), shape[0]),
            **{name: gathered(name).numpy().ravel() for name in ("es", "nes", "p_value", "fdr")},
            "p_released": released.numpy().ravel(),
            "of_sign": counts[1].numpy().ravel(),
            "classical_es": column(reference.classical),
            "classical_nes": column(reference.classical_nes),
            "exact_nes": column(reference.nes),
        }
    )


def _per_profile(table: pd.DataFrame, *, compare: bool) -> pd.DataFrame:
    """Agreement of each profile; empty columns where there is nothing to compare with."""
    rows = []
    for profile, part in table.groupby("profile"):
        values = (part[name].to_numpy(float) for name in ("nes", "classical_nes"))
        found = profile_agreement(*values) if compare else {}
        rows.append({"profile": profile, "spearman": np.nan, "slope": np.nan, "top_ten": np.nan, **found})
    return pd.DataFrame(rows)


def _agreement(table: pd.DataFrame, profiles: pd.DataFrame, count: int) -> dict[str, float]:
    """Medians and quartiles over profiles; errors against exact."""
    es, classical, nes, exact = (
        table[name].to_numpy(float).reshape(count, -1) for name in ("es", "classical_es", "nes", "exact_nes")
    )
    known = profiles.dropna()
    metrics: dict[str, float] = {}
    if len(known):
        metrics |= agreement_metrics(es, classical)
        metrics |= quartiles("nes_spearman", known["spearman"].to_numpy()) | quartiles(
            "nes_slope", known["slope"].to_numpy()
        )
        metrics["nes_spearman_lowest"] = float(known["spearman"].min())
        metrics |= quartiles("top_ten_overlap", known["top_ten"].to_numpy())
    both = np.isfinite(nes) & np.isfinite(exact)
    if both.any():
        metrics["nes_error_mean"] = value_metrics(nes[both], exact[both]).get("value_error_mean", np.nan)
    return metrics


def _calibration(table: pd.DataFrame, count: int, *, attainable: bool) -> dict[str, float]:
    """How far p-values are from uniform, where nothing is enriched."""
    p, released, of_sign = (
        table[name].to_numpy(float).reshape(count, -1) for name in ("p_value", "p_released", "of_sign")
    )
    metrics: dict[str, float] = {}
    for name, values in (("p_below", p), ("p_below_released", released)):
        found = share_below(values)
        metrics |= {name if key == "share" else f"{name}_{key}": value for key, value in found.items()}
    counted = of_sign[np.isfinite(of_sign) & (of_sign > 0)]
    if attainable and counted.size:
        metrics["p_attainable"] = attainable_share(counted)
    known = p[np.isfinite(p)]
    if known.size:
        metrics["p_distance"] = float(scipy.stats.kstest(known, "uniform", method="asymp").statistic)
    return metrics


def _gradients(backend: Backend, case: Case, scores: Tensor, gene_sets: GeneSets) -> np.ndarray:
    """(B, G) gradient of Σ u·dES, with the same random u (one for each set) for every profile."""
    each = (value_and_gradient(backend, profile, gene_sets, case.params) for profile in scores.split(1))
    return np.concatenate([gradient for _, gradient, _ in each])
