"""What rows say of the problems they were measured on, and how they line up along an axis such as genes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import pandas as pd

from dgsea_bench.bench.environment import machine_name
from dgsea_bench.bench.metrics import Growth, growth
from dgsea_bench.bench.results import Row
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.profiles import in_words
from dgsea_bench.report.wording import listed

Axis = Literal["genes", "sets", "profiles"]
AXES: tuple[Axis, ...] = ("genes", "sets", "profiles")
NAMED_ELSEWHERE = {"kind", "generator", "genes", "sets", "profiles", "pathways", "compounds", "seed", "transform"}
SCORES_FILES = ("ranking", "matrix")
"""Settings that name the file with the scores, whose name is the kind of scores too."""
FILES = (*SCORES_FILES, "gene_sets")
OF_TRAINING = {"genes": "genes", "sets": "pathways", "profiles": "compounds"}
"""Size -> what is as large where models are trained."""
PLANTS_NOTHING = {"null", "l1000-simulated"}
NOT_OF_THE_NULL = {"seed", "gradient"}
"""Seeds are repetitions; a gradient through the denominators is not measured."""
CONDITIONS = {item.name for kind in (EnrichmentParams, NullParams) for item in fields(kind)}
CONDITIONS |= {"dtype", "device", "threads", "machine"}
"""Settings of how something was measured, beside those of what it was measured on."""


@dataclass(frozen=True)
class Problem:
    """What a backend was measured on and under.

    Attributes:
        scores: the kind of scores: a generator's name, or the name of the file with the scores.
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

    @property
    def real(self) -> bool:
        """Whether its scores come from a file."""
        return any(name in SCORES_FILES for name, _ in self.settings)

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """The settings of how it was measured, whatever it was measured on."""
        return tuple(item for item in self.settings if item[0] in CONDITIONS)

    @property
    def settings_beside_scores(self) -> tuple[tuple[str, str], ...]:
        """All settings but those that name the file with the scores, and what is in it."""
        files = {value for name, value in self.settings if name in SCORES_FILES}
        told = {*SCORES_FILES, *(f"sha256 of {file}" for file in files)}
        return tuple(item for item in self.settings if item[0] not in told)

    def without(self, axis: Axis) -> "Problem":
        """The same, whatever its size along that axis."""
        sizes = {name: None if name == axis else getattr(self, name) for name in ("genes", "sets", "profiles")}
        return replace(self, **sizes)  # type: ignore[arg-type]

    def differing(self, names: Iterable[str], usual: Mapping[str, str] | None = None) -> str:
        """The settings of these names in words, ``dtype float32, set_size 5``, those as `usual` left out."""
        mine = {name: value for name, value in self.settings if (usual or {}).get(name) != value}
        if self.scores in PLANTS_NOTHING:
            mine.pop("planted_share", None)  # whatever it says
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

    def interval(self, name: str) -> tuple[float, float]:
        """The 95 % interval of a time's median, or its quartiles where that is not known, or the median twice."""
        for low, high in (("low", "high"), ("q1", "q3")):
            ends = self.typical(f"{name}_{low}"), self.typical(f"{name}_{high}")
            if ends[0] and ends[1]:
                return ends[0], ends[1]
        value = self.typical(name) or 0.0
        return value, value

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
        elsewhere: (case_id, environment_id) -> directory, of rows whose ``details`` lie in another one.
        whole: the run that this is a part of, if it is: colours, names of files and sizes are the same in both.
    """

    path: Path
    rows: tuple[Row, ...]
    environments: dict[str, Any]
    elsewhere: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    whole: "Run | None" = None

    def of_task(self, task: str) -> "Run":
        """The rows of that task alone: ``"enrichment"``, ``"significance"`` or ``"training"``."""
        return self._part(row for row in self.rows if row.task == task)

    def of_problems(self, problems: Iterable[Problem]) -> "Run":
        """The rows of these problems alone: settings that vary elsewhere need not be told there."""
        wanted = set(problems)
        return self._part(row for row in self.rows if self.problem(row) in wanted)

    def _part(self, rows: Iterable[Row]) -> "Run":
        return replace(self, rows=tuple(rows), whole=self.whole or self)

    @cached_property
    def facts(self) -> dict[str, dict[str, Any]]:
        """Facts of each source, known from any case that was measured on it."""
        return {_source_key(row): row.problem for row in (self.whole or self).rows if row.problem}

    @cached_property
    def labels(self) -> list[str]:
        """Backends with their knobs, in the order in which they first appear."""
        return list(dict.fromkeys(row.label for row in self.rows))

    @cached_property
    def baselines(self) -> list[str]:
        """Those of the labels that stand for the classical score, or for a model without a pathway loss."""
        return list(dict.fromkeys(row.label for row in self.rows if row.target != "dgsea"))

    @cached_property
    def seeds(self) -> set[int]:
        """Of all problems that were drawn."""
        return {row.case["source"]["seed"] for row in self.rows if "seed" in row.case["source"]}

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
        """Names of the settings that take more than one value in this run, so that they must be told.

        The file with the scores is told by the kind of scores, unless another one has its name.
        """
        values: dict[str, set[str]] = {}
        for problem in self.problems:
            for name, value in problem.settings:
                values.setdefault(name, set()).add(value)
        told = {name for name in SCORES_FILES if all(value == Path(value).name for value in values.get(name, ()))}
        return [name for name, found in values.items() if len(found) > 1 and name not in told]

    @cached_property
    def usual(self) -> dict[str, str]:
        """The most common value of each setting that varies; of equally common ones the default."""
        defaults = {name: str(value) for name, value in asdict(EnrichmentParams()).items()}
        usual = {}
        for name in self.varying:
            found = Counter(value for problem in self.problems for key, value in problem.settings if key == name)
            usual[name] = max(found, key=lambda value: (found[value], value == defaults.get(name)))
        return usual

    @cached_property
    def file_names(self) -> dict[str, str]:
        """Path of a file that is read -> its name; with its folder where files of several folders have that name."""
        sources = [row.case["source"] for row in (self.whole or self).rows]
        paths = {str(source[name]) for source in sources for name in FILES if name in source}
        found = Counter(Path(path).name for path in paths)
        return {path: path if found[Path(path).name] > 1 else Path(path).name for path in paths}

    def problem(self, row: Row) -> Problem:
        """The problem of a row; sizes of files that no case could read are None.

        Of trained models pathways count as gene sets and compounds as profiles.
        """
        source = row.case["source"]
        facts = row.problem or self.facts.get(_source_key(row), {})
        names = OF_TRAINING if row.task == "training" else {axis: axis for axis in AXES}
        sizes = {axis: facts.get(name, source.get(name)) for axis, name in names.items()}
        settings = {name: value for name, value in source.items() if name not in NAMED_ELSEWHERE}
        settings |= {name: self.file_names.get(settings[name], settings[name]) for name in FILES if name in settings}
        if "matrix" in source:
            settings.pop("gene_sets", None)  # in the name of the scores
        if "select" in settings:
            settings["select"] = in_words(settings["select"]) or "all"
        settings |= _of_training(row)
        null = row.case.get("null") or {}
        settings |= {name: value for name, value in null.items() if name not in NOT_OF_THE_NULL}
        settings |= row.case["params"] | {name: row.case[name] for name in ("dtype", "device", "threads")}
        settings |= {f"sha256 of {self.file_names.get(path, path)}": hash_[:12] for path, hash_ in row.inputs.items()}
        settings["machine"] = machine_name(row.environment_id, self.environments)
        text = tuple((name, "none" if value is None else str(value)) for name, value in settings.items())
        return Problem(kind_of_scores(row), sizes["genes"], sizes["sets"], sizes["profiles"], text)

    def lines(self, axis: Axis) -> dict[Problem, list[Line]]:
        """Lines along an axis by family, for families that have at least two sizes."""
        return self._lines[axis]

    @cached_property
    def _lines(self) -> dict[str, dict[Problem, list[Line]]]:
        return {axis: self._lines_along(axis) for axis in AXES}

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
        home = self.elsewhere.get((row.case_id, row.environment_id), self.path)
        file = home / "details" / row.case_id / f"{name}.parquet"
        if not file.is_file():
            return None
        try:
            return pd.read_parquet(file)
        except (OSError, ValueError) as error:
            problem = str(error).splitlines()[0]
            raise InputError(f"{file}: cannot be read ({problem}); delete it to report without it") from None


def kind_of_scores(row: Row) -> str:
    """A generator's name, or that of the file with the scores; ``a.gctx (center) × hallmark``: of several profiles also
    how they were transformed, and the gene sets, which hold as much of them as they share genes.
    """
    source = row.case["source"]
    if "generator" in source:
        return str(source["generator"])
    name = Path(next((str(source[key]) for key in SCORES_FILES if key in source), source.get("kind", "unknown"))).name
    if "matrix" not in source or "gene_sets" not in source:
        return name
    transform = source.get("transform", "none")
    changed = "" if transform in ("none", None) else f" ({transform})"
    return f"{name}{changed} × {Path(str(source['gene_sets'])).name}"


def by_problem(results: Iterable[Result]) -> dict[Problem, list[Result]]:
    """Results on the same problem together, in the order of both."""
    groups: dict[Problem, list[Result]] = {}
    for result in results:
        groups.setdefault(result.problem, []).append(result)
    return groups


def sizes_in_words(problems: Sequence[Problem], axis: Axis = "genes", others: Sequence[Problem] = ()) -> str:
    """``400 genes``, ``400 and 978 genes``, ``400 to 4,000 genes``; no range across a size that only `others` have."""
    sizes, known = (
        {size for problem in each if (size := getattr(problem, axis)) is not None}
        for each in (problems, [*problems, *others])
    )
    if not sizes:
        return f"an unknown number of {axis}"
    texts: list[str] = []
    for mine, group in groupby(sorted(known), key=sizes.__contains__):
        run = [f"{size:,}" for size in group] if mine else []
        texts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else run
    return f"{listed(texts)} {axis[:-1] if sizes == {1} else axis}"


def _of_training(row: Row) -> dict[str, Any]:
    """Settings of a trained model; its seed is a repetition, while that of its data tells data apart."""
    if row.task != "training":
        return {}
    settings = {name: value for name, value in (row.case.get("training") or {}).items() if name != "seed"}
    listed_values = {name: ", ".join(map(str, value)) for name, value in settings.items() if isinstance(value, list)}
    seed = row.case["source"].get("seed")
    return settings | listed_values | ({} if seed is None else {"seed of the data": seed})


def _source_key(row: Row) -> str:
    return repr((sorted(row.case["source"].items()), sorted(row.inputs.items())))
