"""How time grows with the number of genes: the exponent k of time ~ genes^k, over the sizes of the scenario."""

import math

import numpy as np

from benchmarks.rows import OfEnrichment, metric
from benchmarks.suite import ENRICHMENT, AbsentError, public, tracked


class Enrichment(OfEnrichment):
    """Slopes of log time on log genes, by the same fit as in reports."""

    params = (ENRICHMENT.backends, ENRICHMENT.sizes[1])
    param_names = ("backend", "gene sets")

    def setup(self, backend: str, sets: int) -> None:
        self.rows = []
        for genes in ENRICHMENT.sizes[0]:
            try:
                self.rows.append(ENRICHMENT.row(backend, genes, sets))
            except AbsentError as reason:  # beyond a limit of genes; or nothing was measured at all
                last = reason
        if not self.rows:
            raise last

    @tracked("Growth of the time of scores with genes", "exponent: 1 linear, 2 quadratic")
    def track_forward_growth(self, *_: object) -> float:
        return self._slope("forward_seconds")

    @tracked("Growth of the time of scores and their gradient with genes", "exponent: 1 linear, 2 quadratic")
    def track_step_growth(self, *_: object) -> float:
        return self._slope("step_seconds")

    def _slope(self, name: str) -> float:
        genes = np.array([row["case.source.genes"] for row in self.rows], float)
        seconds = np.array([metric(row, name) for row in self.rows])
        if np.isnan(seconds).all():
            return math.nan
        fitted = public("growth")(genes, seconds)
        if fitted is None:
            raise RuntimeError(f"{len(genes)} sizes are too few to tell how time grows")
        return fitted.slope
