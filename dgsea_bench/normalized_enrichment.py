"""Normalised enrichment scores: the null distribution by permuting genes, drawn in bounded memory.

Permuting the scores over the genes is the same as permuting the membership, and soft ranks move with their genes. So a
profile is ranked once, and set S under permutation π is one more gene set, {π(i): i ∈ S}. What is made of the null
scores is said in `significance`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dgsea_bench.backends import DEFAULT_BACKEND, Backend, Hard, Ranking, get_backend
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams, NullParams, require_type
from dgsea_bench.core.permutations import draw_permutations
from dgsea_bench.enrichment import prepare
from dgsea_bench.enrichment_result import EnrichmentResult
from dgsea_bench.significance import Significance, benjamini_hochberg, null_nes, pooled_ratio, significance

PORTIONS = 10
"""Null scores are computed in at least so many portions, so that there is progress to tell."""

COPIES = 10
"""Arrays the size of a block of null scores that exist at once while it is sorted and averaged."""

Progress = Callable[[int, int], None]
"""Called with what is done and all there is to do; an exception that it raises ends the computation."""


def normalized_enrichment_score(
    scores: Float[Tensor, "profiles genes"],
    gene_sets: GeneSets,
    *,
    params: EnrichmentParams | None = None,
    null: NullParams | None = None,
    backend: str | Backend = DEFAULT_BACKEND,
    progress: Progress | None = None,
) -> EnrichmentResult:
    """Enrichment with its significance: dNES from a soft backend, NES of classical GSEA from `hard`.

    Every profile sees the same permutations. Null scores are held for as many profiles and sets at a time as fit into
    the backend's `memory_mib`, those of one profile and set at least; how many does not change the result.
    Half precision is widened to float32.

    Args:
        scores: (B, G) finite, larger = earlier in the ranking; the result's device and dtype follow it.
        gene_sets: sets over the same G genes.
        params: exponent and temperatures.
        null: how the null distribution is drawn and used.
        backend: a name or an instance.
        progress: called now and then with the permutations done and all there are.

    Returns:
        Gradients flow through `es` and `nes`; with the denominators held constant unless `null.gradient`.

    Raises:
        InputError: as `enrichment_score`.
    """
    method = prepare(scores, get_backend(backend), gene_sets)
    params, null = params or EnrichmentParams(), null or NullParams()
    require_type("params", params, EnrichmentParams)
    require_type("null", null, NullParams)
    scores = scores if scores.dtype in (torch.float32, torch.float64) else scores.float()
    sets = gene_sets.to(scores.device)
    hard = Hard().rank(scores.detach(), params)
    ranking = hard if isinstance(method, Hard) else method.rank(scores, params)
    es = method.enrichment_score(ranking, sets)
    sources = [(method, ranking)]
    if null.calibrate and method.target != "gsea":
        sources.append((Hard(memory_mib=method.memory_mib), hard))
    found = _by_block(sources, sets, es, null, progress)
    alike = (scores == scores[:, :1]).all(-1)
    found.reason[alike.cpu().numpy()] = "the scores of this profile are all equal"
    return EnrichmentResult(
        es=es,
        nes=found.nes.masked_fill(alike[:, None], math.nan),
        p_value=found.p_value.masked_fill(alike[:, None], math.nan),
        fdr=found.fdr.masked_fill(alike[:, None], math.nan),
        reason=found.reason,
        as_extreme=found.as_extreme,
        of_sign=found.of_sign,
        gene_sets=sets,
        ranks=hard.ranks,
        peaks=_peaks(method, ranking, sets, es),
        procedure=f"ranked once, {null.permutations:,} permutations as gene sets",
    )


def null_distribution(
    backend: Backend,
    ranking: Ranking,
    gene_sets: GeneSets,
    null: NullParams,
    *,
    done: Callable[[int], None] = lambda _: None,
) -> Float[Tensor, "profiles sets permutations"]:
    """(B, P, K) null scores of each set of a ranking by that backend; working memory beyond them is its `memory_mib`.

    `done` is called with the number of permutations just finished.
    """
    genes = ranking.scores.shape[1]
    of_set, drawn, entries = None, gene_sets, genes
    if null.sharing == "size":
        drawn, of_set = _one_set_per_size(gene_sets)
        entries = int(drawn.sizes.max())
    parts = []
    for start, stop in _portions(null.permutations, int(backend.memory_mib * 2**20 / 32 / entries)):
        permutations = draw_permutations(genes, start, stop, seed=null.seed, first=entries)
        parts.append(backend.null_scores(ranking, drawn, permutations.to(ranking.scores.device)))
        done(stop - start)
    values = torch.cat(parts, dim=2)
    return values if of_set is None else values[:, of_set]


def pairs_at_once(backend: Backend, null: NullParams) -> int:
    """Pairs of profile and set whose null scores, sorted and averaged, fit into `memory_mib`; at least 1."""
    return max(1, int(backend.memory_mib * 2**20 / (8 * COPIES * null.permutations)))


def _portions(permutations: int, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of permutations that double in length up to a tenth of all, so that a slow backend shows early."""
    most = max(1, min(most, -(-permutations // PORTIONS)))
    start, length = 0, 1
    while start < permutations:
        stop = min(permutations, start + min(length, most))
        yield start, stop
        start, length = stop, 2 * length


def _one_set_per_size(gene_sets: GeneSets) -> tuple[GeneSets, Tensor]:
    """The first n genes as a set for each size n that occurs, and which of them stands for each set.

    Under a permutation they become the first n entries of it, a random set of that size.
    """
    sizes, of_set = gene_sets.sizes.unique(return_inverse=True)
    indices = torch.cat([torch.arange(size, device=sizes.device) for size in sizes.tolist()])
    names = tuple(f"{size} genes" for size in sizes.tolist())
    return GeneSets.from_sizes(names, gene_sets.genes, sizes, indices), of_set


def _by_block(
    sources: Sequence[tuple[Backend, Ranking]],
    gene_sets: GeneSets,
    es: Tensor,
    null: NullParams,
    progress: Progress | None,
) -> Significance:
    """The same as `significance`, of as many profiles and sets at a time as have null scores that fit into memory."""
    values = pairs_at_once(sources[0][0], null)
    profiles_at_once, sets_at_once = max(1, values // len(gene_sets)), min(values, len(gene_sets))
    spans = [
        slice(first, min(first + sets_at_once, len(gene_sets))) for first in range(0, len(gene_sets), sets_at_once)
    ]
    starts = range(0, len(es), profiles_at_once)
    passes = 2 if null.fdr == "gsea" and len(spans) > 1 else 1
    total = len(starts) * len(spans) * len(sources) * passes * null.permutations
    finished = 0

    def done(permutations: int) -> None:
        nonlocal finished
        finished += permutations
        if progress is not None:
            progress(finished, total)

    parts = []
    for start in starts:
        profiles = slice(start, start + profiles_at_once)
        chosen = [(method, ranking.select(profiles)) for method, ranking in sources]
        parts.append(_of_profiles(chosen, gene_sets, es[profiles], spans, null, done))
    return _joined(parts, 0)


def _of_profiles(
    sources: Sequence[tuple[Backend, Ranking]],
    gene_sets: GeneSets,
    es: Tensor,
    spans: Sequence[slice],
    null: NullParams,
    done: Callable[[int], None],
) -> Significance:
    """The same for profiles whose null scores are held for one span of sets at a time.

    GSEA's FDR pools the null scores of all sets, so that with several spans they are computed twice.
    """

    def null_scores(span: slice) -> list[Tensor]:
        some = gene_sets.subset(span.start, span.stop)
        with torch.set_grad_enabled(null.gradient and torch.is_grad_enabled()):
            return [null_distribution(method, ranking, some, null, done=done) for method, ranking in sources]

    def judge(span: slice, params: NullParams) -> Significance:
        values = null_scores(span)
        return significance(es[:, span], values[0], params, classical_null_es=values[-1])

    if len(spans) == 1:
        return judge(spans[0], null)
    parts = [judge(span, replace(null, fdr="benjamini-hochberg")) for span in spans]
    found = _joined(parts, 1)
    if null.fdr == "gsea":
        pooled = (null_nes(null_scores(span)[0], found.scales[:, span], null) for span in spans)
        return replace(found, fdr=pooled_ratio(found.nes, pooled))
    return replace(found, fdr=benjamini_hochberg(found.p_value))


def _joined(parts: Sequence[Significance], dimension: int) -> Significance:
    tensors = [item.name for item in fields(Significance) if item.name != "reason"]
    joined = {name: torch.cat([getattr(part, name) for part in parts], dimension) for name in tensors}
    return Significance(reason=np.concatenate([part.reason for part in parts], axis=dimension), **joined)


def _peaks(method: Backend, ranking: Ranking, gene_sets: GeneSets, es: Tensor) -> Tensor:
    """(B, P) the position where the running sum is farthest from zero on the side of the score."""
    rows = []
    with torch.no_grad():
        for profiles, spans in method.chunks(ranking, len(gene_sets)):
            part = ranking.select(profiles)
            positions = method.positions(part)
            columns = []
            for start, stop in spans:
                curve = method.running_sum(part, gene_sets.subset(start, stop))
                upward = torch.where(es[profiles, start:stop, None] >= 0, curve, -curve)
                place = upward.nan_to_num(nan=-math.inf).argmax(-1)
                columns.append(positions.gather(1, place))
            rows.append(torch.cat(columns, dim=1))
    return torch.cat(rows).long()
