"""A case of training measured: an arm is trained, judged, and compared with the loss on genes alone."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from dgsea_bench.bench.case import Case, contestant
from dgsea_bench.bench.clock import median_interval, repeat, time_metrics, watched_load
from dgsea_bench.bench.measure import write_table
from dgsea_bench.bench.stopwatches import stopwatch_for
from dgsea_bench.study.arms import Arm, Setup, judge_model, train_arm
from dgsea_bench.study.baseline import Baseline, Study
from dgsea_bench.study.evaluate import MEASURES, Judged, interval, resampling
from dgsea_bench.study.train import Objective, Samples, make_optimizer, take_step

OWN = "own_correlation"
"""Macro correlation on the pathways that are trained with, where these are not the ones judged by."""
MOST_TOLD = 5
"""Pathways that are named among those left out."""


def compute_baseline(case: Case) -> Baseline:
    """The model trained on genes alone, which all arms of one split begin with or are compared with."""
    return Baseline.of(Study.of(case))


def measure_arm(case: Case, baseline_file: Path, details: Path) -> dict[str, Any]:
    """Train and judge a case in this process: the fields of its row, as `dgsea_bench.bench.measure.measure_case`.

    What has many values goes into `details` as parquet: epochs, weights, pathways, predictions, bootstrap, timings.

    Raises:
        InputError: data that cannot be used, or a file that is no model trained on genes alone.
    """
    reason = contestant(case).unavailable(case.device)
    if reason:
        return {"status": "skipped", "reason": reason}
    study = Study.of(case)
    baseline = Baseline.load(baseline_file, study, f"references/{case.reference_id}.pt")
    setup = Setup.of(case, study, baseline)
    arm = train_arm(setup)
    metrics = {name: float(value[0]) for name, value in arm.test.measures().items()}
    metrics |= {"steps": arm.steps, "chosen_weight": arm.weight, "epoch_seconds": _epoch_seconds(arm.epochs)}
    flags, load = [*arm.flags, *_left_out(setup)], {}
    if study.training.arm != "gene-mse":
        metrics |= _gains(setup, arm, details)
        if case.measure.timed:
            with watched_load() as load:
                timings = _timings(setup)
            write_table(details / "timings.parquet", timings)
            metrics |= time_metrics(timings) | overhead(timings)
    _write_details(setup, arm, details)
    return {
        "status": "done",
        "problem": facts(setup),
        "flags": flags,
        "process": load,
        "metrics": {name: float(value) for name, value in metrics.items() if math.isfinite(value)},
    }


def _gains(setup: Setup, arm: Arm, details: Path) -> dict[str, float]:
    """What an arm has more than the loss on genes alone, with intervals of the paired bootstrap over test compounds."""
    training = setup.study.training
    draws = resampling(len(setup.study.test), training.resamples, training.seed)
    metrics, resampled = _compare(arm.test, setup.baseline.test, {name: name for name in MEASURES}, draws)
    if not setup.trained_are_judged:
        own = _compare(*_by_trained_pathways(setup, arm), {OWN: "pathway_correlation"}, draws)
        metrics, resampled = metrics | own[0], resampled | own[1]
    write_table(details / "bootstrap.parquet", pd.DataFrame(resampled).astype("float32"))
    return metrics


def _compare(
    mine: Judged, before: Judged, wanted: dict[str, str], draws: np.ndarray
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Metrics by their name, from the measure of another name; and the gain in each resample."""
    (after, first), (many, many_first) = (
        [each.measures(weights) for each in (mine, before)] for weights in (None, draws)
    )
    metrics, resampled = {}, {}
    for name, measure in wanted.items():
        gains = many[measure] - many_first[measure]
        ends = interval(gains)
        metrics[name] = float(after[measure][0])
        metrics[f"baseline_{name}"] = float(first[measure][0])
        metrics[f"gain_{name}"] = metrics[name] - metrics[f"baseline_{name}"]
        metrics |= {f"gain_{name}_low": ends[0], f"gain_{name}_high": ends[1]} if ends else {}
        resampled[f"gain_{name}"] = gains
    return metrics, resampled


def _by_trained_pathways(setup: Setup, arm: Arm) -> tuple[Judged, Judged]:
    """The arm and the loss on genes alone, judged by the pathways that the arm was trained with."""
    judge, test = setup.judge_of_trained, setup.study.test
    true = judge.scores(test.expression.cpu())
    mine, before = (judge_model(judge, model, test, true) for model in (arm.model, setup.baseline.model(setup.study)))
    return mine, before


def _write_details(setup: Setup, arm: Arm, details: Path) -> None:
    study, before = setup.study, setup.baseline.test
    write_table(details / "epochs.parquet", arm.epochs)
    if arm.candidates is not None:
        write_table(details / "weights.parquet", arm.candidates)
    names = list(study.judged.names)
    compared = {f"baseline_{name}": values for name, values in before.per_pathway().items()}
    write_table(details / "pathways.parquet", pd.DataFrame({"pathway": names, **arm.test.per_pathway(), **compared}))
    compounds = [study.compounds.names[number] for number in study.split.test.tolist()]
    scores = {
        "true": arm.test.true.dnes,
        "predicted": arm.test.predicted.dnes,
        "baseline": before.predicted.dnes,
        "true_nes": arm.test.true.nes,
        "predicted_nes": arm.test.predicted.nes,
        "baseline_nes": before.predicted.nes,
    }
    table = {"compound": np.repeat(compounds, len(names)), "pathway": np.tile(names, len(compounds))}
    table |= {name: values.ravel() for name, values in scores.items()}
    write_table(details / "predictions.parquet", pd.DataFrame(table))


def _epoch_seconds(epochs: pd.DataFrame) -> float:
    """Median wall time of an epoch with the loss of the arm: for a hybrid, those with a weight above 0."""
    counted = epochs[(epochs["epoch"] > 0) & (epochs["weight"] != 0)]
    return float(counted["seconds"].median())


def facts(setup: Setup) -> dict[str, Any]:
    """Sizes of what was trained and judged on, and pathways left out by reason."""
    study, split = setup.study, setup.study.split
    reasons = list(setup.pathways.dropped.values())
    return {
        "genes": len(study.compounds.genes),
        "compounds": len(study.compounds),
        "train": len(split.train),
        "validation": len(split.validation),
        "test": len(split.test),
        "features": study.features.shape[1],
        "pathways": len(setup.pathways),
        "sets": len(setup.pathways.gene_sets),
        "dropped": {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
    }


def _left_out(setup: Setup) -> list[str]:
    """The pathways that are left out, by name, the first of many."""
    found = {**setup.study.judged.dropped, **setup.pathways.dropped}
    told = [f"pathway {name!r} is left out: {reason}" for name, reason in list(found.items())[:MOST_TOLD]]
    return [*told, f"{len(found) - MOST_TOLD:,} more pathways are left out"] if len(found) > MOST_TOLD else told


def _timings(setup: Setup) -> pd.DataFrame:
    """Raw seconds of a training step with the loss on genes alone, and with that on pathways beside, in turns."""
    study, training = setup.study, setup.study.training
    chosen = torch.arange(min(training.batch, len(study.train)))
    batch = Samples(study.train.features[chosen], study.train.expression[chosen])
    watch = stopwatch_for(study.device)
    steps = {"gene_step": Objective(), "step": setup.objective(genes=1.0, weight=1.0, warmup_steps=0)}
    models = {name: setup.baseline.model(study) for name in steps}
    optimizers = {name: make_optimizer(model, training, training.learning_rate) for name, model in models.items()}

    def call() -> dict[str, float]:
        seconds = {}
        for name, objective in steps.items():
            watch.rest()
            start = watch.mark()
            take_step(models[name], optimizers[name], objective, batch, chosen, training.clip)
            seconds[name] = watch.seconds(start, watch.mark())
        return seconds

    return repeat(call, setup.case.measure)


def overhead(timings: pd.DataFrame) -> dict[str, float]:
    """What the pathway loss adds to a step, as a share of it: the median over pairs of steps, with its 95 % interval.

    The two steps of a pair follow one another, so that what else the machine does counts for both.
    """
    timed = timings[~timings["warm_up"]].pivot(index="repeat", columns="phase", values="seconds")
    ratio = (timed["step"] / timed["gene_step"]).to_numpy() - 1
    low, high = median_interval(ratio)
    return {"step_overhead": float(np.median(ratio)), "step_overhead_low": low, "step_overhead_high": high}
