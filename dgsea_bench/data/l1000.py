"""The preparation of Li et al. 2026: from a GCTX of signatures to a table of compounds with SMILES and 978 genes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.files import write_whole
from dgsea_bench.data.averages import GroupMeans
from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.formats.matrix import MatrixFile
from dgsea_bench.data.landmarks import GenesBy, Landmarks, find_landmarks
from dgsea_bench.data.prepared import write_prepared
from dgsea_bench.data.signatures import Average, Chosen, Step, Watch, choose_signatures, say_nothing
from dgsea_bench.data.smiles import smiles_check

Missing = Literal["error", "drop-genes", "drop-signatures"]


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
    float32 column for each landmark gene, named by its symbol. The file is streamed; memory is at most 4 bytes a gene
    for each signature.

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
        raise InputError(f"missing is {missing!r}; known: {', '.join(get_args(Missing))}")
    out, check = Path(out), smiles_check()
    rejected_path = out.with_name(f"{out.stem}.rejected.tsv")
    with open_matrix(gctx) as file:
        landmarks = find_landmarks(file, genes_by)
        chosen = choose_signatures(
            file,
            check,
            siginfo=siginfo,
            pertinfo=pertinfo,
            average=average,
            watch=watch,
        )
        means, spoilt = _averaged(file, chosen, landmarks, missing, watch)
    kept_genes = np.flatnonzero(~spoilt.genes) if missing == "drop-genes" else np.arange(len(landmarks.symbols))
    symbols = [landmarks.symbols[gene] for gene in kept_genes]
    rows = np.flatnonzero(means.counts > 0)
    funnel = [*chosen.funnel]
    if spoilt.signatures and missing == "drop-signatures":
        left = chosen.rows["pert_id"].iloc[rows].nunique()
        funnel.append(Step("without missing values", int(means.counts.sum()), left))
    if not len(rows) or not symbols:
        raise InputError(f"{gctx}: nothing is left once {missing.replace('drop-', '')} with missing values are dropped")
    provenance = _provenance(file, siginfo, pertinfo, funnel, landmarks, symbols, check.how) | {
        "average": average,
        "missing": missing,
    }
    _write_rejected(rejected_path, chosen.rejected)
    table = chosen.rows.iloc[rows].assign(signatures=means.counts[rows])
    write_prepared(out, table, symbols, lambda start, stop: means.means(rows[start:stop])[:, kept_genes], provenance)
    return Prepared(
        path=out,
        rejected=rejected_path if len(chosen.rejected) else None,
        funnel=tuple(funnel),
        rows=len(rows),
        genes=tuple(symbols),
        landmarks=landmarks,
        remarks=(*chosen.remarks, *spoilt.remarks(missing, landmarks.symbols), *_said_aloud(check.complete)),
    )


@dataclass(frozen=True, eq=False)
class _Spoilt:
    """Values that are not finite: how many, of which genes (a mask), in how many signatures, and some of these."""

    values: int
    genes: np.ndarray
    signatures: int
    named: list[str]

    def remarks(self, missing: Missing, symbols: list[str]) -> list[str]:
        if not self.values:
            return []
        names = shorten([symbols[gene] for gene in np.flatnonzero(self.genes)])
        dropped = f"{int(self.genes.sum())} genes" if missing == "drop-genes" else f"{self.signatures:,} signatures"
        return [f"{self.values:,} values were missing, in signatures {shorten(self.named)} and genes {names}; "
                f"{dropped} were left out"]  # fmt: skip


def _averaged(
    file: MatrixFile, chosen: Chosen, landmarks: Landmarks, missing: Missing, watch: Watch
) -> tuple[GroupMeans, _Spoilt]:
    """Stream the chosen signatures through the means of their rows."""
    means = GroupMeans(chosen.row, len(landmarks.positions))
    genes, values, signatures, named, done = np.zeros(len(landmarks.positions), dtype=bool), 0, 0, list[str](), 0
    total = len(chosen.positions)
    for positions, portion in file.portions(chosen.positions, landmarks.positions):
        row = chosen.row[done : done + len(positions)]
        bad = ~np.isfinite(portion)
        if bad.any():
            spoilt = bad.any(1)
            genes |= bad.any(0)
            values, signatures = values + int(bad.sum()), signatures + int(spoilt.sum())
            named += file.sample_ids[positions[spoilt][:4]].tolist()
            if missing == "drop-signatures":
                row, portion = row[~spoilt], portion[~spoilt]
        means.add(row, portion)
        done += len(positions)
        watch("averaging signatures", done, total)
    spoilt = _Spoilt(values, genes, signatures, named[:4])
    if values and missing == "error":
        names = shorten([landmarks.symbols[gene] for gene in np.flatnonzero(genes)])
        raise InputError(
            f"{file.path}: {values:,} values are not finite numbers, in {signatures:,} signatures ({shorten(named)}) "
            f"and {int(genes.sum()):,} genes ({names}); leave them out with --missing drop-signatures or drop-genes"
        )
    return means, spoilt


def _provenance(
    file: MatrixFile,
    siginfo: str | Path | None,
    pertinfo: str | Path | None,
    funnel: list[Step],
    landmarks: Landmarks,
    symbols: list[str],
    checked: str,
) -> dict[str, Any]:
    return {
        "made_by": f"dgsea_bench {version('dgsea-bench')}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "matrix": {"file": file.path.name, "bytes": file.path.stat().st_size, "shape": list(file.shape)},
        "siginfo": Path(siginfo).name if siginfo else None,
        "pertinfo": Path(pertinfo).name if pertinfo else None,
        "smiles_checked_by": checked,
        "genes_known_by": landmarks.known_by,
        "funnel": [[step.what, step.signatures, step.perturbagens] for step in funnel],
        "symbols": symbols,
    }


def _write_rejected(path: Path, rejected: pd.DataFrame) -> None:
    if len(rejected):
        write_whole(path, rejected.to_csv(sep="\t", index=False).encode())
    else:
        path.unlink(missing_ok=True)  # of a preparation before


def _said_aloud(complete: bool) -> list[str]:
    if complete:
        return []
    return ["SMILES were checked by their syntax alone; for chemistry too: pip install 'dgsea-bench[smiles]'"]
