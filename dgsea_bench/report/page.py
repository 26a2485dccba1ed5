"""The page: a run -> sections -> HTML. What goes into a section is decided in `sections`."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import write_whole
from dgsea_bench.report.content import Headline, Section
from dgsea_bench.report.reading import read_runs
from dgsea_bench.report.rows import Run
from dgsea_bench.report.sections import SECTIONS, headline

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("page.js", "tables.js", "panel.js")
NOTHING_ELSE = "base-uri 'none'; form-action 'none'"
"""What a policy must forbid by name."""
MARKER = '<meta name="generator" content="dgsea_bench">'
"""In the head of every page of ours, which may be replaced."""


def render_report(directories: Path | Sequence[Path], output: Path | None = None) -> Path:
    """Write ``index.html`` for the rows of one or several runs; the same rows give the same bytes.

    Args:
        directories: of sweeps. Of several, a case that was measured twice on one machine counts as in the last of them.
        output: where the page goes; by default into the one directory. It is made if need be.

    Raises:
        InputError: there are no rows, they cannot be read, the page cannot be written, or should not: several runs
            and no `output`, or an `output` that holds another run or a page of somebody else's.
    """
    paths = [directories] if isinstance(directories, Path) else list(directories)
    if output is None and len(paths) > 1:
        raise InputError("several runs go into one report with --out DIR, a directory for it")
    if output is not None:
        _check_output(output, paths)
    run = read_runs(paths)
    folder = output or paths[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
    page = folder / "index.html"
    write_page(render(run), page)
    return page


def render(run: Run) -> str:
    """The HTML of a run."""
    sections = [section for build in SECTIONS if (section := build(run)) is not None]
    return render_sections(headline(run), sections)


def render_sections(head: Headline, sections: Sequence[Section]) -> str:
    """The HTML of a page."""
    _number_figures(sections)
    scripts = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"as_json": as_json, "unbroken": unbroken}
    return environment.get_template("report.html.j2").render(
        head=head, sections=sections, marker=MARKER, scripts=scripts, policy=_policy(scripts)
    )


def as_json(content: object) -> Markup:
    """JSON that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    escaped = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(escaped)  # noqa: S704 (escaped in the line above)


def unbroken(text: str) -> str:
    """The same with a hyphen in ``1e-6`` at which no line breaks; names keep theirs."""
    return re.sub(r"(?<=\de)-(?=\d)", "\u2011", text)


def _policy(scripts: str) -> str:
    """What a browser lets the page do: run our script and no other, and load nothing."""
    digest = base64.b64encode(hashlib.sha256(f"\n{scripts}\n".encode()).digest()).decode()
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; {NOTHING_ELSE}"


def write_page(content: str, page: Path) -> None:
    """Write a page, renamed into place when complete.

    Raises:
        InputError: it cannot be written.
    """
    try:
        write_whole(page, content.encode())
    except OSError as error:
        raise InputError(f"{page}: cannot write there: {error.strerror}") from None


def check_replaceable(page: Path) -> None:
    """Raise for a file that is there and that this package did not write.

    Raises:
        InputError: it is a page of somebody else's, or no file.
    """
    if not page.exists():
        return
    ours = page.is_file() and MARKER.encode() in page.read_bytes()[:2000]
    if not ours:
        raise InputError(f"{page}: is there and was not written by this program; choose another name, or move it away")


def _check_output(output: Path, paths: Sequence[Path]) -> None:
    """Refuse to replace what is not a report of these rows."""
    if RunDirectory(output).rows_file.exists() and {path.resolve() for path in paths} != {output.resolve()}:
        raise InputError(f"--out {output}: is a run with results of its own; choose another directory")
    check_replaceable(output / "index.html")


def _number_figures(sections: Sequence[Section]) -> None:
    for number, figure in enumerate((figure for section in sections for figure in section.figures), start=1):
        figure.number = number
