"""The preparation of Li et al. 2026: from a GCTX of signatures to a table of compounds with SMILES and 978 genes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.core.files import check_writable, sha256_of, write_whole
from dgsea_bench.data.averages import GroupMeans
from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.formats.matrix import MatrixFile
from dgsea_bench.data.landmarks import GenesBy, Landmarks, find_landmarks
from dgsea_bench.data.missing import Missing, MissingValues
from dgsea_bench.data.prepared import write_prepared
from dgsea_bench.data.signatures import Average, Chosen, Step, Watch, choose_signatures, say_nothing
from dgsea_bench.data.smiles import SmilesCheck, smiles_check


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a preparation made.

    Attributes:
        path: the parquet file.
        rejected: the file that lists compounds whose SMILES is not valid; None if there is none.
        funnel: signatures and compounds left after each step; the last one is what was averaged.
        rows: of the table.
        genes: symbols of the genes in it.
        landmarks: how genes were recognised, and which are missing.
        remarks: what a user should know beside.
    """

    path: Path
    rejected: Path | None
    funnel: tuple[Step, ...]
    rows: int
    genes: tuple[str, ...]
    landmarks: Landmarks
    remarks: tuple[str, ...]


def prepare_l1000(
    gctx: str | Path,
    out: str | Path,
    *,
    siginfo: str | Path | None = None,
    pertinfo: str | Path | None = None,
    average: Average = "compound",
    missing: Missing = "error",
    genes_by: GenesBy = "auto",
    watch: Watch = say_nothing,
) -> Prepared:
    """Average the signatures of each compound that has a valid SMILES, over landmark genes, and write them as parquet.

    The table has a row per compound (or per compound, cell, dose and time): ``pert_id``, ``pert_iname``, ``smiles``,
    for a condition ``cell_id``, ``pert_idose`` and ``pert_itime``, then ``signatures`` (how many were averaged), and a
    float32 column for each landmark gene, named by its symbol. A GCTX is streamed; memory is at most 4 bytes a gene
    for each signature, and those of a portion.

    Args:
        gctx: signatures (level 5), as GCTX, GCT or h5ad.
        out: the parquet file, written whole or not at all.
        siginfo: a table of the signatures, such as GSE92742_Broad_LINCS_sig_info.txt.gz; None: metadata in `gctx`.
        pertinfo: a table of compounds, such as GSE92742_Broad_LINCS_pert_info.txt.gz; None: SMILES in `gctx`.
        average: ``"compound"``, or ``"condition"``: compound, cell, dose and time.
        missing: what to do with values that are not finite numbers: refuse, or leave out genes or signatures with any.
        genes_by: what to recognise genes by where ids and metadata disagree.
        watch: told of progress.

    Raises:
        InputError: files that cannot be used, or values that are missing.
    """
    if missing not in get_args(Missing):
        known = get_args(Missing)
        raise InputError(f"missing is {missing!r}; known: {', '.join(known)}{did_you_mean(missing, known)}")
    out = Path(out)
    rejected = out.with_name(f"{out.stem}.rejected.tsv")
    for path in (out, rejected):
        check_writable(path, sparing=[read for read in (gctx, siginfo, pertinfo) if read is not None])
    check = smiles_check()
    with open_matrix(gctx) as file:
        landmarks = find_landmarks(file, genes_by)
        chosen = choose_signatures(file, check, siginfo=siginfo, pertinfo=pertinfo, average=average, watch=watch)
        means, tally = _averaged(file, chosen, landmarks, missing, watch)
    left = _what_is_left(file.path, chosen, landmarks, means, tally, missing)
    remarks = [*chosen.remarks, *tally.remarks(missing, landmarks.symbols), *_said_aloud(check)]
    provenance = {
        **_made_from(file, siginfo, pertinfo),
        **{"average": average, "missing": missing, "smiles_checked_by": check.how},
        **{"genes_known_by": landmarks.known_by, "landmarks_missing": landmarks.missing},
        **{"funnel": [[step.what, step.signatures, step.perturbagens] for step in left.funnel], "remarks": remarks},
    }
    write_prepared(out, left.table, left.symbols, left.values, provenance)
    _write_rejected(rejected, chosen.rejected)
    return Prepared(
        path=out,
        rejected=rejected if len(chosen.rejected) else None,
        funnel=tuple(left.funnel),
        rows=len(left.table),
        genes=tuple(left.symbols),
        landmarks=landmarks,
        remarks=tuple(remarks),
    )


def _averaged(
    file: MatrixFile, chosen: Chosen, landmarks: Landmarks, missing: Missing, watch: Watch
) -> tuple[GroupMeans, MissingValues]:
    """Stream the chosen signatures through the means of their rows."""
    genes = len(landmarks.positions)
    means, tally, done = GroupMeans(chosen.row, genes), MissingValues(genes), 0
    for positions, portion in file.portions(chosen.positions, landmarks.positions):
        row = chosen.row[done : done + len(positions)]
        spoilt, values = tally.count(portion, file.sample_ids[positions].tolist())
        kept = ~spoilt if missing == "drop-signatures" else np.ones(len(row), dtype=bool)
        means.add(row[kept], values[kept])
        done += len(positions)
        watch("averaging signatures", done, len(chosen.positions))
    if missing == "error":
        tally.refuse(file.path, landmarks.symbols, "--missing drop-signatures or drop-genes")
    return means, tally


@dataclass(frozen=True, eq=False)
class _Left:
    """What is left to write: metadata of rows, symbols of genes, values of rows, and the funnel down to them."""

    table: pd.DataFrame
    symbols: list[str]
    values: Callable[[int, int], np.ndarray]
    funnel: list[Step]


def _what_is_left(
    path: Path, chosen: Chosen, landmarks: Landmarks, means: GroupMeans, tally: MissingValues, missing: Missing
) -> _Left:
    """Without the genes, or the rows, that missing values took."""
    genes = np.flatnonzero(~tally.genes) if missing == "drop-genes" else np.arange(len(landmarks.symbols))
    rows = np.flatnonzero(means.counts > 0)
    if not len(rows) or not len(genes):
        raise InputError(f"{path}: nothing is left once {missing.replace('drop-', '')} with missing values are dropped")
    table = chosen.rows.iloc[rows].assign(signatures=means.counts[rows])
    funnel = list(chosen.funnel)
    if tally.signatures and missing == "drop-signatures":
        funnel.append(Step("without missing values", int(table["signatures"].sum()), table["pert_id"].nunique()))
    return _Left(
        table=table,
        symbols=[landmarks.symbols[gene] for gene in genes],
        values=lambda start, stop: means.means(rows[start:stop])[:, genes],
        funnel=funnel,
    )


def _made_from(file: MatrixFile, siginfo: str | Path | None, pertinfo: str | Path | None) -> dict[str, Any]:
    """The program and the files; checksums of those that are not huge."""
    tables = {"siginfo": siginfo, "pertinfo": pertinfo}
    return {
        "made_by": f"dgsea_bench {version('dgsea-bench')}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "matrix": {"file": file.path.name, "bytes": file.path.stat().st_size, "shape": list(file.shape)},
        **{name: None if path is None else _fingerprint(Path(path)) for name, path in tables.items()},
    }


def _fingerprint(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": sha256_of(path)}


def _write_rejected(path: Path, rejected: pd.DataFrame) -> None:
    if len(rejected):
        write_whole(path, rejected.to_csv(sep="\t", index=False).encode())
    else:
        path.unlink(missing_ok=True)  # of a preparation before


def _said_aloud(check: SmilesCheck) -> list[str]:
    if check.complete:
        return []
    return ["SMILES were checked by their syntax alone; for chemistry too: pip install 'dgsea-bench[smiles]'"]
