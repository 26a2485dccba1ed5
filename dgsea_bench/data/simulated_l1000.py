"""Scores like those of a LINCS L1000 plate, drawn from a summary of a real one, with gene sets that move together.

The summary in the package is of one plate of 978 landmark genes × 377 wells (LJP005, A375, 24 h, level 4) from the test
data of cmapPy (github.com/cmap/cmapPy, BSD-3-Clause). `fit` makes one of any plate.
"""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float, Integer

from dgsea_bench.core.errors import InputError

Array = np.ndarray

TABLE = Path(__file__).parent / "tables" / "l1000_plate.npz"
"""The summary in the package."""

COMMON = 0.1
"""A value that so many of the genes take is shared; rounding alone makes two in a hundred take the same one."""

LARGEST_COMMUNALITY = 0.98
"""No gene is wholly explained by the factors."""

OUTLIERS, OUTLIER_VARIANCE = 0.1, 0.7
"""Share of outliers in the noise, and in its variance: quiet profiles too have a few extreme genes. With these numbers
the spreads of quiet and of strong profiles, and the rank correlation of genes, come nearest to the plate's."""

COHERENT_SHARE = (2.0, 4.0)
"""Parameters of the beta distribution of the share of a set's members that move together, such that the correlation
within sets is spread as that within the Hallmark sets on the plate."""

STORED = {"offset": np.float64, "step": np.float64, "quantiles": np.int32, "shared": np.int32, "loadings": np.float16}
"""Everything else is kept as float32."""


@dataclass(frozen=True, eq=False)
class PlateModel:
    """What is kept of a plate: figures of genes, and of its profiles as classes from the weakest to the strongest.

    A profile of class c has factors f ~ N(centres_c, spreads_c²) and noise e with mean 0 and variance 1, of which a
    share of `OUTLIERS` is wider; its gene i has the hidden value
    h_i = (loadings f)_i + noise_c·√(1 − Σ_k loadings_ik²)·e_i. The score is the quantile of the gene's own distribution
    at the probability of h_i among all classes: a copula of mixed normal distributions.

    Attributes:
        offset, step: every score is offset + a multiple of step.
        quantiles: multiples at the probabilities `levels`, between which they are interpolated and rounded.
        shared: multiples that many genes take, such as the median of each; apart from rounding, they make genes tie.
        spans: probability below each of them, and up to it, by gene.
        loadings: of the genes on the factors.
        centres, spreads: of the factors in each class; classes are equally likely, the second moments over all are 1.
        noise: of each class; the mean square is 1.
    """

    offset: float
    step: float
    quantiles: Integer[Array, "genes levels"]
    shared: Integer[Array, " values"]
    spans: Float[Array, "genes values 2"]
    loadings: Float[Array, "genes factors"]
    centres: Float[Array, "classes factors"]
    spreads: Float[Array, "classes factors"]
    noise: Float[Array, " classes"]

    def draw(self, rng: np.random.Generator, profiles: int) -> Float[Array, "profiles genes"]:
        """Scores of so many independent profiles."""
        probabilities = self._probabilities(self._hidden(rng, profiles))
        return self.offset + self.step * self._multiples(self._balance(probabilities))

    def save(self, path: Path) -> None:
        """Write it as compressed arrays (.npz)."""
        arrays: dict[str, Any] = {
            field.name: np.asarray(getattr(self, field.name), STORED.get(field.name, np.float32))
            for field in fields(self)
        }
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "PlateModel":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as table:
            found: dict[str, Any] = {field.name: table[field.name] for field in fields(cls)}
        for name, array in found.items():
            if array.dtype.kind == "f":
                found[name] = array.astype(float) if array.ndim else float(array)
        return cls(**found)

    def _own(self) -> Array:
        """(G,) variance that a gene shares with no other."""
        own: Array = 1 - (self.loadings**2).sum(1)
        return own

    def _hidden(self, rng: np.random.Generator, profiles: int) -> Array:
        chosen = rng.integers(0, len(self.noise), profiles)
        normal = rng.standard_normal((profiles, self.loadings.shape[1]))
        factors = self.centres[chosen] + self.spreads[chosen] * normal
        shape = profiles, len(self.loadings)
        (_, ordinary), (_, outlying) = _noise_parts()
        variances = np.where(rng.random(shape) < OUTLIERS, outlying, ordinary)
        noise = self.noise[chosen, None] * np.sqrt(variances) * rng.standard_normal(shape)
        return np.asarray(factors @ self.loadings.T + np.sqrt(self._own()) * noise)

    def _probabilities(self, hidden: Array) -> Array:
        """(B, G) those of hidden values among all classes."""
        found = np.zeros_like(hidden)
        for centre, spread, noise in zip(self.centres, self.spreads, self.noise):
            mean, shared = self.loadings @ centre, self.loadings**2 @ spread**2
            for share, variance in _noise_parts():
                deviation = np.sqrt(shared + variance * noise**2 * self._own())
                found += share / len(self.noise) * scipy.special.ndtr((hidden - mean) / deviation)
        return found

    def _balance(self, probabilities: Array) -> Array:
        """The same with no profile above or below the others as a whole.

        All wells of a plate are given one distribution of expression before scores are taken, so their mean score
        hardly differs. Genes are moved in proportion to their spread, which is the least change that does it.
        """
        kept = self.quantiles.astype(float)
        mean = np.trapezoid(kept, levels())
        spread = np.sqrt(np.trapezoid((kept - mean[:, None]) ** 2, levels()))
        normal = scipy.special.ndtri(probabilities)
        return np.asarray(scipy.special.ndtr(normal - np.outer(normal @ spread / (spread @ spread), spread)))

    def _multiples(self, probabilities: Array) -> Array:
        found = np.empty_like(probabilities)
        for gene, own in enumerate(probabilities.T):
            found[:, gene] = np.rint(np.interp(own, levels(), self.quantiles[gene]))
            for value, (below, up_to) in zip(self.shared, self.spans[gene]):
                found[(below <= own) & (own < up_to), gene] = value
        return found


def _noise_parts() -> list[tuple[float, float]]:
    """(share, variance) of ordinary noise and of outliers."""
    return [
        (1 - OUTLIERS, (1 - OUTLIER_VARIANCE) / (1 - OUTLIERS)),
        (OUTLIERS, OUTLIER_VARIANCE / OUTLIERS),
    ]


@cache
def levels() -> Array:
    """Probabilities at which the distribution of each gene is kept: closer together in the tails."""
    return np.asarray(scipy.special.ndtr(np.linspace(-3, 3, 49)))


@cache
def stored_model() -> PlateModel:
    """The summary in the package."""
    return PlateModel.load(TABLE)


def simulate(rng: np.random.Generator, profiles: int, sizes: tuple[int, ...]) -> tuple[Array, list[Array]]:
    """(B, 978) scores from the summary in the package, and the members of a set of each size.

    Sets are enriched because members move together, as pathways are: nothing is added to their scores.

    Raises:
        InputError: a set as large as the ranking.
    """
    model = stored_model()
    if max(sizes) >= len(model.loadings):
        raise InputError(f"a set of {max(sizes)} genes does not fit into a ranking of {len(model.loadings)}")
    members = [_coherent_set(rng, model.loadings, size) for size in sizes]
    return model.draw(rng, profiles), members


def _coherent_set(rng: np.random.Generator, loadings: Array, size: int) -> Array:
    """Some members lead in a random direction of the factors; the others are any genes."""
    order = np.argsort(-(loadings @ rng.standard_normal(loadings.shape[1])))
    together = round(rng.beta(*COHERENT_SHARE) * size)
    others = rng.choice(order[together:], size - together, replace=False)
    return np.concatenate([order[:together], others])


def fit(
    matrix: Float[Array, "profiles genes"],
    *,
    factors: int = 20,
    classes: int = 12,
    step: float = 1e-4,
) -> PlateModel:
    """The summary of a plate.

    Args:
        matrix: level-4 z-scores.
        factors: of the genes' correlation; some 20 eigenvalues of the plate's stand out from noise.
        classes: of equally many profiles, from the weakest to the strongest.
        step: scores are rounded to multiples of it, beside the most frequent score.

    Raises:
        InputError: scores that are not finite, a gene that never varies, or too few profiles or genes.
    """
    scores = np.asarray(matrix, float)
    _check(scores, factors, classes)
    values, counts = np.unique(scores, return_counts=True)
    offset = float(values[counts.argmax()])
    multiples = np.rint((scores - offset) / step)
    shared = _shared(multiples)
    spans = np.stack([[(multiples < value).mean(0), (multiples <= value).mean(0)] for value in shared], axis=-1)
    quantiles = np.rint(np.quantile(multiples, levels(), axis=0, method="hazen").T).astype(np.int32)
    normal = scipy.special.ndtri((scipy.stats.rankdata(multiples, axis=0) - 0.5) / len(multiples))
    normal /= np.sqrt((normal**2).mean(0))
    loadings = _loadings(normal, factors)
    weakest_first = np.argsort((normal**2).mean(1))
    moments = _classes(normal, loadings, np.array_split(weakest_first, classes))
    return PlateModel(offset, step, quantiles, shared, spans.transpose(1, 2, 0), loadings, *moments)


def _check(scores: Array, factors: int, classes: int) -> None:
    if not np.isfinite(scores).all():
        raise InputError("the plate has scores that are not finite numbers")
    profiles, genes = scores.shape
    if profiles < 2 * classes or genes <= factors:
        raise InputError(
            f"the plate has {profiles} profiles of {genes} genes; {classes} classes need twice as many profiles, "
            f"{factors} factors more genes"
        )
    still = int((scores == scores[0]).all(0).sum())
    if still:
        raise InputError(f"the plate has {still} genes whose scores are all equal; leave them out")


def _shared(multiples: Array) -> Array:
    """Values that many genes take."""
    taken = np.concatenate([np.unique(gene) for gene in multiples.T])
    values, genes = np.unique(taken, return_counts=True)
    return np.asarray(values[genes >= COMMON * multiples.shape[1]], np.int32)


def _loadings(normal: Array, factors: int, rounds: int = 20) -> Array:
    """(G, K) of principal axis factoring: eigenvectors of the correlation with communalities on its diagonal."""
    correlation = normal.T @ normal / len(normal)
    genes = len(correlation)
    communality = np.full(genes, 0.5)
    for _ in range(rounds):
        np.fill_diagonal(correlation, communality)
        values, vectors = scipy.linalg.eigh(correlation, subset_by_index=(genes - factors, genes - 1))
        loadings = (vectors * np.sqrt(values.clip(0)))[:, ::-1]
        found = (loadings**2).sum(1)
        communality = found.clip(max=LARGEST_COMMUNALITY)
    loadings *= np.sqrt(communality / found)[:, None]
    largest = loadings[np.abs(loadings).argmax(0), np.arange(factors)]
    return np.asarray(loadings * np.sign(largest))  # eigenvectors have no sign of their own


def _classes(normal: Array, loadings: Array, members: list[Array]) -> tuple[Array, Array, Array]:
    """Centres, spreads and noise: moments of factors given the scores of genes, as in EM (Rubin & Thayer 1982)."""
    own = 1 - (loadings**2).sum(1)
    doubt = np.linalg.inv(np.eye(loadings.shape[1]) + (loadings.T / own) @ loadings)
    factors = normal @ (loadings / own[:, None]) @ doubt
    rest = ((normal - factors @ loadings.T) ** 2 + ((loadings @ doubt) * loadings).sum(1)) / own
    centres = np.array([factors[chosen].mean(0) for chosen in members])
    variances = np.array([factors[chosen].var(0) + doubt.diagonal() for chosen in members])
    noise = np.array([rest[chosen].mean() for chosen in members])
    centres -= centres.mean(0)
    scale = (centres**2 + variances).mean(0)
    return centres / np.sqrt(scale), np.sqrt(variances / scale), np.sqrt(noise / noise.mean())
