"""2^x that a compiler can vectorise: additions, products and integer shifts, without a call or a branch."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dgsea_bench.core.compiled import compiled

LOG2_E = 1.4426950408889634

LARGEST = 1000.0
"""Exponents of 2 are kept within ±LARGEST, so that no sum of a million of powers overflows."""

NEAREST = 1.5 * 2.0**52
"""Added to a number below 2^51, it leaves the nearest whole number in the lowest bits of the sum."""

C1, C2, C3, C4, C5 = (
    0.69314718055995,
    0.24022650695910097,
    0.05550410866444772,
    0.009618129107606888,
    1.3333558230164974e-3,
)
C6, C7, C8, C9 = 1.540353044173605e-4, 1.5252657260200837e-5, 1.321544258792169e-6, 1.0208690299958306e-7
C10 = 7.072585949269223e-09
"""The polynomial of degree 10 nearest to 2^x on ±½ (Chebyshev interpolation, 1 at 0): off by at most 2.2e-16."""


@compiled(inline=True)
def power_of_two(x: float) -> float:
    """2^x for abs(x) <= LARGEST and what lies beyond taken as the limit: relative error 4e-16.

    x = k + f with k whole and abs(f) <= ½; the polynomial gives 2^f, and k is added to the bits of its exponent.
    """
    x = min(max(x, -LARGEST), LARGEST)
    shifted = x + NEAREST
    f = x - (shifted - NEAREST)
    p = C10
    p = p * f + C9
    p = p * f + C8
    p = p * f + C7
    p = p * f + C6
    p = p * f + C5
    p = p * f + C4
    p = p * f + C3
    p = p * f + C2
    p = p * f + C1
    p = p * f + 1.0
    return float(_float_of(_bits_of(p) + (_bits_of(shifted) << 52)))


@intrinsic
def _bits_of(typing: Any, value: Any) -> Any:  # noqa: ARG001
    """The 64 bits of a float64 as a whole number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _float_of(typing: Any, bits: Any) -> Any:  # noqa: ARG001
    """The float64 that has these 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate
