"""What is known of the signatures of a matrix, and the SMILES of their compounds, as files of each release have it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.identifiers import nothing_in_common
from dgsea_bench.data.formats.matrix import MatrixFile
from dgsea_bench.data.formats.tables import read_table

FIELDS = {
    "sig_id": ("sig_id", "id", "inst_id"),
    "pert_id": ("pert_id",),
    "pert_iname": ("pert_iname", "cmap_name"),
    "pert_type": ("pert_type",),
    "cell_id": ("cell_id", "cell_iname"),
    "pert_idose": ("pert_idose",),
    "pert_itime": ("pert_itime",),
    "pert_dose": ("pert_dose",),
    "pert_dose_unit": ("pert_dose_unit",),
    "pert_time": ("pert_time",),
    "pert_time_unit": ("pert_time_unit",),
    "smiles": ("canonical_smiles", "x_smiles", "SMILES", "smiles"),
}
"""Fields as they are called here -> as files of different releases call them."""
SAMPLE = "sig_id"
NUMBERS = {"pert_idose": "pert_dose", "pert_itime": "pert_time"}
"""Field in words, such as "10 µM" -> the field with its number, where a file has that alone."""
CONDITION = ("cell_id", "pert_idose", "pert_itime")
"""With the compound, what makes a condition."""


def described_signatures(
    file: MatrixFile, siginfo: str | Path | None, needed: Sequence[str], optional: Sequence[str]
) -> pd.DataFrame:
    """A row of texts per signature of the file, in its order: the fields asked for, and ``described``, a truth value.

    Args:
        file: the matrix.
        siginfo: a table of signatures; None: the metadata in the file.
        needed: fields without which it is of no use.
        optional: fields that are missing throughout where they are not known.

    Raises:
        InputError: a field that is needed is nowhere, or the table cannot be used.
    """
    table = _from_metadata(file) if siginfo is None else _from_table(file, siginfo)
    _put_into_words(table)
    missing = [name for name in needed if name not in table]
    if missing:
        raise InputError(_what_is_missing(file, siginfo, missing))
    for name in optional:
        if name not in table:
            table[name] = pd.Series(pd.NA, index=table.index, dtype="string")
    return table[[*needed, *optional, "described"]]


def _from_metadata(file: MatrixFile) -> pd.DataFrame:
    frame = file.sample_metadata([spelling for names in FIELDS.values() for spelling in names])
    found = {name: next((s for s in names if s in frame), None) for name, names in FIELDS.items() if name != "sig_id"}
    texts = {name: frame[spelt].astype("string") for name, spelt in found.items() if spelt is not None}
    return pd.DataFrame({**texts, "described": True}, index=frame.index).reset_index(drop=True)


def _from_table(file: MatrixFile, siginfo: str | Path) -> pd.DataFrame:
    return joined(file, siginfo, FIELDS, ["pert_id", "pert_type"], "signature")


def joined(
    file: MatrixFile, path: str | Path, fields: Mapping[str, Sequence[str]], required: Sequence[str], what: str
) -> pd.DataFrame:
    """Fields of a table of samples as texts, a row for each sample of the file, in its order, and ``described``.

    Args:
        file: the matrix.
        path: the table, in which ids are called as `FIELDS` says.
        fields: as `read_table` takes them.
        required: those that the table must have.
        what: a sample is in messages.

    Raises:
        InputError: a table that cannot be used, that describes a sample twice, or none of the file.
    """
    table = read_table(path, {**fields, SAMPLE: FIELDS[SAMPLE]}, [SAMPLE, *required]).dropna(subset=SAMPLE)
    if table[SAMPLE].duplicated().any():
        twice = table[SAMPLE][table[SAMPLE].duplicated()].unique()
        raise InputError(f"{path}: {len(twice):,} {what}s are described more than once: {shorten(twice)}")
    place = pd.Index(table[SAMPLE].to_numpy(object)).get_indexer(file.sample_ids)
    if not (place >= 0).any():
        both = nothing_in_common(
            file.sample_ids.tolist(), table[SAMPLE].tolist(), (f"{what}s in the matrix", "in the table"), "names"
        )
        raise InputError(f"{path}: describes no {what} of {file.path.name}: {both}")
    found = table.drop(columns=SAMPLE).reset_index(drop=True).reindex(np.where(place < 0, len(table), place))
    return found.reset_index(drop=True).assign(described=place >= 0)


def _put_into_words(table: pd.DataFrame) -> None:
    """Number and unit as one text, where that text is not there: 10 nM is not 10 µM."""
    for name, number in NUMBERS.items():
        if name not in table and number in table:
            unit = f"{number}_unit"
            table[name] = table[number]
            if unit in table:
                table[name] = (table[number] + " " + table[unit]).fillna(table[number])


def _what_is_missing(file: MatrixFile, siginfo: str | Path | None, missing: Sequence[str]) -> str:
    names = ", ".join(" or ".join([*FIELDS[name], *([NUMBERS[name]] if name in NUMBERS else [])]) for name in missing)
    if siginfo is not None:
        return f"{siginfo}: has no field {names}, which conditions need"
    there = shorten(file.sample_fields, most=12) or "none"
    return (
        f"{file.path}: its metadata of samples has no field {names} (there is: {there}); give a table of signatures: "
        "--siginfo"
    )


def described_compounds(table: pd.DataFrame, pertinfo: str | Path | None, path: Path) -> pd.DataFrame:
    """``pert_iname`` and ``smiles`` of the compounds, as often as they are said; missing where they are not.

    Args:
        table: what is known of the signatures; its names come first.
        pertinfo: a table of compounds; None: the SMILES of the signatures.
        path: the matrix, for messages.

    Raises:
        InputError: a table that cannot be used, or no SMILES at all.
    """
    ours = table[["pert_id", "pert_iname", "smiles"]]
    if pertinfo is None:
        if ours["smiles"].isna().all():
            raise InputError(
                f"{path}: there are no SMILES beside the signatures; give a table of compounds: --pertinfo"
            )
        return ours
    known = read_table(pertinfo, FIELDS, ["pert_id", "smiles"]).dropna(subset="pert_id")
    known = known[known["pert_id"].isin(ours["pert_id"].unique())]
    if known.empty:
        theirs = read_table(pertinfo, FIELDS, ["pert_id"])["pert_id"].dropna().tolist()
        both = nothing_in_common(
            ours["pert_id"].unique().tolist(), theirs, ("compounds of signatures", "in the table"), "names"
        )
        raise InputError(f"{pertinfo}: describes none of the compounds: {both}")
    names = ours[["pert_id", "pert_iname"]].drop_duplicates()
    return pd.concat([names, known.reindex(columns=["pert_id", "pert_iname", "smiles"])], ignore_index=True)
