"""From a matrix to profiles of scores: which samples, which genes under which names, and scores of log expression."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, did_you_mean, shorten
from dgsea_bench.core.identifiers import identifier_kind, nothing_in_common
from dgsea_bench.data.described import joined
from dgsea_bench.data.formats import Duplicates, MatrixFile
from dgsea_bench.data.formats.matrix import refuse_repeated
from dgsea_bench.data.formats.metadata import to_column
from dgsea_bench.data.formats.tables import read_table
from dgsea_bench.data.landmarks import GENE_ID_FIELDS, GenesBy, find_landmarks, landmark_genes
from dgsea_bench.data.missing import MissingValues

RESPONDING = 2.0
"""A gene responds where abs(score) is at least this: CMap's signature strength counts such landmark genes
(Subramanian et al. 2017, doi 10.1016/j.cell.2017.10.049)."""
LARGEST_GIB = 2
"""Of values in memory; scores are made of them in as much again, and a little more."""
SYMBOL_FIELDS = ("pr_gene_symbol", "gene_symbol", "symbol")
ID = "id"
OF_LANDMARKS, OF_TABLE = "landmark", "gene_info"
"""Names of genes: symbols of the landmark genes, or those in a table; others keep their ids."""

Transform = Literal["none", "center", "zscore"]
MissingScores = Literal["error", "drop-genes", "drop-profiles"]
Value = str | int | float | bool
Select = Mapping[str, Value | Sequence[Value]]


def in_words(select: Select) -> str:
    """``pert_type trt_cp, cell_id A375 or MCF7``."""
    several = {name: [value] if isinstance(value, str | int | float) else value for name, value in select.items()}
    return ", ".join(f"{name} {' or '.join(map(str, values))}" for name, values in several.items())


def select_samples(file: MatrixFile, select: Select, sample_info: str | None = None) -> np.ndarray:
    """Positions of the samples whose metadata have one of the values wanted, in every field.

    Args:
        file: the matrix.
        select: field -> value, or values; ``id`` is the id of a sample.
        sample_info: a table of the samples, such as that of signatures of GSE92742; None: the metadata in the file.

    Raises:
        InputError: a field that is unknown, or no sample that fits.
    """
    if not select:
        return np.arange(file.shape[0])
    fields = [name for name in select if name != ID]
    where = sample_info or file.path
    table = file.sample_metadata(fields) if sample_info is None else _from_table(file, fields, sample_info)
    table = table.assign(**{ID: file.sample_ids.to_numpy(object)})
    kept = np.ones(file.shape[0], dtype=bool)
    for name, wanted in select.items():
        if name not in table:
            raise unknown_field(file, name, where)
        values = [wanted] if isinstance(wanted, str | int | float) else wanted
        fits = _fits(table[name], values)
        if not (kept & fits).any():
            found = sorted(table[name][kept].dropna().unique().tolist())
            near = did_you_mean(str(values[0]), [str(value) for value in found]) if len(values) == 1 else ""
            raise InputError(
                f"{where}: no sample{_of_those(select, name)} has {in_words({name: wanted})}; there is "
                f"{shorten(found, most=8) or 'none'}{near}"
            )
        absent = [value for value in values if not _fits(table[name], [value]).any()]
        if absent:
            raise InputError(f"{where}: no sample has {in_words({name: absent})}; leave that out of {name}")
        kept &= fits
    return np.flatnonzero(kept)


def unknown_field(file: MatrixFile, name: str, where: str | Path | None = None) -> InputError:
    """The complaint of a field that samples do not have, in the file or the table `where`."""
    there = shorten(file.sample_fields, most=12) or "none"
    hint = did_you_mean(name, file.sample_fields)
    return InputError(f"{where or file.path}: samples have no {name!r}; their fields: {there}{hint}")


def _of_those(select: Select, name: str) -> str:
    """The conditions before that of this name, in words."""
    before = list(select)[: list(select).index(name)]
    return f" with {in_words({field: select[field] for field in before})}" if before else ""


def _from_table(file: MatrixFile, wanted: Sequence[str], sample_info: str) -> pd.DataFrame:
    table = joined(file, sample_info, {name: (name,) for name in wanted}, wanted, "sample")
    return pd.DataFrame({name: to_column(table[name].fillna("").tolist()).array for name in wanted}, index=table.index)


def _fits(column: "pd.Series[str]", wanted: Sequence[Value]) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column.dtype):
        texts = pd.Series([str(int(value) if isinstance(value, bool) else value) for value in wanted], dtype="string")
        numbers = pd.to_numeric(texts, errors="coerce").dropna().astype(float).tolist()
        return column.astype("Float64").isin(numbers).to_numpy(bool, na_value=False)
    return column.isin([str(value) for value in wanted]).to_numpy(bool, na_value=False)


def name_genes(
    file: MatrixFile,
    members: Sequence[str],
    names: str = "auto",
    gene_info: str | None = None,
    genes_by: GenesBy = "auto",
) -> list[str]:
    """A name for each gene of the file, in the name space of the gene sets' members; genes without one keep their id.

    Args:
        file: the matrix.
        members: genes of the gene sets.
        names: ``"auto"``: whichever of symbols, Entrez ids and ids the members have most of; ``"id"``; ``"landmark"``:
            symbols of the 978 landmark genes; ``"gene_info"``; or a field of the file's metadata of genes.
        gene_info: a table with ``pr_gene_id`` and ``pr_gene_symbol``, for files that have Entrez ids alone.
        genes_by: what ``"landmark"`` recognises genes by, as in `find_landmarks`.

    Raises:
        InputError: an unknown field, or names of which none is among the members.
    """
    ids = pd.Series(file.gene_ids.to_numpy(object), dtype="string")
    if names == OF_LANDMARKS:
        found = {names: _symbols_of_landmarks(file, genes_by)}
    else:
        found = {ID: ids, **_from_metadata(file, [*SYMBOL_FIELDS, *GENE_ID_FIELDS] if names == "auto" else [names])}
        if gene_info is not None:
            found[OF_TABLE] = _from_gene_info(file, gene_info)
    if names != "auto":
        if names not in found:
            known = ("auto", ID, OF_LANDMARKS, *([OF_TABLE] if gene_info else []), *file.gene_fields)
            raise InputError(f"{file.path}: names is {names!r}; known: {', '.join(known)}{did_you_mean(names, known)}")
        found = {names: found[names]}
    wanted = set(members)
    best = max(found, key=lambda name: len(wanted.intersection(found[name].dropna())))
    if wanted.isdisjoint(found[best].dropna()):
        raise InputError(f"{file.path}: {_why_no_names(found, members)}")
    return list(found[best].fillna(ids))


def _from_metadata(file: MatrixFile, fields: Sequence[str]) -> "dict[str, pd.Series[str]]":
    frame = file.gene_metadata(fields)
    return {str(name): column.reset_index(drop=True).astype("string") for name, column in frame.items()}


def _symbols_of_landmarks(file: MatrixFile, genes_by: GenesBy) -> "pd.Series[str]":
    landmarks = find_landmarks(file, genes_by)
    return pd.Series(landmarks.symbols, index=landmarks.positions, dtype="string").reindex(range(file.shape[1]))


def _why_no_names(found: "Mapping[str, pd.Series[str]]", members: Sequence[str]) -> str:
    """What was compared: names of the kind that the members are, if there are such."""
    listed = {name: column.dropna().tolist() for name, column in found.items()}
    kind = identifier_kind(list(members))
    name = next((name for name, names in listed.items() if identifier_kind(names) == kind), next(iter(listed)))
    both = nothing_in_common(listed[name], list(members), (f"genes in the matrix, by {name}", "genes in the gene sets"))
    if identifier_kind(listed[name]) == kind:
        return f"no gene of the gene sets is there: {both}. Both look like {kind}: are they of one species?"
    remedy = ""
    if set(landmark_genes()["symbol"]).intersection(members):
        remedy = (
            '. Symbols of Entrez ids are in a table such as gene_info = "gse92742-geneinfo"; '
            f'names = "{OF_LANDMARKS}" knows those of the landmark genes'
        )
    return f"no gene of the gene sets is there: {both}{remedy}"


def _from_gene_info(file: MatrixFile, gene_info: str) -> "pd.Series[str]":
    table = (
        read_table(gene_info, {"entrez": GENE_ID_FIELDS, "symbol": SYMBOL_FIELDS}, ["entrez", "symbol"])
        .dropna()
        .drop_duplicates()
    )
    refuse_repeated(Path(gene_info), table["entrez"].tolist(), "genes")
    symbols = table.set_index("entrez")["symbol"]
    found = pd.Series(file.gene_ids.to_numpy(object)).map(symbols).astype("string")
    if found.isna().all():
        both = nothing_in_common(
            file.gene_ids.tolist(), symbols.index.tolist(), ("genes in the matrix", "in the table")
        )
        raise InputError(f"{gene_info}: describes no gene of {file.path.name}: {both}")
    return found


def read_values(file: MatrixFile, samples: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """(samples, genes) float64.

    Raises:
        InputError: more than fits, or a damaged file.
    """
    size = len(samples) * len(genes) * 8 / 2**30
    if size > LARGEST_GIB:
        raise InputError(
            f"{file.path}: {len(samples):,} samples × {len(genes):,} genes would take {size:.1f} GiB, and at most "
            f'{LARGEST_GIB} may be taken; select fewer, such as select = {{ cell_id = "MCF7" }}'
        )
    values = np.empty((len(samples), len(genes)))
    done = 0
    for positions, portion in file.portions(samples, genes):
        values[done : done + len(positions)] = portion
        done += len(positions)
    return values


def without_missing(
    values: np.ndarray, samples: Sequence[str], genes: Sequence[str], missing: MissingScores, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the samples and genes to keep, so that no value is missing.

    Raises:
        InputError: there are values that are not, and they are not to be left out; or nothing is left.
    """
    tally = MissingValues(len(genes))
    spoilt, _ = tally.count(values, samples)
    if missing == "error":
        tally.refuse(where, genes, 'missing = "drop-profiles" or "drop-genes"')
    keep_samples = ~spoilt if missing == "drop-profiles" else np.ones(len(samples), dtype=bool)
    keep_genes = ~tally.genes if missing == "drop-genes" else np.ones(len(genes), dtype=bool)
    if not keep_samples.any() or keep_genes.sum() < 2:
        raise InputError(f"{where}: nothing is left without what has missing values; try another value of missing")
    return keep_samples, keep_genes


def to_scores(values: np.ndarray, how: Transform, where: str) -> np.ndarray:
    """Scores of log expression, relative to the mean of each gene over the samples.

    ``"center"`` subtracts it; ``"zscore"`` divides by the standard deviation (n - 1) too, and gives 0 where that is 0.

    Raises:
        InputError: fewer than two samples to take a mean over.
    """
    if how == "none":
        return values
    if len(values) < 2:
        raise InputError(f"{where}: transform = {how!r} needs two samples at least; {len(values)} is selected")
    constant = values.min(0) == values.max(0)  # the mean of equal numbers is not always that number
    scores: np.ndarray = values - values.mean(0)
    if how == "zscore":
        scores /= np.where(constant, 1.0, np.sqrt(np.einsum("sg,sg->g", scores, scores) / (len(scores) - 1)))
    scores[:, constant] = 0.0
    return scores


def merge_repeated(
    values: np.ndarray, names: Sequence[str], duplicates: Duplicates, where: str
) -> tuple[np.ndarray, list[str]]:
    """Columns of genes of the same name as one: their mean, or of each sample the value of largest magnitude.

    Raises:
        InputError: there are such genes, and they are not to be merged.
    """
    codes, unique = pd.factorize(np.asarray(names, dtype=object))
    if len(unique) == len(names):
        return values, list(names)
    if duplicates == "error":
        repeated = [name for name, count in zip(unique, np.bincount(codes)) if count > 1]
        raise InputError(
            f"{where}: {len(repeated):,} names of genes are there more than once: {shorten(repeated)}; "
            'give duplicates = "max-abs" or "mean"'
        )
    merged = np.zeros((len(values), len(unique)))
    if duplicates == "mean":
        np.add.at(merged.T, codes, values.T)
        return merged / np.bincount(codes), list(unique)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    for place, group in enumerate(np.split(order, starts[1:])):
        part = values[:, group]
        merged[:, place] = np.take_along_axis(part, np.abs(part).argmax(1)[:, None], 1)[:, 0]
    return merged, list(unique)


def responding_genes(scores: np.ndarray) -> np.ndarray:
    """(profiles,) how many genes respond in each."""
    return np.asarray((np.abs(scores) >= RESPONDING).sum(1))


def spread_over_strengths(scores: np.ndarray, profiles: int | None) -> np.ndarray:
    """Positions of so many profiles, ascending, taken evenly from the weakest to the strongest; one alone is between.

    Of two in which as many genes respond, the one with the larger sum of squares is the stronger one. All of them if
    there are no more, or for None.
    """
    if profiles is None or profiles >= len(scores):
        return np.arange(len(scores))
    order = np.lexsort(((scores**2).sum(1), responding_genes(scores)))
    ranks = np.linspace(0, len(scores) - 1, profiles) if profiles > 1 else np.array([(len(scores) - 1) / 2])
    return np.sort(order[ranks.round().astype(int)])
