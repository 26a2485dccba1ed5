"""Cases in lines: those that differ in the size of one axis alone, along which cost grows."""

from collections.abc import Sequence
from typing import Any

from dgsea_bench.bench.case import Case
from dgsea_bench.bench.spec import Status

AXES = ("genes", "sets", "profiles", "permutations")
RAN_OUT: tuple[Status, ...] = ("out of memory", "out of time")


class Lines:
    """For each case the smaller ones of its lines, and which of these ran out of time or memory."""

    def __init__(self, cases: Sequence[Case]) -> None:
        members: dict[str, dict[int, list[str]]] = {}
        places: dict[str, list[tuple[str, str, int]]] = {}
        for case in cases:
            places[case.case_id] = [(axis, *_place(case, axis)) for axis in AXES if _size(case, axis) is not None]
            for _, line, size in places[case.case_id]:
                members.setdefault(line, {}).setdefault(size, []).append(case.case_id)
        self._smaller = {
            case_id: {
                other: f"{size:,} {axis}"
                for axis, line, mine in found
                for size, others in members[line].items()
                if size < mine
                for other in others
            }
            for case_id, found in places.items()
        }
        self._ran_out: dict[str, str] = {}

    def smaller(self, case: Case) -> set[str]:
        """Ids of the cases that differ from this one by a smaller size of one axis alone."""
        return set(self._smaller[case.case_id])

    def record(self, case_id: str, status: Status) -> None:
        """Remember how a case ended."""
        if status in RAN_OUT:
            self._ran_out[case_id] = status
        else:
            self._ran_out.pop(case_id, None)

    def reason_to_skip(self, case: Case) -> str | None:
        """``out of memory at 2,000 genes already``, if a smaller size of one of its lines ran out."""
        for other, size in self._smaller[case.case_id].items():
            if other in self._ran_out:
                return f"{self._ran_out[other]} at {size} already"
        return None


def _size(case: Case, axis: str) -> int | None:
    holder = case.null if axis == "permutations" else case.source
    return getattr(holder, axis, None)


def _place(case: Case, axis: str) -> tuple[str, int]:
    """What a case has in common with its line, and its size on it."""
    size = _size(case, axis)
    assert size is not None  # noqa: S101 (for the type checker)
    content: dict[str, Any] = case.model_dump(mode="json", exclude={"measure", "skip"})
    del content["null" if axis == "permutations" else "source"][axis]
    return f"{axis} {content}", size
