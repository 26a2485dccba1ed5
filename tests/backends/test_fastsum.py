"""Linear time, exact to rounding: against the dense sums on random problems, at the edges, and by finite differences.

Measured so over 12,000 random problems, against `exact` in float64: values within 1e-12 at any temperature, gradients
within 4e-10 of their norm, and there it is `exact` that is off: against 40 digits `fastsum` is within 2e-13.
"""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kinds_of_scores import KINDS

import dgsea_bench as dg
from dgsea_bench.core.params import PRESETS
from dgsea_bench.core.permutations import draw_permutations
from dgsea_bench.data.synthetic import FIXED_GENES, GENERATORS, Layout, generate
from dgsea_bench.testing import dense_enrichment_score

FLOOR = 1e-12
"""Differences that are rounding whatever the size of the truth."""


def sets_of(sizes, genes, rng):
    names = [f"gene{number}" for number in range(genes)]
    members = (rng.choice(genes, size, replace=False) for size in sizes)
    return dg.GeneSets.from_dict({f"set{n}": [names[i] for i in some] for n, some in enumerate(members)}, names)


@st.composite
def problems(draw, most_genes=200):
    """Scores, gene sets, and a generator of random numbers for whatever else is needed."""
    genes = draw(st.integers(2, most_genes) | st.integers(2, 12))
    if most_genes >= 200 and draw(st.integers(0, 9)) == 0:
        genes = draw(st.integers(500, 640))
    size = st.integers(1, genes - 1) | st.sampled_from([1, genes - 1])
    sizes = draw(st.lists(size, min_size=1, max_size=6))
    profiles, kind = draw(st.integers(1, 3)), draw(st.sampled_from(list(KINDS)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return torch.from_numpy(KINDS[kind](rng, (profiles, genes))), sets_of(sizes, genes, rng), rng


@st.composite
def parameters(draw):
    """A preset, or one with one temperature far from it; and how far from the truth a result may be."""
    temperatures = dict(zip(("tau_rank", "tau_prefix", "tau_abs"), PRESETS[draw(st.sampled_from(list(PRESETS)))]))
    factor = draw(st.sampled_from([1, 0.01, 0.1, 10, 100]))
    temperatures[draw(st.sampled_from(list(temperatures)))] *= factor
    exponent = draw(st.sampled_from([0.0, 0.5, 1.0, 2.0]))
    return dg.EnrichmentParams(exponent=exponent, **temperatures), 1e-10 if factor == 1 else 1e-8


def value_and_gradient(function, scores, upstream):
    """What a function makes of scores, and the gradient of its sum weighted by `upstream`, in float64."""
    leaf = scores.detach().clone().requires_grad_()
    value = function(leaf)
    (gradient,) = torch.autograd.grad(value, leaf, upstream.to(value))
    return value.detach().double(), gradient.double()


def assert_close_in_norm(ours, truth, scores, value_bound, gradient_bound):
    """Values by their largest difference, gradients by the norm of it; a gradient is rounded in units of 1 / score."""
    (value, gradient), (true_value, true_gradient) = ours, truth
    nonzero = scores[scores != 0].abs()
    unit = min(1.0, float(nonzero.median())) if len(nonzero) else 1.0
    assert (value - true_value).abs().max() <= value_bound * true_value.abs().max() + FLOOR
    assert (gradient - true_gradient).norm() <= gradient_bound * true_gradient.norm() + FLOOR / unit


def scoring(gene_sets, params, backend):
    return lambda scores: dg.enrichment_score(scores, gene_sets, params=params, backend=backend)


def upstream_for(rng, *shape):
    """Random weights that float32 holds: it would round others before they reach the backend."""
    return torch.from_numpy(rng.standard_normal(shape)).float().double()


def has_a_gradient(scores, gene_sets, params):
    """Whether no running sum is zero at a position where it depends on the scores: there abs(C) has no derivative.

    Where hits weigh the same, one of three hits and two of six misses are exactly that: without this 1 problem in some
    thousands, at a tau_prefix of 0.01, has gradients 6 % apart, each right for one sign of a rounding error.
    """
    curve = dg.running_sum(scores, gene_sets, params=params, backend="exact")
    ranks = dg.soft_rank(scores, params.tau_rank, backend="exact")
    sigmoids = torch.sigmoid((torch.arange(1, scores.shape[1] + 1) + 0.5 - ranks[:, :, None]) / params.tau_prefix)
    steepest = (sigmoids * (1 - sigmoids)).amax(1, keepdim=True)
    return not ((curve.abs() < 1e-13) & (steepest > 1e-10) & (curve.abs().amax(-1, keepdim=True) > 1e-9)).any()


def check_float64(problem, chosen):
    (scores, gene_sets, rng), (params, bound) = problem, chosen
    upstream = upstream_for(rng, len(scores), len(gene_sets))
    ours, truth = (
        value_and_gradient(scoring(gene_sets, params, name), scores, upstream) for name in ("fastsum", "exact")
    )
    assert_close_in_norm(ours, truth, scores, bound, bound)


def check_float32(problem, chosen):
    (scores, gene_sets, rng), (params, _) = problem, chosen
    assume(has_a_gradient(scores.float().double(), gene_sets, params))
    upstream, scores = upstream_for(rng, len(scores), len(gene_sets)), scores.float()
    result = dg.enrichment_score(scores, gene_sets, params=params)
    ours = value_and_gradient(scoring(gene_sets, params, "fastsum"), scores, upstream)
    truth = value_and_gradient(scoring(gene_sets, params, "exact"), scores.double(), upstream)
    assert result.dtype == torch.float32
    assert_close_in_norm(ours, truth, scores, 2e-7, 1e-6)


@settings(max_examples=100)
@given(problem=problems(), chosen=parameters())
def test_value_and_gradient_in_float64_are_those_of_the_dense_sums(problem, chosen):
    assume(has_a_gradient(*problem[:2], chosen[0]))
    check_float64(problem, chosen)


@settings(max_examples=100)
@given(problem=problems(), chosen=parameters())
def test_value_and_gradient_in_float32_are_those_of_the_dense_sums_in_float64(problem, chosen):
    check_float32(problem, chosen)


@pytest.mark.nightly
@settings(max_examples=2000)
@given(problem=problems(), chosen=parameters())
def test_two_thousand_problems_agree_with_the_dense_sums_in_both_precisions(problem, chosen):
    assume(has_a_gradient(*problem[:2], chosen[0]))
    check_float64(problem, chosen)
    check_float32(problem, chosen)


@given(problem=problems(most_genes=60), chosen=parameters())
def test_value_and_gradient_are_the_formula_differentiated_by_autograd(problem, chosen):
    (scores, gene_sets, rng), (params, bound) = problem, chosen
    assume(has_a_gradient(scores, gene_sets, params))
    upstream = upstream_for(rng, len(scores), len(gene_sets))
    ours = value_and_gradient(scoring(gene_sets, params, "fastsum"), scores, upstream)
    truth = value_and_gradient(lambda leaf: dense_enrichment_score(leaf, gene_sets, params), scores, upstream)
    assert_close_in_norm(ours, truth, scores, bound, bound)


@given(problem=problems(), exponent=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_adaptive_temperatures_are_those_of_the_dense_sums(problem, exponent):
    params = dg.EnrichmentParams(exponent=exponent, tau_abs="adaptive")
    assume((problem[0] != problem[0][:, :1]).any(-1).all())  # else tau_abs is 1e-9, and the curve rounding beside it
    assume(has_a_gradient(*problem[:2], params))
    check_float64(problem, (params, 1e-8))


@given(problem=problems(), chosen=parameters())
def test_ranks_and_running_sums_are_the_dense_sums(problem, chosen):
    (scores, gene_sets, rng), (params, bound) = problem, chosen
    profiles, genes = scores.shape
    to_ranks = upstream_for(rng, profiles, genes)
    to_sums = upstream_for(rng, profiles, len(gene_sets), genes) / genes
    ranks, sums = (
        [
            value_and_gradient(function, scores, upstream)
            for function in (
                lambda leaf, name=name, kind=kind: (
                    dg.soft_rank(leaf, params.tau_rank, backend=name)
                    if kind == "ranks"
                    else dg.running_sum(leaf, gene_sets, params=params, backend=name)
                )
                for name in ("fastsum", "exact")
            )
        ]
        for kind, upstream in (("ranks", to_ranks), ("sums", to_sums))
    )
    assert_close_in_norm(*ranks, scores, bound, bound)
    assert_close_in_norm(*sums, scores, bound, bound)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("genes", "generator"),
    [(genes, name) for genes in (978, 3000) for name in GENERATORS if FIXED_GENES.get(name, genes) == genes],
)
def test_larger_rankings_with_sets_of_any_size_agree_with_the_dense_sums(genes, generator, preset):
    sizes = (1, 2, 15, 120, genes // 2, genes // 2 + 1, genes - 2, genes - 1)
    problem = generate(generator, Layout(profiles=1, genes=genes, sizes=sizes, planted=3), seed=genes)
    rng = np.random.default_rng(genes)
    check_float64((problem.scores, problem.gene_sets, rng), (dg.EnrichmentParams.preset(preset), 1e-10))


@pytest.mark.nightly
def test_twenty_thousand_genes_agree_with_the_dense_sums():
    problem = generate("planted", Layout(profiles=1, genes=20_000, sizes=(1, 15, 500, 19_999), planted=2), seed=3)
    check_float64((problem.scores, problem.gene_sets, np.random.default_rng(3)), (dg.EnrichmentParams(), 1e-10))


SMALL_TEMPERATURES = {
    "recommended": {},
    "sharp": {"tau_rank": 0.1, "tau_prefix": 0.2, "tau_abs": 0.05},
    "between nodes": {"tau_prefix": 20.0},
    "no weights": {"exponent": 0.0},
    "squares": {"exponent": 2.0},
}


@pytest.mark.parametrize("changes", SMALL_TEMPERATURES.values(), ids=SMALL_TEMPERATURES)
def test_gradients_pass_gradcheck(changes):
    rng = np.random.default_rng(5)
    scores = torch.from_numpy(rng.standard_normal((2, 11))).requires_grad_()
    gene_sets, params, backend = sets_of([1, 4, 10], 11, rng), dg.EnrichmentParams(**changes), dg.Fastsum()
    permutations = draw_permutations(11, 0, 3, seed=1)
    functions = (
        scoring(gene_sets, params, backend),
        lambda leaf: dg.running_sum(leaf, gene_sets, params=params, backend=backend),
        lambda leaf: dg.soft_rank(leaf, params.tau_rank, backend=backend),
        lambda leaf: backend.null_scores(backend.rank(leaf, params), gene_sets, permutations),
    )
    for function in functions:
        assert torch.autograd.gradcheck(function, [scores])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("tau_abs", [0.6, "adaptive"])
def test_null_scores_are_the_scores_of_permuted_sets_one_by_one(tau_abs, dtype):
    rng = np.random.default_rng(11)
    scores, gene_sets = torch.from_numpy(rng.standard_normal((2, 90))).to(dtype), sets_of([1, 7, 50, 89], 90, rng)
    params, permutations = dg.EnrichmentParams(tau_abs=tau_abs), draw_permutations(90, 0, 5, seed=4)
    permuted = [
        dg.GeneSets.from_sizes(gene_sets.names, gene_sets.genes, gene_sets.sizes, one[gene_sets.indices].long())
        for one in permutations
    ]

    def one_by_one(leaf):
        each = [dg.enrichment_score(leaf, sets, params=params, backend="exact") for sets in permuted]
        return torch.stack(each, dim=2)

    def together(leaf, memory_mib=512.0):
        backend = dg.Fastsum(memory_mib=memory_mib)
        return backend.null_scores(backend.rank(leaf, params), gene_sets, permutations)

    upstream = upstream_for(rng, 2, 4, 5)
    ours, truth = (
        value_and_gradient(together, scores, upstream),
        value_and_gradient(one_by_one, scores.double(), upstream),
    )
    assert together(scores).dtype == dtype
    assert_close_in_norm(ours, truth, scores, *((1e-10, 1e-10) if dtype == torch.float64 else (2e-7, 1e-6)))
    assert torch.equal(together(scores), together(scores, memory_mib=0.001))


EXTREME = st.sampled_from([1e-300, 1e-160, 1e-12, 1.0, 1e12, 1e160, 1e300])


@settings(max_examples=300)
@given(
    genes=st.integers(2, 60),
    magnitude=EXTREME | st.none(),
    name=st.sampled_from(["tau_rank", "tau_prefix", "tau_abs"]),
    power=st.integers(-200, 300),
    exponent=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    seed=st.integers(0, 10**6),
    adaptive=st.booleans(),
)
def test_finite_scores_and_extreme_temperatures_give_no_nan(genes, magnitude, name, power, exponent, seed, adaptive):
    """With one temperature at a time: where several are tiny the gradient itself is beyond what float64 holds."""
    rng = np.random.default_rng(seed)
    mixed = rng.choice([-1, 1], (2, genes)) * 10.0 ** rng.uniform(-300, 300, (2, genes))
    scores = mixed if magnitude is None else magnitude * rng.standard_normal((2, genes)).clip(-1, 1)
    temperatures = {name: 10.0**power} | ({"tau_abs": "adaptive"} if adaptive else {})
    params = dg.EnrichmentParams(exponent=exponent, **temperatures)
    gene_sets = sets_of([1, genes // 2, genes - 1], genes, rng)
    leaf = torch.from_numpy(scores).requires_grad_()
    value = dg.enrichment_score(leaf, gene_sets, params=params)
    value.sum().backward()
    assert value.isfinite().all()
    assert value.abs().max() <= 1 + 1e-9
    assert not leaf.grad.isnan().any()


@pytest.mark.parametrize("power", range(-1, -26, -4))
def test_a_sharp_softmax_is_the_maximum_with_the_gradient_of_the_dense_sums(power):
    rng = np.random.default_rng(2)
    problem = torch.from_numpy(rng.standard_normal((1, 100))), sets_of([5, 20, 40, 60], 100, rng), rng
    check_float64(problem, (dg.EnrichmentParams(tau_abs=10.0**power), 1e-6))


@pytest.mark.parametrize(
    ("device", "instead"), [("cuda", "cuda-batched"), ("cuda:1", "cuda-batched"), ("meta", "exact")]
)
def test_another_device_is_refused_with_a_plain_message(device, instead):
    reason = dg.Fastsum().unavailable(device)
    assert "CPU" in reason
    assert device in reason
    assert f'backend="{instead}"' in reason
    assert dg.Fastsum().unavailable("cpu") is None
