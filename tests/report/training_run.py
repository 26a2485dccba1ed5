"""Rows and details of trained models as a study would leave them, made up."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from synthetic_run import ENVIRONMENT, write_details

from dgsea_bench.bench.results import Row, RunDirectory

NAMES = (
    *("gene_correlation", "top_gene_correlation", "gene_rmse", "pathway_correlation", "pathway_mse"),
    *("pathway_sign_accuracy", "nes_correlation", "nes_mse", "nes_sign_accuracy"),
)
BASELINE = dict(zip(NAMES, (0.449, 0.61, 0.420, 0.257, 1.784, 0.620, 0.24, 1.9, 0.61)))
GAIN = dict(zip(NAMES, (0.003, 0.001, -0.002, 0.049, -0.174, 0.021, 0.03, -0.1, 0.015)))
NOTHING = dict.fromkeys(NAMES, 0.0)
SPREAD = {"pathway_mse": 0.02, "nes_mse": 0.02}
WEIGHTS = [0, 0.01, 0.03, 0.1, 0.3]
TRAINING = {"tau_rank": 0.8, "tau_prefix": 1.1, "tau_abs": 0.7, "exponent": 1.0}
RESAMPLES = 200
REFUSED = "the scenario limits exact to 1 seed"


def model(
    label: str = "fastsum",
    seed: int = 0,
    gains: dict[str, float] | None = None,
    *,
    arm: str = "hybrid",
    pathways: str = "directional",
    encoder: str = "morgan",
    status: str = "done",
    reason: str | None = None,
    source: dict | None = None,
    params: dict | None = None,
    spread: float = 1.0,
    target: str = "dgsea",
    scenario: str = "study",
    **settings,
) -> Row:
    """A trained model; `gains` beside those of the paper, `spread` of its intervals in units of the usual one."""
    source = source or {"kind": "simulated-compounds", "compounds": 1200, "genes": 978, "seed": 0}
    alone = arm == "gene-mse"
    label, target = ("none", "none") if alone else (label, target)
    metrics = dict(BASELINE) | {"epoch_seconds": 2.0, "steps": 900.0} if status == "done" else {}
    if not alone and status == "done":
        metrics = _metrics(GAIN | (gains or {}), label, seed, spread)
        metrics |= {"chosen_weight": WEIGHTS[2 + seed % 2]} if arm == "hybrid" else {}
    training = {
        "arm": arm, "pathways": pathways, "judged_by": "directional", "encoder": encoder, "seed": seed,
        "weights": WEIGHTS, "warmup_steps": 50, "epochs": 40, "patience": 8, "batch": 64, "learning_rate": 1e-3,
        "most_gene_correlation_lost": 0.02, "resamples": RESAMPLES, "permutations": 100,
    } | settings  # fmt: skip
    facts = {"genes": 978, "compounds": 1200, "train": 840, "validation": 120, "test": 240, "pathways": 12}
    params = TRAINING | (params or {})
    case = {
        "task": "training",
        "source": source,
        "params": params,
        "training": training,
        "backend": label,
        "options": {},
    }
    return Row(
        case_id=sha256(repr((label, sorted(source.items()), training, params)).encode()).hexdigest()[:16],
        scenario=scenario,
        task="training",
        label=label,
        cost="O(G)",
        target=target,
        case=case | {"dtype": "float32", "device": "cpu", "threads": 1},
        problem=facts | {"dropped": {"no structure": 3}} if status == "done" else {},
        status=status,
        reason=reason,
        metrics=metrics,
        environment_id="e1",
    )


def _metrics(gains: dict[str, float], label: str, seed: int, spread: float) -> dict[str, float]:
    own = np.random.default_rng([seed, len(label)])
    metrics = {}
    for name in NAMES:
        if np.isnan(gains[name]):
            continue
        before, gain = BASELINE[name] + 0.01 * seed, gains[name] + 0.0002 * own.standard_normal() * (gains[name] != 0)
        width = 2 * spread * SPREAD.get(name, 0.002)
        metrics |= {name: before + gain, f"baseline_{name}": before, f"gain_{name}": gain}
        metrics |= {f"gain_{name}_low": gain - width, f"gain_{name}_high": gain + width}
    slow = {"exact": 9.0, "fastsum": 0.3}.get(label, 1.0)
    metrics |= {"step_seconds": 0.01 * (1 + slow), "gene_step_seconds": 0.01, "step_overhead": slow, "steps": 2000.0}
    return metrics | {"epoch_seconds": 2 * (1 + slow)}


def study(backends=("exact", "fastsum", "nyswin[anchors=128]"), seeds=(0, 1, 2), **settings) -> list[Row]:
    """A baseline and a hybrid of each backend at each seed."""
    rows = [model(arm="gene-mse", seed=seed) for seed in seeds]
    return rows + [model(label, seed, **settings) for label in backends for seed in seeds]


def everything() -> list[Row]:
    """Every kind of row: arms, pathways, temperatures, a foil, what was skipped."""
    rows = study(seeds=(0, 1, 2), backends=("fastsum", "nyswin[anchors=128]"))
    rows.append(model("exact", 0))
    rows += [model("exact", seed, status="skipped", reason=REFUSED) for seed in (1, 2)]
    for seed in (0, 1, 2):
        rows.append(model("fastsum", seed, {"pathway_correlation": 0.01}, pathways="random"))
        rows.append(model("fastsum", seed, {"gene_correlation": -0.2, "pathway_correlation": 0.02}, arm="dgsea"))
        rows.append(model("fastsum", seed, {"pathway_correlation": 0.04}, params={"tau_rank": 0.1}))
    rows.append(model("straight-through", 0, {"pathway_correlation": 0.03}, target="gsea"))
    return rows


def write_study(
    path: Path, rows: list[Row], *, details: bool = True, prefix: str = "PATHWAY_", spread: float = 1.0
) -> Path:
    """A directory with these rows, and details of those that are done."""
    path.mkdir(parents=True, exist_ok=True)
    directory = RunDirectory(path)
    for row in rows:
        directory.save_row(row, environment=ENVIRONMENT)
        if details and row.status == "done":
            write_details(path, row.case_id, **details_of(row, prefix, spread))
    return path


def details_of(row: Row, prefix: str = "PATHWAY_", spread: float = 1.0) -> dict[str, pd.DataFrame]:
    """Tables of a trained model."""
    settings = row.case["training"]
    # Resample b takes the same compounds in every case of a seed: a part of its gain is the same in all of them.
    shared = np.random.default_rng(settings["seed"]).standard_normal(RESAMPLES)
    own = np.random.default_rng(int(row.case_id[:8], 16))
    tables = {"epochs": _epochs(row, own)}
    if settings["arm"] == "gene-mse":
        return tables
    names = [name for name in NAMES if f"gain_{name}" in row.metrics]
    drawn = {
        f"gain_{name}": row.metrics[f"gain_{name}"]
        + spread * SPREAD.get(name, 0.002) * (shared + 0.3 * own.standard_normal(RESAMPLES))
        for name in names
    }
    pathways = [f"{prefix}{number}" for number in range(12)]
    tables |= {"bootstrap": pd.DataFrame(drawn), "pathways": _pathways(pathways, own)}
    tables |= {"predictions": _predictions(pathways, own)}
    if settings["arm"] == "hybrid":
        tables["weights"] = _weights(row)
    return tables


def _epochs(row: Row, own: np.random.Generator) -> pd.DataFrame:
    alone = row.case["training"]["arm"] != "hybrid"
    frames = []
    for weight in [np.nan] if alone else WEIGHTS:
        epochs = np.arange(25 if alone else 13)
        progress = 1 - np.exp(-epochs / 5) + 0.02 * own.standard_normal(len(epochs))
        start, more = (0.0, 0.25) if alone else (0.25, 0.05)
        frame = {"weight": weight, "epoch": epochs, "train_loss": 1 - progress, "validation_gene_mse": 1 - progress}
        frame["validation_gene_correlation"] = (0.0 if alone else 0.44) + (0.44 if alone else 0.005) * progress
        frame |= {"validation_pathway_mse": 2 - progress, "validation_pathway_correlation": start + more * progress}
        frames.append(pd.DataFrame(frame | {"seconds": 2.0, "kept": epochs == len(epochs) - 3}))
    return pd.concat(frames, ignore_index=True)


def _weights(row: Row) -> pd.DataFrame:
    rows = []
    for number, weight in enumerate(WEIGHTS):
        for split in ("validation", "test"):
            names = {name: BASELINE[name] + GAIN[name] * number / 3 for name in NAMES}
            names["gene_correlation"] = BASELINE["gene_correlation"] + 0.004 * number - 0.002 * number**2
            chosen = np.isclose(weight, row.metrics["chosen_weight"])
            rows.append({"weight": weight, "split": split, **names, "eligible": True, "chosen": bool(chosen)})
    return pd.DataFrame(rows)


def _pathways(pathways: list[str], own: np.random.Generator) -> pd.DataFrame:
    names = ("correlation", "mse", "sign_accuracy", "nes_correlation", "nes_mse", "nes_sign_accuracy")
    table = {"pathway": pathways}
    for name in names:
        table[f"baseline_{name}"] = 0.3 + 0.1 * own.standard_normal(len(pathways))
        table[name] = table[f"baseline_{name}"] + 0.05
    return pd.DataFrame(table)


def _predictions(pathways: list[str], own: np.random.Generator) -> pd.DataFrame:
    compounds = [f"compound {number}" for number in range(240)]
    grid = pd.MultiIndex.from_product([compounds, pathways], names=["compound", "pathway"]).to_frame(index=False)
    true = 1.3 * own.standard_normal(len(grid))
    table = {"true": true, "predicted": 0.3 * true + 0.5 * own.standard_normal(len(grid))}
    table["baseline"] = 0.2 * true + 0.5 * own.standard_normal(len(grid))
    table |= {"true_nes": true, "predicted_nes": table["predicted"], "baseline_nes": table["baseline"]}
    found = grid.assign(**table)
    found.loc[::97, "predicted"] = np.nan
    return found
