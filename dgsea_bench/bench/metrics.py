"""Each measured number: what it says, its unit, which way is better; and how accuracy is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
import scipy

MIN_SETS_FOR_RANK_CORRELATION = 10
SAMPLED_GENES = 256
ROUNDING = 1e-12
"""Relative errors below this are rounding."""
OF_A_PROFILE = ("value_error_mean", "value_error_scaled", "gradient_error", "es_spearman")
"""Metrics of scores and gradients that are told of each profile too."""


@dataclass(frozen=True)
class Metric:
    """A column of the results.

    Attributes:
        better: which way, or None where a certain value is best, as the title says.
        worst: its worst possible value, None where there is no bound.
    """

    title: str
    unit: str
    better: Literal["lower", "higher"] | None
    worst: float | None = None


METRICS: Mapping[str, Metric] = {
    "value_error_mean": Metric("mean relative error of the score", "", "lower"),
    "value_error_p95": Metric("95th percentile of the relative error", "", "lower"),
    "value_error_max": Metric("largest relative error", "", "lower"),
    "value_error_scaled": Metric("largest error / largest true score", "", "lower"),
    "gradient_error": Metric("relative L2 error of the gradient", "", "lower"),
    "gradient_cosine": Metric("cosine with the true gradient", "", "higher", -1.0),
    "rank_error": Metric("largest error of a rank, of 256 genes sampled", "positions", "lower"),
    "positions_kept": Metric("share of positions at which the running sum is taken", "", "lower", 1.0),
    "es_spearman": Metric("Spearman correlation with classical ES across sets", "", "higher", -1.0),
    "es_sign_agreement": Metric("share of sets with the sign of classical ES", "", "higher", 0.0),
    "nes_spearman": Metric("Spearman correlation of dNES with NES across sets", "", "higher", -1.0),
    "nes_spearman_lowest": Metric("the same on the profile where it is lowest", "", "higher", -1.0),
    "nes_slope": Metric("slope of dNES on NES, 1 = on the same scale", "", None),
    "top_ten_overlap": Metric(
        "share of the ten sets with the largest NES that have the largest dNES", "", "higher", 0.0
    ),
    "nes_missing": Metric("share of scores without an NES", "", "lower", 1.0),
    "nes_error_mean": Metric("mean relative error of dNES against that of exact", "", "lower"),
    "p_below": Metric("share of p-values below 0.05 where nothing is enriched, p_attainable is right", "", None),
    "p_below_released": Metric("the same by the definition of the paper's release", "", None),
    "p_attainable": Metric("share of p-values below 0.05 that so many permutations can give", "", None),
    "p_distance": Metric("largest distance of the p-values' distribution from uniform", "", "lower", 1.0),
    "gradient_share": Metric("share of genes whose gradient is at least 1 % of the largest", "", "higher", 0.0),
    "gradient_norm": Metric("norm of the gradient of a profile", "", None),
    "gradient_repeatability": Metric("cosine of the gradients at two draws of the noise", "", "higher", -1.0),
    "pathway_correlation": Metric(
        "mean over pathways of the correlation of predicted with true dNES across test compounds", "", "higher", -1.0
    ),
    "pathway_sign_accuracy": Metric("share of predicted dNES with the sign of the true one", "", "higher", 0.0),
    "pathway_mse": Metric("mean squared error of predicted dNES", "dNES²", "lower"),
    "gene_correlation": Metric(
        "mean over test compounds of the correlation of predicted with true scores across genes", "", "higher", -1.0
    ),
    "top_gene_correlation": Metric("the same over the 50 genes with the strongest true scores", "", "higher", -1.0),
    "gene_rmse": Metric("root mean squared error of predicted scores of genes", "units of the scores", "lower"),
    "nes_correlation": Metric("as pathway_correlation, of classical NES", "", "higher", -1.0),
    "nes_sign_accuracy": Metric("as pathway_sign_accuracy, of classical NES", "", "higher", 0.0),
    "nes_mse": Metric("as pathway_mse, of classical NES", "NES²", "lower"),
    "own_correlation": Metric(
        "as pathway_correlation, on the pathways that the model was trained with", "", "higher", -1.0
    ),
    "chosen_weight": Metric("weight of the pathway loss, chosen on validation compounds", "λ", None),
    "epoch_seconds": Metric("time of an epoch of training", "s", "lower"),
    "gene_step_seconds": Metric("time of a training step without the pathway loss", "s", "lower"),
    "step_overhead": Metric("what the pathway loss adds to the time of a training step", "of a step", "lower"),
    "steps": Metric("steps of the optimizer in all", "steps", None),
    "null_seconds": Metric("time of a profile's NES, null distribution included", "s", "lower"),
    "null_peak_mib": Metric("peak memory of a profile's NES", "MiB", "lower"),
    "null_reserved_mib": Metric("peak memory that a GPU's allocator reserved for a profile's NES", "MiB", "lower"),
    "forward_seconds": Metric("time of the forward pass", "s", "lower"),
    "backward_seconds": Metric("time of the backward pass", "s", "lower"),
    "step_seconds": Metric("time of forward and backward pass", "s", "lower"),
    "forward_peak_mib": Metric("peak memory of the forward pass", "MiB", "lower"),
    "forward_reserved_mib": Metric("peak memory that a GPU's allocator reserved for the forward pass", "MiB", "lower"),
    "step_peak_mib": Metric("peak memory of forward and backward pass", "MiB", "lower"),
    "step_reserved_mib": Metric(
        "peak memory that a GPU's allocator reserved for forward and backward pass", "MiB", "lower"
    ),
}
"""Times are medians of calls, correlations and overlaps of profiles; ``<name>_q1`` and ``<name>_q3`` beside them are
quartiles. ``<name>_low`` and ``<name>_high`` are a 95 % interval: of the median of a time over calls; of ``p_below``
with profiles as the units that were drawn. Of trained models ``baseline_<name>`` is the same of the model of that seed
that was trained on genes alone, and ``gain_<name>`` the value minus that, with its interval over test compounds."""

LEVEL = 0.05
"""The level at which p-values are counted."""


def value_metrics(value: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Relative error abs(value - truth) / abs(truth) per profile and set, and its scaled maximum.

    A truth of exactly zero is left out of the relative figures; the scaled one covers it.
    """
    error = np.abs(value - truth)
    relative = error[truth != 0] / np.abs(truth[truth != 0])
    result = {"value_error_scaled": float(error.max() / np.abs(truth).max()) if truth.any() else float(error.max())}
    if relative.size:
        result["value_error_mean"] = float(relative.mean())
        result["value_error_p95"] = float(np.quantile(relative, 0.95))
        result["value_error_max"] = float(relative.max())
    return result


def gradient_metrics(gradient: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Relative L2 error and cosine of the gradient of Σ u·dES with respect to all scores; nothing if it is 0."""
    norm, norm_truth = np.linalg.norm(gradient), np.linalg.norm(truth)
    if norm_truth == 0:
        return {}
    result = {"gradient_error": float(np.linalg.norm(gradient - truth) / norm_truth)}
    if norm > 0:
        result["gradient_cosine"] = float(np.vdot(gradient, truth) / (norm * norm_truth))
    return result


def agreement_metrics(value: np.ndarray, classical: np.ndarray) -> dict[str, float]:
    """Agreement of scores (B, P) with classical ES: sign, and median over profiles of Spearman across sets."""
    result = {"es_sign_agreement": float((np.sign(value) == np.sign(classical)).mean())}
    if value.shape[1] >= MIN_SETS_FOR_RANK_CORRELATION:
        each = [_spearman(a, b) for a, b in zip(value, classical) if np.ptp(a) > 0 and np.ptp(b) > 0]
        if each:
            result["es_spearman"] = float(np.median(each))
    return result


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation, ties sharing their mean rank. By pandas: loading scipy.stats would take longer than a case."""
    return float(pd.DataFrame({"a": a, "b": b}).corr("spearman").to_numpy()[0, 1])


@dataclass(frozen=True)
class Computed:
    """Scores (B, P) and the gradient (B, G) of Σ u·dES, from a backend or as they truly are; None where unknown."""

    value: np.ndarray | None = None
    gradient: np.ndarray | None = None

    def profile(self, number: int) -> "Computed":
        """That profile alone, as a batch of one."""
        return Computed(_one(self.value, number), _one(self.gradient, number))


def _one(values: np.ndarray | None, number: int) -> np.ndarray | None:
    return None if values is None else values[number, None]


def accuracy_metrics(found: Computed, truth: Computed, classical: np.ndarray | None) -> dict[str, float]:
    """Errors against the truth, and agreement with classical ES (B, P), as far as both are known."""
    metrics: dict[str, float] = {}
    if found.value is not None and truth.value is not None:
        metrics |= value_metrics(found.value, truth.value)
    if found.value is not None and classical is not None:
        metrics |= agreement_metrics(found.value, classical)
    if found.gradient is not None and truth.gradient is not None:
        metrics |= gradient_metrics(found.gradient, truth.gradient)
    return metrics


def accuracy_by_profile(found: Computed, truth: Computed, classical: np.ndarray | None) -> dict[str, np.ndarray]:
    """The metrics of `OF_A_PROFILE` for each profile alone, (B,) each; NaN where unknown."""
    profiles = range(0 if found.value is None else len(found.value))
    each = [accuracy_metrics(found.profile(one), truth.profile(one), _one(classical, one)) for one in profiles]
    return {name: np.array([metrics.get(name, np.nan) for metrics in each]) for name in OF_A_PROFILE}


def profile_agreement(nes: np.ndarray, classical: np.ndarray) -> dict[str, float]:
    """Agreement of one profile's dNES with NES, (P,) each; pairs without both are left out.

    ``spearman``, ``slope`` (of dNES on NES, least squares) and ``top_ten`` (share of the ten largest abs(NES) that are
    among the ten largest abs(dNES)); nothing with fewer than ten pairs.
    """
    known = np.isfinite(nes) & np.isfinite(classical)
    nes, classical = nes[known], classical[known]
    if len(nes) < MIN_SETS_FOR_RANK_CORRELATION or np.ptp(nes) == 0 or np.ptp(classical) == 0:
        return {}
    top, classical_top = (set(np.argsort(-np.abs(values), kind="stable")[:10].tolist()) for values in (nes, classical))
    return {
        "spearman": _spearman(nes, classical),
        "slope": float(np.polyfit(classical, nes, 1)[0]),
        "top_ten": len(top & classical_top) / 10,
    }


def share_below(p_values: np.ndarray, level: float = LEVEL) -> dict[str, float]:
    """Share of p-values (B, P) below a level, with its 95 % interval: ``share``, ``low``, ``high``.

    The sets of a profile share its scores and permutations, so profiles are the units: the interval is Student's, of
    the mean of their shares. It is missing with fewer than two profiles, or if all of them have the same share.
    """
    known = np.isfinite(p_values)
    each = [float((row[here] < level).mean()) for row, here in zip(p_values, known) if here.any()]
    if not each:
        return {}
    result = {"share": float(np.mean(each))}
    if np.ptp(each) > 0:
        margin = scipy.stats.t.ppf(0.975, len(each) - 1) * np.std(each, ddof=1) / np.sqrt(len(each))
        result |= {"low": max(0.0, result["share"] - margin), "high": min(1.0, result["share"] + margin)}
    return result


def attainable_share(of_sign: np.ndarray, level: float = LEVEL) -> float:
    """The expected share of p = (1 + n) / (1 + N) below the level where n is uniform on 0 .. N, mean over N (B, P).

    A little below the level, since only whole steps of 1 / (1 + N) can be had.
    """
    below = np.ceil(level * (1 + of_sign)) - 1
    return float(np.mean(below / (1 + of_sign)))


def gradient_health(gradients: np.ndarray) -> dict[str, float]:
    """What gradients (B, G) of one loss at B draws of the noise say of training with it, medians over profiles.

    ``share`` of genes whose gradient is at least 1 % of the profile's largest, ``norm``, and ``repeatability``: the
    cosine of the gradients of neighbouring profiles, which have the same gene sets and fresh noise.
    """
    largest = np.abs(gradients).max(axis=1, keepdims=True)
    norms = np.linalg.norm(gradients, axis=1)
    result = {
        "share": float(np.median((np.abs(gradients) >= 0.01 * largest).mean(axis=1) * (largest[:, 0] > 0))),
        "norm": float(np.median(norms)),
    }
    pairs = [(a, b) for a, b in pairwise(np.arange(len(gradients))) if norms[a] > 0 and norms[b] > 0]
    if pairs:
        cosines = [gradients[a] @ gradients[b] / (norms[a] * norms[b]) for a, b in pairs]
        result["repeatability"] = float(np.median(cosines))
    return result


@dataclass(frozen=True)
class Growth:
    """Exponent k of cost ~ size^k over measured sizes, with its 95 % confidence interval."""

    slope: float
    low: float
    high: float
    sizes: tuple[float, float]


def growth(sizes: np.ndarray, costs: np.ndarray) -> Growth | None:
    """Least squares of log cost on log size, where the cost could be seen; None for fewer than three such sizes."""
    seen = costs > 0
    sizes, costs = sizes[seen], costs[seen]
    if len(np.unique(sizes)) < 3:
        return None
    fit = scipy.stats.linregress(np.log(sizes), np.log(costs))
    margin = scipy.stats.t.ppf(0.975, len(sizes) - 2) * np.nan_to_num(fit.stderr)  # scipy: NaN if all costs are equal
    return Growth(
        float(fit.slope), float(fit.slope - margin), float(fit.slope + margin), (float(min(sizes)), float(max(sizes)))
    )
