"""The section on strong and weak signatures: errors and agreement by how many genes of a profile respond."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy

from dgsea_bench.bench.metrics import ROUNDING
from dgsea_bench.data.profiles import RESPONDING
from dgsea_bench.report import plots, wording
from dgsea_bench.report.canvas import Look, Point, Series
from dgsea_bench.report.content import Cell, Figure, Section, Table, number_cell
from dgsea_bench.report.quantities import axis_title
from dgsea_bench.report.rows import Problem, Run
from dgsea_bench.report.scatter import Cloud, clouds
from dgsea_bench.report.signatures import (
    MEASURES,
    THIRDS,
    Measure,
    Signatures,
    Third,
    expected,
    problems_of,
    signatures,
)
from dgsea_bench.report.tables import size_in_words
from dgsea_bench.report.wording import capital

TITLE = "Strong and weak signatures"
GROUPS = 5
"""Of profiles, whose medians a line goes through."""
MOST_PROBLEMS = 3
"""Of more problems only so many are drawn, real ones first; the tables hold them all."""
LEVEL = 0.05
"""Of the test that two thirds differ; other differences are within noise."""
SUBJECTS = {"enrichment": "Errors", "significance": "Agreement"}
UNKNOWN = "Not known: the details of this run do not hold how many genes respond (details/*/profiles.parquet)."
X_TITLE = f"genes with abs(score) ≥ {RESPONDING:g}"
NARROW = 0.05
"""Of shares on an axis that spans less, three digits are told."""


def strength(run: Run) -> Section | None:
    """Errors and agreement by how many genes respond, where that differs between the profiles of a problem."""
    said: list[str] = []
    remarks: list[str] = []
    tables: list[Table] = []
    figures: list[Figure] = []
    everything: list[Signatures] = []
    for task, measures in MEASURES.items():
        part = run.of_task(task)
        if found := signatures(part, task):
            said += [f"{_begun(text)}." for measure in measures if (text := _takeaway(found, measure))]
            remarks.append(_left_out(found, task))
            tables.append(_table(part, found, measures, f"{SUBJECTS[task]} on strong and weak signatures"))
            figures += _figures(part, found, measures)
            everything += found
    if everything:
        remarks = [remark for remark in remarks if remark]
        return Section(TITLE, "strength", [*said, _definition(everything)], tables, figures, remarks)
    return Section(TITLE, "strength", [UNKNOWN]) if expected(run) else None


def _definition(found: Sequence[Signatures]) -> str:
    """What weak and strong mean."""
    weak = _range(pd.concat([item.thirds["weak"]["responding"] for item in found]))
    strong = _range(pd.concat([item.thirds["strong"]["responding"] for item in found]))
    return (
        f"Weak signatures are the third of a problem's profiles in which the fewest genes respond ({weak}), strong "
        f"ones the third in which the most do ({strong}). A gene responds if abs(score) is at least "
        f"{RESPONDING:g}: so CMap counts the strength of a signature, where scores are z-scores (Subramanian et al. "
        "2017, doi 10.1016/j.cell.2017.10.049)."
    )


def _left_out(found: Sequence[Signatures], task: str) -> str:
    count = len(problems_of(found)) - MOST_PROBLEMS
    return f"{SUBJECTS[task]} on {wording.plural(count, 'more problem')} in the table only." if count > 0 else ""


def _range(counts: pd.Series) -> str:
    return wording.span([float(counts.min()), float(counts.max())], wording.count)


def _relation(item: Signatures, measure: Measure) -> str | None:
    """The third whose values are larger; ``alike`` if they differ within noise or read the same; None if unknown."""
    weak, strong = item.known(measure.column, "weak"), item.known(measure.column, "strong")
    if not len(weak) or not len(strong):
        return None
    medians = float(np.median(weak)), float(np.median(strong))
    reads = {measure.quantity.form(median) for median in medians}
    if len(reads) == 1 or scipy.stats.mannwhitneyu(weak, strong).pvalue >= LEVEL:
        return "alike"
    return "weak" if medians[0] > medians[1] else "strong"


def _takeaway(found: Sequence[Signatures], measure: Measure) -> str:
    """A sentence on the backend that tells most of this measure, over all problems."""
    label = _told_of(found, measure)
    if label is None:
        return ""
    if not label:
        return f"the {measure.quantity.subject} of every backend is zero or rounding, on weak signatures and strong"
    groups: dict[str, list[Signatures]] = {}
    for item in found:
        if item.result.label == label and (relation := _relation(item, measure)):
            groups.setdefault(relation, []).append(item)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    count = len(problems_of(found))
    parts = []
    for number, (relation, items) in enumerate(ordered):
        subject = "" if number and measure.follows else "it" if number else _subject(label, measure)
        parts.append(" ".join(filter(None, (_where(items, count), subject, _compared(relation, items, measure)))))
    return "; ".join(parts)


def _where(items: Sequence[Signatures], count: int) -> str:
    """On which of so many problems; of some nothing may be known."""
    if count == 1:
        return ""
    if len(items) == 1:
        return f"on {items[0].name}"
    return f"on all {count} problems" if len(items) == count else f"on {len(items)} of {count} problems"


def _told_of(found: Sequence[Signatures], measure: Measure) -> str | None:
    """The backend to tell of: of errors the one that has the largest, of agreement exact or the first one.

    Empty where no error is more than rounding, None where there is nothing to tell.
    """
    soft = [item for item in found if item.result.target == "dgsea" and len(item.known(measure.column))]
    if not soft or not (measure.follows or measure.drawn):
        return None
    if measure.follows:
        labels = [item.result.label for item in soft]
        return "exact" if "exact" in labels else labels[0]
    worst = max(soft, key=lambda item: np.median(item.known(measure.column)))
    return worst.result.label if np.median(worst.known(measure.column)) >= ROUNDING else ""


def _subject(label: str, measure: Measure) -> str:
    return measure.follows.format(label) if measure.follows else f"the {measure.quantity.subject} of {label}"


def _compared(relation: str, items: Sequence[Signatures], measure: Measure) -> str:
    """``better on strong signatures (0.970) than on weak ones (0.910)``."""
    more, as_much = ("better", "as well") if measure.follows else ("is larger", "is as large")
    weak, strong = (
        wording.span([float(np.median(item.known(measure.column, third))) for item in items], measure.quantity.form)
        for third in THIRDS
    )
    if relation == "alike":
        if weak != strong:
            verb = "with" if measure.follows else "is"
            return f"{verb} {weak} on weak signatures and {strong} on strong ones, which may be chance"
        return f"{as_much} on weak signatures ({weak}) as on strong ones ({strong})"
    if relation == "weak":
        return f"{more} on weak signatures ({weak}) than on strong ones ({strong})"
    return f"{more} on strong signatures ({strong}) than on weak ones ({weak})"


def _begun(text: str) -> str:
    """With a capital letter, unless dES or dNES begins it."""
    return text if text.startswith("d") else capital(text)


def _table(run: Run, found: Sequence[Signatures], measures: Sequence[Measure], title: str) -> Table:
    """Problem × backend × third: medians and quartiles."""
    header = ["backend", "signatures", "profiles", "responding genes", *[measure.header for measure in measures]]
    body: list[list[Cell]] = []
    previous = None
    for item in found:
        problem = item.result.problem
        if problem != previous:
            notes = [size_in_words(problem), problem.differing(run.varying)]
            body.append([Cell(f"{problem.scores} scores", ", ".join(note for note in notes if note))])
        body += [_cells(run, item, third, measures) for third in item.thirds]
        previous = problem
    caption = (
        "Medians over the profiles of a third, with quartiles below. Within noise: the values of the two thirds do "
        f"not differ with p < {LEVEL:g} (Mann–Whitney)."
    )
    return Table(title, header, body, caption, numeric_from=2, wide=len(body) > 16)


def _cells(run: Run, item: Signatures, third: Third, measures: Sequence[Measure]) -> list[Cell]:
    frame = item.thirds[third]
    backend = plots.backend_cell(run, item.result.label)
    responding = Cell(_range(frame["responding"]), place=float(frame["responding"].min()))
    cells = [backend, Cell(third), number_cell(len(frame), wording.count), responding]
    for measure in measures:
        values, form = item.known(measure.column, third), measure.quantity.form
        if len(values):
            first, median, last = np.quantile(values, [0.25, 0.5, 0.75])
            quartiles = wording.span([first, last], form)
            cells.append(number_cell(float(median), form, quartiles if quartiles != form(median) else ""))
        else:
            cells.append(Cell(wording.UNKNOWN))
    return cells


def _figures(run: Run, found: Sequence[Signatures], measures: Sequence[Measure]) -> list[Figure]:
    """A figure for each drawn measure of the first problems, real ones before others."""
    by_problem: dict[Problem, list[Signatures]] = {}
    for item in sorted(found, key=lambda item: not item.result.problem.real):
        by_problem.setdefault(item.result.problem, []).append(item)
    alone = len(by_problem) == 1
    return [
        _figure(run, items, measure, "" if alone else items[0].name)
        for items in list(by_problem.values())[:MOST_PROBLEMS]
        for measure in measures
        if measure.drawn
    ]


def _figure(run: Run, items: Sequence[Signatures], measure: Measure, place: str) -> Figure:
    """The measure of each profile against its strength, by backend."""
    quantity = measure.quantity
    takeaway = _takeaway(items, measure) or f"{quantity.subject} not known"
    heading = f"{place}: {takeaway}" if place else _begun(takeaway)
    where = plots.describe(run, items[0].result.problem)
    look = plots.look_of(run)
    made = {item.result.label: _cloud(item, measure, look[item.result.label]) for item in items}
    drawn = [cloud for cloud in made.values() if cloud is not None]
    if not drawn:
        return Figure(heading, None, f"{where}.", missing=_nothing_drawn(items, measure))
    lowest, highest = min(d.y for c in drawn for d in c.dots), max(d.y for c in drawn for d in c.dots)
    tick = wording.share if quantity.kind == "agreement" and highest - lowest < NARROW else quantity.tick
    svg = clouds(drawn, X_TITLE, axis_title(quantity), tick, log=quantity.kind == "error")
    caption = (
        f"{where}. {capital(quantity.title)}. A faint dot is a profile; the line goes through the medians of groups "
        f"of profiles, from the weakest to the strongest.{_not_drawn(items, made, measure)}"
    )
    ends = []
    for cloud in drawn:
        first, last = cloud.medians.points[0], cloud.medians.points[-1]
        name, low, high = cloud.medians.label, quantity.form(first.y), quantity.form(last.y)
        ends.append(f"{name} {low} at {first.x:,.0f} responding genes, {high} at {last.x:,.0f}")
    dots = [Series(cloud.medians.label, cloud.medians.look, cloud.dots) for cloud in drawn]
    data = plots.data_of(dots, "responding_genes", measure.column)
    return Figure(heading, svg, caption, f"Scatter plot. {heading}. Medians: {'; '.join(ends)}.", data=data)


def _cloud(item: Signatures, measure: Measure, look: Look) -> Cloud | None:
    """Dots and medians of what can be drawn: on a logarithmic axis no zeros, and no rounding far below all else."""
    if not len(item.known(measure.column)):
        return None
    shown = item.table.dropna(subset=[measure.column])
    if measure.quantity.kind == "error":
        shown = shown[shown[measure.column] > 0]
        if shown.empty or shown[measure.column].median() < ROUNDING:
            return None
    pairs = shown[["responding", measure.column]].to_numpy(float)
    groups = np.array_split(pairs, max(1, min(GROUPS, len(pairs) // 2)))
    medians = tuple(Point(*map(float, np.median(group, axis=0))) for group in groups)
    return Cloud(Series(item.result.label, look, medians), tuple(Point(float(x), float(y)) for x, y in pairs))


def _nothing_drawn(items: Sequence[Signatures], measure: Measure) -> str:
    if measure.quantity.kind == "error" and any(len(item.known(measure.column)) for item in items):
        return "Not drawn: no backend has an error that is more than rounding."
    return plots.nothing_drawn(measure.quantity)


def _not_drawn(items: Sequence[Signatures], made: Mapping[str, Cloud | None], measure: Measure) -> str:
    """Backends whose errors are none or rounding, and profiles on which others have none."""
    if measure.quantity.kind != "error":
        return " Lines of backends that agree cover one another." if len(made) > 1 else ""
    left_out = {item.result.label: item.known(measure.column) for item in items if made[item.result.label] is None}
    rounding = [label for label, values in left_out.items() if values.any()]
    parts = [plots.zeros_told([label for label, values in left_out.items() if len(values) and not values.any()])]
    parts += [f"Left out as rounding: {wording.listed(rounding)}."] if rounding else []
    for item in items:
        missing = int((item.known(measure.column) == 0).sum())
        if missing and made[item.result.label] is not None:
            parts.append(f"Left out: {wording.plural(missing, 'profile')} on which {item.result.label} has no error.")
    return "".join(f" {part}" for part in parts if part)
