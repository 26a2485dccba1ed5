"""What backends share whose operators take gene sets under many permutations at once: no permutation is one of them."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int32, Integer
from torch import Tensor

from dgsea_bench.backends.base import Backend, Ranking, median_absolute_deviation
from dgsea_bench.core.gene_sets import GeneSets


def unchanged(ranks: Float64[Tensor, "profiles genes"]) -> Int32[Tensor, "1 genes"]:
    """The permutation that leaves everything where it is."""
    return torch.arange(ranks.shape[1], dtype=torch.int32, device=ranks.device)[None]


@dataclass(frozen=True, kw_only=True)
class PermutedSets(Backend):
    """A backend that has running sums and scores of sets under K permutations, and so those under none."""

    @abstractmethod
    def curves(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float[Tensor, "profiles sets permutations positions"]:
        """(B, P, K, G) running sums of permuted sets."""

    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets positions"]:
        """The soft running sum at every position."""
        return self.curves(ranking, gene_sets, unchanged(ranking.ranks))[:, :, 0]

    def enrichment_score(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets"]:
        """The same as `extremum` of `running_sum`, which is never stored."""
        return self.null_scores(ranking, gene_sets, unchanged(ranking.ranks))[:, :, 0]

    def taus(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float64[Tensor, "profiles sets permutations"]:
        """(B, P, K) the τ_abs of each set under each permutation."""
        if ranking.params.tau_abs == "adaptive":
            return self._adaptive(ranking, gene_sets, permutations)
        shape = len(ranking.scores), len(gene_sets), len(permutations)
        return torch.full(shape, ranking.params.tau_abs, dtype=torch.float64, device=ranking.scores.device)

    @torch.no_grad()
    def _adaptive(self, ranking: Ranking, gene_sets: GeneSets, permutations: Tensor) -> Tensor:
        """The median absolute deviation of each running sum, in working memory of `memory_mib`."""
        rows = []
        for profiles, spans in self.chunks(ranking, len(gene_sets)):
            part = ranking.select(profiles)
            columns = []
            for span in spans:
                some = gene_sets.subset(*span)
                each = (median_absolute_deviation(self.curves(part, some, one)) for one in permutations.split(1))
                columns.append(torch.cat([spread[..., 0] for spread in each], dim=2))
            rows.append(torch.cat(columns, dim=1))
        return torch.cat(rows).double()
