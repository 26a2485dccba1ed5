"""Rows and details as a sweep would leave them, made up."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from dgsea_bench.bench.results import Row, RunDirectory

ENVIRONMENT = {"processor": "Test processor", "cores": 2, "memory_gib": 8.0, "gpu": None, "packages": {"numpy": "2.0"}}
COST = {"exact": "O(G²·P)", "nyswin": "O(G²·P)", "hard": "O(G·log G)", "fastsum": "O(G)"}


def accuracy(error: float, gradient: float | None = None) -> dict[str, float]:
    """Metrics of a backend with that error."""
    metrics = {"value_error_mean": error, "value_error_p95": 2 * error, "value_error_max": 3 * error}
    metrics |= {"value_error_scaled": error, "es_spearman": 0.9, "es_sign_agreement": 0.95}
    return metrics | {"gradient_error": error if gradient is None else gradient, "gradient_cosine": 0.999}


def cost(seconds: float, spread: float = 0.05) -> dict[str, float]:
    """Metrics of a backend that takes that long."""
    metrics = {"step_peak_mib": 100 * seconds, "forward_peak_mib": 50 * seconds}
    for phase, share in (("forward", 0.4), ("backward", 0.6), ("step", 1.0)):
        value = share * seconds
        metrics[f"{phase}_seconds"] = value
        metrics[f"{phase}_seconds_q1"] = value * (1 - spread)
        metrics[f"{phase}_seconds_q3"] = value * (1 + spread)
    return metrics


def make_row(
    label: str = "exact",
    genes: int = 1000,
    metrics: dict[str, float] | None = None,
    *,
    scenario: str = "made-up",
    generator: str = "planted",
    source: dict | None = None,
    status: str = "done",
    reason: str | None = None,
    without_truth: str | None = None,
    dropped: dict[str, int] | None = None,
    **source_fields,
) -> Row:
    """A row; those of backend hard are of the classical score and have no gradient."""
    backend = label.partition("[")[0]
    hard = backend == "hard"
    if metrics is None and status == "done":
        metrics = accuracy(0.0) | cost(genes / 1e5)
    if hard:
        metrics = {k: v for k, v in (metrics or {}).items() if not k.startswith(("step", "backward", "gradient"))}
    source = source or {
        "kind": "synthetic",
        "generator": generator,
        "genes": genes,
        "sets": 20,
        "profiles": 1,
        "seed": 0,
    }
    source = source | source_fields
    profiles = source.get("profiles", 1)
    facts = {"genes": genes, "profiles": 12 if profiles is None else profiles, "sets": source.get("sets", 20)}
    facts |= {"smallest_set": 15, "largest_set": 200, "tied_share": 0.125, "dropped": dropped or {}}
    params = {"exponent": 1.0, "tau_rank": 1.2, "tau_prefix": 1.0, "tau_abs": 0.6}
    place = {"dtype": "float64", "device": "cpu", "threads": 1}
    return Row(
        case_id=sha256(repr((label, genes, sorted(source.items()))).encode()).hexdigest()[:16],
        scenario=scenario,
        task="enrichment",
        label=label,
        cost=COST.get(backend, "O(G)"),
        target="gsea" if hard else "dgsea",
        case={"source": source, "params": params, "backend": backend, "options": {}, **place},
        problem=facts if status == "done" else {},
        status=status,
        reason=reason,
        without_truth=without_truth,
        metrics=metrics or {},
        environment_id="e1",
    )


def l1000(matrix: str = "data/signatures.gctx", gene_sets: str = "data/hallmark.gmt", **fields) -> dict:
    """A source of real signatures."""
    source = {"kind": "l1000", "matrix": matrix, "gene_sets": gene_sets, "transform": "none", "profiles": None}
    return source | {"select": {"pert_type": "trt_cp"}, "min_size": 15, "max_size": 500, "seed": 0} | fields


def of_signatures(responding: np.ndarray, **columns) -> pd.DataFrame:
    """A table of profiles in which so many genes respond."""
    profiles = range(len(responding))
    names = [f"signature{number}" for number in profiles]
    return pd.DataFrame({"profile": profiles, "name": names, "responding": responding, **columns})


def three_sizes() -> list[Row]:
    """exact, nyswin and hard at three sizes; nyswin is the faster one, and 0.2 % off."""
    rows = []
    for genes in (400, 1000, 4000):
        rows.append(make_row("exact", genes, accuracy(0.0) | cost(1e-8 * genes**2)))
        rows.append(make_row("nyswin[anchors=128]", genes, accuracy(0.002, 0.008) | cost(0.5e-8 * genes**2)))
        rows.append(make_row("hard", genes, accuracy(0.0) | cost(1e-7 * genes)))
    return rows


def write_run(
    path: Path,
    rows: list[Row],
    *,
    curves: bool = True,
    gene_set: str = "set0",
    profiles: dict[str, pd.DataFrame] | None = None,
) -> Path:
    """A directory with these rows, and details of those that are done; `profiles` are tables by case_id."""
    directory = RunDirectory(path)
    path.mkdir(parents=True, exist_ok=True)
    for row in rows:
        directory.save_row(row, environment=ENVIRONMENT)
        if curves and row.status == "done":
            position = np.arange(1, 101)
            running_sum = np.sin(position / 32) + 0.01 * len(row.label)
            frame = {"gene_set": gene_set, "profile": 0, "position": position, "running_sum": running_sum}
            write_details(path, row.case_id, curves=pd.DataFrame(frame))
    for case_id, table in (profiles or {}).items():
        write_details(path, case_id, profiles=table)
    return path


def write_details(path: Path, case_id: str, **tables: pd.DataFrame) -> None:
    """Tables of a case, by name."""
    folder = path / "details" / case_id
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
