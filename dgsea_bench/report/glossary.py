"""What the names on the page mean, for a reader who has it from somebody else: backends, kinds of scores, settings."""

from collections.abc import Mapping

from dgsea_bench.backends import OURS
from dgsea_bench.bench.witnesses import WITNESSES
from dgsea_bench.data.synthetic import GENERATORS
from dgsea_bench.report.content import Cell, Section, Table
from dgsea_bench.report.rows import Run

ANCHOR = "names"
TITLE = "What the names mean"

SETTINGS: Mapping[str, str] = {
    "exponent": "weight of a hit in the running sum: abs(score)^exponent, as in GSEA",
    "tau_rank": "how soft ranks are, in units of the scores: genes whose scores differ by less are hardly told apart",
    "tau_prefix": "how soft a position in the ranking is, in positions",
    "tau_abs": "how soft the peak of the running sum is: near 0 the score is the one largest deviation, as in GSEA",
    "planted_share": "share of the gene sets that are planted, so that they are enriched",
    "permutations": "random gene sets of the null distribution, for each set",
    "trim": "share of null scores left out, or clipped, at either end before their mean normalises a score",
    "shrinkage": "weight of the mean of clipped null scores beside that of trimmed ones",
    "split": "share of the permutations that normalise scores; the others give the p-values",
    "calibrate": "whether dES is divided by the mean of classical null scores, in the place of soft ones",
    "sharing": "set: each gene set has a null distribution of its own; size: one for each size of sets",
    "p_value": "fgsea: (1 + n) / (1 + N); gsea: n / N; released: (1 + n) / (1 + all null scores)",
    "fdr": "how p-values are corrected for many sets",
    "arm": "what a model is trained for: gene-mse: genes alone; dgsea: pathways alone; hybrid: genes, then both",
    "pathways": "gene sets that a model is trained with; random: sets of the same sizes, of genes drawn at random",
    "judged_by": "gene sets by which all models are judged",
    "encoder": "how the structure of a compound becomes numbers",
    "weights": "weights λ of the pathway loss that a hybrid is trained with, of which validation compounds choose one",
    "most_gene_correlation_lost": "weights that cost more gene correlation than that on validation are not chosen",
    "warmup_steps": "steps over which the weight of the pathway loss rises to its own",
    "patience": "epochs without progress on validation compounds after which training ends",
    "min_size": "smaller gene sets are left out",
}


OF_TRAINING: Mapping[str, str] = {
    "none": "no pathway loss: a model trained on genes alone, which others are compared with",
    "straight-through": "classical ES in the forward pass with the gradient of soft ranks: a foil, no dGSEA",
}
"""Labels of trained models that are no backends."""


def names(run: Run) -> Section:
    """A line for each name that the reader meets."""
    caption = (
        "In brackets after a backend's name: its own settings. The smaller the temperatures, those settings that begin "
        "with tau, the closer dGSEA comes to classical GSEA."
    )
    parts = {"Backends": _backends(run), "Kinds of scores": _scores(run), "Settings": _settings(run)}
    body: list[list[Cell]] = []
    for heading, lines in parts.items():
        body += [[Cell(heading)], *lines] if lines else []
    return Section(TITLE, ANCHOR, tables=[Table("Names on this page", ["name", "what it is"], body, caption)])


def _backends(run: Run) -> list[list[Cell]]:
    """By their names; a knob is told by the caption."""
    found: dict[str, list[Cell]] = {}
    for name in dict.fromkeys(label.partition("[")[0] for label in run.labels):
        if name in OURS:
            told, source = OURS[name].summary, OURS[name].source
        elif name in OF_TRAINING:
            told, source = OF_TRAINING[name], ""
        elif name in WITNESSES:
            told, source = "classical GSEA by another program, with permutations of its own", ""
        else:
            told, source = "a backend from elsewhere", ""
        found[name] = [Cell(name), Cell(told, source)]
    return [found[name] for name in sorted(found, key=lambda name: name != "exact")]  # others refer to its sums


def _scores(run: Run) -> list[list[Cell]]:
    kinds = dict.fromkeys(problem.scores for problem in run.problems)
    return [[Cell(kind), Cell(_kind(kind))] for kind in kinds]


def _kind(kind: str) -> str:
    """Of a generator what it says of itself."""
    if kind == "simulated-compounds":
        return "synthetic: compounds with structures, and scores of genes that follow from them, with noise"
    if kind not in GENERATORS:
        return "read from files: see What was measured on, in All cases"
    told = (GENERATORS[kind].__doc__ or "").replace("`", "").removesuffix(".")
    return f"synthetic: {told[:1].lower()}{told[1:]}"


def _settings(run: Run) -> list[list[Cell]]:
    used = dict.fromkeys(name for problem in run.problems for name, _ in problem.settings)
    return [[Cell(name), Cell(told)] for name, told in SETTINGS.items() if name in used]
