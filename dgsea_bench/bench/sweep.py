"""The only place where scenarios, engines and results meet: plan a sweep, then run it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dgsea_bench.bench.engines import run_case, run_reference
from dgsea_bench.bench.environment import describe_environment
from dgsea_bench.bench.results import MEASUREMENT_VERSION, Row, RunDirectory
from dgsea_bench.bench.scenario import Case, Scenario, read_scenario
from dgsea_bench.data.sources import RankingSource


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
    duplicates: str = "error",
) -> Plan:
    """Expand a scenario and read its inputs once, writing nothing.

    Args:
        name_or_path: a built-in scenario or a TOML file.
        backends: measure these only.
        out: the directory; ``reports/<scenario>`` by default.
        fresh: measure everything anew.
        ranking: a .rnk in the place of that of the scenario.
        gene_sets: a .gmt to go with it.
        duplicates: what to do with genes that the .rnk lists twice (see `read_ranking`).

    Raises:
        InputError: anything that cannot be used, before any work is done.
    """
    scenario = read_scenario(name_or_path)
    if backends:
        scenario = scenario.with_backends(list(backends))
    if ranking is not None and gene_sets is not None:
        scenario = scenario.with_ranking(ranking, gene_sets, duplicates)
    directory = RunDirectory(out or Path("reports") / scenario.name)
    cases = scenario.cases()
    done = set() if fresh else {row.case_id for row in directory.rows() if _is_finished(row)}
    return Plan(
        scenario=scenario,
        directory=directory,
        cases=tuple(cases),
        pending=tuple(case for case in cases if case.case_id not in done),
        fresh=fresh,
        remarks=tuple(_remarks(cases)),
    )


def run_plan(plan: Plan, *, observer: Observer | None = None) -> list[Row]:
    """Measure the pending cases, each row on disk as soon as it is there; then write rows.parquet.

    Returns:
        The rows of all cases of the plan, those measured earlier included.
    """
    watcher = observer or Observer()
    plan.directory.prepare(fresh=plan.fresh)
    environment_id, environment = describe_environment()
    plan.directory.record_environment(environment_id, environment)
    for case in plan.pending:
        failure = None
        if not case.skip:
            watcher.started(case, "truth")
            failure = run_reference(case, plan.directory)
        watcher.started(case, "measuring")
        if failure:
            row = Row.of_case(case, {"status": "failed", "reason": failure}, plan.scenario.name, environment_id)
        else:
            row = run_case(case, plan.directory, plan.scenario.name, environment_id)
        plan.directory.append(row)
        watcher.finished(row)
    plan.directory.export()
    wanted = {case.case_id for case in plan.cases}
    return [row for row in plan.directory.latest_rows() if row.case_id in wanted]


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
    rows = run_plan(plan, observer=observer)
    return pd.json_normalize([row.model_dump(mode="json") for row in rows])


def _is_finished(row: Row) -> bool:
    return row.status == "done" and row.measurement_version == MEASUREMENT_VERSION


def _remarks(cases: Sequence[Case]) -> list[str]:
    """A line per ranking that is read: its size, ties, and the sets that were left out."""
    sources = dict.fromkeys(case.source for case in cases if isinstance(case.source, RankingSource))
    remarks = []
    for source in sources:
        problem = source.load()
        dropped = problem.gene_sets.dropped_by_reason
        counts = "".join(f"; {count:,} left out: {reason}" for reason, count in dropped.items())
        remarks.append(
            f"{source.ranking}: {problem.scores.shape[1]:,} genes, {problem.tied_share:.1%} of them tied; "
            f"{source.gene_sets}: {len(problem.gene_sets):,} gene sets used{counts}"
        )
    return remarks
