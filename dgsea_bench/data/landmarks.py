"""The 978 landmark genes of L1000, and where they are in a matrix, whatever its genes are called."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, get_args

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, did_you_mean, shorten
from dgsea_bench.core.identifiers import nothing_in_common
from dgsea_bench.data.formats.matrix import MatrixFile

GENE_ID_FIELDS = ("pr_gene_id", "gene_id", "entrez_id")
"""What files call Entrez ids."""
TOLERATED = 0.01
"""Share of genes whose id and Entrez id may disagree: annotations of probes change."""
Recognised = tuple[str, "pd.Series[int]"]
"""What genes were recognised by, and for each gene of a file its Entrez id if it is a landmark gene, else NA."""
GenesBy = Literal["auto", "id", "metadata"]


@cache
def landmark_genes() -> pd.DataFrame:
    """The landmark genes, a row each: ``probe`` (Affymetrix), ``entrez`` (int), ``symbol`` and ``other_symbol``.

    The other symbol, if there is one, is an older or newer name of the gene that public files use. Each value is there
    once. Source: annotations of genes in public CMap files (github.com/cmap/cmapM, github.com/cmap/cmapPy); Subramanian
    et al. 2017, doi 10.1016/j.cell.2017.10.049.
    """
    with resources.files(__package__).joinpath("tables/landmark_genes.tsv").open("rb") as file:
        return pd.read_csv(file, sep="\t", keep_default_na=False)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Landmark genes found in a matrix.

    Attributes:
        positions: of the genes in the file, by Entrez id ascending.
        symbols: their symbols.
        known_by: what they were recognised by, in words.
        missing: symbols of those that the file does not have.
    """

    positions: np.ndarray
    symbols: list[str]
    known_by: str
    missing: list[str]


def find_landmarks(file: MatrixFile, genes_by: GenesBy = "auto") -> Landmarks:
    """Find the landmark genes by their ids (Entrez ids, probes or symbols) or by the Entrez ids in the metadata.

    Args:
        file: a matrix.
        genes_by: what to trust: ``"id"``, ``"metadata"``, or ``"auto"``: whichever finds more, if they do not disagree.

    Raises:
        InputError: no landmark gene is found, one is there twice, or ids and metadata disagree.
    """
    if genes_by not in get_args(GenesBy):
        known = get_args(GenesBy)
        raise InputError(f"genes_by is {genes_by!r}; known: {', '.join(known)}{did_you_mean(genes_by, known)}")
    by_id, by_metadata = _by_ids(file), _by_metadata(file)
    if genes_by == "auto":
        _refuse_disagreement(file, by_id, by_metadata)
        more_by_id = by_id[1].nunique() >= by_metadata[1].nunique()  # a gene may have several probes, each with its id
        genes_by = "id" if more_by_id else "metadata"
    known_by, entrez = by_id if genes_by == "id" else by_metadata
    if not entrez.notna().any():
        raise InputError(f"{file.path}: no landmark gene is there: {_why_none(file, genes_by)}")
    position = pd.Series(np.arange(len(entrez)), index=entrez).loc[lambda there: there.index.notna()]
    if position.index.has_duplicates:
        twice = position.index[position.index.duplicated()].unique().astype(int).tolist()
        raise InputError(
            f"{file.path}: {len(twice)} landmark genes are there more than once, by {known_by}: {shorten(twice)}"
        )
    table = landmark_genes().set_index("entrez")["symbol"]
    there = table.index.isin(position.index)
    return Landmarks(
        positions=position[table.index[there]].to_numpy(np.int64),
        symbols=table[there].tolist(),
        known_by=known_by,
        missing=table[~there].tolist(),
    )


def _why_none(file: MatrixFile, genes_by: GenesBy) -> str:
    if genes_by == "metadata":
        there = shorten(file.gene_fields, most=12) or "none"
        return (
            f"metadata of genes have Entrez ids of none ({' or '.join(GENE_ID_FIELDS)} would hold them; fields that "
            f"are there: {there})"
        )
    ours = landmark_genes()["entrez"].astype(str).tolist()
    return nothing_in_common(file.gene_ids.tolist(), ours, ("genes in the file", "landmark genes"))


def _by_ids(file: MatrixFile) -> Recognised:
    """By ids that are Entrez ids, probes or symbols."""
    table = landmark_genes()
    ids = pd.Series(file.gene_ids.to_numpy())
    columns = {"Entrez ids": ["entrez"], "probes": ["probe"], "symbols": ["symbol", "other_symbol"]}
    names = {
        kind: {
            name: entrez for column in those for name, entrez in zip(table[column].astype(str), table["entrez"]) if name
        }
        for kind, those in columns.items()
    }
    found = {kind: ids.map(known).astype("Int64") for kind, known in names.items()}
    best = max(found, key=lambda name: found[name].notna().sum())
    return f"ids, which are {best}", found[best]


def _by_metadata(file: MatrixFile) -> Recognised:
    frame = file.gene_metadata(GENE_ID_FIELDS)
    if frame.empty:
        return "metadata, of which there is none", pd.Series(pd.NA, index=range(len(file.gene_ids)), dtype="Int64")
    name = next(field for field in GENE_ID_FIELDS if field in frame)
    numbers = pd.to_numeric(frame[name].reset_index(drop=True), errors="coerce").astype("Float64")
    ours = numbers.isin(landmark_genes()["entrez"].astype(float)).fillna(False)
    return f"{name} in the metadata", numbers.where(ours).astype("Int64")


def _refuse_disagreement(file: MatrixFile, by_id: Recognised, by_metadata: Recognised) -> None:
    """Some files have their ids sorted and their metadata not."""
    both = by_id[1].notna() & by_metadata[1].notna()
    differ = both & (by_id[1] != by_metadata[1]).fillna(False)
    if differ.sum() > TOLERATED * both.sum():
        first = int(np.flatnonzero(differ)[0])
        symbol = landmark_genes().set_index("entrez")["symbol"]
        one, other = symbol[by_id[1][first]], symbol[by_metadata[1][first]]
        raise InputError(
            f"{file.path}: ids of genes and {by_metadata[0]} disagree for {differ.sum():,} of {both.sum():,} landmark "
            f"genes: {file.gene_ids[first]!r} is {one}, and the metadata beside it say {other}. One of them is out of "
            "order; say which to trust: --genes-by id or metadata (in a scenario: genes_by)"
        )
