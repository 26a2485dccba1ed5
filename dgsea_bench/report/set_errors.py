"""The error of each gene set in each profile, and how it goes with the set's size and the strength of enrichment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import scipy

from dgsea_bench.bench.metrics import MIN_SETS_FOR_RANK_CORRELATION, ROUNDING
from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Form
from dgsea_bench.report.rows import Problem, Result, Run

MOST_PROBLEMS = 2
LEVEL = 0.01
"""Of the test that errors go with a trait."""
MATERIAL = 1.1
"""Times the error at one end of a trait that the other end has at least, where the two are said to differ."""
GROUPS = 8
"""Of about as many sets each, along a trait."""
HIGH = 0.95
"""The quantile of errors that is told beside their quartiles."""


@dataclass(frozen=True)
class Trait:
    """What sets differ in.

    Attributes:
        column: of `SetErrors.table`. low, high: names of the sets that have little of it, and of those with much.
        lowest, highest: the same of fifths.
    """

    column: str
    title: str
    low: str
    high: str
    lowest: str
    highest: str
    axis: str
    form: Form


SIZE = Trait(
    "size", "set size", "small sets", "large sets", "fifth of the smallest sets", "fifth of the largest",
    "genes of the set", wording.count,
)  # fmt: skip
STRENGTH = Trait(
    "strength", "the strength of enrichment", "weak sets", "strong sets", "weakest fifth", "strongest",
    "strength of enrichment, abs(true dES)", lambda value: f"{value:g}",
)  # fmt: skip
TRAITS = (STRENGTH, SIZE)

End = Literal["low", "high"]


@dataclass(frozen=True)
class Relation:
    """How errors go with a trait.

    Attributes:
        spearman: their rank correlation over the sets of a profile, the median over profiles; NaN of too few sets.
        low, high: median errors of the fifths of all pairs of profile and set with least and with most of the trait.
        tails: the same of the quantile `HIGH`. differences: of abs(dES - truth), which is not relative.
        sets: of a profile.
    """

    spearman: float
    low: float
    high: float
    tails: tuple[float, float]
    differences: tuple[float, float]
    sets: int

    @property
    def known(self) -> bool:
        """Whether there were sets enough to tell."""
        return not math.isnan(self.spearman)

    @property
    def larger(self) -> End | None:
        """The end at which errors are larger; None where that is not clear."""
        if not self.known or _chance(self.spearman, self.sets) >= LEVEL or min(self.low, self.high) <= 0:
            return None
        if max(self.low, self.high) < MATERIAL * min(self.low, self.high):
            return None
        by_fifths: End = "low" if self.low > self.high else "high"
        by_rank: End = "low" if self.spearman < 0 else "high"
        return by_fifths if by_fifths == by_rank else None


@dataclass(frozen=True)
class SetErrors:
    """What one backend did on each set of each profile of a problem.

    Attributes:
        table: a row per seed, profile and set: ``seed``, ``profile``, ``gene_set``, ``size``, ``strength``,
            ``difference`` (abs(dES - truth)) and ``error`` (that over the strength).
    """

    result: Result
    table: pd.DataFrame

    @cached_property
    def typical(self) -> float:
        """The median error."""
        return float(self.table["error"].median())

    def relation(self, trait: Trait) -> Relation:
        """How errors go with that trait."""
        return self._relations[trait.column]

    @cached_property
    def _relations(self) -> dict[str, Relation]:
        return {trait.column: self._relation(trait.column) for trait in TRAITS}

    def _relation(self, column: str) -> Relation:
        first, last = self.table[column].quantile(0.2), self.table[column].quantile(0.8)
        low, high = self.table[self.table[column] <= first], self.table[self.table[column] >= last]
        sets = int(self.table.groupby(["seed", "profile"]).size().median())
        correlations = _spearman(self.table, column)
        enough = sets >= MIN_SETS_FOR_RANK_CORRELATION and len(correlations)
        return Relation(
            spearman=float(correlations.median()) if enough else math.nan,
            low=float(low["error"].median()),
            high=float(high["error"].median()),
            tails=(float(low["error"].quantile(HIGH)), float(high["error"].quantile(HIGH))),
            differences=(float(low["difference"].median()), float(high["difference"].median())),
            sets=sets,
        )

    def along(self, trait: Trait) -> pd.DataFrame:
        """Groups of sets along a trait: ``at`` (its median), ``low``, ``median``, ``upper`` (quartiles), ``high``."""
        values = self.table[trait.column]
        whole = values.nunique() <= GROUPS
        groups = self.table.groupby(values if whole else pd.qcut(values, GROUPS, duplicates="drop"), observed=True)
        quantiles = groups["error"].quantile(np.array([0.25, 0.5, 0.75, HIGH])).unstack()
        quantiles.columns = pd.Index(["low", "median", "upper", "high"])
        least = self.table.loc[self.table["error"] > 0, "error"].min()
        found = quantiles.assign(at=groups[trait.column].median(), pairs=groups.size()).reset_index(drop=True)
        return found[found["median"] > 0].assign(low=lambda frame: frame["low"].clip(lower=least))

    @property
    def by_set(self) -> pd.DataFrame:
        """Medians of each ``gene_set`` over profiles, and its ``worst`` error; that with the largest median first."""
        sets = self.table.groupby(["seed", "gene_set"])
        columns = {name: sets[name].median() for name in ("size", "strength", "error")}
        found = pd.DataFrame(columns | {"worst": sets["error"].max(), "profiles": sets.size()}).reset_index()
        return found.sort_values("error", ascending=False, kind="stable")


def wrong_problems(run: Run) -> list[Problem]:
    """Problems on which a soft backend has an error that is more than rounding, in the order of `set_errors`.

    A real one with most pairs of profile and set comes first, then those with most pairs, of other scores before those
    of the same.
    """
    found = list(dict.fromkeys(result.problem for result in run.results if _is_wrong(result)))

    def merit(problem: Problem) -> tuple[object, ...]:
        pairs = (problem.sets or 0) * (problem.profiles or 0)
        unusual = len(problem.differing(run.varying, run.usual))
        return (-pairs, not problem.real, problem.scores != "planted", unusual, problem.order)

    if not found:
        return []
    first = min(found, key=lambda problem: (not problem.real, *merit(problem)))
    others = [problem for problem in found if problem != first]
    return [first, *sorted(others, key=lambda problem: (problem.scores == first.scores, *merit(problem)))]


def set_errors(run: Run) -> list[list[SetErrors]]:
    """Of the first problems whose details are known, each backend that errs; no other details are read."""
    shown: list[list[SetErrors]] = []
    for problem in wrong_problems(run):
        results = [result for result in run.results if result.problem == problem and _is_wrong(result)]
        tables = [(result, table) for result in results if (table := _table(run, result)) is not None]
        found = [SetErrors(result, table) for result, table in tables]
        found = [item for item in found if item.typical >= ROUNDING]
        if found:
            shown.append(found)
        if len(shown) == MOST_PROBLEMS:
            break
    return shown


def labels_of(found: Sequence[SetErrors]) -> list[str]:
    """Names of the backends."""
    return [item.result.label for item in found]


def _is_wrong(result: Result) -> bool:
    """Of classical scores there is another truth."""
    return result.target == "dgsea" and (result.worst("value_error_mean") or 0.0) >= ROUNDING


def _table(run: Run, result: Result) -> pd.DataFrame | None:
    """All sets whose truth is known and not zero, of all seeds."""
    frames = [
        frame.assign(seed=number)
        for number, row in enumerate(result.done)
        if (frame := run.details(row, "sets")) is not None and {"value", "truth"} <= set(frame)
    ]
    if not frames:
        return None
    table = pd.concat(frames, ignore_index=True)
    strength = table["truth"].abs()
    difference = (table["value"] - table["truth"]).abs()
    table = table.assign(strength=strength, difference=difference, error=difference / strength)
    kept = table[(strength > 0) & np.isfinite(table["error"])]
    return kept.reset_index(drop=True) if len(kept) else None


def _spearman(table: pd.DataFrame, column: str) -> pd.Series:
    """The rank correlation of errors with a column over the sets of each profile, where both vary."""
    keys = [table["seed"], table["profile"]]
    ranks = table[[column, "error"]].groupby(keys).rank()
    centred = ranks - ranks.groupby(keys).transform("mean")
    sums = pd.DataFrame(
        {
            "product": centred[column] * centred["error"],
            "first": centred[column] ** 2,
            "second": centred["error"] ** 2,
        }
    )
    sums = sums.groupby(keys).sum()
    sums = sums[(sums["first"] > 0) & (sums["second"] > 0)]
    return sums["product"] / np.sqrt(sums["first"] * sums["second"])


def _chance(spearman: float, sets: int) -> float:
    """How likely so large a rank correlation is, over so many independent sets, where there is none."""
    if abs(spearman) >= 1:
        return 0.0
    t = abs(spearman) * math.sqrt((sets - 2) / (1 - spearman**2))
    return float(2 * scipy.stats.t.sf(t, sets - 2))
