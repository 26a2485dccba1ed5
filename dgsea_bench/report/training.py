"""The sections on trained models: whether dGSEA as a loss helps whatever computes it, how models learned, the cost."""

from dgsea_bench.report import training_figures, training_tables, wording
from dgsea_bench.report.content import Figure, Section, Table
from dgsea_bench.report.rows import Run
from dgsea_bench.report.training_answer import training_answer
from dgsea_bench.report.training_curves import learning_figures, prediction_figure
from dgsea_bench.report.training_rows import GENE, PATHWAY, TASK, studies
from dgsea_bench.report.training_words import settled, study_sentences

QUESTION = "does the way of computing dGSEA change what training with it gains?"
WHAT_IS_TRAINED = (
    "A model predicts the scores of genes under compounds that it has not seen. It is trained on genes alone, on "
    "pathways alone (dGSEA alone), or on genes and then on both (hybrid: dGSEA as an auxiliary loss). Every model is "
    "judged by exact dNES and classical NES, whatever it was trained with."
)
MOST_STUDIES = 2
"""So many are drawn; the tables hold them all."""


def trained_on(run: Run) -> str:
    """What was trained, with what, on what: a sentence for the top of the page."""
    part = run.of_task(TASK)
    done = [row for row in part.rows if row.status == "done"]
    seeds = {row.case.get("training", {}).get("seed", 0) for row in part.rows}
    labels = [label for label in part.labels if label != "none"]
    kinds = list(dict.fromkeys(problem.scores for problem in part.problems))
    facts = next((row.problem for row in done if row.problem), {})
    sizes = [
        f"{facts[name]:,} {name}" for name in ("compounds", "genes", "pathways") if isinstance(facts.get(name), int)
    ]
    with_what = f"trained with {wording.listed(labels)}" if labels else "trained on genes alone"
    on = f"{wording.listed(kinds)}{f' ({wording.listed(sizes)})' if sizes else ''}"
    return f"Models {with_what} on {on}, {wording.plural(len(seeds), 'seed')}."


def training(run: Run) -> Section | None:
    """The answer: sentences, pass or fail of the check, gains, every metric, the paper's numbers."""
    part = run.of_task(TASK)
    found = studies(part)
    if not found:
        return None
    trained = [study for study in found if study.trained]
    told_above = not run.of_task("enrichment").rows  # as the page's title
    said = [f"{training_answer(run)}."] if trained and not told_above else []
    said += [text for study in found for text in study_sentences(study)]
    said += [settled()] if trained else []
    tables = [
        training_tables.check_table(part, found),
        training_tables.metrics_of_arms(part, found),
        training_tables.paper_table(part, found),
    ]
    figures = [
        training_figures.gain_figure(part, study, metric)
        for study in trained[:MOST_STUDIES]
        for metric in (PATHWAY, GENE)
    ]
    return Section("What training with dGSEA gains", "training", said, _kept(tables), figures, _not_drawn(len(trained)))


def learning(run: Run) -> Section | None:
    """Learning curves, the choice of the weight, predictions, every pathway."""
    part = run.of_task(TASK)
    found = [study for study in studies(part) if any(each.rows for each in study.experiments)]
    figures: list[Figure | None] = []
    for study in found[:MOST_STUDIES]:
        figures += learning_figures(part, study)
        figures += [training_figures.weight_figure(part, study), prediction_figure(part, study)]
    drawn = [figure for figure in figures if figure is not None]
    tables = _kept([training_tables.pathway_table(part, study) for study in found[:MOST_STUDIES]])
    if not drawn and not tables:
        return None
    return Section("How the models learned", "learning", tables=tables, figures=drawn, remarks=_not_drawn(len(found)))


def training_cost(run: Run) -> Section | None:
    """Time of an epoch and of a step, and what was trained on."""
    part = run.of_task(TASK)
    found = [study for study in studies(part) if any(each.rows for each in study.experiments)]
    figures = [figure for study in found[:MOST_STUDIES] for figure in training_figures.cost_figures(part, study)]
    tables = _kept([training_tables.cost_table(part, found), training_tables.sizes_table(found)])
    if not figures and not tables:
        return None
    return Section("What training takes", "training-cost", tables=tables, figures=figures)


def _kept(tables: list[Table | None]) -> list[Table]:
    return [table for table in tables if table is not None]


def _not_drawn(count: int) -> list[str]:
    more = count - MOST_STUDIES
    return [f"{wording.plural(more, 'more study', 'more studies')} in the tables only."] if more > 0 else []
