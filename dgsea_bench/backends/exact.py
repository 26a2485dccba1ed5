"""The dense sums, written out: the truth that everything soft is measured against."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.dense import sigmoid_sum
from dgsea_bench.backends.steps import steps
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams


@dataclass(frozen=True, kw_only=True)
class Exact(Backend):
    """dGSEA as defined (Li et al. 2026), every pair of genes and of gene and position summed, in float64.

    Ranks are r_i = ½ + Σ_j σ((s_j - s_i) / τ_rank); the running sum is C(t) = Σ_i step_i σ((t + ½ - r_i) / τ_prefix).
    The sigmoids of a profile are computed once and shared by all sets that fit into `memory_mib`.
    """

    name: ClassVar[str] = "exact"
    summary: ClassVar[str] = "every pair summed, in float64, in tiles: the truth"
    cost: ClassVar[str] = "O(G²·P)"
    source: ClassVar[str] = "Li et al. 2026, doi 10.64898/2026.03.18.712610"

    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """Rounding: of float64 inside, and of results when they are float32."""
        return Tolerance(1e-12, 1e-10) if dtype == torch.float64 else Tolerance(2e-7, 1e-6)

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> Ranking:
        """Soft ranks, O(G²) per profile."""
        values = scores.double()
        above = sigmoid_sum(torch.ones_like(values)[:, None], values, values, params.tau_rank)[:, 0]
        # Ranks sum to G (G + 1) / 2 whatever the scores. Saying so takes the mean out of the incoming gradient,
        # whose effect would otherwise cancel only to rounding.
        mean_rank = (scores.shape[1] + 1) / 2
        return Ranking(scores, above - above.mean(-1, keepdim=True) + mean_rank, params)

    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Float64[Tensor, "profiles sets positions"]:
        """The soft running sum at every position."""
        return soft_running_sum(ranking, gene_sets, self.positions(ranking))


def soft_running_sum(
    ranking: Ranking, gene_sets: GeneSets, positions: Float64[Tensor, "profiles positions"]
) -> Float64[Tensor, "profiles sets positions"]:
    """C(t) = Σ_i step_i σ((t + ½ - r_i) / τ_prefix) at the given positions t."""
    table = steps(ranking.scores, gene_sets, ranking.params.exponent)
    return sigmoid_sum(table, -ranking.ranks, -(positions + 0.5), ranking.params.tau_prefix)
