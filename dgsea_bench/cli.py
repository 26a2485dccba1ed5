"""The command line: sweep, report, check, backends, scenarios."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import torch
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

from dgsea_bench.backends import backends as known_backends
from dgsea_bench.backends import get_backend
from dgsea_bench.bench import promises
from dgsea_bench.bench.results import Row
from dgsea_bench.bench.scenario import Case, built_in_scenarios, read_scenario
from dgsea_bench.bench.sweep import Observer, Plan, plan_sweep, run_plan
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.data.formats import Duplicates
from dgsea_bench.report import render_report, wording
from dgsea_bench.testing import ContractError, check_backend, measured_tolerance

app = typer.Typer(
    help="Measure ways of computing differentiable gene set enrichment (dGSEA), and read which one to use.",
    epilog="Start with: python -m dgsea_bench sweep",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out, err = Console(), Console(stderr=True)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 something failed, 2 bad usage or input."""
    try:
        app()
    except InputError as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


@app.command()
def sweep(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Names of built-in scenarios or .toml files. [default: default]")
    ] = None,
    backends: Annotated[str, typer.Option(help="Measure these only, such as exact,nyswin.")] = "",
    output: Annotated[Path | None, typer.Option("--out", help="Directory of results. [default: reports/NAME]")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cases and write nothing.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure anew what an earlier sweep measured.")] = False,
    ranking: Annotated[
        str | None, typer.Option(help="A ranking (.rnk) of yours, in the place of the scenario's.")
    ] = None,
    gene_sets: Annotated[str | None, typer.Option(help="Gene sets (.gmt) of yours, to go with --ranking.")] = None,
    duplicates: Annotated[
        str | None,
        typer.Option(help="With --ranking, for genes listed twice: error, max-abs or mean. [default: error]"),
    ] = None,
    min_size: Annotated[int | None, typer.Option(help="With --ranking: smallest gene set. [default: 15]")] = None,
    max_size: Annotated[int | None, typer.Option(help="With --ranking: largest gene set. [default: 500]")] = None,
) -> None:
    """Measure scenarios and write a report.

    Every case runs in a process of its own; its row is on disk when it ends. The same command again goes on where the
    last one stopped. Results: rows.jsonl, rows.parquet, details/, references/, environment.json and index.html, the
    report, which opens in any browser.

    For example, only one backend:  python -m dgsea_bench sweep scaling --backends exact

    On your own ranking:  python -m dgsea_bench sweep real-ranking --ranking mine.rnk --gene-sets mine.gmt
    """
    given = {"duplicates": duplicates, "min_size": min_size, "max_size": max_size}
    settings = {key: value for key, value in given.items() if value is not None}
    _check_files(ranking, gene_sets, settings)
    names = list(dict.fromkeys(scenarios or ["default"]))
    chosen = [name.strip() for name in backends.split(",")] if backends else []
    plans = []
    for name in names:
        directory = output / read_scenario(name).name if output and len(names) > 1 else output
        plans.append(
            plan_sweep(
                name,
                backends=chosen,
                out=directory,
                fresh=fresh,
                ranking=ranking,
                gene_sets=gene_sets,
                settings=settings,
            )
        )
    failed = False
    for plan in plans:
        _show_plan(plan, list_cases=dry_run)
        if not dry_run:
            failed |= _run(plan)
    if failed:
        raise typer.Exit(1)


def _check_files(ranking: str | None, gene_sets: str | None, settings: dict[str, Any]) -> None:
    """Refuse options about files of the user's that do not go together."""
    if (ranking is None) != (gene_sets is None):
        absent = "ranking" if ranking is None else "gene-sets"
        raise InputError(f"--ranking and --gene-sets go together; --{absent} is missing")
    if settings.get("duplicates", "error") not in get_args(Duplicates):
        raise InputError(f"--duplicates is {settings['duplicates']!r}; known: {', '.join(get_args(Duplicates))}")
    if settings and ranking is None:
        option = next(iter(settings)).replace("_", "-")
        raise InputError(f"--{option} goes with --ranking; a scenario file says it itself")


@app.command()
def report(directory: Annotated[Path, typer.Argument(help="Directory of a sweep, such as reports/default.")]) -> None:
    """Render the report of a sweep again, from its rows alone."""
    _say(f"report: {render_report(directory)}")


@app.command()
def check() -> None:
    """Self-test, under a minute: each backend's contract, and what the paper's release promises.

    A broken contract of a backend is a failure (exit code 1). A promise of others that does not hold is a finding.
    """
    table = Table("backend", "contract", "value error", "promised", "gradient error", "promised")
    broken = []
    for name in known_backends():
        with _waiting(f"checking {name}"):
            try:
                count = len(check_backend(name))
                table.add_row(name, f"holds ({count} checks)", *_promised_and_measured(name))
            except ContractError as failure:
                table.add_row(name, "[red]broken[/red], see below")
                broken.append(str(failure))
            except InputError as error:
                table.add_row(name, f"not checked: {escape(str(error))}")
    _say("Does each backend do what it declares?")
    out.print(table)
    with _waiting("measuring what the release of the paper promises"):
        measured = promises.nyswin_error()
    table = Table("genes", "promised", "measured", "holds")
    for promise in measured:
        table.add_row(
            f"{promise.genes:,}",
            f"< {promises.PROMISED_ERROR:.2%}",
            f"{promise.measured:.3%}",
            "yes" if promise.holds else "no",
        )
    _say(f"Does nyswin's mean relative error hold? (planted set of 30, 512 anchors, {promises.SEEDS} seeds)")
    out.print(table)
    for message in broken:
        err.print(message, markup=False, highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


def _promised_and_measured(name: str) -> list[str]:
    """Value error measured and promised, gradient error measured and promised, in float64."""
    measured, promised = measured_tolerance(name), get_backend(name).tolerance(torch.float64)
    cells = [f"{measured.value:.1e}", f"{promised.value:.1e}", f"{measured.gradient:.1e}", f"{promised.gradient:.1e}"]
    return cells if known_backends()[name].differentiable else [*cells[:2], "no gradient", ""]


@app.command()
def backends(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table for a README.")] = False,
) -> None:
    """List the ways of computing enrichment scores."""
    header = ["name", "target", "gradient", "cost", "what it is", "source"]
    rows = [
        [name, kind.target, "yes" if kind.differentiable else "no", kind.cost, kind.summary, kind.source]
        for name, kind in known_backends().items()
    ]
    if markdown:
        marked = [[f"`{name}`", *rest] for name, *rest in rows]
        for line in (header, ["---"] * len(header), *marked):
            _say(f"| {' | '.join(line)} |")
        return
    table = Table(*header[:-1], Column(header[-1], overflow="fold"))
    for row in rows:
        table.add_row(*map(escape, row))
    out.print(table)


@app.command("scenarios")
def list_scenarios() -> None:
    """List the built-in scenarios."""
    table = Table("name", "cases", "what it measures")
    missing = []
    for name in built_in_scenarios():
        scenario = read_scenario(name)
        try:
            count = str(len(scenario.cases()))
        except InputError as error:
            count = "?"
            missing.append(f"{name}: {error}")
        table.add_row(name, count, escape(scenario.summary))
    out.print(table)
    for line in missing:
        _say(line)


def _show_plan(plan: Plan, *, list_cases: bool) -> None:
    finished = len(plan.cases) - len(plan.pending)
    _say(f"{plan.scenario.name}: {plan.scenario.summary}")
    for remark in plan.remarks:
        _say(f"  {remark}")
    already = f", {finished} of them measured before (--fresh measures anew)" if finished else ""
    _say(f"  {len(plan.cases)} cases{already}; results in {plan.directory.path}")
    if list_cases:
        table = Table("case", "backend", "problem", "threads", "")
        for case in plan.cases:
            state = case.skip or ("" if case in plan.pending else "measured before")
            table.add_row(case.case_id, escape(case.label), escape(describe(case)), str(case.threads), escape(state))
        out.print(table)


def _run(plan: Plan) -> bool:
    """Run a plan with progress and print the summary; whether a case failed."""
    try:
        with _Watcher(plan) as watcher:
            rows = run_plan(plan, observer=watcher)
    except KeyboardInterrupt:
        text = f"stopped; what is measured is in {plan.directory.path}, and the same command goes on from there"
        err.print(text, markup=False, soft_wrap=True)
        raise typer.Exit(130) from None
    except OSError as error:
        text = f"{error.filename or plan.directory.path}: cannot write there: {error.strerror}"
        raise InputError(f"{text}; what was measured before is kept") from None
    out.print(_summary(rows))
    failed = [row for row in rows if row.status == "failed"]
    for row in failed:
        _say(f"failed: {row.label} on {describe(Case.model_validate(row.case))}: {row.reason}")
    with _waiting("drawing the report"):
        page = render_report(plan.directory.path)
    _say(f"report: {page}")
    return bool(failed)


class _Watcher(Observer):
    """Progress of a sweep: a bar in a terminal, plain lines elsewhere."""

    def __init__(self, plan: Plan) -> None:
        self.total = len(plan.pending)
        self.count = 0
        self.bar: Progress | None = None
        if out.is_terminal and not out.is_dumb_terminal:
            what = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
            columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), what)
            self.bar = Progress(*columns, console=out, transient=True, expand=True)
            self.task = self.bar.add_task("", total=self.total)

    def __enter__(self) -> "_Watcher":
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def started(self, case: Case, what: str) -> None:
        """Say what is being worked on."""
        if self.bar:
            doing = "truth of" if what == "truth" else case.label + " on"
            self.bar.update(self.task, description=escape(f"{doing} {describe(case)}"))

    def finished(self, row: Row) -> None:
        """Count a row."""
        self.count += 1
        if self.bar:
            self.bar.advance(self.task)
        else:
            tail = f": {row.reason}" if row.reason else ""
            problem = describe(Case.model_validate(row.case))
            _say(f"[{self.count}/{self.total}] {row.label} on {problem}: {row.status}{tail}")


def describe(case: Case) -> str:
    """A problem in a few words: ``planted, 978 genes, 50 sets``."""
    return ", ".join(_parts(case))


def _parts(case: Case) -> list[str]:
    """What was measured on, then whatever is not as by default."""
    source = case.source
    if source.kind == "ranking":
        parts = [f"{source.ranking} × {source.gene_sets}"]
        usual = {"kind", "ranking", "gene_sets"}
    else:
        parts = [source.generator, f"{source.genes:,} genes", f"{source.sets} sets of {source.set_size}"]
        usual = {"kind", "generator", "genes", "sets", "set_size"}
    changed = source.model_dump(exclude_defaults=True, exclude=usual) | case.model_dump(
        exclude_defaults=True, include={"dtype", "device", "threads"}
    )
    default = EnrichmentParams()
    changed |= {key: value for key, value in asdict(case.params).items() if value != getattr(default, key)}
    return [*parts, *(f"{key} {value}" for key, value in changed.items())]


def _summary(rows: list[Row]) -> Table:
    problems = [_parts(Case.model_validate(row.case)) for row in rows]
    common = [part for part in problems[0] if all(part in other for other in problems)]
    names = [", ".join(part for part in problem if part not in common) for problem in problems]
    several = any(names)
    table = Table(
        *(["problem"] if several else []),
        Column("backend", overflow="fold"),
        *("status", "error", "gradient error", "time", "memory"),
        title=escape(", ".join(common)),
        title_justify="left",
        caption="error: mean relative, of the score. time: forward and backward pass; of hard, forward only.",
        caption_justify="left",
    )
    for row, name in zip(rows, names):
        metrics = row.metrics
        table.add_row(
            *([escape(name)] if several else []),
            escape(row.label),
            row.status,
            _known(wording.error, metrics.get("value_error_mean")),
            _known(wording.error, metrics.get("gradient_error")),
            _known(wording.seconds, metrics.get("step_seconds", metrics.get("forward_seconds"))),
            _known(wording.mebibytes, metrics.get("step_peak_mib", metrics.get("forward_peak_mib"))),
        )
    return table


def _known(form: Callable[[float], str], value: float | None) -> str:
    return "" if value is None else form(value)


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """A spinner in a terminal, a line elsewhere."""
    if out.is_terminal and not out.is_dumb_terminal:
        with out.status(what):
            yield
    else:
        _say(f"{what} …")
        yield
