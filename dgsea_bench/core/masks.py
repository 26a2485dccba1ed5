"""Scores and gene sets where some of the genes were not measured."""

from collections.abc import Iterator
from itertools import compress

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dgsea_bench.core.gene_sets import GeneSets


def by_mask(
    scores: Float[Tensor, "profiles genes"], gene_sets: GeneSets, mask: Bool[Tensor, "masks genes"] | None
) -> Iterator[tuple[Tensor, Tensor, GeneSets, Tensor]]:
    """Profiles with equal masks, together, as if the columns of genes that were not measured were not there.

    Args:
        scores: (B, G) whatever they are where not measured.
        gene_sets: P sets over the G genes.
        mask: (B, G), or (1, G) for all profiles: True where a gene was measured; None: everywhere.

    Yields:
        Which profiles; their scores of measured genes; the gene sets over those, without the ones that have none or all
        of them; and the number 0 .. P-1 of each set that remains, if any does.
    """
    everyone = torch.arange(len(scores), device=scores.device)
    if mask is None or mask.all():
        yield everyone, scores, gene_sets, torch.arange(len(gene_sets), device=scores.device)
        return
    patterns, of_profile = (mask, everyone * 0) if len(mask) == 1 else mask.unique(dim=0, return_inverse=True)
    for number, measured in enumerate(patterns):
        profiles = everyone[of_profile == number]
        some, remaining = _measured_only(gene_sets, measured)
        yield profiles, scores[profiles][:, measured], some, remaining


def _measured_only(gene_sets: GeneSets, measured: Tensor) -> tuple[GeneSets, Tensor]:
    """The gene sets over the measured genes (G,), and which of them remain."""
    inside = measured[gene_sets.indices]
    sizes = gene_sets.sizes.new_zeros(len(gene_sets)).index_add(0, gene_sets.set_of_member, inside.long())
    usable = (sizes > 0) & (sizes < measured.sum())
    remaining = usable.nonzero()[:, 0]
    members = gene_sets.indices[inside & usable[gene_sets.set_of_member]]
    names = tuple(compress(gene_sets.names, usable.tolist()))
    genes = tuple(compress(gene_sets.genes, measured.tolist()))
    return GeneSets.from_sizes(names, genes, sizes[remaining], (measured.cumsum(0) - 1)[members]), remaining
