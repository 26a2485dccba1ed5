"""The sections of the report in their order, each made from the run alone."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import get_args

from dgsea_bench.bench.spec import Status
from dgsea_bench.bench.witnesses import WITNESSES
from dgsea_bench.report import plots, tables, wording
from dgsea_bench.report.answers import answer, flags_sentence, growth_sentence, sentences, window_sentence
from dgsea_bench.report.calibration import calibration
from dgsea_bench.report.content import Figure, Headline, Section
from dgsea_bench.report.curves import running_sums
from dgsea_bench.report.frontier import frontier
from dgsea_bench.report.glossary import names
from dgsea_bench.report.growth import growth_figure
from dgsea_bench.report.prediction import growth_model
from dgsea_bench.report.quantities import ERROR, GRADIENT, MEMORY, SIGN, SPEARMAN, TIME, Quantity
from dgsea_bench.report.ranking import ranking, ranking_answer, settings_sentence
from dgsea_bench.report.real import real_and_synthetic
from dgsea_bench.report.rows import AXES, Axis, Line, Problem, Run, sizes_in_words
from dgsea_bench.report.strength import strength
from dgsea_bench.report.temperatures import temperatures, temperatures_answer
from dgsea_bench.report.training import QUESTION, WHAT_IS_TRAINED, learning, trained_on, training, training_cost
from dgsea_bench.report.training_answer import training_answer
from dgsea_bench.report.verdict import NEEDS, Recommendation, grouped, recommend
from dgsea_bench.report.where import where

WHAT_IT_IS = (
    "dGSEA is gene set enrichment analysis with soft ranks, so that a model can be trained on its enrichment score "
    "(dES)."
)
BACKENDS_COMPARED = (
    "Each backend computes it in its own way; their errors, gradients, time and memory are compared here."
)
NES_COMPARED = (
    "Normalised by a null distribution it is dNES, compared here with NES of classical GSEA on the same permutations."
)

USUAL: tuple[Status, ...] = ("done", "skipped", "failed")
"""Counted even where there is none of them."""
MOST_FAMILIES = 3
"""Of many sets of lines that differ in a setting, so many are drawn; the tables hold them all."""
MOST_KINDS = 12
"""Problems in a figure of kinds of scores."""


def headline(run: Run) -> Headline:
    """Title, what was measured, and where."""
    scenarios = wording.listed(list(dict.fromkeys(row.scenario for row in run.rows)))
    found = Counter(row.status for row in run.rows)
    counts = [f"{found[status]:,} {status}" for status in get_args(Status) if found[status] or status in USUAL]
    measured = " ".join([f"{wording.plural(len(run.rows), 'case')}: {', '.join(counts)}.", *_measured_on(run)])
    answers = _answers(run)
    (title, question, explained), *others = answers
    explained = " ".join([WHAT_IT_IS, explained, *[f"{also}." for also, _, _ in others]])
    return Headline(title, f"{scenarios}: {question}", explained, measured, "; ".join(tables.machines(run)), names=True)


def _answers(run: Run) -> list[tuple[str, str, str]]:
    """The answer on each task, the question, and what that is about; the first is the page's title."""
    enrichment, significance = run.of_task("enrichment"), run.of_task("significance")
    found = []
    if enrichment.rows:
        said = answer(_recommendations(enrichment), enrichment.results)
        found.append((said, "which dGSEA backend to use", BACKENDS_COMPARED))
    if trained := training_answer(run):
        found.append((trained, QUESTION, WHAT_IS_TRAINED))
    if significance.rows or not found:
        said = temperatures_answer(significance) or ranking_answer(significance)
        found.append((said, "does dNES rank pathways as GSEA does?", NES_COMPARED))
    return found


def _measured_on(run: Run) -> list[str]:
    """What was measured, and what was trained, in a sentence each."""
    trained = [row for row in run.rows if row.task == "training"]
    part = run if not trained else run.of_problems({run.problem(row) for row in run.rows if row.task != "training"})
    kinds = list(dict.fromkeys(problem.scores for problem in part.problems))
    found = [
        f"{_contestants(part)} at {sizes_in_words(part.problems)} "
        f"on {wording.plural(len(kinds), 'kind')} of scores ({wording.listed(kinds)})."
    ]
    return [*(found if part.rows else []), *([trained_on(run)] if trained else [])]


def _recommendations(run: Run) -> list[list[Recommendation]]:
    return [recommend(run.results, need) for need in NEEDS]


def _contestants(run: Run) -> str:
    """``3 backends and gseapy``."""
    outside = [label for label in run.labels if label in WITNESSES]
    return wording.listed([wording.plural(len(run.labels) - len(outside), "backend"), *outside])


def verdict(run: Run) -> Section:
    """The answer first: sentences, and a line per problem size and need."""
    recommendations = _recommendations(run)
    recommended = any(each.chosen for of_need in recommendations for each in of_need)
    table = [tables.verdict_table(run, grouped(recommendations))] if recommended else []
    said = sentences(recommendations, run.results)
    remarks = (
        settings_sentence(run),
        growth_sentence(run),
        window_sentence(run),
        tables.baseline_sentence(run),
        flags_sentence(run),
    )
    return Section("Verdict", "verdict", said, table, remarks=[*filter(None, remarks)], model=growth_model(run))


def accuracy_and_cost(run: Run) -> Section | None:
    """Error, gradient error, time and memory against genes; by problem where there is one size only."""
    families = run.lines("genes")
    quantities = (ERROR, GRADIENT, TIME, MEMORY)
    if families:
        chosen = sorted(families.values(), key=lambda lines: -max(len(line.results) for line in lines))[:MOST_FAMILIES]
        figures = [figure for lines in chosen for figure in _of_lines(run, lines, quantities)]
        left_out = len(families) - len(chosen)
        more = [f"{left_out} more groups of lines are in the tables only."] if left_out else []
        return Section("Accuracy and cost against genes", "growth", more, figures=figures)
    groups = plots.named(run, run.problems)
    figures = [plots.dot_figure(run, groups, quantity) for quantity in quantities]
    only = "One number of genes was measured, so there is no growth to show."
    said = [f"{only}{plots.unless_said(run)}", *_of_all_profiles(run)]
    return Section("Accuracy and cost", "growth", said, figures=figures)


def _of_lines(run: Run, lines: Sequence[Line], quantities: Sequence[Quantity]) -> list[Figure]:
    """A figure per quantity, and how time and memory grow, where there are enough sizes to fit that."""
    figures = [plots.trend_figure(run, lines, quantity) for quantity in quantities]
    fitted = max(len(line.results) for line in lines) >= 3
    return [*figures, growth_figure(run, lines)] if fitted else figures


def _of_all_profiles(run: Run) -> list[str]:
    """What costs are of, where that is not the same for all problems."""
    differ = len({problem.profiles for problem in run.problems}) > 1
    return ["Times and memory are those of all profiles of a problem together."] if differ else []


def other_axes(run: Run) -> Section | None:
    """Cost against gene sets and profiles, where at least three values of them were measured."""
    figures: list[Figure] = []
    axes: tuple[Axis, Axis] = ("sets", "profiles")
    for axis in axes:
        for lines in list(run.lines(axis).values())[:MOST_FAMILIES]:
            if max(len(line.results) for line in lines) >= 3:
                figures += _of_lines(run, lines, (TIME, MEMORY))
    return Section("Cost against sets and profiles", "axes", figures=figures) if figures else None


def kinds_of_scores(run: Run) -> Section | None:
    """Errors and cost by kind of scores, at the number of genes where most kinds were measured.

    Not where `accuracy_and_cost` has them all. Gene sets and profiles need not be the same: names tell them.
    """
    problems = _most_kinds(run)
    if len({problem.scores for problem in problems}) < 2 or not run.lines("genes"):
        return None
    part = run.of_problems(problems)
    groups = plots.named(part, part.problems)
    figures = [plots.dot_figure(part, groups, quantity) for quantity in (ERROR, GRADIENT, TIME, MEMORY)]
    said = [f"All at {sizes_in_words(problems)}{_shared(run, part)}.{plots.unless_said(part)}"]
    return Section("Kinds of scores", "kinds", [*said, *_of_all_profiles(part)], figures=figures)


def _most_kinds(run: Run) -> list[Problem]:
    """Problems of one number of genes, measured in the same way; of very many, one of each kind of scores."""
    alike: dict[object, list[Problem]] = {}
    for problem in run.problems:
        alike.setdefault((problem.genes, problem.conditions), []).append(problem)
    problems = max(alike.values(), key=lambda found: (len({problem.scores for problem in found}), len(found)))
    if len(problems) <= MOST_KINDS:
        return problems
    usual = sorted(problems, key=lambda problem: len(problem.differing(run.varying, run.usual)))
    return sorted({problem.scores: problem for problem in reversed(usual)}.values(), key=lambda problem: problem.order)


def _shared(run: Run, part: Run) -> str:
    """What is the same for all problems of a part, and differs elsewhere or is a size: ``, 50 sets, 1 profile``."""
    axes = [axis for axis in AXES[1:] if len({getattr(problem, axis) for problem in part.problems}) == 1]
    differing = part.problems[0].differing(name for name in run.varying if name not in part.varying)
    told = [sizes_in_words(part.problems, axis) for axis in axes]
    return "".join(f", {text}" for text in (*told, differing) if text)


def agreement(run: Run) -> Section | None:
    """Whether dES ranks gene sets as classical ES does, and gives them the same sign."""
    groups = plots.named(run, run.problems)
    measured = [item for item in run.results if item.target == "dgsea"]
    shown = [quantity for quantity in (SPEARMAN, SIGN) if any(item.values(quantity.metric) for item in measured)]
    if not shown:
        return None
    figures = [plots.dot_figure(run, groups, quantity) for quantity in shown]
    explained = (
        "Without a null distribution: dES against the classical enrichment score of the same sets, per profile. "
        "What soft ranks change against hard ones counts here; an approximation is good when it sits on exact."
        f"{plots.unless_said(run)}"
    )
    return Section("Agreement with classical GSEA", "agreement", [explained], figures=figures)


def all_cases(run: Run) -> Section:
    """Every number, and every case without one."""
    found = [
        tables.unfinished_table(run),
        tables.flagged_table(run),
        *tables.case_tables(run),
        tables.inputs_table(run),
    ]
    return Section("All cases", "cases", tables=[table for table in found if table is not None])


def environments(run: Run) -> Section:
    """Machines and versions."""
    return Section("Where it was measured", "environment", tables=[tables.environment_table(run)])


def how_to_read(run: Run) -> Section:
    """Each metric in words."""
    text = [
        "A case is one backend on one problem, which is a kind of scores and numbers of genes, gene sets and profiles.",
        "Truth is the exact backend in float64: the dense sums, which “python -m dgsea_bench check” holds against an "
        "independent writing of the formulas. Its own error is 0 by definition.",
        "A relative error is abs(dES − truth) / abs(truth), per profile and set.",
        "The gradient is that of Σ u·dES with fixed random u, with respect to all scores.",
        "Times are medians of repeated calls after warm-up, with quartiles; growth is the slope of log cost on log "
        "size. Memory is the peak above what was in use when the call began.",
        "As fast within noise: the quartiles of the two times overlap.",
        "Of significance, each profile has permutations of its own, the same ones for every backend; outside programs "
        "draw their own. NES is ES, and dNES is dES, over the mean magnitude of null scores of its sign; with "
        "calibrate, of classical null scores.",
    ]
    if run.of_task("training").rows:
        text.append(
            "Of trained models, every number is of test compounds. For each metric “baseline” is the same of the model "
            "of that seed that was trained on genes alone, and “gain” the value minus that, with a 95 % interval from "
            "resampled test compounds, paired."
        )
    return Section("How to read this", "reading", text, [tables.metrics_table(run)])


Builder = Callable[[Run], Section | None]


def _of(task: str, *builders: Builder) -> list[Builder]:
    """The same sections, of the rows of that task alone: none where it has none, the verdict where none finished."""

    def narrowed(build: Builder) -> Builder:
        def built(run: Run) -> Section | None:
            part = run.of_task(task)
            wanted = part.rows if build is verdict else [row for row in part.rows if row.status == "done"]
            return build(part) if wanted else None

        return built

    return [narrowed(build) for build in builders]


SECTIONS: tuple[Builder, ...] = (
    *_of(
        "enrichment",
        verdict,
        accuracy_and_cost,
        frontier,
        other_axes,
        kinds_of_scores,
        real_and_synthetic,
        running_sums,
        where,
        agreement,
    ),
    *_of("significance", ranking, temperatures, calibration),
    strength,
    training,
    learning,
    training_cost,
    all_cases,
    environments,
    names,
    how_to_read,
)
