"""dGSEA in linear time, exact to rounding; the derivation is in ``docs/fastsum.md``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from dgsea_bench.backends import fastsum_operators as operators
from dgsea_bench.backends.base import Ranking, Tolerance
from dgsea_bench.backends.permuted import PermutedSets
from dgsea_bench.backends.steps import gene_weights
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.kernels.windows import WIDEST, width_for


@dataclass(frozen=True, eq=False)
class FastRanking(Ranking):
    """A ranking with all that the sets of a profile share.

    Attributes:
        weights: (B, G) abs(s)^exponent, by `gene_weights`.
        base: (B, nodes) the running sum of all genes with weight 1, by `dgsea_bench.kernels.windows`.
    """

    weights: Float64[Tensor, "profiles genes"]
    base: Float64[Tensor, "profiles nodes"]


@dataclass(frozen=True, kw_only=True)
class Fastsum(PermutedSets):
    """dGSEA as defined (Li et al. 2026), value and gradient, without ever summing over all pairs.

    Ranks are sums over a uniform grid; a running sum is made from the windows of its hits, scored as it is made, and
    made again in the backward pass: nothing of size sets × genes is stored, but what `running_sum` returns. Work is in
    float64 inside.

    Attributes:
        block_moments: score blocks of positions as a whole, rather than one by one, where that leaves out less than
            1e-13 of the sums (some five times as much of the gradient).
    """

    name: ClassVar[str] = "fastsum"
    summary: ClassVar[str] = "the same sums by a grid and by windows of hits, exact to rounding"
    cost: ClassVar[str] = "O(G + H + P·G), H hits"
    source: ClassVar[str] = "this project, docs/fastsum.md"

    block_moments: bool = True

    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """Rounding, and windows that end at exp(-28)."""
        return Tolerance(1e-10, 1e-10) if dtype == torch.float64 else Tolerance(2e-7, 1e-6)

    def unavailable(self, device: torch.device | str) -> str | None:
        """Why it cannot run on `device`, or None if it can."""
        if torch.device(device).type == "cpu":
            return None
        there = "cuda-batched" if torch.device(device).type == "cuda" else "exact"
        return f'its loops are compiled for a CPU, not for {device}; move the scores there, or take backend="{there}"'

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> FastRanking:
        """Soft ranks, and the running sum of all genes."""
        values = scores.double()
        ranks, base = operators.rank(values, params.tau_rank, *_windows(params))
        return FastRanking(scores, ranks, params, gene_weights(values, params.exponent), base)

    def null_scores(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float[Tensor, "profiles sets permutations"]:
        """The scores of permuted sets, one at a time."""
        arguments = self._arguments(ranking, gene_sets, permutations)
        taus = self.taus(ranking, gene_sets, permutations)
        scores: Tensor = operators.score(*arguments, taus)[0]
        return scores.to(ranking.scores.dtype)

    def curves(self, ranking: Ranking, gene_sets: GeneSets, permutations: Tensor) -> Tensor:
        """Running sums of permuted sets."""
        curves: Tensor = operators.running_sum(*self._arguments(ranking, gene_sets, permutations))
        return curves

    def _arguments(self, ranking: Ranking, gene_sets: GeneSets, permutations: Tensor) -> tuple[Tensor | float, ...]:
        assert isinstance(ranking, FastRanking)  # noqa: S101 (for the type checker)
        profiles = ranking.weights, ranking.ranks, ranking.base
        sets = gene_sets.offsets, gene_sets.indices, permutations.int()
        return *profiles, *sets, *_windows(ranking.params), self.block_moments


def _windows(params: EnrichmentParams) -> tuple[float, float]:
    """The temperature of windows, and their half-width; as wide as can be where τ_abs is not known beforehand."""
    return params.tau_prefix, WIDEST if params.tau_abs == "adaptive" else width_for(params.tau_abs)
