"""Significance of enrichment scores from their null distribution: NES, p-values and FDR. Pure functions of numbers.

    NES  = ES / m±     m± = mean magnitude of the null scores with the sign of ES (a robust one, see `NullParams`)
    p    = (1 + n) / (1 + N),     N null scores of that sign, n of them at least as extreme as ES
    FDR  = Benjamini-Hochberg over the sets of a profile, or GSEA's ratio of pooled NES

Subramanian et al. 2005 (doi 10.1073/pnas.0506580102), Korotkevich et al. 2021 (fgsea, doi 10.1101/060012), Li et al.
2026 (doi 10.64898/2026.03.18.712610). Where null scores come from does not matter here; `normalized_enrichment` draws
them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from jaxtyping import Float
from torch import Tensor

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import FEWEST_PERMUTATIONS, NullParams, PValue, require_type


@dataclass(frozen=True, eq=False)
class Significance:
    """What `significance` makes of scores and their null distribution, each (B, P).

    Attributes:
        nes: NaN where it cannot be told. p_value, fdr: 0 .. 1, or NaN.
        reason: why a value is NaN, as text; empty where none is.
        scales: (B, P, 2) the denominators for positive and for negative scores.
        as_extreme, of_sign: the counts n and N behind the p-values.
    """

    nes: Float[Tensor, "profiles sets"]
    p_value: Float[Tensor, "profiles sets"]
    fdr: Float[Tensor, "profiles sets"]
    reason: np.ndarray
    scales: Float[Tensor, "profiles sets 2"]
    as_extreme: Float[Tensor, "profiles sets"]
    of_sign: Float[Tensor, "profiles sets"]


def significance(
    es: Float[Tensor, "profiles sets"],
    null_es: Float[Tensor, "profiles sets permutations"],
    params: NullParams | None = None,
    *,
    classical_null_es: Float[Tensor, "profiles sets permutations"] | None = None,
) -> Significance:
    """NES, p-values and FDR from enrichment scores and K null scores of each.

    Args:
        es: (B, P) enrichment scores. Gradients flow from NES to them, and to `null_es` if it asks for one.
        null_es: (B, P, K) their null scores; a score of 0 counts as positive.
        params: `trim`, `shrinkage`, `split`, `calibrate`, `p_value` and `fdr`; how the null was drawn plays no part.
        classical_null_es: (B, P, K) null scores of classical GSEA, for `calibrate`.

    Raises:
        InputError: shapes that do not match, values that are not finite, fewer than 20 null scores, or `calibrate`
            without a classical null.
    """
    params = params or NullParams()
    require_type("params", params, NullParams)
    _check_scores(es, null_es, "null_es")
    scales = mean_magnitudes(null_es, params)
    if params.calibrate:
        if classical_null_es is None:
            raise InputError("calibrate=True needs the null scores of classical GSEA: pass classical_null_es")
        _check_scores(es, classical_null_es, "classical_null_es")
        # m·κ with κ = classical m / m; where m is not known there is no κ.
        scales = mean_magnitudes(classical_null_es, params).masked_fill(scales.isnan(), math.nan)
    nes = normalise(es, scales)
    as_extreme, of_sign = count_null(es, null_es, params)
    counted = permutations_for_p_values(params, null_es.shape[-1])
    p_value = p_values(as_extreme, of_sign, counted, params.p_value)
    if params.fdr == "gsea":
        fdr = pooled_ratio(nes, [null_nes(null_es, scales, params)])
    else:
        fdr = benjamini_hochberg(p_value)
    return Significance(nes, p_value, fdr, _reasons(es, nes, p_value), scales, as_extreme, of_sign)


def _check_scores(es: Tensor, null_es: Tensor, name: str) -> None:
    for values, what, dimensions in ((es, "es", 2), (null_es, name, 3)):
        if not isinstance(values, Tensor) or not values.is_floating_point() or values.ndim != dimensions:
            found = f"{values.dtype}, {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
            shape = "(profiles, sets)" if dimensions == 2 else "(profiles, sets, permutations)"
            raise InputError(
                f"{what} is {found}; it must be a floating point torch tensor of shape {shape}, as by torch.as_tensor"
            )
        if not values.isfinite().all():
            raise InputError(f"{what} holds a value that is not finite")
    if null_es.shape[:2] != es.shape:
        raise InputError(f"{name} has shape {tuple(null_es.shape)}; it must be {tuple(es.shape)} and the permutations")
    if null_es.shape[2] < FEWEST_PERMUTATIONS:
        raise InputError(
            f"{name} has {null_es.shape[2]} null scores for each set; {FEWEST_PERMUTATIONS} are the fewest"
        )


def _reasons(es: Tensor, nes: Tensor, p_value: Tensor) -> np.ndarray:
    """(B, P) text: what is missing, empty where nothing is."""
    reason = np.full(tuple(es.shape), "", dtype=object)
    sign = np.where(es.detach().cpu().numpy() >= 0, "positive", "negative")
    for values, purpose in ((nes, "normalise by"), (p_value, "take the p-value from")):
        for at in zip(*values.isnan().cpu().numpy().nonzero()):
            joint = "; " if reason[at] else ""
            reason[at] += f"{joint}no {sign[at]} null score to {purpose}"
    return reason


def mean_magnitudes(
    null_es: Float[Tensor, "profiles sets permutations"], params: NullParams
) -> Float[Tensor, "profiles sets 2"]:
    """(B, P, 2) robust mean of the magnitudes of null scores that are positive (or 0), and of the negative ones.

    With ρ = `trim`, λ = `shrinkage` and lo, hi the quantiles ρ and 1 - ρ of the magnitudes of one sign:
    m = (1 - λ)·mean of those in [lo, hi] + λ·mean of all clipped to [lo, hi]. NaN where there is none of that sign.
    """
    values = null_es[..., params.for_denominators(null_es.shape[-1])]
    return torch.stack([_robust_mean(values, values >= 0, params), _robust_mean(-values, values < 0, params)], dim=-1)


def _robust_mean(values: Tensor, wanted: Tensor, params: NullParams) -> Tensor:
    """Over the last dimension, of the values wanted; those come first in ascending order, infinity after them."""
    ordered = values.masked_fill(~wanted, math.inf).sort(-1).values
    count = wanted.sum(-1, keepdim=True)
    present = torch.arange(values.shape[-1], device=values.device) < count
    low, high = (_quantile(ordered, count, share) for share in (params.trim, 1 - params.trim))
    rounding = _rounding(values)
    inside = present & (ordered >= low - rounding) & (ordered <= high + rounding)
    clipped = ordered.clamp(low, high).masked_fill(~present, 0.0).sum(-1) / count[..., 0].clamp_min(1)
    kept = inside.sum(-1)
    trimmed = ordered.masked_fill(~inside, 0.0).sum(-1) / kept.clamp_min(1)
    trimmed = torch.where(kept > 0, trimmed, clipped)  # of two values neither lies within their quantiles
    mean = (1 - params.shrinkage) * trimmed + params.shrinkage * clipped
    return mean.masked_fill(count[..., 0] == 0, math.nan)


def _rounding(null_es: Tensor) -> Tensor:
    """(..., 1) by how much null scores of a set may differ and still be equal.

    Equal ones differ in their last bits according to what they were computed beside, which must change no result.
    """
    relative = 1e-12 if null_es.dtype == torch.float64 else 1e-6
    return relative * null_es.detach().abs().amax(-1, keepdim=True)


def _quantile(ordered: Tensor, count: Tensor, share: float) -> Tensor:
    """The quantile of the first `count` values, by linear interpolation."""
    place = share * (count - 1).clamp_min(0).double()
    below = place.floor().long()
    above = (below + 1).minimum((count - 1).clamp_min(0))
    return torch.lerp(ordered.gather(-1, below), ordered.gather(-1, above), (place - below).to(ordered.dtype))


def normalise(
    es: Float[Tensor, "profiles sets"], scales: Float[Tensor, "#profiles sets 2"]
) -> Float[Tensor, "profiles sets"]:
    """(B, P) ES / m of the sign of ES; NaN, with a gradient of 0, where m is not known or 0.

    `scales` are as `mean_magnitudes` gives them.
    """
    scale = torch.where(es >= 0, scales[..., 0], scales[..., 1])
    unknown = scale.isnan() | (scale == 0)
    return (es / scale.masked_fill(unknown, 1.0)).masked_fill(unknown, math.nan)


def count_null(
    es: Float[Tensor, "profiles sets"], null_es: Float[Tensor, "profiles sets permutations"], params: NullParams
) -> tuple[Float[Tensor, "profiles sets"], Float[Tensor, "profiles sets"]]:
    """(n, N): null scores that are at least as extreme, and those that have the sign of the score, each (B, P).

    They are counted among the permutations that serve the p-values.
    """
    es, values = es.detach(), null_es.detach()[..., params.for_p_values(null_es.shape[-1])]
    same_sign = (values >= 0) == (es >= 0)[..., None]
    extreme = same_sign & (values.abs() >= es.abs()[..., None] - _rounding(values))
    return extreme.sum(-1).to(es.dtype), same_sign.sum(-1).to(es.dtype)


def p_values(
    as_extreme: Float[Tensor, "profiles sets"],
    of_sign: Float[Tensor, "profiles sets"],
    permutations: int,
    definition: PValue = "fgsea",
) -> Float[Tensor, "profiles sets"]:
    """(B, P) nominal p-values from the counts n and N of `count_null`, by a definition of `NullParams.p_value`.

    NaN where no null score has the sign of the score. `permutations` is the number of those that were counted among.
    """
    if definition == "gsea":
        return as_extreme / of_sign  # 0 / 0 is NaN
    among = torch.full_like(of_sign, permutations) if definition == "released" else of_sign
    return ((1 + as_extreme) / (1 + among)).masked_fill(of_sign == 0, math.nan)


def permutations_for_p_values(params: NullParams, permutations: int) -> int:
    """How many of so many permutations serve the p-values."""
    return len(range(permutations)[params.for_p_values(permutations)])


def smallest_p_value(params: NullParams) -> float:
    """The smallest p-value that so many permutations can give a score whose sign half of its null scores have.

    ``"gsea"`` gives 0 where no null score is as extreme; what that can tell is that p is below 1 / N.
    """
    values = permutations_for_p_values(params, params.permutations)
    among = values if params.p_value == "released" else values // 2
    return 1 / among if params.p_value == "gsea" else 1 / (1 + among)


def benjamini_hochberg(p_value: Float[Tensor, "profiles sets"]) -> Float[Tensor, "profiles sets"]:
    """(B, P) adjusted p-values over the sets of each profile that have one."""
    values = p_value.double().cpu().numpy()
    adjusted = np.full_like(values, math.nan)
    for row, known in enumerate(np.isfinite(values)):
        if known.any():
            adjusted[row, known] = scipy.stats.false_discovery_control(values[row, known])
    return torch.from_numpy(adjusted).to(p_value)


def null_nes(
    null_es: Float[Tensor, "profiles sets permutations"], scales: Float[Tensor, "profiles sets 2"], params: NullParams
) -> Float[Tensor, "profiles sets permutations"]:
    """Normalised null scores, of the permutations that serve the p-values."""
    values = null_es[..., params.for_p_values(null_es.shape[-1])]
    each = scales[:, :, None].expand(*values.shape, 2)
    normalised: Tensor = normalise(values.flatten(1), each.flatten(1, 2)).unflatten(1, values.shape[1:])
    return normalised


def pooled_ratio(
    nes: Float[Tensor, "profiles sets"], parts: Iterable[Float[Tensor, "profiles some permutations"]]
) -> Float[Tensor, "profiles sets"]:
    """(B, P) GSEA's FDR: of one sign, the share of all null NES at least as extreme, over the share of NES that are.

    At most 1 (Subramanian et al. 2005). The normalised null scores of all sets are pooled, part after part.
    """
    observed = nes.detach().double().cpu().numpy()
    signs = (observed >= 0, observed < 0)
    rounding = 1e-10 if nes.dtype == torch.float64 else 1e-5
    as_extreme, of_sign = np.zeros_like(observed), np.zeros((2, len(observed)))
    for part in parts:
        pooled = part.detach().double().cpu().numpy().reshape(len(observed), -1)
        for row, values in enumerate(pooled):
            for number, mine in enumerate((values[values >= 0], values[values < 0])):
                of_sign[number, row] += mine.size
                wanted = signs[number][row]
                as_extreme[row, wanted] += _count_as_extreme(observed[row, wanted], mine, rounding)
    ratio = np.full_like(observed, math.nan)
    for number, sign in enumerate(signs):
        for row, wanted in enumerate(sign):
            if wanted.any() and of_sign[number, row] > 0:
                mine = observed[row, wanted]
                null_share = as_extreme[row, wanted] / of_sign[number, row]
                share = _count_as_extreme(mine, mine, rounding) / mine.size
                ratio[row, wanted] = np.minimum(1.0, null_share / share)
    return torch.from_numpy(ratio).to(nes)


def _count_as_extreme(thresholds: np.ndarray, values: np.ndarray, rounding: float) -> np.ndarray:
    """How many values are at least as large in magnitude as each threshold, but for a relative rounding."""
    ascending = np.sort(np.abs(values))
    count: np.ndarray = ascending.size - np.searchsorted(ascending, np.abs(thresholds) * (1 - rounding), side="left")
    return count
