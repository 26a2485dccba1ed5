"""Files that are complete or not there."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dgsea_bench.core.errors import InputError

PIECE = 2**20
"""Bytes that are read at a time."""


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, renamed into place when complete; one that cannot be completed leaves nothing."""
    with whole_file(file) as partial:
        partial.write_bytes(content)


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to, renamed to `file` at the end of the ``with`` block; an error or Ctrl-C leaves nothing."""
    partial = _partial(file)
    try:
        yield partial
        partial.replace(file.resolve())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def check_writable(path: Path, *, sparing: Sequence[str | Path] = ()) -> None:
    """Raise for a file that could not be written whole, or should not, before any work is done.

    Raises:
        InputError: there is no such directory, it cannot be written, or the name is that of something else or of one
            of the files to spare.
    """
    if path.resolve() in (Path(other).resolve() for other in sparing):
        raise InputError(f"{path}: is what is to be read; give what is to be written another name")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a file; give the name of one")
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def sha256_of(path: Path, reached: Callable[[int], None] = lambda _: None) -> str:
    """The checksum of a file, which may be larger than memory; `reached` is told how many bytes are done."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            reached(file.tell())
    return digest.hexdigest()


def _partial(path: Path) -> Path:
    """Beside the file that a link leads to. What a killed process left is overwritten by the next one."""
    target = path.resolve()
    return target.with_name(f".{target.name}.partial")
