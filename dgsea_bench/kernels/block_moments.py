"""The softmax of `signed_softmax` in less than a step per position, by moments of the base curve over blocks of them.

Outside the windows of its hits a set's running sum is a level less a share of the base curve, C(t) = c - a·A(t). Over a
block of positions, with Ā the mean of A there, δ_t = A(t) - Ā and S_k = Σ_t δ_t^k, and with C of one sign s over it,

    Σ_t exp(s C(t) / τ)      = exp(s C̄ / τ) · Σ_k η^k S_k / k!              η = -s a / τ,  C̄ = c - a Ā
    Σ_t C(t) exp(s C(t) / τ) = the same · C̄ - exp(s C̄ / τ) · a · Σ_k η^k S_(k+1) / k!

are cut off after S_4, the idea of fast Gauss transforms and multipole methods (Greengard and Strain 1991, doi
10.1137/0912004). The moments belong to the profile: one exponential and a polynomial then serve a block of a set. With
R the largest abs(δ) of a block what is cut off is about (ηR)^5 / 120 of the sum and aR (ηR)^4 / 24; where that exceeds
PRECISION, where a window lies, and where C changes its sign, positions are taken one by one. The gradient is cut off at
the same order, which leaves some five times as much.
"""

from typing import NamedTuple

import numpy as np

from dgsea_bench.core.compiled import compiled
from dgsea_bench.kernels.exponential import LOG2_E, power_of_two

ORDERS = 5
"""Moments 0 .. 4."""
PRECISION = 1e-13
NO_LIMIT = 1e300
"""More than any radius of a block that is full; that of one which is not is infinite."""


class Blocks(NamedTuple):
    """The base curve of a profile over blocks of `width` positions, a multiple of STEP, the last one filled up.

    Attributes:
        mean: (blocks,) Ā. radius: (blocks,) R, infinity for a block that is not full. moments: (ORDERS, blocks) S_k.
    """

    width: int
    mean: np.ndarray
    radius: np.ndarray
    moments: np.ndarray


def room_for_blocks(positions: int, width: int) -> Blocks:
    """Room for the blocks of so many positions."""
    count = -(-positions // width)
    return Blocks(width, np.zeros(count), np.zeros(count), np.zeros((ORDERS, count)))


@compiled(fast=True, inline=True)
def fill_blocks(base: np.ndarray, blocks: Blocks) -> None:
    """Fill the blocks from base (positions,), A at each position; S_1 is 0 but for rounding, and taken as 0."""
    for i in range(len(blocks.mean)):
        part = base[i * blocks.width : (i + 1) * blocks.width]
        mean = 0.0
        for value in part:
            mean += value / len(part)
        radius, second, third, fourth = 0.0, 0.0, 0.0, 0.0
        for value in part:
            delta = value - mean
            square = delta * delta
            radius = max(radius, abs(delta))
            second += square
            third += square * delta
            fourth += square * square
        blocks.mean[i] = mean
        blocks.radius[i] = radius if len(part) == blocks.width else np.inf
        moments = blocks.moments[:, i]
        moments[0], moments[2], moments[3], moments[4] = len(part), second, third, fourth


@compiled(inline=True)
def radius_to_trust(share: float, tau: float) -> float:
    """The largest R for which what is cut off stays below PRECISION, for a set that takes `share` of the base curve."""
    slope = share / tau
    if slope == 0.0:
        return NO_LIMIT
    return float(min(NO_LIMIT, (120 * PRECISION) ** 0.2 / slope, (24 * PRECISION / share) ** 0.2 / slope**0.8))


@compiled(fast=True, inline=True)
def sums_over_blocks(
    centres: np.ndarray, whole: np.ndarray, blocks: Blocks, share: float, tau: float
) -> tuple[float, float]:
    """Σ e and Σ C e over the positions of blocks, e = exp(abs(C) / τ), as `sums_of_exponentials`.

    centres (blocks,) are C̄; whole (blocks,) is 1 for blocks that count and 0 for those taken position by position.
    """
    total, weighted = 0.0, 0.0
    count, second, third, fourth = blocks.moments[0], blocks.moments[2], blocks.moments[3], blocks.moments[4]
    for i in range(len(centres)):
        e = whole[i] * power_of_two(abs(centres[i]) * (LOG2_E / tau))
        eta = (-share if centres[i] >= 0 else share) / tau
        sums = count[i] + eta * eta * (second[i] / 2 + eta * (third[i] / 6 + eta * fourth[i] / 24))
        firsts = eta * (second[i] + eta * (third[i] / 2 + eta * fourth[i] / 6))
        total += e * sums
        weighted += e * (centres[i] * sums - share * firsts)
    return total, weighted


@compiled(fast=True, inline=True)
def gradient_of_blocks(
    centres: np.ndarray,
    whole: np.ndarray,
    blocks: Blocks,
    share: float,
    tau: float,
    score: float,
    log_total: float,
    gradient: float,
    polynomials: np.ndarray,
    sums: np.ndarray,
) -> None:
    """∂L/∂C(t) over blocks, as a polynomial in δ_t: Σ_k c_k δ^k with c_k = g ω̄ η^k (p / k! + 1 / (k-1)!).

    Here ω̄ = exp(abs(C̄) / τ) / Z and p = 1 + s (C̄ - dES) / τ. Subtracts share · c_k from polynomials (ORDERS, blocks),
    ∂L/∂A, and fills sums (blocks,) with Σ_t ∂L/∂C(t); 0 where a block does not count.
    """
    for i in range(len(centres)):
        weight = gradient * whole[i] * power_of_two(abs(centres[i]) * (LOG2_E / tau) - log_total)
        sign = 1.0 if centres[i] >= 0 else -1.0
        eta = -sign * share / tau
        p = 1.0 + sign * (centres[i] - score) / tau
        c0 = weight * p
        weight *= eta
        c1 = weight * (p + 1.0)
        weight *= eta
        c2 = weight * (p / 2 + 1.0)
        weight *= eta
        c3 = weight * (p / 6 + 0.5)
        weight *= eta
        c4 = weight * (p / 24 + 1.0 / 6)
        sums[i] = (
            c0 * blocks.moments[0, i]
            + c2 * blocks.moments[2, i]
            + c3 * blocks.moments[3, i]
            + c4 * blocks.moments[4, i]
        )
        polynomials[0, i] -= share * c0
        polynomials[1, i] -= share * c1
        polynomials[2, i] -= share * c2
        polynomials[3, i] -= share * c3
        polynomials[4, i] -= share * c4


@compiled(fast=True, inline=True)
def add_polynomials(base: np.ndarray, blocks: Blocks, polynomials: np.ndarray, gradient: np.ndarray) -> None:
    """Add to gradient (positions,), ∂L/∂A, the polynomials (ORDERS, blocks) in δ at each position of base."""
    for i in range(len(blocks.mean)):
        c0, c1, c2 = polynomials[0, i], polynomials[1, i], polynomials[2, i]
        c3, c4 = polynomials[3, i], polynomials[4, i]
        part = slice(i * blocks.width, (i + 1) * blocks.width)
        values, into = base[part], gradient[part]
        for t in range(len(values)):
            delta = values[t] - blocks.mean[i]
            into[t] += c0 + delta * (c1 + delta * (c2 + delta * (c3 + delta * c4)))
