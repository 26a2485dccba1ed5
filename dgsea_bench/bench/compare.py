"""Two runs, case by case: what became slower or faster, more or less wrong, and what fails now."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from dgsea_bench.bench.environment import machine_name
from dgsea_bench.bench.results import Row, RunDirectory
from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.core.errors import InputError

TOLERANCE = 0.2
"""Changes by less than this share are no news: times of ten sweeps of the same code lie as far apart (see
benchmarks/scripts/spread_of_sweeps.py), which an interval over the calls of one process does not tell."""
ERROR_TOLERANCE = 0.01
"""The same of errors, which have no noise."""
ROUNDING = {"float32": 1e-6, "float64": 1e-10}
"""Changes of an error by less than this, for scores of that kind, are no news, however large their ratio."""
TIMES = {"enrichment": ("step_seconds", "forward_seconds"), "significance": ("null_seconds",)}
"""Task -> the times that a reader asks for, the first that both runs have being compared."""
ERRORS = ("value_error_mean", "gradient_error", "nes_error_mean", "pathway_mse", "gene_rmse")
TRAINED_TOLERANCE = 0.05
"""Of errors of a trained model, where rounding grows from step to step and may end training at another epoch."""
PROCESS = ("isolation", "timing", "cores", "threads")
"""What a row may record of its process that must be equal for times to be comparable."""

SLOWER, FASTER, SAME = "slower", "faster", "same within noise"
INCOMPARABLE = "not comparable"
OTHER_MACHINE = f"{INCOMPARABLE}: another machine"
NOW_FAILS, NOW_DONE, NOW_SKIPPED, NEITHER = "now fails", "now done", "now skipped", "done in neither"
WORSE, BETTER = "error worse", "error better"
Judgement = Literal["worse", "better", "same"]


@dataclass(frozen=True)
class Side:
    """One of the two runs: the latest row of each case, and where they were measured."""

    name: str
    rows: Sequence[Row]
    environments: Mapping[str, Any]

    def used(self) -> list[str]:
        """The environments that rows were measured in."""
        return list(dict.fromkeys(row.environment_id for row in self.rows))

    def machines(self) -> list[str]:
        """The machines of these."""
        return list(dict.fromkeys(machine_name(name, self.environments) for name in self.used()))


@dataclass(frozen=True)
class Duration:
    """A median time in seconds with an interval that contains it: of the median, or `quartiles` of the calls.

    Where neither was recorded the interval is 0 to infinity.
    """

    seconds: float
    low: float
    high: float
    quartiles: bool


@dataclass(frozen=True)
class Ratio:
    """Time after / time before. The interval is conservative: each time may be at its end of its own interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, before: Duration, after: Duration) -> "Ratio":
        """The ratio of two times."""
        return cls(after.seconds / before.seconds, after.low / before.high, after.high / before.low)


@dataclass(frozen=True)
class ErrorChange:
    """One metric of `ERRORS` before and after."""

    metric: str
    before: float
    after: float
    judgement: Judgement


@dataclass(frozen=True)
class Change:
    """What became of a case that both runs hold.

    Attributes:
        times: before and after, where known. ratio: of these, where they can be compared.
        time: the verdict on it: one of `SLOWER`, `FASTER`, `SAME`, or `INCOMPARABLE` with the reason; empty for a case
            that is not done in both.
        errors: those that both runs know. status: what changed beside, such as ``now fails: killed (signal 9)``.
    """

    before: Row
    after: Row
    times: tuple[Duration | None, Duration | None]
    ratio: Ratio | None
    time: str
    errors: tuple[ErrorChange, ...]
    status: str

    @property
    def worse(self) -> bool:
        """Whether some error grew."""
        return any(error.judgement == "worse" for error in self.errors)

    @property
    def better(self) -> bool:
        """Whether some error shrank and none grew."""
        return not self.worse and any(error.judgement == "better" for error in self.errors)

    @property
    def regression(self) -> bool:
        """Whether a reader must look at it: slower, worse, or failing now."""
        return self.time == SLOWER or self.worse or self.status.startswith(NOW_FAILS)

    @property
    def verdicts(self) -> list[str]:
        """On its status, its error and its time, those that there are, and whether the time may be doubted."""
        error = WORSE if self.worse else BETTER if self.better else ""
        return [part for part in (self.status, error, self.time, self.doubt) if part]

    @property
    def doubt(self) -> str:
        """What is flagged of times that differ."""
        if self.time not in (SLOWER, FASTER):
            return ""
        flags = {"before": self.before.flags, "after": self.after.flags}
        told = [f"{when} {flag}" for when, known in flags.items() for flag in known]
        return f"flagged: {'; '.join(told)}" if told else ""

    @property
    def severity(self) -> tuple[int, float]:
        """Sorts the worst first: regressions by kind, then what is open or unchanged, then what improved; by ratio."""
        kinds = (
            self.status.startswith(NOW_FAILS),
            self.worse,
            self.time == SLOWER,
            self.status.startswith(NOW_SKIPPED),
            self.time.startswith(INCOMPARABLE),
            self.time == SAME and not self.better,
            self.status == NEITHER,
        )
        kind = kinds.index(True) if any(kinds) else len(kinds)
        return kind, -self.ratio.value if self.ratio else 0.0


@dataclass(frozen=True)
class Comparison:
    """What became of every case.

    Attributes:
        changes: of the cases in both runs, the worst first.
        only_before, only_after: rows of cases that the other run does not hold.
    """

    before: Side
    after: Side
    tolerance: float
    changes: tuple[Change, ...]
    only_before: tuple[Row, ...]
    only_after: tuple[Row, ...]

    @cached_property
    def regressions(self) -> tuple[Change, ...]:
        """The changes that a reader must look at."""
        return tuple(change for change in self.changes if change.regression)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Verdict without its reason -> number of cases."""
        return Counter(verdict.partition(": ")[0] for change in self.changes for verdict in change.verdicts)

    @cached_property
    def reasons(self) -> dict[str, int]:
        """Why times do not compare -> number of cases."""
        found = (change.time for change in self.changes if change.time.startswith(INCOMPARABLE))
        return Counter(time.partition(": ")[2] for time in found)

    @cached_property
    def remarks(self) -> list[str]:
        """What to know before believing the verdicts."""
        versions = [each for each in self.changes if each.before.measurement_version != each.after.measurement_version]
        compared = [change for change in self.changes if change.ratio]
        quartiles = [change for change in compared if any(time and time.quartiles for time in change.times)]
        done = [change for change in self.changes if change.time]
        half_known = [change for change in done if _known_errors(change.before) != _known_errors(change.after)]
        found = (
            self._about_machines(),
            _of_cases(versions, "measured by another measurement_version in each run: a change may be one of method"),
            _of_cases(
                quartiles,
                "without a recorded interval of the median, as older versions left them: the quartiles of the calls "
                "serve instead, which are too narrow where there were few calls",
            ),
            _of_cases(half_known, "with an error that one run alone knows, which is not compared"),
            _of_cases(
                [change for change in done if change.after.task == "training"],
                "of trained models: of these pathway MSE and gene RMSE are compared, and neither correlations nor "
                f"times; less than {100 * TRAINED_TOLERANCE:g} % is no news",
            ),
        )
        return [remark for remark in found if remark]

    def _about_machines(self) -> str:
        apart = [change for change in self.changes if change.time == OTHER_MACHINE]
        before = {machine_name(change.before.environment_id, self.before.environments) for change in apart}
        after = {machine_name(change.after.environment_id, self.after.environments) for change in apart}
        names = f"{'; '.join(sorted(before))} before, {'; '.join(sorted(after))} after"
        return _of_cases(apart, f"measured on another machine ({names}): their times do not compare")


def compare_runs(before: Side, after: Side, *, tolerance: float = TOLERANCE) -> Comparison:
    """Match the cases of two runs by their case_id alone, and judge each.

    A time is slower (faster) if the ratio after / before is above 1 + `tolerance` (below 1 / (1 + `tolerance`)) and its
    interval excludes 1. An error is worse (better) if it grew (shrank) by more than `ERROR_TOLERANCE` and `ROUNDING`.

    Raises:
        InputError: a tolerance that is none, or no case in common.
    """
    if not 0 <= tolerance <= 1:
        raise InputError(f"--tolerance is {tolerance:g}; it must be a number from 0 to 1, such as 0.1 for 10 %")
    earlier, later = ({row.case_id: row for row in side.rows} for side in (before, after))
    common = [case_id for case_id in later if case_id in earlier]
    if not common:
        raise InputError(
            f"{before.name} and {after.name} have no case in common; compare two runs of the same scenario, with the "
            "same inputs and options"
        )
    changes = [_change(earlier[each], later[each], before, after, tolerance) for each in common]
    return Comparison(
        before,
        after,
        tolerance,
        tuple(sorted(changes, key=lambda change: change.severity)),
        tuple(row for case_id, row in earlier.items() if case_id not in later),
        tuple(row for case_id, row in later.items() if case_id not in earlier),
    )


def read_side(path: Path) -> Side:
    """What a sweep left in a directory.

    Raises:
        InputError: no rows, or rows that cannot be read.
    """
    directory = RunDirectory(path)
    return Side(str(path), tuple(directory.measured_rows()), directory.environments())


def _change(earlier: Row, later: Row, before: Side, after: Side, tolerance: float) -> Change:
    times = was, now = _times(earlier, later)
    if earlier.status != "done" or later.status != "done":
        return Change(earlier, later, times, None, "", (), _status(earlier, later))
    machines = [
        machine_name(row.environment_id, side.environments) for row, side in ((earlier, before), (later, after))
    ]
    ratio, verdict = None, OTHER_MACHINE
    if machines[0] == machines[1]:
        verdict = _why_not(earlier, later, times)
        if was and now and not verdict:
            ratio, verdict = Ratio.of(was, now), _judge_time(was, now, tolerance)
    errors = [
        ErrorChange(name, old, new, _judge_error(old, new, ROUNDING[later.case["dtype"]], _error_tolerance(later)))
        for name in ERRORS
        if (old := _number(earlier, name)) is not None and (new := _number(later, name)) is not None
    ]
    return Change(earlier, later, times, ratio, verdict, tuple(errors), "")


def _status(earlier: Row, later: Row) -> str:
    """What changed, of a case that is not done in both."""
    if later.status == "done":
        return NOW_DONE
    if earlier.status != "done":
        return NEITHER
    if later.status not in FAILURES:
        return f"{NOW_SKIPPED}: {later.reason or 'no reason was given'}"
    told = [later.status] if later.status != "failed" else []
    return f"{NOW_FAILS}: {', '.join([*told, *([later.reason] if later.reason else [])]) or 'no reason was given'}"


def _times(earlier: Row, later: Row) -> tuple[Duration | None, Duration | None]:
    """The time of the first phase that both have, else of the first that one has."""
    pairs = [(_duration(earlier, name), _duration(later, name)) for name in TIMES.get(earlier.task, ())]
    found = [pair for pair in pairs if all(pair)] or [pair for pair in pairs if any(pair)]
    return found[0] if found else (None, None)


def _duration(row: Row, name: str) -> Duration | None:
    seconds = _number(row, name)
    if seconds is None or seconds <= 0:
        return None
    for quartiles, ends in enumerate((("low", "high"), ("q1", "q3"))):
        low, high = (_number(row, f"{name}_{end}") for end in ends)
        if low is not None and high is not None and low > 0:
            return Duration(seconds, min(low, seconds), max(high, seconds), bool(quartiles))
    return Duration(seconds, 0.0, math.inf, quartiles=False)


def _number(row: Row, name: str) -> float | None:
    value = row.metrics.get(name)
    return value if value is not None and math.isfinite(value) else None


def _why_not(earlier: Row, later: Row, times: tuple[Duration | None, Duration | None]) -> str:
    """Why the times of one machine do not compare; empty if they do."""
    for name in PROCESS:
        mine, other = (_extent(row.process.get(name)) for row in (earlier, later))
        if mine is not None and other is not None and mine != other:
            return f"{INCOMPARABLE}: {name} was {mine}, now {other}"
    for when, time in zip(("before", "after"), times, strict=True):
        if time is None:
            return f"{INCOMPARABLE}: no time {when}"
        if math.isinf(time.high):
            return f"{INCOMPARABLE}: no interval {when}"
    return ""


def _extent(value: object) -> object:
    """Of a list, such as one of cores, how many they are: which ones does not matter."""
    return len(value) if isinstance(value, list | tuple) else value


def _judge_time(before: Duration, after: Duration, tolerance: float) -> str:
    if _exceeds(after.seconds, before.seconds, tolerance) and after.low > before.high:
        return SLOWER
    return FASTER if _exceeds(before.seconds, after.seconds, tolerance) and before.low > after.high else SAME


def _error_tolerance(row: Row) -> float:
    return TRAINED_TOLERANCE if row.task == "training" else ERROR_TOLERANCE


def _judge_error(before: float, after: float, rounding: float, tolerance: float) -> Judgement:
    if abs(after - before) <= rounding:
        return "same"
    if _exceeds(after, before, tolerance):
        return "worse"
    return "better" if _exceeds(before, after, tolerance) else "same"


def _exceeds(value: float, other: float, tolerance: float) -> bool:
    return value > (1 + tolerance) * other


def _known_errors(row: Row) -> set[str]:
    return {name for name in ERRORS if _number(row, name) is not None}


def _of_cases(changes: Sequence[Change], what: str) -> str:
    """``3 cases …``; empty for none."""
    return f"{len(changes):,} case{'' if len(changes) == 1 else 's'} {what}." if changes else ""
