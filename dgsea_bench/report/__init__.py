"""The report: rows and details of a run -> one self-contained HTML file; and a page that lists such files."""

from dgsea_bench.report.index import render_index
from dgsea_bench.report.page import render_report

__all__ = ["render_index", "render_report"]
