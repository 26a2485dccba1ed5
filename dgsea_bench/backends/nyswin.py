"""The approximation of the paper's release: Nyström soft ranks and a window of positions, each quirk a knob."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.dense import sigmoid_sum
from dgsea_bench.backends.exact import soft_running_sum
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams


@dataclass(frozen=True, kw_only=True)
class Nyswin(Backend):
    """Nyström ranks over m anchors, running sum in a window at both ends, as released with Li et al. 2026.

    r_i ≈ 1 + (G / m) Σ_a σ((a - s_i) / τ_rank), with anchors a at the interior points of an even grid of m + 2
    quantiles of a profile's scores. The running sum is kept at positions 1 .. T and G - T + 1 .. G.

    Attributes:
        anchors: m; at most G are used.
        self_term: True as released: the gene's own σ(0) = ½ is counted beside the leading 1, which shifts ranks by
            about ½. False takes it out.
        anchor_gradient: False as released: anchors are constants for the gradient. True lets it flow through them.
        window: ``"released"``: T widens with the median soft rank of the profile, which for ordinary scores means
            T = ⌊G/2⌋, every position but the middle one of an odd number, so nothing is saved. ``"fixed"``: T = T₀.
        frac, margin: T₀ = max(⌊frac · G⌋, 1), at most ⌊G/2⌋; margin is what the released rule adds to the distance
            of the median rank from either end.

    The release takes the median over the whole batch; here it is that of the profile, so that a result does not depend
    on its neighbours.

    Raises:
        InputError: anchors < 1, frac outside (0, ½], margin < 0, or an unknown window.
    """

    name: ClassVar[str] = "nyswin"
    summary: ClassVar[str] = "Nyström ranks from quantile anchors, window of positions: the paper's approximation"
    cost: ClassVar[str] = "O(G²·P)"
    source: ClassVar[str] = "release of Li et al. 2026, doi 10.64898/2026.03.18.712610"

    anchors: int = 512
    self_term: bool = True
    anchor_gradient: bool = False
    window: str = "released"
    frac: float = 0.10
    margin: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.anchors < 1:
            raise InputError(f"nyswin: anchors is {self.anchors}; it must be 1 or more")
        if not 0 < self.frac <= 0.5:
            raise InputError(f"nyswin: frac is {self.frac}; it must be above 0 and at most 0.5")
        if self.margin < 0:
            raise InputError(f"nyswin: margin is {self.margin}; it must be 0 or more")
        if self.window not in ("released", "fixed"):
            raise InputError(f"nyswin: window is {self.window!r}; known: 'released', 'fixed'")

    def tolerance(self, dtype: torch.dtype) -> Tolerance:  # noqa: ARG002 (the approximation dwarfs the dtype)
        """What it loses at some tens of genes; less with more genes. A fixed window promises nothing.

        `dgsea_bench.testing.measured_tolerance`, which ``python -m dgsea_bench check`` prints, gives what it is.
        """
        if self.window == "fixed":
            return Tolerance(math.inf, math.inf)
        return Tolerance(0.05 + 1 / self.anchors, 0.2 + 2 / self.anchors)

    def rank(self, scores: Float[Tensor, "profiles genes"], params: EnrichmentParams) -> Ranking:
        """Approximate soft ranks, O(G·m) per profile."""
        values = scores.double()
        genes = scores.shape[1]
        anchors = _quantiles(values, min(self.anchors, genes))
        if not self.anchor_gradient:
            anchors = anchors.detach()
        each = genes / anchors.shape[1]
        above = sigmoid_sum(torch.full_like(anchors, each)[:, None], anchors, values, params.tau_rank)[:, 0]
        return Ranking(scores, above + (1.0 if self.self_term else 0.5), params)

    def positions(self, ranking: Ranking) -> Float64[Tensor, "profiles positions"]:
        """(B, 2 T) the positions in the window of each profile; NaN where another profile's window is wider."""
        genes = ranking.scores.shape[1]
        width = self._window_widths(ranking.ranks)[:, None]
        t = torch.arange(1, int(width.max()) + 1, device=width.device)
        top = t.double().expand(len(width), -1).masked_fill(t > width, torch.nan)
        return torch.cat([top, (genes + 1 - top).flip(-1)], dim=-1)

    def running_sum(self, ranking: Ranking, gene_sets: GeneSets) -> Float64[Tensor, "profiles sets positions"]:
        """The soft running sum at the window's positions."""
        positions = self.positions(ranking)
        outside = positions.isnan()
        curve = soft_running_sum(ranking, gene_sets, positions.masked_fill(outside, 1.0))
        return curve.masked_fill(outside[:, None], torch.nan)

    def extremum(
        self, running_sum: Float[Tensor, "profiles sets positions"], params: EnrichmentParams
    ) -> Float[Tensor, "profiles sets"]:
        """The signed softmax over each profile's own window."""
        inside = ~running_sum.isnan().all(1)
        if inside.all():
            return super().extremum(running_sum, params)
        each = [super(Nyswin, self).extremum(curve[None, :, own], params) for curve, own in zip(running_sum, inside)]
        return torch.cat(each)

    def _window_widths(self, ranks: Float64[Tensor, "profiles genes"]) -> Int64[Tensor, " profiles"]:
        """(B,) T: T₀, or as the release widens it by t, which there is the lower median rank cut to a whole number."""
        genes = ranks.shape[1]
        narrow = min(max(math.floor(self.frac * genes), 1), genes // 2)
        if self.window == "fixed":
            return torch.full((len(ranks),), narrow, device=ranks.device)
        middle = ranks.detach().median(-1).values.long()
        near_an_end = (middle <= narrow) | (middle >= genes - narrow + 1)
        reach = torch.maximum((middle - 1).abs(), (genes - middle).abs()) + self.margin
        return torch.where(near_an_end, narrow, reach.clamp(narrow, genes // 2))


def _quantiles(values: Float64[Tensor, "profiles genes"], count: int) -> Float64[Tensor, "profiles count"]:
    """The quantiles (linear interpolation) at the `count` interior points of an even grid of count + 2 on [0, 1]."""
    ordered = values.sort(-1).values
    grid = torch.arange(1, count + 1, dtype=torch.float64, device=values.device) / (count + 1)
    place = grid * (values.shape[1] - 1)
    below = place.floor().long()
    above = (below + 1).clamp_max(values.shape[1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], place - below)
