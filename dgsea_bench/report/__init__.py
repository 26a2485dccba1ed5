"""The report: rows and details of a run -> one self-contained HTML file."""

from dgsea_bench.report.page import render_report

__all__ = ["render_report"]
