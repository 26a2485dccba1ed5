"""The contract test: `check_backend` holds any backend, ours or a plug-in's, to what it declares.

The truth here is written out anew, without anything that a backend uses: the dense formulas in float64, differentiated
by autograd, and the classical running sum gene by gene.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from dgsea_bench.backends import Backend, Tolerance, get_backend
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.enrichment import enrichment_score, soft_rank

ROUNDING = 1e-10
"""Laws that hold exactly but for rounding are checked to this, in float64, on scores of at most 1."""


class ContractError(AssertionError):
    """A backend does not do what it declares."""


def dense_enrichment_score(
    scores: Float64[Tensor, "profiles genes"], gene_sets: GeneSets, params: EnrichmentParams
) -> Float64[Tensor, "profiles sets"]:
    """(B, P) dES by the formulas as they stand (Li et al. 2026), all pairs at once: for small problems."""
    genes = scores.shape[1]
    member = gene_sets.membership()
    magnitude = scores.abs() / scores.detach().abs().amax(-1, keepdim=True)
    weights = torch.where(magnitude > 0, magnitude.clamp_min(1e-300) ** params.exponent, 0.0**params.exponent)
    weights = weights[:, None] * member
    weights = torch.where(weights.sum(-1, keepdim=True) > 0, weights, member.to(weights))
    steps = weights / weights.sum(-1, keepdim=True) - (~member).to(weights) / (~member).sum(-1, keepdim=True)
    ranks = 0.5 + torch.sigmoid((scores[:, None, :] - scores[:, :, None]) / params.tau_rank).sum(-1)
    t = torch.arange(1, genes + 1, dtype=torch.float64)
    curve = steps @ torch.sigmoid((t[None, None, :] + 0.5 - ranks[:, :, None]) / params.tau_prefix)
    if params.tau_abs == "adaptive":
        values = curve.detach().numpy()
        spread = np.median(np.abs(values - np.median(values, -1, keepdims=True)), -1, keepdims=True)
        tau_abs = torch.from_numpy(np.maximum(spread, 1e-9))
    else:
        tau_abs = torch.tensor(params.tau_abs, dtype=torch.float64)
    return (torch.softmax(curve.abs() / tau_abs, -1) * curve).sum(-1)


def classical_enrichment_score(
    scores: Float64[Tensor, "profiles genes"], gene_sets: GeneSets, exponent: float
) -> Float64[Tensor, "profiles sets"]:
    """(B, P) ES by walking down the ranking gene by gene (Subramanian et al. 2005)."""
    member = gene_sets.membership().numpy()
    result = np.empty((len(scores), len(gene_sets)))
    for profile, values in enumerate(scores.numpy()):
        order = np.argsort(-values, kind="stable")
        for number, belongs in enumerate(member):
            weights = np.abs(values) ** exponent * belongs
            hits = weights / weights.sum() if weights.sum() > 0 else belongs / belongs.sum()
            curve = np.cumsum((hits - ~belongs / (~belongs).sum())[order])
            highest, lowest = curve.max(), curve.min()
            result[profile, number] = highest if highest >= -lowest - 1e-12 else lowest
    return torch.from_numpy(result)


@dataclass(frozen=True)
class _Example:
    scores: Tensor
    gene_sets: GeneSets


def _example(profiles: int, genes: int, sizes: list[int], seed: int, *, decimals: int | None = None) -> _Example:
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((profiles, genes))
    scores = scores if decimals is None else np.round(scores, decimals)
    names = [f"gene{index}" for index in range(genes)]
    sets = {f"set{n}": rng.permutation(names)[:size].tolist() for n, size in enumerate(sizes)}
    return _Example(torch.from_numpy(scores), GeneSets.from_dict(sets, names))


def _examples() -> Iterator[_Example]:
    """One profile and one set; odd and even numbers of genes; sets of one gene and of all but one; ties."""
    yield _example(1, 24, [6], seed=1)
    yield _example(3, 51, [1, 5, 20, 50], seed=2)
    yield _example(2, 64, [1, 12, 63], seed=3)
    yield _example(1, 200, [15, 40], seed=4)
    yield _example(2, 80, [8, 30], seed=5, decimals=1)


def _untied(decimals: int | None = None) -> _Example:
    return _example(3, 60, [4, 11, 30], seed=7, decimals=decimals)


def check_backend(backend: str | Backend, *, device: str = "cpu") -> list[str]:
    """Test everything that a backend declares, on small problems.

    Returns:
        The names of the checks that it passed.

    Raises:
        ContractError: one line for each check that failed. InputError: an unknown backend, or one that cannot run here.
    """
    method = get_backend(backend)
    reason = method.unavailable(device)
    if reason:
        raise InputError(f"backend {method.name!r} cannot run here: {reason}")
    passed, failures = [], []
    for name, check in CHECKS.items():
        try:
            check(method, device)
        except ContractError as failure:
            failures.append(f"{name}: {failure}")
        except Exception as failure:  # what a plug-in raises is a finding about it, whatever it is
            failures.append(f"{name}: {type(failure).__name__}: {failure}")
        else:
            passed.append(name)
    if failures:
        raise ContractError(f"backend {method.name!r} breaks its contract:\n" + "\n".join(failures))
    return passed


PARAMETERS = (
    EnrichmentParams(),
    EnrichmentParams.preset("training"),
    EnrichmentParams(exponent=0.0),
    EnrichmentParams(exponent=1.5, tau_abs="adaptive"),
)


def _check_declaration(backend: Backend, device: str) -> None:  # noqa: ARG001
    for field in ("name", "summary", "cost", "source"):
        _require(isinstance(getattr(backend, field, None), str), f"{field} must be a string")
    _require(backend.target in ("dgsea", "gsea"), f"target is {backend.target!r}; it must be 'dgsea' or 'gsea'")
    for dtype in (torch.float32, torch.float64):
        _require(isinstance(backend.tolerance(dtype), Tolerance), f"tolerance({dtype}) must be a Tolerance")


def _check_truth(backend: Backend, device: str) -> None:
    """Values and gradients within the declared tolerance, in both dtypes, with several parameters."""
    for dtype in (torch.float64, torch.float32):
        promised = backend.tolerance(dtype)
        for params in PARAMETERS:
            for example in _examples():
                value, gradient, where = _errors(backend, example, params, dtype, device)
                _require(value <= promised.value, f"value error {value:.1e}, promised {promised.value:.1e}; {where}")
                _require(
                    gradient <= promised.gradient,
                    f"gradient error {gradient:.1e}, promised {promised.gradient:.1e}; {where}",
                )


def _errors(
    backend: Backend, example: _Example, params: EnrichmentParams, dtype: torch.dtype, device: str
) -> tuple[float, float, str]:
    """Value error, gradient error (0 if it has none), and on what."""
    scores = example.scores.to(device, dtype).requires_grad_(backend.differentiable)
    value = enrichment_score(scores, example.gene_sets, params=params, backend=backend)
    where = f"{tuple(scores.shape)} scores of {dtype}, sets of {example.gene_sets.sizes.tolist()}, {params}"
    _require(value.dtype == dtype, f"result is {value.dtype}, not the dtype of the scores; {where}")
    _require(value.device == scores.device, f"result is on {value.device}; {where}")
    _require(value.shape == (len(scores), len(example.gene_sets)), f"result has shape {tuple(value.shape)}; {where}")
    truth, true_gradient = _truth(backend, scores, example.gene_sets, params)
    if not backend.differentiable:
        return _relative(value, truth), 0.0, where
    (value * _weights_of(value)).sum().backward()
    gradient = _finite_gradient(scores, where)
    return _relative(value, truth), float((gradient - true_gradient).norm() / true_gradient.norm()), where


def measured_tolerance(backend: str | Backend, *, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Tolerance:
    """The largest value and gradient error that `check_backend` sees, to stand beside what the backend promises."""
    method = get_backend(backend)
    errors = [_errors(method, example, params, dtype, device)[:2] for params in PARAMETERS for example in _examples()]
    return Tolerance(max(value for value, _ in errors), max(gradient for _, gradient in errors))


def _truth(backend: Backend, scores: Tensor, gene_sets: GeneSets, params: EnrichmentParams) -> tuple[Tensor, Tensor]:
    leaf = scores.detach().double().cpu()
    if backend.target == "gsea":
        return classical_enrichment_score(leaf, gene_sets, params.exponent), torch.zeros_like(leaf)
    leaf.requires_grad_()
    value = dense_enrichment_score(leaf, gene_sets, params)
    (value * _weights_of(value)).sum().backward()
    assert leaf.grad is not None  # for the type checker
    return value.detach(), leaf.grad


def _check_batch(backend: Backend, device: str) -> None:
    """Profiles and sets do not depend on their neighbours."""
    example = _untied()
    scores = example.scores.to(device)
    together = enrichment_score(scores, example.gene_sets, backend=backend)
    alone = torch.cat([enrichment_score(row[None], example.gene_sets, backend=backend) for row in scores])
    _same(together, alone, "a batch of profiles differs from its profiles one by one")
    count = len(example.gene_sets)
    each = [enrichment_score(scores, example.gene_sets.subset(p, p + 1), backend=backend) for p in range(count)]
    _same(together, torch.cat(each, dim=1), "gene sets together differ from each alone")


def _check_memory(backend: Backend, device: str) -> None:
    """Little working memory changes neither values nor gradients."""
    example = _untied()
    results = []
    for method in (backend, replace(backend, memory_mib=0.005)):
        scores = example.scores.to(device).requires_grad_(backend.differentiable)
        value = enrichment_score(scores, example.gene_sets, backend=method)
        if backend.differentiable:
            (value * _weights_of(value)).sum().backward()
        results.append((value.detach(), scores.grad))
    _same(results[0][0], results[1][0], "values change with memory_mib")
    if results[0][1] is not None and results[1][1] is not None:
        _same(results[0][1], results[1][1], "gradients change with memory_mib")


def _check_running_sum(backend: Backend, device: str) -> None:
    """The score is the extremum of the running sum, which has a value for each position."""
    example = _untied()
    params = EnrichmentParams()
    ranking = backend.rank(example.scores.to(device), params)
    gene_sets = example.gene_sets.to(device)
    curve, positions = backend.running_sum(ranking, gene_sets), backend.positions(ranking)
    _require(
        curve.shape == (3, 3, positions.shape[1]),
        f"running sum of shape {tuple(curve.shape)} for {tuple(positions.shape)} positions",
    )
    _same(backend.extremum(curve, params), backend.enrichment_score(ranking, gene_sets), "score is not the extremum")


def _check_gene_order(backend: Backend, device: str) -> None:
    """Genes in another order give the same scores; tied ones too, for a soft backend."""
    for decimals in (None, 1) if backend.target == "dgsea" else (None,):
        example = _untied(decimals)
        order = torch.from_numpy(np.random.default_rng(8).permutation(example.scores.shape[1]))
        genes = [example.gene_sets.genes[index] for index in order.tolist()]
        scores = example.scores.to(device)
        shuffled = enrichment_score(
            scores[:, order.to(device)], GeneSets.from_dict(example.gene_sets.to_dict(), genes), backend=backend
        )
        _same(enrichment_score(scores, example.gene_sets, backend=backend), shuffled, "result depends on gene order")


def _check_mirror(backend: Backend, device: str) -> None:
    """rank(-s) = G + 1 - rank(s); the running sum of -s at t is minus that of s at G - t. Approximations may be off."""
    example = _untied()
    scores = example.scores.to(device)
    genes = scores.shape[1]
    allowed = max(ROUNDING, backend.tolerance(torch.float64).value)
    ranks, mirrored = (soft_rank(values, backend=backend) for values in (scores, -scores))
    # In units of the ranking: an approximation may shift ranks by a fraction of it.
    error = float((ranks + mirrored - (genes + 1)).abs().max()) / genes
    _require(error <= allowed, f"rank(-s) differs from G + 1 - rank(s) by {error:.1e} of the ranking")
    forward, backward = (
        _at_positions(backend, values, example.gene_sets.to(device), genes) for values in (scores, -scores)
    )
    law = forward[..., 1:-1] + backward.flip(-1)[..., 1:-1]  # index t holds position t, 0 .. G
    error = float(law[~law.isnan()].abs().max())
    # Two curves, point by point, where the tolerance is of scores that average over points.
    _require(
        error <= max(ROUNDING, 4 * allowed), f"the running sum of -s is not that of s mirrored: off by {error:.1e}"
    )


def _at_positions(backend: Backend, scores: Tensor, gene_sets: GeneSets, genes: int) -> Tensor:
    """(B, P, G + 1) running sum by position 0 .. G, NaN where the backend has none."""
    ranking = backend.rank(scores, EnrichmentParams())
    curve, positions = backend.running_sum(ranking, gene_sets), backend.positions(ranking)
    full = curve.new_full((*curve.shape[:2], genes + 2), torch.nan)
    place = positions.nan_to_num(genes + 1).long()  # where a profile has no position, to a column that is cut off
    return full.scatter_(2, place[:, None].expand_as(curve), curve)[..., :-1]


def _check_limit(backend: Backend, device: str) -> None:
    """As temperatures go to 0 the score of a soft backend goes to the classical one, on untied scores."""
    if backend.target != "dgsea":
        return
    example = _untied()
    order = example.scores.argsort(-1).argsort(-1)
    scores = (order.double() - 29.7) / 30
    truth = classical_enrichment_score(scores, example.gene_sets, 1.0)
    allowed = 1e-6 + backend.tolerance(torch.float64).value
    params = EnrichmentParams(tau_rank=1e-4, tau_prefix=1e-2, tau_abs=1e-4)
    value = enrichment_score(scores.to(device), example.gene_sets, params=params, backend=backend)
    error = _relative(value, truth)
    _require(error <= allowed, f"as temperatures go to 0 the score stays {error:.1e} from the classical one")


def _check_null(backend: Backend, device: str) -> None:
    """Permuting the membership is permuting the scores; the identity changes nothing."""
    example = _untied()
    scores, gene_sets = example.scores.to(device), example.gene_sets.to(device)
    rng = np.random.default_rng(9)
    genes = scores.shape[1]
    drawn = np.stack([np.arange(genes), rng.permutation(genes), rng.permutation(genes)])
    permutations = torch.from_numpy(drawn.astype(np.int32)).to(device)
    ranking = backend.rank(scores, EnrichmentParams())
    null = backend.null_scores(ranking, gene_sets, permutations)
    anew = [enrichment_score(scores[:, order.long()], gene_sets, backend=backend) for order in permutations]
    _same(null, torch.stack(anew, dim=2), "null scores differ from scores of permuted profiles")
    few = replace(backend, memory_mib=0.001).null_scores(ranking, gene_sets, permutations)
    _same(null, few, "null scores change with memory_mib")


def _check_input(backend: Backend, device: str) -> None:
    """What cannot be used is refused, and what is given is left as it was."""
    example = _untied()
    good = example.scores.to(device)
    kept = good.clone()
    enrichment_score(good, example.gene_sets, backend=backend)
    _require(torch.equal(good, kept), "the scores were changed")
    bad = good.clone()
    bad[1, 2] = torch.nan
    for scores, what in (
        (bad, "NaN"),
        (bad.nan_to_num(torch.inf), "infinity"),
        (good[0], "scores of one dimension"),
        (good[:, 1:], "scores over other genes than the sets"),
        (good.long(), "whole numbers"),
    ):
        try:
            enrichment_score(scores, example.gene_sets, backend=backend)
        except InputError:
            continue
        raise ContractError(f"{what} must raise InputError")


def _check_huge_scores(backend: Backend, device: str) -> None:
    """Outliers, huge and tiny scores, and scores all equal give finite results and gradients."""
    example = _untied()
    outlier = example.scores.clone()
    outlier[:, 0] = 1e12
    for scores in (outlier, example.scores * 1e12, example.scores * 1e-12, torch.zeros_like(example.scores)):
        leaf = scores.to(device, copy=True).requires_grad_(backend.differentiable)
        value = enrichment_score(leaf, example.gene_sets, params=EnrichmentParams(exponent=2.0), backend=backend)
        _require(bool(value.isfinite().all()), f"scores up to {float(scores.abs().max()):.0e} give {value}")
        if backend.differentiable:
            value.sum().backward()
            _finite_gradient(leaf, f"scores up to {float(scores.abs().max()):.0e}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ContractError(message)


def _finite_gradient(leaf: Tensor, where: str) -> Tensor:
    gradient = leaf.grad
    if gradient is None or not bool(gradient.isfinite().all()):
        raise ContractError(f"there is no finite gradient; {where}")
    return gradient.double().cpu()


def _same(one: Tensor, other: Tensor, message: str) -> None:
    _require(one.shape == other.shape, f"{message}: shapes {tuple(one.shape)} and {tuple(other.shape)}")
    error = float((one - other).abs().max())
    _require(error <= ROUNDING, f"{message}, by up to {error:.1e}")


def _relative(value: Tensor, truth: Tensor) -> float:
    """Largest error over the largest true magnitude."""
    return float((value.detach().double().cpu() - truth).abs().max() / truth.abs().max())


def _weights_of(value: Tensor) -> Tensor:
    weights = np.random.default_rng(6).standard_normal(tuple(value.shape))
    return torch.from_numpy(weights).to(value)


CHECKS: dict[str, Callable[[Backend, str], None]] = {
    "declaration": _check_declaration,
    "truth": _check_truth,
    "batch": _check_batch,
    "memory": _check_memory,
    "running sum": _check_running_sum,
    "gene order": _check_gene_order,
    "mirror": _check_mirror,
    "limit": _check_limit,
    "null": _check_null,
    "input": _check_input,
    "huge scores": _check_huge_scores,
}
