"""Readers of the formats that GSEA users have: strict, with file, line and field in every error."""

from dgsea_bench.data.formats.gctx import create_gctx, write_gctx
from dgsea_bench.data.formats.gmt import read_gmt
from dgsea_bench.data.formats.matrix import AnnotatedMatrix, MatrixFile
from dgsea_bench.data.formats.ranking import Duplicates, read_ranking
from dgsea_bench.data.formats.recognise import open_matrix, read_matrix

__all__ = [
    "AnnotatedMatrix",
    "Duplicates",
    "MatrixFile",
    "create_gctx",
    "open_matrix",
    "read_gmt",
    "read_matrix",
    "read_ranking",
    "write_gctx",
]
