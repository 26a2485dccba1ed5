"""Generators: the sizes asked for, the same problem for the same seed, and the truth that they state."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dgsea_bench import InputError
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.synthetic import FIXED_GENES, GENERATORS, SHIFT_MEAN, SHIFT_SD, Layout, generate

ANY_SIZE = [name for name in GENERATORS if name not in FIXED_GENES]
EVERY = pytest.mark.parametrize("generator", ANY_SIZE)
PLANTING = pytest.mark.parametrize("generator", [name for name in ANY_SIZE if name != "null"])
UPWARDS = pytest.mark.parametrize("generator", [name for name in ANY_SIZE if name not in ("null", "bidirectional")])
LARGE = Layout(profiles=40, genes=2000, sizes=(100,) * 10, planted=4)


def members(problem: Problem, number: int) -> list[int]:
    return problem.gene_sets.membership()[number].nonzero()[:, 0].tolist()


def planted_genes(problem: Problem) -> torch.Tensor:
    return problem.gene_sets.membership()[: len(problem.planted)].any(0)


@EVERY
def test_sizes_are_those_of_the_layout(generator):
    layout = Layout(profiles=3, genes=90, sizes=(5, 17, 40, 89), planted=2)
    problem = generate(generator, layout, seed=1)
    assert problem.scores.shape == problem.shifts.shape == (3, 90)
    assert problem.scores.dtype == torch.float64
    assert problem.gene_sets.sizes.tolist() == [5, 17, 40, 89]
    assert problem.gene_sets.names == ("set0", "set1", "set2", "set3")
    assert problem.gene_sets.dropped == {}
    assert problem.scores.isfinite().all()


@EVERY
@given(seed=st.integers(0, 2**32), profiles=st.integers(1, 3), genes=st.integers(21, 60), planted=st.integers(0, 2))
def test_the_seed_alone_decides(generator, seed, profiles, genes, planted):
    layout = Layout(profiles, genes, (1, 7, 20), planted)
    one, two, other = (generate(generator, layout, seed=number) for number in (seed, seed, seed + 1))
    assert torch.equal(one.scores, two.scores)
    assert torch.equal(one.shifts, two.shifts)
    assert torch.equal(one.gene_sets.indices, two.gene_sets.indices)
    assert not torch.equal(one.scores, other.scores)


@given(seed=st.integers(0, 2**32))
def test_the_seed_alone_decides_simulated_profiles_too(seed):
    one, two, other = (
        generate("l1000-simulated", Layout(2, 978, (1, 7), 1), number) for number in (seed, seed, seed + 1)
    )
    assert torch.equal(one.scores, two.scores)
    assert torch.equal(one.gene_sets.indices, two.gene_sets.indices)
    assert not torch.equal(one.scores, other.scores)


@EVERY
def test_a_set_as_large_as_the_ranking_is_refused(generator):
    with pytest.raises(InputError, match="a set of 30 genes needs more than the 30 genes of the ranking"):
        generate(generator, Layout(1, 30, (5, 30), 1), seed=0)


@PLANTING
def test_the_first_sets_are_the_planted_ones(generator):
    problem = generate(generator, LARGE, seed=2)
    assert problem.planted == ("set0", "set1", "set2", "set3")
    assert generate(generator, Layout(2, 50, (10,), 0), seed=2).planted == ()


@PLANTING
def test_shifts_are_there_for_planted_genes_and_nowhere_else(generator):
    problem = generate(generator, LARGE, seed=3)
    shifted = (problem.shifts != 0).any(0)
    assert torch.equal(shifted, planted_genes(problem))


@UPWARDS
def test_shifts_have_the_mean_and_spread_of_the_paper(generator):
    problem = generate(generator, LARGE, seed=4)
    shifts = problem.shifts[:, planted_genes(problem)]
    shifts = shifts[shifts != 0]
    assert (SHIFT_MEAN, SHIFT_SD) == (0.6, 0.2)
    assert shifts.mean().item() == pytest.approx(0.6, abs=0.01)
    assert shifts.std().item() == pytest.approx(0.2, abs=0.01)


@PLANTING
def test_the_scores_hold_the_shifts_that_are_stated(generator):
    """What planted genes have over the others equals their stated shifts, up to noise (standard error below 0.02)."""
    problem = generate(generator, LARGE, seed=5)
    up = (problem.shifts > 0).any(0) & (problem.shifts.mean(0) > 0)
    lift = problem.scores[:, up].mean() - problem.scores[:, ~planted_genes(problem)].mean()
    assert lift.item() == pytest.approx(problem.shifts[:, up].mean().item(), abs=0.06)


@UPWARDS
def test_planted_genes_score_higher_and_sets_left_alone_do_not(generator):
    problem = generate(generator, LARGE, seed=6)
    planted = planted_genes(problem)
    lift = problem.scores[:, planted].mean() - problem.scores[:, ~planted].mean()
    assert 0.4 < lift < 0.7
    alone = [gene for gene in members(problem, 9) if not planted[gene]]
    others = ~planted
    others[alone] = False
    assert abs(problem.scores[:, alone].mean() - problem.scores[:, others].mean()) < 0.15


def test_null_plants_nothing():
    problem = generate("null", LARGE, seed=7)
    assert problem.planted == ()
    assert not problem.shifts.any()
    assert stats.kstest(problem.scores.ravel().numpy(), "norm").pvalue > 0.01


def test_bidirectional_sends_half_of_a_set_up_and_half_down():
    problem = generate("bidirectional", Layout(200, 2000, (100, 51), 1), seed=8)
    shifts = problem.shifts[:, members(problem, 0)].mean(0)
    assert ((shifts > 0).sum(), (shifts < 0).sum()) == (50, 50)
    assert shifts[shifts > 0].mean().item() == pytest.approx(0.6, abs=0.02)
    assert shifts[shifts < 0].mean().item() == pytest.approx(-0.6, abs=0.02)
    scores = problem.scores[:, members(problem, 0)].mean(0)
    assert scores[shifts > 0].mean() > 0.5
    assert scores[shifts < 0].mean() < -0.5


def test_bidirectional_sends_the_odd_gene_down():
    problem = generate("bidirectional", Layout(200, 500, (51, 20), 1), seed=8)
    shifts = problem.shifts[:, members(problem, 0)].mean(0)
    assert ((shifts > 0).sum(), (shifts < 0).sum()) == (25, 26)


def test_heavy_tailed_scores_have_the_tails_of_students_t():
    problem = generate("heavy-tailed", Layout(40, 2000, (100,), 0), seed=9)
    scores = problem.scores.ravel().numpy()
    assert stats.kurtosis(scores) > 3
    assert stats.kstest(scores, stats.t(3).cdf).pvalue > 0.01
    assert abs(stats.kurtosis(generate("planted", Layout(40, 2000, (100,), 0), seed=9).scores.ravel().numpy())) < 0.2


def test_tied_scores_have_one_decimal_and_many_zeros():
    problem = generate("tied", LARGE, seed=10)
    scores = problem.scores.numpy()
    assert np.array_equal(scores, np.round(scores, 1))
    assert 0.2 < (scores == 0).mean() < 0.3
    assert not np.signbit(scores[scores == 0]).any()
    assert problem.tied_share > 0.9


def test_correlated_genes_come_in_blocks_of_twenty():
    problem = generate("correlated", Layout(2000, 200, (20, 20, 20), 0), seed=11)
    correlation = np.corrcoef(problem.scores.numpy().T)
    partners = (correlation > 0.15).sum(1) - 1
    assert (partners == 19).all()
    within = (correlation > 0.15) & ~np.eye(200, dtype=bool)
    assert correlation[within].mean() == pytest.approx(0.3, abs=0.02)
    assert correlation[correlation < 0.15].mean() == pytest.approx(0.0, abs=0.01)
    assert problem.scores.var().item() == pytest.approx(1.0, abs=0.03)


def test_correlated_sets_are_runs_of_blocks():
    problem = generate("correlated", Layout(2000, 200, (20, 40), 0), seed=12)
    table = np.corrcoef(problem.scores.numpy().T) > 0.15
    block, pair = members(problem, 0), members(problem, 1)
    assert table[np.ix_(block, block)].all()
    assert table[np.ix_(pair, pair)].sum() == 2 * 20**2


@given(sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_overlapping_sets_take_half_of_their_members_from_the_set_before(sizes, seed):
    problem = generate("overlapping", Layout(1, 400, tuple(sizes), 0), seed)
    for number in range(1, len(sizes)):
        shared = set(members(problem, number)) & set(members(problem, number - 1))
        half = min(sizes[number] // 2, sizes[number - 1])
        assert len(shared) >= half
        assert len(set(members(problem, number))) == sizes[number]


def test_overlapping_sets_share_little_beyond_that_half():
    problem = generate("overlapping", Layout(1, 20_000, (100,) * 20, 0), seed=13)
    table = problem.gene_sets.membership().double()
    shared = (table @ table.T).diagonal(offset=1)
    assert shared.min() >= 50
    assert shared.max() <= 54


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ([[1.0, 2.0, 3.0, 4.0]], 0.0),
        ([[2.0, 1.0, 2.0, 3.0]], 0.5),
        ([[0.0, 0.0, 0.0, 0.0]], 1.0),
        ([[1.0, 1.0, 2.0, 2.0]], 1.0),
        ([[0.0, -0.0, 1.0, 2.0]], 0.5),
        ([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 4.0]], 3 / 8),
        ([[1.0, 2.0], [2.0, 1.0]], 0.0),
    ],
)
def test_tied_share_counts_genes_that_share_a_score_within_a_profile(scores, share):
    some_sets = generate("null", Layout(1, 5, (2,), 0), seed=0).gene_sets
    assert Problem(torch.tensor(scores, dtype=torch.float64), some_sets).tied_share == share
