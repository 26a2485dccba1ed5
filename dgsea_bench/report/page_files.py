"""Where pages other than a run's report may go."""

from pathlib import Path

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.core.errors import InputError
from dgsea_bench.report.page import check_replaceable


def check_page(html: Path) -> None:
    """Refuse a name that is no page's, or a place where it should not go, before any work is done.

    Raises:
        InputError: as said, for the option ``--html``.
    """
    if html.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--html {html}: is no name of a page; let it end in .html")
    if not html.parent.is_dir():
        raise InputError(f"--html {html}: there is no directory {html.parent}; make it first")
    if html.name == "index.html" and RunDirectory(html.parent).rows_file.exists():
        raise InputError(f"--html {html}: is the report of a run; choose another name")
    check_replaceable(html)
