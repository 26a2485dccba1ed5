"""Lines and numbers of text files, with plain errors for what is not text."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dgsea_bench.core.errors import InputError

GZIP = b"\x1f\x8b"
HDF5 = b"\x89HDF\r\n\x1a\n"
"""How files of these kinds begin, whatever they are called."""


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank, without their ends; of gzipped files too.

    Raises:
        InputError: a file that cannot be read or is not text in UTF-8.
    """
    for number, line in enumerate(io.StringIO(read_text(path), newline=None), start=1):
        if line.strip():
            yield number, line.rstrip("\n")


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, unpacked if it is gzipped.

    Raises:
        InputError: a file that cannot be read or is not such text.
    """
    try:
        return read_content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8 (byte {error.start}: {error.reason})") from None


def read_content(path: str | Path) -> bytes:
    """The bytes of a file that is text in some encoding, unpacked if it is gzipped.

    Raises:
        InputError: a file that cannot be read, or is HDF5.
    """
    with damage_told(path):
        content = Path(path).read_bytes()
        content = gzip.decompress(content) if content.startswith(GZIP) else content
    if content.startswith(HDF5):
        raise InputError(f"{path}: is HDF5, such as a GCTX, and not text")
    return content


@contextmanager
def damage_told(path: str | Path) -> Iterator[None]:
    """What is wrong with a file, gzipped or not, that is read within a ``with`` block, in plain words.

    Raises:
        InputError: it cannot be read, or its compression is damaged.
    """
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: its gzip compression is damaged or cut short: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def first_bytes(path: str | Path, count: int = 16) -> bytes:
    """What a file begins with.

    Raises:
        InputError: it cannot be read.
    """
    with damage_told(path), Path(path).open("rb") as file:
        return file.read(count)


def to_number(text: str) -> float | None:
    """The number that a field holds; None if it holds none."""
    try:
        return None if "_" in text else float(text)  # Python reads 1_000, no file means it
    except ValueError:
        return None
