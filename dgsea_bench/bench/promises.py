"""What others promise of their method, measured: a promise that fails is a finding, not a failure of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import torch

from dgsea_bench.backends import Backend, Exact, Hard, Nyswin
from dgsea_bench.bench.metrics import profile_agreement
from dgsea_bench.core.params import NullParams
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.enrichment import enrichment_score
from dgsea_bench.normalized_enrichment import normalized_enrichment_score

PROMISED_ERROR = 0.002
"""The release of Li et al. 2026 (doi 10.64898/2026.03.18.712610) promises a mean relative error below 0.2 % ..."""
PROMISED_AGREEMENT = 0.85
"""... and a Spearman correlation of dNES with NES above this."""

ERROR_GENES, ERROR_SEEDS = (400, 978, 2000), 20
AGREEMENT_GENES, AGREEMENT_SEEDS = (400, 978), 5
AGREEMENT_GENERATORS = ("planted", "null")
SETS, SET_SIZE, PERMUTATIONS = 50, "15-200", 200


@dataclass(frozen=True)
class Promise:
    """How a promise fares on problems of one kind.

    Attributes:
        generator, genes: the kind of problem.
        typical: what is usual among them. worst: what is worst. Which numbers these are, the promise says.
        holds: whether what is typical keeps it. always: whether the worst does too.
    """

    generator: str
    genes: int
    typical: float
    worst: float
    holds: bool
    always: bool


def nyswin_error(genes: Sequence[int] = ERROR_GENES, seeds: int = ERROR_SEEDS) -> list[Promise]:
    """abs(dES - truth) / abs(truth) for one planted set of 30, 512 anchors, float64: mean and largest over seeds."""
    found = []
    for count in genes:
        errors = [_relative_error(SyntheticSource(genes=count, sets=1, seed=seed).load()) for seed in range(seeds)]
        mean, largest = fmean(errors), max(errors)
        found.append(Promise("planted", count, mean, largest, mean < PROMISED_ERROR, largest < PROMISED_ERROR))
    return found


def nyswin_agreement(
    generators: Sequence[str] = AGREEMENT_GENERATORS,
    genes: Sequence[int] = AGREEMENT_GENES,
    seeds: int = AGREEMENT_SEEDS,
) -> list[Promise]:
    """Spearman correlation of dNES with NES across 50 gene sets of a profile: median and lowest over seeds.

    dNES is made as the release recommends, NES from `hard` on the same permutations.
    """
    found = []
    for generator in generators:
        for count in genes:
            sources = (
                SyntheticSource(generator=generator, genes=count, sets=SETS, set_size=SET_SIZE, seed=seed)
                for seed in range(seeds)
            )
            values = [_rank_correlation(source.load()) for source in sources]
            middle, lowest = median(values), min(values)
            kept = middle > PROMISED_AGREEMENT, lowest > PROMISED_AGREEMENT
            found.append(Promise(generator, count, middle, lowest, *kept))
    return found


def _relative_error(problem: Problem) -> float:
    with torch.no_grad():
        truth, value = (
            enrichment_score(problem.scores, problem.gene_sets, backend=method) for method in (Exact(), Nyswin())
        )
    return float(((value - truth) / truth).abs())


def _rank_correlation(problem: Problem) -> float:
    null = NullParams.preset("released", permutations=PERMUTATIONS)

    def nes(method: Backend) -> torch.Tensor:
        result = normalized_enrichment_score(problem.scores, problem.gene_sets, null=null, backend=method)
        return result.nes[0]

    with torch.no_grad():
        return profile_agreement(nes(Nyswin()).numpy(), nes(Hard()).numpy())["spearman"]
