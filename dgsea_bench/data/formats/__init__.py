"""Readers of the formats that GSEA users have: strict, with file, line and field in every error."""

from dgsea_bench.data.formats.gmt import read_gmt
from dgsea_bench.data.formats.ranking import Duplicates, read_ranking

__all__ = ["Duplicates", "read_gmt", "read_ranking"]
