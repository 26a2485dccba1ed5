"""A problem: scores, gene sets, and what is known of the truth."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from dgsea_bench.core.gene_sets import GeneSets


@dataclass(frozen=True, eq=False)
class Problem:
    """What a backend is measured on.

    Attributes:
        scores: (B, G) larger = earlier in the ranking.
        gene_sets: P sets over the G genes.
        shifts: (B, G) what a generator added to the scores of planted genes, in units of the scores; 0 elsewhere.
            None where nothing was added and sets may be enriched all the same, as in real scores.
        planted: names of the sets whose members were shifted.
        profiles: names of the B profiles, such as ids of samples; empty where they have none.
    """

    scores: Float64[Tensor, "profiles genes"]
    gene_sets: GeneSets
    shifts: Float64[Tensor, "profiles genes"] | None = None
    planted: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @property
    def tied_share(self) -> float:
        """Share of genes whose score another gene of the same profile has too, 0 .. 1."""
        ordered = self.scores.sort(-1).values
        same = ordered[:, 1:] == ordered[:, :-1]
        edge = torch.zeros(len(same), 1, dtype=torch.bool)
        return float((torch.cat([same, edge], 1) | torch.cat([edge, same], 1)).double().mean())
