"""Differentiable gene set enrichment (dGSEA): backends to import, and the measurements to choose among them."""

from dgsea_bench.backends import (
    DEFAULT_BACKEND,
    Backend,
    CudaBatched,
    Exact,
    Fastsum,
    Hard,
    Nyswin,
    backends,
    get_backend,
)
from dgsea_bench.bench.metrics import METRICS, growth
from dgsea_bench.bench.scenario_files import read_scenario
from dgsea_bench.bench.sweep import run_sweep
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.data.directional import directional_pathways
from dgsea_bench.data.formats import read_gmt, read_matrix, read_ranking
from dgsea_bench.data.prepared import read_prepared
from dgsea_bench.enrichment import enrichment_score, running_sum, soft_rank
from dgsea_bench.enrichment_result import EnrichmentResult
from dgsea_bench.loss import EnrichmentLoss
from dgsea_bench.normalized_enrichment import normalized_enrichment_score
from dgsea_bench.significance import Significance, significance

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_BACKEND",
    "METRICS",
    "Backend",
    "CudaBatched",
    "EnrichmentLoss",
    "EnrichmentParams",
    "EnrichmentResult",
    "Exact",
    "Fastsum",
    "GeneSets",
    "Hard",
    "InputError",
    "NullParams",
    "Nyswin",
    "Pathways",
    "Significance",
    "backends",
    "directional_pathways",
    "enrichment_score",
    "get_backend",
    "growth",
    "normalized_enrichment_score",
    "read_gmt",
    "read_matrix",
    "read_prepared",
    "read_ranking",
    "read_scenario",
    "run_sweep",
    "running_sum",
    "significance",
    "soft_rank",
]
