"""The numbers that define an enrichment score: exponent and temperatures."""

import math
from dataclasses import dataclass
from typing import Literal

from dgsea_bench.core.errors import InputError, did_you_mean

PRESETS: dict[str, tuple[float, float, float]] = {
    "recommended": (1.2, 1.0, 0.6),
    "training": (0.8, 1.1, 0.7),
}
"""Temperatures (tau_rank, tau_prefix, tau_abs) of the release of Li et al. 2026, doi 10.64898/2026.03.18.712610."""


SMALLEST_TEMPERATURE = 1e-300
"""Below it a division by a temperature overflows."""


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


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
