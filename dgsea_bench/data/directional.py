"""The five directional pathways of Li et al. 2026 (doi 10.64898/2026.03.18.712610): genes that go up, and down."""

from collections.abc import Iterable, Mapping, Sequence

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.identifiers import nothing_in_common
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.data.landmarks import landmark_genes

Genes = tuple[str, ...]

DIRECTIONAL_PATHWAYS: Mapping[str, tuple[Genes, Genes]] = {
    "p53": (("CDKN1A", "GADD45A", "GADD45B", "PMAIP1", "TP53BP1", "TP53BP2"), ("BCL2",)),
    "cell cycle": (("CDKN1A",), ("CDK1", "CDK2", "CCNA2", "CCNB2")),
    "heat shock": (("DNAJB1", "DNAJB2", "DNAJB6", "DNAJA3"), ()),
    "ubiquitin": (("USP1", "USP7", "USP14", "USP22"), ()),
    "DNA damage": (("GADD45A", "GADD45B"), ()),
}
"""Name -> symbols of the genes that go up, and of those that go down. All are landmark genes."""


def directional_sets(genes: Iterable[str]) -> dict[str, list[str]]:
    """The halves of the pathways as gene sets, ``"p53 up"``, ``"p53 down"``, in the ids that `genes` are in.

    Args:
        genes: symbols or Entrez ids.

    Raises:
        InputError: no gene of the pathways is among `genes`.
    """
    return {
        f"{name} {half}": members
        for name, halves in _in_ids_of(tuple(genes)).items()
        for half, members in zip(("up", "down"), halves)
        if members
    }


def directional_pathways(genes: Iterable[str]) -> Pathways:
    """The pathways over `genes`, for `EnrichmentLoss`; those without a half that goes down are plain.

    Args:
        genes: symbols or Entrez ids, in the order of the scores.

    Raises:
        InputError: as `directional_sets` and `Pathways.directional`.
    """
    ranked = tuple(genes)
    halves = _in_ids_of(ranked)
    return Pathways.directional({name: (up, down) if down else up for name, (up, down) in halves.items()}, ranked)


def directional_members() -> list[str]:
    """All genes of the pathways: symbols, and after them their Entrez ids."""
    symbols = _symbols()
    table = landmark_genes()
    return [*symbols, *table["entrez"][table["symbol"].isin(symbols)].astype(str)]


def _symbols() -> list[str]:
    return [gene for halves in DIRECTIONAL_PATHWAYS.values() for half in halves for gene in half]


def _in_ids_of(genes: Sequence[str]) -> dict[str, tuple[list[str], list[str]]]:
    entrez = landmark_genes().set_index("symbol")["entrez"].astype(str)
    symbols = _symbols()
    there = set(genes)
    by_symbol = sum(symbol in there for symbol in symbols)
    by_entrez = sum(entrez[symbol] in there for symbol in symbols)
    if not by_symbol and not by_entrez:
        both = nothing_in_common(list(genes), symbols, ("genes", "genes of the directional pathways"))
        raise InputError(f"none of the genes of the directional pathways is there, by symbol or Entrez id: {both}")
    named = (lambda symbol: symbol) if by_symbol >= by_entrez else (lambda symbol: str(entrez[symbol]))
    return {
        name: ([named(gene) for gene in up], [named(gene) for gene in down])
        for name, (up, down) in DIRECTIONAL_PATHWAYS.items()
    }
