"""Every registered backend keeps its contract, and overstating it fails."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch

import dgsea_bench as dg
from dgsea_bench.backends import Tolerance
from dgsea_bench.testing import CHECKS, ContractError, check_backend


@pytest.mark.parametrize("name", dg.backends())
@pytest.mark.usefixtures("interpreted")
def test_registered_backend_keeps_its_contract(name):
    assert check_backend(name) == list(CHECKS)


@pytest.mark.parametrize(
    "backend",
    [
        dg.Nyswin(anchors=16),
        dg.Nyswin(anchors=1),
        dg.Nyswin(self_term=False),
        dg.Nyswin(anchor_gradient=True),
        dg.Nyswin(window="fixed"),
        dg.Nyswin(window="fixed", frac=0.5),
        dg.Exact(memory_mib=0.01),
    ],
    ids=str,
)
def test_knobs_keep_the_contract(backend):
    assert check_backend(backend) == list(CHECKS)


@dataclass(frozen=True, kw_only=True)
class Overstated(dg.Nyswin):
    """Promises the exact score and delivers an approximation."""

    def tolerance(self, dtype):
        return Tolerance(1e-6, 1e-6)


@dataclass(frozen=True, kw_only=True)
class WrongGradient(dg.Exact):
    """Right values, half the gradient."""

    def enrichment_score(self, ranking, gene_sets):
        score = super().enrichment_score(ranking, gene_sets)
        return score / 2 + score.detach() / 2


@dataclass(frozen=True, kw_only=True)
class Float32Results(dg.Exact):
    """Forgets the dtype of the scores."""

    def enrichment_score(self, ranking, gene_sets):
        return super().enrichment_score(ranking, gene_sets).float()


@dataclass(frozen=True, kw_only=True)
class DependsOnNeighbours(dg.Exact):
    """Ranks a profile by the mean of its batch."""

    def rank(self, scores, params):
        ranking = super().rank(scores, params)
        return replace(ranking, ranks=0.99 * ranking.ranks + 0.01 * ranking.ranks.mean(0, keepdim=True))

    def tolerance(self, dtype):
        return Tolerance(0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class NotSoft(dg.Hard):
    """Classical scores that claim to be dGSEA."""

    target: ClassVar = "dgsea"

    def tolerance(self, dtype):
        return Tolerance(0.01, 0.01)


@pytest.mark.parametrize(
    ("backend", "broken"),
    [
        (Overstated(), "truth"),
        (WrongGradient(), "truth"),
        (Float32Results(), "truth"),
        (DependsOnNeighbours(), "batch"),
        (NotSoft(), "truth"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_backend_that_overstates_fails(backend, broken):
    with pytest.raises(ContractError, match=f"(?m)^{broken}: "):
        check_backend(backend)


def test_a_backend_that_cannot_run_here_is_not_checked():
    @dataclass(frozen=True, kw_only=True)
    class Elsewhere(dg.Exact):
        def unavailable(self, device):
            return "it needs another machine"

    with pytest.raises(dg.InputError, match="it needs another machine"):
        check_backend(Elsewhere())
    with pytest.raises(dg.InputError, match="it needs another machine"):
        dg.enrichment_score(torch.randn(1, 3), dg.GeneSets.from_dict({"a": ["x"]}, "xyz"), backend=Elsewhere())
