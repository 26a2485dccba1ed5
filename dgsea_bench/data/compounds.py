"""Compounds with their SMILES and one signature each, made of the samples of a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float32

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.data.described import FIELDS
from dgsea_bench.data.formats import MatrixFile
from dgsea_bench.data.missing import LIKE_EXPRESSION
from dgsea_bench.data.profiles import unknown_field
from dgsea_bench.data.smiles import canonical_smiles, smiles_check

LEAST_COMPOUNDS = 10
"""Fewer cannot be split into what is trained on, what training is stopped by, and what is predicted."""
AUTO = "auto"
NAME_FIELDS = (*FIELDS["pert_iname"], *FIELDS["pert_id"])


@dataclass(frozen=True, eq=False)
class Compounds:
    """Signatures of compounds.

    Attributes:
        smiles: of each compound, each once.
        names: what it is called; its SMILES where nothing else is known. Not necessarily distinct.
        genes: names of the genes, in the order of the columns.
        signatures: a row per compound; larger = more expressed than in controls.
        remarks: what was left out or averaged, a sentence each.
    """

    smiles: tuple[str, ...]
    names: tuple[str, ...]
    genes: tuple[str, ...]
    signatures: Float32[np.ndarray, "compounds genes"]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of compounds."""
        return len(self.smiles)

    def __repr__(self) -> str:
        """The size alone: ``Compounds(354 compounds × 978 genes)``."""
        return f"Compounds({len(self):,} compounds × {len(self.genes):,} genes)"


@dataclass(frozen=True, eq=False)
class Treated:
    """Samples that have been treated with a compound of known structure.

    Attributes:
        positions: of the samples in the file, ascending.
        compound: of each sample, a number 0 .. compounds - 1.
        smiles, names: of each compound.
        remarks: which samples were left out, and why.
    """

    positions: np.ndarray
    compound: np.ndarray
    smiles: tuple[str, ...]
    names: tuple[str, ...]
    remarks: tuple[str, ...]

    def among(self, kept: np.ndarray) -> "Treated":
        """Those samples alone that a mask (samples,) keeps; compounds without a sample are left out."""
        numbers, compound = np.unique(self.compound[kept], return_inverse=True)
        smiles, names = (tuple(texts[number] for number in numbers) for texts in (self.smiles, self.names))
        return Treated(self.positions[kept], compound, smiles, names, self.remarks)


def treated_samples(file: MatrixFile, samples: np.ndarray, smiles: str = AUTO) -> Treated:
    """Which of the samples have a structure, and which compound each is: SMILES are made canonical before.

    Args:
        file: the matrix.
        samples: ascending positions in it.
        smiles: the field of the samples' metadata; ``"auto"``: the first of those that public files have.

    Raises:
        InputError: no such field.
    """
    field = _smiles_field(file, smiles)
    table = file.sample_metadata([field, *NAME_FIELDS]).iloc[samples]
    written = table[field].astype("string").fillna("").str.strip().to_numpy(object)
    check, form = smiles_check(), canonical_smiles()
    reasons = {text: check.reason(text) for text in dict.fromkeys(written) if text}
    good = np.array([reasons.get(text, "missing") is None for text in written], dtype=bool)
    if len(samples) and not good.any():
        why = "; ".join(f"{text!r}: {reason}" for text, reason in list(reasons.items())[:3]) or "all are empty"
        raise InputError(f"{file.path}: no sample has a SMILES in {field!r} that can be used: {why}")
    forms = {text: form.of(text) for text, reason in reasons.items() if reason is None}
    compound, found = pd.factorize(np.array([forms[text] for text in written[good]], dtype=object))
    called = _names(table)[good]
    first = np.unique(compound, return_index=True)[1]
    names = tuple(called[place] or text for place, text in zip(first.tolist(), found))
    ids = [str(name) for name in file.sample_ids[samples[written == ""]]]
    remarks = _left_out(ids, {text: reason for text, reason in reasons.items() if reason}, len(samples))
    if not form.complete:
        remarks.append(f"compounds are told apart by {form.how}: install RDKit with the extra [smiles]")
    return Treated(samples[good], compound, tuple(found), names, tuple(remarks))


def _smiles_field(file: MatrixFile, smiles: str) -> str:
    if smiles != AUTO:
        if smiles not in file.sample_fields:
            raise unknown_field(file, smiles)
        return smiles
    known = [name for name in FIELDS["smiles"] if name in file.sample_fields]
    if not known:
        names, there = " or ".join(FIELDS["smiles"]), shorten(file.sample_fields, most=12) or "none"
        raise InputError(
            f"{file.path}: samples have no SMILES ({names}); fields: {there}; name it, as smiles = 'FIELD'"
        )
    return known[0]


def _names(table: pd.DataFrame) -> np.ndarray:
    """(samples,) what each compound is called, or an empty text."""
    found = pd.Series("", index=range(len(table)), dtype="string")
    for name in NAME_FIELDS:
        if name in table:
            found = found.where(found != "", table[name].astype("string").fillna("").reset_index(drop=True))
    return found.to_numpy(object)


def _left_out(missing: Sequence[str], unusable: dict[str, str], samples: int) -> list[str]:
    found = []
    if missing:
        found.append(f"{len(missing):,} of {samples:,} samples have no SMILES and were left out: {shorten(missing)}")
    if unusable:
        named = "; ".join(f"{text!r}: {reason}" for text, reason in list(unusable.items())[:3])
        found.append(
            f"{len(unusable):,} SMILES cannot be used, and their samples were left out: {named}"
            f"{'; …' if len(unusable) > 3 else ''}"
        )
    return found


def less_controls(
    values: Float[np.ndarray, "samples genes"],
    plates: Sequence[str],
    control: np.ndarray,
    where: str,
) -> Float[np.ndarray, "samples genes"]:
    """Values relative to the mean of the controls of the same plate.

    Args:
        values: log expression.
        plates: of each sample, empty where it is not known.
        control: mask (samples,) of the controls.
        where: the file, for messages.

    Raises:
        InputError: a plate that has samples and no control, or samples of unknown plate.
    """
    numbers, named = pd.factorize(np.asarray(plates, dtype=object))
    counts = np.bincount(numbers[control], minlength=len(named))
    alone = [str(name) for name, count in zip(named, counts) if not count and name]
    if "" in named:
        unknown = sum(not name for name in plates)
        raise InputError(f"{where}: the plate of {unknown:,} samples is not known; leave them out with select")
    if alone:
        raise InputError(
            f"{where}: {len(alone):,} of {len(named):,} plates have no control: {shorten(alone)}; leave them out "
            "with select, or say what other samples are controls"
        )
    sums = np.zeros((len(named), values.shape[1]))
    np.add.at(sums, numbers[control], values[control])
    relative: np.ndarray = values - (sums / counts[:, None])[numbers]
    return relative


def average_compounds(
    values: Float[np.ndarray, "samples genes"], treated: Treated, genes: Sequence[str], where: str
) -> Compounds:
    """A signature per compound: the mean over its samples.

    Args:
        values: of the samples treated, in their order.
        treated: those samples.
        genes: names of the columns.
        where: the file, for messages.

    Raises:
        InputError: fewer than `LEAST_COMPOUNDS`.
    """
    counts = np.bincount(treated.compound, minlength=len(treated.smiles))
    remarks = list(treated.remarks)
    if len(counts) < LEAST_COMPOUNDS:
        because = f" ({'; '.join(remarks)})" if remarks else ""
        raise InputError(f"{where}: {len(counts)} compounds are left{because}; select {LEAST_COMPOUNDS} at least")
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, treated.compound, values)
    if (counts > 1).any():
        several = int((counts > 1).sum())
        remarks.append(
            f"{len(values):,} samples of {len(counts):,} compounds: {several:,} compounds have several, of which the "
            "mean is taken"
        )
    if values.min(initial=0) >= 0:
        remarks.append(f"{LIKE_EXPRESSION}; controls and plate make them so")
    signatures = (sums / counts[:, None]).astype(np.float32)
    return Compounds(treated.smiles, treated.names, tuple(genes), signatures, tuple(remarks))
