"""Differentiable gene set enrichment (dGSEA): backends to import, and the measurements to choose among them."""

from dgsea_bench.backends import Backend, Exact, Hard, Nyswin, backends, get_backend
from dgsea_bench.bench.sweep import run_sweep
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.data.formats import read_gmt, read_ranking
from dgsea_bench.enrichment import enrichment_score, running_sum, soft_rank

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "EnrichmentParams",
    "Exact",
    "GeneSets",
    "Hard",
    "InputError",
    "Nyswin",
    "backends",
    "enrichment_score",
    "get_backend",
    "read_gmt",
    "read_ranking",
    "run_sweep",
    "running_sum",
    "soft_rank",
]
