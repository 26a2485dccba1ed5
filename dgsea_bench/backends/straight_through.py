"""A foil to train with: the classical score, with the gradient of the soft one in the place of its own, which is 0."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.fastsum import Fastsum
from dgsea_bench.backends.hard import Hard
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams


@dataclass(frozen=True, kw_only=True)
class StraightThrough(Backend):
    """Classical enrichment scores whose gradient is that of dGSEA (straight-through estimator, Bengio et al. 2013).

    It is no way of computing dGSEA, so it is not among `backends()`. A study trains with it to see whether soft scores
    matter, or a gradient that points the same way is enough.
    """

    name: ClassVar[str] = "straight-through"
    summary: ClassVar[str] = "classical GSEA forward, the gradient of dGSEA backward"
    cost: ClassVar[str] = "O(G·log G + H·log H + P·G), H hits"
    source: ClassVar[str] = "Bengio et al. 2013, arXiv 1308.3432"
    target: ClassVar[Literal["dgsea", "gsea"]] = "gsea"

    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """Scores as those of `hard`; of its gradient nothing is promised."""
        return Tolerance(Hard().tolerance(dtype).value, math.inf)

    def unavailable(self, device: torch.device | str) -> str | None:
        """As `fastsum`."""
        return Fastsum().unavailable(device)

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> Ranking:
        """Soft ranks: the classical ones have no gradient."""
        return Fastsum().rank(scores, params)

    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Tensor:
        """The classical running sum."""
        return Hard().running_sum(_hard(ranking), gene_sets)

    def enrichment_score(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets"]:
        """Classical scores, through which the gradient of the soft ones flows."""
        soft = Fastsum().enrichment_score(ranking, gene_sets)
        classical = Hard().enrichment_score(_hard(ranking), gene_sets)
        found: Tensor = _Through.apply(soft, classical)
        return found


class _Through(torch.autograd.Function):
    """The second value with the gradient of the first; their sum and difference would round it."""

    @staticmethod
    def forward(ctx: object, soft: Tensor, classical: Tensor) -> Tensor:  # noqa: ARG004
        return classical.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradient, None


def _hard(ranking: Ranking) -> Ranking:
    return Hard().rank(ranking.scores.detach(), ranking.params)
