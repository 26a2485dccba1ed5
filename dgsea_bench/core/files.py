"""Files that are complete or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, renamed into place when complete; one that cannot be completed leaves nothing."""
    with whole_file(file) as partial:
        partial.write_bytes(content)


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to, renamed to `file` at the end of the ``with`` block; an error or Ctrl-C leaves nothing."""
    partial = file.with_name(file.name + ".partial")
    try:
        yield partial
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
