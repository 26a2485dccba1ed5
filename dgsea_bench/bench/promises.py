"""What others promise of their method, measured: a promise that fails is a finding, not a failure of ours."""

from dataclasses import dataclass

import torch

from dgsea_bench.backends import Exact, Nyswin
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.enrichment import enrichment_score

PROMISED_ERROR = 0.002
"""The release of Li et al. 2026 (doi 10.64898/2026.03.18.712610) promises a mean relative error below 0.2 %."""

GENES = (400, 978, 2000)
SEEDS = 20


@dataclass(frozen=True)
class Promise:
    """The mean relative error of nyswin at a number of genes."""

    genes: int
    measured: float

    @property
    def holds(self) -> bool:
        """Whether it is below what was promised."""
        return self.measured < PROMISED_ERROR


def nyswin_error(genes: tuple[int, ...] = GENES, seeds: int = SEEDS) -> list[Promise]:
    """Mean over seeds of abs(dES - truth) / abs(truth) for one planted set of 30, 512 anchors, float64."""
    return [Promise(count, sum(_relative_error(count, seed) for seed in range(seeds)) / seeds) for count in genes]


def _relative_error(genes: int, seed: int) -> float:
    problem = SyntheticSource(genes=genes, sets=1, set_size=30, seed=seed).load()
    with torch.no_grad():
        truth, value = (
            enrichment_score(problem.scores, problem.gene_sets, backend=method) for method in (Exact(), Nyswin())
        )
    return float(((value - truth) / truth).abs())
