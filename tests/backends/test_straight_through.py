"""The foil: the numbers of classical GSEA, the gradient of dGSEA."""

import pytest
import torch

import dgsea_bench as dg
from dgsea_bench.backends.straight_through import StraightThrough

GENES = [f"g{n}" for n in range(80)]
SETS = dg.GeneSets.from_dict({"few": GENES[:4], "some": GENES[10:40]}, GENES)


def scores_and_gradient(backend, dtype):
    values = torch.randn(3, 80, generator=torch.Generator().manual_seed(1), dtype=dtype).requires_grad_()
    found = dg.enrichment_score(values, SETS, backend=backend)
    (found * torch.tensor([1.0, -2.0])).sum().backward()
    return found.detach(), values.grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_scores_as_hard_and_points_as_fastsum(dtype):
    found, gradient = scores_and_gradient(StraightThrough(), dtype)
    values = torch.randn(3, 80, generator=torch.Generator().manual_seed(1), dtype=dtype)
    assert torch.equal(found, dg.enrichment_score(values, SETS, backend="hard"))
    torch.testing.assert_close(gradient, scores_and_gradient("fastsum", dtype)[1])


def test_a_model_can_be_trained_with_it_but_it_is_no_way_of_computing_dgsea():
    assert "straight-through" not in dg.backends()
    predicted = torch.randn(6, 80, requires_grad=True)
    dg.EnrichmentLoss(SETS, backend=StraightThrough())(predicted, torch.randn(6, 80)).backward()
    assert predicted.grad.abs().sum() > 0


def test_its_running_sum_is_the_classical_one():
    values = torch.randn(2, 80)
    found = dg.running_sum(values, SETS, backend=StraightThrough())
    torch.testing.assert_close(found, dg.running_sum(values, SETS, backend="hard"))
