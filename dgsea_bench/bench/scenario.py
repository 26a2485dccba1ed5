"""Scenarios, and how they expand to cases."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from pydantic import ConfigDict, Field, model_validator

from dgsea_bench.backends import get_backend
from dgsea_bench.bench.axes import NULL_AXES, PARAMETERS, PLACES, SOURCES, known_axes
from dgsea_bench.bench.case import Case, Frozen, Knob, MeasureSettings, Task, count_genes, find_contestant
from dgsea_bench.bench.foils import NoPathwayLoss
from dgsea_bench.bench.plain_errors import plain_errors
from dgsea_bench.bench.spelling import parse_label
from dgsea_bench.bench.training import TRAINING_AXES, TrainingSettings
from dgsea_bench.bench.witnesses import WITNESSES
from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.core.params import EnrichmentParams

NO_AXES = ("source", "task", "backends")
"""Keys of a grid that are not crossed."""


def _values(key: str, value: Any, where: str) -> list[Any]:
    """The values of an axis or a knob; an empty list would measure nothing without a word."""
    if value == []:
        raise InputError(f"{where}: {key} is an empty list; give at least one value")
    return value if isinstance(value, list) else [value]


class BackendEntry(Frozen):
    """A backend of a scenario; keys beside these are its knobs. A list crosses its values.

    Beyond `max_genes` genes its cases are skipped, with that reason; and of training, beyond the first `seeds` seeds.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    max_genes: int | None = None
    seeds: int | None = Field(None, ge=1)

    def variants(self) -> Iterator[tuple[str, dict[str, Knob]]]:
        """(name, options) for each combination of knobs, checked against the backend."""
        knobs = {key: _values(key, value, f"backend {self.name!r}") for key, value in (self.model_extra or {}).items()}
        if self.name in WITNESSES:
            raise InputError(f'{self.name} is not a backend; write witnesses = ["{self.name}"]')
        for values in itertools.product(*knobs.values()):
            options = dict(zip(knobs, values))
            try:
                find_contestant(self.name, options)
            except InputError as error:
                raise InputError(
                    f"[[backends]] {self.name!r}: {error}; max_genes and seeds are the only keys beside its options"
                ) from None
            yield self.name, options

    def reason_to_skip(self, case: Case, earlier_seeds: int) -> str | None:
        """Why a case with this backend is left out, if it is; `earlier_seeds` come before its own."""
        if self.max_genes is not None and count_genes(case) > self.max_genes:
            return f"the scenario limits {self.name} to {self.max_genes:,} genes"
        if self.seeds is not None and case.training is not None and earlier_seeds >= self.seeds:
            return f"the scenario limits {self.name} to {self.seeds} seed{'s' * (self.seeds > 1)}"
        return None


def _on_genes_alone(content: dict[str, Any]) -> dict[str, Any]:
    """The case without a pathway loss: neither pathways nor temperatures make a difference to it."""
    training = {name: value for name, value in content["training"].items() if name != "pathways"}
    if "judged_by" in training:
        training["pathways"] = training["judged_by"]
    params = asdict(EnrichmentParams.preset("training"))
    return {**content, "training": training, "params": params, "backend": NoPathwayLoss.name}


class Scenario(Frozen):
    """What a scenario file says.

    Attributes:
        task: what is measured, where a grid does not say. witnesses: outside programs to measure beside the backends.
        axes: values shared by all grids; a list is an axis.
        grids: each names its source and crosses its axes, which come before the shared ones, with the backends; those
            of its own ``backends``, a list of names, where it has such.
        training: how models are trained, in every grid with that task.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")
    summary: str
    task: Task = "enrichment"
    axes: dict[str, Any] = Field(default_factory=dict)
    grids: list[dict[str, Any]] = Field(min_length=1)
    backends: list[BackendEntry] = Field(min_length=1)
    witnesses: list[str] = Field(default_factory=list)
    measure: MeasureSettings = MeasureSettings()
    training: TrainingSettings = TrainingSettings()

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

    @model_validator(mode="after")
    def _backends_of_grids_are_there(self) -> "Scenario":
        names = [entry.name for entry in self.backends]
        for number, grid in enumerate(self.grids, start=1):
            wanted = grid.get("backends", names)
            if not isinstance(wanted, list) or not wanted:
                raise ValueError(f'grid {number}: backends is {wanted!r}; write a list of names, such as ["fastsum"]')
            for name in wanted:
                if name not in names:
                    known = ", ".join(names)
                    raise ValueError(
                        f"grid {number}: {name!r} is not among [[backends]]: {known}{did_you_mean(str(name), names)}"
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
                label such as ``nyswin[anchors=128]`` for exactly these knobs. Limits of genes and seeds stay.

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
        genes, seeds = (
            min((limit for entry in same or mine if (limit := getattr(entry, field)) is not None), default=None)
            for field in ("max_genes", "seeds")
        )
        return [BackendEntry(name=name, max_genes=genes, seeds=seeds, **knobs)]

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
        if "training" in self.tasks and axis in TrainingSettings.model_fields:
            return f"has no axis {axis!r}, which all cases share: write it below [training] in a scenario file"
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
        axes = {**self.axes, **{key: value for key, value in grid.items() if key not in NO_AXES}}
        for axis in axes:
            if axis not in known:
                why = ' in a scenario with task = "enrichment"' if axis in NULL_AXES else f" for source {kind!r}"
                raise InputError(f"{where}: unknown key {axis!r}{why}{did_you_mean(axis, known)}")
        values = {axis: _values(axis, value, where) for axis, value in axes.items()}
        entries = [entry for entry in self.backends if entry.name in grid.get("backends", [entry.name])]
        for point in itertools.product(*values.values()):
            chosen = dict(zip(axes, point))
            with plain_errors(where):
                content = self._content(chosen, kind, task)
            if task == "training" and chosen.get("arm") == "gene-mse":
                with plain_errors(where):
                    yield Case.model_validate(_on_genes_alone(content))
                continue
            seeds = values.get("seed", [])
            yield from self._with_each_contestant(content, entries, seeds, where)

    def _content(self, chosen: dict[str, Any], kind: str, task: Task) -> dict[str, Any]:
        """All of a case but its backend."""
        source = {"kind": kind, **{key: chosen[key] for key in SOURCES[kind].model_fields if key in chosen}}
        places = {key: chosen[key] for key in PLACES if key in chosen}
        params = {key: chosen[key] for key in PARAMETERS if key in chosen}
        content = {"task": task, "source": source, "params": params, "measure": self.measure, **places}
        if task == "significance":
            null = {field: chosen[axis] for axis, field in NULL_AXES.items() if axis in chosen}
            if null.get("split") == "none":  # TOML has no word for it
                null["split"] = None
            content["null"] = null
        if task == "training":
            own = {axis: chosen[axis] for axis in TRAINING_AXES if axis in chosen}
            content |= {
                "training": {**self.training.model_dump(), **own},
                "params": {**asdict(EnrichmentParams.preset("training")), **params},
                "dtype": places.get("dtype", "float32"),
            }
        return content

    def _with_each_contestant(
        self, content: dict[str, Any], entries: Sequence[BackendEntry], seeds: Sequence[Any], where: str
    ) -> Iterator[Case]:
        for entry in entries:
            for name, options in entry.variants():
                with plain_errors(where):
                    case = Case.model_validate({**content, "backend": name, "options": options})
                earlier = seeds.index(case.training.seed) if case.training and case.training.seed in seeds else 0
                yield case.model_copy(update={"skip": entry.reason_to_skip(case, earlier)})
        for name in self.witnesses if content["task"] == "significance" else ():
            with plain_errors(where):
                yield Case.model_validate({**content, "backend": name})
