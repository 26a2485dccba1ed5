"""The page that lists reports: every run below a directory with its verdict, and other pages of ours there."""

import os
import shlex
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from dgsea_bench.bench.environment import machine_name
from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.core.errors import InputError
from dgsea_bench.report import wording
from dgsea_bench.report.content import Cell, Headline, Section, Table
from dgsea_bench.report.found import Found, find_reports, title_of_ours
from dgsea_bench.report.page import check_replaceable, render_sections, write_page
from dgsea_bench.report.rows import Run, sizes_in_words
from dgsea_bench.report.sections import headline
from dgsea_bench.report.tables import machines

ANCHOR = "reports-found"
"""Of the section that no other page has, by which an index is known."""
LONG = 40
"""A table with more rows than that scrolls in a box of its own."""


def render_index(directory: Path, output: Path | None = None) -> Path:
    """Write ``index.html``, a list of the runs and pages below a directory; the same files give the same bytes.

    Args:
        directory: where to look, with all folders below it.
        output: directory of the page; by default the one that is looked through. It is made if need be.

    Raises:
        InputError: no such directory, nothing found, or a page that cannot be written or should not: in its place is
            the report of a run or of several, or a page of somebody else's.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; name one that holds reports, such as reports")
    folder = output or directory
    page = folder / "index.html"
    _check_place(page)
    found = find_reports(directory)
    pages = tuple((path, title) for path, title in found.pages if path.resolve() != page.resolve())
    found = Found(found.runs, pages, found.unreadable)
    if not (found.runs or found.pages or found.unreadable):
        raise InputError(f"{directory}: holds neither runs nor pages of this program; run a sweep first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
    write_page(_render(found, directory, folder), page)
    return page


def _check_place(page: Path) -> None:
    """Refuse to replace anything but an index."""
    remedy = "give the index a directory of its own with --out DIR"
    if RunDirectory(page.parent).rows_file.exists():
        raise InputError(f"{page.parent}: holds a run, and its index.html is that run's report; {remedy}")
    check_replaceable(page)
    if title_of_ours(page) is not None and f'id="{ANCHOR}"'.encode() not in page.read_bytes():
        raise InputError(f"{page}: is a report, not an index; {remedy}")


def _render(found: Found, directory: Path, folder: Path) -> str:
    sections = [_runs(found, directory, folder), _pages(found, directory, folder), _unread(found)]
    where = directory.resolve().name or "/"
    used = list(dict.fromkeys(machine for _, run in found.runs for machine in machines(run)))
    counted = [wording.plural(len(found.runs), "run")]
    counted += [wording.plural(len(found.pages), "other page")] if found.pages else []
    about = f"{_shown(where)}: which reports there are"
    explained = "What each of them found, and where it was measured."
    head = Headline(
        wording.capital(wording.listed(counted)),
        about,
        explained,
        f"{_cases(found)}.",
        "; ".join(used) or "none that is known",
    )
    return render_sections(head, [section for section in sections if section is not None])


def _cases(found: Found) -> str:
    """``312 cases: 300 done, 2 failed, 10 skipped``."""
    counts = sum((_outcomes(run) for _, run in found.runs), Counter[str]())
    told = [f"{counts[name]:,} {name}" for name in ("done", "failed", "skipped")]
    return f"{wording.plural(sum(len(run.rows) for _, run in found.runs), 'case')}: {', '.join(told)}"


def _outcomes(run: Run) -> Counter[str]:
    """Cases done, failed in whatever way, skipped, and flagged."""
    counts: Counter[str] = Counter("failed" if row.status in FAILURES else row.status for row in run.rows)
    counts["flagged"] = sum(bool(row.flags) for row in run.rows if row.status == "done")
    return counts


def _runs(found: Found, directory: Path, folder: Path) -> Section:
    """Every run with what it found; before them, what needs a look."""
    header = ["run", "at", "what it found", "machine", "commit", "done", "failed", "skipped", "flagged"]
    body = [_run_row(path, run, directory, folder) for path, run in found.runs]
    caption = (
        "What it found: the answer at the top of its report. Failed: also what ran out of time or memory. Flagged: "
        "done, but not to be believed without a look."
    )
    table = Table(
        "Every run, with its report", header, body, caption, numeric_from=5, wide=len(body) > LONG, stacked=True
    )
    return Section("Runs", ANCHOR, _to_look_at(found, directory), [table] if body else [])


def _to_look_at(found: Found, directory: Path) -> list[str]:
    told = []
    for kind, text in (("failed", "cases that failed"), ("flagged", "results that are flagged")):
        numbers = {_inside(path, directory): _outcomes(run)[kind] for path, run in found.runs}
        names = [f"{name} ({count:,})" for name, count in numbers.items() if count]
        if names:
            told.append(f"{wording.plural(len(names), 'run has', 'runs have')} {text}: {wording.listed(names)}.")
    if found.unreadable:
        told.append(f"{wording.plural(len(found.unreadable), 'folder')} could not be read: see below.")
    return told or ["Nothing failed, and nothing is flagged."]


def _run_row(path: Path, run: Run, directory: Path, folder: Path) -> list[Cell]:
    counts = _outcomes(run)
    has_page = (path / "index.html").is_file()
    place = _inside(path, directory)
    command = f"no report yet: python -m dgsea_bench report {shlex.quote(_shown(path))}"
    return [
        Cell(
            _title(run),
            place if has_page else f"{place}; {command}",
            strong=True,
            link=_address(path / "index.html", folder) if has_page else "",
        ),
        Cell(sizes_in_words(run.problems), place=max((problem.genes or 0 for problem in run.problems), default=0)),
        Cell(" ".join(_verdict(run)) or wording.UNKNOWN),
        Cell("; ".join(dict.fromkeys(machine_name(row.environment_id, run.environments) for row in run.rows))),
        Cell(wording.listed(_commits(run)) or wording.UNKNOWN),
        Cell(f"{counts['done']:,}", value=counts["done"]),
        Cell(f"{counts['failed']:,}", warn=counts["failed"] > 0, value=counts["failed"]),
        Cell(f"{counts['skipped']:,}", value=counts["skipped"]),
        Cell(f"{counts['flagged']:,}", warn=counts["flagged"] > 0, value=counts["flagged"]),
    ]


def _title(run: Run) -> str:
    return wording.listed(list(dict.fromkeys(row.scenario for row in run.rows)))


def _verdict(run: Run) -> list[str]:
    """The answer on each of its tasks."""
    parts = (run.of_task(task) for task in ("enrichment", "significance", "training"))
    return [f"{headline(part).title}." for part in parts if part.rows]


def _commits(run: Run) -> list[str]:
    """Of the program that measured; whether it had changes that no commit holds."""
    used = dict.fromkeys(row.environment_id for row in run.rows)
    known = [run.environments.get(name, {}) for name in used]
    told = [f"{each['commit']}{' with changes' if each.get('dirty') else ''}" for each in known if each.get("commit")]
    return list(dict.fromkeys(told))


def _pages(found: Found, directory: Path, folder: Path) -> Section | None:
    """Comparisons, histories, reports of several runs, other indexes."""
    if not found.pages:
        return None
    body = [[Cell(title, link=_address(path, folder)), Cell(_inside(path, directory))] for path, title in found.pages]
    table = Table("Comparisons, histories and other pages", ["page", "file"], body, wide=len(body) > LONG)
    return Section("Other pages", "pages", tables=[table])


def _unread(found: Found) -> Section | None:
    if not found.unreadable:
        return None
    body = [[Cell(_shown(path)), Cell(_shown(reason), warn=True)] for path, reason in found.unreadable]
    return Section("What could not be read", "unread", tables=[Table("Left out", ["folder", "why"], body)])


def _inside(path: Path, directory: Path) -> str:
    """Where a folder or file lies in the directory; of the directory itself, its name."""
    return _shown(path.relative_to(directory) if path != directory else directory.resolve().name)


def _address(page: Path, folder: Path) -> str:
    """Of a page, relative to the folder of the index; whatever its name holds, it is no other kind of address."""
    relative = Path(os.path.relpath(page.resolve(), folder.resolve())).as_posix()
    return quote(os.fsencode(relative))


def _shown(path: Path | str) -> str:
    """As text that can be written, even where a name is none."""
    return os.fsencode(path).decode(errors="replace")
