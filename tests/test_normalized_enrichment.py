"""NES against its plain definition, gseapy and fgsea; what must not change a result; p-values on null data."""

import math
from dataclasses import replace
from itertools import pairwise

import gseapy
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import dgsea_bench as dg
from dgsea_bench.core.permutations import draw_permutations
from dgsea_bench.data.sources import RankingSource, SyntheticSource
from dgsea_bench.normalized_enrichment import null_distribution
from dgsea_bench.significance import p_values, permutations_for_p_values
from dgsea_bench.testing import classical_enrichment_score, dense_enrichment_score

BACKENDS = ["hard", "exact", "nyswin"]
FEW = dg.NullParams(permutations=40)
VALUES = ("es", "nes", "p_value", "fdr", "as_extreme", "of_sign")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Small problems: threads that wait for each other take more time than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def problem(generator="planted", **sizes):
    return SyntheticSource(generator=generator, **sizes).load()


def judge(scores, gene_sets, null=FEW, backend="hard", **options):
    return dg.normalized_enrichment_score(scores, gene_sets, null=null, backend=backend, **options)


def assert_same(one, other, tolerance=0.0):
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def assert_same_result(one, other, backend, tolerance=1e-12):
    """Bitwise for `hard`."""
    for name in VALUES:
        assert_same(getattr(one, name), getattr(other, name), 0.0 if backend == "hard" else tolerance)
    assert (one.reason == other.reason).all()
    assert one.leading_edge == other.leading_edge


# The plain definition: scores permuted, everything computed anew

PLAIN = {
    "hard": lambda scores, sets: classical_enrichment_score(scores, sets, 1.0),
    "exact": lambda scores, sets: dense_enrichment_score(scores, sets, dg.EnrichmentParams()),
    "nyswin": lambda scores, sets: dg.enrichment_score(scores, sets, backend="nyswin"),
}


def plain_null(score, scores, gene_sets, null):
    """(B, P, K) null scores, permutation by permutation."""
    drawn = draw_permutations(scores.shape[1], 0, null.permutations, seed=null.seed).long()
    if null.sharing == "set":
        return torch.stack([score(scores[:, order], gene_sets) for order in drawn], dim=-1)
    sizes = gene_sets.sizes.tolist()
    each = []
    for order in drawn:
        sets = {str(p): [gene_sets.genes[gene] for gene in order[:size]] for p, size in enumerate(sizes)}
        each.append(score(scores, dg.GeneSets.from_dict(sets, gene_sets.genes)))
    return torch.stack(each, dim=-1)


# Sets of some genes among at least thirty: few so small that the same set is drawn twice, see the last of these tests.
UNTIED = {
    "generator": st.sampled_from(["planted", "null", "heavy-tailed"]),
    "genes": st.integers(30, 70),
    "seed": st.integers(0, 10**6),
    "permutations": st.integers(20, 40),
}


def small(generator, genes, seed):
    return problem(generator, genes=genes, sets=4, set_size=f"5-{genes - 5}", profiles=2, seed=seed)


@pytest.mark.parametrize("sharing", ["set", "size"])
@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=12)
@given(**UNTIED)
def test_ranking_once_gives_what_permuted_scores_ranked_anew_give(
    backend, sharing, generator, genes, seed, permutations
):
    given_problem = small(generator, genes, seed)
    scores, sets = given_problem.scores, given_problem.gene_sets
    null = dg.NullParams(permutations=permutations, seed=seed, sharing=sharing)
    found = judge(scores, sets, null, backend)
    truth = dg.significance(PLAIN[backend](scores, sets), plain_null(PLAIN[backend], scores, sets, null), null)
    assert_same(found.nes, truth.nes, 1e-10)
    for name in ("p_value", "fdr"):
        assert_same(getattr(found, name), getattr(truth, name), 1e-12)
    assert (found.reason == truth.reason).all()


@pytest.mark.parametrize("sharing", ["set", "size"])
@settings(max_examples=12)
@given(
    st.sampled_from(["planted", "tied"]), st.integers(4, 50), st.integers(0, 10**6), st.sampled_from([0.0, 1.0, 2.0])
)
def test_classical_nulls_of_sets_of_any_size(sharing, generator, genes, seed, exponent):
    """From one gene to all but one, where many null scores are equal; equal scores are in order, as `hard` has them."""
    given_problem = problem(generator, genes=genes, sets=5, set_size=f"1-{genes - 1}", profiles=2, seed=seed)
    params, null = dg.EnrichmentParams(exponent=exponent), dg.NullParams(permutations=20, seed=seed, sharing=sharing)
    ranking = dg.Hard().rank(given_problem.scores, params)
    found = null_distribution(dg.Hard(), ranking, given_problem.gene_sets, null)
    # Ranked once: the order of equal scores moves with their genes, so that it is broken before they are permuted.
    places = ranking.ranks.numpy()
    for profile, values in enumerate(given_problem.scores.numpy()):
        truth = plain_null(
            lambda tagged, sets, values=values: _walk_by_rank(tagged, values, sets, exponent),
            torch.from_numpy(places[[profile]]),
            given_problem.gene_sets,
            null,
        )
        np.testing.assert_allclose(found[profile], truth[0], rtol=0, atol=1e-11)


def _walk_by_rank(places, values, gene_sets, exponent):
    """ES of profiles given as places 1 .. G in the ranking of `values`, gene by gene."""
    ordered = np.sort(values)[::-1]
    result = np.empty((1, len(gene_sets)))
    order = np.argsort(places[0].numpy())
    for number, belongs in enumerate(gene_sets.membership().numpy()[:, order]):
        weights = np.abs(ordered) ** exponent * belongs
        hits = weights / weights.sum() if weights.sum() > 0 else belongs / belongs.sum()
        curve = np.cumsum(hits - ~belongs / (~belongs).sum())
        highest, lowest = curve.max(), curve.min()
        result[0, number] = highest if highest >= -lowest - 1e-12 else lowest
    return torch.from_numpy(result)


@pytest.mark.parametrize("preset", ["default", "gsea", "released"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_preset_is_its_plain_definition(backend, preset):
    """`calibrate` takes the classical null of the same permutations; for `hard` it changes nothing."""
    given_problem = problem(genes=60, sets=6, set_size="5-30", profiles=2, seed=11)
    scores, sets = given_problem.scores, given_problem.gene_sets
    null = dg.NullParams.preset(preset, permutations=40, seed=5)
    found = judge(scores, sets, null, backend)
    truth = dg.significance(
        PLAIN[backend](scores, sets),
        plain_null(PLAIN[backend], scores, sets, null),
        null,
        classical_null_es=plain_null(PLAIN["hard"], scores, sets, null),
    )
    for name in ("nes", "p_value", "fdr", "as_extreme", "of_sign"):
        assert_same(getattr(found, name), getattr(truth, name), 1e-10)


@pytest.mark.parametrize("backend", ["exact", "nyswin"])
@pytest.mark.parametrize("sharing", ["set", "size"])
def test_calibrated_scores_are_divided_by_what_classical_ones_are_divided_by(backend, sharing):
    given_problem = problem(genes=60, sets=6, set_size="5-30", profiles=2, seed=12)
    null = replace(FEW, calibrate=True, sharing=sharing)
    soft, hard = (judge(given_problem.scores, given_problem.gene_sets, null, each) for each in (backend, "hard"))
    same_sign = soft.es.sign() == hard.es.sign()
    assert same_sign.sum() > 6
    assert_same((soft.es / soft.nes)[same_sign], (hard.es / hard.nes)[same_sign], 1e-12)
    assert_same_result(
        hard, judge(given_problem.scores, given_problem.gene_sets, replace(null, calibrate=False)), "hard"
    )


# What must not change a result


def neighbours():
    return problem(genes=60, sets=7, set_size="5-30", profiles=3, seed=21)


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("sharing", ["set", "size"])
@pytest.mark.parametrize("fdr", ["benjamini-hochberg", "gsea"])
@pytest.mark.parametrize("method", [dg.Hard, dg.Exact, dg.Nyswin])
def test_memory_does_not_matter(method, fdr, sharing, calibrate):
    """In 0.012 MiB, null scores of three sets fit: not even a profile at a time."""
    given_problem = neighbours()
    null = replace(FEW, fdr=fdr, sharing=sharing, calibrate=calibrate)
    calls: list[tuple[int, int]] = []
    few = judge(
        *(given_problem.scores, given_problem.gene_sets, null, method(memory_mib=0.012)),
        progress=lambda *at: calls.append(at),
    )
    sources = 2 if calibrate and method is not dg.Hard else 1
    assert calls[-1][1] >= 2 * 3 * sources * 40  # the sets of each of three profiles, in two spans or more
    much = judge(given_problem.scores, given_problem.gene_sets, null, method(memory_mib=512))
    assert_same_result(few, much, method.name)


def test_memory_for_a_single_score_is_enough():
    given_problem = neighbours()
    few, much = (
        judge(given_problem.scores, given_problem.gene_sets, FEW, dg.Hard(memory_mib=mib)) for mib in (1e-6, 9)
    )
    assert_same_result(few, much, "hard")


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_do_not_matter(backend):
    given_problem, before = neighbours(), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(judge(given_problem.scores, given_problem.gene_sets, backend=backend))
    finally:
        torch.set_num_threads(before)
    assert_same_result(results[0], results[1], backend)
    assert_same_result(results[0], results[2], backend)


@pytest.mark.parametrize("fdr", ["benjamini-hochberg", "gsea"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_other_profiles_do_not_matter(backend, fdr):
    given_problem, null = neighbours(), replace(FEW, fdr=fdr)
    # One with its median near an end, whose window in `nyswin` is another.
    scores = torch.cat([given_problem.scores, given_problem.scores[:1].exp() ** 3])
    together = judge(scores, given_problem.gene_sets, null, backend)
    for profile in range(len(scores)):
        alone = judge(scores[[profile]], given_problem.gene_sets, null, backend)
        for name in VALUES:
            ours, theirs = getattr(alone, name)[0], getattr(together, name)[profile]
            assert_same(ours, theirs, 0.0 if backend == "hard" else 1e-12)
        assert alone.leading_edge[0] == together.leading_edge[profile]


@pytest.mark.parametrize("sharing", ["set", "size"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_other_sets_do_not_matter_but_for_the_fdr(backend, sharing):
    given_problem, null = neighbours(), replace(FEW, sharing=sharing)
    together = judge(given_problem.scores, given_problem.gene_sets, null, backend)
    for number in (0, 3, 6):
        alone = judge(given_problem.scores, given_problem.gene_sets.subset(number, number + 1), null, backend)
        for name in ("es", "nes", "p_value"):
            ours, theirs = getattr(alone, name)[:, 0], getattr(together, name)[:, number]
            assert_same(ours, theirs, 0.0 if backend == "hard" else 1e-12)


def test_what_was_computed_before_does_not_matter():
    given_problem = neighbours()
    forth = {name: judge(given_problem.scores, given_problem.gene_sets, backend=name) for name in BACKENDS}
    judge(given_problem.scores, given_problem.gene_sets, replace(FEW, seed=8))
    back = {name: judge(given_problem.scores, given_problem.gene_sets, backend=name) for name in BACKENDS[::-1]}
    for name in BACKENDS:
        assert_same_result(forth[name], back[name], "hard")  # bitwise, as nothing but the order differs


def test_global_random_numbers_are_neither_used_nor_moved():
    given_problem = neighbours()
    torch.manual_seed(1)
    np.random.seed(1)
    one = judge(given_problem.scores, given_problem.gene_sets)
    ours = torch.rand(1), np.random.random()
    torch.manual_seed(1)
    np.random.seed(1)
    assert (torch.rand(1), np.random.random()) == ours
    assert_same_result(one, judge(given_problem.scores, given_problem.gene_sets), "hard")


@pytest.mark.parametrize("sharing", ["set", "size"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_other_seeds_give_other_results(backend, sharing):
    given_problem = neighbours()
    results = [
        judge(given_problem.scores, given_problem.gene_sets, replace(FEW, seed=seed, sharing=sharing), backend)
        for seed in (0, 1, 2**63 - 1)
    ]
    assert_same(results[0].es, results[1].es)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert (results[one].nes != results[other].nes).all()
    assert (results[0].p_value != results[1].p_value).any()


def test_sets_of_one_size_share_their_null_and_others_do_not():
    given_problem = problem(genes=100, sets=5, set_size=20, seed=4)
    method = dg.Hard()
    ranking = method.rank(given_problem.scores, dg.EnrichmentParams())
    by_size = null_distribution(method, ranking, given_problem.gene_sets, replace(FEW, sharing="size"))
    assert (by_size == by_size[:, :1]).all()
    by_set = null_distribution(method, ranking, given_problem.gene_sets, FEW)
    assert len({tuple(row.tolist()) for row in by_set[0]}) == 5


def test_fewer_permutations_are_the_first_of_more():
    given_problem = neighbours()
    method = dg.Hard()
    ranking = method.rank(given_problem.scores, dg.EnrichmentParams())
    few, many = (
        null_distribution(method, ranking, given_problem.gene_sets, replace(FEW, permutations=count))
        for count in (33, 200)
    )
    assert torch.equal(few, many[..., :33])


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_precision_gives_the_same_to_its_rounding(backend):
    given_problem = neighbours()
    scores = given_problem.scores.float()
    single, double = (judge(values, given_problem.gene_sets, backend=backend) for values in (scores, scores.double()))
    for name in VALUES:
        assert getattr(single, name).dtype == torch.float32
    assert_same(single.nes.double(), double.nes, 1e-5)
    assert_same(single.p_value.double(), double.p_value, 1e-6)


def test_scores_in_other_units_give_the_same_classical_result():
    given_problem = neighbours()
    one, other = (
        judge(scores, given_problem.gene_sets) for scores in (given_problem.scores, given_problem.scores / 64)
    )
    assert_same_result(one, other, "hard")


@pytest.mark.parametrize("name", ["nes", "fdr"])
def test_the_other_profiles_do_not_matter_where_null_scores_are_equal(name):
    """Sets of one gene: null scores repeat, but for the last bit, which depends on what is computed beside them."""
    null = dg.NullParams(permutations=100, sharing="size", split=None, fdr="gsea")
    errors = []
    for seed in range(3):
        given_problem = problem(genes=41, sets=13, set_size=1, profiles=2, seed=seed)
        together = judge(given_problem.scores, given_problem.gene_sets, null, "exact")
        alone = judge(given_problem.scores[1:], given_problem.gene_sets, null, "exact")
        assert_same(alone.es, together.es[1:], 1e-12)
        assert_same(alone.p_value, together.p_value[1:], 1e-12)
        errors.append(float((getattr(alone, name) - getattr(together, name)[1:]).abs().nan_to_num().max()))
    assert max(errors) < 1e-12


# Gradients


def toy():
    """Sets of six of sixteen genes: no two random ones of some tens are the same, see the ties above."""
    given_problem = problem(genes=16, sets=3, set_size="6-8", profiles=2, seed=2)
    weights = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3)))
    return given_problem.scores.clone().requires_grad_(), given_problem.gene_sets, weights


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("backend", ["exact", "nyswin"])
def test_with_constant_denominators_the_gradient_is_that_of_the_score_divided_by_them(backend, calibrate):
    scores, gene_sets, weights = toy()
    found = judge(scores, gene_sets, replace(FEW, calibrate=calibrate), backend)
    assert found.nes.isfinite().all()
    denominators = (found.es / found.nes).detach()
    (gradient,) = torch.autograd.grad((weights * found.nes).sum(), scores)
    es = dg.enrichment_score(scores, gene_sets, backend=backend)
    (truth,) = torch.autograd.grad((weights * es / denominators).sum(), scores)
    assert_same(gradient, truth, 1e-12)


@pytest.mark.parametrize("sharing", ["set", "size"])
@pytest.mark.parametrize("split", [None, 0.5])
@pytest.mark.parametrize("memory_mib", [512.0, 0.005])
def test_with_null_gradients_it_is_that_of_finite_differences(memory_mib, split, sharing):
    scores, gene_sets, weights = toy()
    null = dg.NullParams(permutations=20, gradient=True, split=split, sharing=sharing)
    method = dg.Exact(memory_mib=memory_mib)

    (gradient,) = torch.autograd.grad((weights * judge(scores, gene_sets, null, method).nes).sum(), scores)
    step, genes = 1e-5, scores.shape[1]
    moves = step * torch.eye(genes, dtype=torch.float64)[:, None]
    # Profiles do not see each other: (genes, 2 profiles) at a time, moved up and down.
    up, down = (
        judge((scores.detach() + move).flatten(0, 1), gene_sets, null, "exact").nes.unflatten(0, (genes, 2))
        for move in (moves, -moves)
    )
    truth = ((weights * (up - down)).sum(-1) / (2 * step)).T
    assert_same(gradient, truth, 1e-7)
    (constant,) = torch.autograd.grad(
        (weights * judge(scores, gene_sets, replace(null, gradient=False), method).nes).sum(), scores
    )
    assert not torch.allclose(gradient, constant, atol=1e-3)


def test_es_has_its_gradient_too():
    scores, gene_sets, weights = toy()
    (gradient,) = torch.autograd.grad((weights * judge(scores, gene_sets, backend="exact").es).sum(), scores)
    es = dg.enrichment_score(scores, gene_sets, backend="exact")
    assert_same(gradient, torch.autograd.grad((weights * es).sum(), scores)[0], 1e-13)


@pytest.mark.parametrize("gradient", [False, True])
def test_hard_refuses_scores_that_want_a_gradient(gradient):
    scores, gene_sets, _ = toy()
    with pytest.raises(dg.InputError, match="no gradient"):
        judge(scores, gene_sets, replace(FEW, gradient=gradient))
    with torch.no_grad():
        assert not judge(scores, gene_sets, replace(FEW, gradient=gradient)).nes.requires_grad


def test_without_gradients_there_is_none():
    scores, gene_sets, _ = toy()
    with torch.no_grad():
        assert not judge(scores, gene_sets, replace(FEW, gradient=True), "exact").nes.requires_grad
    assert not judge(scores.detach(), gene_sets, replace(FEW, gradient=True), "exact").nes.requires_grad


# Constant scores, bad input


@pytest.mark.parametrize("fdr", ["benjamini-hochberg", "gsea"])
@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_scores_give_nan_and_a_reason_for_their_profile_alone(backend, value, fdr):
    given_problem, null = neighbours(), replace(FEW, fdr=fdr)
    scores = given_problem.scores.clone()
    scores[1] = value
    found = judge(scores, given_problem.gene_sets, null, backend)
    for values in (found.nes, found.p_value, found.fdr):
        assert values[1].isnan().all()
    assert (found.reason[1] == "the scores of this profile are all equal").all()
    assert found.es.isfinite().all()
    others = judge(scores[[0, 2]], given_problem.gene_sets, null, backend)
    for name in ("nes", "p_value", "fdr"):
        assert_same(getattr(found, name)[[0, 2]], getattr(others, name), 0.0 if backend == "hard" else 1e-12)
        assert getattr(others, name).isfinite().all()
    assert not found.reason[[0, 2]].any()


@pytest.mark.parametrize("backend", ["exact", "nyswin"])
@pytest.mark.parametrize("gradient", [False, True])
def test_equal_scores_leave_the_gradients_of_others_finite(backend, gradient):
    given_problem = neighbours()
    scores = given_problem.scores.clone()
    scores[1] = 0.7
    scores.requires_grad_()
    judge(scores, given_problem.gene_sets, replace(FEW, gradient=gradient), backend).nes.nansum().backward()
    assert scores.grad.isfinite().all()
    assert (scores.grad[[0, 2]] != 0).any(-1).all()


def test_input_that_cannot_be_used_is_refused():
    given_problem = neighbours()
    scores, gene_sets = given_problem.scores, given_problem.gene_sets
    bad = scores.clone()
    bad[1, 2] = math.nan
    for values, message in (
        (bad, "score of gene 2 .* in profile 1 is nan"),
        (scores[0], "profiles, genes"),
        (scores[:, 1:], "59 genes"),
        (scores.long(), "floating point"),
        (scores.numpy(), "torch tensor"),
    ):
        with pytest.raises(dg.InputError, match=message):
            judge(values, gene_sets)
    with pytest.raises(dg.InputError, match="did you mean 'hard'"):
        judge(scores, gene_sets, backend="hrad")


def test_what_is_given_is_left_as_it_was():
    given_problem = neighbours()
    kept = given_problem.scores.clone()
    for backend in BACKENDS:
        judge(given_problem.scores, given_problem.gene_sets, backend=backend)
    assert torch.equal(given_problem.scores, kept)


# Progress


@pytest.mark.parametrize("fdr", ["benjamini-hochberg", "gsea"])
@pytest.mark.parametrize("memory_mib", [512.0, 0.01])
@pytest.mark.parametrize("permutations", [20, 101])
def test_progress_grows_to_the_total(permutations, memory_mib, fdr):
    given_problem = neighbours()
    calls: list[tuple[int, int]] = []
    null = dg.NullParams(permutations=permutations, fdr=fdr)
    judge(
        *(given_problem.scores, given_problem.gene_sets, null, dg.Hard(memory_mib=memory_mib)),
        progress=lambda *at: calls.append(at),
    )
    done, totals = zip(*calls)
    assert len(set(totals)) == 1
    assert done[0] >= 1
    assert all(one < other for one, other in pairwise(done))
    assert done[-1] == totals[0]
    assert totals[0] % permutations == 0
    assert len(calls) >= 8


def test_an_exception_of_the_progress_ends_the_computation():
    given_problem = neighbours()
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if done > 5:
            raise KeyboardInterrupt("enough")

    with pytest.raises(KeyboardInterrupt, match="enough"):
        judge(given_problem.scores, given_problem.gene_sets, progress=stop)
    assert calls[-1] > 5
    assert all(done <= 5 for done in calls[:-1])


# Leading edge and table


def plain_edges(curves, positions, scores, es, gene_sets):
    """By profile and set: members up to the farthest position on the side of the score, or from it on."""
    result = []
    for profile, values in enumerate(scores.numpy()):
        place = np.empty(len(values), dtype=int)
        place[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
        row = []
        for number, belongs in enumerate(gene_sets.membership().numpy()):
            sign = 1 if es[profile, number] >= 0 else -1
            peak = positions[np.argmax(sign * curves[profile, number].numpy())]
            edge = [gene for gene in np.flatnonzero(belongs) if sign * place[gene] <= sign * peak]
            row.append((peak, {gene_sets.genes[gene] for gene in edge}, [int(place[gene]) for gene in edge]))
        result.append(row)
    return result


@pytest.mark.parametrize("method", [dg.Hard(), dg.Exact(), dg.Nyswin(window="fixed")])
@pytest.mark.parametrize("memory_mib", [512.0, 0.02])
@settings(max_examples=6)
@given(st.integers(20, 60), st.integers(0, 10**6))
def test_the_leading_edge_lies_on_the_side_of_the_score(method, memory_mib, genes, seed):
    given_problem = problem(genes=genes, sets=4, set_size=f"3-{genes // 2}", profiles=2, seed=seed)
    scores, gene_sets = given_problem.scores, given_problem.gene_sets
    method = replace(method, memory_mib=memory_mib)
    found = judge(scores, gene_sets, dg.NullParams(permutations=20), method)
    positions = np.arange(1, genes + 1)
    if method.name == "nyswin":
        width = max(genes // 10, 1)
        positions = np.concatenate([positions[:width], positions[-width:]])
    curves = dg.running_sum(scores, gene_sets, backend=method)
    truth = plain_edges(curves, positions, scores, found.es, gene_sets)
    for profile, row in enumerate(truth):
        for number, (peak, edge, _) in enumerate(row):
            assert found.peaks[profile, number] == peak
            assert set(found.leading_edge[profile][number]) == edge
            places = [
                int(found.ranks[profile, gene_sets.genes.index(name)]) for name in found.leading_edge[profile][number]
            ]
            assert places == sorted(places)
            assert all(place <= peak if found.es[profile, number] >= 0 else place >= peak for place in places)


# gseapy 1.3.1 calls pandas in a way that pandas 3.1 announces to remove.
IGNORE_GSEAPY = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture(scope="module")
def beside_gseapy():
    """Our table and gseapy's, of one ranking, rows in the order of the sets."""
    given_problem = problem(genes=300, sets=30, set_size="5-60", planted_share=0.2, seed=3)
    assert given_problem.tied_share == 0
    sets = given_problem.gene_sets
    theirs = gseapy.prerank(
        rnk=pd.Series(given_problem.scores[0].numpy(), index=list(sets.genes)),
        gene_sets=sets.to_dict(),
        min_size=1,
        max_size=len(sets.genes),
        permutation_num=1000,
        outdir=None,
        threads=1,
        seed=0,
    ).res2d
    ours = judge(given_problem.scores, sets, dg.NullParams.preset("gsea")).to_frame()
    ours, theirs = (frame.set_index("Term", drop=False).loc[list(sets.names)] for frame in (ours, theirs))
    assert (ours["ES"] > 0).sum() >= 5
    assert (ours["ES"] < 0).sum() >= 5
    return ours, theirs


@IGNORE_GSEAPY
def test_the_table_has_the_columns_of_gseapy(beside_gseapy):
    ours, theirs = beside_gseapy
    known = ["Name", "Term", "ES", "NES", "NOM p-val", "FDR q-val", "Tag %", "Gene %", "Lead_genes"]
    assert set(known) <= set(ours.columns)
    assert set(known) <= set(theirs.columns)
    assert list(ours.columns[: len(known)]) == known


@IGNORE_GSEAPY
def test_the_leading_edge_is_that_of_gseapy(beside_gseapy):
    ours, theirs = beside_gseapy
    np.testing.assert_allclose(ours["ES"], theirs["ES"].astype(float), rtol=0, atol=1e-12)
    assert ours["Tag %"].tolist() == theirs["Tag %"].tolist()
    for one, other in zip(ours["Lead_genes"], theirs["Lead_genes"], strict=True):
        assert set(one.split(";")) == set(other.split(";"))
    up = ours["ES"] > 0
    assert ours["Gene %"][up].tolist() == theirs["Gene %"][up].tolist()


@IGNORE_GSEAPY
def test_the_share_of_genes_of_negative_scores_is_that_of_gseapy(beside_gseapy):
    ours, theirs = beside_gseapy
    down = ours["ES"] < 0
    assert ours["Gene %"][down].tolist() == theirs["Gene %"][down].tolist()


@IGNORE_GSEAPY
def test_plain_gsea_agrees_with_gseapy_on_other_permutations(beside_gseapy):
    """1,000 permutations each: NES to some per cent, p within what is left to chance."""
    ours, theirs = beside_gseapy
    np.testing.assert_allclose(ours["NES"], theirs["NES"].astype(float), rtol=0.08)
    one, other = ours["NOM p-val"].to_numpy(), theirs["NOM p-val"].to_numpy(dtype=float)
    middle = np.clip((one + other) / 2, 0.002, 0.998)
    # Some 200 null scores or more of each sign; 4.5 standard errors of a difference.
    assert (np.abs(one - other) < 4.5 * np.sqrt(2 * middle * (1 - middle) / 200)).all()


def test_the_table_is_sorted_within_profiles_and_says_what_is_missing():
    given_problem = neighbours()
    scores = given_problem.scores.clone()
    scores[1] = 2.0
    found = judge(scores, given_problem.gene_sets)
    frame = found.to_frame(["liver", "kidney", "heart"])
    assert frame["Name"].tolist() == ["liver"] * 7 + ["kidney"] * 7 + ["heart"] * 7
    for number, (name, rows) in enumerate(frame.groupby("Name", sort=False)):
        assert sorted(rows["Term"]) == sorted(given_problem.gene_sets.names)
        by_term = rows.set_index("Term").loc[list(given_problem.gene_sets.names)]
        np.testing.assert_array_equal(by_term["ES"], found.es[number])
        np.testing.assert_array_equal(by_term["NES"], found.nes[number])
        np.testing.assert_array_equal(by_term["NOM p-val"], found.p_value[number])
        np.testing.assert_array_equal(by_term["FDR q-val"], found.fdr[number])
        assert by_term["Size"].tolist() == given_problem.gene_sets.sizes.tolist()
        if name == "kidney":
            assert rows["NES"].isna().all()
            assert rows["Reason"].str.contains("all equal").all()
        else:
            assert rows["NES"].abs().is_monotonic_decreasing
            assert (rows["Reason"] == "").all()
    assert found.to_frame()["Name"].unique().tolist() == ["0", "1", "2"]
    with pytest.raises(dg.InputError, match="2 names for 3 profiles"):
        found.to_frame(["a", "b"])


# fgsea


@pytest.mark.parametrize("sharing", ["set", "size"])
def test_nes_is_that_of_fgsea(data, sharing):
    source = RankingSource(
        ranking=str(data / "fgsea/naive.vs.th1.rnk"), gene_sets=str(data / "fgsea/mouse.reactome.gmt")
    )
    given_problem = source.load()
    published = pd.read_csv(data / "fgsea/fgsea_res.tsv", sep="\t", dtype={"pathway": str}).set_index("pathway")
    published = published.loc[[name.partition("_")[0] for name in given_problem.gene_sets.names]]
    null = dg.NullParams(permutations=400, sharing=sharing, trim=0, shrinkage=0, split=None)
    found = judge(given_problem.scores, given_problem.gene_sets, null)
    assert found.nes.shape == (1, 586)
    assert np.corrcoef(found.nes[0], published["NES"])[0, 1] > 0.99
    np.testing.assert_allclose(np.median(found.nes[0].numpy() / published["NES"]), 1, rtol=0.02)
    assert stats.spearmanr(found.p_value[0], published["pval"]).statistic > 0.99


# p-values on data with nothing in them


LEVEL = 0.05


def attainable(of_sign, everything, definition):
    """P(p < 0.05) where the observed score is one among 1 + N equally likely ones of its sign, n = 0 .. N above it."""
    result = np.empty(of_sign.shape)
    for at, count in np.ndenumerate(of_sign):
        n = np.arange(count + 1)
        p = {"fgsea": (1 + n) / (1 + count), "gsea": n / max(count, 1), "released": (1 + n) / (1 + everything)}
        result[at] = (p[definition] < LEVEL).mean()
    return result


def shares(backend, null_problem, null, *definitions):
    """For each definition, by profile: the share of p < 0.05, and what it should be.

    That depends on how many null scores have the sign of the score. Each profile has permutations of its own.
    """
    found, expected = (np.empty((len(definitions), len(null_problem.scores))) for _ in range(2))
    values = permutations_for_p_values(null, null.permutations)
    for profile, scores in enumerate(null_problem.scores[:, None]):
        result = judge(scores, null_problem.gene_sets, replace(null, seed=profile), backend)
        for number, definition in enumerate(definitions):
            p_value = p_values(result.as_extreme, result.of_sign, values, definition)
            found[number, profile] = (p_value < LEVEL).double().mean()
            expected[number, profile] = attainable(result.of_sign.int().numpy(), values, definition).mean()
        assert_same(result.p_value, p_values(result.as_extreme, result.of_sign, values, null.p_value))
    return zip(found, expected)


def assert_calibrated(found, expected):
    """The mean difference over profiles, which are independent, lies within its 99.9 % interval around 0."""
    difference = found - expected
    reach = stats.t.ppf(0.9995, len(found) - 1) * difference.std(ddof=1) / np.sqrt(len(found))
    assert reach < 0.03, "too few to tell anything"
    assert abs(difference.mean()) < reach


@pytest.mark.parametrize(("sharing", "split"), [("set", 0.5), ("size", 0.5), ("set", None)])
def test_classical_p_values_are_calibrated(sharing, split):
    """Those of GSEA are a little too small; the released ones are half of what they should be."""
    null_problem = problem("null", genes=300, sets=30, set_size="5-60", profiles=80, seed=1)
    null = dg.NullParams(permutations=400, sharing=sharing, split=split)
    (fgsea, expected), (gsea, more), (released, twice) = shares("hard", null_problem, null, "fgsea", "gsea", "released")
    assert 0.04 < expected.mean() < LEVEL < more.mean()
    assert_calibrated(fgsea, expected)
    assert_calibrated(gsea, more)
    assert_calibrated(released, twice)
    assert 1.7 < released.mean() / fgsea.mean() < 2.5
    scores, gene_sets = null_problem.scores[:10], null_problem.gene_sets
    ours, theirs = (judge(scores, gene_sets, replace(null, p_value=each)).p_value for each in ("fgsea", "released"))
    assert 0.45 < (theirs / ours).median() < 0.55


def test_soft_p_values_are_calibrated():
    null_problem = problem("null", genes=100, sets=20, set_size="8-30", profiles=60, seed=2)
    null = dg.NullParams(permutations=200)
    (fgsea, expected), (released, twice) = shares("exact", null_problem, null, "fgsea", "released")
    assert 0.03 < expected.mean() < LEVEL
    assert_calibrated(fgsea, expected)
    assert_calibrated(released, twice)
    assert released.mean() > 1.5 * LEVEL
    assert twice.mean() > 1.7 * expected.mean()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("backend", ["hard", "exact"])
def test_half_precision_is_widened(dtype, backend):
    given_problem = problem(genes=60, sets=6, set_size=10)
    half = given_problem.scores.to(dtype)
    found, wide = (
        dg.normalized_enrichment_score(
            scores, given_problem.gene_sets, null=dg.NullParams(permutations=40), backend=backend
        )
        for scores in (half, half.float())
    )
    assert found.nes.dtype == torch.float32
    torch.testing.assert_close(found.nes, wide.nes, rtol=0, atol=0)
    torch.testing.assert_close(found.p_value, wide.p_value, rtol=0, atol=0)
