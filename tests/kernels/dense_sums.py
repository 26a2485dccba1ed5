"""Sums over all pairs, as they stand, and the points, scores and ranks on which compiled loops are held to them."""

import numpy as np
from hypothesis import strategies as st
from scipy.special import expit

SEEDS = st.integers(0, 2**32 - 1)
ROUNDING = 1e-15


def sigmoids_of_pairs(scores: np.ndarray, tau: float) -> np.ndarray:
    """(i, j): σ((s_j - s_i) / τ)."""
    return expit((scores[None, :] - scores[:, None]) / tau)


def slopes_of_pairs(scores: np.ndarray, tau: float) -> np.ndarray:
    """(i, j): σ'((s_j - s_i) / τ), which is even."""
    distances = np.abs(scores[None, :] - scores[:, None]) / tau
    return expit(distances) * expit(-distances)


@st.composite
def points_on_a_line(draw: st.DrawFn, most: int = 300) -> np.ndarray:
    """Points in units of the temperature: dense or sparse, tied, in bundles far apart, all equal; or just one."""
    rng = np.random.default_rng(draw(SEEDS))
    count, spread = draw(st.integers(1, most)), 10.0 ** draw(st.floats(-3, 3))
    kind = draw(st.sampled_from(["normal", "tied", "even", "bundles", "equal"]))
    if kind == "normal":
        return rng.standard_normal(count) * spread
    if kind == "tied":
        return rng.integers(0, 6, count) * spread
    if kind == "even":
        return rng.permutation(np.arange(count) * min(spread, 100.0))
    if kind == "bundles":
        return rng.integers(0, 4, count) * spread + 0.01 * rng.standard_normal(count)
    return np.full(count, spread)


@st.composite
def soft_ranks_of_genes(draw: st.DrawFn, most: int = 150) -> np.ndarray:
    """Numbers between 1 and G: whole, as of sorted scores; ties in the middle; anywhere; at the ends."""
    rng = np.random.default_rng(draw(SEEDS))
    genes = draw(st.integers(1, most))
    kind = draw(st.sampled_from(["sorted", "half", "anywhere", "equal", "ends"]))
    if kind == "sorted":
        return rng.permutation(genes) + 1.0
    if kind == "half":
        return np.floor(rng.uniform(1, genes, genes)) + 0.5 * (genes > 1)
    if kind == "anywhere":
        return rng.uniform(1, genes, genes)
    if kind == "equal":
        return np.full(genes, (genes + 1) / 2)
    return np.where(rng.random(genes) < 0.5, 1.0, float(genes))
