"""How a preparation of L1000 signatures is watched, and what it left after each filter."""

import time

from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from dgsea_bench.core.errors import shorten
from dgsea_bench.data.l1000 import Prepared
from dgsea_bench.show_data import LINE_EVERY
from dgsea_bench.terminal import Bar, say

REDRAWN_EVERY = 0.1
"""Seconds between changes of the bar: there may be a hundred thousand steps."""


class PreparationBar(Bar):
    """How far a preparation is: a bar in a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        super().__init__(TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        self.what, self.last = "", time.monotonic()

    def watch(self, what: str, done: int, total: int) -> None:
        """Show that so much of it is done."""
        waited = time.monotonic() - self.last
        if what == self.what and done < total and waited < (REDRAWN_EVERY if self.bar else LINE_EVERY):
            return
        if self.bar:
            if what != self.what:
                for task in self.bar.task_ids:
                    self.bar.remove_task(task)
                self.bar.add_task(escape(what), total=total)
            self.bar.update(self.bar.task_ids[-1], completed=done)
        elif waited >= LINE_EVERY:
            say(f"  {what}: {done:,} of {total:,}")
        if self.bar or waited >= LINE_EVERY:
            self.last = time.monotonic()
        self.what = what


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def show_prepared(prepared: Prepared) -> None:
    """The funnel, the genes, the table, and what a user should know."""
    width = max(len(step.what) for step in prepared.funnel)
    say(f"{'':<{width}}  {'signatures':>10}  {'perturbagens':>12}")
    for step in prepared.funnel:
        say(f"{step.what:<{width}}  {step.signatures:>10,}  {_count(step.perturbagens):>12}")
    found = prepared.landmarks
    known = len(found.positions) + len(found.missing)
    lacking = f"; not there: {shorten(found.missing, most=8)}" if found.missing else ""
    say(f"{len(found.positions):,} of {known:,} landmark genes, known by their {found.known_by}{lacking}")
    size = decimal(prepared.path.stat().st_size)
    say(f"{prepared.path}: {prepared.rows:,} rows × {len(prepared.genes):,} genes, {size}")
    if prepared.rejected is not None:
        say(f"{prepared.rejected}: compounds that were left out, as their SMILES is not valid")
    for remark in prepared.remarks:
        say(f"note: {remark}")
