"""Polynomials through equidistant nodes (Lagrange)."""

from fractions import Fraction

import numpy as np


def shares_of_nodes(count: int) -> np.ndarray:
    """(power, node): coefficients of the polynomials in v that are 1 at one node and 0 at the others.

    The nodes lie at v = -(count - 1) / 2 .. (count - 1) / 2 in steps of 1, v being the distance from their middle.
    """
    places = [Fraction(2 * node - count + 1, 2) for node in range(count)]
    table = np.empty((count, count))
    for node, place in enumerate(places):
        product = [Fraction(1)]  # lowest power first
        for other in places:
            if other != place:
                raised, kept = [Fraction(0), *product], [*product, Fraction(0)]
                product = [(high - other * low) / (place - other) for high, low in zip(raised, kept)]
        table[:, node] = [float(coefficient) for coefficient in product]
    return table
