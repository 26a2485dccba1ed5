"""How predictions are judged: by genes, by exact dNES and by classical NES, whatever a model was trained with."""

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from dgsea_bench.backends import Backend, Exact, Hard
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.normalized_enrichment import normalized_enrichment_score
from dgsea_bench.significance import normalise
from dgsea_bench.study.objective import scales_of, set_scores

Array = np.ndarray
STRONGEST = 50
"""Genes of each compound, by the magnitude of the true score, that are looked at apart."""
CONSTANT = 1e-12
"""A variance below this share of the mean square is rounding."""
OF_GENES = ("gene_correlation", "top_gene_correlation", "gene_rmse")
OF_PATHWAYS = ("correlation", "mse", "sign_accuracy")
MEASURES = (*OF_GENES, *(f"pathway_{name}" for name in OF_PATHWAYS), *(f"nes_{name}" for name in OF_PATHWAYS))
"""What arms are compared by; the last three by classical NES."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Pathway scores of signatures, predicted or true.

    Attributes:
        dnes, nes: (N, Q), NaN where there is none.
    """

    dnes: Float[Array, "samples pathways"]
    nes: Float[Array, "samples pathways"]


@dataclass(frozen=True, eq=False)
class Judge:
    """What scores of expression are taken by; the same for every arm.

    Attributes:
        pathways: what is judged.
        scales: (P, 2) what dES of the sets is divided by, from the true signatures of the training set.
        null: of classical NES.
        backend: of dNES; `Exact`, but where many epochs are watched.
    """

    pathways: Pathways
    scales: Float[Tensor, "sets 2"]
    null: NullParams
    backend: Backend = Exact()  # noqa: RUF009 (frozen)
    params: EnrichmentParams = EnrichmentParams()  # noqa: RUF009 (frozen)

    @classmethod
    def of(cls, pathways: Pathways, training: Float[Tensor, "samples genes"], permutations: int) -> "Judge":
        """The judge that the true signatures of a training set make."""
        return cls.with_scales(
            pathways, scales_of(set_scores(Exact(), training, pathways, EnrichmentParams())), permutations
        )

    @classmethod
    def with_scales(cls, pathways: Pathways, scales: Float[Tensor, "sets 2"], permutations: int) -> "Judge":
        """The judge that has these scales already."""
        return cls(pathways, scales, NullParams(permutations=permutations, sharing="size", split=None))

    def with_backend(self, backend: Backend) -> "Judge":
        """The same with dNES by another backend, such as one that gives the same numbers sooner."""
        return replace(self, backend=backend)

    def dnes(self, expression: Float[Tensor, "samples genes"]) -> Float[Array, "samples pathways"]:
        """DNES of the pathways; NaN where the training set has no score of that sign."""
        scores = set_scores(self.backend, expression, self.pathways, self.params)
        return self.pathways.combine(normalise(scores, self.scales)).numpy()

    def nes(self, expression: Float[Tensor, "samples genes"]) -> Float[Array, "samples pathways"]:
        """Classical NES of the pathways, by permutations of the genes; NaN where none has the sign of a score."""
        gene_sets = self.pathways.gene_sets
        found = normalized_enrichment_score(expression.double(), gene_sets, null=self.null, backend=Hard())
        return self.pathways.combine(found.nes).numpy()

    def scores(self, expression: Float[Tensor, "samples genes"]) -> Scores:
        """Both."""
        return Scores(self.dnes(expression), self.nes(expression))


@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of each sample of a prediction, from which every measure is a mean.

    Attributes:
        correlation, top_correlation: (N,) Pearson's r of predicted and true expression, over all genes and over the
            `STRONGEST`; 0 where the prediction is constant. square: (N,) mean square of the difference.
        predicted, true: pathway scores.
    """

    correlation: Float[Array, " samples"]
    top_correlation: Float[Array, " samples"]
    square: Float[Array, " samples"]
    predicted: Scores
    true: Scores

    @classmethod
    def of(
        cls,
        judge: Judge,
        predicted: Float[Tensor, "samples genes"],
        expression: Float[Tensor, "samples genes"],
        true: Scores,
    ) -> "Judged":
        """Predictions of samples whose true expression has these scores."""
        found, target = predicted.double().numpy(), expression.double().numpy()
        strongest = np.argsort(-np.abs(target), axis=1, kind="stable")[:, :STRONGEST]
        top = (np.take_along_axis(values, strongest, 1) for values in (found, target))
        return cls(
            row_correlations(found, target),
            row_correlations(*top),
            ((found - target) ** 2).mean(1),
            judge.scores(predicted),
            true,
        )

    def arrays(self) -> dict[str, Array]:
        """All of it by name, for `from_arrays`."""
        own = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in PAIR}
        return own | {f"{side}_{by}": getattr(getattr(self, side), by) for side in PAIR for by in BY}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> "Judged":
        """What `arrays` gave."""
        predicted, true = (Scores(arrays[f"{side}_dnes"], arrays[f"{side}_nes"]) for side in PAIR)
        return cls(arrays["correlation"], arrays["top_correlation"], arrays["square"], predicted, true)

    def measures(self, weights: Float[Array, "resamples samples"] | None = None) -> dict[str, Array]:
        """Each of `MEASURES`, (R,) for R weightings of the samples; NaN where nothing has a score.

        Args:
            weights: how often a sample counts in each resample; None: once, which gives (1,).
        """
        counts = np.ones((1, len(self.square))) if weights is None else np.asarray(weights, float)
        share = counts / counts.sum(1, keepdims=True)
        values = (share @ self.correlation, share @ self.top_correlation, np.sqrt(share @ self.square))
        found = dict(zip(OF_GENES, values))
        for prefix, by in (("pathway", "dnes"), ("nes", "nes")):
            each = over_pathways(getattr(self.predicted, by), getattr(self.true, by), counts)
            found |= {f"{prefix}_{name}": value for name, value in each.items()}
        return found

    def per_pathway(self) -> dict[str, Array]:
        """(Q,) of each pathway: correlation, mse and sign_accuracy of dNES, and with ``nes_`` before, of NES."""
        once = np.ones((1, len(self.square)))
        soft, classical = (by_pathway(getattr(self.predicted, by), getattr(self.true, by), once) for by in BY)
        found = {name: soft[name][0] for name in OF_PATHWAYS}
        return found | {f"nes_{name}": classical[name][0] for name in OF_PATHWAYS}


BY, PAIR = ("dnes", "nes"), ("predicted", "true")


def row_correlations(a: Float[Array, "samples genes"], b: Float[Array, "samples genes"]) -> Float[Array, " samples"]:
    """Pearson's r of each row of two tables, 0 where either row is constant to rounding."""
    a, b = (values - values.mean(1, keepdims=True) for values in (a, b))
    length = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.asarray(np.where(length > 0, (a * b).sum(1) / np.where(length > 0, length, 1.0), 0.0))


def over_pathways(
    predicted: Float[Array, "samples pathways"],
    true: Float[Array, "samples pathways"],
    counts: Float[Array, "resamples samples"],
) -> dict[str, Float[Array, " resamples"]]:
    """`OF_PATHWAYS` of all together: the mean correlation of those that have one; the others over pairs."""
    each = by_pathway(predicted, true, counts)
    pairs = each["pairs"].sum(1)
    found = {name: np.nansum(each[name] * each["pairs"], axis=1) / np.maximum(pairs, 1) for name in OF_PATHWAYS[1:]}
    known = np.isfinite(each["correlation"])
    total = np.where(known, each["correlation"], 0.0).sum(1)
    correlation = np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)
    return {"correlation": correlation, **{name: np.where(pairs > 0, value, np.nan) for name, value in found.items()}}


def by_pathway(
    predicted: Float[Array, "samples pathways"],
    true: Float[Array, "samples pathways"],
    counts: Float[Array, "resamples samples"],
) -> dict[str, Float[Array, "resamples pathways"]]:
    """`OF_PATHWAYS` of each: Pearson's r across samples, mean square, share of equal signs; and how many ``pairs``.

    Pairs without both scores are left out. r is 0 where the prediction is constant, NaN where the truth is, or where
    there are fewer than two.
    """
    known = np.isfinite(predicted) & np.isfinite(true)
    pairs = counts @ known
    some = np.maximum(pairs, 1)
    (x, var_x, varies_x), (y, var_y, varies_y) = (_moments(values, known, counts) for values in (predicted, true))
    covariance = counts @ (x * y) / some - (counts @ x / some) * (counts @ y / some)
    both = varies_x & varies_y
    correlation = np.where(both, covariance / np.sqrt(np.where(both, var_x * var_y, 1.0)), 0.0)
    difference = np.where(known, predicted - true, 0.0)
    same = known & (np.sign(predicted) == np.sign(true))
    return {
        "correlation": np.where(varies_y & (pairs >= 2), correlation, np.nan),
        "mse": np.where(pairs > 0, counts @ difference**2 / some, np.nan),
        "sign_accuracy": np.where(pairs > 0, counts @ same / some, np.nan),
        "pairs": pairs,
    }


def _moments(values: Array, known: Array, counts: Array) -> tuple[Array, Array, Array]:
    """Values around their mean, 0 where unknown; their variance in each resample, and whether that is no rounding.

    Around the mean of all samples first, so that little is lost when the square of a resample's mean is subtracted.
    """
    some = np.maximum(counts @ known, 1)
    mean = np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    around = np.where(known, values - mean, 0.0)
    square = counts @ around**2 / some
    variance = square - (counts @ around / some) ** 2
    return around, variance, variance > CONSTANT * np.maximum(square, mean**2)


def resampling(samples: int, resamples: int, seed: int) -> Float[Array, "resamples samples"]:
    """How often each sample is drawn, with replacement; the same for every arm, so that differences are paired."""
    draws = np.random.default_rng([seed, 3]).multinomial(samples, np.full(samples, 1 / samples), size=resamples)
    return draws.astype(float)


def interval(values: Float[Array, " resamples"]) -> tuple[float, float] | None:
    """The middle 95 % of resampled values; None where one is unknown."""
    if not len(values) or not np.isfinite(values).all():
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
