"""Which signatures of a file go into a preparation: compounds with a SMILES, filter by filter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, did_you_mean, shorten
from dgsea_bench.data.described import CONDITION, described_compounds, described_signatures
from dgsea_bench.data.formats.matrix import MatrixFile
from dgsea_bench.data.smiles import SmilesCheck

Average = Literal["compound", "condition"]
COMPOUND_TYPE = "trt_cp"
"""What CMap calls treatments with compounds."""
Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


def say_nothing(what: str, done: int, total: int) -> None:
    """The watch of those who do not wait."""


@dataclass(frozen=True)
class Step:
    """How many signatures and perturbagens are left after a filter."""

    what: str
    signatures: int
    perturbagens: int | None


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


class _Funnel:
    """Signatures left, and how many each filter left; messages begin with `where`."""

    def __init__(self, table: pd.DataFrame, where: str | Path) -> None:
        self.table, self.where, self.steps = table, where, list[Step]()
        known = bool(table["described"].all())
        self.steps.append(Step("in the file", len(table), table["pert_id"].nunique() if known else None))

    def _count(self, what: str) -> None:
        self.steps.append(Step(what, len(self.table), self.table["pert_id"].nunique()))

    def keep(self, kept: "pd.Series[bool]", what: str) -> pd.DataFrame:
        """Filter; what is left out."""
        before, out = self.steps[-1], self.table[~kept]
        self.table = self.table[kept]
        self._count(what)
        if self.table.empty:
            raise InputError(
                f"{self.where}: none of {before.signatures:,} signatures is {what}; so many were left by the filter "
                f"before ({before.what})"
            )
        return out


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
        ways = get_args(Average)
        raise InputError(f"average is {average!r}; known: {', '.join(ways)}{did_you_mean(average, ways)}")
    condition = list(CONDITION) if average == "condition" else []
    table = described_signatures(file, siginfo, ["pert_id", "pert_type", *condition], ["pert_iname", "smiles"])
    funnel = _Funnel(table.assign(position=np.arange(len(table))), siginfo or file.path)
    if siginfo is not None:
        funnel.keep(table["described"], f"described in {Path(siginfo).name}")
    _keep_compounds(funnel)
    known = described_compounds(funnel.table, pertinfo, file.path)
    known = known[known["pert_id"].isin(funnel.table["pert_id"].unique())]
    remarks = _remarks_on_compounds(known)
    reasons = _reasons(known["smiles"].dropna().unique().tolist(), check, watch)
    known = known.assign(spoilt=known["smiles"].isin(pd.Index(reasons, dtype="string")))
    for name, wanted in (("pert_iname", known), ("smiles", known.sort_values("spoilt", kind="stable"))):
        first = wanted[["pert_id", name]].dropna().drop_duplicates("pert_id").set_index("pert_id")[name]
        funnel.table = funnel.table.assign(**{name: funnel.table["pert_id"].map(first).astype("string")})
    funnel.keep(funnel.table["smiles"].notna(), "with a SMILES")
    valid = ~funnel.table["smiles"].isin(pd.Index(reasons, dtype="string"))
    rejected = _rejected(funnel.keep(valid, f"with a valid SMILES, by {check.how}"), reasons)
    remarks += _remarks_on_conditions(funnel.table, condition)
    return _grouped(funnel, condition, rejected, remarks)


def _keep_compounds(funnel: _Funnel) -> None:
    types = funnel.table["pert_type"]
    if not (types == COMPOUND_TYPE).any():
        found = shorten(types.dropna().unique(), most=8) or "missing"
        raise InputError(
            f"{funnel.where}: no signature is of a compound: pert_type is nowhere {COMPOUND_TYPE!r}, but {found}"
        )
    is_compound = (types == COMPOUND_TYPE).fillna(False) & funnel.table["pert_id"].notna()
    funnel.keep(is_compound.astype(bool), f"of compounds ({COMPOUND_TYPE})")


def _remarks_on_compounds(known: pd.DataFrame) -> list[str]:
    remarks = []
    for name, words in (("smiles", "SMILES"), ("pert_iname", "name")):
        which = "the first valid one" if name == "smiles" else "the first"
        different = known[["pert_id", name]].dropna().drop_duplicates()
        several = int((different["pert_id"].value_counts() > 1).sum())
        if several:
            remarks.append(f"{several:,} compounds have more than one {words}; {which} of each was taken")
    return remarks


def _remarks_on_conditions(table: pd.DataFrame, condition: list[str]) -> list[str]:
    missing = {name: int(table[name].isna().sum()) for name in condition}
    return [
        f"{count:,} signatures have no {name}; it is missing in the conditions that they make"
        for name, count in missing.items()
        if count
    ]


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
    found = table.groupby("pert_id", sort=True)[["pert_iname", "smiles"]].first()
    found["reason"] = found["smiles"].map(reasons)
    found["signatures"] = table["pert_id"].value_counts()
    return found.reset_index()


def _grouped(funnel: _Funnel, condition: list[str], rejected: pd.DataFrame, remarks: list[str]) -> Chosen:
    keys = ["pert_id", *condition]
    grouped = funnel.table.groupby(keys, sort=True, dropna=False)
    rows = grouped[["pert_iname", "smiles"]].first().reset_index()
    shared = int(rows.drop_duplicates("pert_id")["smiles"].duplicated(keep=False).sum())
    if shared:
        remarks = [*remarks, f"{shared:,} compounds share their SMILES with another one; each keeps a row of its own"]
    return Chosen(
        positions=funnel.table["position"].to_numpy(),
        row=grouped.ngroup().to_numpy(),
        rows=rows[["pert_id", "pert_iname", "smiles", *condition]],
        funnel=funnel.steps,
        rejected=rejected,
        remarks=remarks,
    )
