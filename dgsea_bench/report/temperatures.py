"""The section on temperatures: maps of agreement and of the gradient's health over tau_rank × tau_abs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.core.params import PRESETS
from dgsea_bench.report import maps, plots, wording
from dgsea_bench.report.content import Figure, Section
from dgsea_bench.report.rows import Problem, Result, Run


@dataclass(frozen=True)
class _Map:
    """One backend on one kind of problem over tau_rank × tau_abs."""

    label: str
    where: str
    results: dict[tuple[float, float], Result]

    @property
    def rows(self) -> list[float]:
        return sorted({rank for rank, _ in self.results})

    @property
    def columns(self) -> list[float]:
        return sorted({absolute for _, absolute in self.results})

    def known(self, metric: str) -> dict[tuple[float, float], float]:
        found = {at: result.typical(metric) for at, result in self.results.items()}
        return {at: value for at, value in found.items() if value is not None}


def temperatures(run: Run) -> Section | None:
    """Maps of agreement and of the gradient's health over tau_rank × tau_abs, where both were varied."""
    found = _maps(run)
    if not found:
        return None
    figures = []
    for item in found:
        figures += [
            _map_figure(item, "nes_spearman", "agreement of dNES with NES", wording.share),
            _map_figure(item, "gradient_share", "genes that receive a gradient", _percent),
            _map_figure(item, "gradient_repeatability", "repeatability of the gradient", wording.share),
            _map_figure(item, "gradient_norm", "norm of the gradient", _two_digits),
        ]
    text = [
        "How close dNES comes to NES at each pair of temperatures, and what its gradient is like there.",
        *[_map_sentence(item) for item in found],
        "Gradient: of Σ u·dES with one random u per gene set, per profile. Genes that receive it: those with at least "
        "1 % of the profile's largest. Repeatability: cosine of the gradients of two profiles with the same gene sets "
        "and fresh noise.",
    ]
    return Section("What the temperatures change", "temperatures", [line for line in text if line], figures=figures)


def temperatures_answer(run: Run) -> str:
    """The section in a line: where dNES comes closest to NES, at which price; empty without a map of temperatures."""
    found = [item for item in _maps(run) if item.known("nes_spearman")]
    if not found:
        return ""
    largest = max(found, key=lambda item: len(item.results))
    kind = largest.where.partition(",")[0]
    where = f" on {kind[:1].lower()}{kind[1:]}" if len(found) > 1 else ""
    known, again = largest.known("nes_spearman"), largest.known("gradient_repeatability")
    best = max(known, key=lambda at: known[at])
    tau_rank, _, tau_abs = PRESETS["recommended"]
    usual = known.get((tau_rank, tau_abs))
    beside = f", {wording.share(usual)} as recommended" if usual is not None else ""
    there, here = again.get(best), again.get((tau_rank, tau_abs))
    lost = there is not None and here is not None and there < here
    price = f"cosine {wording.share(there)}, {wording.share(here)} as recommended"
    return (
        f"dNES is closest to NES at tau_rank {best[0]:g} and tau_abs {best[1]:g}{where} "
        f"(Spearman {wording.share(known[best])}{beside})"
        f"{f', but there its gradient repeats less ({price})' if lost else ''}"
    )


def _maps(run: Run) -> list[_Map]:
    families: dict[tuple[str, Problem], dict[tuple[float, float], Result]] = {}
    for result in run.results:
        settings = dict(result.problem.settings)
        rank, absolute = settings["tau_rank"], settings["tau_abs"]
        if result.target == "dgsea" and absolute != "adaptive" and result.done:
            rest = tuple(item for item in result.problem.settings if item[0] not in ("tau_rank", "tau_abs"))
            family = replace(result.problem, settings=rest)
            families.setdefault((result.label, family), {})[float(rank), float(absolute)] = result
    found = []
    for (label, family), results in families.items():
        item = _Map(label, plots.describe(run, family), results)
        if len(item.rows) > 1 and len(item.columns) > 1:
            found.append(item)
    return found


def _map_figure(item: _Map, metric: str, subject: str, form: Callable[[float], str]) -> Figure:
    known = item.known(metric)
    title = METRICS[metric].title
    if not known:
        return Figure(wording.capital(subject), None, title, missing="Not drawn: no case has this number.")
    values = np.array([[known.get((rank, absolute), np.nan) for absolute in item.columns] for rank in item.rows])
    low, high = min(known, key=lambda at: known[at]), max(known, key=lambda at: known[at])
    ends = f"{form(known[low])} at {_at(low)}, {form(known[high])} at {_at(high)}"
    heading = f"{wording.capital(subject)}: {ends} ({item.label})"
    svg = maps.heat_map(
        values, [f"{rank:g}" for rank in item.rows], [f"{absolute:g}" for absolute in item.columns], form,
        row_title="tau_rank", column_title="tau_abs",
    )  # fmt: skip
    caption = f"{wording.capital(title)}, median over profiles. {item.where}, {item.label}. a / b: tau_rank / tau_abs."
    cells = [f"{form(value)} at {_at(at)}" for at, value in sorted(known.items())]
    data = pd.DataFrame([(*at, value) for at, value in sorted(known.items())], columns=["tau_rank", "tau_abs", metric])
    return Figure(heading, svg, caption, alternative=f"Map of {title}: {'; '.join(cells)}.", data=data)


def _map_sentence(item: _Map) -> str:
    """Agreement and gradient at the recommended temperatures and where agreement is best."""
    known = item.known("nes_spearman")
    if not known:
        return ""
    tau_rank, _, tau_abs = PRESETS["recommended"]
    places = {"the recommended": (tau_rank, tau_abs), "the highest of the map": max(known, key=lambda at: known[at])}
    parts = []
    for name, at in places.items():
        if at in known:
            reach = item.known("gradient_share").get(at)
            again = item.known("gradient_repeatability").get(at)
            gradient = f"; {_percent(reach)} of genes receive a gradient" if reach is not None else ""
            gradient += f", which repeats with a cosine of {wording.share(again)}" if again is not None else ""
            where = f"at {name} (tau_rank {at[0]:g}, tau_abs {at[1]:g})"
            parts.append(f"{where} the correlation is {wording.share(known[at])}{gradient}")
    moves = (
        f"the correlation changes by up to {_reach(known, 1):.3f} with tau_abs, and by up to "
        f"{_reach(known, 0):.3f} with tau_rank"
    )
    return f"{wording.capital(item.where)}: {'. '.join(wording.capital(part) for part in (moves, *parts))}."


def _reach(known: dict[tuple[float, float], float], varied: int) -> float:
    """The largest change when one temperature is varied and the other is not."""
    lines: dict[float, list[float]] = {}
    for at, value in known.items():
        lines.setdefault(at[1 - varied], []).append(value)
    return max(max(values) - min(values) for values in lines.values())


def _at(place: tuple[float, float]) -> str:
    return f"{place[0]:g} / {place[1]:g}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f}{wording.SPACE}%"


def _two_digits(value: float) -> str:
    return f"{value:#.2g}".rstrip(".") if value < 100 else f"{value:,.0f}"
