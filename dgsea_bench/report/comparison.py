"""The page on two runs: a comparison -> sentences, figures and tables -> HTML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from dgsea_bench.bench.compare import (
    BETTER,
    ERROR_TOLERANCE,
    FASTER,
    INCOMPARABLE,
    NOW_FAILS,
    SAME,
    SLOWER,
    TRAINED_TOLERANCE,
    WORSE,
    Change,
    Comparison,
    Duration,
    ErrorChange,
    Side,
)
from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.bench.results import Row
from dgsea_bench.report import wording
from dgsea_bench.report.canvas import BLUE, GREY, VERMILION, Look, Point, Series
from dgsea_bench.report.content import Cell, Figure, Headline, Section, Table
from dgsea_bench.report.forest import forest
from dgsea_bench.report.page import render_sections
from dgsea_bench.report.plots import data_of
from dgsea_bench.report.tables import LONGEST_TEXT, entries_of_environment

LOOKS = {SLOWER: Look(VERMILION, "s"), SAME: Look(GREY, "o"), FASTER: Look(BLUE, "D")}
MOST_FIGURES, MOST_ROWS = 8, 24
"""Of more groups of cases, and of more cases in a group, those whose time changed most are drawn."""
WIDEST = 4.0
"""An axis reaches beyond the outermost ratio by this factor at most, however wide its interval."""
ERROR_NAMES = {"gradient_error": "gradient ", "pathway_mse": "pathway MSE ", "gene_rmse": "gene RMSE "}
"""Before an error that is not of the score itself."""
ALWAYS_COUNTED = (SLOWER, FASTER, SAME)


@dataclass(frozen=True)
class Names:
    """The problems of all cases in words: what they have in common, and case_id -> what is its own."""

    common: str
    own: Mapping[str, str]

    def of(self, row: Row) -> str:
        """A problem in words; where all are one, what that is."""
        return self.own[row.case_id] or self.common


def render_comparison(comparison: Comparison, names: Names) -> str:
    """The HTML of a comparison."""
    sections = [
        _verdict(comparison, names),
        _times(comparison, names),
        _all_cases(comparison, names),
        _environments(comparison),
        _how_to_read(comparison),
    ]
    return render_sections(_headline(comparison), [section for section in sections if section is not None])


def verdict_sentence(comparison: Comparison) -> str:
    """The answer: ``2 regressions in 36 cases: 1 slower, 1 now fails``."""
    counts, cases = comparison.counts, wording.plural(len(comparison.changes), "case")
    if comparison.regressions:
        found = wording.plural(len(comparison.regressions), "regression")
        return f"{found} in {cases}: {_counted(counts, (NOW_FAILS, WORSE, SLOWER))}"
    good = _counted(counts, (FASTER, BETTER))
    if not any(change.ratio for change in comparison.changes):
        return f"No regression in {cases}, but no times could be compared"
    return f"No regression in {cases}{f': {good}' if good else ''}"


def summary(comparison: Comparison) -> str:
    """How many cases have which verdict, those in one run alone included."""
    counts = comparison.counts
    told = [f"{counts.get(name, 0):,} {name}" for name in ALWAYS_COUNTED]
    told += [f"{number:,} {name}" for name, number in counts.items() if name not in (*ALWAYS_COUNTED, INCOMPARABLE)]
    told += [f"{number:,} {INCOMPARABLE} ({reason})" for reason, number in comparison.reasons.items()]
    alone = [
        f"{len(rows):,} only in {side.name}"
        for rows, side in ((comparison.only_before, comparison.before), (comparison.only_after, comparison.after))
        if rows
    ]
    return f"{wording.plural(len(comparison.changes), 'case')} in both runs: {', '.join([*told, *alone])}"


def time_text(time: Duration | None) -> str:
    """A time, or that it is not known."""
    return wording.seconds(time.seconds if time else None)


def interval_text(change: Change) -> str:
    """``1.70 to 1.95``; empty where times do not compare."""
    return f"{wording.ratio(change.ratio.low)} to {wording.ratio(change.ratio.high)}" if change.ratio else ""


def error_text(error: ErrorChange) -> str:
    """``0.20 % → 0.40 %``; one number if they read the same."""
    before, after = wording.metric(error.metric, error.before), wording.metric(error.metric, error.after)
    return before if before == after else f"{before} → {after}"


def _counted(counts: Mapping[str, int], names: Sequence[str]) -> str:
    return ", ".join(f"{counts[name]:,} {name}" for name in names if counts.get(name))


def _headline(comparison: Comparison) -> Headline:
    before, after = comparison.before, comparison.after
    explained = (
        "Two runs of dgsea_bench, case by case: what became slower or faster, more or less wrong, and what fails now. "
        f"Changes within {100 * comparison.tolerance:g} % are no news."
    )
    measured = (
        f"Before: {before.name}, {wording.plural(len(before.rows), 'case')}. "
        f"After: {after.name}, {wording.plural(len(after.rows), 'case')}."
    )
    about = f"{before.name} and {after.name}: what changed?"
    return Headline(verdict_sentence(comparison), about, explained, measured, _machines(comparison))


def _machines(comparison: Comparison) -> str:
    before, after = (wording.listed(side.machines()) for side in (comparison.before, comparison.after))
    return before if before == after else f"{before} before; {after} after"


def _verdict(comparison: Comparison, names: Names) -> Section:
    said = [f"{summary(comparison)}.", _typical(comparison), *comparison.remarks]
    if names.common:
        said.append(f"All cases: {names.common}.")
    tables = [_case_table("Regressions, the worst first", comparison.regressions, names, wide=False)]
    return Section("Verdict", "verdict", [line for line in said if line], tables if comparison.regressions else [])


def _typical(comparison: Comparison) -> str:
    ratios = [change.ratio.value for change in comparison.changes if change.ratio]
    if not ratios:
        return ""
    extent = wording.span(ratios, lambda value: wording.ratio(value or 0.0))
    middle = f"; the median is {wording.ratio(median(ratios))}" if " to " in extent else ""
    return f"Time after / time before, of {wording.plural(len(ratios), 'case')}: {extent}{middle}."


def _times(comparison: Comparison, names: Names) -> Section | None:
    """A figure for each backend, or for each problem where these are fewer."""
    drawable = _in_order(comparison, [change for change in comparison.changes if change.ratio])
    if not drawable:
        return None
    labels = {change.after.label for change in drawable}
    problems = {names.of(change.after) for change in drawable}
    by_label = len(labels) <= len(problems)
    groups: dict[str, list[Change]] = {}
    for change in drawable:
        label, problem = change.after.label, names.of(change.after)
        groups.setdefault(label if by_label else problem, []).append(change)
    chosen = sorted(groups, key=lambda name: -max(map(_distance, groups[name])))[:MOST_FIGURES]
    shown = {name: _most_changed(groups[name]) for name in groups if name in chosen}
    span = _span([change for changes in shown.values() for change in changes])
    figures = []
    for name, changes in shown.items():
        rows = [names.of(change.after) if by_label else change.after.label for change in changes]
        figures.append(_forest_figure(name, rows, changes, len(groups[name]), comparison.tolerance, span))
    return Section("Times", "times", _told_of_figures(comparison, groups, shown), figures=figures)


def _told_of_figures(
    comparison: Comparison, groups: Mapping[str, Sequence[Change]], shown: Mapping[str, Sequence[Change]]
) -> list[str]:
    """What the marks mean, and what is not drawn."""
    marks = (
        "Each mark is time after / time before of one case, on a logarithmic axis, the same in all figures. Bars: the "
        "interval of the ratio, conservative, with each time at the ends of its own. Line: 1, no change. Band: within "
        f"the tolerance of {100 * comparison.tolerance:g} %."
    )
    drawable = sum(map(len, groups.values()))
    not_drawn = {
        "without a ratio": len(comparison.changes) - drawable,
        "whose time changed less": drawable - sum(map(len, shown.values())),
    }
    told = [f"{wording.plural(count, 'case')} {why}" for why, count in not_drawn.items() if count]
    return [marks, *([f"Not drawn, in the table only: {wording.listed(told)}."] if told else [])]


def _in_order(comparison: Comparison, changes: Sequence[Change]) -> list[Change]:
    """As in the run, which goes from small problems to large ones."""
    place = {row.case_id: number for number, row in enumerate(comparison.after.rows)}
    return sorted(changes, key=lambda change: place[change.after.case_id])


def _distance(change: Change) -> float:
    return abs(math.log(change.ratio.value)) if change.ratio else 0.0


def _most_changed(changes: Sequence[Change]) -> list[Change]:
    ordered = sorted(changes, key=lambda change: (not change.regression, -_distance(change)))
    chosen = {change.after.case_id for change in ordered[:MOST_ROWS]}
    return [change for change in changes if change.after.case_id in chosen]


def _span(changes: Sequence[Change]) -> tuple[float, float]:
    ratios = [change.ratio for change in changes if change.ratio]
    lowest, highest = min(ratio.value for ratio in ratios), max(ratio.value for ratio in ratios)
    low = max(min(ratio.low for ratio in ratios), lowest / WIDEST)
    return low, min(max(ratio.high for ratio in ratios), highest * WIDEST)


def _forest_figure(
    name: str, rows: Sequence[str], changes: Sequence[Change], count: int, tolerance: float, span: tuple[float, float]
) -> Figure:
    series = []
    for verdict, look in LOOKS.items():
        points = tuple(
            Point(number, change.ratio.value, change.ratio.low, change.ratio.high)
            for number, change in enumerate(changes)
            if change.ratio and change.time == verdict
        )
        if points:
            series.append(Series(verdict, look, points))
    found = ", ".join(f"{len(item.points):,} {item.label}" for item in series)
    heading = f"{name}: {found}"
    caption = f"{len(changes):,} of {count:,} cases, those whose time changed most." if len(changes) < count else ""
    told = [f"{row} {wording.ratio(each.ratio.value)}" for row, each in zip(rows, changes, strict=True) if each.ratio]
    svg = forest(rows, series, "time after / time before", band=(1 / (1 + tolerance), 1 + tolerance), span=span)
    data = data_of(series, "case", "time_after_by_time_before", rows).rename(columns={"backend": "verdict"})
    return Figure(heading, svg, caption, f"Forest plot of ratios. {heading}. {'; '.join(told)}.", data=data)


def _case_table(title: str, changes: Sequence[Change], names: Names, *, wide: bool) -> Table:
    header = ["case", "verdict", "before", "after", "ratio", "error"]
    body = [
        [
            Cell(change.after.label, names.of(change.after), strong=True),
            _verdict_cell(change),
            *[_time_cell(time) for time in change.times],
            _ratio_cell(change),
            _error_cell(change),
        ]
        for change in changes
    ]
    return Table(title, header, body, numeric_from=2, wide=wide)


def _verdict_cell(change: Change) -> Cell:
    """The verdict, and in small the reasons that go with it."""
    parts = [verdict.partition(": ") for verdict in change.verdicts]
    words, reasons = ", ".join(word for word, _, _ in parts), "; ".join(reason for _, _, reason in parts if reason)
    return Cell(words, reasons, warn=change.regression)


def _ratio_cell(change: Change) -> Cell:
    if change.ratio is None:
        return Cell(wording.UNKNOWN)
    return Cell(wording.ratio(change.ratio.value), interval_text(change), value=change.ratio.value)


def _time_cell(time: Duration | None) -> Cell:
    known = time is not None and math.isfinite(time.high)
    interval = f"{wording.seconds(time.low)} to {wording.seconds(time.high)}" if time and known else ""
    return Cell(time_text(time), interval, value=time.seconds if time else None)


def _error_cell(change: Change) -> Cell:
    """The error of the score, and in small that of the gradient."""
    texts = [(error.metric, error_text(error)) for error in change.errors]
    first = [ERROR_NAMES.get(metric, "") + text for metric, text in texts if metric != "gradient_error"]
    gradient = [f"gradient {text}" for metric, text in texts if metric == "gradient_error"]
    after = next((error.after for error in change.errors if error.metric != "gradient_error"), None)
    return Cell("; ".join(first) or wording.UNKNOWN, "; ".join(gradient), warn=change.worse, place=after)


def _all_cases(comparison: Comparison, names: Names) -> Section:
    tables = [_case_table("Every case in both runs, the worst first", comparison.changes, names, wide=True)]
    alone = [
        [Cell(row.label, names.of(row), strong=True), Cell(side.name), Cell(row.status, row.reason or "")]
        for rows, side in ((comparison.only_before, comparison.before), (comparison.only_after, comparison.after))
        for row in rows
    ]
    if alone:
        tables.append(Table("Cases in one run alone", ["case", "run", "status"], alone, wide=True))
    return Section("All cases", "cases", tables=tables)


def _environments(comparison: Comparison) -> Section:
    """A column per environment of each run; what differs between the runs is marked."""
    sides = (("before", comparison.before), ("after", comparison.after))
    columns = [(when, name, side) for when, side in sides for name in side.used()]
    described = [entries_of_environment(side.environments.get(name, {})) for _, name, side in columns]
    measured = [[row for row in side.rows if row.environment_id == name] for _, name, side in columns]
    keys = list(dict.fromkeys(key for known in described for key in known))
    body = [
        [Cell("cases"), *[Cell(f"{len(rows):,}") for rows in measured]],
        _compared_row("measurement version", columns, [_versions(rows) for rows in measured]),
    ]
    for group, name in keys:
        values = [known.get((group, name), wording.UNKNOWN) for known in described]
        body.append(_compared_row(f"{group}: {name}" if group else name, columns, values))
    header = ["environment", *[f"{when}: {name}" for when, name, _ in columns]]
    caption = "What differs between the two runs is marked with ≠." if any(row[0].warn for row in body) else ""
    return Section(
        "Where it was measured",
        "environment",
        tables=[Table("Environments", header, body, caption or "No difference.")],
    )


def _versions(rows: Sequence[Row]) -> str:
    return wording.listed([str(version) for version in sorted({row.measurement_version for row in rows})])


def _compared_row(key: str, columns: Sequence[tuple[str, str, Side]], values: Sequence[str]) -> list[Cell]:
    by_side: dict[str, set[str]] = {}
    for (when, _, _), value in zip(columns, values, strict=True):
        by_side.setdefault(when, set()).add(value)
    differs = by_side["before"] != by_side["after"]
    cells = [Cell(wording.shortened(value, LONGEST_TEXT), warn=differs) for value in values]
    return [Cell(f"{key} ≠" if differs else key, warn=differs), *cells]


def _how_to_read(comparison: Comparison) -> Section:
    by = f"{100 * comparison.tolerance:g} %"
    errors = wording.listed([METRICS[name].title for name in ("value_error_mean", "gradient_error", "nes_error_mean")])
    text = [
        "Cases are matched by their case_id: the same problem, parameters, backend and knobs on the same inputs.",
        "Time: median of forward and backward pass; of a backend without a gradient the forward pass; of significance "
        "the NES of a profile with its null distribution. In small its 95 % interval, over calls.",
        f"Slower, faster: the time changed by more than {by}, and the interval of the ratio excludes 1. Times of two "
        "machines (processor, cores, GPU) do not compare.",
        f"Errors are {errors}. Worse, better: changed by more than {100 * ERROR_TOLERANCE:g} % and by more than "
        "rounding does, on whatever machine; of trained models, pathway MSE and gene RMSE, by more than "
        f"{100 * TRAINED_TOLERANCE:g} %.",
        "A regression is a case that is slower, has a larger error, or was done before and fails now.",
    ]
    return Section("How to read this", "reading", text)
