"""What goes to whoever measures a case, and what comes back: JSON and bytes, so that it may be another machine."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dgsea_bench.bench.case import MEASUREMENT_VERSION, Case

Isolation = Literal["process", "none"]
Status = Literal["done", "skipped", "failed", "out of memory", "out of time"]
FAILURES: tuple[Status, ...] = ("failed", "out of memory", "out of time")
Purpose = Literal["case", "reference"]


class Spec(BaseModel):
    """A case to measure, or one whose truth is to be computed.

    Attributes:
        task: which of the two.
        inputs: sha256 of each file that it reads; where it is measured they must be the same.
        isolation: ``"process"``: a fresh one, with limits; ``"none"``: the caller's own, without, for a debugger.
        alone: whether a case that is timed has its machine for itself.
        share: cases that share the machine's memory.
        truth: the truth as `Reference` keeps it; None: errors stay unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Purpose = "case"
    case: Case
    inputs: dict[str, str] = {}
    isolation: Isolation = "process"
    alone: bool = True
    share: int = 1
    truth: bytes | None = None
    measurement_version: int = MEASUREMENT_VERSION

    @property
    def device(self) -> str:
        """Where the work is done: a truth is computed on the processor, but models are trained where the case runs."""
        return "cpu" if self.task == "reference" and self.case.training is None else self.case.device

    @property
    def is_timed(self) -> bool:
        """Whether a clock runs."""
        return self.task == "case" and self.case.measure.timed


@dataclass(frozen=True)
class Outcome:
    """What became of a spec.

    Attributes:
        fields: of a `Row`: metrics, flags and so on, beside status and reason.
        files: name -> content, of what has many values; of a reference, the truth.
        environment_id, environment: where it was measured.
    """

    status: Status
    reason: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    environment_id: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
