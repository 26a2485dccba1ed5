"""Each measured number: what it says, its unit, which way is better; and how accuracy is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

MIN_SETS_FOR_RANK_CORRELATION = 10
SAMPLED_GENES = 256


@dataclass(frozen=True)
class Metric:
    """A column of the results. `worst` is its worst possible value, None where there is no bound."""

    title: str
    unit: str
    better: Literal["lower", "higher"]
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
    "forward_seconds": Metric("time of the forward pass", "s", "lower"),
    "backward_seconds": Metric("time of the backward pass", "s", "lower"),
    "step_seconds": Metric("time of forward and backward pass", "s", "lower"),
    "forward_peak_mib": Metric("peak memory of the forward pass", "MiB", "lower"),
    "step_peak_mib": Metric("peak memory of forward and backward pass", "MiB", "lower"),
}
"""Times are medians; ``<name>_q1`` and ``<name>_q3`` beside them are quartiles."""


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
        each = [stats.spearmanr(a, b).statistic for a, b in zip(value, classical) if np.ptp(a) > 0 and np.ptp(b) > 0]
        if each:
            result["es_spearman"] = float(np.median(each))
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
    fit = stats.linregress(np.log(sizes), np.log(costs))
    margin = stats.t.ppf(0.975, len(sizes) - 2) * np.nan_to_num(fit.stderr)  # scipy: NaN if all costs are equal
    return Growth(
        float(fit.slope), float(fit.slope - margin), float(fit.slope + margin), (float(min(sizes)), float(max(sizes)))
    )
