"""How far scores and gradients are from the truth, and dNES from NES. In a gated run an error above its bar fails."""

from benchmarks.rows import OfEnrichment, OfSignificance, held, metric, promise
from benchmarks.suite import tracked

LEAST_AGREEMENT = 0.85
"""The bar of the correlation of dNES with NES. dGSEA itself, computed exactly, differs from GSEA."""
NEAR_ZERO = 10
"""The bars of mean relative errors, in units of the promise, which is on the largest error / largest true score: they
are larger where a true score is near zero."""


class Enrichment(OfEnrichment):
    """Errors against `exact` in float64; those of `hard` against the classical running sum."""

    @tracked("Mean relative error of scores", "abs(score − truth) / abs(truth)")
    def track_value_error_mean(self, *_: object) -> float:
        value = metric(self.row, "value_error_mean")
        return held(value, NEAR_ZERO * promise(self.row).value, "the mean relative error of scores")

    @tracked("Largest error of a score, in units of the largest score", "error / largest true score")
    def track_value_error_scaled(self, *_: object) -> float:
        value = metric(self.row, "value_error_scaled")
        return held(value, promise(self.row).value, "the largest error of a score")

    @tracked("Relative error of the gradient", "norm(gradient − truth) / norm(truth)")
    def track_gradient_error(self, *_: object) -> float:
        value = metric(self.row, "gradient_error")
        return held(value, promise(self.row).gradient, "the relative error of the gradient")


class Significance(OfSignificance):
    """Whether dNES ranks gene sets as the NES of GSEA does, on the same permutations."""

    @tracked("Agreement of dNES with NES (higher is better)", "Spearman correlation across gene sets")
    def track_nes_spearman(self, *_: object) -> float:
        value = metric(self.row, "nes_spearman")
        held(1 - value, 1 - LEAST_AGREEMENT, "1 − Spearman correlation of dNES with NES")
        return value

    @tracked("Mean relative error of dNES", "abs(dNES − truth) / abs(truth)")
    def track_nes_error_mean(self, *_: object) -> float:
        value = metric(self.row, "nes_error_mean")
        return held(value, NEAR_ZERO * promise(self.row).value, "the mean relative error of dNES")
