"""Generators of problems: what was planted is returned with the scores, where anything is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.simulated_l1000 import simulate

SHIFT_MEAN, SHIFT_SD = 0.6, 0.2
"""Members of planted sets are shifted by N(0.6, 0.2²), the scores around them being N(0, 1) (Li et al. 2026)."""

FIXED_GENES = {"l1000-simulated": 978}
"""Generators that know one number of genes, and plant nothing."""

Array = np.ndarray
Draw = tuple[Array, Array | None, list[Array]]
"""Scores (B, G), the shifts in them (B, G) or None where there is no such thing, and the members of each set."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a synthetic problem: `sizes` holds one per set; the first `planted` sets are shifted."""

    profiles: int
    genes: int
    sizes: tuple[int, ...]
    planted: int


def generate(generator: str, layout: Layout, seed: int) -> Problem:
    """The problem of that generator, layout and seed; the same one on every machine with the same numpy.

    Raises:
        InputError: a set as large as the ranking, or a number of genes that the generator does not know.
    """
    fixed = FIXED_GENES.get(generator, layout.genes)
    if layout.genes != fixed:
        raise InputError(f"{generator} has {fixed} genes, not {layout.genes}")
    if max(layout.sizes) >= layout.genes:
        raise InputError(f"a set of {max(layout.sizes)} genes needs more than the {layout.genes} genes of the ranking")
    scores, shifts, members = GENERATORS[generator](np.random.default_rng(seed), layout)
    genes = tuple(f"gene{index}" for index in range(layout.genes))
    names = [f"set{number}" for number in range(len(members))]
    gene_sets = GeneSets.from_dict({name: [genes[i] for i in chosen] for name, chosen in zip(names, members)}, genes)
    if shifts is None:
        return Problem(torch.from_numpy(scores), gene_sets)
    planted = tuple(names[: layout.planted]) if shifts.any() else ()
    return Problem(torch.from_numpy(scores), gene_sets, torch.from_numpy(shifts), planted)


def planted(rng: np.random.Generator, layout: Layout) -> tuple[Array, Array, list[Array]]:
    """Scores N(0, 1); members of planted sets shifted up."""
    members = _random_sets(rng, layout)
    shifts = _shifts(rng, layout, members)
    return rng.standard_normal(shifts.shape) + shifts, shifts, members


def null(rng: np.random.Generator, layout: Layout) -> Draw:
    """Scores N(0, 1); nothing planted."""
    shape = (layout.profiles, layout.genes)
    return rng.standard_normal(shape), np.zeros(shape), _random_sets(rng, layout)


def bidirectional(rng: np.random.Generator, layout: Layout) -> Draw:
    """Scores N(0, 1); of each planted set half goes up and half down, leaving aside what an earlier one holds too."""
    members = _random_sets(rng, layout)
    shifts = _shifts(rng, layout, members)
    moved = np.zeros(layout.genes, dtype=bool)
    for chosen in members[: layout.planted]:
        own = chosen[~moved[chosen]]
        moved[own] = True
        down = own[len(own) // 2 :]
        shifts[:, down] = -np.abs(shifts[:, down])
    return rng.standard_normal(shifts.shape) + shifts, shifts, members


def heavy_tailed(rng: np.random.Generator, layout: Layout) -> Draw:
    """Scores from Student's t with 3 degrees of freedom; members of planted sets shifted up."""
    members = _random_sets(rng, layout)
    shifts = _shifts(rng, layout, members)
    return rng.standard_t(3, shifts.shape) + shifts, shifts, members


def tied(rng: np.random.Generator, layout: Layout) -> Draw:
    """As `planted`, then a fifth of the scores set to zero and all rounded to one decimal."""
    scores, shifts, members = planted(rng, layout)
    zeros = rng.random(scores.shape) < 0.2
    scores[zeros] = shifts[zeros] = 0.0
    return np.round(scores, 1) + 0.0, shifts, members  # + 0.0: no negative zeros


def correlated(rng: np.random.Generator, layout: Layout) -> Draw:
    """Blocks of 20 genes share a factor that makes 30 % of their variance; sets are runs of blocks."""
    block, share = 20, 0.3
    genes = rng.permutation(layout.genes)
    starts = rng.integers(0, -(-layout.genes // block), len(layout.sizes)) * block
    members = [genes[(start + np.arange(size)) % layout.genes] for start, size in zip(starts, layout.sizes)]
    factors = rng.standard_normal((layout.profiles, -(-layout.genes // block))).repeat(block, axis=1)
    shifts = _shifts(rng, layout, members)
    scores = shifts + np.sqrt(1 - share) * rng.standard_normal(shifts.shape)
    scores[:, genes] += np.sqrt(share) * factors[:, : layout.genes]
    return scores, shifts, members


def overlapping(rng: np.random.Generator, layout: Layout) -> Draw:
    """As `planted`, but every set takes half of its members, where there are so many, from the set before it."""
    members: list[Array] = []
    for size in layout.sizes:
        kept = rng.permutation(members[-1])[: size // 2] if members else np.empty(0, dtype=int)
        others = np.setdiff1d(np.arange(layout.genes), kept)
        members.append(np.concatenate([kept, rng.choice(others, size - len(kept), replace=False)]))
    shifts = _shifts(rng, layout, members)
    return rng.standard_normal(shifts.shape) + shifts, shifts, members


def l1000_simulated(rng: np.random.Generator, layout: Layout) -> Draw:
    """Scores like those of a real L1000 plate, weak and strong profiles; sets move together, and nothing is shifted."""
    scores, members = simulate(rng, layout.profiles, layout.sizes)
    return scores, None, members


GENERATORS: Mapping[str, Callable[[np.random.Generator, Layout], Draw]] = {
    "planted": planted,
    "null": null,
    "bidirectional": bidirectional,
    "heavy-tailed": heavy_tailed,
    "tied": tied,
    "correlated": correlated,
    "overlapping": overlapping,
    "l1000-simulated": l1000_simulated,
}


def _random_sets(rng: np.random.Generator, layout: Layout) -> list[Array]:
    return [rng.choice(layout.genes, size, replace=False) for size in layout.sizes]


def _shifts(rng: np.random.Generator, layout: Layout, members: list[Array]) -> Array:
    """(B, G) a shift for each gene that is in a planted set, once however many planted sets hold it."""
    shifts = np.zeros((layout.profiles, layout.genes))
    chosen = np.unique(np.concatenate([np.empty(0, dtype=int), *members[: layout.planted]]))
    shifts[:, chosen] = rng.normal(SHIFT_MEAN, SHIFT_SD, (layout.profiles, len(chosen)))
    return shifts
