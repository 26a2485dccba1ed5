"""How the history of the tracked benchmarks is printed, and written as a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dgsea_bench.bench.asv_files import Commit, Place
from dgsea_bench.bench.history import Curve, History, Step, Turn, Verdict
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import check_writable, write_whole
from dgsea_bench.report import history_words as words
from dgsea_bench.report import wording
from dgsea_bench.terminal import out, say

WIDE = 240
"""Columns of a table that is not read in a terminal."""
UNBOUND = 1000
"""Columns in which any table has room."""
SHORT = 8
"""Characters of a parameter's value that are not broken."""
SHOWN = 20
"""Commits with steps that are printed."""
LAYOUT: dict[str, Any] = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "pad_edge": False}


@dataclass(frozen=True)
class Form:
    """A form of a benchmark's table.

    Attributes:
        beside: steps are told in the table, below the bars; else in lines of their own.
        most: bars in a row; with more commits than that, one stands for several.
        gap: blanks between columns, besides the one that is always there.
    """

    beside: bool
    most: int
    gap: int = 1


FORMS = (Form(True, 32), Form(True, 16), Form(False, 32), Form(False, 16), Form(False, 8), Form(False, 8, gap=0))
"""From the widest to the narrowest: the first that fits is taken."""


def show_history(history: History, *, changed_only: bool = False) -> None:
    """Print a table per benchmark and place, then what they say together.

    Args:
        history: what was read.
        changed_only: leave out curves that have no step and do not fail.
    """
    curves = [curve for curve in history.curves if not changed_only or curve.news or curve.broken]
    names = words.place_names(history.places)
    for (_, place), group in groupby(curves, key=lambda curve: (curve.benchmark, curve.place)):
        _print_table(list(group), history.commits, names[place])
    _print_summary(history, names)


# --- a table per benchmark --------------------------------------------------------------------------------------------


def _print_table(curves: list[Curve], commits: Sequence[Commit], place: str) -> None:
    """One row per combination of parameters that is not skipped; parameters that do not vary are in the title."""
    varying = words.varying_of(curves)
    console = _console()
    console.print(f"[bold]{escape(words.title_of(curves[0], varying, place))}[/]", highlight=False)
    skipped = [curve for curve in curves if curve.skipped]
    if skipped:
        console.print(escape(words.skipped_text(skipped, varying)), highlight=False)
    curves = [curve for curve in curves if not curve.skipped]
    if curves:
        _print_rows(curves, varying, commits)


def _print_rows(curves: list[Curve], varying: list[str], commits: Sequence[Commit]) -> None:
    here = words.commits_of(curves, commits)
    console = _console()
    for form in FORMS:
        table = _table(curves, varying, here, form)
        if console.measure(table, options=console.options.update_width(UNBOUND)).maximum <= console.width:
            break
    console.print(table)
    if not form.beside:
        for curve in curves:
            label = ", ".join(escape(curve.parameters[name]) for name in varying)
            for line in _lines(curve):
                console.print(f"  {label + ': ' if label else ''}{line}", highlight=False)
        console.print()


def _console() -> Console:
    return out if out.is_terminal else Console(width=WIDE)


def _table(curves: list[Curve], varying: list[str], commits: list[str], form: Form) -> Table:
    """The table, with what is to be said of a curve below its bars where there is room beside the numbers."""
    table = Table(
        *[_column(name, curves) for name in varying],
        *[Column(name, justify="right", no_wrap=True) for name in ("first", "last", "best")],
        Column("at", no_wrap=True),
        Column("ratio", justify="right", no_wrap=True),
        Column("trend", no_wrap=True),
        **{**LAYOUT, "padding": (0, form.gap, 0, 0)},
    )
    for curve in curves:
        history = [words.small_curve(curve, commits, form.most), *(_lines(curve) if form.beside else ())]
        table.add_row(*[escape(curve.parameters[name]) for name in varying], *_cells(curve), "\n".join(history))
    return table


def _column(parameter: str, curves: Sequence[Curve]) -> Column:
    """The column of a parameter; only what is long may be broken."""
    longest = max(len(curve.parameters[parameter]) for curve in curves)
    return Column(
        escape(parameter), no_wrap=longest <= SHORT, min_width=SHORT if longest > SHORT else None, overflow="fold"
    )


def _cells(curve: Curve) -> list[str]:
    """First, last, best and its commit, and the ratio."""
    best = curve.best
    return [
        escape(words.value_text(curve, curve.first.value if curve.first else None)),
        escape(words.value_text(curve, curve.last.value if curve.last else None)),
        escape(words.value_text(curve, best.value if best else None)),
        _hash(best.commit) if best and not curve.is_noise else "",
        _ratio(curve),
    ]


def _lines(curve: Curve) -> list[str]:
    """What is to be said of a curve: why there is no value, and its steps."""
    return [*_remarks(curve), *[_step_line(curve, step) for step in curve.news]]


def _hash(commit: str) -> str:
    return escape(words.short(commit))


def _ratio(curve: Curve) -> str:
    """The last value over the first, coloured where it left the tolerance."""
    if curve.ratio is None:
        return wording.UNKNOWN
    text = wording.ratio(curve.ratio)
    if curve.better is None or abs(curve.ratio - 1) <= curve.tolerance:
        return text
    good = (curve.ratio < 1) == (curve.better == "lower")
    return _coloured(text, "better" if good else "worse")


def _remarks(curve: Curve) -> Iterator[str]:
    """Why there is no value, at all or at the end."""
    if curve.last is None:
        yield f"[red]no value:[/] {words.no_value_text(curve)}"
    elif curve.fails:
        yield f"[red]fails since[/] {_hash(words.fails_since(curve).commit)}"


def _step_line(curve: Curve, step: Step) -> str:
    return f"{_coloured(step.verdict, step.verdict)} {_hash(step.commit)} {escape(words.levels_text(curve, step))}"


def _coloured(text: str, verdict: Verdict) -> str:
    """Text in the colour of a verdict, which is never its only sign."""
    style = {"better": "green", "worse": "red", "changed": ""}[verdict]
    return f"[{style}]{text}[/]" if style else text


# --- the summary ------------------------------------------------------------------------------------------------------


def _print_summary(history: History, names: dict[Place, str]) -> None:
    for line in words.counts(history):
        say(line)
    turns = history.turns()
    if turns:
        _print_turns(turns, names)
    for line in words.doubts(history):
        say(line)


def _print_turns(turns: Sequence[Turn], names: dict[Place, str]) -> None:
    """Commits with steps, and of each the largest, if possible of those that got worse."""
    say("Commits with steps, most that got worse first")
    changed = any(turn.count("changed") for turn in turns)
    table = Table(
        *[Column(name, no_wrap=True) for name in ("commit", "date")],
        *[Column(name, justify="right", no_wrap=True) for name in ("worse", "better", *["changed"] * changed)],
        Column("largest step", overflow="fold"),
        **LAYOUT,
    )
    for turn in turns[:SHOWN]:
        verdicts: list[Verdict] = ["worse", "better", *["changed"] * changed]  # type: ignore[list-item]
        counts = [_coloured(str(turn.count(each)), each) if turn.count(each) else "0" for each in verdicts]
        table.add_row(_hash(turn.commit), f"{turn.date:%Y-%m-%d}", *counts, _largest(turn, names))
    _console().print(table)
    if len(turns) > SHOWN:
        say(f"{wording.plural(len(turns) - SHOWN, 'more commit')} with steps; --csv history.csv has all")


def _largest(turn: Turn, names: dict[Place, str]) -> str:
    curve, step = words.largest(turn)
    place = f" ({escape(names[curve.place])})" if names[curve.place] else ""
    return (
        f"{_coloured(step.verdict, step.verdict)} {escape(words.levels_text(curve, step))} {escape(curve.name)}{place}"
    )


# --- the table in a file ----------------------------------------------------------------------------------------------


def check_table(file: Path) -> None:
    """Refuse a name that is no table's, or a place that cannot be written to, before any work is done.

    Raises:
        InputError: as said.
    """
    if file.suffix.lower() != ".csv":
        raise InputError(f"--csv {file}: is no name of a table with commas; let it end in .csv")
    check_writable(file)


def write_table(history: History, file: Path) -> None:
    """A row per curve and commit, with every step, however small: values in full digits, dates in UTC."""
    parameters = sorted({name for curve in history.curves for name in curve.parameters})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    before, after = ["benchmark"], ["machine", "environment", "commit", "date", "outcome", "value", "unit", "step"]
    table.writerow([*before, *[f"parameter_{name}" for name in parameters], *after])
    for curve in history.curves:
        table.writerows(_rows(curve, parameters))
    write_whole(file, text.getvalue().encode())


def _rows(curve: Curve, parameters: Sequence[str]) -> Iterator[list[str]]:
    verdicts = {step.commit: step.verdict for step in curve.steps}
    for point in curve.points:
        yield [
            curve.benchmark,
            *[curve.parameters.get(name, "") for name in parameters],
            *(curve.place.machine, curve.place.environment, point.commit, f"{point.date:%Y-%m-%dT%H:%M:%SZ}"),
            *(point.outcome, "" if point.value is None else repr(point.value), curve.unit),
            verdicts.get(point.commit, ""),
        ]
