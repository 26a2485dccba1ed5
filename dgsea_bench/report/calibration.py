"""The section on p-values where nothing is enriched: quantiles, and shares below a level with their intervals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import LEVEL
from dgsea_bench.report import maps, plots, wording
from dgsea_bench.report.canvas import Point, Series
from dgsea_bench.report.content import Cell, Figure, Section, Table
from dgsea_bench.report.ranking import drawn_problems
from dgsea_bench.report.rows import Result, Run


def calibration(run: Run) -> Section | None:
    """Whether p-values are uniform where nothing is enriched, by our definition and by the release's."""
    shown = [result for result in run.results if result.values("p_below")]
    if not shown:
        return None
    problems = list(dict.fromkeys(result.problem for result in shown))
    drawn = [(name, problem) for name, problem in drawn_problems(run) if problem in problems]
    figures = [_quantile_figure(run, name, [r for r in shown if r.problem == problem]) for name, problem in drawn]
    return Section(
        "Are p-values what they say, where nothing is enriched?",
        "calibration",
        _calibration_sentences(shown),
        [_calibration_table(run, shown)],
        figures,
    )


def _calibration_sentences(shown: Sequence[Result]) -> list[str]:
    soft = [result for result in shown if result.target == "dgsea"] or shown
    share = wording.span([result.typical("p_below") for result in soft], _tenths)
    attainable = wording.span([result.typical("p_attainable") for result in soft], _tenths)
    released = wording.span([result.typical("p_below_released") for result in soft], _tenths)
    held = [_holds(result) for result in shown]
    known = [answer for answer in held if answer is not None]
    agree = f"{sum(known)} of {len(known)} intervals hold the share that so many permutations can give" if known else ""
    return [
        f"Of p-values (1 + n) / (1 + N), with N null scores of the observed sign, {share} are below {LEVEL:g}; so "
        f"many permutations can give {attainable}. {agree + '. ' if agree else ''}By the definition of the paper's "
        f"release, (1 + n) / (1 + all null scores), it is {released}: null scores of the other sign, which cannot "
        "be as extreme, count too and make every p-value smaller."
    ]


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
            Cell(result.label),
            Cell(_tenths(result.typical("p_below")), _interval(result, "p_below"), warn=_holds(result) is False),
            Cell(_tenths(result.typical("p_attainable"))),
            Cell(_tenths(result.typical("p_below_released")), _interval(result, "p_below_released")),
            Cell(wording.share(result.typical("p_distance"))),
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
    return Figure(heading, svg, caption, alternative=alternative)


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
