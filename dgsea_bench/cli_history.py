"""The command on the suite that is tracked over commits: history."""

from pathlib import Path
from typing import Annotated

import typer

from dgsea_bench.bench.history import read_history
from dgsea_bench.report.history_page import render_history
from dgsea_bench.report.page import write_page
from dgsea_bench.report.page_files import check_page
from dgsea_bench.show_history import check_table, show_history, write_table
from dgsea_bench.terminal import say, waiting


def history(
    bench: Annotated[
        list[str] | None,
        typer.Option("--bench", "-b", metavar="REGEX", help="Only benchmarks that match, as in asv run. Repeatable."),
    ] = None,
    machine: Annotated[str | None, typer.Option(metavar="NAME", help="Results of that machine only.")] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Show only what has a step, or fails now.")] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Steps within this share are no news. [default: as asv.conf.json says, else 0.05]"),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every value and every step, as a .csv.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with figures: a name ending in .html.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Configuration of asv. [default: asv.conf.json here]")
    ] = None,
) -> None:
    """Show how the tracked benchmarks went over the commits: what got worse, and at which commit.

    Reads what asv has measured. Of each benchmark and each combination of its parameters: the first value, the last,
    the best and the commit that reached it, the ratio of the last to the first, the trend over the commits (x: failed;
    blank: not measured), and the steps that asv's own step detection finds. At the end: commits with steps, most that
    got worse first. Results of different machines or environments are never mixed.

    Measure first, once per machine, then per commit:

    asv machine --yes

    asv run

    For example, what changed in the times of one backend:

    python -m dgsea_bench history --changed --bench 'time_.*fastsum'

    And a page with a figure for each benchmark:

    python -m dgsea_bench history --html history.html
    """
    if html is not None:
        check_page(html)
    if table is not None:
        check_table(table)
    found = read_history(config, patterns=bench or [], machine=machine, tolerance=tolerance)
    show_history(found, changed_only=changed)
    if table is not None:
        write_table(found, table)
        say(f"table: {table}")
    if html is not None:
        with waiting("drawing the page"):
            write_page(render_history(found), html)
        say(f"page: {html}")
