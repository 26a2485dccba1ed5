"""The numbers that define an enrichment score, and those that define its significance."""

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, get_args

from dgsea_bench.core.errors import InputError, did_you_mean

PRESETS: dict[str, tuple[float, float, float]] = {
    "recommended": (1.2, 1.0, 0.6),
    "training": (0.8, 1.1, 0.7),
}
"""Temperatures (tau_rank, tau_prefix, tau_abs) of the release of Li et al. 2026, doi 10.64898/2026.03.18.712610."""


SMALLEST_TEMPERATURE = 1e-200
"""Far below it a division by a temperature overflows."""


@dataclass(frozen=True, kw_only=True)
class EnrichmentParams:
    """Exponent and temperatures of an enrichment score.

    Attributes:
        exponent: weight of a hit is abs(score)^exponent; 0 weighs all hits equally (Subramanian et al. 2005).
        tau_rank: width of the sigmoid that compares two scores, in units of the scores.
        tau_prefix: width of the sigmoid that cuts the ranking at a position, in positions.
        tau_abs: temperature of the softmax over the running sum, in units of the enrichment score;
            ``"adaptive"`` takes the median absolute deviation of the running sum over positions, per profile
            and set (at least 1e-9), as a constant for the gradient.

    Classical GSEA (`hard`) uses the exponent alone. The defaults are the preset ``"recommended"``.

    Raises:
        InputError: a temperature that is not a finite number above 0, or an exponent below 0.
    """

    exponent: float = 1.0
    tau_rank: float = PRESETS["recommended"][0]
    tau_prefix: float = PRESETS["recommended"][1]
    tau_abs: float | Literal["adaptive"] = PRESETS["recommended"][2]

    def __post_init__(self) -> None:
        if not (_is_number(self.exponent) and self.exponent >= 0):
            raise InputError(f"exponent is {self.exponent!r}; it must be a finite number, 0 or larger")
        for name in ("tau_rank", "tau_prefix", "tau_abs"):
            value = getattr(self, name)
            if name == "tau_abs" and value == "adaptive":
                continue
            if not (_is_number(value) and value >= SMALLEST_TEMPERATURE):
                or_adaptive = ' or "adaptive"' if name == "tau_abs" else ""
                raise InputError(f"{name} is {value!r}; a temperature must be a finite number above 0{or_adaptive}")

    @classmethod
    def preset(cls, name: str) -> "EnrichmentParams":
        """The temperatures of a named preset: ``"recommended"`` or ``"training"``."""
        if name not in PRESETS:
            raise InputError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}{did_you_mean(name, PRESETS)}")
        tau_rank, tau_prefix, tau_abs = PRESETS[name]
        return cls(tau_rank=tau_rank, tau_prefix=tau_prefix, tau_abs=tau_abs)


Sharing = Literal["set", "size"]
PValue = Literal["fgsea", "gsea", "released"]
FDR = Literal["benjamini-hochberg", "gsea"]

FEWEST_PERMUTATIONS = 20
"""Fewer null values say nothing of the mean of a sign, let alone of a p-value."""

NULL_PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "gsea": {"trim": 0.0, "shrinkage": 0.0, "split": None, "p_value": "gsea", "fdr": "gsea"},
    "released": {"calibrate": True, "p_value": "released"},
}
"""``"gsea"``: as GSEA Desktop (Subramanian et al. 2005, doi 10.1073/pnas.0506580102). ``"released"``: the recommended
settings of the release of Li et al. 2026 (doi 10.64898/2026.03.18.712610)."""


@dataclass(frozen=True, kw_only=True)
class NullParams:
    """How the null distribution of enrichment scores is drawn, and how scores are normalised and judged by it.

    Attributes:
        permutations: number K of permutations of the genes, 20 or more.
        seed: with the number k of a permutation it is the key of its random numbers; the same ones everywhere.
        trim: ρ, share of the null magnitudes of one sign that is left out (or clipped) at either end, 0 .. ½.
        shrinkage: λ, weight of the mean of clipped magnitudes beside that of trimmed ones, 0 .. 1.
        split: share of the permutations that give the denominators, the others give the p-value; None: all give both.
        calibrate: divide by the mean of the classical null in the place of the mean of the soft one.
        sharing: ``"set"``: each gene set has its own null; ``"size"``: one null per size, of random sets.
        p_value: ``"fgsea"``: (1 + n) / (1 + N), with N null values of the observed sign, n of them at least as extreme;
            ``"gsea"``: n / N; ``"released"``: (1 + n) / (1 + number of all null values).
        fdr: ``"benjamini-hochberg"`` over the sets of a profile, or ``"gsea"``, the ratio of pooled NES.
        gradient: let the gradient flow through the denominators too; otherwise they are constants.

    Raises:
        InputError: a number out of its range, or an unknown word.
    """

    permutations: int = 1000
    seed: int = 0
    trim: float = 0.15
    shrinkage: float = 0.10
    split: float | None = 0.5
    calibrate: bool = False
    sharing: Sharing = "set"
    p_value: PValue = "fgsea"
    fdr: FDR = "benjamini-hochberg"
    gradient: bool = False

    def __post_init__(self) -> None:
        for name, least, most in (("permutations", FEWEST_PERMUTATIONS, 2**31 - 1), ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or not least <= int(value) <= most:
                raise InputError(f"{name} is {value!r}; it must be a whole number, {least} to {most}")
            object.__setattr__(self, name, int(value))  # numpy's integers are no JSON
        if not (_is_number(self.trim) and 0 <= self.trim < 0.5):
            raise InputError(f"trim is {self.trim!r}; it must be 0 or more and below 0.5")
        if not (_is_number(self.shrinkage) and 0 <= self.shrinkage <= 1):
            raise InputError(f"shrinkage is {self.shrinkage!r}; it must be 0 .. 1")
        if self.split is not None and not (_is_number(self.split) and 0 < self.split < 1):
            raise InputError(f"split is {self.split!r}; it must be above 0 and below 1, or None")
        for name, known in (("sharing", Sharing), ("p_value", PValue), ("fdr", FDR)):
            value, words = getattr(self, name), get_args(known)
            if value not in words:
                raise InputError(f"{name} is {value!r}; known: {', '.join(words)}{did_you_mean(str(value), words)}")
        for name in ("calibrate", "gradient"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be True or False")
        if self.calibrate and self.gradient:
            raise InputError("calibrate divides by the classical null, which has no gradient; leave gradient False")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "NullParams":
        """The settings of a named preset, ``"default"``, ``"gsea"`` or ``"released"``, with these changes."""
        if name not in NULL_PRESETS:
            known = ", ".join(NULL_PRESETS)
            raise InputError(f"unknown preset {name!r}; known: {known}{did_you_mean(name, NULL_PRESETS)}")
        return cls(**{**NULL_PRESETS[name], **changes})

    def for_denominators(self, permutations: int) -> slice:
        """Which of so many null values give the denominators."""
        return slice(None) if self.split is None else slice(0, self._first(permutations))

    def for_p_values(self, permutations: int) -> slice:
        """Which of so many null values give the p-values."""
        return slice(None) if self.split is None else slice(self._first(permutations), None)

    def _first(self, permutations: int) -> int:
        assert self.split is not None  # noqa: S101 (for the type checker)
        return min(max(1, int(permutations * self.split + 1e-9)), permutations - 1)


def require_type(name: str, value: object, kind: type) -> None:
    """Raise for a value of another type, such as the name of a preset in the place of parameters."""
    if not isinstance(value, kind):
        raise InputError(
            f"{name} is {value!r}; it must be of type {kind.__name__}, as {kind.__name__}.preset(...) makes"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
