"""The axes that scenarios cross: fields of sources, parameters, places, and those of the null distribution."""

from dataclasses import fields
from typing import Any

from pydantic import BaseModel

from dgsea_bench.bench.training import TRAINING_AXES
from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.compound_sources import CompoundsSource, SimulatedCompoundsSource
from dgsea_bench.data.sources import L1000Source, RankingSource, SyntheticSource

PARAMETERS = [item.name for item in fields(EnrichmentParams)]
NULL_AXES = {"null_seed" if item.name == "seed" else item.name: item.name for item in fields(NullParams)}
"""Axis -> field; ``seed`` is that of the problem. Nothing is measured of a gradient through the denominators."""
del NULL_AXES["gradient"]
PLACES = ["dtype", "device", "threads"]
SOURCES: dict[str, type[BaseModel]] = {
    "synthetic": SyntheticSource,
    "ranking": RankingSource,
    "l1000": L1000Source,
    "compounds": CompoundsSource,
    "simulated-compounds": SimulatedCompoundsSource,
}
AXES = {
    kind: [*(name for name in model.model_fields if name != "kind"), *PARAMETERS, *PLACES]
    for kind, model in SOURCES.items()
}
"""Kind of source -> axes, beside those of the null distribution and of training."""


def known_axes(grid: dict[str, Any], task: str, where: str) -> list[str]:
    """The axes that a grid may have.

    Raises:
        InputError: an unknown source.
    """
    kind = grid.get("source")
    if not isinstance(kind, str) or kind not in SOURCES:
        raise InputError(f"{where}: source is {kind!r}; known: {', '.join(SOURCES)}{did_you_mean(str(kind), SOURCES)}")
    of_task = {"significance": [*NULL_AXES], "training": TRAINING_AXES}
    return [*AXES[kind], *of_task.get(task, ())]
