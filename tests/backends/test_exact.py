"""The dense sums: gradients by finite differences, tiles that change nothing, memory that a knob bounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import dgsea_bench as dg
from dgsea_bench.backends import dense
from dgsea_bench.backends.dense import sigmoid_sum
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.testing import dense_enrichment_score


def plain_sum(weights, sources, queries, tau):
    return weights @ torch.sigmoid((sources[:, :, None] - queries[:, None, :]) / tau)


def random_problem(seed, profiles=2, sums=3, sources=7, queries=5):
    generator = torch.Generator().manual_seed(seed)
    shapes = (profiles, sums, sources), (profiles, sources), (profiles, queries)
    return [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]


@given(seed=st.integers(0, 1000), tau=st.floats(0.05, 20), tile=st.integers(1, 60), kept=st.sampled_from([0, 10**6]))
def test_tiles_kept_or_not_give_the_plain_sum_and_its_gradient(seed, tau, tile, kept):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "TILE_ELEMENTS", tile)
        patch.setattr(dense, "KEPT_ELEMENTS", kept)
        inputs = random_problem(seed)
        upstream = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        tiled = sigmoid_sum(*inputs, tau)
        tiled_gradients = torch.autograd.grad(tiled, inputs, upstream)
    plain = plain_sum(*inputs, tau)
    torch.testing.assert_close(tiled, plain, rtol=1e-13, atol=1e-13)
    for ours, theirs in zip(tiled_gradients, torch.autograd.grad(plain, inputs, upstream), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_tiles_are_larger_where_no_cache_holds_them():
    counts = [
        len(list(dense._tiles(*(torch.empty(3, 20_000, device=device) for _ in range(2)))))
        for device in ("cpu", "meta")
    ]
    assert counts == [3 * 385, 3 * 6]


def test_sigmoid_sum_passes_gradcheck():
    assert torch.autograd.gradcheck(lambda *inputs: sigmoid_sum(*inputs, 0.7), random_problem(3))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_enrichment_score_passes_gradcheck(exponent):
    problem = SyntheticSource(genes=12, sets=3, set_size=4, profiles=2).load()
    params = dg.EnrichmentParams(exponent=exponent)
    scores = problem.scores.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: dg.enrichment_score(s, problem.gene_sets, params=params, backend="exact"), [scores]
    )


def test_a_second_derivative_raises():
    problem = SyntheticSource(genes=12, sets=1, set_size=4).load()
    scores = problem.scores.requires_grad_()
    score = dg.enrichment_score(scores, problem.gene_sets, backend="exact").sum()
    (gradient,) = torch.autograd.grad(score, scores, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@given(
    genes=st.integers(5, 60),
    seed=st.integers(0, 1000),
    tau=st.floats(0.05, 10),
    decimals=st.sampled_from([0, 1, 15]),
    exponent=st.sampled_from([0.0, 0.7, 1.0, 2.0]),
)
def test_exact_is_the_formula(genes, seed, tau, decimals, exponent):
    problem = SyntheticSource(genes=genes, sets=4, set_size=f"1-{genes - 1}", profiles=2, seed=seed).load()
    scores = problem.scores.round(decimals=decimals)
    params = dg.EnrichmentParams(exponent=exponent, tau_rank=tau, tau_prefix=tau, tau_abs=tau)
    ours = dg.enrichment_score(scores, problem.gene_sets, params=params, backend="exact")
    truth = dense_enrichment_score(scores, problem.gene_sets, params)
    torch.testing.assert_close(ours, truth, rtol=1e-11, atol=1e-13)


def test_ranks_sum_to_what_they_must():
    scores = torch.randn(3, 101, dtype=torch.float64)
    torch.testing.assert_close(dg.soft_rank(scores, backend="exact").sum(1), torch.full((3,), 101 * 102 / 2).double())


class LargestTensor(torch.utils._python_dispatch.TorchDispatchMode):
    """Sees every tensor that is made, and remembers the largest."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.untyped_storage().nbytes() // 8)
        return result


def test_no_tensor_is_larger_than_the_knob_allows_forward_or_backward(monkeypatch):
    monkeypatch.setattr(dense, "TILE_ELEMENTS", 2**14)
    monkeypatch.setattr(dense, "KEPT_ELEMENTS", 2**14)
    genes, sets = 2000, 60
    problem = SyntheticSource(genes=genes, sets=sets, set_size=30, profiles=2).load()
    method = dg.Exact(memory_mib=1.0)
    with LargestTensor() as seen:
        scores = problem.scores.clone().requires_grad_()
        dg.enrichment_score(scores, problem.gene_sets, backend=method).sum().backward()
    assert seen.elements <= 2**17 // 6 + genes  # a sixth of 1 MiB, in float64, for each of six curves in flight
    assert seen.elements < sets * genes < genes * genes
