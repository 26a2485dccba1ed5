"""Scores of many kinds, each from a generator of random numbers and a shape (profiles, genes)."""

import numpy as np


def with_outliers(rng, shape):
    scores = rng.standard_normal(shape)
    scores[:, 0], scores[:, -1] = 1e12, -1e12
    return scores


KINDS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "tied": lambda rng, shape: rng.standard_normal(shape).round(1),
    "a third zeros": lambda rng, shape: rng.standard_normal(shape) * (rng.random(shape) > 1 / 3),
    "all equal": lambda rng, shape: np.full(shape, rng.standard_normal()),
    "outliers": with_outliers,
    "heavy tails": lambda rng, shape: rng.standard_t(3, shape),
    "large": lambda rng, shape: 1e3 * rng.standard_normal(shape),
    # Not 1e-12: a gradient is a difference of numbers of the order of 1, divided by the sum of a set's scores. There
    # `exact` itself is 1e-3 away from the truth in extended precision.
    "small": lambda rng, shape: 1e-3 * rng.standard_normal(shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
}
