"""What lies below a directory: runs, other pages of ours, and folders that cannot be read, with the reason."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.core.errors import InputError
from dgsea_bench.report.page import MARKER
from dgsea_bench.report.reading import read_runs
from dgsea_bench.report.rows import Run

NOT_ENTERED = ("details", "references")
"""Folders of a run that hold no runs."""
HEAD = 4000
"""Bytes of a page that hold its head as far as the title."""


@dataclass(frozen=True)
class Found:
    """All in the order of their paths; `pages` are those that are no run's report, with their titles."""

    runs: tuple[tuple[Path, Run], ...]
    pages: tuple[tuple[Path, str], ...]
    unreadable: tuple[tuple[Path, str], ...]


def find_reports(directory: Path) -> Found:
    """Look through a directory and all below it; hidden folders, and those of a run's own files, are left out."""
    runs: list[tuple[Path, Run]] = []
    pages: list[tuple[Path, str]] = []
    unreadable: list[tuple[Path, str]] = []
    for folder, files in _folders(directory, unreadable):
        holds_a_run = RunDirectory(folder).rows_file.name in files
        if holds_a_run:
            try:
                runs.append((folder, _read(folder)))
            except InputError as error:
                unreadable.append((folder, str(error)))
        for name in sorted(files):
            if name.lower().endswith((".html", ".htm")) and not (holds_a_run and name == "index.html"):
                title = title_of_ours(folder / name)
                pages += [(folder / name, title)] if title is not None else []
    return Found(tuple(runs), tuple(pages), tuple(sorted(unreadable)))


def title_of_ours(page: Path) -> str | None:
    """The title of a page that this package wrote; None for any other file, and for none."""
    try:
        with page.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    if MARKER.encode() not in head:
        return None
    found = re.search(r"<title>(.*?)</title>", head.decode(errors="replace"), re.DOTALL)
    return " ".join(unescape(found.group(1)).split()) if found else page.name


def _folders(directory: Path, unreadable: list[tuple[Path, str]]) -> Iterator[tuple[Path, set[str]]]:
    """Each folder with the names of its files; those that cannot be entered are added to `unreadable`."""

    def note(error: OSError) -> None:
        unreadable.append((Path(error.filename), error.strerror or "cannot be entered"))

    for folder, inner, files in os.walk(directory, onerror=note):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in NOT_ENTERED)
        yield Path(folder), set(files)


def _read(folder: Path) -> Run:
    """The run of a folder, of which it is known that its rows say what they were measured on.

    Raises:
        InputError: whatever else is in the file.
    """
    try:
        run = read_runs([folder])
        list(run.problems)  # raises for rows that are none of a sweep's
    except InputError:  # a ValueError too
        raise
    except OSError as error:
        raise InputError(f"{error.filename or folder}: cannot be read: {error.strerror}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: its rows are not as a sweep writes them ({type(error).__name__})") from None
    return run
