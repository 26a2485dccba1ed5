"""The softmax-weighted extremum of a running sum, over its positions one by one, and its gradient.

    dES = Σ_t ω_t C(t),   ω_t = exp((abs(C(t)) - peak) / τ) / Z,   Z = Σ_t exp((abs(C(t)) - peak) / τ)
    ∂dES/∂C(t) = ω_t (1 + sign(C(t)) (C(t) - dES) / τ)

Since abs(C) <= 1, no peak need be taken off for 1 / τ <= STEEPEST: it is 0; beyond, it is the largest abs(C). Nothing
but dES and log2 Z is kept for the gradient, as in streaming attention (Dao et al. 2022, arXiv 2205.14135).
"""

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two

STEEPEST = 600.0
"""exp(STEEPEST) is 2^866."""


@compiled(inline=True)
def peak_of(curve: np.ndarray, tau: float) -> float:
    """What is taken off abs(C) of curve (positions,) before the exponential: the largest, or 0 where that will do."""
    peak = 0.0
    if tau * STEEPEST < 1.0:
        for value in curve:
            peak = max(peak, abs(value))
    return peak


@compiled(fast=True, inline=True)
def sums_of_exponentials(curve: np.ndarray, tau: float, peak: float) -> tuple[float, float]:
    """Σ e and Σ C e with e = exp((abs(C) - peak) / τ)."""
    steepness, total, weighted = LOG2_E / tau, 0.0, 0.0
    for t in range(len(curve)):
        e = power_of_two((abs(curve[t]) - peak) * steepness)
        total += e
        weighted += e * curve[t]
    return total, weighted


@compiled(fast=True, inline=True)
def signed_softmax_gradient(
    curve: np.ndarray,
    tau: float,
    score: float,
    log_total: float,
    gradient: float,
    peak: float,
    result: np.ndarray,
) -> None:
    """Fill result (positions,), ∂L/∂C of a curve or a part of it, from gradient, ∂L/∂dES, dES, log2 Z and the peak."""
    steepness = LOG2_E / tau
    for t in range(len(curve)):
        share = power_of_two((abs(curve[t]) - peak) * steepness - log_total)
        away = (curve[t] - score) / tau
        result[t] = gradient * share * (1.0 + (away if curve[t] >= 0 else -away))
