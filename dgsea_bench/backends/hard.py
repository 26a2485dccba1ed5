"""Classical GSEA: the ranking is a sort, the enrichment score the largest deviation of the running sum."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.steps import gene_weights, steps
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.core.threads import in_threads
from dgsea_bench.kernels.signed_maximum import SAME_MAGNITUDE, signed_maxima


@dataclass(frozen=True, kw_only=True)
class Hard(Backend):
    """GSEA's enrichment score (Subramanian et al. 2005): signed maximum of the running sum over the sorted genes.

    Equal scores keep the order in which they came. Only the hits of a set are visited: the running sum falls between
    them, so its extremes lie just before and at hits. It is constant almost everywhere in the ranks, hence no gradient.
    """

    name: ClassVar[str] = "hard"
    summary: ClassVar[str] = "classical GSEA, a loop over the hits of each set"
    cost: ClassVar[str] = "O(G·log G + H·log H), H hits"
    source: ClassVar[str] = "Subramanian et al. 2005, doi 10.1073/pnas.0506580102"
    target: ClassVar[Literal["dgsea", "gsea"]] = "gsea"
    differentiable: ClassVar[bool] = False

    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """Rounding; there is no gradient to promise."""
        return Tolerance(1e-12 if dtype == torch.float64 else 2e-7, 0.0)

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> Ranking:
        """Positions in the descending order of scores; ties keep input order."""
        order = scores.detach().argsort(dim=-1, descending=True, stable=True)
        positions = torch.arange(1, scores.shape[1] + 1, dtype=torch.float64, device=scores.device)
        ranks = torch.empty_like(scores, dtype=torch.float64).scatter_(-1, order, positions.expand(order.shape))
        return Ranking(scores.detach(), ranks, params)

    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Float64[Tensor, "profiles sets positions"]:
        """The classical running sum after each position."""
        table = steps(ranking.scores, gene_sets, ranking.params.exponent)
        order = ranking.ranks.argsort(-1)[:, None].expand_as(table)
        return table.gather(-1, order).cumsum(-1)

    def extremum(
        self,
        running_sum: Float[Tensor, "profiles sets positions"],
        params: EnrichmentParams,  # noqa: ARG002
    ) -> Float[Tensor, "profiles sets"]:
        """The largest deviation from zero, with its sign; the positive one where both are equal."""
        highest, lowest = running_sum.amax(-1), running_sum.amin(-1)
        return torch.where(highest >= -lowest - SAME_MAGNITUDE, highest, lowest)

    def enrichment_score(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets"]:
        """The same as `extremum` of `running_sum`, on a CPU from the hits alone."""
        if ranking.scores.device.type != "cpu":
            return super().enrichment_score(ranking, gene_sets)
        unchanged = torch.arange(ranking.scores.shape[1], dtype=torch.int32)[None]
        return self.null_scores(ranking, gene_sets, unchanged)[:, :, 0]

    def null_scores(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float[Tensor, "profiles sets permutations"]:
        """The scores of permuted sets, on a CPU from their hits alone, over as many threads as torch uses."""
        if ranking.scores.device.type != "cpu":
            return super().null_scores(ranking, gene_sets, permutations)
        weights = gene_weights(ranking.scores, ranking.params.exponent).numpy()
        places = ranking.ranks.int().numpy() - 1
        drawn = permutations.int().numpy()
        offsets, indices = gene_sets.offsets.numpy(), gene_sets.indices.numpy()
        result = np.empty((len(weights), len(gene_sets), len(drawn)))

        def work(start: int, stop: int) -> None:
            signed_maxima(weights, places, offsets, indices, drawn[start:stop], result[:, :, start:stop])

        in_threads(work, len(drawn))
        return torch.from_numpy(result).to(ranking.scores.dtype)
