"""What rows say of the problems they were measured on, and how they line up along an axis such as genes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import pandas as pd

from dgsea_bench.bench.metrics import Growth, growth
from dgsea_bench.bench.results import Row
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams

Axis = Literal["genes", "sets", "profiles"]
NAMED_ELSEWHERE = {"kind", "generator", "genes", "sets", "profiles", "seed"}
NOT_OF_THE_NULL = {"seed", "gradient"}
"""Seeds are repetitions; a gradient through the denominators is not measured."""


@dataclass(frozen=True)
class Problem:
    """What a backend was measured on and under.

    Attributes:
        scores: the kind of scores: a generator's name, or the name of a ranking's file.
        settings: everything else that was fixed, as (name, value); seeds are left out, they are repetitions.
    """

    scores: str
    genes: int | None
    sets: int | None
    profiles: int | None
    settings: tuple[tuple[str, str], ...]

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts problems by size, then by kind of scores."""
        sizes = [-1 if size is None else size for size in (self.genes, self.sets, self.profiles)]
        return (*sizes, self.scores, self.settings)

    def without(self, axis: Axis) -> "Problem":
        """The same, whatever its size along that axis."""
        sizes = {name: None if name == axis else getattr(self, name) for name in ("genes", "sets", "profiles")}
        return replace(self, **sizes)  # type: ignore[arg-type]

    def differing(self, names: Iterable[str], usual: Mapping[str, str] | None = None) -> str:
        """The settings of these names in words, ``dtype float32, set_size 5``, those as `usual` left out."""
        mine = {name: value for name, value in self.settings if (usual or {}).get(name) != value}
        if self.scores == "null":
            mine.pop("planted_share", None)  # nothing is planted there, whatever it says
        return ", ".join(f"{name} {mine[name]}" for name in names if name in mine)


@dataclass(frozen=True)
class Result:
    """One backend on one problem: rows that differ in their seed alone, taken together."""

    label: str
    problem: Problem
    rows: tuple[Row, ...]

    @property
    def target(self) -> str:
        """``dgsea`` or ``gsea``."""
        return self.rows[0].target

    @property
    def cost(self) -> str:
        """The order of growth that the backend claims."""
        return self.rows[0].cost

    @cached_property
    def done(self) -> tuple[Row, ...]:
        """The rows that have numbers."""
        return tuple(row for row in self.rows if row.status == "done")

    def values(self, name: str) -> list[float]:
        """That metric of every row that has it."""
        return [row.metrics[name] for row in self.done if name in row.metrics]

    def typical(self, name: str) -> float | None:
        """Its median over the seeds."""
        values = self.values(name)
        return median(values) if values else None

    def worst(self, name: str) -> float | None:
        """Its largest value over the seeds."""
        return max(self.values(name), default=None)


@dataclass(frozen=True)
class Line:
    """One backend along one axis, all else equal; `family` is what is equal, with None for the axis."""

    label: str
    axis: Axis
    family: Problem
    results: tuple[Result, ...]

    def points(self, name: str) -> list[tuple[int, float]]:
        """(size, typical value) where the metric is known."""
        found = [(getattr(result.problem, self.axis), result.typical(name)) for result in self.results]
        return [(size, value) for size, value in found if value is not None]

    def growth(self, name: str) -> Growth | None:
        """The fitted exponent of a cost; values of zero, below what can be measured, are left out."""
        points = [
            (getattr(result.problem, self.axis), value)
            for result in self.results
            for value in result.values(name)
            if value > 0
        ]
        return growth(np.array([size for size, _ in points]), np.array([value for _, value in points]))


@dataclass(frozen=True)
class Run:
    """Everything that the report is made from.

    Attributes:
        path: the directory with ``details``. environments: environment_id -> description.
    """

    path: Path
    rows: tuple[Row, ...]
    environments: dict[str, Any]

    def of_task(self, task: str) -> "Run":
        """The rows of that task alone, ``"enrichment"`` or ``"significance"``."""
        return replace(self, rows=tuple(row for row in self.rows if row.task == task))

    @cached_property
    def facts(self) -> dict[str, dict[str, Any]]:
        """Facts of each source, known from any case that was measured on it."""
        return {_source_key(row): row.problem for row in self.rows if row.problem}

    @cached_property
    def labels(self) -> list[str]:
        """Backends with their knobs, in the order in which they first appear."""
        return list(dict.fromkeys(row.label for row in self.rows))

    @cached_property
    def results(self) -> list[Result]:
        """Rows grouped by backend and problem."""
        groups: dict[tuple[str, Problem], list[Row]] = {}
        for row in self.rows:
            groups.setdefault((row.label, self.problem(row)), []).append(row)
        return [Result(label, problem, tuple(rows)) for (label, problem), rows in groups.items()]

    @cached_property
    def problems(self) -> list[Problem]:
        """All problems, smallest first."""
        return sorted({result.problem for result in self.results}, key=lambda problem: problem.order)

    @cached_property
    def varying(self) -> list[str]:
        """Names of the settings that take more than one value in this run, so that they must be told."""
        values: dict[str, set[str]] = {}
        for problem in self.problems:
            for name, value in problem.settings:
                values.setdefault(name, set()).add(value)
        return [name for name, found in values.items() if len(found) > 1]

    @cached_property
    def usual(self) -> dict[str, str]:
        """The most common value of each setting that varies; of equally common ones the default."""
        defaults = {name: str(value) for name, value in asdict(EnrichmentParams()).items()}
        usual = {}
        for name in self.varying:
            found = Counter(str(dict(problem.settings).get(name)) for problem in self.problems)
            usual[name] = max(found, key=lambda value: (found[value], value == defaults.get(name)))
        return usual

    def problem(self, row: Row) -> Problem:
        """The problem of a row; sizes of files that no case could read are None."""
        source = row.case["source"]
        facts = row.problem or self.facts.get(_source_key(row), {})
        sizes = {axis: facts.get(axis, source.get(axis)) for axis in ("genes", "sets", "profiles")}
        settings = {name: value for name, value in source.items() if name not in NAMED_ELSEWHERE}
        null = row.case.get("null") or {}
        settings |= {name: value for name, value in null.items() if name not in NOT_OF_THE_NULL}
        settings |= row.case["params"] | {name: row.case[name] for name in ("dtype", "device", "threads")}
        settings |= {f"sha256 of {path}": digest[:12] for path, digest in row.inputs.items()}
        settings["machine"] = self._machine(row.environment_id)
        text = tuple((name, "none" if value is None else str(value)) for name, value in settings.items())
        return Problem(kind_of_scores(row), sizes["genes"], sizes["sets"], sizes["profiles"], text)

    def lines(self, axis: Axis) -> dict[Problem, list[Line]]:
        """Lines along an axis by family, for families that have at least two sizes."""
        return self._lines[axis]

    @cached_property
    def _lines(self) -> dict[str, dict[Problem, list[Line]]]:
        axes: tuple[Axis, ...] = ("genes", "sets", "profiles")
        return {axis: self._lines_along(axis) for axis in axes}

    def _lines_along(self, axis: Axis) -> dict[Problem, list[Line]]:
        families: dict[Problem, dict[str, list[Result]]] = {}
        for result in self.results:
            if getattr(result.problem, axis) is not None:
                family = result.problem.without(axis)
                families.setdefault(family, {}).setdefault(result.label, []).append(result)
        found: dict[Problem, list[Line]] = {}
        for family, by_label in families.items():
            sizes = {getattr(result.problem, axis) for results in by_label.values() for result in results}
            if len(sizes) > 1:
                found[family] = [
                    Line(label, axis, family, tuple(sorted(results, key=lambda r: getattr(r.problem, axis))))
                    for label, results in by_label.items()
                ]
        return found

    def details(self, row: Row, name: str) -> pd.DataFrame | None:
        """A table of what has many values for a case; None where it is missing.

        Raises:
            InputError: the file is there but cannot be read.
        """
        file = self.path / "details" / row.case_id / f"{name}.parquet"
        if not file.is_file():
            return None
        try:
            return pd.read_parquet(file)
        except (OSError, ValueError) as error:
            problem = str(error).splitlines()[0]
            raise InputError(f"{file}: cannot be read ({problem}); delete it to report without it") from None

    def _machine(self, environment_id: str) -> str:
        """Environments that differ in versions alone are one machine; times are not compared across machines."""
        known = self.environments.get(environment_id)
        if known is None:
            return environment_id
        parts = (known.get("processor"), f"{known.get('cores')} cores", known.get("gpu"))
        return ", ".join(str(part) for part in parts if part)


def kind_of_scores(row: Row) -> str:
    """A generator's name, or the name of the ranking's file."""
    source = row.case["source"]
    return str(source["generator"]) if "generator" in source else Path(source.get("ranking", "unknown")).name


def sizes_in_words(problems: Sequence[Problem], axis: Axis = "genes") -> str:
    """``400 genes``, ``400 and 978 genes``, ``400 to 4,000 genes``."""
    sizes = sorted({size for problem in problems if (size := getattr(problem, axis)) is not None})
    if not sizes:
        return f"an unknown number of {axis}"
    noun = axis[:-1] if sizes == [1] else axis
    texts = [f"{size:,}" for size in sizes]
    return f"{texts[0]} to {texts[-1]} {noun}" if len(texts) > 2 else f"{' and '.join(texts)} {noun}"


def _source_key(row: Row) -> str:
    return repr((sorted(row.case["source"].items()), sorted(row.inputs.items())))
