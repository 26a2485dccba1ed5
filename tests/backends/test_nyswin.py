"""The paper's approximation: its formulas by hand, its published accuracy, and its window that keeps everything."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import dgsea_bench as dg
from dgsea_bench.data.sources import SyntheticSource


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def ranking_of(scores, **knobs):
    method = dg.Nyswin(**knobs)
    return method, method.rank(torch.tensor([scores], dtype=torch.float64), dg.EnrichmentParams())


def test_ranks_with_one_anchor_are_the_formula():
    """One anchor is the median: scores 2, 1, 0, -3 have the median 0.5."""
    _, ranking = ranking_of([2.0, 1.0, 0.0, -3.0], anchors=1)
    expected = [1 + 4 * sigmoid((0.5 - score) / 1.2) for score in (2.0, 1.0, 0.0, -3.0)]
    assert ranking.ranks[0].tolist() == pytest.approx(expected, rel=1e-14)


def test_ranks_with_two_anchors_are_the_formula():
    """Two anchors are the thirds: of 3, 0, -3 the quantiles 1/3 and 2/3 are -1 and 1."""
    _, ranking = ranking_of([3.0, 0.0, -3.0], anchors=2)
    expected = [1 + 1.5 * (sigmoid((-1 - s) / 1.2) + sigmoid((1 - s) / 1.2)) for s in (3.0, 0.0, -3.0)]
    assert ranking.ranks[0].tolist() == pytest.approx(expected, rel=1e-14)


def test_anchors_are_at_most_the_genes():
    scores = [0.3, -1.2, 2.0, 0.7]
    _, four = ranking_of(scores, anchors=4)
    _, many = ranking_of(scores, anchors=512)
    assert torch.equal(four.ranks, many.ranks)


def test_the_self_term_shifts_ranks_by_half():
    _, released = ranking_of([0.3, -1.2, 2.0])
    _, without = ranking_of([0.3, -1.2, 2.0], self_term=False)
    torch.testing.assert_close(released.ranks - without.ranks, torch.full((1, 3), 0.5).double())


def test_anchors_carry_a_gradient_only_on_request():
    """With the gradient of anchors, moving all scores together changes no rank; without, it does."""
    gradients = {}
    for anchor_gradient in (False, True):
        scores = torch.tensor([[1.0, 0.4, -0.3, -2.0]], dtype=torch.float64, requires_grad=True)
        ranks = dg.soft_rank(scores, backend=dg.Nyswin(anchors=3, anchor_gradient=anchor_gradient))
        (gradients[anchor_gradient],) = torch.autograd.grad(ranks[0, 1], scores)
    assert gradients[True].sum().item() == pytest.approx(0, abs=1e-15)
    assert gradients[False].nonzero().tolist() == [[0, 1]]


@given(
    genes=st.integers(4, 400),
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["planted", "null", "heavy-tailed", "tied", "correlated", "bidirectional", "overlapping"]),
)
def test_the_released_window_keeps_every_position_but_the_middle_of_an_odd_number(genes, seed, kind):
    scores = SyntheticSource(generator=kind, genes=genes, sets=1, set_size=2, seed=seed).load().scores
    method = dg.Nyswin()
    positions = method.positions(method.rank(scores, dg.EnrichmentParams()))[0].tolist()
    everything = set(range(1, genes + 1)) - ({(genes + 1) // 2} if genes % 2 else set())
    assert set(positions) == everything
    assert len(positions) == len(everything)


@given(scores=arrays(np.float64, st.integers(8, 60), elements=st.floats(-1e6, 1e6)))
def test_no_scores_at_all_make_the_released_window_narrow(scores):
    """Not even extreme ones: soft ranks are too even for their median to lie within a tenth of an end."""
    method = dg.Nyswin()
    ranking = method.rank(torch.from_numpy(scores)[None], dg.EnrichmentParams(tau_rank=0.1))
    assert method.positions(ranking).shape[1] == 2 * (len(scores) // 2)


def test_the_fixed_window_keeps_both_ends():
    method, ranking = ranking_of(list(range(20)), window="fixed", frac=0.15)
    assert method.positions(ranking)[0].tolist() == [1, 2, 3, 18, 19, 20]


def test_windows_of_different_width_in_a_batch_do_not_touch_each_other():
    """Even scores have their median rank in the middle; three quarters tied at the top, well above it."""
    even = torch.linspace(-1, 1, 40, dtype=torch.float64)
    lumped = torch.cat([torch.full((30,), 5.0), torch.linspace(-9, -8, 10)]).double()
    method = dg.Nyswin(frac=0.45)
    gene_sets = dg.GeneSets.from_dict({"a": list("ABCD"), "b": list("XYZKLM")}, [chr(65 + n) for n in range(40)])
    together = dg.enrichment_score(torch.stack([even, lumped]), gene_sets, backend=method)
    alone = torch.cat([dg.enrichment_score(row[None], gene_sets, backend=method) for row in (even, lumped)])
    widths = [len(method.positions(method.rank(row[None], dg.EnrichmentParams()))[0]) for row in (even, lumped)]
    assert widths == [40, 36]
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("genes", "published"), [(400, 2.1e-3), (978, 1.3e-3), (2000, 1.1e-3), (4000, 1.0e-3)])
def test_mean_relative_error_is_that_of_the_release(genes, published):
    """Planted set of 30, 512 anchors, 1.2/1.0/0.6, float64, 20 seeds; figures measured on the release."""
    errors = []
    for seed in range(20):
        problem = SyntheticSource(genes=genes, sets=1, set_size=30, seed=seed).load()
        truth, value = (
            dg.enrichment_score(problem.scores, problem.gene_sets, backend=name).item() for name in ("exact", "nyswin")
        )
        errors.append(abs(value - truth) / abs(truth))
    assert np.mean(errors) == pytest.approx(published, rel=0.15)


@pytest.mark.parametrize(
    "knobs", [{"anchors": 0}, {"frac": 0.0}, {"frac": 0.6}, {"margin": -1}, {"window": "narrow"}, {"memory_mib": 0.0}]
)
def test_knobs_that_make_no_sense_are_refused(knobs):
    with pytest.raises(dg.InputError, match=next(iter(knobs))):
        dg.Nyswin(**knobs)
