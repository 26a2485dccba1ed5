"""Scenarios, and the cases that they expand to."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dgsea_bench.backends import Backend, Exact, get_backend
from dgsea_bench.bench.axes import NULL_AXES, PARAMETERS, PLACES, SOURCES, known_axes
from dgsea_bench.bench.plain_errors import plain_errors
from dgsea_bench.bench.spelling import parse_label
from dgsea_bench.bench.witnesses import WITNESSES, Witness
from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.sources import Source

MEASUREMENT_VERSION = 2
"""Raised when what is measured, or how, changes, so that older rows and truths are not taken for newer ones."""

Knob = bool | int | float | str
SEEDS = 2**20
"""Seeds of problems, of null distributions, and profiles that have one each, when significance is measured."""
Task = Literal["enrichment", "significance"]
"""``"enrichment"``: scores and their gradient. ``"significance"``: NES and p-values, profile by profile."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MeasureSettings(_Model):
    """How carefully to measure; not part of a case's identity.

    Attributes:
        timed: whether times are measured at all.
        repeats, min_seconds: timed calls and seconds of timed calls, at least.
        interval, max_seconds: they go on until the 95 % interval of the median time lies within that share of it, or
            for so many seconds, whichever comes first.
        reference_max_genes: no truth is computed for more genes (its cost grows with their square).
        reference_max_terms: nor where its sums have more terms: profiles × sets × permutations × genes². Classical
            scores are left out too. None: however many.
        time_limit: seconds that one case may take in all before it is stopped.
        memory_limit: GiB that the process of one case may take; what it loads takes nearly 0.5. None: nine tenths of
            what is available when it starts.
    """

    timed: bool = True
    repeats: int = Field(5, ge=5)
    min_seconds: float = Field(0.5, ge=0, allow_inf_nan=False)
    max_seconds: float = Field(2.0, ge=0, allow_inf_nan=False)
    interval: float = Field(0.05, gt=0, allow_inf_nan=False)
    reference_max_genes: int = Field(20_000, ge=2)
    reference_max_terms: int | None = Field(None, ge=1)
    time_limit: float = Field(900.0, gt=0, allow_inf_nan=False)
    memory_limit: float | None = Field(None, ge=0.5, allow_inf_nan=False)


class Case(_Model):
    """One point of a scenario: a problem, parameters, a backend with its knobs, and where it runs. It is JSON."""

    task: Task = "enrichment"
    source: Source
    params: EnrichmentParams
    null: NullParams | None = None
    """Of the task ``"significance"``, and of that one alone."""
    backend: str
    """Name of a backend, or of a witness."""
    options: dict[str, Knob] = {}
    dtype: Literal["float32", "float64"] = "float64"
    device: str = "cpu"
    threads: int = Field(1, ge=1)
    measure: MeasureSettings = MeasureSettings()
    skip: str | None = None
    """Why the scenario leaves this case out, such as a backend limited to fewer genes."""

    @model_validator(mode="after")
    def _null_fits(self) -> "Case":
        if (self.task == "significance") != (self.null is not None):
            raise ValueError('null belongs to the task "significance", and to it alone')
        seeds = {"null_seed": self.null.seed if self.null else 0, "seed": getattr(self.source, "seed", 0)}
        for name, value in seeds.items():
            if self.null is not None and value >= SEEDS:
                raise ValueError(f"{name} is {value}; it must be below {SEEDS:,} where significance is measured")
        return self

    @field_validator("device")
    @classmethod
    def _is_a_device(cls, device: str) -> str:
        try:
            torch.device(device)
        except RuntimeError:
            raise ValueError('device must be one that torch knows, such as "cpu" or "cuda:0"') from None
        return device

    @property
    def label(self) -> str:
        """The backend with its knobs as users write it: ``nyswin[anchors=128]``."""
        knobs = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.backend}[{knobs}]" if knobs else self.backend

    @cached_property
    def inputs(self) -> dict[str, str]:
        """sha256 of each file that is read, as it was when this was first asked."""
        return self.source.input_hashes()

    @cached_property
    def case_id(self) -> str:
        """The first 16 hex digits of the sha256 of the case in canonical form with the hashes of its inputs."""
        content = self.model_dump(mode="json", exclude={"measure", "skip", *([] if self.null else ["null"])})
        return _digest({**content, "options": asdict(contestant(self))}, self.inputs)

    @cached_property
    def reference_id(self) -> str:
        """The same of all that the truth depends on: problem, parameters, dtype of the scores, largest size.

        The classical NES, which is all that some cases of significance need, does not depend on temperatures.
        """
        content = self.model_dump(mode="json", include={"source", "params", "dtype"})
        content |= {"limit": self.measure.reference_max_genes, "version": MEASUREMENT_VERSION}
        if self.measure.reference_max_terms is not None:
            content["most_terms"] = self.measure.reference_max_terms
        if self.null:
            content |= {"null": self.model_dump(mode="json")["null"], "soft": self.needs_soft_truth}
            if not self.needs_soft_truth:
                content["params"] = {"exponent": self.params.exponent}
        return _digest(content, self.inputs)

    @property
    def needs_soft_truth(self) -> bool:
        """Whether dNES are compared with those of `exact`, which cost as much as a case: for other soft backends."""
        return contestant(self).target == "dgsea" and self.backend != Exact.name


def _digest(content: dict[str, Any], hashes: dict[str, str]) -> str:
    canonical = json.dumps(_replace(content, hashes), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _replace(content: Any, hashes: dict[str, str]) -> Any:
    """Files count by what is in them, not by where they lie."""
    if isinstance(content, dict):
        return {key: _replace(value, hashes) for key, value in content.items()}
    return hashes.get(content, content) if isinstance(content, str) else content


def _values(key: str, value: Any, where: str) -> list[Any]:
    """The values of an axis or a knob; an empty list would measure nothing without a word."""
    if value == []:
        raise InputError(f"{where}: {key} is an empty list; give at least one value")
    return value if isinstance(value, list) else [value]


class BackendEntry(_Model):
    """A backend of a scenario; keys beside these are its knobs. A list crosses its values.

    Beyond `max_genes` genes its cases are skipped, with that reason.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    max_genes: int | None = None

    def variants(self) -> Iterator[tuple[str, dict[str, Knob]]]:
        """(name, options) for each combination of knobs, checked against the backend."""
        knobs = {key: _values(key, value, f"backend {self.name!r}") for key, value in (self.model_extra or {}).items()}
        for values in itertools.product(*knobs.values()):
            options = dict(zip(knobs, values))
            try:
                get_backend(self.name, **options)
            except InputError as error:
                if self.name in WITNESSES:
                    raise InputError(f'{self.name} is not a backend; write witnesses = ["{self.name}"]') from None
                raise InputError(
                    f"[[backends]] {self.name!r}: {error}; max_genes is the only key beside its options"
                ) from None
            yield self.name, options


class Scenario(_Model):
    """What a scenario file says.

    Attributes:
        task: what is measured, where a grid does not say. witnesses: outside programs to measure beside the backends.
        axes: values shared by all grids; a list is an axis.
        grids: each names its source and crosses its axes, which come before the shared ones, with the backends.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")
    summary: str
    task: Task = "enrichment"
    axes: dict[str, Any] = {}
    grids: list[dict[str, Any]] = Field(min_length=1)
    backends: list[BackendEntry] = Field(min_length=1)
    witnesses: list[str] = []
    measure: MeasureSettings = MeasureSettings()

    @model_validator(mode="after")
    def _witnesses_are_known(self) -> "Scenario":
        for name in self.witnesses:
            if name not in WITNESSES:
                known = ", ".join(WITNESSES)
                raise ValueError(f"unknown witness {name!r}; known: {known}{did_you_mean(name, WITNESSES)}")
        if self.witnesses and "significance" not in self.tasks:
            raise ValueError('witnesses are measured in scenarios with task = "significance" only')
        return self

    @model_validator(mode="after")
    def _tasks_are_known(self) -> "Scenario":
        for number, task in enumerate(self.tasks, start=1):
            if task not in get_args(Task):
                known = ", ".join(get_args(Task))
                raise ValueError(
                    f"grid {number}: unknown task {task!r}; known: {known}{did_you_mean(str(task), get_args(Task))}"
                )
        return self

    @property
    def tasks(self) -> "list[Task]":
        """What is measured in each grid."""
        return [grid.get("task", self.task) for grid in self.grids]

    def with_backends(self, labels: list[str]) -> "Scenario":
        """The same with these backends and witnesses only.

        Args:
            labels: a name stands for all that the scenario has of that name, or for its defaults if it has none; a
                label such as ``nyswin[anchors=128]`` for exactly these knobs. Limits of genes stay.

        Raises:
            InputError: a label that cannot be read, or an unknown name or knob.
        """
        chosen, witnesses = [], []
        for label in labels:
            name, knobs = parse_label(label)
            find_contestant(name, knobs or {})
            if name in WITNESSES:
                witnesses.append(name)
            else:
                chosen += self._entries(name, knobs)
        if witnesses and "significance" not in self.tasks:
            raise InputError(f'{witnesses[0]} is measured in scenarios with task = "significance" only')
        return self.model_copy(update={"backends": chosen, "witnesses": list(dict.fromkeys(witnesses))})

    def _entries(self, name: str, knobs: dict[str, Any] | None) -> list[BackendEntry]:
        mine = [entry for entry in self.backends if entry.name == name]
        if knobs is None:
            return mine or [BackendEntry(name=name)]
        same = [entry for entry in mine if (name, knobs) in entry.variants()]
        limits = [entry.max_genes for entry in same or mine if entry.max_genes is not None]
        return [BackendEntry(name=name, max_genes=min(limits, default=None), **knobs)]

    def with_axes(self, values: Mapping[str, Any]) -> "Scenario":
        """The same with these values of axes in the place of its own, in every grid whose source knows the axis.

        Raises:
            InputError: an axis that no grid knows, or one without a value.
        """
        where = f"scenario {self.name!r}"
        known = [
            known_axes(grid, task, f"{where}, grid {number}")
            for number, (grid, task) in enumerate(zip(self.grids, self.tasks), start=1)
        ]
        for axis, value in values.items():
            _values(axis, value, where)
            if not any(axis in axes for axes in known):
                raise InputError(f"{where} {self._why_no_axis(axis, list(dict.fromkeys(itertools.chain(*known))))}")
        grids = [
            {**grid, **{axis: value for axis, value in values.items() if axis in axes}}
            for grid, axes in zip(self.grids, known)
        ]
        return self.model_copy(
            update={"grids": grids, "axes": {axis: values.get(axis, old) for axis, old in self.axes.items()}}
        )

    def _why_no_axis(self, axis: str, known: list[str]) -> str:
        owners = [
            entry.name for entry in self.backends if axis in (knob.name for knob in fields(get_backend(entry.name)))
        ]
        if owners:
            return f"has no axis {axis!r}, which is a knob; write --backends '{owners[0]}[{axis}=…]'"
        why = ' with task = "enrichment"' if axis in NULL_AXES else ""
        return f"has no axis {axis!r}{why}; known: {', '.join(known)}{did_you_mean(axis, known)}"

    def with_ranking(self, ranking: str, gene_sets: str, **settings: Any) -> "Scenario":
        """The same measured on a ranking and gene sets of the user's; `settings` are fields of `RankingSource`."""
        files = {"source": "ranking", "ranking": ranking, "gene_sets": gene_sets, **settings}
        grids = [{**grid, **files} for grid in self.grids if grid.get("source") == "ranking"]
        if not grids:
            raise InputError(f"scenario {self.name!r} has no ranking to replace; use real-ranking")
        return self.model_copy(update={"grids": grids, "summary": f"{Path(ranking).name} × {Path(gene_sets).name}"})

    def with_settings(self, changes: Mapping[str, Any]) -> "Scenario":
        """The same with other `MeasureSettings`."""
        with plain_errors("settings"):
            measure = MeasureSettings.model_validate({**self.measure.model_dump(), **changes})
        return self.model_copy(update={"measure": measure})

    def cases(self) -> list[Case]:
        """All points of all grids, without repetition.

        Raises:
            InputError: an unknown axis or option, or a value that makes no sense, with the grid's number.
        """
        found: dict[str, Case] = {}
        for number, (grid, task) in enumerate(zip(self.grids, self.tasks), start=1):
            where = f"scenario {self.name!r}, grid {number}"
            for case in self._expand(grid, task, where):
                found.setdefault(case.case_id, case)
        return list(found.values())

    def _expand(self, grid: dict[str, Any], task: Task, where: str) -> Iterator[Case]:
        known = known_axes(grid, task, where)
        kind = grid["source"]
        axes = {**self.axes, **{key: value for key, value in grid.items() if key not in ("source", "task")}}
        for axis in axes:
            if axis not in known:
                why = ' in a scenario with task = "enrichment"' if axis in NULL_AXES else f" for source {kind!r}"
                raise InputError(f"{where}: unknown key {axis!r}{why}{did_you_mean(axis, known)}")
        values = [_values(axis, value, where) for axis, value in axes.items()]
        for point in itertools.product(*values):
            chosen = dict(zip(axes, point))
            yield from self._with_each_contestant(chosen, kind, task, where)

    def _with_each_contestant(self, chosen: dict[str, Any], kind: str, task: Task, where: str) -> Iterator[Case]:
        source = {"kind": kind, **{key: chosen[key] for key in SOURCES[kind].model_fields if key in chosen}}
        places = {key: chosen[key] for key in PLACES if key in chosen}
        params = {key: chosen[key] for key in PARAMETERS if key in chosen}
        null = {field: chosen[axis] for axis, field in NULL_AXES.items() if axis in chosen}
        if null.get("split") == "none":  # TOML has no word for it
            null["split"] = None
        point = {"task": task, "source": source, "params": params, "measure": self.measure, **places}
        if task == "significance":
            point["null"] = null
        for entry in self.backends:
            for name, options in entry.variants():
                with plain_errors(where):
                    case = Case.model_validate({**point, "backend": name, "options": options})
                over = entry.max_genes is not None and case.source.count_genes() > entry.max_genes
                skip = f"the scenario limits {entry.name} to {entry.max_genes:,} genes" if over else None
                yield case.model_copy(update={"skip": skip})
        for name in self.witnesses if task == "significance" else ():
            with plain_errors(where):
                yield Case.model_validate({**point, "backend": name})


def contestant(case: Case) -> Backend | Witness:
    """What a case measures: a backend with its knobs, or an outside program."""
    return find_contestant(case.backend, case.options)


def find_contestant(name: str, knobs: Mapping[str, Any]) -> Backend | Witness:
    """The backend of that name with these knobs, or the outside program of that name.

    Raises:
        InputError: an unknown name or knob.
    """
    if name not in WITNESSES:
        return get_backend(name, **knobs)
    if knobs:
        raise InputError(f"{name} is an outside program and has no knobs; write {name} alone")
    return WITNESSES[name]


def case_backend(case: Case) -> Backend:
    """The backend of a case with its knobs.

    Raises:
        InputError: the case is of an outside program.
    """
    return get_backend(case.backend, **case.options)
