"""How long calls of the public functions take, of one profile on one thread; whatever is compiled is so beforehand.

The backend ``default`` is whichever a user gets who names none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from benchmarks.suite import DEFAULT, ENRICHMENT, POINT, SIGNIFICANCE, AbsentError, Scenario, public, tracked


class Scores:
    """Enrichment scores without a gradient."""

    params = ([DEFAULT, *ENRICHMENT.backends], *ENRICHMENT.sizes)
    param_names = POINT
    rounds, repeat = 2, (5, 100, 0.4)

    def setup(self, backend: str, genes: int, sets: int) -> None:
        self.scores, self.score = warm_scoring(backend, genes, sets)

    @tracked("Time of scores", "seconds")
    def time_forward(self, *_: object) -> None:
        with torch.no_grad():
            self.score(self.scores)


class Gradient:
    """The backward pass alone, after scores that are computed anew each time."""

    params, param_names = Scores.params, POINT
    rounds, repeat, number = 2, (5, 100, 0.4), 1

    def setup(self, backend: str, genes: int, sets: int) -> None:
        scores, score = warm_scoring(backend, genes, sets)
        if not has_gradient(backend):
            raise AbsentError(f"{backend} has no gradient")
        self.sum = score(scores.clone().requires_grad_()).sum()

    @tracked("Time of the gradient", "seconds")
    def time_backward(self, *_: object) -> None:
        self.sum.backward()


class Significance:
    """NES and p-values, null distributions included."""

    params = ([DEFAULT, *SIGNIFICANCE.backends], *SIGNIFICANCE.sizes)
    param_names = POINT
    rounds, repeat = 2, (3, 20, 0.8)

    def setup(self, backend: str, genes: int, sets: int) -> None:
        self.normalize = warm_normalizing(backend, genes, sets)

    @tracked("Time of NES with its null distribution", "seconds")
    def time_null(self, *_: object) -> None:
        self.normalize()


@contextmanager
def only_absence_skips() -> Iterator[None]:
    """A backend that raises NotImplementedError, as torch does for an operator that it lacks, has failed."""
    try:
        yield
    except AbsentError:
        raise
    except NotImplementedError as error:
        raise RuntimeError(str(error)) from error


@cache
@only_absence_skips()
def warm_scoring(backend: str, genes: int, sets: int) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """The scores (1, G) of a case, and enrichment scores as a function of such; asv asks before every sample."""
    scores, arguments = first_profile(ENRICHMENT, backend, genes, sets)
    enrichment_score = public("enrichment_score")

    def score(leaf: torch.Tensor) -> torch.Tensor:
        return enrichment_score(leaf, **arguments)

    if has_gradient(backend):
        score(scores.clone().requires_grad_()).sum().backward()
    else:
        score(scores)
    return scores, score


def has_gradient(backend: str) -> bool:
    return backend == DEFAULT or public("get_backend")(backend).differentiable


@cache
@only_absence_skips()
def warm_normalizing(backend: str, genes: int, sets: int) -> Callable[[], object]:
    """A call that computes NES of a case."""
    normalized_enrichment_score = public("normalized_enrichment_score")
    scores, arguments = first_profile(SIGNIFICANCE, backend, genes, sets)
    null = SIGNIFICANCE.case(backend, genes, sets).null

    def normalize() -> object:
        with torch.no_grad():
            return normalized_enrichment_score(scores, null=null, **arguments)

    normalize()
    return normalize


def first_profile(scenario: Scenario, backend: str, genes: int, sets: int) -> tuple[torch.Tensor, dict[str, Any]]:
    """Scores (1, G) of a case, and the other arguments of the public functions."""
    case = scenario.case(backend, genes, sets)
    torch.set_num_threads(case.threads)
    problem = case.source.load()
    named = {} if backend == DEFAULT else {"backend": backend}
    scores = problem.scores[:1].to(getattr(torch, case.dtype))
    return scores, {"gene_sets": problem.gene_sets, "params": case.params, **named}
