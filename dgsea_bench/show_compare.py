"""How a comparison of two runs is printed, and where its page goes."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dgsea_bench.bench.compare import Change, Comparison, compare_runs, read_side
from dgsea_bench.report import comparison as page
from dgsea_bench.report import wording
from dgsea_bench.report.page import write_page
from dgsea_bench.report.page_files import check_page
from dgsea_bench.show_sweep import told_apart
from dgsea_bench.terminal import out, say, waiting

SHOWN = 30
"""Cases that are printed; all regressions are, however many there are."""
WIDE = 240
"""Columns of a table that is not read in a terminal."""


def compare_and_show(before: Path, after: Path, *, html: Path | None, tolerance: float) -> bool:
    """Compare two runs, print what became of each case, and write the page if asked for; whether something regressed.

    Raises:
        InputError: a directory without results, no case in common, a tolerance that is none, or a page that cannot be
            written or belongs to somebody else.
    """
    if html is not None:
        check_page(html)
    comparison = compare_runs(read_side(before), read_side(after), tolerance=tolerance)
    names = _names(comparison)
    _print_changes(comparison, names)
    for remark in comparison.remarks:
        say(remark)
    say(page.summary(comparison))
    say(page.verdict_sentence(comparison))
    if html is not None:
        with waiting("drawing the page"):
            write_page(page.render_comparison(comparison, names), html)
        say(f"page: {html}")
    return bool(comparison.regressions)


def _names(comparison: Comparison) -> page.Names:
    rows = [*comparison.before.rows, *comparison.after.rows]
    common, own = told_apart(rows)
    return page.Names(common, {row.case_id: name for row, name in zip(rows, own, strict=True)})


def _print_changes(comparison: Comparison, names: page.Names) -> None:
    """A line per case, the worst first; what all problems have in common is the title."""
    shown = comparison.changes[: max(SHOWN, len(comparison.regressions))]
    several = any(names.own.values())
    table = Table(
        *([Column("problem", min_width=12, overflow="fold")] if several else []),
        Column("backend", min_width=8, overflow="fold"),
        *[Column(name, justify="right", no_wrap=True) for name in ("before", "after")],
        Column("ratio", justify="right", min_width=14),
        Column("verdict", min_width=11),
        Column("error", min_width=8),
        title=escape(names.common),
        title_justify="left",
        caption="before, after: time of a step, of hard forward only; of significance, a profile's NES.",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for change in shown:
        problem = [escape(names.own[change.after.case_id])] if several else []
        table.add_row(*problem, escape(change.after.label), *_cells(change), style="red" if change.regression else "")
    (out if out.is_terminal else Console(width=WIDE)).print(table)
    more = len(comparison.changes) - len(shown)
    if more:
        say(f"{wording.plural(more, 'more case')}, none of them a regression; --html changes.html shows all")


def _cells(change: Change) -> list[str]:
    """Time before and after, ratio, verdict, and errors."""
    interval = page.interval_text(change).replace(" ", wording.SPACE)
    ratio = f"{wording.ratio(change.ratio.value)} ({interval})" if change.ratio else wording.UNKNOWN
    texts = (*map(page.time_text, change.times), ratio, "; ".join(change.verdicts), _errors(change))
    return [escape(text) for text in texts]


def _errors(change: Change) -> str:
    """Those that changed."""
    told = [
        page.ERROR_NAMES.get(error.metric, "") + page.error_text(error)
        for error in change.errors
        if error.judgement != "same"
    ]
    return "; ".join(told) or ("same" if change.errors else "")
