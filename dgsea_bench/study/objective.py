"""What models are trained on beside genes: scores of pathways, on the scale that the paper gives them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from dgsea_bench.backends import Backend
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.loss import EnrichmentLoss
from dgsea_bench.significance import mean_magnitudes, normalise

SCALE = NullParams(trim=0.10, shrinkage=0.50, split=None)
"""The robust mean of Li et al. 2026 for training; nothing is permuted."""


def set_scores(
    backend: Backend, expression: Float[Tensor, "samples genes"], pathways: Pathways, params: EnrichmentParams
) -> Float[Tensor, "samples sets"]:
    """Scores of the gene sets that pathways are made of, in float64 and without a gradient."""
    with torch.no_grad():
        return backend.enrichment_score(backend.rank(expression.double(), params), pathways.gene_sets)


def scales_of(scores: Float[Tensor, "samples sets"]) -> Float[Tensor, "sets 2"]:
    """What scores of either sign are divided by: the robust mean magnitude of those of the training set (`SCALE`).

    NaN where there is none of a sign.
    """
    return mean_magnitudes(scores.T[None], SCALE)[0]


@dataclass(frozen=True, eq=False)
class PathwayTargets:
    """What a training set gives to a loss on pathways: computed once, by the backend that is trained with.

    Attributes:
        backend, params: the way of computing scores, and its temperatures.
        scales: (P, 2) as by `scales_of`. scores: (N, Q) dNES of the true signatures.
    """

    pathways: Pathways
    backend: Backend
    params: EnrichmentParams
    scales: Float[Tensor, "sets 2"]
    scores: Float[Tensor, "samples pathways"]

    @classmethod
    def of(
        cls,
        expression: Float[Tensor, "samples genes"],
        pathways: Pathways,
        backend: Backend,
        params: EnrichmentParams,
    ) -> "PathwayTargets":
        """From true signatures (N, G), over whose genes the pathways are."""
        there = pathways.to(expression.device)
        found = set_scores(backend, expression, there, params)
        scales = scales_of(found)
        return cls(pathways, backend, params, scales, there.combine(normalise(found, scales)).to(expression.dtype))

    def loss(self, weight: float, warmup_steps: int) -> EnrichmentLoss:
        """The mean square of the difference of dNES; weight and warm-up as in `EnrichmentLoss`.

        Raises:
            InputError: a backend without a gradient.
        """
        loss = EnrichmentLoss(
            self.pathways,
            score="nes",
            params=self.params,
            backend=self.backend,
            weight=weight,
            warmup_steps=warmup_steps,
        )
        assert loss.scales is not None  # noqa: S101 (of dNES)
        loss.scales.copy_(self.scales)
        return loss.to(self.scores.device)
