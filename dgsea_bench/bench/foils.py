"""What models are trained with beside backends, to see what a pathway loss does: none at all, or a foil."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from dgsea_bench.backends.base import Backend
from dgsea_bench.backends.straight_through import StraightThrough


@dataclass(frozen=True)
class NoPathwayLoss:
    """In the place of a backend where the loss is on genes alone."""

    name: ClassVar[str] = "none"
    cost: ClassVar[str] = "O(0)"
    target: ClassVar[str] = "none"

    def unavailable(self, device: torch.device | str) -> str | None:
        """Why it cannot run on `device`, or None if it can."""
        there = torch.device(device).type == "cpu" or torch.cuda.is_available()
        return None if there else "there is no CUDA device"


FOILS: Mapping[str, NoPathwayLoss | Backend] = {
    NoPathwayLoss.name: NoPathwayLoss(),
    StraightThrough.name: StraightThrough(),
}
"""Name -> what it is; of the task ``"training"`` alone."""
