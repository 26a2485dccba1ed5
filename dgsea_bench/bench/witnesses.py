"""Outside programs measured beside our backends: they take scores and gene sets, and draw permutations of their own."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dgsea_bench.backends import Hard
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.enrichment_result import EnrichmentResult


@dataclass(frozen=True)
class Witness(ABC):
    """A program that computes normalised enrichment scores in its own way.

    Attributes:
        name: what scenario files call it. cost: growth of time, as ``O(...)``.
        target: the truth that it is beside: classical GSEA.
    """

    name: ClassVar[str]
    cost: ClassVar[str]
    target: ClassVar[Literal["gsea"]] = "gsea"

    def unavailable(self, device: torch.device | str) -> str | None:
        """Why it cannot run on `device`, or None if it can."""
        return None if torch.device(device).type == "cpu" else "it runs on the CPU only"

    @abstractmethod
    def measure(
        self, scores: Tensor, gene_sets: GeneSets, params: EnrichmentParams, null: NullParams, *, threads: int
    ) -> EnrichmentResult:
        """Its result for scores (B, G); of `null` it takes what it has a word for: permutations and seed."""


@dataclass(frozen=True)
class Gseapy(Witness):
    """`gseapy.prerank` (Fang et al. 2023, doi 10.1093/bioinformatics/btac757), written in Rust."""

    name: ClassVar[str] = "gseapy"
    cost: ClassVar[str] = "O(G·P·K)"

    def measure(
        self, scores: Tensor, gene_sets: GeneSets, params: EnrichmentParams, null: NullParams, *, threads: int
    ) -> EnrichmentResult:
        """One call of `gseapy.prerank` per profile, nothing filtered by size and nothing written."""
        sets = gene_sets.to_dict()
        found = [
            _prerank(pd.Series(values, index=list(gene_sets.genes)), sets, params, null, threads)
            for values in scores.double().numpy()
        ]
        es, nes, p_value, fdr = (
            torch.tensor([[results[name][key] for name in sets] for results in found], dtype=torch.float64)
            for key in ("es", "nes", "pval", "fdr")
        )
        unknown = torch.full_like(es, torch.nan)
        return EnrichmentResult(
            es=es,
            nes=nes,
            p_value=p_value,
            fdr=fdr,
            reason=np.where(nes.isnan().numpy(), "gseapy gave none", "").astype(object),
            as_extreme=unknown,
            of_sign=unknown,
            gene_sets=gene_sets,
            ranks=Hard().rank(scores, params).ranks,
            peaks=torch.tensor([[_peak(results[name]) for name in sets] for results in found]),
            procedure=f"gseapy {version('gseapy')} prerank: {null.permutations:,} permutations of its own",
        )


def _prerank(
    ranking: pd.Series, sets: dict[str, list[str]], params: EnrichmentParams, null: NullParams, threads: int
) -> dict[str, dict[str, object]]:
    """Results by set."""
    import gseapy  # takes a second to load, which those who do not ask for it should not wait for

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The inplace keyword")  # of pandas, to gseapy
        found = gseapy.prerank(
            rnk=ranking,
            gene_sets=sets,
            min_size=1,
            max_size=len(ranking),
            permutation_num=null.permutations,
            weight=params.exponent,
            outdir=None,
            threads=threads,
            seed=null.seed % 2**31,
        )
    results: dict[str, dict[str, object]] = found.results
    return results


def _peak(result: dict[str, object]) -> int:
    curve = np.asarray(result["RES"], dtype=float)
    return int(curve.argmax() if float(str(result["es"])) >= 0 else curve.argmin()) + 1


WITNESSES: Mapping[str, Witness] = {"gseapy": Gseapy()}
"""Name -> program."""
