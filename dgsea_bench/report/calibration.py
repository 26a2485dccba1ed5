"""The section on p-values where nothing is enriched: quantiles, and shares below a level with their intervals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import LEVEL
from dgsea_bench.report import maps, plots, wording
from dgsea_bench.report.canvas import Point, Series
from dgsea_bench.report.content import Cell, Figure, Section, Table, number_cell
from dgsea_bench.report.ranking import drawn_problems
from dgsea_bench.report.rows import Result, Run

TITLE = "Are p-values what they say, where nothing is enriched?"
ENOUGH_PROFILES = 20
"""Shares of fewer profiles say too little: those of a profile's sets come from the same scores."""

DEFINITIONS = {
    "fgsea": "(1 + n) / (1 + N), with N null scores of the observed sign, n of them at least as extreme,",
    "gsea": "n / N, with N null scores of the observed sign, n of them at least as extreme,",
    "released": "by the definition of the paper's release, (1 + n) / (1 + all null scores),",
}


def calibration(run: Run) -> Section | None:
    """Whether p-values are uniform where nothing is enriched, by our definition and by the release's."""
    measured = [result for result in run.results if result.values("p_below")]
    shown = [result for result in measured if _profiles(result) >= ENOUGH_PROFILES]
    if not measured:
        return None
    if not shown:
        most = max(_profiles(result) for result in measured)
        text = f"Measured on {most} profiles a problem; it takes {ENOUGH_PROFILES} to say anything of p-values."
        return Section(TITLE, "calibration", [f"{text} What was measured is in the table of all cases."])
    problems = list(dict.fromkeys(result.problem for result in shown))
    drawn = [(name, problem) for name, problem in drawn_problems(run) if problem in problems]
    figures = [_quantile_figure(run, name, [r for r in shown if r.problem == problem]) for name, problem in drawn]
    return Section(
        TITLE,
        "calibration",
        _calibration_sentences(shown),
        [_calibration_table(run, shown)],
        figures,
    )


def _profiles(result: Result) -> int:
    """Of all seeds together."""
    return sum(int(row.problem.get("profiles", 0)) for row in result.done)


def _calibration_sentences(shown: Sequence[Result]) -> list[str]:
    """A sentence for each definition of p that was measured, and one on the release's beside ours."""
    said = []
    for name in dict.fromkeys(_definition(result) for result in shown):
        mine = [result for result in shown if _definition(result) == name]
        soft = [result for result in mine if result.target == "dgsea"] or mine
        share = wording.span([result.typical("p_below") for result in soft], _tenths)
        text = f"Of p-values {DEFINITIONS.get(name, name)} {share} are below {LEVEL:g}"
        attainable = wording.span([result.typical("p_attainable") for result in soft], _tenths)
        text += f"; so many permutations can give {attainable}." if attainable != wording.UNKNOWN else "."
        holding = [result.label for result in mine if _holds(result)]
        off = [result.label for result in mine if _holds(result) is False]
        text += f" The 95 % interval holds that for {wording.listed(list(dict.fromkeys(holding)))}." if holding else ""
        text += f" It does not for {wording.listed(list(dict.fromkeys(off)))}." if off else ""
        if name != "released":
            released = wording.span([result.typical("p_below_released") for result in soft], _tenths)
            text += (
                f" By the definition of the paper's release, (1 + n) / (1 + all null scores), it is {released}: null "
                "scores of the other sign, which cannot be as extreme, count too and make every p-value smaller."
            )
        said.append(text)
    return said


def _definition(result: Result) -> str:
    return dict(result.problem.settings).get("p_value", "fgsea")


def _holds(result: Result) -> bool | None:
    """Whether the interval of the share holds the attainable one."""
    low, high = result.typical("p_below_low"), result.typical("p_below_high")
    attainable = result.typical("p_attainable")
    return None if low is None or high is None or attainable is None else low <= attainable <= high


def _calibration_table(run: Run, shown: Sequence[Result]) -> Table:
    header = [
        "scores",
        "method",
        f"below {LEVEL:g}",
        "attainable",
        "below, release's definition",
        "distance from uniform",
    ]
    names = {problem: name for name, problem in plots.named(run, run.problems)}
    body = [
        [
            Cell(names[result.problem]),
            plots.backend_cell(run, result.label),
            number_cell(result.typical("p_below"), _tenths, _interval(result, "p_below"), warn=_holds(result) is False),
            number_cell(result.typical("p_attainable"), _tenths),
            number_cell(result.typical("p_below_released"), _tenths, _interval(result, "p_below_released")),
            Cell(wording.metric("p_distance", result.typical("p_distance")), value=result.typical("p_distance")),
        ]
        for result in shown
    ]
    caption = (
        "Shares with their 95 % intervals, profiles being the units that were drawn. Attainable: what so many null "
        "scores can give, a little below the level as p-values come in steps. Distance: the largest between the "
        "distribution of the p-values and the uniform one (Kolmogorov–Smirnov)."
    )
    return Table("Share of p-values below the level", header, body, caption, numeric_from=2, wide=len(body) > 12)


def _interval(result: Result, metric: str) -> str:
    low, high = result.typical(f"{metric}_low"), result.typical(f"{metric}_high")
    return "" if low is None or high is None else f"{_tenths(low)} to {_tenths(high)}"


def _tenths(value: float | None) -> str:
    return wording.UNKNOWN if value is None else f"{100 * value:.1f}{wording.SPACE}%"


def _quantile_figure(run: Run, name: str, results: Sequence[Result]) -> Figure:
    """Observed against expected p-values; the release's definition dashed, of the first soft backend."""
    look = plots.look_of(run)
    series = []
    first = next((result for result in results if result.target == "dgsea"), results[0])
    for result in results:
        points = _quantiles(run, result, "p_value")
        if points:
            series.append(Series(result.label, look[result.label], points))
    released = _quantiles(run, first, "p_released")
    if released:
        dashed = replace(look[first.label], dashes=(3.0, 2.0))
        series.append(Series(f"{first.label}, release's definition", dashed, released))
    heading = f"p-values on {name}: {_tenths(first.typical('p_below'))} below {LEVEL:g} ({first.label})"
    if not series:
        missing = "Not drawn: the details of this run hold no p-values (details/*/sets.parquet)."
        return Figure(heading, None, "", missing=missing)
    svg = maps.quantile_plot(series, "expected p-value (uniform), logarithmic", "observed p-value, logarithmic", LEVEL)
    caption = (
        "Quantiles of the p-values of all sets and profiles against those of a uniform distribution; on the diagonal "
        f"they are what they say, below it too small. Dotted: {LEVEL:g}."
    )
    values = [
        f"{item.label} {wording.metric('p_distance', r.typical('p_distance'))}" for item, r in zip(series, results)
    ]
    alternative = f"Quantile plot. {heading}. Distance from uniform: {'; '.join(values)}."
    data = plots.data_of(series, "expected_p_value", "observed_p_value")
    return Figure(heading, svg, caption, alternative=alternative, data=data)


def _quantiles(run: Run, result: Result, column: str) -> tuple[Point, ...]:
    """(expected, observed), evenly spread on a logarithmic axis."""
    frames = [frame for row in result.done if (frame := run.details(row, "sets")) is not None]
    known = pd.concat([frame[column] for frame in frames]).dropna() if frames else pd.Series(dtype=float)
    if known.empty:
        return ()
    count = len(known)
    ordered = np.sort(known.to_numpy(float)).clip(0.5 / count)  # a logarithmic axis has no 0, which n / N may be
    chosen = np.unique(np.round(np.geomspace(1, count, 120)).astype(int)) - 1
    return tuple(Point(float((index + 0.5) / count), float(ordered[index])) for index in chosen)
