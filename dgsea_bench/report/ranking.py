"""The section that answers whether dNES still ranks pathways as GSEA does: over profiles, by problem and backend."""

from collections.abc import Sequence
from dataclasses import fields
from statistics import median

import pandas as pd

from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.core.params import PRESETS, EnrichmentParams, NullParams
from dgsea_bench.report import maps, plots, wording
from dgsea_bench.report.canvas import Form
from dgsea_bench.report.content import Cell, Figure, Section, Table, number_cell
from dgsea_bench.report.maps import Sample
from dgsea_bench.report.quantities import Groups, Quantity
from dgsea_bench.report.rows import Result, Run
from dgsea_bench.report.ticks import SECONDS

MOST_GROUPS = 8
"""Of more problems only those at the recommended temperatures, or the first ones, are drawn; tables hold them all."""

TOLD = [item.name for kind in (EnrichmentParams, NullParams) for item in fields(kind)]
"""Settings that a reader needs in order to know what was measured."""

SHARES = ("nes_slope", "top_ten_overlap", "es_spearman", "es_sign_agreement")
ENOUGH_FOR_TOP_TEN = 30
"""Of fewer sets, many are among the ten largest by chance."""

NULL_TIME = Quantity(
    "null_seconds", "time of a profile's NES", "cost", wording.seconds, SECONDS, "null_seconds_q1",
    "null_seconds_q3", baseline="null_seconds", whiskers="Whiskers are the quartiles of repeated calls.",
)  # fmt: skip


def ranking(run: Run) -> Section | None:
    """Whether dNES ranks gene sets as NES does: sentences, distributions over profiles, a table."""
    compared = [result for result in run.results if result.values("nes_spearman")]
    if not compared:
        return None
    groups = drawn_problems(run)
    figures = [
        _distribution(run, groups, "spearman", "nes_spearman", wording.share_tick),
        _distribution(run, groups, "slope", "nes_slope", wording.share_tick),
        plots.dot_figure(run, groups, NULL_TIME),
    ]
    said = [*ranking_sentences(run), plots.unless_said(run).strip()]
    return Section(
        "Does it still rank pathways as GSEA does?",
        "ranking",
        [text for text in said if text],
        [_ranking_table(run, compared)],
        figures,
        [text for text in (settings_sentence(run),) if text],
    )


def ranking_answer(run: Run) -> str:
    """The section in a line."""
    soft = [item for item in run.results if item.target == "dgsea" and item.values("nes_spearman")]
    if not soft:
        return "Whether dNES ranks pathways as GSEA does was not measured"
    medians = wording.span([item.typical("nes_spearman") for item in soft], wording.share)
    return f"The ranks of pathways by dNES and by NES have a Spearman correlation of {medians}"


def ranking_sentences(run: Run) -> list[str]:
    """The same in words; nothing where nothing was compared."""
    compared = [result for result in run.results if result.values("nes_spearman")]
    said = [*_soft_sentences(compared), _approximation_sentence(compared), _witness_sentence(compared)]
    return [text for text in said if text]


def settings_sentence(run: Run) -> str:
    """What was the same throughout: temperatures and the null distribution."""
    same = {name: value for name, value in run.problems[0].settings if name in TOLD and name not in run.varying}
    return f"Throughout: {', '.join(f'{name} {value}' for name, value in same.items())}." if same else ""


def _soft_sentences(compared: Sequence[Result]) -> list[str]:
    """How well dNES agrees with NES, whatever the backend, and how their scales compare."""
    soft = [result for result in compared if result.target == "dgsea"]
    if not soft:
        return []
    problems = wording.plural(len({result.problem for result in soft}), "problem")
    medians = wording.span([result.typical("nes_spearman") for result in soft], wording.share)
    lowest = min(value for result in soft for value in result.values("nes_spearman_lowest"))
    slopes = wording.span([result.typical("nes_slope") for result in soft], wording.share)
    said = [
        f"Across gene sets, dNES and NES on the same permutations have a Spearman correlation of {medians} (median "
        f"over profiles, on {problems}); the lowest of any profile is {wording.share(lowest)}.",
        f"The slope of dNES on NES is {slopes}; where it is not 1, cut-offs on NES do not carry over to dNES.",
    ]
    if all((result.problem.sets or 0) >= ENOUGH_FOR_TOP_TEN for result in soft):
        overlap = wording.span([result.typical("top_ten_overlap") for result in soft], wording.share)
        said[0] += f" Of the ten sets whose NES is largest in magnitude, a share of {overlap} is among the ten of dNES."
    return said


def _approximation_sentence(compared: Sequence[Result]) -> str:
    """What an approximation changes in it, beside exact on the same problem."""
    exact = {result.problem: result.typical("nes_spearman") for result in compared if result.label == "exact"}
    parts = []
    for label in dict.fromkeys(result.label for result in compared if result.target == "dgsea"):
        mine = [result for result in compared if result.label == label and result.problem in exact]
        apart = [abs((result.typical("nes_spearman") or 0.0) - (exact[result.problem] or 0.0)) for result in mine]
        if label != "exact" and apart:
            errors = wording.span([result.typical("nes_error_mean") for result in mine], wording.error)
            differs = f"{max(apart):.4f}" if max(apart) >= 5e-5 else "less than 0.0001"
            parts.append(f"{label} moves the median correlation by at most {differs} (its dNES is off by {errors})")
    return f"Against exact, {'; '.join(parts)}." if parts else ""


def _witness_sentence(compared: Sequence[Result]) -> str:
    """How far NES of an outside program is from ours: what other permutations of the same procedure change."""
    outside = [result for result in compared if result.target == "gsea"]
    if not outside:
        return ""
    names = wording.listed(list(dict.fromkeys(result.label for result in outside)))
    medians = wording.span([result.typical("nes_spearman") for result in outside], wording.share)
    return (
        f"For scale: {names}, classical GSEA with permutations of its own, has a correlation of {medians} with our NES."
    )


def drawn_problems(run: Run) -> Groups:
    """The problems to draw, with names."""
    problems = run.problems
    if len(problems) > MOST_GROUPS:
        tau_rank, _, tau_abs = PRESETS["recommended"]
        wanted = {("tau_rank", str(tau_rank)), ("tau_abs", str(tau_abs))}
        problems = [problem for problem in problems if wanted <= set(problem.settings)] or problems
    return plots.named(run, problems[:MOST_GROUPS])


def _distribution(run: Run, groups: Groups, column: str, metric: str, tick: Form) -> Figure:
    """A value per profile, by problem and backend, from the details of the cases."""
    samples = []
    for label in run.labels:
        values = {
            number: found
            for number, (_, problem) in enumerate(groups)
            for result in run.results
            if result.label == label and result.problem == problem and (found := _of_profiles(run, result, column))
        }
        if values:
            samples.append(Sample(label, plots.look_of(run)[label], values))
    title = METRICS[metric].title
    if not samples:
        missing = "Not drawn: the details of this run hold no profiles (details/*/profiles.parquet)."
        return Figure(wording.capital(title), None, "", missing=missing)
    heading = _distribution_heading(run, samples, groups, metric)
    caption = (
        f"{wording.capital(title)}. A faint dot is a profile; the marker is the median, its line goes from the first "
        f"to the third quartile.{_not_all(run, groups)}"
    )
    medians = [
        f"{item.label}: {wording.span([median(values) for values in item.values.values()], wording.share)}"
        for item in samples
    ]
    svg = maps.distributions([name for name, _ in groups], samples, wording.shortened(title, 60), tick)
    alternative = f"Distributions over profiles. {heading}. Medians of {'; '.join(medians)}."
    rows = [
        (item.label, groups[number][0], value)
        for item in samples
        for number, values in item.values.items()
        for value in values
    ]
    data = pd.DataFrame(rows, columns=["backend", "problem", metric])
    return Figure(heading, svg, caption, alternative=alternative, data=data)


def _distribution_heading(run: Run, samples: Sequence[Sample], groups: Groups, metric: str) -> str:
    """What is so for the first backend, which is exact if it was measured."""
    item = next((sample for sample in samples if sample.label == "exact"), samples[0])
    names = {groups[number][1]: groups[number][0] for number in item.values}
    known = {r.problem: r.typical(metric) for r in run.results if r.label == item.label and r.problem in names}
    medians = {names[problem]: value for problem, value in known.items() if value is not None}
    if metric == "nes_slope":
        return f"Slope of dNES on NES: {wording.span(medians.values(), wording.share)} ({item.label})"
    return f"Agreement of dNES with NES: {wording.span(medians.values(), wording.share)} ({item.label})"


def _of_profiles(run: Run, result: Result, column: str) -> tuple[float, ...]:
    """Values of all profiles of all seeds."""
    frames = [frame for row in result.done if (frame := run.details(row, "profiles")) is not None]
    return tuple(float(value) for frame in frames for value in frame[column].dropna())


def _not_all(run: Run, groups: Groups) -> str:
    left_out = len(run.problems) - len(groups)
    return f" {wording.plural(left_out, 'more problem')} in the table only." if left_out else ""


def _ranking_table(run: Run, compared: Sequence[Result]) -> Table:
    header = [
        "scores",
        "method",
        "Spearman dNES–NES",
        "lowest",
        "slope",
        "top ten",
        "Spearman dES–ES",
        "signs",
        "dNES error",
    ]
    body = []
    for name, problem in plots.named(run, run.problems):
        for result in (item for item in compared if item.problem == problem):
            quartiles = f"{_share(result, 'nes_spearman_q1')} to {_share(result, 'nes_spearman_q3')}"
            body.append([
                Cell(name),
                plots.backend_cell(run, result.label),
                number_cell(result.typical("nes_spearman"), wording.share, quartiles),
                number_cell(min(result.values("nes_spearman_lowest")), wording.share),
                *[number_cell(result.typical(metric), wording.share) for metric in SHARES],
                number_cell(result.typical("nes_error_mean"), wording.error),
            ])  # fmt: skip
    caption = (
        "Medians over profiles, with quartiles below; of several seeds, the median. Lowest: of any profile. Top ten: "
        "share of the ten largest abs(NES) that are among the ten largest abs(dNES). Signs: share with the same sign. "
        "dNES error: mean relative difference from the dNES of exact on the same permutations. Of an outside program, "
        "its NES and ES are compared with ours."
    )
    return Table("Agreement with classical GSEA", header, body, caption, numeric_from=2, wide=len(body) > 12)


def _share(result: Result, metric: str) -> str:
    return wording.share(result.typical(metric))
