"""Figures on how models learned, and on what they predict."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dgsea_bench.bench.results import Row
from dgsea_bench.report import plots, wording
from dgsea_bench.report.canvas import GREY, Point, Series
from dgsea_bench.report.content import Figure
from dgsea_bench.report.rows import Run
from dgsea_bench.report.training_drawings import Bundle, Cloud, bundles, predictions
from dgsea_bench.report.training_figures import on_genes_or
from dgsea_bench.report.training_rows import GENE, PATHWAY, Experiment, Study, in_seeds, short

MOST_DOTS = 2000
"""Of a scatter plot, so that the page stays small."""
EPOCH_COLUMNS = {PATHWAY: "validation_pathway_correlation", GENE: "validation_gene_correlation"}


def learning_figures(run: Run, study: Study) -> list[Figure]:
    """Validation pathway and gene correlation by epoch, of the model of genes alone and of each backend."""
    experiments = [*([study.baseline] if study.baseline else []), *(study.of_variant(study.main) if study.main else [])]
    return [_learning_figure(run, study, experiments, metric) for metric in EPOCH_COLUMNS] if experiments else []


def _learning_figure(run: Run, study: Study, experiments: Sequence[Experiment], metric: str) -> Figure:
    column, name = EPOCH_COLUMNS[metric], short(metric)
    found = {each.label: curves for each in experiments if (curves := _curves(run, each, column))}
    place = f"{study.name}: " if study.name else ""
    if not found:
        missing = "Not drawn: the details of this run hold no epochs (details/*/epochs.parquet)."
        return Figure(wording.capital(f"{place}validation {name} by epoch"), None, "", missing=missing)
    items = [_bundle(run, label, curves, column) for label, curves in found.items()]
    ends = {item.middle.label: (item.middle.points[0], item.middle.points[-1]) for item in items}
    told = [
        f"{label} {wording.share(first.y)} at epoch {first.x:g}, {wording.share(last.y)} at {last.x:g}"
        for label, (first, last) in ends.items()
    ]
    best = max(items, key=lambda item: max(point.y for point in item.middle.points))
    highest = max(best.middle.points, key=lambda point: point.y)
    heading = wording.capital(
        f"{place}validation {name} is highest {on_genes_or(best.middle.label)}: {wording.share(highest.y)} at epoch "
        f"{highest.x:g}"
    )
    svg = bundles(items, "epoch", f"{name} on validation compounds", wording.share_tick)
    caption = (
        "Broad: the median over the seeds that were still in training; thin: single seeds; a mark: the epoch whose "
        "weights were kept. Of a hybrid, the run with the chosen weight, epoch 0 being where it sets out from. "
        "Pathway correlations during training are by fastsum, which is equal to exact to rounding."
    )
    rows = [
        (label, seed, point.x, point.y)
        for label, curves in found.items()
        for seed, frame in curves.items()
        for point in _points(frame, column)
    ]
    data = pd.DataFrame(rows, columns=["backend", "seed", "epoch", column])
    return Figure(heading, svg, caption, f"Line plot. {heading}. {'; '.join(told)}.", data=data)


def _curves(run: Run, each: Experiment, column: str) -> dict[int, pd.DataFrame]:
    """Seed -> its epochs in order, of a hybrid those at the chosen weight."""
    found = {}
    for seed, row in each.rows.items():
        frame = run.details(row, "epochs")
        if frame is not None and column in frame:
            chosen = _at_chosen_weight(frame, row).dropna(subset=["epoch", column]).sort_values("epoch")
            if len(chosen):
                found[seed] = chosen
    return found


def _at_chosen_weight(frame: pd.DataFrame, row: Row) -> pd.DataFrame:
    weight = row.metrics.get("chosen_weight")
    if weight is None or not math.isfinite(weight) or "weight" not in frame or frame["weight"].isna().all():
        return frame
    chosen: pd.DataFrame = frame.loc[np.isclose(frame["weight"].to_numpy(float), weight)]
    return chosen


def _points(frame: pd.DataFrame, column: str) -> tuple[Point, ...]:
    return tuple(Point(float(x), float(y)) for x, y in frame[["epoch", column]].to_numpy(float))


def _bundle(run: Run, label: str, curves: dict[int, pd.DataFrame], column: str) -> Bundle:
    middle = pd.concat(list(curves.values())).groupby("epoch")[column].median()
    points = _points(middle.reset_index(), column)
    kept = tuple(
        point
        for frame in curves.values()
        if "kept" in frame
        for point in _points(frame.loc[frame["kept"].astype(bool)], column)
    )
    each = tuple(_points(frame, column) for frame in curves.values()) if len(curves) > 1 else ()
    notes = ("genes alone",) if label == "none" else ()
    return Bundle(Series(label, plots.look_of(run)[label], points, notes), each, kept)


def prediction_figure(run: Run, study: Study) -> Figure | None:
    """Predicted against true dNES of all pathways and test compounds, of the model of genes alone and a hybrid."""
    if study.main is None:
        return None
    usual = sorted(study.of_variant(study.main), key=lambda each: (each.is_foil, each.label != "fastsum"))
    for each in usual:
        for seed, row in each.rows.items():
            table = run.details(row, "predictions")
            if table is not None:
                return _prediction_figure(run, study, each, seed, table)
    return None


def _prediction_figure(run: Run, study: Study, each: Experiment, seed: int, table: pd.DataFrame) -> Figure:
    known = table.dropna(subset=["true", "predicted", "baseline"])
    place = f"{study.name}: " if study.name else ""
    if known.empty:
        return Figure(wording.capital(f"{place}predicted and true dNES"), None, "", missing="Not drawn: no scores.")
    count = len(known)
    shown = known.iloc[np.unique(np.linspace(0, count - 1, min(count, MOST_DOTS)).round().astype(int))]
    together = [_correlation(known["true"], known[column]) for column in ("baseline", "predicted")]
    told = " and ".join(wording.share(value) for value in together)
    panels = [
        Cloud(f"genes alone, r {wording.share(together[0])}", GREY, shown[["true", "baseline"]].to_numpy(float)),
        Cloud(f"{each.label}, r {wording.share(together[1])}", plots.look_of(run)[each.label].colour,
              shown[["true", "predicted"]].to_numpy(float)),
    ]  # fmt: skip
    heading = wording.capital(f"{place}predicted and true dNES correlate with {told} (genes alone, {each.label})")
    svg = predictions(panels, "true dNES", "predicted dNES")
    pairs = f"{count:,} pairs of pathway and test compound"
    which = f"all {pairs}" if len(shown) == count else f"{len(shown):,} of {pairs}, evenly taken,"
    caption = (
        f"{wording.capital(which)} of {in_seeds([seed])}. r: correlation over all pairs at once, which also tells "
        "pathways apart; the pathway correlation elsewhere on this page is the mean over pathways of that within each. "
        f"Dashed: predicted as it is.{_left_out(len(table) - count)}"
    )
    data = shown[["compound", "pathway", "true", "baseline", "predicted"]]
    alternative = f"Scatter plot, two panels. {heading}."
    return Figure(heading, svg, caption, alternative, data=data)


def _correlation(one: pd.Series, other: pd.Series) -> float | None:
    value = float(one.corr(other)) if one.std() > 0 and other.std() > 0 else math.nan
    return None if math.isnan(value) else value


def _left_out(count: int) -> str:
    return f" Left out: {wording.plural(count, 'pair')} without a score." if count else ""
