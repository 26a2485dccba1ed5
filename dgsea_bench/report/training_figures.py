"""Figures on gains, weights and costs of trained models: what is drawn, and what its heading and caption say."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.report import plots, wording
from dgsea_bench.report.canvas import Form, Point, Series
from dgsea_bench.report.content import Figure
from dgsea_bench.report.figures import dots
from dgsea_bench.report.rows import Run
from dgsea_bench.report.ticks import SECONDS
from dgsea_bench.report.training_answer import gained, variant_name
from dgsea_bench.report.training_check import CRITERIA, paper_gain
from dgsea_bench.report.training_drawings import Estimates, Mark, Trade, gains, trades
from dgsea_bench.report.training_rows import GENE, PATHWAY, Estimate, Experiment, Study, short

MOST_VARIANTS = 8
"""Rows of a figure of gains; the tables hold them all."""


def gain_figure(run: Run, study: Study, metric: str) -> Figure:
    """The gain in a metric by what was trained, a dot per backend."""
    shown = study.variants[:MOST_VARIANTS]
    names = [variant_name(study.of_variant(each)[0], shown[0]) for each in shown]
    known: list[tuple[int, Experiment, Estimate]] = []
    for number, variant in enumerate(shown):
        for each in study.of_variant(variant):
            gain = each.gain(metric)
            known += [(number, each, gain)] if gain else []
    subject = f"Gain in {short(metric)}"
    if not known:
        return Figure(subject, None, "", missing="Not drawn: no model has this number.")
    items = [_estimates(run, label, [each for each in known if each[1].label == label]) for label in _labels(known)]
    marks = [Mark(each.sign * each.bound, f"bound {wording.change(each.sign * each.bound)}") for each in CRITERIA
             if each.metric == metric]  # fmt: skip
    paper = paper_gain(metric)
    marks += [Mark(paper, f"paper {wording.change(paper)}")] if paper is not None else []
    heading = _gain_heading(study, metric, known)
    svg = gains(names, items, marks, f"gain in {short(metric)} over the model of genes alone")
    without = any(gain.low is None for _, _, gain in known)
    more = len(study.variants) - len(shown)
    caption = (
        f"{_study(study)}{wording.capital(METRICS[metric].title)}, minus that of the model of the same seed that was "
        "trained on genes alone. Markers are means over seeds, their lines 95 % intervals over test compounds"
        f"{' (where there are resamples)' if without else ''}, small strokes single seeds. Dashed: the bound of the "
        f"check, and what the paper reports.{f' {more} more are in the tables only.' if more else ''}"
    )
    told = [f"{names[number]} with {each.label} {gained(gain)}" for number, each, gain in known]
    return Figure(heading, svg, caption, f"Dot plot. {heading}. {'; '.join(told)}.", data=_gain_data(names, known))


def _study(study: Study) -> str:
    return f"{wording.capital(study.name)}. " if study.name else ""


def _labels(known: Sequence[tuple[int, Experiment, Estimate]]) -> list[str]:
    return list(dict.fromkeys(each.label for _, each, _ in known))


def _estimates(run: Run, label: str, known: Sequence[tuple[int, Experiment, Estimate]]) -> Estimates:
    points = tuple(Point(number, gain.value, gain.low, gain.high) for number, _, gain in known)
    seeds = tuple(
        Point(number, value) for number, _, gain in known if len(gain.by_seed) > 1 for value in gain.by_seed.values()
    )
    return Estimates(Series(label, plots.look_of(run)[label], points), seeds)


def _gain_heading(study: Study, metric: str, known: Sequence[tuple[int, Experiment, Estimate]]) -> str:
    """What is so for the reference, and between which values the other backends lie."""
    place = f"{study.name}: " if study.name else ""
    first = [(each, gain) for number, each, gain in known if number == 0 and not each.is_foil]
    if not first:
        _, each, gain = known[0]
        return wording.capital(f"{place}{short(metric)} changes by {gained(gain)} with {each.label}")
    each, gain = first[0]
    text = f"{place}{short(metric)} changes by {gained(gain)} with {each.label}"
    rest = [gain.value for _, gain in first[1:]]
    return wording.capital(f"{text}, {wording.span(rest, wording.change)} with other backends" if rest else text)


def _gain_data(names: Sequence[str], known: Sequence[tuple[int, Experiment, Estimate]]) -> pd.DataFrame:
    rows = []
    for number, each, gain in known:
        rows.append((each.label, names[number], "all", gain.value, gain.low, gain.high))
        rows += [(each.label, names[number], str(seed), value, None, None) for seed, value in gain.by_seed.items()]
    return pd.DataFrame(rows, columns=["backend", "trained_with", "seed", "gain", "low", "high"])


def weight_figure(run: Run, study: Study) -> Figure | None:
    """Gene against pathway correlation of hybrids over the weight of the pathway loss; None without such details."""
    if study.main is None:
        return None
    found = [(each, table) for each in study.of_variant(study.main) if (table := _by_weight(run, each)) is not None]
    if not found:
        return None
    items = []
    for each, table in found:
        points = tuple(Point(float(x), float(y)) for x, y in table[[GENE, PATHWAY]].to_numpy(float))
        chosen = tuple(number for number, count in enumerate(table["chosen"]) if count)
        names = tuple(f"{weight:g}" for weight in table["weight"])
        items.append(Trade(Series(each.label, plots.look_of(run)[each.label], points), names, chosen))
    first, table = found[0]
    heading = _weight_heading(study, first, table)
    svg = trades(items, "gene correlation", "pathway correlation, on test compounds", wording.share_tick)
    caption = (
        "Hybrids of each weight λ of the pathway loss on test compounds, means over seeds, joined in the order of the "
        f"weights; numbers are the weights, of {first.label}. Rings: what was chosen on validation compounds, of any "
        "seed: test compounds had no part in that."
    )
    told = [f"{each.label} {', '.join(_at_weight(row) for _, row in of_each.iterrows())}" for each, of_each in found]
    data = pd.concat([of_each.assign(backend=each.label) for each, of_each in found])
    data = data[["backend", "weight", GENE, PATHWAY, "seeds", "chosen"]].rename(columns={"chosen": "chosen_in_seeds"})
    return Figure(heading, svg, caption, f"Line plot. {heading}. {'; '.join(told)}.", data=data)


def _weight_heading(study: Study, first: Experiment, table: pd.DataFrame) -> str:
    """Where the pathway correlation is highest, and what was chosen."""
    best = table.sort_values(PATHWAY, ascending=False).iloc[0]
    place = f"{study.name}: " if study.name else ""
    text = f"{place}on test compounds {first.label} gets pathways best at λ {best['weight']:g}{_chosen(first)}"
    return wording.capital(text)


def _at_weight(row: pd.Series) -> str:
    return f"λ {row['weight']:g}: genes {wording.share(row[GENE])}, pathways {wording.share(row[PATHWAY])}"


def _chosen(each: Experiment) -> str:
    """Which weights were chosen: ``; chosen were λ 0.03 (2 of 3 seeds) and 0.1 (1)``."""
    known = Counter(each.known("chosen_weight").values())
    if not known:
        return ""
    told = [
        f"{weight:g} ({count} of {wording.plural(len(each.seeds), 'seed')})" for weight, count in known.most_common()
    ]
    return f"; chosen: {wording.listed(told)}"


def _by_weight(run: Run, each: Experiment) -> pd.DataFrame | None:
    """Means over seeds on test compounds by weight: `GENE`, `PATHWAY`, ``seeds`` and in how many it was ``chosen``."""
    frames = [frame for row in each.rows.values() if (frame := run.details(row, "weights")) is not None]
    if not frames:
        return None
    table = pd.concat(frames)
    table = table[table["split"] == "test"].dropna(subset=["weight", GENE, PATHWAY])
    if table.empty:
        return None
    grouped = table.groupby("weight")
    means = grouped[[GENE, PATHWAY]].mean()
    return means.assign(seeds=grouped.size(), chosen=grouped["chosen"].sum().astype(int)).reset_index()


def on_genes_or(label: str) -> str:
    """``with fastsum``, ``on genes alone``."""
    return "on genes alone" if label == "none" else f"with {label}"


def cost_figures(run: Run, study: Study) -> list[Figure]:
    """What an epoch takes with each backend, and what the pathway loss adds to a step."""
    experiments = [*([study.baseline] if study.baseline else []), *(study.of_variant(study.main) if study.main else [])]
    if not experiments:
        return []
    return [
        _cost_figure(run, study, experiments, "epoch_seconds", wording.seconds, SECONDS),
        _cost_figure(run, study, experiments, "step_overhead", wording.percent_change, _percent_tick),
    ]


def _percent_tick(value: float) -> str:
    percent = f"{100 * value:,.0f}" if abs(value) >= 0.1 else f"{100 * value:.2g}"
    return f"{percent}{wording.SPACE}%".replace("-", "−")


def _cost_figure(
    run: Run, study: Study, experiments: Sequence[Experiment], metric: str, form: wording.Words, tick: Form
) -> Figure:
    known = {each.label: (each, values) for each in experiments if (values := list(each.known(metric).values()))}
    title = METRICS[metric].title
    subject = wording.capital(title)
    if not known:
        return Figure(subject, None, "", missing="Not drawn: nothing was measured of it.")
    medians = {label: float(np.median(values)) for label, (_, values) in known.items()}
    series = [
        Series(label, plots.look_of(run)[label], tuple(Point(0, value) for value in values))
        for label, (_, values) in known.items()
    ]
    everything = [value for _, values in known.values() for value in values]
    log = min(everything) > 0 and max(everything) > 10 * min(everything)
    told = [f"{form(value)} {on_genes_or(label)}" for label, value in medians.items()]
    place = f"{study.name}: " if study.name else ""
    begun = "an epoch takes" if metric == "epoch_seconds" else "the pathway loss adds"
    ended = "" if metric == "epoch_seconds" else " to a training step"
    heading = wording.capital(f"{place}{begun} {wording.listed(told[:4])}{' …' if told[4:] else ''}{ended}")
    svg = dots([""], series, f"{title}{', logarithmic' if log else ''}", tick, log=log)
    epoch = "Median of the epochs of a training, a dot per seed"
    step = "Steps with and without the pathway loss in turn, medians of both; a dot per seed"
    caption = f"{epoch if metric == 'epoch_seconds' else step}.{_machines(experiments)}"
    rows = [(label, seed, value) for label, (each, _) in known.items() for seed, value in each.known(metric).items()]
    data = pd.DataFrame(rows, columns=["backend", "seed", metric])
    return Figure(heading, svg, caption, f"Dot plot. {heading}. {'; '.join(told)}.", data=data)


def _machines(experiments: Sequence[Experiment]) -> str:
    """Whether times are of several environments."""
    used = {row.environment_id for each in experiments for row in each.rows.values()}
    return " Not all were measured in the same environment: compare with care." if len(used) > 1 else ""
