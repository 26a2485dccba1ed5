"""What a significance test returns: scores, normalised scores, p-values, and the table that GSEA users know."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets


@dataclass(frozen=True, eq=False)
class EnrichmentResult:
    """Enrichment of P gene sets in B profiles, with its significance.

    Attributes:
        es: (B, P) enrichment score, -1 .. 1.
        nes: (B, P) normalised enrichment score; NaN where the null distribution gives none.
        p_value: (B, P) nominal, 0 .. 1. fdr: (B, P) over the sets of a profile, 0 .. 1.
        reason: (B, P) text: why a value is NaN, empty where none is.
        as_extreme, of_sign: (B, P) null scores at least as extreme, and of the sign of the score, behind the p-values;
            NaN from programs that do not tell.
        gene_sets: the P sets.
        ranks: (B, G) positions in the descending order of scores, 1 = top, ties in the order of the genes.
        peaks: (B, P) position at which the running sum is farthest from zero on the side of the score.
        procedure: how the null distribution came about.
    """

    es: Float[Tensor, "profiles sets"]
    nes: Float[Tensor, "profiles sets"]
    p_value: Float[Tensor, "profiles sets"]
    fdr: Float[Tensor, "profiles sets"]
    reason: np.ndarray
    as_extreme: Float[Tensor, "profiles sets"]
    of_sign: Float[Tensor, "profiles sets"]
    gene_sets: GeneSets
    ranks: Float64[Tensor, "profiles genes"]
    peaks: Int64[Tensor, "profiles sets"]
    procedure: str

    @cached_property
    def leading_edge(self) -> list[list[tuple[str, ...]]]:
        """By profile and set, the members up to the peak (from it on, for a negative score), as they are ranked."""
        members = np.split(self.gene_sets.indices.cpu().numpy(), self.gene_sets.offsets[1:-1].cpu().numpy())
        ranks, peaks = self.ranks.cpu().numpy(), self.peaks.cpu().numpy()
        positive = self.es.detach().cpu().numpy() >= 0
        found = []
        for profile, places in enumerate(ranks):
            row = []
            for number, indices in enumerate(members):
                ordered = indices[np.argsort(places[indices])]
                at, peak = places[ordered], peaks[profile, number]
                edge = ordered[at <= peak] if positive[profile, number] else ordered[at >= peak]
                row.append(tuple(self.gene_sets.genes[index] for index in edge))
            found.append(row)
        return found

    def to_frame(self, profiles: Sequence[str] | None = None) -> pd.DataFrame:
        """A row per profile and set, with the column names that users of gseapy know.

        ``Name`` (profile), ``Term`` (set), ``ES``, ``NES``, ``NOM p-val``, ``FDR q-val``, ``Tag %`` (members in the
        leading edge / members), ``Gene %`` (share of the ranking up to the peak, from the end that the score names),
        ``Lead_genes`` (separated by ;), and beside them ``Size`` and ``Reason`` (why there is no NES). Within a profile
        the largest magnitude of NES comes first.

        Args:
            profiles: names of the B profiles; their numbers by default.

        Raises:
            InputError: another number of names than of profiles.
        """
        count, sets = self.es.shape
        names = [str(number) for number in range(count)] if profiles is None else list(profiles)
        if len(names) != count:
            raise InputError(f"{len(names)} names for {count} profiles")
        sizes = self.gene_sets.sizes.cpu().numpy()
        edges = [edge for row in self.leading_edge for edge in row]
        frame = pd.DataFrame(
            {
                "Name": np.repeat(names, sets),
                "Term": np.tile(np.asarray(self.gene_sets.names, dtype=object), count),
                "ES": _flat(self.es),
                "NES": _flat(self.nes),
                "NOM p-val": _flat(self.p_value),
                "FDR q-val": _flat(self.fdr),
                "Tag %": [f"{len(edge)}/{size}" for edge, size in zip(edges, np.tile(sizes, count))],
                "Gene %": [f"{share:.2%}" for share in self._shares().ravel()],
                "Lead_genes": [";".join(edge) for edge in edges],
                "Size": np.tile(sizes, count),
                "Reason": self.reason.ravel(),
            }
        )
        order = np.lexsort((-np.nan_to_num(np.abs(_flat(self.nes)), nan=-1.0), np.repeat(np.arange(count), sets)))
        return frame.iloc[order].reset_index(drop=True)

    def _shares(self) -> np.ndarray:
        """(B, P) share of the ranking from the end that the score names up to the peak."""
        genes, peaks = self.ranks.shape[1], self.peaks.cpu().numpy()
        positive = self.es.detach().cpu().numpy() >= 0
        return np.where(positive, peaks, genes + 1 - peaks) / genes


def _flat(values: Tensor) -> np.ndarray:
    flat: np.ndarray = values.detach().double().cpu().numpy().ravel()
    return flat
