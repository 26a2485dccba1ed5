"""The command line: sweep, score, report, compare, check, backends, scenarios."""

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
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
from dgsea_bench.bench import promises
from dgsea_bench.bench.compare import TOLERANCE
from dgsea_bench.bench.scenario import built_in_scenarios, read_scenario
from dgsea_bench.bench.sweep import plan_sweep
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.formats import Duplicates
from dgsea_bench.data.sources import read_problem
from dgsea_bench.report import render_report
from dgsea_bench.show_compare import compare_and_show
from dgsea_bench.show_scores import ScoreWatcher, show_scores
from dgsea_bench.show_sweep import run_and_report, show_plan
from dgsea_bench.terminal import err, out, say, waiting
from dgsea_bench.testing import ContractError, check_backend, measured_tolerance

app = typer.Typer(
    help="Measure ways of computing differentiable gene set enrichment (dGSEA), and read which one to use.",
    epilog="Start with: python -m dgsea_bench sweep",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
    chosen = _listed(backends)
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
        show_plan(plan, list_cases=dry_run)
        if not dry_run:
            failed |= run_and_report(plan)
    if failed:
        raise typer.Exit(1)


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
    named = _listed(backend)
    for name in named:
        get_backend(name)
    if output is not None:
        scoring.check_writable(output, sparing=(ranking, gene_sets))
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


def _listed(names: str) -> list[str]:
    """Names separated by commas, each once."""
    return list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))


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
        list[Path], typer.Argument(metavar="DIR", help="Directories of sweeps, such as reports/default.")
    ],
    output: Annotated[
        Path | None, typer.Option("--out", help="Directory of the page, needed for several. [default: DIR]")
    ] = None,
) -> None:
    """Render the report of a sweep again, from its rows alone; or one report of several sweeps.

    Of several, a case measured on different machines is there once for each. Measured twice on the same machine it
    counts as in the last directory that holds it.

    For example, two machines:  python -m dgsea_bench report reports/laptop reports/server --out reports/both
    """
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


@app.command()
def check() -> None:
    """Self-test, under a minute: each backend's contract, and what the paper's release promises.

    A broken contract of a backend is a failure (exit code 1). A promise of others that does not hold is a finding.
    """
    table = Table("backend", "contract", "value error", "promised", "gradient error", "promised")
    broken = []
    for name in known_backends():
        with waiting(f"checking {name}"):
            try:
                count = len(check_backend(name))
                table.add_row(name, f"holds ({count} checks)", *_promised_and_measured(name))
            except ContractError as failure:
                table.add_row(name, "[red]broken[/red], see below")
                broken.append(str(failure))
            except InputError as error:
                table.add_row(name, f"not checked: {escape(str(error))}")
    say("Does each backend do what it declares?")
    out.print(table)
    # One thread: problems are small, and on a busy machine threads that wait for one another take ten times as long.
    with waiting("measuring what the release of the paper promises"), _threads(1):
        errors, agreements = promises.nyswin_error(), promises.nyswin_agreement()
    say(f"Does nyswin's mean relative error hold? (planted set of 30, 512 anchors, {promises.ERROR_SEEDS} seeds)")
    limit = f"mean < {promises.PROMISED_ERROR:.2%}"
    out.print(_promise_table(errors, limit, ("mean", "highest"), "{:.3%}".format))
    say(
        f"Does its dNES rank gene sets as NES does? (Spearman correlation, {promises.SETS} sets of "
        f"{promises.SET_SIZE}, {promises.PERMUTATIONS} permutations, {promises.AGREEMENT_SEEDS} seeds)"
    )
    limit = f"> {promises.PROMISED_AGREEMENT}"
    out.print(_promise_table(agreements, limit, ("median", "lowest"), "{:.3f}".format))
    kept = sum(each.holds for each in (*errors, *agreements))
    say(
        f"{len(broken) or 'no'} contract{'' if len(broken) == 1 else 's'} of backends broken; the release's promises "
        f"hold in {kept} of {len(errors) + len(agreements)} cases (usually: in the median, but not for every seed)"
    )
    for message in broken:
        err.print(message, markup=False, highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


def _promise_table(
    found: Sequence[promises.Promise], limit: str, headings: tuple[str, str], form: Callable[[float], str]
) -> Table:
    table = Table("problem", "genes", "promised", *headings, "holds")
    for each in found:
        holds = "yes" if each.always else "usually" if each.holds else "no"
        table.add_row(each.generator, f"{each.genes:,}", limit, form(each.typical), form(each.worst), holds)
    return table


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
