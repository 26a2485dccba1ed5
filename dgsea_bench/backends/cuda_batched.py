"""dGSEA on a GPU: profiles × sets × permutations in one launch, by Triton kernels."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Int32, Int64, Integer
from torch import Tensor

from dgsea_bench.backends import cuda_operators as operators
from dgsea_bench.backends.base import Ranking, Tolerance
from dgsea_bench.backends.permuted import PermutedSets, unchanged
from dgsea_bench.backends.steps import gene_weights
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.kernels.windows import WIDEST, width_for

INTERPRET = "TRITON_INTERPRET"
OLDEST = (8, 0)
"""The compute capability that Triton asks for."""

NARROWER = 9.0
"""By how much windows are narrower, in τ_prefix, where work is in float32: exp(-19) = 6e-9."""

STEEPEST = 40.0
"""Up to there no peak need be taken off before exponentials: exp(40) times any number of positions is a float32, and so
is a gradient of 1e-16 over it."""

BLOCKS = (16, 4096)
"""The fewest and the most positions of a block."""


@dataclass(frozen=True, eq=False)
class CudaRanking(Ranking):
    """A ranking with all that the sets of a profile share.

    Attributes:
        weights: (B, G) abs(s)^exponent, by `gene_weights`.
        order: (B, G) genes by their ranks. places: (B, G) twice the place of each gene among them.
        base: (B, G) the running sum of all genes, each with weight 1 / G.
    """

    weights: Float64[Tensor, "profiles genes"]
    order: Int64[Tensor, "profiles genes"]
    places: Int32[Tensor, "profiles genes"]
    base: Float64[Tensor, "profiles genes"]


@dataclass(frozen=True, kw_only=True)
class CudaBatched(PermutedSets):
    """dGSEA as defined (Li et al. 2026) on a GPU, value and gradient, nothing of size sets × genes stored.

    Ranks are sums over a uniform grid, by a Fourier transform, in float64. Each set is one program of a kernel that
    makes its running sum block by block, from the windows of its hits, and scores it as it is made; the backward pass
    makes it again, from its maximum, sum and score. Of that, sigmoids and exponentials are in float32, unless scores
    are in float64. Results are bitwise the same in each run: what meets in memory is added up as whole numbers.

    On a CPU it runs for tests alone, in Triton's interpreter, where TRITON_INTERPRET=1 is set before it is first used.

    Attributes:
        memory_mib: working memory, MiB, beyond inputs and results, if as much is free; where it is not, less is used.
        positions_at_once: positions of a block, a power of two. More of them cost sigmoids that are known beforehand,
            fewer cost time to fetch hits.

    Raises:
        InputError: positions_at_once that is not a power of two from 16 to 4096.
    """

    name: ClassVar[str] = "cuda-batched"
    summary: ClassVar[str] = "fused kernels on a GPU, windows of hits and a grid for ranks, in float32"
    cost: ClassVar[str] = "O(G + H + P·G), H hits"
    source: ClassVar[str] = "this project, docs/cuda-batched.md"

    memory_mib: float = 2048.0
    positions_at_once: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        block = self.positions_at_once
        if not BLOCKS[0] <= block <= BLOCKS[1] or block & (block - 1):
            raise InputError(
                f"cuda-batched: positions_at_once is {block}; it must be a power of two, {BLOCKS[0]} to {BLOCKS[1]}"
            )

    def tolerance(self, dtype: torch.dtype) -> Tolerance:
        """Rounding of float64, and windows that end at exp(-28); of float32, where running sums add up to little."""
        return Tolerance(1e-10, 1e-10) if dtype == torch.float64 else Tolerance(3e-6, 1e-5)

    def unavailable(self, device: torch.device | str) -> str | None:
        """Why it cannot run on `device`, or None if it can."""
        device, interpreted = torch.device(device), os.environ.get(INTERPRET) == "1"
        if find_spec("triton") is None:
            return "Triton is not installed: pip install 'dgsea-bench[gpu]'"
        if device.type == "cpu":
            return None if interpreted else _on_the_cpu()
        if device.type != "cuda":
            return f'it runs on a CUDA device, not on {device}; take backend="exact"'
        if not torch.cuda.is_available():
            return "there is no CUDA device"
        if interpreted:
            return f"{INTERPRET}=1 would run it on the CPU in Triton's interpreter: unset it"
        return _too_old(device)

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> CudaRanking:
        """Soft ranks, and the running sum of all genes."""
        values = scores.double().contiguous()
        ranks = operators.rank(values, params.tau_rank, self.memory_mib * 2**20)
        order = ranks.detach().argsort(-1)
        genes, device = scores.shape[1], scores.device
        every_second = torch.arange(0, 2 * genes, 2, dtype=torch.int32, device=device)
        places = torch.empty_like(order, dtype=torch.int32).scatter_(1, order, every_second.expand_as(order))
        nothing, equal = torch.zeros_like(ranks), torch.ones_like(ranks)
        everything = torch.tensor([0, genes], device=device), order[0], unchanged(ranks)
        windows = self._windows(params, scores.dtype)
        base = operators.running_sum(equal, ranks, order, places, nothing, *everything, *windows)[:, 0, 0]
        return CudaRanking(scores, ranks, params, gene_weights(values, params.exponent), order, places, base)

    def null_scores(
        self, ranking: Ranking, gene_sets: GeneSets, permutations: Integer[Tensor, "permutations entries"]
    ) -> Float[Tensor, "profiles sets permutations"]:
        """The scores of permuted sets, which ride along as more sets."""
        arguments = self._arguments(ranking, gene_sets, permutations)
        tau = ranking.params.tau_abs
        inverse_taus = 1 / self.taus(ranking, gene_sets, permutations)
        steep = tau == "adaptive" or 1 / tau > STEEPEST
        scores: Tensor = operators.score(*arguments, inverse_taus, steep)[0]
        return scores.to(ranking.scores.dtype)

    def _windows(self, params: EnrichmentParams, dtype: torch.dtype) -> tuple[float, float, bool, int, float]:
        """The temperature of windows, their half-width in it, whether to work in float32, a block, and bytes."""
        single = dtype != torch.float64
        width = WIDEST if params.tau_abs == "adaptive" else width_for(params.tau_abs)
        width -= NARROWER if single else 0.0
        return params.tau_prefix, width, single, self.positions_at_once, self.memory_mib * 2**20

    def curves(self, ranking: Ranking, gene_sets: GeneSets, permutations: Tensor) -> Tensor:
        """Running sums of permuted sets."""
        curves: Tensor = operators.running_sum(*self._arguments(ranking, gene_sets, permutations))
        return curves

    def _arguments(self, ranking: Ranking, gene_sets: GeneSets, permutations: Tensor) -> tuple[Tensor | float, ...]:
        assert isinstance(ranking, CudaRanking)  # noqa: S101 (for the type checker)
        for what, place in (("gene sets", gene_sets.offsets.device), ("permutations", permutations.device)):
            if place != ranking.scores.device:
                raise InputError(
                    f"the scores are on {ranking.scores.device}, the {what} on {place}; "
                    f"move them with .to({str(ranking.scores.device)!r})"
                )
        ranked = ranking.weights, ranking.ranks, ranking.order, ranking.places, ranking.base
        sets = gene_sets.offsets, gene_sets.indices, permutations.int()
        return *ranked, *sets, *self._windows(ranking.params, ranking.scores.dtype)


def _on_the_cpu() -> str:
    if not torch.cuda.is_available():
        return 'there is no CUDA device, which it needs; take backend="fastsum"'
    return 'it runs on a CUDA device, the scores are on the CPU: move them with .to("cuda"), or take backend="fastsum"'


def _too_old(device: torch.device) -> str | None:
    """What a card that Triton does not know is told."""
    number = device.index if device.index is not None else torch.cuda.current_device()
    if number >= torch.cuda.device_count():
        return f"there is no CUDA device {number}; there are {torch.cuda.device_count()}"
    found = torch.cuda.get_device_capability(number)
    if found >= OLDEST:
        return None
    needed = ".".join(map(str, OLDEST))
    return (
        f"{torch.cuda.get_device_name(number)} has compute capability {found[0]}.{found[1]}, Triton needs {needed}; "
        'take backend="exact"'
    )
