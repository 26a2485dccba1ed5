"""Whether files are still what they should be."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dgsea_bench.core.files import sha256_of
from dgsea_bench.data.datasets import Dataset, named
from dgsea_bench.data.fetching import file_checksum, record_of
from dgsea_bench.data.places import find
from dgsea_bench.data.transfer import SILENT, Progress

State = Literal["ok", "wrong", "not here", "no checksum known"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found of a dataset.

    Attributes:
        path: of the file, if it is here.
        expected: its sha256, if known.
        found: sha256 of the file that is here, or why it could not be read.
        published: whether what is expected is the publisher's file, rather than what once came.
    """

    dataset: Dataset
    state: State
    path: Path | None = None
    expected: str | None = None
    found: str | None = None
    published: bool = True


def verify(dataset: Dataset | str, *, progress: Progress = SILENT) -> Check:
    """Compare the file that `find` gives with its checksum, or with what `fetch` kept of it when it came.

    Raises:
        InputError: no dataset has that name.
    """
    dataset = named(dataset)
    path = find(dataset)
    if path is None:
        return Check(dataset=dataset, state="not here")
    published = file_checksum(dataset)
    expected = published or _recorded(path)
    state: State
    try:
        progress.started(f"reading {path.name}", path.stat().st_size)
        found = sha256_of(path, progress.reached)
        state = "no checksum known" if expected is None else "ok" if found == expected else "wrong"
    except OSError as error:
        found, state = f"cannot be read: {error.strerror}", "wrong"
    known = published is not None
    return Check(dataset=dataset, state=state, path=path, expected=expected, found=found, published=known)


def _recorded(file: Path) -> str | None:
    try:
        text = record_of(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.match(r"[0-9a-f]{64}\b", text)
    return found[0] if found else None
