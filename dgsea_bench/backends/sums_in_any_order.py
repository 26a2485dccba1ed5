"""Sums of numbers that meet in one place, bitwise the same in whatever order they arrive.

Floating point sums depend on their order, and on a GPU that of atomic additions is not known. Whole numbers do not:
values are scaled by their largest, rounded to as many bits as leave room for all that meet, and added as integers.
"""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

BITS = 62
"""Of a signed 64-bit integer, less one to be safe from rounding."""


def add_up(
    values: Float64[Tensor, "rows numbers"],
    places: Int64[Tensor, "rows numbers"],
    size: int,
    most: int,
    largest: float | None = None,
) -> Float64[Tensor, "rows size"]:
    """(rows, size) sums of the values that share a place 0 .. size - 1 of their row.

    No more than `most` values may meet in one place. A value is rounded to 2^-(62 - log2 most) of the largest of its
    row, or of `largest`, if it is known: 4e-15 where 1,000 meet. A row that holds a value that is not finite has no
    finite sum.
    """
    bits = BITS - max(1, most).bit_length()
    if largest is None:
        unit = values.abs().amax(-1, keepdim=True) * 2.0**-bits
        scaled = values / unit.masked_fill(unit == 0, 1.0)
    else:
        unit = torch.tensor(largest * 2.0**-bits, dtype=torch.float64)  # of no dimension, it may stay on the host
        scaled = values * (2.0**bits / largest)
    rows = torch.arange(0, len(values) * size, size, device=values.device)[:, None]
    whole = torch.zeros(len(values) * size, dtype=torch.int64, device=values.device)
    # In one dimension, which torch knows to be deterministic.
    whole.scatter_add_(0, (places + rows).flatten(), scaled.round_().long().flatten())
    sums: Tensor = whole.double().unflatten(0, (-1, size)).mul_(unit)
    return sums


def running_total(values: Float64[Tensor, "rows numbers"], largest: float) -> Float64[Tensor, "rows numbers"]:
    """(rows, numbers) sums of the values up to each, none of them above `largest`; rounded in the same way."""
    one = 2.0 ** (BITS - int(largest * values.shape[1] + 1).bit_length())
    return (values * one).round_().long().cumsum(-1).double() / one
