"""Pearson's correlation with a gradient that is always finite."""

import torch
from torch import Tensor

ROUNDING = 16
"""Values that differ by no more than so many times the rounding of the largest are one constant."""


def correlation(x: Tensor, y: Tensor, valid: Tensor, dimension: int) -> tuple[Tensor, Tensor]:
    """Pearson's r along a dimension of the values that are valid, 0 where either is constant; and where that is so."""
    (x, x_constant), (y, y_constant) = (_standardised(values, valid, dimension) for values in (x, y))
    return (x * y).sum(dimension), x_constant | y_constant


def _standardised(values: Tensor, valid: Tensor, dimension: int) -> tuple[Tensor, Tensor]:
    """Deviations from the mean, of length 1, or 0 without a gradient where values are constant; and where they are."""
    values = values.masked_fill(~valid, 0.0)
    mean = values.sum(dimension, keepdim=True) / valid.sum(dimension, keepdim=True).clamp_min(1)
    deviations = (values - mean).masked_fill(~valid, 0.0)
    spread, largest = (x.detach().abs().amax(dimension, keepdim=True) for x in (deviations, values))
    limits = torch.finfo(values.dtype)
    constant = spread <= (ROUNDING * limits.eps * largest).clamp_min(limits.tiny)
    # Scaled by the largest first, so that no square underflows.
    scaled = (deviations / spread.masked_fill(constant, 1.0)).masked_fill(constant, 0.0)
    length = scaled.square().sum(dimension, keepdim=True).masked_fill(constant, 1.0).sqrt()
    return scaled / length, constant.squeeze(dimension)
