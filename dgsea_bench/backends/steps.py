"""What a gene adds to the running sum: the weights of hits and the steps of all genes, shared by all backends."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from dgsea_bench.core.gene_sets import GeneSets


def gene_weights(scores: Float[Tensor, "profiles genes"], exponent: float) -> Float64[Tensor, "profiles genes"]:
    """(B, G) abs(score)^exponent, up to a constant factor per profile, in float64.

    Scores are scaled by their maximum first, so that no power overflows; the factor cancels in `hit_weights` and is a
    constant for the gradient. The derivative at a score of 0 is 0 for every exponent.
    """
    magnitudes = scores.double().abs()
    scaled = magnitudes / magnitudes.detach().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    if exponent == 0:
        return torch.ones_like(scaled)
    if exponent == 1:
        return scaled
    zero = scaled == 0
    return scaled.masked_fill(zero, 1.0).pow(exponent).masked_fill(zero, 0.0)


def hit_weights(weights: Float64[Tensor, "profiles genes"], gene_sets: GeneSets) -> Float64[Tensor, "profiles members"]:
    """(B, members) the step of each hit, weight / N_R with N_R the sum over its set; they sum to 1 per set.

    A set whose weights are all zero gets uniform ones.
    """
    hits = weights[:, gene_sets.indices]
    totals = hits.new_zeros(len(hits), len(gene_sets)).index_add(1, gene_sets.set_of_member, hits)
    weightless = totals == 0
    uniform = 1.0 / gene_sets.sizes.double()
    hits = hits / totals.masked_fill(weightless, 1.0)[:, gene_sets.set_of_member]
    return torch.where(weightless[:, gene_sets.set_of_member], uniform[gene_sets.set_of_member], hits)


def steps(
    scores: Float[Tensor, "profiles genes"], gene_sets: GeneSets, exponent: float
) -> Float64[Tensor, "profiles sets genes"]:
    """(B, P, G) what each gene adds: abs(s_i)^exponent / N_R for a hit, -1 / (G - abs(S)) for a miss."""
    hits = hit_weights(gene_weights(scores, exponent), gene_sets)
    profiles, genes = scores.shape
    miss = -1.0 / (genes - gene_sets.sizes.double())
    table = miss[None, :, None].expand(profiles, -1, genes)
    rows = torch.arange(profiles, device=scores.device)[:, None]
    return table.index_put((rows, gene_sets.set_of_member, gene_sets.indices), hits)
