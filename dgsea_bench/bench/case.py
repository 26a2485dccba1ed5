"""A case: one point of a scenario, which is what is measured, and what identifies it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dgsea_bench.backends import Backend, Exact, get_backend
from dgsea_bench.bench.foils import FOILS, NoPathwayLoss
from dgsea_bench.bench.training import Training
from dgsea_bench.bench.witnesses import WITNESSES, Witness
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.compound_sources import CompoundsSource, SimulatedCompoundsSource
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.sources import L1000Source, RankingSource, SyntheticSource

MEASUREMENT_VERSION = 2
"""Raised when what is measured, or how, changes, so that older rows and truths are not taken for newer ones."""

COMPOUNDS = (CompoundsSource, SimulatedCompoundsSource)
"""Sources of compounds to train on; the others are of problems to score."""
Source = Annotated[
    SyntheticSource | RankingSource | L1000Source | CompoundsSource | SimulatedCompoundsSource,
    Field(discriminator="kind"),
]
Contestant = Backend | Witness | NoPathwayLoss
Knob = bool | int | float | str
SEEDS = 2**20
"""Seeds of problems, of null distributions, and profiles that have one each, when significance is measured."""
Task = Literal["enrichment", "significance", "training"]
"""``"enrichment"``: scores and their gradient. ``"significance"``: NES and p-values, profile by profile.
``"training"``: a model trained with scores in its loss."""


class Frozen(BaseModel):
    """A model that is not changed and knows no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MeasureSettings(Frozen):
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


class Case(Frozen):
    """One point of a scenario: a problem, parameters, a backend with its knobs, and where it runs. It is JSON."""

    task: Task = "enrichment"
    source: Source
    params: EnrichmentParams
    null: NullParams | None = None
    """Of the task ``"significance"``, and of that one alone."""
    training: Training | None = None
    """Of the task ``"training"``, and of that one alone."""
    backend: str
    """Name of a backend, of a witness, or of a foil."""
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

    @model_validator(mode="after")
    def _training_fits(self) -> "Case":
        trained = self.training is not None
        if (self.task == "training") != trained:
            raise ValueError('training belongs to the task "training", and to it alone')
        if isinstance(self.source, COMPOUNDS) != trained:
            raise ValueError(f'source {self.source.kind!r} is not one for task = "{self.task}"')
        if trained and self.dtype != "float32":
            raise ValueError(f"dtype is {self.dtype}; models are trained in float32")
        if self.backend in FOILS and not trained:
            raise ValueError(f'{self.backend} is for task = "training" only')
        if self.training and (self.training.arm == "gene-mse") != (self.backend == NoPathwayLoss.name):
            raise ValueError('the arm "gene-mse" has the backend "none", and no other arm has it')
        if self.training and self.training.arm != "gene-mse" and not case_backend(self).differentiable:
            raise ValueError(f"backend {self.backend!r} has no gradient, so nothing can be trained with it")
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
        """sha256 of each file or model that is read, as it was when this was first asked."""
        return {**self.source.input_hashes(), **(self.training.input_hashes if self.training else {})}

    @cached_property
    def case_id(self) -> str:
        """The first 16 hex digits of the sha256 of the case in canonical form with the hashes of its inputs."""
        absent = [name for name in ("null", "training") if getattr(self, name) is None]
        content = self.model_dump(mode="json", exclude={"measure", "skip", *absent})
        return _digest({**content, "options": asdict(contestant(self))}, self.inputs)

    @cached_property
    def reference_id(self) -> str:
        """The same of all that the truth depends on: problem, parameters, dtype of the scores, largest size.

        The classical NES, which is all that some cases of significance need, does not depend on temperatures. Of the
        task ``"training"`` it is the model that is trained on genes alone, and what arms are judged by.
        """
        if self.training:
            places = self.model_dump(mode="json", include={"source", "dtype", "device", "threads"})
            return _digest({**places, "training": self.training.shared, "version": MEASUREMENT_VERSION}, self.inputs)
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


def problem_of(case: Case) -> Problem:
    """What a case of scores is measured on.

    Raises:
        InputError: files that cannot be read.
    """
    problem = case.source.load()
    assert isinstance(problem, Problem)  # noqa: S101 (of no training)
    return problem


def count_genes(case: Case) -> int:
    """Genes of a ranking, without reading the scores where that can be had; of compounds, with."""
    if isinstance(case.source, COMPOUNDS):
        return len(case.source.load().genes)
    return case.source.count_genes()


def contestant(case: Case) -> Contestant:
    """What a case measures: a backend with its knobs, an outside program, or a foil to train with."""
    return find_contestant(case.backend, case.options)


def find_contestant(name: str, knobs: Mapping[str, Any]) -> Contestant:
    """The backend of that name with these knobs, or the outside program or foil of that name.

    Raises:
        InputError: an unknown name or knob.
    """
    if name not in WITNESSES and name not in FOILS:
        return get_backend(name, **knobs)
    if knobs:
        what = "an outside program" if name in WITNESSES else "a foil"
        raise InputError(f"{name} is {what} and has no knobs; write {name} alone")
    return WITNESSES.get(name) or FOILS[name]


def case_backend(case: Case) -> Backend:
    """The backend of a case with its knobs.

    Raises:
        InputError: the case is of an outside program, or of no pathway loss.
    """
    found = contestant(case)
    return found if isinstance(found, Backend) else get_backend(case.backend, **case.options)
