"""How a table of scores is printed, and the progress of getting it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from dgsea_bench import scoring
from dgsea_bench.backends import backends as known_backends
from dgsea_bench.bench.metrics import profile_agreement
from dgsea_bench.report import wording
from dgsea_bench.terminal import Bar, out, say

SHOWN = 20
"""Rows of a table of scores that are printed."""
STATISTICS = {"ES": "ES", "NES": "NES", "NOM p-val": "p", "FDR q-val": "FDR"}
"""Of a table of scores: columns that are printed -> their headings there."""
LEAST_ROOM = 16
"""Characters for the name of a gene set; where there are fewer, less is printed of each backend."""
WORTH_SAYING = 5.0
"""Seconds of waiting from which on an estimate helps."""


def show_scores(scored: scoring.Scoring, table: pd.DataFrame, output: Path | None) -> None:
    """The top of the table, what it says of agreement, what is missing, and where the rest is."""
    names = list(scored.results)
    say("")
    _print_scores(table.head(SHOWN), names)
    more = len(table) - SHOWN
    if output is not None:
        say(f"all {len(table):,}, with Tag %, Gene % and leading edges: {output}")
    else:
        rest = f"{more:,} more gene sets; " if more > 0 else ""
        say(f"{rest}--out table.tsv writes all, with Tag %, Gene % and leading edges")
    for name, reason in scored.left_out.items():
        say(f"{name} is left out, it {reason}; to have it: --backend {','.join([*names, name])}")
    for line in scored.gaps():
        say(f"no number: {line}")
    for name, found in _agreements(scored).items():
        numbers = "Spearman {spearman:.3f}, slope {slope:.2f}".format(**found) if found else "needs ten gene sets"
        say(f"dNES of {name} against NES across gene sets: {numbers}")


def _agreements(scored: scoring.Scoring) -> dict[str, dict[str, float]]:
    """How the dNES of each soft backend goes with classical NES, where there are both."""
    target = {name: known_backends()[name].target for name in scored.results}
    nes = {name: result.nes[0].numpy() for name, result in scored.results.items()}
    classical = next((name for name in nes if target[name] == "gsea"), None)
    if classical is None:
        return {}
    return {name: profile_agreement(nes[name], nes[classical]) for name in nes if target[name] == "dgsea"}


def _print_scores(rows: pd.DataFrame, names: Sequence[str]) -> None:
    """A table that fits into the terminal, for which names of gene sets are shortened; elsewhere as wide as it is."""
    terms = ["".join(letter if letter.isprintable() else "?" for letter in term) for term in rows["Term"]]
    statistics, longest = STATISTICS, max(map(len, terms))
    room = longest
    if out.is_terminal:
        room = out.width - _width(names, statistics)
        if room < LEAST_ROOM and len(names) > 1:
            statistics = {name: short for name, short in STATISTICS.items() if short in ("NES", "FDR")}
            room = out.width - _width(names, statistics)
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("\ngene set", no_wrap=True)
    table.add_column("\nsize", justify="right", no_wrap=True)
    for name in names:
        for number, short in enumerate(statistics.values()):
            heading = f"{escape(name) if number == 0 else ''}\n{short}"
            table.add_column(heading, justify="right", no_wrap=True, min_width=5 if number else max(6, len(name) + 1))
    for term, (_, row) in zip(terms, rows.iterrows()):
        cells = [_statistic(short, row[f"{name} {column}"]) for name in names for column, short in statistics.items()]
        table.add_row(escape(wording.shortened(term, max(room, LEAST_ROOM))), f"{row['Size']:,}", *cells)
    (out if out.is_terminal else Console(width=longest + _width(names, statistics))).print(table)


def _width(names: Sequence[str], statistics: Mapping[str, str]) -> int:
    """Columns of the screen beside the names of gene sets."""
    return len(" 1,000 ") + sum(max(6, len(name) + 1) + 1 + 6 * (len(statistics) - 1) for name in names)


def _statistic(short: str, value: float) -> str:
    """A number in five characters."""
    if math.isnan(value):
        return wording.UNKNOWN
    if short in ("ES", "NES"):
        return f"{value:.2f}"
    return f"{value:.0e}" if 0 < value < 1e-3 else f"{value:.3f}"


class ScoreWatcher(Bar):
    """Progress of a scoring: a bar in a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        left = TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True))
        super().__init__(
            TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), TimeElapsedColumn(), left
        )
        self.name, self.told = "", 0.0

    def __call__(self, name: str, share: float, left: float | None) -> None:
        """Say how far a backend is."""
        text = f"about {scoring.duration(left)} left" if left is not None and left >= WORTH_SAYING else ""
        begins, self.name = name != self.name, name
        if self.bar:
            if begins:
                for task in self.bar.task_ids:
                    self.bar.remove_task(task)
                self.task = self.bar.add_task(escape(name), total=1.0, left=text)
            self.bar.update(self.task, completed=share, left=text)
        elif begins:
            say(f"{name} …")
            self.told = 0.0
        elif text and (self.told == 0.0 or share - self.told >= 0.1):
            say(f"{name}: {share:.0%}, {text}")
            self.told = share
