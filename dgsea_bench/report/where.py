"""The section on where approximations go wrong: their errors by set size and by the strength of enrichment."""

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from dgsea_bench.report import plots, wording
from dgsea_bench.report.bands import MOST_BANDS, Band, bands
from dgsea_bench.report.canvas import Look, Point, Series
from dgsea_bench.report.content import Cell, Figure, Section, Table, number_cell
from dgsea_bench.report.quantities import ERROR
from dgsea_bench.report.rows import Problem, Run
from dgsea_bench.report.set_errors import (
    LEVEL,
    MATERIAL,
    STRENGTH,
    TRAITS,
    Relation,
    SetErrors,
    Trait,
    labels_of,
    set_errors,
    wrong_problems,
)
from dgsea_bench.report.wording import capital

TITLE = "Where do approximations go wrong?"
UNKNOWN = "Not known: the details of this run do not hold the errors of each gene set (details/*/sets.parquet)."
TOP = 10
MOST_KINDS = 6
MOST_BACKENDS = 4
"""In the table of sets; those with the largest errors."""


def where(run: Run) -> Section | None:
    """Errors of each gene set, where some backend has any that are more than rounding."""
    problems = wrong_problems(run)
    if not problems:
        return None
    found = set_errors(run)
    if not found:
        return Section(TITLE, "where", [UNKNOWN])
    shown = [items[0].result.problem for items in found]
    part = run.of_problems(shown)
    names = [name for name, _ in plots.named(part, shown)] if len(shown) > 1 else [""]
    figures = [_figure(run, items, trait, name) for items, name in zip(found, names, strict=True) for trait in TRAITS]
    remarks = _left_out([problem for problem in problems if problem not in shown])
    return Section(TITLE, "where", [_answer(found), _definition()], [_table(run, found[0])], figures, remarks)


def _left_out(problems: Sequence[Problem]) -> list[str]:
    """What is not shown, though backends err there."""
    kinds = list(dict.fromkeys(problem.scores for problem in problems))
    named = f" ({wording.listed(kinds)} scores)" if len(kinds) <= MOST_KINDS else ""
    return [f"Left out: errors on {wording.plural(len(problems), 'more problem')}{named}."] if problems else []


def _answer(found: Sequence[Sequence[SetErrors]]) -> str:
    """At which end of each trait errors are larger, over all backends and problems that are shown."""
    told = []
    for trait in TRAITS:
        relations = [item.relation(trait) for items in found for item in items]
        known = [relation for relation in relations if relation.known]
        low, high = (sum(relation.larger == end for relation in known) for end in ("low", "high"))
        if not known:
            told.append(f"may or may not go with {trait.title}, which cannot be told here")
        elif not low and not high:
            told.append(f"show no pattern with {trait.title}")
        else:
            among = f" of {len(known)} cases" if len(known) > 1 else ""
            ends = [(low, trait.low), (high, trait.high)]
            parts = [f"on {name}" + (f" in {count}{among}" if among else "") for count, name in ends if count]
            told.append(f"are larger {wording.listed(parts)}")
    cases = " A case is a backend on a problem." if sum(map(len, found)) > 1 else ""
    return f"Relative errors of gene sets {'; they '.join(told)}.{cases}"


def _definition() -> str:
    """What the figures say a pattern is."""
    return (
        "The rank correlation (Spearman) is that of error and trait over the sets of a profile, its median over "
        "profiles. Profiles are not independent, since they share their sets: a pattern is told only where so large a "
        f"correlation were unlikely (p < {LEVEL:g}) in a single profile, and the outer fifths differ in the same way, "
        f"by {MATERIAL:g} times at least."
    )


def _takeaway(items: Sequence[SetErrors], trait: Trait) -> str:
    """A sentence on the backend with the largest errors that go with the trait, and on the others."""
    ordered = sorted(items, key=lambda item: -item.typical)
    relations = {item.result.label: item.relation(trait) for item in ordered}
    known = {label: relation for label, relation in relations.items() if relation.known}
    if not known:
        sets = wording.plural(next(iter(relations.values())).sets, "set")
        return f"whether errors go with {trait.title} cannot be told ({sets} of a profile)"
    clear = [label for label, relation in known.items() if relation.larger]
    if not clear:
        subject = "errors show" if len(known) > 1 else f"the error of {next(iter(known))} shows"
        correlations = wording.span([relation.spearman for relation in known.values()], _correlation)
        return f"{subject} no pattern with {trait.title} (Spearman {correlations})"
    label = clear[0]
    return f"{_told(label, known[label], trait)}{_others(label, known)}"


def _told(label: str, relation: Relation, trait: Trait) -> str:
    """``the error of nyswin is larger on weak sets: 0.79 % in the weakest fifth, 0.51 % in the strongest (…)``."""
    ends = [(trait.low, trait.lowest, relation.low), (trait.high, trait.highest, relation.high)]
    (sets, _, more), (_, _, less) = ends if relation.larger == "low" else ends[::-1]
    told = f"{wording.error(relation.low)} in the {trait.lowest}, {wording.error(relation.high)} in the {trait.highest}"
    factor = f"{wording.times(more / less)} times, Spearman {_correlation(relation.spearman)}"
    return f"the error of {label} is larger on {sets}: {told} ({factor})"


def _others(told: str, known: dict[str, Relation]) -> str:
    """Whether the other backends do the same."""
    rest = {label: relation for label, relation in known.items() if label != told}
    same = [label for label, relation in rest.items() if relation.larger == known[told].larger]
    other = [label for label, relation in rest.items() if relation.larger not in (None, known[told].larger)]
    none = [label for label, relation in rest.items() if relation.larger is None]
    parts = [
        f"so it is for {wording.listed(same)}" if same else "",
        f"the other way round for {wording.listed(other)}" if other else "",
        f"no pattern for {wording.listed(none)}" if none else "",
    ]
    return "".join(f"; {part}" for part in parts if part)


def _correlation(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}".replace("-", "−")


def _figure(run: Run, items: Sequence[SetErrors], trait: Trait, place: str) -> Figure:
    """Errors against a trait, a line with its spread per backend."""
    takeaway = _takeaway(items, trait)
    heading = f"{place}: {takeaway}" if place else capital(takeaway)
    described = plots.describe(run, items[0].result.problem)
    if all(item.table[trait.column].nunique() == 1 for item in items):
        value = trait.form(float(items[0].table[trait.column].iloc[0]))
        return Figure(
            heading, None, f"{described}.", missing=f"Not drawn: {trait.title} is the same for all sets, {value}."
        )
    look = plots.look_of(run)
    frames = {item.result.label: item.along(trait) for item in items}
    drawn = [_band(label, frame, look[label]) for label, frame in frames.items()]
    svg = bands(drawn, trait.axis, "relative error, logarithmic", trait.form, ERROR.tick)
    spread = "; the band goes from quartile to quartile, dashes are the 95th percentile"
    caption = (
        f"{described}. The line goes through the medians of eighths of all pairs of profile and set"
        f"{spread if len(drawn) <= MOST_BANDS else ''}.{_of_the_worst(items, trait)}"
    )
    ends = [_ends(label, frame, trait) for label, frame in frames.items()]
    data = pd.concat([frame.assign(backend=label) for label, frame in frames.items()])
    names = {"at": trait.column, "low": "quartile_1", "upper": "quartile_3", "high": "percentile_95"}
    data = data[["backend", "at", "median", "low", "upper", "high", "pairs"]].rename(columns=names)
    return Figure(heading, svg, caption, f"Line plot. {heading}. Medians: {'; '.join(ends)}.", data=data)


def _ends(label: str, frame: pd.DataFrame, trait: Trait) -> str:
    first, last = frame.iloc[0], frame.iloc[-1]
    return (
        f"{label} {ERROR.form(first['median'])} at {trait.form(first['at'])} ({trait.axis}), "
        f"{ERROR.form(last['median'])} at {trait.form(last['at'])}"
    )


def _band(label: str, frame: pd.DataFrame, look: Look) -> Band:
    values = frame[["at", "median", "low", "upper"]].to_numpy(float)
    points = tuple(Point(*map(float, row)) for row in values)
    return Band(Series(label, look, points), tuple(map(float, frame["high"])))


def _of_the_worst(items: Sequence[SetErrors], trait: Trait) -> str:
    """How the largest errors go with a trait; and the difference itself, which a relative error divides by strength."""
    worst = max(items, key=lambda item: item.typical)
    relation = worst.relation(trait)
    (low, high), (less, more) = map(ERROR.form, relation.tails), relation.differences
    told = (
        f" Of {worst.result.label} the 95th percentile is {low} in the {trait.lowest} and {high} in the {trait.highest}"
    )
    if trait is not STRENGTH:
        return f"{told}."
    return f"{told}; abs(dES − truth), which is divided by the strength, is {_short(less)} and {_short(more)}."


def _short(value: float) -> str:
    return f"{value:.2g}".replace("e-0", "e-")


def _table(run: Run, items: Sequence[SetErrors]) -> Table:
    """The gene sets with the largest errors under each backend."""
    header = ["gene set", "genes", "abs(true dES)", "relative error", "largest", "profiles"]
    body: list[list[Cell]] = []
    ordered = sorted(items, key=lambda item: -item.typical)
    for item in ordered[:MOST_BACKENDS]:
        sets = item.by_set.to_dict("records")
        everything = wording.span([row["error"] for row in sets], ERROR.form)
        body.append([Cell(item.result.label, f"{wording.plural(len(sets), 'set')}: {everything}")])
        body += [_cells(row) for row in sets[:TOP]]
    left_out = labels_of(ordered[MOST_BACKENDS:])
    caption = (
        f"{plots.describe(run, items[0].result.problem)}. Medians over profiles, and the largest relative error of any."
        f"{f' Left out, with smaller errors: {wording.listed(left_out)}.' if left_out else ''}"
    )
    return Table("Gene sets with the largest relative errors", header, body, caption, 1, wide=len(body) > 16)


def _cells(row: dict[Hashable, Any]) -> list[Cell]:
    """A gene set."""
    return [
        Cell(wording.shortened(str(row["gene_set"]), 60)),
        number_cell(row["size"], wording.count),
        Cell(wording.ratio(row["strength"]), value=row["strength"]),
        number_cell(row["error"], ERROR.form),
        number_cell(row["worst"], ERROR.form),
        number_cell(row["profiles"], wording.count),
    ]
