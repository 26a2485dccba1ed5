"""What the benchmarks take from the rows of a sweep: a metric, the bar of an error, and why there may be none."""

import math
import os
from typing import Any

import torch

from benchmarks.suite import ENRICHMENT, POINT, SIGNIFICANCE, public

GATE = os.environ.get("DGSEA_BENCH_GATE") == "1"
"""Whether a benchmark fails when its error is above its bar, rather than only show it."""
OF_A_GRADIENT = ("gradient_error", "step_peak_mib", "step_seconds")
OF_DGSEA = ("nes_spearman", "nes_error_mean")
OF_THE_TRUTH = ("value_error_mean", "value_error_scaled", "gradient_error", "nes_error_mean")

Row = dict[str, Any]


class OfEnrichment:
    """Benchmarks whose numbers one sweep measures, which asv runs once for a commit."""

    params = (ENRICHMENT.backends, *ENRICHMENT.sizes)
    param_names = POINT

    def setup_cache(self) -> None:
        ENRICHMENT.sweep()

    setup_cache.timeout = 7200

    def setup(self, backend: str, genes: int, sets: int) -> None:
        self.row = ENRICHMENT.row(backend, genes, sets)


class OfSignificance:
    """The same of NES."""

    params = (SIGNIFICANCE.backends, *SIGNIFICANCE.sizes)
    param_names = POINT

    def setup_cache(self) -> None:
        SIGNIFICANCE.sweep()

    setup_cache.timeout = 7200

    def setup(self, backend: str, genes: int, sets: int) -> None:
        self.row = SIGNIFICANCE.row(backend, genes, sets)


def metric(row: Row, name: str) -> float:
    """A number of a row; NaN, which asv takes for a skip, where there is none for a good reason, which is printed.

    Raises:
        RuntimeError: there is none for no reason.
    """
    value = row.get(f"metrics.{name}")
    if value is not None:
        return float(value)
    reason = _why_missing(row, name)
    if reason is None:
        raise RuntimeError(f"{row['case.backend']} was measured, but there is no {name}")
    print(f"skipped: {reason}")
    return math.nan


def _why_missing(row: Row, name: str) -> str | None:
    if name not in public("METRICS"):
        return f"this commit does not measure {name}"
    backend, genes = public("backends")()[row["case.backend"]], row["case.source.genes"]
    if name in OF_A_GRADIENT and not backend.differentiable:
        return f"{backend.name} has no gradient"
    if name in OF_DGSEA and backend.target != "dgsea":
        return f"{backend.name} computes classical NES"
    if name == "nes_error_mean" and backend.name == "exact":
        return "exact is the truth"
    scenario = SIGNIFICANCE if name in OF_DGSEA else ENRICHMENT
    if name in OF_THE_TRUTH and not scenario.has_truth(genes):
        return f"the scenario computes no truth of {genes:,} genes"
    return None


def promise(row: Row) -> Any:
    """What the backend of the commit promises of its errors, in the precision of the case."""
    return public("get_backend")(row["case.backend"]).tolerance(getattr(torch, row["case.dtype"]))


def held(value: float, bar: float, what: str) -> float:
    """The value, unless `GATE` and it is above its bar.

    Raises:
        AssertionError: it is.
    """
    if GATE and value > bar:
        raise AssertionError(f"{what} is {value:.3g}, above its bar of {bar:.3g}")
    return value
