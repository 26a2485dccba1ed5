"""Real scores beside synthetic ones of the same size: whether a generator's error and cost stand for a file's."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dgsea_bench.bench.metrics import ROUNDING
from dgsea_bench.report import plots, wording
from dgsea_bench.report.content import Figure, Section
from dgsea_bench.report.dumbbells import Dumbbell, dumbbells
from dgsea_bench.report.quantities import ERROR, GRADIENT, SPEARMAN, TIME, Quantity, axis_title
from dgsea_bench.report.rows import AXES, Problem, Run, sizes_in_words
from dgsea_bench.report.wording import capital

TITLE = "Does synthetic stand for real data?"
ALIKE, ALIKE_SHARE = 1.25, 0.01
"""Up to this factor beyond the range of synthetic scores a value is alike; of correlations up to this difference."""
MOST_ROWS = 24
Verdict = Literal["understates", "stands for", "overstates"]


@dataclass(frozen=True)
class Companions:
    """A real problem with a name, and the synthetic ones nearest to it in size, measured in the same way."""

    name: str
    problem: Problem
    synthetic: tuple[Problem, ...]

    @property
    def same_size(self) -> bool:
        """Whether they are as large in everything, so that times can be compared."""
        return all(getattr(self.problem, axis) == getattr(self.synthetic[0], axis) for axis in AXES)


@dataclass(frozen=True)
class Comparison:
    """A backend's value on a real problem, and on each synthetic one beside it."""

    label: str
    name: str
    quantity: Quantity
    real: float
    synthetic: tuple[tuple[str, float], ...]

    @property
    def values(self) -> tuple[float, ...]:
        """Those on synthetic scores."""
        return tuple(value for _, value in self.synthetic)

    @property
    def apart(self) -> float:
        """How far the real value lies beyond the synthetic ones: a factor, of correlations a difference; else 0."""
        low, high = min(self.values), max(self.values)
        if self.quantity.kind == "agreement":
            beyond = max(low - self.real, self.real - high)
            return beyond if beyond > ALIKE_SHARE else 0.0
        low, high, real = (max(value, ROUNDING) for value in (low, high, self.real))
        factor = max(low / real, real / high)
        return factor if factor > ALIKE else 0.0

    @property
    def verdict(self) -> Verdict:
        """What synthetic scores do to the real value."""
        if not self.apart:
            return "stands for"
        return "understates" if self.real > max(self.values) else "overstates"


def real_and_synthetic(run: Run) -> Section | None:
    """Errors, agreement and time on real scores beside those on synthetic ones, where the run has both."""
    found = companions(run)
    if not found:
        return None
    figures = [_figure(run, quantity, found) for quantity in (ERROR, GRADIENT, SPEARMAN, TIME)]
    said = [_beside(item) for item in found]
    alike = (
        f"A value on real scores is alike if it lies within what the synthetic ones beside it show, or no more than "
        f"{ALIKE:g}-fold (of correlations {ALIKE_SHARE:g}) beyond; else synthetic under- or overstates it."
    )
    return Section(TITLE, "real", [*said, alike], figures=figures)


def companions(run: Run) -> list[Companions]:
    """Each real problem with the synthetic ones of the nearest number of genes, of these the nearest in the rest."""
    real = [problem for problem in run.problems if problem.real and problem.genes]
    synthetic = [problem for problem in run.problems if not problem.real and problem.genes]
    kinds = Counter(problem.scores for problem in real)
    found = []
    for name, problem in plots.named(run, real):
        comparable = [item for item in synthetic if item.conditions == problem.conditions]
        if comparable:
            nearest = min(_distance(problem, item) for item in comparable)
            beside = tuple(item for item in comparable if _distance(problem, item) == nearest)
            found.append(Companions(name if kinds[problem.scores] > 1 else problem.scores, problem, beside))
    return found


def _distance(one: Problem, other: Problem) -> tuple[float, float]:
    """Of genes, then of sets and profiles together, on a logarithmic scale."""
    genes, *rest = (
        abs(math.log((getattr(one, axis) or 1) / (getattr(other, axis) or 1))) for axis in ("genes", "sets", "profiles")
    )
    return round(genes, 9), round(sum(rest), 9)


def _beside(item: Companions) -> str:
    """What stands beside what, and whether it is as large."""
    kinds = wording.listed(list(dict.fromkeys(problem.scores for problem in item.synthetic)))
    mine, theirs = _size(item.problem), _size(item.synthetic[0])
    if item.same_size:
        return f"Beside {item.name}: {kinds} scores of the same size ({mine})."
    return f"Beside {item.name} ({mine}): {kinds} scores of the nearest size ({theirs})."


def _size(problem: Problem) -> str:
    return ", ".join(sizes_in_words([problem], axis) for axis in AXES)


def comparisons(run: Run, quantity: Quantity, found: Iterable[Companions]) -> list[Comparison]:
    """A row per backend and real problem, where both sides are known; not where all of it is rounding."""
    known = {
        (result.label, result.problem): value
        for result in run.results
        if result.target == "dgsea" and (value := result.typical(quantity.metric)) is not None
    }
    rows = []
    for item in found:
        named = plots.named(run, list(item.synthetic))
        for label in run.labels:
            values = tuple((name, known[label, other]) for name, other in named if (label, other) in known)
            if (label, item.problem) in known and values:
                rows.append(Comparison(label, item.name, quantity, known[label, item.problem], values))
    if quantity.kind == "error":
        return [row for row in rows if max(row.real, *row.values) >= ROUNDING]
    return rows


def _figure(run: Run, quantity: Quantity, found: Sequence[Companions]) -> Figure:
    usable = [item for item in found if quantity.kind != "cost" or item.same_size]
    rows = comparisons(run, quantity, usable)
    heading = _heading(rows, quantity)
    if not rows:
        return Figure(heading, None, f"{capital(quantity.title)}.", missing=_missing(quantity, usable))
    telling = sorted(range(len(rows)), key=lambda number: -rows[number].apart)[:MOST_ROWS]
    shown = [rows[number] for number in sorted(telling)]
    several = len({row.name for row in rows}) > 1
    looks = plots.look_of(run)
    log = quantity.kind != "agreement"
    drawn = [
        Dumbbell(
            f"{row.label}\n{row.name}" if several else row.label, looks[row.label],
            max(row.real, ROUNDING) if log else row.real,
            tuple(max(value, ROUNDING) for value in row.values) if log else row.values,
        )
        for row in shown
    ]  # fmt: skip
    svg = dumbbells(
        drawn, axis_title(quantity), quantity.tick, filled="real", hollow="synthetic, one per kind", log=log
    )
    told = [f"{row.label} {_compared(row)}" for row in shown]
    caption = " ".join(_caption(run, quantity, rows, len(shown), found))
    return Figure(heading, svg, caption, f"Dumbbell plot. {heading}. {'; '.join(told)}.", data=_data(shown))


def _heading(rows: Sequence[Comparison], quantity: Quantity) -> str:
    """The backend and problem where synthetic is furthest from real."""
    if not rows:
        return f"{capital(quantity.subject)} on real and synthetic scores: nothing to compare"
    worst = max(rows, key=lambda row: row.apart)
    if not worst.apart:
        who = "every backend" if len({row.label for row in rows}) > 1 else rows[0].label
        return f"Synthetic stands for real scores: the {quantity.subject} of {who} is alike on both"
    least = "at least " if len(worst.values) > 1 else ""
    by = f"{least}{wording.times(worst.apart)}-fold"
    if quantity.kind == "agreement":
        by = f"by {least}{worst.apart:.2f}"
    return f"{worst.label}'s {quantity.subject} is {_compared(worst)}: synthetic {worst.verdict} it {by}"


def _compared(row: Comparison) -> str:
    """``0.91 % on l1000-plate and 0.05 % to 0.30 % on synthetic scores``."""
    synthetic = wording.span(row.values, row.quantity.form)
    return f"{row.quantity.form(row.real)} on {row.name} and {synthetic} on synthetic scores"


def _missing(quantity: Quantity, usable: Sequence[Companions]) -> str:
    if not usable:
        return "Not drawn: no synthetic scores of the same genes, gene sets and profiles, and times hang on these."
    return plots.nothing_drawn(quantity)


def _caption(
    run: Run, quantity: Quantity, rows: Sequence[Comparison], shown: int, found: Sequence[Companions]
) -> list[str]:
    """In how many rows synthetic stands for real, and what has no row."""
    counts = Counter(row.verdict for row in rows)
    verdicts: tuple[Verdict, ...] = ("understates", "stands for", "overstates")
    told = wording.listed([f"{verdict} {counts[verdict]}" for verdict in verdicts if counts[verdict]])
    count = wording.plural(len(rows), "comparison")
    parts = [f"{capital(quantity.title)}.", f"Of {count} synthetic {told}."]
    if len(rows) > shown:
        parts.append(f"Drawn are the {shown} that are furthest apart; the tables have the others.")
    elsewhere = [item.name for item in found if quantity.kind == "cost" and not item.same_size]
    parts += [f"Not for {wording.listed(elsewhere)}, as no synthetic scores are as large."] if elsewhere else []
    labels = {row.label for row in rows}
    problems = {problem for item in found for problem in (item.problem, *item.synthetic)}
    soft = [item for item in run.results if item.target == "dgsea" and item.problem in problems]
    rounding = [name for name in dict.fromkeys(item.label for item in soft if item.done) if name not in labels]
    if quantity.kind == "error" and rounding:
        parts.append(f"No row where every error is zero or rounding, or is not known: {wording.listed(rounding)}.")
    failed = {f"{item.label} on {item.problem.scores} ({item.rows[0].status})": None for item in soft if not item.done}
    return [*parts, *([f"No result: {wording.listed(list(failed))}."] if failed else [])]


def _data(rows: Sequence[Comparison]) -> pd.DataFrame:
    table = []
    for row in rows:
        table.append((row.label, row.name, "real", row.name, row.real))
        table += [(row.label, row.name, "synthetic", name, value) for name, value in row.synthetic]
    metric = rows[0].quantity.metric
    return pd.DataFrame(table, columns=["backend", "problem", "kind", "scores", metric])
