"""Tables on trained models: the check, all metrics, the paper's numbers, pathways, sizes."""

from collections.abc import Callable, Sequence

import pandas as pd

from dgsea_bench.report import plots, wording
from dgsea_bench.report.content import Cell, Table, number_cell
from dgsea_bench.report.rows import FILES, Run
from dgsea_bench.report.training_answer import variant_name
from dgsea_bench.report.training_check import CRITERIA, PAPER, PAPER_SOURCE, Outcome, conclude
from dgsea_bench.report.training_rows import NAMES, OWN, Estimate, Experiment, Study, short

LONG = 16
"""A table with more rows than that scrolls in a box of its own."""
PATHWAY_COLUMNS = ("sign_accuracy", "mse", "nes_correlation")
"""Of the per-pathway table, beside the correlation."""


def _grouped(found: Sequence[Study], cells: Callable[[Study], list[list[Cell]]]) -> list[list[Cell]]:
    """The rows of each study, below a heading where there are several."""
    body: list[list[Cell]] = []
    for study in found:
        rows = cells(study)
        body += [[Cell(wording.capital(study.name))], *rows] if study.name and rows else rows
    return body


def _named(run: Run, study: Study, each: Experiment) -> list[Cell]:
    """Backend, what was trained, how many seeds."""
    missing = len(each.unfinished)
    by_choice = all(row.status == "skipped" for row in each.unfinished)
    note = f"{missing} more {'skipped' if by_choice else 'did not finish'}" if missing else ""
    return [
        plots.backend_cell(run, each.label),
        Cell(variant_name(each, study.main or each.variant)),
        number_cell(len(each.rows), wording.count, note),
    ]


def _ordered(study: Study) -> list[Experiment]:
    return [each for variant in study.variants for each in study.of_variant(variant)]


def check_table(run: Run, found: Sequence[Study]) -> Table | None:
    """Pass or fail of each criterion by backend and what was trained."""
    body = _grouped(found, lambda study: [_check_row(run, study, each) for each in _ordered(study)])
    if not body:
        return None
    header = ["backend", "trained with", "seeds", "check", *[f"{each.title}: {each.needs}" for each in CRITERIA]]
    caption = (
        "Means over seeds, with 95 % intervals over test compounds. Not certain: the interval reaches across the "
        "bound, or there is none. The bounds are those of the paper's release."
    )
    return Table(
        "Does the conclusion hold?", header, body, caption, numeric_from=3, wide=len(body) > LONG, stacked=True
    )


def _check_row(run: Run, study: Study, each: Experiment) -> list[Cell]:
    conclusion = conclude(each)
    told = {True: "pass", False: "fail", None: "not known"}[conclusion.passes]
    certain = "" if conclusion.certain or conclusion.passes is None else "not certain"
    overall = Cell(told, certain, warn=conclusion.passes is False, strong=True)
    return [*_named(run, study, each), overall, *[_criterion_cell(outcome) for outcome in conclusion.outcomes]]


def _criterion_cell(outcome: Outcome) -> Cell:
    if outcome.gain is None:
        return Cell("not known")
    says = "pass" if outcome.holds else "fail"
    notes = [_interval(outcome.gain), "" if outcome.certain else "not certain"]
    text = f"{says}: {wording.change(outcome.gain.value)}"
    return Cell(text, "\n".join(filter(None, notes)), warn=not outcome.holds, value=outcome.gain.value)


def _interval(gain: Estimate) -> str:
    return wording.interval(gain.low, gain.high, wording.change) or "no interval"


def metrics_of_arms(run: Run, found: Sequence[Study]) -> Table | None:
    """Every metric of every arm and backend: value, baseline, gain with its interval."""
    names = [name for name in (*NAMES, OWN) if any(e.known(name) for study in found for e in study.experiments)]

    def rows(study: Study) -> list[list[Cell]]:
        first = [study.baseline] if study.baseline else []
        return [
            [*_named(run, study, each), *[_metric_cell(each, name) for name in names]]
            for each in (*first, *_ordered(study))
        ]

    body = _grouped(found, rows)
    if not any(len(cells) > 1 for cells in body) or not names:
        return None
    header = ["backend", "trained with", "seeds", *[short(name) for name in names]]
    caption = (
        "Means over seeds on test compounds, judged by exact dNES and by classical NES whatever was trained with. In "
        "small: the same of the model of genes alone of these seeds, and the gain with its 95 % interval."
    )
    return Table("What every model reaches", header, body, caption, numeric_from=2, wide=len(body) > LONG)


def _metric_cell(each: Experiment, name: str) -> Cell:
    value, before, gain = each.mean(name), each.mean(f"baseline_{name}"), each.gain(name)
    notes = [f"from {wording.metric(name, before)}"] if before is not None else []
    if gain is not None:
        notes += [wording.change(gain.value), _interval(gain)]
        fewer = len(gain.by_seed) < len(each.rows)
        notes += [f"of {len(gain.by_seed)} of {wording.plural(len(each.rows), 'seed')}"] if fewer else []
    return Cell(wording.metric(name, value), "\n".join(notes), value=value)


def paper_table(run: Run, found: Sequence[Study]) -> Table | None:
    """The paper's baseline and hybrid beside those of each backend."""

    def rows(study: Study) -> list[list[Cell]]:
        main = study.main
        return [_ours(run, each) for each in study.of_variant(main)] if main and study.trained else []

    body = _grouped(found, rows)
    if not body:
        return None
    cells = [
        Cell(f"{before:.3f} → {after:.3f}", wording.change(after - before), value=after - before)
        for before, after in PAPER.values()
    ]
    header = ["", *[short(name) for name in PAPER]]
    caption = (
        f"Model of genes alone → with dGSEA, with the gain below. The paper's numbers: {PAPER_SOURCE}. They are "
        "of its own data, split and pathways: elsewhere only the direction and size of gains can be set beside them."
    )
    return Table("Beside the paper's numbers", header, [[Cell("paper"), *cells], *body], caption, stacked=True)


def _ours(run: Run, each: Experiment) -> list[Cell]:
    cell = plots.backend_cell(run, each.label)
    count = wording.plural(len(each.rows), "seed")
    return [Cell(cell.text, count, colour=cell.colour), *[_change_cell(each, name) for name in PAPER]]


def _change_cell(each: Experiment, name: str) -> Cell:
    gain = each.gain(name)
    seeds = tuple(gain.by_seed) if gain else None
    before, after = each.mean(f"baseline_{name}", seeds), each.mean(name, seeds)
    if gain is None or before is None or after is None:
        return Cell(wording.UNKNOWN)
    note = f"{wording.change(gain.value)}\n{_interval(gain)}"
    return Cell(f"{wording.metric(name, before)} → {wording.metric(name, after)}", note, value=gain.value)


def pathway_table(run: Run, study: Study) -> Table | None:
    """Each pathway: correlation with genes alone and with each backend, and more of the first of these."""
    if study.main is None:
        return None
    tables = {each.label: table for each in study.of_variant(study.main) if (table := _pathways(run, each)) is not None}
    if not tables:
        return None
    first = next(iter(tables))
    more = [name for name in PATHWAY_COLUMNS if name in tables[first]]
    header = ["pathway", "genes alone", *tables, *[f"{short(name)}, {first}" for name in more]]
    names = list(dict.fromkeys(name for table in tables.values() for name in table.index))
    body = [_pathway_row(name, tables, more) for name in names]
    place = f"{study.name}. " if study.name else ""
    caption = (
        f"{wording.capital(place)}Correlation of predicted with true dNES across test compounds, means over the seeds "
        f"of each backend, with the gain over genes alone in small; then other measures of {first}. Genes alone: of "
        f"the seeds of {first}."
    )
    return Table("Every pathway", header, body, caption, numeric_from=1, wide=True)


def _pathways(run: Run, each: Experiment) -> pd.DataFrame | None:
    """Means over seeds by pathway."""
    frames = [frame for row in each.rows.values() if (frame := run.details(row, "pathways")) is not None]
    if not frames:
        return None
    return pd.concat(frames).groupby("pathway", sort=False).mean(numeric_only=True)


def _pathway_row(name: str, tables: dict[str, pd.DataFrame], more: Sequence[str]) -> list[Cell]:
    first = next(iter(tables.values()))
    cells = [number_cell(_at(first, name, "baseline_correlation"), wording.share)]
    for table in tables.values():
        value, before = _at(table, name, "correlation"), _at(table, name, "baseline_correlation")
        gain = wording.change(value - before) if value is not None and before is not None else ""
        cells.append(number_cell(value, wording.share, gain))
    for column in more:
        value, before = _at(first, name, column), _at(first, name, f"baseline_{column}")
        cells.append(number_cell(value, wording.share, f"from {wording.share(before)}" if before is not None else ""))
    return [Cell(name), *cells]


def _at(table: pd.DataFrame, name: str, column: str) -> float | None:
    value = table[column].get(name) if column in table else None
    return None if value is None or pd.isna(value) else float(value)


def sizes_table(found: Sequence[Study]) -> Table | None:
    """How much each study was trained and judged on."""
    body = [cells for study in found if (cells := _sizes(study))]
    if not body:
        return None
    header = ["data", "compounds", "train", "validation", "test", "genes", "pathways", "seeds", "left out"]
    return Table("What was trained and judged on", header, body, numeric_from=1, stacked=True)


def _sizes(study: Study) -> list[Cell]:
    rows = [row for each in study.experiments for row in each.rows.values() if row.problem]
    if not rows:
        return []
    row, source = rows[0], rows[0].case["source"]
    data = ", ".join(str(source[name]) for name in FILES if name in source) or str(source.get("kind", "unknown"))
    hashes = ", ".join(f"{path} {digest[:12]}" for path, digest in row.inputs.items())
    notes = [study.name, f"sha256: {hashes}" if hashes else ""]
    facts = row.problem
    numbers = [
        number_cell(facts.get(name), wording.count)
        for name in ("compounds", "train", "validation", "test", "genes", "pathways")
    ]
    dropped = "; ".join(f"{number:,}: {reason}" for reason, number in facts.get("dropped", {}).items()) or "none"
    seeds = len({seed for each in study.experiments for seed in each.rows})
    return [
        Cell(data, "\n".join(filter(None, notes))), *numbers, number_cell(seeds, wording.count), Cell(dropped)
    ]  # fmt: skip


def cost_table(run: Run, found: Sequence[Study]) -> Table | None:
    """What training took: medians over seeds."""

    def rows(study: Study) -> list[list[Cell]]:
        first = [study.baseline] if study.baseline else []
        return [[*_named(run, study, each), *_costs(each)] for each in (*first, *_ordered(study))]

    body = _grouped(found, rows)
    header = ["backend", "trained with", "seeds", "epoch", "step", "step, genes alone", "overhead", "steps", "λ chosen"]
    caption = "Medians over seeds; λ: the weight that was chosen on validation compounds, by seed."
    return Table("What training takes", header, body, caption, numeric_from=2, wide=len(body) > LONG) if body else None


def _costs(each: Experiment) -> list[Cell]:
    names = ("epoch_seconds", "step_seconds", "gene_step_seconds", "step_overhead", "steps")
    cells = []
    for name in names:
        values = list(each.known(name).values())
        typical = float(pd.Series(values).median()) if values else None
        cells.append(Cell(wording.metric(name, typical), value=typical))
    weights = each.known("chosen_weight").values()
    return [*cells, Cell(", ".join(f"{weight:g}" for weight in weights) or wording.UNKNOWN)]
