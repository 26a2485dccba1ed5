"""The softmax-weighted extremum of a running sum, over its positions one by one, and its gradient.

    dES = Σ_t ω_t C(t),   ω_t = exp(abs(C(t)) / τ - log Z),   Z = Σ_t exp(abs(C(t)) / τ)
    ∂dES/∂C(t) = ω_t (1 + sign(C(t)) (C(t) - dES) / τ)

Since abs(C) <= 1, no shift is needed for 1 / τ <= STEEPEST; beyond it exponents are taken relative to the largest.
Nothing but dES and log2 Z is kept for the gradient, as in streaming attention (Dao et al. 2022, arXiv 2205.14135).
"""

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two

STEEPEST = 600.0
"""exp(STEEPEST) is 2^866."""


@compiled
def signed_softmax(curve: np.ndarray, tau: float) -> tuple[float, float]:
    """The dES and log2 Z of curve (positions,)."""
    shift = 0.0
    if tau * STEEPEST < 1.0:
        for value in curve:
            shift = max(shift, abs(value) * (LOG2_E / tau))
    total, weighted = sums_of_exponentials(curve, LOG2_E / tau, shift)
    return weighted / total, np.log2(total) + shift


@compiled(fast=True)
def sums_of_exponentials(curve: np.ndarray, steepness: float, shift: float) -> tuple[float, float]:
    """Σ e and Σ C e with e = 2^(abs(C) · steepness - shift)."""
    total, weighted = 0.0, 0.0
    for t in range(len(curve)):
        e = power_of_two(abs(curve[t]) * steepness - shift)
        total += e
        weighted += e * curve[t]
    return total, weighted


@compiled(fast=True, inline=True)
def signed_softmax_gradient(
    curve: np.ndarray, tau: float, score: float, log_total: float, gradient: float, result: np.ndarray
) -> None:
    """Fill result (positions,), ∂L/∂C, from gradient, ∂L/∂dES, and the dES and log2 Z of `signed_softmax`."""
    for t in range(len(curve)):
        share = power_of_two(abs(curve[t]) * (LOG2_E / tau) - log_total)
        away = (curve[t] - score) / tau
        result[t] = gradient * share * (1.0 + (away if curve[t] >= 0 else -away))
