"""The logistic function as a polynomial, and so as a sum of exponentials.

With z = exp(-x), x >= 0, σ(x) = 1 - f(z) and σ(-x) = f(z) with f(z) = z / (1 + z), and the slope is z / (1 + z)². On
0 .. 1 both are polynomials in z to rounding:

    f(z) = Σ_m c_m z^m,   σ'(x) = Σ_m d_m z^m,   m = 1 .. TERMS.

They come of Chebyshev's: (1 - T*_n(z) / T*_n(-1)) / (1 + z), T*(z) = T(2z - 1), is a polynomial of degree n - 1, and
misses 1 / (1 + z) by no more than 1 / T_n(3), some 2 · 5.83^-n: 1e-15 for n = TERMS = 20. For the slope a remainder is
taken that is 1 with slope 0 at z = -1, which leaves 2e-14.

On a line of equidistant nodes, a power z^m = exp(-m x) falls by a constant factor from node to node. The sum of z^m
over all sources below a node so goes along from each node to the next: a sum of σ over sources costs some 2 · TERMS
products a node, whatever the temperature is, and no division (`base_curve`, `grid_sum`).
"""

from fractions import Fraction
from typing import Any

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.lanes import powers, splat

LOW, HIGH = 16, 4
TERMS = LOW + HIGH
TINY = 1e-250
"""A share of the sources, added to sums that go along, so that they never fade to numbers that
processors are slow with."""


def _divided_by_one_plus_z(numerator: list[Fraction]) -> list[Fraction]:
    """Coefficients, lowest power first, of a polynomial that is 0 at z = -1 over 1 + z."""
    quotient: list[Fraction] = []
    for coefficient in numerator[:-1]:
        quotient.append(coefficient - (quotient[-1] if quotient else 0))
    return quotient


def _polynomials() -> tuple[np.ndarray, np.ndarray]:
    """c_m and d_m, m = 1 .. TERMS."""
    before, chebyshev = [Fraction(1)], [Fraction(-1), Fraction(2)]
    for _ in range(TERMS - 1):  # T*_(n+1) = (4z - 2) T*_n - T*_(n-1)
        raised, kept = [Fraction(0), *chebyshev], [*chebyshev, Fraction(0)]
        padded = [*before, Fraction(0), Fraction(0)]
        before, chebyshev = chebyshev, [4 * a - 2 * b - c for a, b, c in zip(raised, kept, padded)]
    at = sum(c * (-1) ** m for m, c in enumerate(chebyshev))
    slope = sum(m * c * (-1) ** (m - 1) for m, c in enumerate(chebyshev))
    residue = [c / at for c in chebyshev]
    levels = _divided_by_one_plus_z([1 - residue[0], *(-c for c in residue[1:])])
    # For 1 / (1 + z)² what is left over has to be 1 with slope 0 at z = -1.
    lean = -slope / at
    bent = [(1 + lean) * a + lean * b for a, b in zip([*residue, Fraction(0)], [Fraction(0), *residue])]
    slopes = _divided_by_one_plus_z(_divided_by_one_plus_z([1 - bent[0], *(-c for c in bent[1:])]))
    return np.array(levels, dtype=float), np.array(slopes, dtype=float)


OF_LEVELS, OF_SLOPES = _polynomials()


def fading(tau: float) -> np.ndarray:
    """(TERMS,) exp(-m / τ), by which sums of z^m fade from node to node; 0 where that is 0 to rounding."""
    faded = np.exp(-np.arange(1, TERMS + 1) / tau)
    return np.where(faded > 1e-30, faded, 0.0)


@compiled(inline=True)
def powers_of(z: float) -> tuple[Any, Any]:
    """z^m for m = 1 .. TERMS, in two parts."""
    low = powers(z, LOW)
    fourth = (z * z) * (z * z)
    eighth = fourth * fourth
    return low, powers(z, HIGH) * splat(eighth * eighth, HIGH)


@compiled(fast=True, inline=True)
def tiny_beside(values: np.ndarray) -> float:
    """TINY of the magnitudes of all values: nothing where they are 0."""
    total = 0.0
    for i in range(len(values)):
        total += abs(values[i])
    return TINY * total
