"""Blocks of positions that `fastsum` scores as a whole, the arrays that its loops share, and what they refuse."""

import numpy as np
import pytest
import torch

import dgsea_bench as dg
from dgsea_bench.backends.fastsum_operators import block_bits

EACH = dg.Fastsum(block_moments=False)


def problem_of(genes, sizes, seed=0):
    """Scores, and sets of these sizes, of which the first two hold the genes at the top and at the bottom."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((2, genes))
    order = np.argsort(-scores[0])
    members = [order[: sizes[0]], order[-sizes[1] :], *(rng.permutation(genes)[:size] for size in sizes[2:])]
    names = tuple(f"set{number}" for number in range(len(sizes)))
    indices = torch.from_numpy(np.concatenate([np.sort(chosen) for chosen in members]))
    gene_names = tuple(f"gene{number}" for number in range(genes))
    return torch.from_numpy(scores), dg.GeneSets.from_sizes(names, gene_names, torch.tensor(sizes), indices)


def value_and_gradient(scores, gene_sets, backend, params):
    leaf = scores.clone().requires_grad_()
    value = dg.enrichment_score(leaf, gene_sets, params=params, backend=backend)
    (value * torch.linspace(-1, 2, value.numel()).reshape(value.shape)).sum().backward()
    return value.detach(), leaf.grad


@pytest.mark.parametrize("tau_prefix", [0.01, 1.0, 15.0])
@pytest.mark.parametrize(
    ("genes", "sizes", "bits"),
    [(3001, [20, 30, 40, 100], 4), (2513, [3, 3, 9, 30], 5), (2513, [1, 2, 3, 4], 6), (4111, [1, 1, 1, 2], 7)],
)
def test_blocks_as_a_whole_score_as_their_positions_do(genes, sizes, bits, tau_prefix):
    """On numbers of genes that fill no whole number of blocks, with windows at either end."""
    scores, gene_sets = problem_of(genes, sizes)
    assert block_bits(genes, np.mean(sizes)) == bits
    params = dg.EnrichmentParams(tau_prefix=tau_prefix)
    value, gradient = value_and_gradient(scores, gene_sets, "fastsum", params)
    singly, gradient_singly = value_and_gradient(scores, gene_sets, EACH, params)
    exact, gradient_exact = value_and_gradient(scores, gene_sets, "exact", params)
    if tau_prefix < 15:
        assert not torch.equal(value, singly)  # or else no block was taken as a whole
    assert (value - singly).abs().max() <= 1e-12
    assert (value - exact).abs().max() <= 1e-11
    assert (gradient - gradient_singly).norm() <= 1e-11 * gradient_exact.norm()
    assert (gradient - gradient_exact).norm() <= 1e-10 * gradient_exact.norm()


def test_sets_leave_nothing_behind_for_the_next():
    """Small ones, by blocks, after large ones, by positions, and the other way round."""
    sizes = [1, 2, 2499, 3, 1300, 1, 1200, 2, 2500, 1]
    scores, gene_sets = problem_of(2501, sizes)
    params = dg.EnrichmentParams()
    together, gradient = value_and_gradient(scores, gene_sets, "fastsum", params)
    alone = [dg.enrichment_score(scores, gene_sets.subset(n, n + 1), params=params) for n in range(len(sizes))]
    assert (together - torch.cat(alone, dim=1)).abs().max() <= 1e-12
    exact, gradient_exact = value_and_gradient(scores, gene_sets, "exact", params)
    assert (together - exact).abs().max() <= 1e-11
    assert (gradient - gradient_exact).norm() <= 1e-10 * gradient_exact.norm()


def test_permutations_need_as_many_entries_as_sets_ask_for():
    scores, gene_sets = problem_of(60, [3, 4, 5])
    backend = dg.Fastsum()
    ranking = backend.rank(scores, dg.EnrichmentParams())
    first = int(gene_sets.indices.max()) + 1
    drawn = torch.from_numpy(np.stack([np.random.default_rng(n).permutation(60) for n in range(4)]))
    enough = backend.null_scores(ranking, gene_sets, drawn[:, :first])
    assert torch.equal(enough, backend.null_scores(ranking, gene_sets, drawn))
    with pytest.raises(dg.InputError, match=f"of {first - 1} that are permuted"):
        backend.null_scores(ranking, gene_sets, drawn[:, : first - 1])
    with pytest.raises(dg.InputError, match=r"permutations hold 1 \.\. 60, of 60 genes"):
        backend.null_scores(ranking, gene_sets, drawn + 1)


def test_what_would_be_looked_up_outside_the_arrays_is_refused():
    scores, gene_sets = problem_of(60, [3, 4, 5])
    backend = dg.Fastsum()
    with pytest.raises(dg.InputError, match="scores are not all finite"):
        backend.rank(scores.index_fill(1, torch.tensor([7]), torch.nan), dg.EnrichmentParams())
    fewer = backend.rank(scores[:, :30], dg.EnrichmentParams())
    with pytest.raises(dg.InputError, match="members are"):
        backend.enrichment_score(fewer, gene_sets)
    whole = dg.GeneSets.from_sizes(("all",), gene_sets.genes, torch.tensor([60]), torch.arange(60))
    with pytest.raises(dg.InputError, match=r"1 \.\. 59 members"):
        backend.enrichment_score(backend.rank(scores, dg.EnrichmentParams()), whole)
