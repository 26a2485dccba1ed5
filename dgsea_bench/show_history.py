"""How the history of the tracked benchmarks is printed, and written as a table."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dgsea_bench.bench.asv_files import Commit, Place
from dgsea_bench.bench.history import Curve, History, Point, Step, Turn, Verdict
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import check_writable, write_whole
from dgsea_bench.report import wording
from dgsea_bench.report.bars import bars
from dgsea_bench.terminal import out, say

WIDE = 240
"""Columns of a table that is not read in a terminal."""
FEW = 7
"""With fewer values, asv's step detection often takes normal noise for steps: of 3 in 3 of 5 curves, of 5 in 1 of 4."""
UNBOUND = 1000
"""Columns in which any table has room."""
SHORT = 8
"""Characters of a parameter's value that are not broken."""
SHOWN = 20
"""Commits with steps that are printed."""
NAMED = 3
"""Names of a kind that are printed."""
LAYOUT: dict[str, Any] = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "pad_edge": False}
HASH = 8
"""Characters of a commit, as in the names of asv's files."""


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
    curves = [curve for curve in history.curves if not changed_only or curve.news or _broken(curve)]
    names = _told_apart(history.places)
    for (_, place), group in groupby(curves, key=lambda curve: (curve.benchmark, curve.place)):
        _print_table(list(group), history.commits, names[place])
    _print_summary(history, names)


def _broken(curve: Curve) -> bool:
    """Whether it worked once and fails now."""
    return curve.fails and curve.last is not None


def _told_apart(places: Sequence[Place]) -> dict[Place, str]:
    """What tells each place from the others: machine, environment, else whatever differs; nothing if there is one."""
    described = {
        place: {"machine": place.machine, "environment": place.environment, **dict(place.traits)} for place in places
    }
    names: dict[Place, list[str]] = {place: [] for place in places}
    for trait in dict.fromkeys(trait for each in described.values() for trait in each):
        if len(set(map(tuple, names.values()))) == len(places):
            break
        if len({each.get(trait) for each in described.values()}) > 1:
            for place, each in described.items():
                names[place].append(each.get(trait) or f"no {trait}")
    return {place: ", ".join(parts) for place, parts in names.items()}


# --- a table per benchmark --------------------------------------------------------------------------------------------


def _print_table(curves: list[Curve], commits: Sequence[Commit], place: str) -> None:
    """One row per combination of parameters that is not skipped; parameters that do not vary are in the title."""
    varying = [name for name in curves[0].parameters if len({curve.parameters[name] for curve in curves}) > 1]
    console = _console()
    console.print(f"[bold]{escape(_title(curves[0], varying, place))}[/]", highlight=False)
    skipped = [curve for curve in curves if curve.skipped]
    if skipped:
        console.print(escape(_skipped(skipped, varying)), highlight=False)
    curves = [curve for curve in curves if not curve.skipped]
    if curves:
        _print_rows(curves, varying, commits)


def _skipped(curves: Sequence[Curve], varying: Sequence[str]) -> str:
    """How many are skipped, and the values of parameters that they have in common."""
    common = [
        f"{name} {curves[0].parameters[name]}"
        for name in varying
        if len({curve.parameters[name] for curve in curves}) == 1
    ]
    which = f": {', '.join(common)}" if common else ""
    return f"skipped at every commit, {wording.plural(len(curves), 'combination')}{which}"


def _print_rows(curves: list[Curve], varying: list[str], commits: Sequence[Commit]) -> None:
    here = _commits_of(curves, commits)
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
        history = [_small_curve(curve, commits, form.most), *(_lines(curve) if form.beside else ())]
        table.add_row(*[escape(curve.parameters[name]) for name in varying], *_cells(curve), "\n".join(history))
    return table


def _column(parameter: str, curves: Sequence[Curve]) -> Column:
    """The column of a parameter; only what is long may be broken."""
    longest = max(len(curve.parameters[parameter]) for curve in curves)
    return Column(
        escape(parameter), no_wrap=longest <= SHORT, min_width=SHORT if longest > SHORT else None, overflow="fold"
    )


def _title(curve: Curve, varying: Sequence[str], place: str) -> str:
    way = f"{curve.better} is better" if curve.better else "neither way is better"
    fixed = [f"{name} {value}" for name, value in curve.parameters.items() if name not in varying]
    unit = "" if curve.unit == "unit" or curve.metric else f"{curve.unit}, "
    name = curve.benchmark if curve.title == curve.benchmark else f"{curve.benchmark}: {curve.title}"
    return " · ".join(part for part in (name, f"{unit}{way}", ", ".join(fixed), place) if part)


def _commits_of(curves: Sequence[Curve], commits: Sequence[Commit]) -> list[str]:
    """Those at which any of the curves has a point, in their order: the common axis of their small curves."""
    held = {point.commit for curve in curves for point in curve.points}
    return [commit.hash for commit in commits if commit.hash in held]


def _cells(curve: Curve) -> list[str]:
    """First, last, best and its commit, and the ratio."""
    best = curve.best
    return [
        _value(curve, curve.first.value if curve.first else None),
        _value(curve, curve.last.value if curve.last else None),
        _value(curve, best.value if best else None),
        _short(best.commit) if best and not curve.is_noise else "",
        _ratio(curve),
    ]


def _lines(curve: Curve) -> list[str]:
    """What is to be said of a curve: why there is no value, and its steps."""
    return [*_remarks(curve), *[_step_line(curve, step) for step in curve.news]]


def _value(curve: Curve, value: float | None) -> str:
    """A value in the unit that suits it, as text without markup; what is neither time nor memory has its unit above."""
    unit = curve.unit if curve.unit in ("seconds", "bytes") else ""
    text = wording.metric(curve.metric, value) if curve.metric else wording.tracked(value, unit)
    return escape(text)


def _short(commit: str) -> str:
    return escape(commit[:HASH])


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
        outcomes = " or ".join(dict.fromkeys(point.outcome for point in curve.points))
        yield f"[red]no value:[/] {outcomes} at {wording.plural(len(curve.points), 'commit')}"
    elif curve.fails:
        since = next(point for point in _after(curve, curve.last) if point.outcome == "failed")
        yield f"[red]fails since[/] {_short(since.commit)}"


def _after(curve: Curve, point: Point) -> Sequence[Point]:
    return curve.points[curve.points.index(point) + 1 :]


def _step_line(curve: Curve, step: Step) -> str:
    return f"{_coloured(step.verdict, step.verdict)} {_short(step.commit)} {_levels(curve, step)}"


def _coloured(text: str, verdict: Verdict) -> str:
    """Text in the colour of a verdict, which is never its only sign."""
    style = {"better": "green", "worse": "red", "changed": ""}[verdict]
    return f"[{style}]{text}[/]" if style else text


def _levels(curve: Curve, step: Step) -> str:
    """Before and after, which no line break may part."""
    return f"{_value(curve, step.before)}{wording.SPACE}→{wording.SPACE}{_value(curve, step.after)}"


def _small_curve(curve: Curve, commits: Sequence[str], most: int) -> str:
    """A bar per commit, or per so many that they fit; x where it failed, blank where nothing was measured."""
    points = {point.commit: point for point in curve.points}
    count = min(len(commits), most)
    edges = [len(commits) * number // count for number in range(count + 1)]
    bins = [[points[name] for name in commits[low:high] if name in points] for low, high in pairwise(edges)]
    drawn = bars([_mean(each) for each in bins])
    failed = ["x" if any(point.outcome == "failed" for point in each) else " " for each in bins]
    return "".join(gap if bar == " " else bar for bar, gap in zip(drawn, failed, strict=True))


def _mean(points: Sequence[Point]) -> float | None:
    values = [point.value for point in points if point.value is not None]
    return fmean(values) if values else None


# --- the summary ------------------------------------------------------------------------------------------------------


def _print_summary(history: History, names: dict[Place, str]) -> None:
    for line in _counts(history, names):
        say(line)
    turns = history.turns()
    if turns:
        _print_turns(turns, names)
    for line in _doubts(history):
        say(line)


def _counts(history: History, names: dict[Place, str]) -> Iterator[str]:
    """How much there is, and what has no value."""
    commits = history.commits
    benchmarks = {curve.benchmark for curve in history.curves}
    dates = f"{commits[0].date:%Y-%m-%d} to {commits[-1].date:%Y-%m-%d}"
    places = f", in {len(names)} places (machine, environment)" if len(names) > 1 else ""
    yield (
        f"{wording.plural(len(history.curves), 'curve')} of {wording.plural(len(benchmarks), 'benchmark')} "
        f"over {wording.plural(len(commits), 'commit')}, {dates}{places}"
    )
    broken = [curve.name for curve in history.curves if _broken(curve)]
    empty = [curve.name for curve in history.curves if curve.last is None and not curve.skipped]
    for found, what in ((broken, "worked once and fails now"), (empty, "never had a value")):
        if found:
            yield f"{wording.plural(len(found), 'curve')} {what}: {_named(found)}"
    skipped = sum(curve.skipped for curve in history.curves)
    if skipped:
        yield f"{wording.plural(skipped, 'curve')} skipped at every commit; asv run --show-stderr says why"
    if history.unmeasured:
        yield f"never run: {_named(history.unmeasured)}"
    if history.unlisted:
        yield (
            f"not shown, since asv did not find {'it' if len(history.unlisted) == 1 else 'them'} in the suite when it "
            f"looked last: {_named(history.unlisted)}; asv run --bench just-discover looks again"
        )
    if history.outdated:
        yield f"changed since, so that older results do not count: {_named(list(history.outdated))}"


def _named(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


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
        table.add_row(_short(turn.commit), f"{turn.date:%Y-%m-%d}", *counts, _largest(turn, names))
    _console().print(table)
    if len(turns) > SHOWN:
        say(f"{wording.plural(len(turns) - SHOWN, 'more commit')} with steps; --csv history.csv has all")


def _largest(turn: Turn, names: dict[Place, str]) -> str:
    curve, step = max(turn.steps, key=lambda each: (each[1].verdict == "worse", _factor(each[1])))
    place = f" ({escape(names[curve.place])})" if names[curve.place] else ""
    return f"{_coloured(step.verdict, step.verdict)} {_levels(curve, step)} {escape(curve.name)}{place}"


def _factor(step: Step) -> float:
    """How far apart two levels are, up or down alike."""
    low, high = sorted(map(abs, (step.before, step.after)))
    return high / low if low else math.inf


def _doubts(history: History) -> Iterator[str]:
    """What to keep in mind about the steps."""
    stepped = [curve for curve in history.curves if curve.news]
    small = sum(len(curve.steps) - len(curve.news) for curve in history.curves)
    if not stepped:
        yield "no steps"
    if small:
        yield f"{wording.plural(small, 'smaller step')} left out: within the tolerance; --tolerance 0 shows all"
    same = len(history.commits) - len({commit.date for commit in history.commits})
    if same:
        yield f"{wording.plural(same, 'commit')} with the date of another: which of them came first is not known"
    few = sum(len(curve.measured) < FEW for curve in stepped)
    if few:
        yield (
            f"{wording.plural(few, 'curve')} with steps and fewer than {FEW} values: asv's step detection takes noise "
            "for steps where it has so few"
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
