"""Enrichment scores from scores and gene sets: the three steps, in the order in which they are computed.

With scores s of G genes, larger = earlier in the ranking, and a gene set S:

    rank          r_i  = ½ + Σ_j σ((s_j - s_i) / τ_rank)                     1 = top
    step          hit:  abs(s_i)^e / Σ_{k∈S} abs(s_k)^e      miss:  -1 / (G - abs(S))
    running sum   C(t) = Σ_i step_i · σ((t + ½ - r_i) / τ_prefix)            t = 1 .. G
    score         dES  = Σ_t ω_t C(t),   ω = softmax_t(abs(C(t)) / τ_abs)

As the temperatures τ go to 0 this is GSEA (Subramanian et al. 2005): ranks become positions of a sort, the
running sum a sum over the genes so far, and the score its largest deviation from zero. Soft, it has a gradient
(Li et al. 2026, doi 10.64898/2026.03.18.712610). How it is computed is up to the backend.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from dgsea_bench.backends import DEFAULT_BACKEND, Backend, get_backend
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams, require_type


def soft_rank(
    scores: Float[Tensor, "profiles genes"], tau: float = 1.2, *, backend: str | Backend = DEFAULT_BACKEND
) -> Float64[Tensor, "profiles genes"]:
    """(B, G) ranks of genes in each profile, 1 = top, in float64 whatever the scores.

    Raises:
        InputError: scores that are not finite or not (profiles, genes), tau <= 0, or an unknown backend.
    """
    return prepare(scores, get_backend(backend)).rank(scores, EnrichmentParams(tau_rank=tau)).ranks


def running_sum(
    scores: Float[Tensor, "profiles genes"],
    gene_sets: GeneSets,
    *,
    params: EnrichmentParams | None = None,
    backend: str | Backend = DEFAULT_BACKEND,
) -> Float[Tensor, "profiles sets positions"]:
    """(B, P, G) running sum of each set along the ranking; with `nyswin`, at the positions of its window.

    It has sets × genes values per profile: `enrichment_score` never holds more of them than fit its memory.

    Raises:
        InputError: as `enrichment_score`.
    """
    params = params or EnrichmentParams()
    require_type("params", params, EnrichmentParams)
    method = prepare(scores, get_backend(backend), gene_sets)
    sums = method.running_sum(method.rank(scores, params), gene_sets.to(scores.device))
    return sums.to(scores.dtype)


def enrichment_score(
    scores: Float[Tensor, "profiles genes"],
    gene_sets: GeneSets,
    *,
    params: EnrichmentParams | None = None,
    backend: str | Backend = DEFAULT_BACKEND,
) -> Float[Tensor, "profiles sets"]:
    """(B, P) enrichment score of each set in each profile, -1 .. 1: dES from a soft backend, ES from `hard`.

    Args:
        scores: (B, G) finite, larger = earlier in the ranking; device and dtype of the result follow it.
        gene_sets: sets over the same G genes, in the order of the columns of `scores`.
        params: exponent and temperatures; the recommended ones by default.
        backend: a name (see `backends`) or an instance with knobs, such as ``Nyswin(anchors=128)``; the default runs on
            a CPU, on a GPU give ``"cuda-batched"``, on other devices ``"exact"``.

    Raises:
        InputError: scores of another shape or type, not finite, or over another number of genes than the sets;
            an unknown backend; or a gradient asked of a backend that has none.
    """
    params = params or EnrichmentParams()
    require_type("params", params, EnrichmentParams)
    method = prepare(scores, get_backend(backend), gene_sets)
    return method.enrichment_score(method.rank(scores, params), gene_sets.to(scores.device))


def prepare(scores: Tensor, backend: Backend, gene_sets: GeneSets | None = None) -> Backend:
    """Raise for what no backend can use."""
    if not isinstance(scores, Tensor):
        raise InputError(f"scores are a {type(scores).__name__}; they must be a torch tensor, as by torch.as_tensor")
    if gene_sets is not None and not isinstance(gene_sets, GeneSets):
        raise InputError(f"gene_sets are a {type(gene_sets).__name__}; make them with GeneSets.from_dict(sets, genes)")
    if scores.ndim != 2 or scores.numel() == 0 or not scores.is_floating_point():
        raise InputError(
            f"scores are {scores.dtype} of shape {tuple(scores.shape)}; they must be floating point of shape "
            "(profiles, genes); for one profile use scores[None]"
        )
    if gene_sets is not None and scores.shape[1] != len(gene_sets.genes):
        raise InputError(f"scores have {scores.shape[1]} genes, the gene sets are over {len(gene_sets.genes)}")
    if scores.requires_grad and torch.is_grad_enabled() and not backend.differentiable:
        raise InputError(f"backend {backend.name!r} has no gradient; pass scores.detach(), or take a soft backend")
    reason = backend.unavailable(scores.device)
    if reason:
        raise InputError(f"backend {backend.name!r} cannot run here: {reason}")
    if not scores.detach().sum().isfinite() and not (finite := scores.isfinite()).all():  # a sum is quicker to look at
        profile, gene = (~finite).nonzero()[0].tolist()
        name = f" ({gene_sets.genes[gene]})" if gene_sets is not None else ""
        raise InputError(f"score of gene {gene}{name} in profile {profile} is {scores[profile, gene].item()}")
    return backend
