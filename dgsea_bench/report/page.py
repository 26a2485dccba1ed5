"""The page: a run -> sections -> HTML. What goes into a section is decided in `sections`."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.core.errors import InputError
from dgsea_bench.report.content import Section
from dgsea_bench.report.rows import Run
from dgsea_bench.report.sections import SECTIONS, headline

TEMPLATES = Path(__file__).parent / "templates"


def render_report(directory: Path) -> Path:
    """Write ``index.html`` for the rows of a run into its directory; the same rows give the same bytes.

    Raises:
        InputError: there are no rows, they cannot be read, or the page cannot be written.
    """
    results = RunDirectory(directory)
    rows = results.latest_rows()
    if not rows:
        raise InputError(f"{results.rows_file}: no results there to report; run a sweep with --out {directory} first")
    page = directory / "index.html"
    partial = directory / "index.html.partial"
    content = render(Run(directory, tuple(rows), results.environments()))
    try:
        partial.write_text(content, encoding="utf-8")
        partial.replace(page)
    except OSError as error:
        raise InputError(f"{page}: cannot write there: {error.strerror}") from None
    return page


def render(run: Run) -> str:
    """The HTML of a run."""
    sections = [section for build in SECTIONS if (section := build(run)) is not None]
    _number_figures(sections)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(head=headline(run), sections=sections)


def _number_figures(sections: list[Section]) -> None:
    for number, figure in enumerate((figure for section in sections for figure in section.figures), start=1):
        figure.number = number
