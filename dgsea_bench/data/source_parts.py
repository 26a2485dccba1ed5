"""What sources of scenarios have in common: selections of samples, checksums of files, and what is refused."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.files import sha256_of
from dgsea_bench.data.places import locate
from dgsea_bench.data.profiles import Value

OF_MODELS = (".safetensors", ".bin", ".json", ".txt", ".model")
"""Endings of the files that models and tokenizers are made of."""


class SourceModel(BaseModel):
    """A table of a scenario that says where a problem comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _is_a_table(select: object, field: ValidationInfo) -> object:
    if not isinstance(select, dict):
        name = field.field_name
        raise ValueError(f'{name} is {select!r}; write such as {name} = {{ pert_type = "trt_cp" }}')
    return select


def _once(select: dict[str, Value | list[Value]], field: ValidationInfo) -> dict[str, Value | list[Value]]:
    """The same selection is written in one way, so that it is one problem."""
    found: dict[str, Value | list[Value]] = {}
    for name, wanted in sorted(select.items()):
        values = sorted(set(wanted), key=str) if isinstance(wanted, list) else [wanted]
        if not values:
            raise ValueError(f"{field.field_name}: {name} is an empty list; give at least one value")
        found[name] = values if len(values) > 1 else values[0]
    return found


Selection = Annotated[dict[str, Value | list[Value]], BeforeValidator(_is_a_table), AfterValidator(_once)]
"""Field of the samples' metadata -> value, or values, wanted."""


def refuse_equal(scores: np.ndarray, names: Sequence[str], where: str | Path) -> None:
    """Complain of profiles (B, G) in which all scores are equal.

    Raises:
        InputError: there are such.
    """
    equal = np.flatnonzero(scores.min(1) == scores.max(1)).tolist()
    if equal:
        which = f" of {shorten([names[place] for place in equal])}" if names else ""
        value = scores[equal[0], 0]
        raise InputError(
            f"{where}: the scores of all {scores.shape[1]:,} genes{which} are {value:g}; nothing is ranked"
        )


def located(path: str | None) -> str | None:
    """Where a file is, if there is to be one.

    Raises:
        InputError: it is not there.
    """
    return None if path is None else str(locate(path))


def input_sha256(path: str) -> str:
    """The checksum of a file, which is looked for as `locate` does.

    Raises:
        InputError: it is missing or cannot be read.
    """
    file = locate(path)
    try:
        found = file.stat()
        return _known_sha256(file, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None


def model_files(folder: Path) -> str:
    """A line for each file of a pretrained model and its tokenizer: name and checksum.

    Raises:
        InputError: one cannot be read.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in OF_MODELS and path.is_file())
    return "\n".join(f"{path.name} {input_sha256(str(path))}" for path in files)


@cache
def _known_sha256(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 (a file that changed is read anew)
    """Files may have gigabytes, and every case asks."""
    return sha256_of(path)
