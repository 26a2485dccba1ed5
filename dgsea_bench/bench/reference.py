"""References: the true scores and gradient of a problem, computed once and shared by the cases that need them."""

import io
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from dgsea_bench.backends import Backend, Exact, Hard, Ranking
from dgsea_bench.bench.case import SEEDS, Case, problem_of
from dgsea_bench.core.files import write_whole
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.normalized_enrichment import normalized_enrichment_score


@dataclass(frozen=True)
class Reference:
    """The truth about a problem.

    Attributes:
        value, gradient: (B, P) dES and (B, G) gradient of Σ u·dES, by `exact` in float64; None where the problem is
            larger than its scenario allows.
        classical: (B, P) ES from the classical running sum written out; None if nothing could be computed.
        nes, classical_nes: (B, P) dNES by `exact` and NES by `hard`, each profile with permutations of its own; of the
            task ``"significance"`` alone.
    """

    value: np.ndarray | None = None
    gradient: np.ndarray | None = None
    classical: np.ndarray | None = None
    nes: np.ndarray | None = None
    classical_nes: np.ndarray | None = None

    def save(self, path: Path) -> None:
        """Write an .npz without pickles, renamed into place when complete."""
        arrays = {key: value for key, value in vars(self).items() if value is not None}
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        write_whole(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Reference":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{item.name: arrays.get(item.name) for item in fields(cls)})


def compute_reference(case: Case) -> Reference:
    """The truth for a case, from scores as the case sees them (rounded to its dtype)."""
    problem = problem_of(case)
    scores = problem.scores.to(getattr(torch, case.dtype)).double()
    if case.null is None and too_many_terms(case, problem):
        return Reference()
    hard = Hard()
    # The derived path, running sum and extremum, not the shortcut over hits that is being measured.
    classical = Backend.enrichment_score(hard, hard.rank(scores, case.params), problem.gene_sets).numpy()
    if case.null is not None:
        return _significance(case, case.null, problem, scores, classical)
    if too_large(case, problem):
        return Reference(None, None, classical)
    value, gradient, _ = value_and_gradient(Exact(), scores, problem.gene_sets, case.params)
    return Reference(value, gradient, classical)


def _significance(
    case: Case, null: NullParams, problem: Problem, scores: torch.Tensor, classical: np.ndarray
) -> Reference:
    """NES of each profile with its own permutations: by `hard`, and by `exact` where a case needs that."""

    def nes(backend: Backend) -> np.ndarray:
        rows = [
            normalized_enrichment_score(
                scores[profile, None],
                problem.gene_sets,
                params=case.params,
                null=null_of_profile(case, null, profile),
                backend=backend,
            ).nes
            for profile in range(len(scores))
        ]
        return torch.cat(rows).numpy()

    soft = case.needs_soft_truth and not too_large(case, problem)
    return Reference(classical=classical, nes=nes(Exact()) if soft else None, classical_nes=nes(Hard()))


def null_of_profile(case: Case, null: NullParams, profile: int) -> NullParams:
    """The same with permutations of its own for each profile of each problem: profiles are independent draws."""
    of_problem = case.source.seed if isinstance(case.source, SyntheticSource) else 0
    return replace(null, seed=(null.seed * SEEDS + of_problem) * SEEDS + profile)


def too_large(case: Case, problem: Problem) -> str | None:
    """Why there is no truth for this problem, if there is none."""
    genes, most = problem.scores.shape[1], case.measure.reference_max_genes
    if genes > most:
        return f"the scenario computes no truth beyond {most:,} genes (here {genes:,})"
    return too_many_terms(case, problem)


def too_many_terms(case: Case, problem: Problem) -> str | None:
    """Why the sums of its truth are too long, if they are; a null distribution has those of each permutation."""
    profiles, genes = problem.scores.shape
    draws = 1 if case.null is None else case.null.permutations
    terms, most = profiles * len(problem.gene_sets) * draws * genes**2, case.measure.reference_max_terms
    if most is None or terms <= most:
        return None
    return f"the scenario computes no truth of more than {most:.0e} terms (here {terms:.0e})"


def value_and_gradient(
    backend: Backend, scores: torch.Tensor, gene_sets: GeneSets, params: EnrichmentParams
) -> tuple[np.ndarray, np.ndarray, Ranking]:
    """Scores (B, P), the gradient (B, G) of Σ u·dES with fixed random u, and the ranking.

    For a single profile u is the same whichever it is.
    """
    leaf = scores.detach().clone().requires_grad_()
    ranking = backend.rank(leaf, params)
    value = backend.enrichment_score(ranking, gene_sets)
    value.backward(upstream(value))
    assert leaf.grad is not None  # noqa: S101 (for the type checker)
    # Widened where they are read, so that a GPU's peak memory is that of the computation.
    return value.detach().cpu().double().numpy(), leaf.grad.cpu().double().numpy(), ranking


def upstream(value: torch.Tensor) -> torch.Tensor:
    """The fixed random weights u (B, P), standard normal, by which gradients are compared."""
    weights = np.random.default_rng(712610).standard_normal(tuple(value.shape))
    return torch.from_numpy(weights).to(value)
