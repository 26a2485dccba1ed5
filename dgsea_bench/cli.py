"""The command line: sweep, score, report, compare, check, backends, scenarios; the others have files of their own."""

import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args

import torch
import typer
from rich.markup import escape
from rich.table import Column, Table

from dgsea_bench import scoring
from dgsea_bench.backends import backends as known_backends
from dgsea_bench.backends import get_backend
from dgsea_bench.bench.compare import TOLERANCE
from dgsea_bench.bench.scenario_files import built_in_scenarios, read_scenario
from dgsea_bench.bench.selection import parse_settings, split_backends
from dgsea_bench.bench.sweep import plan_sweep
from dgsea_bench.cli_data import data_app
from dgsea_bench.cli_history import history
from dgsea_bench.cli_train import train
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.formats import Duplicates
from dgsea_bench.data.sources import read_problem
from dgsea_bench.report import render_index, render_report
from dgsea_bench.show_check import show_contracts, show_promises
from dgsea_bench.show_compare import compare_and_show
from dgsea_bench.show_scores import ScoreWatcher, show_scores
from dgsea_bench.show_sweep import run_plans
from dgsea_bench.terminal import err, out, say

app = typer.Typer(
    help="Measure ways of computing differentiable gene set enrichment (dGSEA), and read which one to use.",
    epilog="Start with: python -m dgsea_bench sweep",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data", help="List, fetch and verify named public files: rankings, gene sets, L1000.")


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 something failed, 2 bad usage or input."""
    warnings.showwarning = _as_a_note
    try:
        app()
    except InputError as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


def _as_a_note(message: Warning | str, *_: object, **__: object) -> None:
    err.print(f"note: {message}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def sweep(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Names of built-in scenarios or .toml files. [default: default]")
    ] = None,
    backends: Annotated[
        str | None, typer.Option(help="Measure these only, such as 'exact,nyswin[anchors=128]'.")
    ] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Other values of an axis, such as genes=512,1024. Repeatable."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Only some cases: 'backend=fastsum genes=400,978' (spaces: and; commas: or)."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cases and write nothing.")] = False,
    ranking: Annotated[
        str | None, typer.Option(help="A ranking (.rnk) of yours, in the place of the scenario's.")
    ] = None,
    gene_sets: Annotated[str | None, typer.Option(help="Gene sets (.gmt) of yours, to go with --ranking.")] = None,
    duplicates: Annotated[
        str | None,
        typer.Option(help="For genes listed twice: error, max-abs or mean. [default: error]"),
    ] = None,
    min_size: Annotated[int | None, typer.Option(help="Smallest gene set of yours. [default: 15]")] = None,
    max_size: Annotated[int | None, typer.Option(help="Largest gene set of yours. [default: 500]")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", help="Directory of results. [default: reports/NAME]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh", help="Go on where the last sweep stopped, or remove its results and measure anew."
        ),
    ] = True,
    retry: Annotated[str | None, typer.Option(help="'failed': measure again what failed or ran out.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for one case. [default: 900]")] = None,
    memory_limit: Annotated[
        float | None,
        typer.Option(help="GiB for the process of one case, from 0.5. [default: 0.9 of what is free]"),
    ] = None,
    timing: Annotated[
        str,
        typer.Option(
            help="alone: timed cases have their machine for themselves; together: they run beside others; none."
        ),
    ] = "alone",
    isolation: Annotated[
        str, typer.Option(help="process: a fresh one for each case; none: this one, without limits, for a debugger.")
    ] = "process",
    engine: Annotated[str, typer.Option(help="local, or dask.")] = "local",
    jobs: Annotated[
        int, typer.Option(help="Cases at a time; timed ones stay one at a time unless --timing together.")
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Of a Dask cluster: tcp://HOST:PORT. [default: --jobs workers on this machine]"),
    ] = None,
) -> None:
    """Measure scenarios and write a report.

    Every case runs in a process of its own, with limits; its row is on disk when it ends. The same command again goes
    on where the last one stopped. Results: rows.jsonl, rows.parquet, details/, references/, environment.json and
    index.html, the report, which opens in any browser.

    For example, a few cases only:  python -m dgsea_bench sweep scaling --backends exact --set genes=512,1024

    On your own ranking:  python -m dgsea_bench sweep real-ranking --ranking mine.rnk --gene-sets mine.gmt

    On a cluster:  python -m dgsea_bench sweep scaling --engine dask --scheduler tcp://10.0.0.1:8786
    """
    given = {"duplicates": duplicates, "min_size": min_size, "max_size": max_size}
    settings = _those_given(given)
    _check_files(ranking, gene_sets, settings)
    if retry not in (None, "failed"):
        raise InputError(f"--retry is {retry!r}; the one thing that can be measured again is 'failed'")
    if backends is not None and not split_backends(backends):
        raise InputError("--backends names none; give some, such as --backends 'exact,nyswin[anchors=128]'")
    names = list(dict.fromkeys(scenarios or ["default"]))
    plans = []
    for name in names:
        directory = output / read_scenario(name).name if output and len(names) > 1 else output
        plans.append(
            plan_sweep(
                name,
                backends=split_backends(backends or ""),
                axes=parse_settings(axes or []),
                where=None if where is None else " ".join(where),
                out=directory,
                fresh=not resume,
                retry=retry is not None,
                ranking=ranking,
                gene_sets=gene_sets,
                settings=settings,
                limits=_those_given({"time_limit": time_limit, "memory_limit": memory_limit}),
                timing=timing,  # type: ignore[arg-type]
                isolation=isolation,  # type: ignore[arg-type]
            )
        )
    if not run_plans(plans, engine=engine, jobs=jobs, scheduler=scheduler, dry_run=dry_run):
        raise typer.Exit(1)


def _those_given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _check_files(ranking: str | None, gene_sets: str | None, settings: dict[str, Any]) -> None:
    """Refuse options about files of the user's that do not go together."""
    if (ranking is None) != (gene_sets is None):
        absent = "ranking" if ranking is None else "gene-sets"
        raise InputError(f"--ranking and --gene-sets go together; --{absent} is missing")
    _check_duplicates(settings.get("duplicates", "error"))
    if settings and ranking is None:
        option = next(iter(settings)).replace("_", "-")
        raise InputError(f"--{option} goes with --ranking; a scenario file says it itself")


def _check_duplicates(way: str) -> None:
    if way not in get_args(Duplicates):
        raise InputError(f"--duplicates is {way!r}; known: {', '.join(get_args(Duplicates))}")


@app.command()
def score(
    ranking: Annotated[
        str, typer.Argument(metavar="RANKING", help="Scores of genes (.rnk): gene, tab, score; in any order.")
    ],
    gene_sets: Annotated[str, typer.Argument(metavar="GMT", help="Gene sets (.gmt).")],
    backend: Annotated[
        str, typer.Option(help=f"Such as hard,nyswin. [default: {','.join(scoring.DEFAULT_BACKENDS)}]")
    ] = "",
    permutations: Annotated[int, typer.Option(help="Of the genes, for the null distribution.")] = 1000,
    output: Annotated[
        Path | None, typer.Option("--out", help="Write the whole table: .tsv, or .csv with commas.")
    ] = None,
    min_size: Annotated[int, typer.Option(help="Smallest gene set, of the genes in the ranking.")] = 15,
    max_size: Annotated[int, typer.Option(help="Largest gene set.")] = 500,
    duplicates: Annotated[str, typer.Option(help="For genes listed twice: error, max-abs or mean.")] = "error",
    seed: Annotated[int, typer.Option(help="Of the permutations.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor cores to use. [default: as torch does]")] = None,
    exponent: Annotated[float, typer.Option(help="Weight of the scores; 0 is the unweighted GSEA.")] = 1.0,
    preset: Annotated[str, typer.Option(help="Temperatures of dGSEA: recommended or training.")] = "recommended",
    sharing: Annotated[str, typer.Option(help="A null distribution for each set, or for each size.")] = "set",
    p_value: Annotated[str, typer.Option(help="Definition: fgsea, gsea or released.")] = "fgsea",
    fdr: Annotated[str, typer.Option(help="benjamini-hochberg, or gsea's ratio of pooled NES.")] = "benjamini-hochberg",
) -> None:
    """Score your own ranking: classical GSEA and dGSEA in one table.

    Shows the gene sets with the largest NES of the first backend, and for each backend the enrichment score (ES), the
    same normalised (NES), the p-value and the false discovery rate (FDR). The first backend always runs; others are
    left out if they would take over a minute, unless --backend names them.

    For example:  python -m dgsea_bench score mine.rnk mine.gmt --out table.tsv

    The file has a row per gene set: Term, Size; for each backend, such as hard, the numbers "hard ES", "hard NES",
    "hard NOM p-val", "hard FDR q-val", "hard Tag %" (members in the leading edge) and "hard Gene %" (the ranking up to
    the peak), both in percent; and at the right, since they are long, "hard Lead_genes", separated by ;, and "hard
    Reason", why a number is missing.
    """
    params = replace(EnrichmentParams.preset(preset), exponent=exponent)
    null = NullParams(permutations=permutations, seed=seed, sharing=sharing, p_value=p_value, fdr=fdr)  # type: ignore[arg-type]
    _check_duplicates(duplicates)
    named = split_backends(backend)
    for name in named:
        get_backend(name)
    if output is not None:
        scoring.check_table(output, sparing=(ranking, gene_sets))
    try:
        with _threads(threads):
            problem = read_problem(
                ranking,
                gene_sets,
                min_size=min_size,
                max_size=max_size,
                duplicates=duplicates,  # type: ignore[arg-type]
            )
            for line in (*scoring.describe_problem(problem), *scoring.describe_null(null)):
                say(line)
            watcher = ScoreWatcher()
            with watcher:
                scored = scoring.score_problem(
                    problem,
                    named or scoring.DEFAULT_BACKENDS,
                    params=params,
                    null=null,
                    time_limit=math.inf if named else scoring.TIME_LIMIT,
                    watcher=watcher,
                )
            table = scored.table()
            if output is not None:
                scoring.write_table(table, output)
    except KeyboardInterrupt:
        err.print("stopped; nothing was written")
        raise typer.Exit(130) from None
    show_scores(scored, table, output)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads for torch and for compiled loops; None: as many as there are by default."""
    most = os.cpu_count() or 1
    if count is not None and not 1 <= count <= most:
        raise InputError(f"--threads is {count}; this machine can use 1 .. {most}")
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@app.command()
def report(
    directories: Annotated[
        list[Path] | None, typer.Argument(metavar="DIR", help="Directories of sweeps, such as reports/default.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="Directory of the page, needed for several. [default: DIR]")
    ] = None,
    index: Annotated[
        bool, typer.Option("--index", help="List what is below DIR instead: every run, its verdict. [DIR: reports]")
    ] = False,
) -> None:
    """Render the report of a sweep again, from its rows alone; or one report of several sweeps.

    Of several, a case measured on different machines is there once for each. Measured twice on the same machine it
    counts as in the last directory that holds it.

    For example, two machines:  python -m dgsea_bench report reports/laptop reports/server --out reports/both

    A list of all reports, with links and verdicts:

    python -m dgsea_bench report --index reports
    """
    if index:
        if directories and len(directories) > 1:
            raise InputError("report --index lists what is below one directory; name the one that holds them all")
        say(f"index: {render_index(directories[0] if directories else Path('reports'), output)}")
        return
    if not directories:
        raise InputError("report: name a directory of a sweep, such as reports/default; or list all with --index")
    say(f"report: {render_report(directories, output)}")


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Directory of a sweep.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Directory of the same sweep, run later.")],
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with figures: a name ending in .html.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Changes within this share are no news.")] = TOLERANCE,
) -> None:
    """Compare two sweeps: what became slower, less accurate, or fails now. Exit code 1 if anything did.

    Cases are matched by their case_id. Times are compared on the same machine only, and count as slower or faster if
    they changed by more than the tolerance and by more than their noise; errors are compared across machines too.

    For example, before and after a change of yours:

    python -m dgsea_bench sweep --out reports/before

    python -m dgsea_bench sweep --out reports/after

    python -m dgsea_bench compare reports/before reports/after --html changes.html
    """
    if compare_and_show(before, after, html=html, tolerance=tolerance):
        raise typer.Exit(1)


app.command()(train)
app.command()(history)


@app.command()
def check() -> None:
    """Self-test, under a minute: each backend's contract, and what the paper's release promises.

    A broken contract of a backend is a failure (exit code 1). A promise of others that does not hold is a finding.
    """
    broken = show_contracts()
    # One thread: problems are small, and on a busy machine threads that wait for one another take ten times as long.
    with _threads(1):
        show_promises(len(broken))
    for message in broken:
        err.print(message, markup=False, highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


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
            say(f"| {' | '.join(line)} |")
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
        say(line)
