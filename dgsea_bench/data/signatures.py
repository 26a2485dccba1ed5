"""Which signatures of a file go into a preparation: compounds with a SMILES, filter by filter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.identifiers import nothing_in_common
from dgsea_bench.data.formats.matrix import MatrixFile
from dgsea_bench.data.formats.tables import read_table
from dgsea_bench.data.smiles import SmilesCheck

Average = Literal["compound", "condition"]
COMPOUND_TYPE = "trt_cp"
"""What CMap calls treatments with compounds."""
FIELDS = {
    "sig_id": ("sig_id", "id", "inst_id"),
    "pert_id": ("pert_id",),
    "pert_iname": ("pert_iname", "cmap_name"),
    "pert_type": ("pert_type",),
    "cell_id": ("cell_id", "cell_iname"),
    "pert_idose": ("pert_idose", "pert_dose"),
    "pert_itime": ("pert_itime", "pert_time"),
    "smiles": ("canonical_smiles", "x_smiles", "SMILES", "smiles"),
}
"""Fields as they are called here -> as files of different releases call them."""
CONDITION = ["cell_id", "pert_idose", "pert_itime"]


Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


def say_nothing(what: str, done: int, total: int) -> None:
    """The watch of those who do not wait."""


@dataclass(frozen=True)
class Step:
    """How many signatures and perturbagens are left after a filter."""

    what: str
    signatures: int
    perturbagens: int


@dataclass(frozen=True, eq=False)
class Chosen:
    """Signatures to average.

    Attributes:
        positions: (N,) of the signatures in the file, ascending.
        row: (N,) number of the result's row that each goes into.
        rows: metadata of the rows: pert_id, pert_iname, smiles, and of a condition cell_id, pert_idose, pert_itime.
        funnel: what each filter left.
        rejected: compounds whose SMILES is not valid: pert_id, pert_iname, smiles, reason, signatures.
        remarks: what a user should know beside.
    """

    positions: np.ndarray
    row: np.ndarray
    rows: pd.DataFrame
    funnel: list[Step]
    rejected: pd.DataFrame
    remarks: list[str] = field(default_factory=list)


def choose_signatures(
    file: MatrixFile,
    check: SmilesCheck,
    *,
    siginfo: str | Path | None = None,
    pertinfo: str | Path | None = None,
    average: Average = "compound",
    watch: Watch = say_nothing,
) -> Chosen:
    """Filter the signatures of a file.

    Args:
        file: the matrix.
        check: of SMILES.
        siginfo: a table of signatures; None: the metadata in the file.
        pertinfo: a table of compounds with their SMILES; None: the SMILES in the metadata of signatures.
        average: a row for each compound, or for each compound, cell, dose and time.
        watch: told of progress.

    Raises:
        InputError: a table that cannot be used, ids that match nothing, a field that is missing, or no signature left.
    """
    if average not in get_args(Average):
        raise InputError(f"average is {average!r}; known: {', '.join(get_args(Average))}")
    remarks: list[str] = []
    table = _described(file, siginfo, average)
    funnel = [Step("in the file", file.shape[0], table["pert_id"].nunique())]

    def keep(kept: "pd.Series[bool]", what: str) -> None:
        nonlocal table
        table = table[kept]
        funnel.append(Step(what, len(table), table["pert_id"].nunique()))
        if table.empty:
            before = funnel[-2]
            raise InputError(
                f"{siginfo or file.path}: none of {before.signatures:,} signatures is {what}; {_why_none(before)}"
            )

    if siginfo is not None:
        keep(table["described"], f"described in {Path(siginfo).name}")
    types = table["pert_type"]
    if not (types == COMPOUND_TYPE).any():
        found = shorten(types.dropna().unique(), most=8) or "none"
        raise InputError(
            f"{siginfo or file.path}: no signature is of a compound: pert_type is nowhere {COMPOUND_TYPE!r}, "
            f"but {found}"
        )
    keep((types == COMPOUND_TYPE) & table["pert_id"].notna(), f"of compounds ({COMPOUND_TYPE})")
    table = _with_smiles(table, pertinfo, file.path, remarks)
    keep(table["smiles"].notna(), "with a SMILES")
    reasons = _reasons(table["smiles"].unique().tolist(), check, watch)
    valid = ~table["smiles"].isin(pd.Index(reasons, dtype="string"))
    rejected = _rejected(table[~valid], reasons)
    keep(valid, f"with a valid SMILES, by {check.how}")
    return _grouped(table, average, funnel, rejected, remarks)


def _why_none(before: Step) -> str:
    return f"the filter before left {before.perturbagens:,} perturbagens ({before.what})"


def _described(file: MatrixFile, siginfo: str | Path | None, average: Average) -> pd.DataFrame:
    """A row per signature of the file, in its order: ``position``, ``described`` and the fields that are known."""
    required = ["pert_id", "pert_type", *(CONDITION if average == "condition" else [])]
    if siginfo is None:
        table = _from_metadata(file)
        missing = [name for name in required if name not in table]
        if missing:
            there = shorten(file.sample_fields, most=12) or "none"
            raise InputError(
                f"{file.path}: its metadata of samples has no {', '.join(missing)} (there is: {there}); give a table "
                "of signatures: --siginfo"
            )
        table["described"] = True
    else:
        table = _from_table(file, siginfo, required)
    table["position"] = np.arange(len(table))
    for name in ("pert_iname", "smiles"):
        if name not in table:
            table[name] = pd.Series(pd.NA, index=table.index, dtype="string")
    return table


def _from_metadata(file: MatrixFile) -> pd.DataFrame:
    spellings = [spelling for names in FIELDS.values() for spelling in names]
    frame = file.sample_metadata(spellings)
    found = {name: next((s for s in names if s in frame), None) for name, names in FIELDS.items() if name != "sig_id"}
    return pd.DataFrame(
        {name: frame[spelt].astype("string") for name, spelt in found.items() if spelt is not None}
    ).reset_index(drop=True)


def _from_table(file: MatrixFile, siginfo: str | Path, required: Sequence[str]) -> pd.DataFrame:
    table = read_table(siginfo, FIELDS, ["sig_id", *required]).dropna(subset="sig_id")
    if table["sig_id"].duplicated().any():
        twice = table["sig_id"][table["sig_id"].duplicated()].unique()
        raise InputError(f"{siginfo}: {len(twice):,} signatures are described more than once: {shorten(twice)}")
    place = pd.Index(table["sig_id"].to_numpy(object)).get_indexer(file.sample_ids)
    if not (place >= 0).any():
        both = nothing_in_common(
            file.sample_ids.tolist(), table["sig_id"].tolist(), ("signatures in the matrix", "in the table"), "names"
        )
        raise InputError(f"{siginfo}: describes no signature of {file.path.name}: {both}")
    found = table.drop(columns="sig_id").reset_index(drop=True).reindex(np.where(place < 0, len(table), place))
    found = found.reset_index(drop=True)
    found["described"] = place >= 0
    return found


def _with_smiles(table: pd.DataFrame, pertinfo: str | Path | None, path: Path, remarks: list[str]) -> pd.DataFrame:
    """The same with the SMILES of each compound: of `pertinfo`, or the first that its signatures have."""
    if pertinfo is not None:
        known = read_table(pertinfo, FIELDS, ["pert_id", "smiles"]).dropna(subset="pert_id")
        if set(known["pert_id"]).isdisjoint(table["pert_id"]):
            ours, theirs = table["pert_id"].unique().tolist(), known["pert_id"].tolist()
            both = nothing_in_common(ours, theirs, ("compounds of signatures", "in the table"), "names")
            raise InputError(f"{pertinfo}: describes none of the compounds: {both}")
    else:
        known = table
        if table["smiles"].isna().all():
            raise InputError(
                f"{path}: there are no SMILES beside the signatures; give a table of compounds: --pertinfo"
            )
    known = known.dropna(subset="smiles")
    differing = int((known.groupby("pert_id")["smiles"].nunique() > 1).sum())
    if differing:
        remarks.append(f"{differing:,} compounds have more than one SMILES; the first of each was taken")
    first = known.drop_duplicates("pert_id").set_index("pert_id")["smiles"]
    return table.assign(smiles=table["pert_id"].map(first).astype("string"))


def _reasons(smiles: list[str], check: SmilesCheck, watch: Watch) -> dict[str, str]:
    """SMILES that are not valid -> why."""
    reasons = {}
    for done, text in enumerate(smiles, start=1):
        reason = check.reason(text)
        if reason is not None:
            reasons[text] = reason
        watch("checking SMILES", done, len(smiles))
    return reasons


def _rejected(table: pd.DataFrame, reasons: dict[str, str]) -> pd.DataFrame:
    grouped = table.groupby("pert_id", sort=True)
    found = grouped[["pert_iname", "smiles"]].first()
    found["reason"] = found["smiles"].map(reasons)
    found["signatures"] = grouped.size()
    return found.reset_index()


def _grouped(
    table: pd.DataFrame, average: Average, funnel: list[Step], rejected: pd.DataFrame, remarks: list[str]
) -> Chosen:
    keys = ["pert_id", *(CONDITION if average == "condition" else [])]
    grouped = table.groupby(keys, sort=True, dropna=False)
    rows = grouped[["pert_iname", "smiles"]].first().reset_index()
    shared = int(rows.drop_duplicates("pert_id")["smiles"].duplicated(keep=False).sum())
    if shared:
        remarks.append(f"{shared:,} compounds share their SMILES with another one; each keeps a row of its own")
    order = ["pert_id", "pert_iname", "smiles", *keys[1:]]
    return Chosen(table["position"].to_numpy(), grouped.ngroup().to_numpy(), rows[order], funnel, rejected, remarks)
