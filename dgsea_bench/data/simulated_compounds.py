"""Compounds whose signatures follow from their structure by a rule that is known, as far as they are not noise.

A molecule is a chain of fragments. How often each fragment is there drives hidden activities through a random net of
two layers, and each activity moves the genes of its programme: a directional pathway, or genes taken at random.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.compounds import LEAST_COMPOUNDS, Compounds
from dgsea_bench.data.directional import DIRECTIONAL_PATHWAYS
from dgsea_bench.data.landmarks import landmark_genes

Array = np.ndarray

HEADS = ("C", "CO", "Cl", "CC(C)", "CN(C)", "N#C", "CC(=O)N", "NS(=O)(=O)")
RINGS = (
    *("c1ccc(cc1)", "c1cccc(c1)", "c1ccc(nc1)", "c1cnc(nc1)", "c1ccc(s1)", "c1nc(co1)", "c1ccc2cc(ccc2c1)"),
    *("c1ccc2[nH]c(cc2c1)", "c1ccc2nc([nH]c2c1)", "N1CCN(CC1)", "C1CCN(CC1)", "C1CCC(CC1)", "c1cc2ccc(cc2nc1)"),
)
LINKERS = ("C(=O)N", "NC(=O)", "S(=O)(=O)", "CC", "COC", "C=C", "NC(=O)N", "C(=O)", "CSC")
TAILS = ("F", "Br", "C(F)(F)F", "C(=O)O", "CCO", "CCCN", "OC(F)F", "C(C)(C)C")
"""Parts of SMILES that make one when they are written one after another: head, ring, linker, ring, …, tail.

A head is bound by its last atom and a tail by its first. There are no rings beside those of the list, and no head is a
tail: so a molecule can be taken apart in one way only, and chains that differ are molecules that differ.
"""
KINDS = (HEADS, RINGS, LINKERS, TAILS)
FRAGMENTS = tuple(fragment for kind in KINDS for fragment in kind)
RING_COUNTS = (2, 3)

HIDDEN = 48
"""Units of the layer between fragments and activities."""
CURVATURE = 1.5
"""Spread of what goes into the tanh of these units: with less of it, activities would be sums over fragments."""
UNTOLD_OF_PATHWAYS, UNTOLD = 0.7, 0.25
"""Share of the variance of activities, of directional pathways and of other programmes, that structures do not tell."""
STRENGTHS = 0.5
"""Spread of the logarithm of the strength of compounds."""
AFFECTED = 0.2
"""Share of the genes that a programme moves."""
PATHWAY_LOADING = 0.75
"""Of the genes of a directional pathway, where all other programmes together have the variance 1 on average."""
LARGEST_COMPOUNDS = 50_000

DEFAULT_SIGNAL = 0.6
"""With it a usual perceptron on fingerprints predicts 1,200 compounds with a mean correlation over genes of some 0.45,
as models of real signatures do: benchmarks/scripts/simulated_compounds.py."""


@dataclass(frozen=True, eq=False)
class SimulatedCompounds:
    """Compounds, and what they were made of.

        signatures = √signal · responses + √(1 − signal) · noise
        responses  = scale · strengths · (activities loadings), of mean square 1; noise ~ N(0, 1)

    Attributes:
        compounds: SMILES and signatures (C, 978).
        fragments: how often each of `FRAGMENTS` is there.
        programmes: names; the five directional pathways come first.
        activities: mean 0 and spread 1 over the compounds.
        loadings: of the genes on the programmes.
        strengths: of the compounds, which their structure does not tell.
        responses: what signatures are but for noise, and for the factor √signal.
    """

    compounds: Compounds
    fragments: Int64[Array, "compounds fragments"]
    programmes: tuple[str, ...]
    activities: Float[Array, "compounds programmes"]
    loadings: Float[Array, "programmes genes"]
    strengths: Float[Array, " compounds"]
    responses: Float[Array, "compounds genes"]


def simulate_compounds(
    compounds: int = 1200, *, factors: int = 20, signal: float = DEFAULT_SIGNAL, seed: int = 0
) -> SimulatedCompounds:
    """Distinct molecules, and a signature of the 978 landmark genes for each.

    Molecules, activities and noise are drawn apart from one another: another signal leaves all of them as they are.

    Args:
        compounds: how many.
        factors: programmes beside the five directional pathways.
        signal: share 0 .. 1 of the variance of all signatures that is not noise.
        seed: of everything that is random.

    Raises:
        InputError: fewer than 10 or more than 50,000 compounds, no factor, or a share outside 0 .. 1.
    """
    _check(compounds, factors, signal)
    chains = _draw_chains(_generator(seed, 0), compounds)
    smiles = tuple("".join(chain) for chain in chains)
    place = {fragment: number for number, fragment in enumerate(FRAGMENTS)}
    fragments = np.zeros((compounds, len(FRAGMENTS)), dtype=np.int64)
    for row, chain in zip(fragments, chains):
        np.add.at(row, [place[fragment] for fragment in chain], 1)
    genes = tuple(landmark_genes()["symbol"])
    programmes = (*DIRECTIONAL_PATHWAYS, *(f"factor {number + 1}" for number in range(factors)))
    activities = _activities(_generator(seed, 1), fragments, len(programmes))
    loadings = _loadings(_generator(seed, 2), genes, factors)
    strengths = np.exp(STRENGTHS * _generator(seed, 3).standard_normal(compounds))
    responses = strengths[:, None] * (activities @ loadings)
    responses /= np.sqrt((responses**2).mean())
    noise = _generator(seed, 4).standard_normal(responses.shape)
    signatures = (np.sqrt(signal) * responses + np.sqrt(1 - signal) * noise).astype(np.float32)
    names = tuple(f"compound {number + 1}" for number in range(compounds))
    made = Compounds(smiles, names, genes, signatures)
    return SimulatedCompounds(made, fragments, programmes, activities, loadings, strengths, responses)


def _generator(seed: int, what: int) -> np.random.Generator:
    return np.random.default_rng([seed, what])


def _check(compounds: int, factors: int, signal: float) -> None:
    if not LEAST_COMPOUNDS <= compounds <= LARGEST_COMPOUNDS:
        raise InputError(f"compounds is {compounds}; give {LEAST_COMPOUNDS} to {LARGEST_COMPOUNDS:,}")
    if factors < 1:
        raise InputError(f"factors is {factors}; give 1 at least")
    if not 0 <= signal <= 1:
        raise InputError(f"signal is {signal:g}; it is a share of the variance, 0 .. 1")


def _draw_chains(rng: np.random.Generator, compounds: int) -> list[tuple[str, ...]]:
    """Fragments of each molecule, in order; no two are alike."""

    def one(kind: tuple[str, ...]) -> str:
        return kind[rng.integers(len(kind))]

    found: dict[tuple[str, ...], None] = {}
    while len(found) < compounds:
        chain = [one(HEADS), one(RINGS)]
        for _ in range(rng.choice(RING_COUNTS) - 1):
            chain += [one(LINKERS), one(RINGS)]
        found[(*chain, one(TAILS))] = None
    return list(found)


def _activities(rng: np.random.Generator, fragments: Array, programmes: int) -> Array:
    """(C, programmes): a random net of two layers over the counts of fragments, and what structures do not tell."""
    counts = _standardised(fragments.astype(float))
    hidden = counts @ rng.standard_normal((counts.shape[1], HIDDEN)) * (CURVATURE / np.sqrt(counts.shape[1]))
    units = np.tanh(hidden + rng.standard_normal(HIDDEN))
    told = _standardised(units @ rng.standard_normal((HIDDEN, programmes)))
    untold = rng.standard_normal(told.shape)
    pathways = np.arange(programmes) < len(DIRECTIONAL_PATHWAYS)
    share = np.where(pathways, UNTOLD_OF_PATHWAYS, UNTOLD)
    return _standardised(np.sqrt(1 - share) * told + np.sqrt(share) * untold)


def _standardised(columns: Array) -> Array:
    """Mean 0 and spread 1 of each column; 0 where all are equal."""
    centred = columns - columns.mean(0)
    spread = centred.std(0)
    found: Any = centred / np.where(spread > 0, spread, 1.0)
    return np.asarray(found)


def _loadings(rng: np.random.Generator, genes: tuple[str, ...], factors: int) -> Array:
    """(programmes, G): ± for the genes of pathways that go up and down; sparse for the others."""
    place = {gene: number for number, gene in enumerate(genes)}
    pathways = np.zeros((len(DIRECTIONAL_PATHWAYS), len(genes)))
    for row, halves in zip(pathways, DIRECTIONAL_PATHWAYS.values()):
        for sign, half in zip((1, -1), halves):
            row[[place[gene] for gene in half]] = sign * PATHWAY_LOADING * rng.uniform(0.75, 1.25, len(half))
    shape = factors, len(genes)
    others = rng.standard_normal(shape) * (rng.random(shape) < AFFECTED) / np.sqrt(factors * AFFECTED)
    return np.concatenate([pathways, others])
