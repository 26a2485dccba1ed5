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
    values: Float64[Tensor, "rows numbers"], places: Int64[Tensor, "rows numbers"], size: int, most: int
) -> Float64[Tensor, "rows size"]:
    """(rows, size) sums of the values that share a place 0 .. size - 1 of their row.

    No more than `most` values may meet in one place. A value is rounded to 2^-(62 - log2 most) of the largest of its
    row: 4e-15 where 1,000 meet. A row that holds a value that is not finite becomes NaN.
    """
    largest = values.abs().amax(-1, keepdim=True)
    one = 2.0 ** (BITS - max(1, most).bit_length())
    scaled = values * (one / largest.masked_fill(largest == 0, 1.0))
    rows = torch.arange(len(values), device=values.device)[:, None]
    whole = torch.zeros(len(values) * size, dtype=torch.int64, device=values.device)
    # In one dimension, which torch knows to be deterministic.
    whole.scatter_add_(0, (places + rows * size).flatten(), scaled.round_().long().flatten())
    sums: Tensor = whole.double().unflatten(0, (-1, size))
    return sums.mul_(largest / one).add_(largest - largest)


def running_total(values: Float64[Tensor, "rows numbers"], largest: float) -> Float64[Tensor, "rows numbers"]:
    """(rows, numbers) sums of the values up to each, none of them above `largest`; rounded in the same way."""
    one = 2.0 ** (BITS - int(largest * values.shape[1] + 1).bit_length())
    return (values * one).round_().long().cumsum(-1).double() / one
