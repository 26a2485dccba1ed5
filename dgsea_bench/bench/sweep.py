"""The only place where scenarios, engines and results meet: plan a sweep, then run it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dgsea_bench.bench.engines import run_case, run_reference
from dgsea_bench.bench.environment import describe_environment
from dgsea_bench.bench.results import Row, RunDirectory, as_frame
from dgsea_bench.bench.scenario import MEASUREMENT_VERSION, Case, Scenario, contestant, read_scenario
from dgsea_bench.data.sources import RankingSource
from dgsea_bench.scoring import describe_problem


class Observer:
    """Who watches a sweep; this one says nothing."""

    def started(self, case: Case, what: str) -> None:
        """Work on a case begins: ``"truth"`` or ``"measuring"``."""

    def finished(self, row: Row) -> None:
        """A row is on disk."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is going to do.

    Attributes:
        scenario: the scenario, with any choice of backends or files applied.
        directory: where results go.
        cases: all cases. pending: those that have no finished row there yet.
        fresh: whether what is in the directory is removed first.
        remarks: what is worth saying about the inputs: ties, sets left out.
    """

    scenario: Scenario
    directory: RunDirectory
    cases: tuple[Case, ...]
    pending: tuple[Case, ...]
    fresh: bool
    remarks: tuple[str, ...]


def plan_sweep(
    name_or_path: str | Path,
    *,
    backends: Sequence[str] = (),
    out: Path | None = None,
    fresh: bool = False,
    ranking: str | None = None,
    gene_sets: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Plan:
    """Expand a scenario and read its inputs once, writing nothing.

    Args:
        name_or_path: a built-in scenario or a TOML file.
        backends: measure these only.
        out: the directory; by default ``reports/`` and the name of the scenario, or of the ranking if one is given.
        fresh: measure everything anew.
        ranking: a .rnk in the place of that of the scenario.
        gene_sets: a .gmt to go with it.
        settings: how to read them: ``duplicates``, ``min_size``, ``max_size`` of `RankingSource`.

    Raises:
        InputError: anything that cannot be used, before any work is done.
    """
    scenario = read_scenario(name_or_path)
    if backends:
        scenario = scenario.with_backends(list(backends))
    if ranking is not None and gene_sets is not None:
        scenario = scenario.with_ranking(ranking, gene_sets, **(settings or {}))
    folder = Path(ranking).stem if ranking is not None else scenario.name
    directory = RunDirectory(out or Path("reports") / folder)
    cases = scenario.cases()
    before = [] if fresh else directory.latest_rows()
    done = {row.case_id for row in before if _is_finished(row)}
    others = {row.case_id for row in before} - {case.case_id for case in cases}
    return Plan(
        scenario=scenario,
        directory=directory,
        cases=tuple(cases),
        pending=tuple(case for case in cases if case.case_id not in done),
        fresh=fresh,
        remarks=(*_remarks(cases), *_about_others(len(others), directory)),
    )


def run_plan(plan: Plan, *, observer: Observer | None = None) -> list[Row]:
    """Measure the pending cases, each row on disk as soon as it is there; then write rows.parquet.

    Returns:
        The rows of all cases of the plan, those measured earlier included.
    """
    watcher = observer or Observer()
    directory = plan.directory
    directory.prepare(fresh=plan.fresh)
    known = {row.case_id: row for row in directory.latest_rows()}
    environment_id, environment = describe_environment()
    without_reference: dict[str, str] = {}
    for case in plan.pending:
        if not _never_runs(case) and case.reference_id not in without_reference:
            watcher.started(case, "truth")
            failure = run_reference(case, directory)
            if failure:
                without_reference[case.reference_id] = failure
        watcher.started(case, "measuring")
        outcome = run_case(case, directory)
        if case.reference_id in without_reference and outcome["status"] == "done":
            outcome["without_truth"] = without_reference[case.reference_id]
        row = Row.of_case(case, outcome, plan.scenario.name, environment_id)
        if _is_news(row, known.get(row.case_id)):
            directory.record_environment(environment_id, environment)
            directory.append(row)
        watcher.finished(row)
    directory.export()
    wanted = {case.case_id for case in plan.cases}
    return [row for row in directory.latest_rows() if row.case_id in wanted]


def run_sweep(
    name_or_path: str | Path,
    *,
    backends: Sequence[str] = (),
    out: Path | None = None,
    fresh: bool = False,
    observer: Observer | None = None,
) -> pd.DataFrame:
    """Run a scenario and return its rows, a column per field and metric (``metrics.value_error_mean``).

    Raises:
        InputError: as `plan_sweep`.
    """
    plan = plan_sweep(name_or_path, backends=backends, out=out, fresh=fresh)
    return as_frame(run_plan(plan, observer=observer))


def _never_runs(case: Case) -> bool:
    """Whether the case will be skipped, so that it needs no truth."""
    return case.skip is not None or contestant(case).unavailable(case.device) is not None


def _is_finished(row: Row) -> bool:
    return row.status == "done" and row.measurement_version == MEASUREMENT_VERSION


def _is_news(row: Row, before: Row | None) -> bool:
    """Whether a row says more than the one before: a case skipped again for the same reason does not."""
    return before is None or row.status == "done" or (row.status, row.reason) != (before.status, before.reason)


def _about_others(count: int, directory: RunDirectory) -> list[str]:
    """Say that the directory holds more than this plan."""
    text = f"{directory.path} holds {count:,} other cases; they stay in its report (--fresh removes them)"
    return [text] if count else []


def _remarks(cases: Sequence[Case]) -> list[str]:
    """A line per ranking that is read: its size, ties, and the sets that were left out."""
    sources = dict.fromkeys(case.source for case in cases if isinstance(case.source, RankingSource))
    remarks = []
    for source in sources:
        told = "; ".join(describe_problem(source.load()))
        remarks.append(f"{source.ranking} × {source.gene_sets}: {told}")
    return remarks
