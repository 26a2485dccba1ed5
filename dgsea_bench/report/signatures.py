"""What each backend did on each profile of a problem, the weakest signature first, where they differ in strength."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from dgsea_bench.report import plots, wording
from dgsea_bench.report.quantities import ERROR, GRADIENT, SPEARMAN, Quantity
from dgsea_bench.report.rows import Problem, Result, Run

FEWEST = 8
"""Profiles of a problem, from which on its strong and weak ones are told apart."""
MATERIAL = 1.5
"""Times the responding genes of the weakest third that the strongest third has at least, of medians."""
CHANCE = 4.0
"""Standard deviations of a count, its square root, by which they differ at least: twice as many as by chance alone."""
SIGNATURES = "l1000"
"""How the names of sources and generators of signatures begin, whose profiles differ in strength."""

SCALED = Quantity("value_error_scaled", "scaled error", "error", wording.error, wording.error_tick)
NES_SPEARMAN = Quantity("nes_spearman", "Spearman correlation", "agreement", wording.share, wording.share_tick)
SLOPE = Quantity("nes_slope", "slope", "agreement", wording.share, wording.share_tick)
TOP_TEN = Quantity("top_ten_overlap", "top ten", "agreement", wording.share, wording.share_tick)


@dataclass(frozen=True)
class Measure:
    """A column of profiles.parquet.

    Attributes:
        header: of the table. follows: what a backend does well or not, ``dNES of {} follows NES``; of errors none.
        drawn: whether it has a figure.
    """

    column: str
    quantity: Quantity
    header: str
    follows: str = ""
    drawn: bool = True


MEASURES: Mapping[str, Sequence[Measure]] = {
    "enrichment": (
        Measure("value_error_mean", ERROR, "mean error"),
        Measure("gradient_error", GRADIENT, "gradient error"),
        Measure("value_error_scaled", SCALED, "scaled error", drawn=False),
        Measure("es_spearman", SPEARMAN, "Spearman dES–ES", "dES of {} follows classical ES", drawn=False),
    ),
    "significance": (
        Measure("spearman", NES_SPEARMAN, "Spearman dNES–NES", "dNES of {} follows NES"),
        Measure("slope", SLOPE, "slope", drawn=False),
        Measure("top_ten", TOP_TEN, "top ten", drawn=False),
    ),
}
"""Task -> what is told of each profile."""

Third = Literal["weak", "strong"]
THIRDS: tuple[Third, Third] = ("weak", "strong")


@dataclass(frozen=True)
class Signatures:
    """What one backend did on each profile of a problem.

    Attributes:
        name: of the problem. table: a row per profile of any seed, the one in which the fewest genes respond first.
    """

    name: str
    result: Result
    table: pd.DataFrame

    @cached_property
    def thirds(self) -> dict[Third, pd.DataFrame]:
        """The weakest and the strongest third of the profiles."""
        count = max(1, round(len(self.table) / 3))
        return {"weak": self.table.head(count), "strong": self.table.tail(count)}

    @property
    def differ(self) -> bool:
        """Whether there are enough profiles, and their strengths differ materially and by more than chance."""
        if len(self.table) < FEWEST:
            return False
        weak, strong = (float(part["responding"].median()) for part in self.thirds.values())
        by_chance = CHANCE * math.sqrt(self.table["responding"].median())
        return strong >= MATERIAL * weak and strong - weak >= max(by_chance, 1)

    def known(self, column: str, third: Third | None = None) -> np.ndarray:
        """Values of a column, of a third of the profiles or of all, where there are any."""
        frame = self.table if third is None else self.thirds[third]
        return frame[column].dropna().to_numpy(float) if column in frame else np.array([])


def signatures(run: Run, task: str) -> list[Signatures]:
    """Of each problem whose profiles differ in strength, and each backend."""
    found = []
    for problem in run.problems:
        for result in (item for item in run.results if item.problem == problem):
            table = _profiles(run, result)
            if table is not None and (item := Signatures("", result, table)).differ and _tells(item, task):
                found.append(item)
    names = _names(run.of_problems(problems_of(found)))
    return [replace(item, name=names[item.result.problem]) for item in found]


def problems_of(found: Sequence[Signatures]) -> list[Problem]:
    """The problems, in the same order."""
    return list(dict.fromkeys(item.result.problem for item in found))


def _names(run: Run) -> dict[Problem, str]:
    """Names of the problems, which leave out sizes if they can."""
    names = [(problem.scores, problem.differing(run.varying)) for problem in run.problems]
    if len(set(names)) < len(names):
        return {problem: name for name, problem in plots.named(run, run.problems, in_full=True)}
    return {problem: ", ".join(filter(None, name)) for name, problem in zip(names, run.problems, strict=True)}


def _tells(item: Signatures, task: str) -> bool:
    """Errors of classical scores are against another truth, and NES is not compared with itself."""
    compared = item.result.target == "dgsea" or task == "significance"
    return compared and any(len(item.known(measure.column)) for measure in MEASURES[task])


def _profiles(run: Run, result: Result) -> pd.DataFrame | None:
    """All profiles of all seeds, the weakest first."""
    frames = [frame for row in result.done if (frame := run.details(row, "profiles")) is not None]
    frames = [frame for frame in frames if "responding" in frame]
    return pd.concat(frames).sort_values("responding", kind="stable") if frames else None


def expected(run: Run) -> bool:
    """Whether profiles of real or simulated signatures were measured, but their strengths are not known."""
    measured = [
        result
        for result in run.results
        if (result.problem.profiles or 0) >= FEWEST
        and result.done
        and any(str(result.rows[0].case["source"].get(name)).startswith(SIGNATURES) for name in ("kind", "generator"))
    ]
    return bool(measured) and all(_profiles(run, result) is None for result in measured)
