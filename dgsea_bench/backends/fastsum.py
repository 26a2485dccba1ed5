"""dGSEA in linear time, exact to rounding; the derivation is in ``docs/fastsum.md``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from dgsea_bench.backends import fastsum_operators as operators
from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.steps import gene_weights
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams


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
class Fastsum(Backend):
    """dGSEA as defined (Li et al. 2026), value and gradient, without ever summing over all pairs.

    Ranks are sums over a uniform grid; a running sum is made from the windows of its hits, scored as it is made, and
    made again in the backward pass: nothing of size sets × genes is stored. Work is in float64 inside.
    """

    name: ClassVar[str] = "fastsum"
    summary: ClassVar[str] = "the same sums by a grid and by windows of hits, exact to rounding"
    cost: ClassVar[str] = "O(G + H + P·G), H hits"
    source: ClassVar[str] = "this project, docs/fastsum.md"

    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """Rounding, and windows that end at exp(-28)."""
        return Tolerance(1e-10, 1e-10) if dtype == torch.float64 else Tolerance(2e-7, 1e-6)

    def unavailable(self, device: torch.device | str) -> str | None:
        """Why it cannot run on `device`, or None if it can."""
        if torch.device(device).type == "cpu":
            return None
        return f'its loops are compiled for a CPU, not for {device}; move the scores there, or take backend="exact"'

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> FastRanking:
        """Soft ranks, and the running sum of all genes."""
        values = scores.double()
        ranks, base = operators.rank(values, params.tau_rank, params.tau_prefix)
        return FastRanking(scores, ranks, params, gene_weights(values, params.exponent), base)

    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Float64[Tensor, "profiles sets positions"]:
        """The soft running sum at every position."""
        assert isinstance(ranking, FastRanking)  # noqa: S101 (for the type checker)
        return operators.running_sums(
            ranking.weights,
            ranking.ranks,
            ranking.base,
            gene_sets.offsets,
            gene_sets.indices,
            ranking.params.tau_prefix,
        )

    def enrichment_score(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets"]:
        """The same as `extremum` of `running_sum`, one set at a time."""
        unchanged = torch.arange(ranking.scores.shape[1], dtype=torch.int32)[None]
        return self.null_scores(ranking, gene_sets, unchanged)[:, :, 0]

    def null_scores(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float[Tensor, "profiles sets permutations"]:
        """The scores of permuted sets, one at a time."""
        assert isinstance(ranking, FastRanking)  # noqa: S101 (for the type checker)
        params = ranking.params
        tau_abs = operators.ADAPTIVE if params.tau_abs == "adaptive" else params.tau_abs
        scores, _, _ = operators.scores(
            ranking.weights,
            ranking.ranks,
            ranking.base,
            gene_sets.offsets,
            gene_sets.indices,
            permutations.int(),
            params.tau_prefix,
            tau_abs,
        )
        return scores.to(ranking.scores.dtype)
