"""Rows of trained models: seeds pooled to experiments, experiments to studies; gains and differences with intervals."""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from dgsea_bench.bench.results import Row
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.report.rows import Run, kind_of_scores

TASK = "training"
GENES_ALONE, HYBRID, PATHWAYS_ALONE = "gene-mse", "hybrid", "dgsea"
PATHWAY, GENE = "pathway_correlation", "gene_correlation"
NAMES = (
    PATHWAY, "pathway_sign_accuracy", "pathway_mse", GENE, "top_gene_correlation", "gene_rmse", "nes_correlation",
    "nes_sign_accuracy", "nes_mse",
)  # fmt: skip
"""What models are judged by, each with ``baseline_`` and ``gain_`` beside it."""
OWN = "own_correlation"
FOILS = ("straight-through",)
"""Labels that stand for no way of computing dGSEA."""
OF_A_HYBRID = ("weights", "warmup_steps", "most_gene_correlation_lost")
"""Settings that only some arms have, so that the others are of the same study whatever they say."""
TOLD_BY_NAME = {"arm", "pathways", "judged_by", "encoder", "seed", *OF_A_HYBRID}
Settings = tuple[tuple[str, str], ...]


IN_WORDS = {"top_gene_correlation": "top-50 gene correlation", OWN: "correlation on the gene sets trained with"}
ABBREVIATED = ("mse", "rmse", "nes")
"""Words of metrics that are written in capitals."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval.

    Attributes:
        low, high: None where there is no interval, for the reason `why`.
        by_seed: seed -> its own value.
    """

    value: float
    low: float | None
    high: float | None
    by_seed: Mapping[int, float]
    why: str = ""

    @property
    def side(self) -> int:
        """1 where the whole interval is above 0, −1 where it is below, 0 where it holds 0 or is not known."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0

    @property
    def above_zero(self) -> int:
        """In how many seeds it is above 0."""
        return sum(value > 0 for value in self.by_seed.values())


@dataclass(frozen=True)
class Variant:
    """What a model was trained with, beside the backend; `own` are the settings of a hybrid alone."""

    arm: str
    pathways: str
    temperatures: Settings
    own: Settings


@dataclass(frozen=True, eq=False)
class Experiment:
    """Rows that differ in their seed alone.

    Attributes:
        rows: seed -> its row, of those that finished. unfinished: the others.
        rest: settings that all experiments of a study share.
    """

    run: Run
    label: str
    variant: Variant
    judged_by: str
    encoder: str
    rest: Settings
    rows: Mapping[int, Row]
    unfinished: tuple[Row, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that finished, in order."""
        return tuple(self.rows)

    @property
    def is_foil(self) -> bool:
        """Whether it stands beside the backends that compute dGSEA, without being one."""
        rows = [*self.rows.values(), *self.unfinished]
        return self.label.partition("[")[0] in FOILS or rows[0].target != "dgsea"

    def known(self, metric: str, seeds: Collection[int] | None = None) -> dict[int, float]:
        """Seed -> a metric, of seeds where it is a number."""
        chosen = [seed for seed in self.rows if seeds is None or seed in seeds]
        found = {seed: self.rows[seed].metrics.get(metric) for seed in chosen}
        return {seed: value for seed, value in found.items() if value is not None and math.isfinite(value)}

    def mean(self, metric: str, seeds: Collection[int] | None = None) -> float | None:
        """A metric's mean over the seeds that have it."""
        values = list(self.known(metric, seeds).values())
        return float(np.mean(values)) if values else None

    def gain(self, name: str, seeds: Collection[int] | None = None) -> Estimate | None:
        """How much better than the model of the same seed that was trained on genes alone; None if not known.

        The interval holds the middle 95 % of the means over seeds of resample b of the test compounds.
        """
        metric = f"gain_{name}"
        known = self.known(metric, seeds)
        if not known:
            return None
        value = float(np.mean(list(known.values())))
        drawn, why = self._resampled(metric, tuple(known))
        if drawn is None and len(known) == 1:
            row = self.rows[next(iter(known))]
            low, high = (row.metrics.get(f"{metric}_{end}") for end in ("low", "high"))
            if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
                return Estimate(value, low, high, known)
        return _estimate(value, drawn, known, why)

    @cached_property
    def resamples(self) -> dict[int, pd.DataFrame | None]:
        """Seed -> gains on resampled test compounds, a row per resample; None where the details are missing."""
        return {seed: self.run.details(row, "bootstrap") for seed, row in self.rows.items()}

    def _resampled(self, metric: str, seeds: Sequence[int]) -> tuple[np.ndarray | None, str]:
        """(seeds, resamples) of a gain; or None, and why."""
        frames = [self.resamples[seed] for seed in seeds]
        columns = [frame[metric].to_numpy(float) for frame in frames if frame is not None and metric in frame]
        if len(columns) < len(seeds):
            missing = [seed for seed, frame in zip(seeds, frames) if frame is None or metric not in frame]
            return None, f"no resamples of {in_seeds(missing)}"
        if len({len(column) for column in columns}) > 1:
            return None, "its seeds have different numbers of resamples"
        return np.stack(columns), ""


def in_seeds(seeds: Sequence[int]) -> str:
    """``seed 0``, ``seeds 0, 1 and 2``."""
    numbers = [str(seed) for seed in seeds]
    told = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"seed{'s' if len(numbers) > 1 else ''} {told}"


def shared_seeds(one: Experiment, other: Experiment) -> tuple[int, ...]:
    """Seeds that both have finished."""
    return tuple(seed for seed in one.seeds if seed in other.rows)


def difference(one: Experiment, other: Experiment, name: str = PATHWAY) -> Estimate | None:
    """The gain of `one` minus that of `other`, paired by seed and by resample; None without a seed that both have."""
    metric = f"gain_{name}"
    mine, theirs = one.known(metric), other.known(metric)
    seeds = tuple(seed for seed in mine if seed in theirs)
    if not seeds:
        return None
    apart = {seed: mine[seed] - theirs[seed] for seed in seeds}
    value = float(np.mean(list(apart.values())))
    (drawn, why), (others, why_not) = (each._resampled(metric, seeds) for each in (one, other))
    if drawn is None or others is None:
        return _estimate(value, None, apart, why or why_not)
    if drawn.shape != others.shape:
        return _estimate(value, None, apart, "the two have different numbers of resamples")
    return _estimate(value, drawn - others, apart, "")


def _estimate(value: float, drawn: np.ndarray | None, by_seed: Mapping[int, float], why: str) -> Estimate:
    if drawn is None:
        return Estimate(value, None, None, by_seed, why)
    means = drawn.mean(axis=0)
    means = means[np.isfinite(means)]
    if not len(means):
        return Estimate(value, None, None, by_seed, "no resample has a number")
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(value, float(low), float(high), by_seed)


@dataclass(frozen=True)
class Study:
    """Experiments on the same data that are judged alike; `name` tells it from others, empty if there are none."""

    name: str
    experiments: tuple[Experiment, ...]

    @cached_property
    def trained(self) -> tuple[Experiment, ...]:
        """Those with a pathway loss that finished at least once."""
        return tuple(each for each in self.experiments if each.variant.arm != GENES_ALONE and each.rows)

    @cached_property
    def baseline(self) -> Experiment | None:
        """The model of genes alone, where it is a case of its own."""
        found = (each for each in self.experiments if each.variant.arm == GENES_ALONE and each.rows)
        return next(found, None)

    @cached_property
    def main(self) -> Variant | None:
        """What the study is about: a hybrid of the pathways that it is judged by, at the temperatures for training."""
        if not self.trained:
            return None
        usual = settings_of(asdict(EnrichmentParams.preset("training")))

        def rank(each: Experiment) -> tuple[object, ...]:
            variant = each.variant
            hybrid = (HYBRID, PATHWAYS_ALONE).index(variant.arm) if variant.arm in (HYBRID, PATHWAYS_ALONE) else 2
            own = variant.pathways != each.judged_by
            return (each.is_foil, own, hybrid, variant.temperatures != usual, each.label != "exact", -len(each.rows))

        return min(self.trained, key=rank).variant

    def of_variant(self, variant: Variant) -> list[Experiment]:
        """What was trained so, exact first."""
        found = [each for each in self.trained if each.variant == variant]
        return sorted(found, key=lambda each: (each.is_foil, each.label != "exact", each.label != "fastsum"))

    @cached_property
    def variants(self) -> list[Variant]:
        """Of all that finished, the main one first, others that differ least from it next."""
        main = self.main
        found = dict.fromkeys(each.variant for each in self.trained)
        if main is None:
            return []
        return sorted(found, key=lambda each: sum(a != b for a, b in zip(_parts(each), _parts(main))))

    @cached_property
    def reference(self) -> Experiment | None:
        """That of exact in the main variant; else the one that is nearest to it."""
        return self.of_variant(self.main)[0] if self.main else None


def _parts(variant: Variant) -> tuple[object, ...]:
    return variant.arm, variant.pathways, variant.temperatures, variant.own


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Settings as texts, in the order of their names."""
    return tuple((name, as_text(values[name])) for name in sorted(values))


def as_text(value: Any) -> str:
    """A setting in words: ``0.01, 0.1``, ``none``."""
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value)) or "none"
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def experiments(run: Run) -> list[Experiment]:
    """Rows of the task grouped; of a case on several machines the last row counts."""
    found: dict[tuple[object, ...], Experiment] = {}
    for row in run.rows:
        if row.task != TASK:
            continue
        empty = _experiment(run, row)
        key = (empty.label, empty.variant, empty.judged_by, empty.encoder, empty.rest)
        each = found.get(key, empty)
        if row.status == "done":
            rows = dict(sorted({**each.rows, _seed(row): row}.items()))
            found[key] = replace(each, rows=rows)
        else:
            found[key] = replace(each, unfinished=(*each.unfinished, row))
    return list(found.values())


def _seed(row: Row) -> int:
    return int(row.case.get("training", {}).get("seed", 0))


def _experiment(run: Run, row: Row) -> Experiment:
    settings = row.case.get("training", {})
    arm = str(settings.get("arm", HYBRID))
    temperatures = settings_of(row.case.get("params", {})) if arm != GENES_ALONE else ()
    own = {name: settings[name] for name in OF_A_HYBRID if name in settings} if arm != GENES_ALONE else {}
    pathways = str(settings.get("pathways", "")) if arm != GENES_ALONE else ""
    rest = {name: value for name, value in settings.items() if name not in TOLD_BY_NAME}
    rest |= {f"source {name}": value for name, value in row.case.get("source", {}).items()}
    rest |= {name: row.case[name] for name in ("dtype", "device", "threads") if name in row.case}
    own_file = settings.get("pathways") if settings.get("pathways") != settings.get("judged_by") else None
    files = {path: digest[:12] for path, digest in row.inputs.items() if path != own_file}
    rest |= {f"sha256 of {run.file_names.get(path, path)}": digest for path, digest in files.items()}
    return Experiment(
        run,
        row.label,
        Variant(arm, pathways, temperatures, settings_of(own)),
        str(settings.get("judged_by", "")),
        str(settings.get("encoder", "")),
        settings_of(rest),
        {},
        (),
    )


def studies(run: Run) -> list[Study]:
    """Those with most finished rows first."""
    groups: dict[tuple[object, ...], list[Experiment]] = {}
    for each in experiments(run):
        groups.setdefault((each.encoder, each.judged_by, each.rest), []).append(each)
    names = _told_apart([group[0] for group in groups.values()])
    named = [Study(name, tuple(group)) for name, group in zip(names, groups.values())]
    return sorted(named, key=lambda study: -sum(len(each.rows) for each in study.experiments))


def _told_apart(firsts: Sequence[Experiment]) -> list[str]:
    """The settings by which studies differ, as few as tell all of them apart: ``encoder morgan``."""
    settings = []
    for each in firsts:
        rest = sorted(each.rest, key=lambda item: item[0].startswith("source "))
        row = next(iter([*each.rows.values(), *each.unfinished]))
        known = {"encoder": each.encoder, "data": kind_of_scores(row), "judged by": each.judged_by}
        settings.append(known | dict(rest))
    chosen: list[str] = []

    def names(more: Sequence[str]) -> list[str]:
        return [", ".join(f"{name} {each.get(name, 'none')}" for name in more) for each in settings]

    for name in dict.fromkeys(name for each in settings for name in each):
        if len(set(names([*chosen, name]))) > len(set(names(chosen))):
            chosen.append(name)
    return names(chosen)


def finished(found: Iterable[Study]) -> bool:
    """Whether any model with a pathway loss is among them."""
    return any(study.trained for study in found)


def short(metric: str) -> str:
    """``pathway correlation``, ``pathway MSE``, ``top-50 gene correlation``."""
    if metric in IN_WORDS:
        return IN_WORDS[metric]
    return " ".join(word.upper() if word in ABBREVIATED else word for word in metric.split("_"))


def are_one_model(one: Experiment, other: Experiment) -> bool:
    """Whether validation chose λ 0 for both in all seeds that they share: then no pathway loss tells them apart."""
    seeds = shared_seeds(one, other)
    chosen = [each.known("chosen_weight", seeds) for each in (one, other)]
    return bool(seeds) and all(set(found) == set(seeds) and not any(found.values()) for found in chosen)


def continued(experiment: Experiment, name: str = PATHWAY) -> dict[int, float]:
    """Seed -> what a hybrid gains on test compounds at λ 0, trained on without a pathway loss; where that was tried."""
    found = {}
    for seed, before in experiment.known(f"baseline_{name}").items():
        table = experiment.run.details(experiment.rows[seed], "weights")
        if table is not None:
            at_zero = table[(table["weight"] == 0) & (table["split"] == "test")]
            for value in at_zero[name].dropna():
                found[seed] = float(value) - before
    return found
