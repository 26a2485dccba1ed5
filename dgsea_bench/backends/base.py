"""The contract of a backend, and all that derives from it: chunking, the softmax, null distributions."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams

CURVES_IN_FLIGHT = 6
"""Arrays the size of a running sum that exist at once while it is scored and differentiated."""


@dataclass(frozen=True)
class Tolerance:
    """What a backend promises about its distance from the truth of its target.

    Attributes:
        value: max abs(score - truth) / max abs(truth), over profiles and sets.
        gradient: norm(gradient - truth) / norm(truth), of a random weighting of the scores' sum.
    """

    value: float
    gradient: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """All that depends on the scores alone: made once, used for any number of gene sets.

    Backends may subclass it to keep more; every tensor in it must lead with the dimension of profiles.

    Attributes:
        scores: (B, G) as they came in; their dtype is the dtype of results.
        ranks: (B, G) 1 = top, float64 whatever the scores: float32 ranks ruin sharp prefixes at 20,000 genes.
        params: exponent and temperatures.
    """

    scores: Float[Tensor, "profiles genes"]
    ranks: Float64[Tensor, "profiles genes"]
    params: EnrichmentParams

    def select(self, profiles: slice) -> "Ranking":
        """The same for some of the profiles."""
        tensors: dict[str, Any] = {
            item.name: value[profiles] for item in fields(self) if isinstance(value := getattr(self, item.name), Tensor)
        }
        return replace(self, **tensors)


@dataclass(frozen=True, kw_only=True)
class Backend(ABC):
    """One way of computing enrichment scores. Two methods are required; the rest derives from them.

    A backend is a frozen dataclass whose fields are its knobs. An override of a derived method may be faster, or, where
    the mathematics differ, say so (`hard` takes a maximum, `nyswin` looks at a window of positions).

    Attributes:
        name: what users type. summary: one line. cost: growth of time, as ``O(...)``. source: where it comes from.
        target: the truth that it approximates: ``"dgsea"`` (soft) or ``"gsea"`` (classical).
        differentiable: do gradients flow to the scores?
        memory_mib: working memory for running sums, MiB, beyond inputs, results and what a backend needs for a tile
            of its sums. Where they do not fit they are computed in chunks of profiles and sets, and computed again in
            the backward pass.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    cost: ClassVar[str]
    source: ClassVar[str]
    target: ClassVar[Literal["dgsea", "gsea"]] = "dgsea"
    differentiable: ClassVar[bool] = True

    memory_mib: float = 512.0

    def __post_init__(self) -> None:
        for knob in fields(self):
            _check_type(self.name, knob.name, getattr(self, knob.name), knob.default)
        if not 0 < self.memory_mib < math.inf:
            raise InputError(f"{self.name}: memory_mib is {self.memory_mib}; it must be a finite number above 0")

    @abstractmethod
    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """The promise that `dgsea_bench.testing.check_backend` holds the backend to."""

    def unavailable(self, device: torch.device | str) -> str | None:
        """Why it cannot run on `device`, or None if it can."""
        no_cuda = torch.device(device).type == "cuda" and not torch.cuda.is_available()
        return "there is no CUDA device" if no_cuda else None

    @abstractmethod
    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> Ranking:
        """Everything that depends on the scores alone."""

    @abstractmethod
    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets positions"]:
        """(B, P, T) the running sum of each profile and set at `positions`; NaN where a profile has none."""

    def positions(self, ranking: Ranking) -> Float64[Tensor, "profiles positions"]:
        """(B, T) the positions 1 .. G at which the running sum is taken; NaN where a profile has fewer than T."""
        profiles, genes = ranking.scores.shape
        return torch.arange(1, genes + 1, dtype=torch.float64, device=ranking.scores.device).expand(profiles, genes)

    def extremum(
        self, running_sum: Float[Tensor, "profiles sets positions"], params: EnrichmentParams
    ) -> Float[Tensor, "profiles sets"]:
        """(B, P) the signed softmax over positions: dES = Σ_t ω_t C(t), ω = softmax_t(abs(C(t)) / tau_abs)."""
        tau = median_absolute_deviation(running_sum.detach()) if params.tau_abs == "adaptive" else params.tau_abs
        weights = (running_sum.abs() / tau).softmax(-1)
        return (weights * running_sum).sum(-1)

    def enrichment_score(self, ranking: Ranking, gene_sets: GeneSets) -> Float[Tensor, "profiles sets"]:
        """(B, P) enrichment scores in the dtype of the scores, in working memory of `memory_mib`."""

        def score(part: Ranking, sets: GeneSets) -> Tensor:
            return self.extremum(self.running_sum(part, sets), part.params).to(part.scores.dtype)

        chunks = list(self.chunks(ranking, len(gene_sets)))
        if len(chunks) == 1 and len(chunks[0][1]) == 1:
            return score(ranking, gene_sets)
        rows = []
        for profiles, set_ranges in chunks:
            part = ranking.select(profiles)
            columns = [
                checkpoint(score, part, gene_sets.subset(*sets), use_reentrant=False, preserve_rng_state=False)
                for sets in set_ranges
            ]
            rows.append(torch.cat(columns, dim=1))
        return torch.cat(rows)

    def null_scores(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float[Tensor, "profiles sets permutations"]:
        """(B, P, K) enrichment scores of permuted sets: under permutation π set S becomes {π(i): i ∈ S}.

        That equals permuting the scores and ranking anew, at the cost of the set stage alone. Of each permutation no
        more entries are needed than the largest index of `gene_sets`, plus one.
        """
        members = max(1, len(gene_sets.indices))
        at_once = max(1, int(self.memory_mib * 2**20 / 32 / members))  # some 32 bytes a permuted member

        def score(chunk: Tensor) -> Tensor:
            permuted = GeneSets.from_sizes(
                gene_sets.names * len(chunk),
                gene_sets.genes,
                gene_sets.sizes.repeat(len(chunk)),
                chunk[:, gene_sets.indices].reshape(-1).long(),
            )
            scores = self.enrichment_score(ranking, permuted)
            by_set: Tensor = scores.unflatten(1, (len(chunk), len(gene_sets))).transpose(1, 2)
            return by_set

        parts = [
            checkpoint(score, chunk, use_reentrant=False, preserve_rng_state=False)
            for chunk in permutations.split(at_once)
        ]
        return torch.cat(parts, dim=2)

    def chunks(self, ranking: Ranking, sets: int) -> Iterator[tuple[slice, list[tuple[int, int]]]]:
        """Slices of profiles, each with ranges of sets, whose running sums fit into `memory_mib`."""
        profiles, genes = ranking.scores.shape
        curves = max(1, int(self.memory_mib * 2**20 / (8 * genes * CURVES_IN_FLIGHT)))
        profiles_at_once = max(1, curves // sets)
        sets_at_once = min(sets, curves)
        ranges = [(start, min(start + sets_at_once, sets)) for start in range(0, sets, sets_at_once)]
        for start in range(0, profiles, profiles_at_once):
            yield slice(start, start + profiles_at_once), ranges


def _check_type(backend: str, option: str, value: object, default: object) -> None:
    """An option has the type of its default, if it has one; whole numbers will do for fractions."""
    accepted: tuple[type, ...] = (float, int) if isinstance(default, float) else (type(default),)
    if default is not MISSING and (
        not isinstance(value, accepted) or (isinstance(value, bool) and not isinstance(default, bool))
    ):
        raise InputError(f"{backend}: {option} is {value!r}; it must be of type {accepted[0].__name__}")


def median_absolute_deviation(curve: Float[Tensor, "*batch positions"]) -> Float[Tensor, "*batch 1"]:
    """The median distance from the median over positions, at least 1e-9: the ``"adaptive"`` tau_abs."""
    return _median((curve - _median(curve)).abs()).clamp_min(1e-9)


def _median(values: Float[Tensor, "*batch positions"]) -> Float[Tensor, "*batch 1"]:
    """The median, as the mean of the two middle values where their number is even."""
    ordered = values.sort(-1).values
    count = values.shape[-1]
    return (ordered[..., (count - 1) // 2, None] + ordered[..., count // 2, None]) / 2
