"""The only place where scenarios, engines and results meet: plan a sweep, then run it."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from dgsea_bench.backends import Exact, Fastsum
from dgsea_bench.bench.case import MEASUREMENT_VERSION, Case, contestant
from dgsea_bench.bench.engines import Engine, LocalEngine
from dgsea_bench.bench.environment import command_line, describe_environment
from dgsea_bench.bench.foils import NoPathwayLoss
from dgsea_bench.bench.lines import Lines
from dgsea_bench.bench.remarks import about_directory, about_inputs
from dgsea_bench.bench.results import Row, RunDirectory, as_frame
from dgsea_bench.bench.scenario import Scenario
from dgsea_bench.bench.scenario_files import read_scenario
from dgsea_bench.bench.selection import select
from dgsea_bench.bench.spec import FAILURES, Isolation, Outcome, Purpose, Spec
from dgsea_bench.bench.worker import TRUTH
from dgsea_bench.core.errors import InputError

PATIENCE = 5.0
"""Seconds without a result, after which the engine is asked whether anything goes on."""
NO_TRUTH = "the truth could not be computed"
NO_MODEL = "no model could be trained on genes alone, with which all others are compared"
Timing = Literal["alone", "together", "none"]
"""Cases that are timed have their machine for themselves; or run beside others; or nothing is timed."""


class Observer:
    """Who watches a sweep; this one says nothing."""

    def started(self, case: Case, what: str) -> None:
        """Work on a case begins: ``"truth"`` or ``"measuring"``."""

    def finished(self, row: Row) -> None:
        """A row is on disk."""

    def stalled(self, why: str) -> None:
        """Nothing goes on, and why; said again as long as it is so."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is going to do.

    Attributes:
        scenario: the scenario, with any choice of backends, axes or files applied.
        directory: where results go.
        cases: all cases. pending: those that have no finished row there yet.
        fresh: whether what is in the directory is removed first.
        remarks: what is worth saying about the inputs: ties, sets left out.
        timing, isolation: how cases are measured. retry: whether what failed is measured again.
    """

    scenario: Scenario
    directory: RunDirectory
    cases: tuple[Case, ...]
    pending: tuple[Case, ...]
    fresh: bool
    remarks: tuple[str, ...]
    timing: Timing = "alone"
    isolation: Isolation = "process"
    retry: bool = False

    def is_finished(self, case: Case, row: Row | None) -> bool:
        """Whether a row says all that is wanted of a case. What was skipped is looked at again, which costs nothing."""
        if row is None or row.measurement_version != MEASUREMENT_VERSION:
            return False
        if row.status in FAILURES:
            return not self.retry and not _may_take_more(case, row)
        if row.status != "done" or (self.retry and (row.without_truth or "").startswith(NO_TRUTH)):
            return False
        timed_as_wanted = self.timing != "alone" or row.process.get("timing") == "alone"
        isolated = self.isolation == "none" or row.process.get("isolation") != "none"
        return isolated and (not case.measure.timed or (timed_as_wanted and bool(row.case["measure"]["timed"])))


def plan_sweep(
    name_or_path: str | Path,
    *,
    backends: Sequence[str] = (),
    axes: Mapping[str, Sequence[Any]] | None = None,
    where: str | None = None,
    out: Path | None = None,
    fresh: bool = False,
    retry: bool = False,
    ranking: str | None = None,
    gene_sets: str | None = None,
    settings: Mapping[str, Any] | None = None,
    limits: Mapping[str, float] | None = None,
    timing: Timing = "alone",
    isolation: Isolation = "process",
) -> Plan:
    """Expand a scenario and read its inputs once, writing nothing.

    Args:
        name_or_path: a built-in scenario or a TOML file.
        backends: measure these only, such as ``nyswin[anchors=128]``.
        axes: values in the place of the scenario's, such as ``{"genes": [512, 1024]}``.
        where: measure these cases only, such as ``backend=fastsum genes=978``.
        out: the directory; by default ``reports/`` and the name of the scenario, or of the ranking if one is given.
        fresh: measure everything anew.
        retry: measure again what failed.
        ranking: a .rnk in the place of that of the scenario.
        gene_sets: a .gmt to go with it.
        settings: how to read them: ``duplicates``, ``min_size``, ``max_size`` of `RankingSource`.
        limits: ``time_limit``, ``memory_limit`` of `MeasureSettings`, in the place of the scenario's.
        timing: of timed cases.
        isolation: ``"none"`` measures in this process, for a debugger.

    Raises:
        InputError: anything that cannot be used, before any work is done.
    """
    for name, value, known in (("timing", timing, Timing), ("isolation", isolation, Isolation)):
        if value not in get_args(known):
            raise InputError(f"{name} is {value!r}; known: {', '.join(get_args(known))}")
    scenario = _changed(read_scenario(name_or_path), backends, axes, limits, timing)
    if ranking is not None and gene_sets is not None:
        scenario = scenario.with_ranking(ranking, gene_sets, **(settings or {}))
    if out == Path():
        raise InputError("--out is empty, which would be the working directory; name a folder for the results")
    folder = Path(ranking).stem if ranking is not None else scenario.name
    directory = RunDirectory(out or Path("reports") / folder)
    cases = scenario.cases() if where is None else select(scenario.cases(), where)
    plan = Plan(scenario, directory, tuple(cases), (), fresh, (), timing, isolation, retry)
    before = {} if fresh else {row.case_id: row for row in directory.latest_rows()}
    pending = tuple(case for case in cases if not plan.is_finished(case, before.get(case.case_id)))
    waiting = {case.case_id for case in pending}
    kept = [before[case.case_id] for case in cases if case.case_id not in waiting]
    others = before.keys() - {case.case_id for case in cases}
    remarks = (*about_inputs(cases), *about_directory(directory, kept, len(others), fresh=fresh))
    return replace(plan, pending=pending, remarks=remarks)


def _changed(
    scenario: Scenario,
    backends: Sequence[str],
    axes: Mapping[str, Sequence[Any]] | None,
    limits: Mapping[str, float] | None,
    timing: Timing,
) -> Scenario:
    """The scenario as the user wants it this time."""
    if axes:
        scenario = scenario.with_axes(axes)
    if backends:
        scenario = scenario.with_backends(list(backends))
    untimed = {"timed": False} if timing == "none" else {}
    return scenario.with_settings({**(limits or {}), **untimed})


def run_plan(plan: Plan, *, engine: Engine | None = None, observer: Observer | None = None) -> list[Row]:
    """Measure the pending cases, each row on disk as soon as it is there; then write rows.parquet.

    Args:
        plan: what to do.
        engine: where cases run, which stays open; None: on this machine, one after the other.
        observer: who is told.

    Returns:
        The rows of all cases of the plan, those measured earlier included.

    Raises:
        InputError: the directory cannot be written, or is another sweep's; or the engine is gone.
    """
    directory = plan.directory
    with directory.open_for_writing(fresh=plan.fresh):
        try:
            with nullcontext(engine) if engine else LocalEngine() as running:
                _Progress(plan, running, observer or Observer()).run()
        except BaseException:
            with suppress(InputError):  # what ended the sweep is what to tell
                directory.export()
            raise
        directory.export()
    measured = {row.case_id: row for row in directory.latest_rows()}
    return [measured[case.case_id] for case in plan.cases]


class _Progress:
    """A plan under way: what waits, what runs, what is known of truths."""

    def __init__(self, plan: Plan, engine: Engine, observer: Observer) -> None:
        self.plan, self.engine, self.observer = plan, engine, observer
        self.directory = plan.directory
        self.known = {row.case_id: row for row in self.directory.latest_rows()}
        # Another sweep may have finished in this directory since the plan was made.
        self.waiting = {
            case.case_id: case for case in plan.pending if not plan.is_finished(case, self.known.get(case.case_id))
        }
        self.running: dict[Future[Outcome], Spec] = {}
        self.without_truth: dict[str, Outcome] = {}
        self.lines = Lines(plan.cases)
        self.truths = {case.case_id: _case_of_truth(case) for case in plan.pending}
        self.lines_of_truths = Lines(list({case.case_id: case for case in self.truths.values()}.values()))
        for row in self.known.values():
            if row.case_id not in self.waiting:
                self.lines.record(row.case_id, row.status)

    def run(self) -> None:
        """Until nothing waits and nothing runs."""
        while self.waiting or self.running:
            self._fill()
            if self.running:
                done, _ = wait(self.running, timeout=PATIENCE, return_when=FIRST_COMPLETED)
                if not done and (trouble := self.engine.trouble()):
                    self.observer.stalled(trouble)
                self._take_all(done)

    def _fill(self) -> None:
        """Give the engine as much as it can work on; what needs no work has its row at once."""
        slots = self.engine.slots
        for case in list(self.waiting.values()):
            if len(self.running) >= slots:
                return
            busy = {spec.case.case_id for spec in self.running.values() if spec.task == "case"}
            if not self.lines.smaller(case).isdisjoint(self.waiting.keys() | busy):
                continue  # whether it is worth trying depends on them
            reason = self._reason_to_skip(case)
            if reason:
                del self.waiting[case.case_id]
                environment_id, environment = describe_environment()
                self._finish(case, Outcome("skipped", reason, {}, {}, environment_id, environment))
            else:
                self._start(case)

    def _reason_to_skip(self, case: Case) -> str | None:
        here = contestant(case).unavailable(case.device) if self.engine.is_here else None
        return case.skip or here or self.lines.reason_to_skip(case)

    def _start(self, case: Case) -> None:
        """Work on a case, or on its truth if that is not there yet."""
        reference = self.directory.reference(case)
        hopeless = None if reference.is_file() else self.lines_of_truths.reason_to_skip(self.truths[case.case_id])
        if hopeless:
            self._give_up_truth(case, Outcome("skipped", hopeless, {}, {}, *describe_environment()))
        if case.training and case.reference_id in self.without_truth:
            del self.waiting[case.case_id]
            self._finish(case, self.without_truth[case.reference_id])
        elif case.reference_id in self.without_truth or reference.is_file():
            del self.waiting[case.case_id]
            truth = reference.read_bytes() if reference.is_file() else None
            self._submit("case", case, truth)
        elif not any(spec.task == "reference" and _same_truth(spec.case, case) for spec in self.running.values()):
            self._submit("reference", case, None)

    def _submit(self, task: Purpose, case: Case, truth: bytes | None) -> None:
        alone = self.plan.timing == "alone"
        share = 1 if alone and task == "case" and case.measure.timed else self.engine.share
        spec = Spec(
            task=task,
            case=case,
            inputs=case.inputs,
            isolation=self.plan.isolation,
            alone=alone,
            share=share,
            truth=truth,
        )
        self.observer.started(case, "truth" if task == "reference" else "measuring")
        self.running[self.engine.submit(spec)] = spec

    def _take_all(self, done: Iterable[Future[Outcome]]) -> None:
        """What is there is saved before anything that went wrong with the engine ends the sweep."""
        broken: InputError | None = None
        for future in done:
            spec = self.running.pop(future)
            try:
                self._take(spec, future.result())
            except InputError as error:
                broken = error
        if broken:
            raise broken

    def _take(self, spec: Spec, outcome: Outcome) -> None:
        case = spec.case
        if spec.task == "case":
            self._finish(case, outcome)
            return
        self.lines_of_truths.record(self.truths[case.case_id].case_id, outcome.status)
        if outcome.status == "done":
            self.directory.save_reference(case, outcome.files[TRUTH])
        else:
            self._give_up_truth(case, outcome)

    def _give_up_truth(self, case: Case, outcome: Outcome) -> None:
        """What became of a truth that others wait for; cases of training have nothing to begin with without it."""
        told = replace(outcome, reason=f"{NO_MODEL if case.training else NO_TRUTH}: {outcome.reason}")
        self.without_truth.setdefault(case.reference_id, told)

    def _finish(self, case: Case, outcome: Outcome) -> None:
        """A row for a case, on disk unless it says what the last one said."""
        if case.reference_id in self.without_truth and outcome.status == "done":
            why = self.without_truth[case.reference_id].reason
            flags = [*outcome.fields.get("flags", []), f"errors are unknown: {why}"]
            outcome = replace(outcome, fields={**outcome.fields, "without_truth": why, "flags": flags})
        row = Row.of_case(case, outcome, self.plan.scenario.name)
        if _is_news(row, self.known.get(row.case_id)):
            environment = {**outcome.environment, "commands": [command_line()]}
            self.directory.save_row(row, outcome.files, environment)
        self.lines.record(row.case_id, row.status)
        self.observer.finished(row)


def _case_of_truth(case: Case) -> Case:
    """A case that stands for a truth: the lines of these, whose cost is another one, are lines of their own."""
    content = case.model_dump(mode="json")
    if case.training is not None:
        training = {**content["training"], "arm": "gene-mse"}
        return Case.model_validate({**content, "training": training, "backend": NoPathwayLoss.name, "options": {}})
    soft = case.task == "significance" and case.needs_soft_truth
    method = {"backend": Fastsum.name if soft else Exact.name, "options": {}}
    return Case.model_validate({**content, **method})


def _same_truth(one: Case, other: Case) -> bool:
    return one.reference_id == other.reference_id


def run_sweep(
    name_or_path: str | Path,
    *,
    engine: Engine | None = None,
    observer: Observer | None = None,
    **choices: Any,
) -> pd.DataFrame:
    """Run a scenario and return its rows, a column per field and metric (``metrics.value_error_mean``).

    Args:
        name_or_path: a built-in scenario or a TOML file.
        engine: where cases run; None: on this machine, one after the other.
        observer: who is told.
        choices: as those of `plan_sweep`, such as ``out`` and ``backends``.

    Raises:
        InputError: as `plan_sweep` and `run_plan`.
    """
    plan = plan_sweep(name_or_path, **choices)
    return as_frame(run_plan(plan, engine=engine, observer=observer))


def _may_take_more(case: Case, row: Row) -> bool:
    """Whether what ran out is allowed more of it this time."""
    if row.status == "out of time":
        return case.measure.time_limit > float(row.case["measure"]["time_limit"])
    if row.status == "out of memory":
        return (case.measure.memory_limit or 0.0) > (row.process.get("memory_limit_gib") or 0.0)
    return False


def _is_news(row: Row, before: Row | None) -> bool:
    """Whether a row says more than the one before: a case skipped again for the same reason does not."""
    if before is None or row.status != "skipped":
        return True
    said = (before.status, before.reason, before.measurement_version)
    return (row.status, row.reason, row.measurement_version) != said
