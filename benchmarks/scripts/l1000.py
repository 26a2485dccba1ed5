"""Reading and preparing a GCTX as large as you like, beside plain h5py over the same bytes.

Run with ``python benchmarks/scripts/l1000.py [--signatures 60000] [--all-compounds] [--folder DIR]``. The file is
generated: 12,328 genes with Entrez ids of which 978 are the landmark genes, float32, not chunked, as the public file of
GSE92742 is; as many compounds among so many signatures as there. It is removed at the end. Times are medians of
alternating turns with the file in the system's cache; memory is the peak of a process that does nothing but the
preparation.
"""

import argparse
import gzip
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.data.formats import create_gctx, open_matrix
from dgsea_bench.data.formats.gctx import MATRIX
from dgsea_bench.data.l1000 import prepare_l1000
from dgsea_bench.data.landmarks import landmark_genes

GENES = 12_328
OF_COMPOUNDS, COMPOUNDS = 205_034 / 473_647, 20_413 / 205_034
"""Of GSE92742: signatures of compounds among all, and compounds among these (Subramanian et al. 2017)."""
TURNS = 5
LINKS = ["C", "CO", "CN", "CS", "C(C)", "C(O)", "C(N)", "C(=O)", "C(F)", "C(Cl)"]
SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "OC(=O)c1ccccc1O"]


def molecule(number):
    """A SMILES that no other number has: four digits of the number as links of a chain, and a drug at its end."""
    return "".join(LINKS[number // 10**place % 10] for place in range(4)) + SMILES[number % len(SMILES)]


def generate(folder, signatures, share):
    """The matrix, and tables of its signatures and compounds."""
    rng = np.random.default_rng(0)
    landmarks = landmark_genes()["entrez"].to_numpy()
    others = np.setdiff1d(np.arange(1_000_000, 1_000_000 + GENES), landmarks)[: GENES - len(landmarks)]
    genes = rng.permutation(np.concatenate([landmarks, others])).astype(str)
    compound = rng.random(signatures) < share
    perturbagen = np.where(compound, "BRD-K", "TRCN") + rng.integers(
        10**7, 10**7 + max(1, round(signatures * share * COMPOUNDS)), signatures
    ).astype("U8").astype(object)
    ids = [f"CPC{number:06d}_MCF7_24H:{name}:10" for number, name in enumerate(perturbagen)]
    table = pd.DataFrame(
        {
            "sig_id": ids,
            "pert_id": perturbagen,
            "pert_iname": perturbagen,
            "pert_type": np.where(compound, "trt_cp", "trt_sh"),
            "cell_id": rng.choice(["MCF7", "A375", "PC3"], signatures),
            "pert_idose": rng.choice(["10 µM", "3.33 µM", "-666"], signatures),
            "pert_itime": rng.choice(["6 h", "24 h"], signatures),
        }
    )
    with gzip.open(folder / "siginfo.txt.gz", "wt", encoding="latin-1") as file:
        table.sample(frac=1, random_state=0).to_csv(file, sep="\t", index=False)
    names = table.loc[compound, "pert_id"].unique()
    molecules = [molecule(number) for number in range(len(names))]
    pd.DataFrame({"pert_id": names, "canonical_smiles": molecules}).to_csv(
        folder / "pertinfo.txt", sep="\t", index=False
    )
    block = rng.standard_normal((1000, GENES), dtype=np.float32)
    with create_gctx(folder / "matrix.gctx", pd.DataFrame(index=genes), pd.DataFrame(index=ids)) as matrix:
        for start in range(0, signatures, len(block)):
            matrix[start : start + len(block)] = block[: signatures - start] + np.float32(start / signatures)
    return folder / "matrix.gctx", np.flatnonzero(compound)


def plain(path, rows, columns):
    """What h5py alone takes: the samples asked for, 64 MiB at a time, and of each the genes asked for."""
    with h5py.File(path) as file:
        matrix = file[MATRIX]
        most = (64 << 20) // (4 * matrix.shape[1])
        parts = [matrix[rows[start : start + most]][:, columns] for start in range(0, len(rows), most)]
    return np.concatenate(parts)


def ours(path, rows, columns):
    with open_matrix(path) as file:
        return np.concatenate([values for _, values in file.portions(rows, columns)])


def prepare(folder):
    return prepare_l1000(
        folder / "matrix.gctx",
        folder / "out.parquet",
        siginfo=folder / "siginfo.txt.gz",
        pertinfo=folder / "pertinfo.txt",
    )


def seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def compare(name, mine, other, turns=TURNS):
    """Medians of alternating turns, after one of each that fills the cache."""
    other(), mine()
    pairs = [(seconds(mine), seconds(other)) for _ in range(turns)]
    times, beside = (statistics.median(column) for column in zip(*pairs))
    print(f"{name}: {times:.3f} s, plain h5py {beside:.3f} s: {times / beside:.2f} times (bar 2)", flush=True)


def peak_mib(folder):
    """VmHWM of a fresh process that prepares."""
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2]); import l1000; l1000.prepare(pathlib.Path(sys.argv[1]));"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    found = subprocess.run(  # noqa: S603 (ourselves)
        [sys.executable, "-c", code, str(folder), str(Path(__file__).parent)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(found.stdout.split()[-1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signatures", type=int, default=60_000)
    parser.add_argument("--all-compounds", action="store_true", help="every signature is of a compound")
    parser.add_argument("--folder", help="where to put the generated file; some 3 GB per 60,000 signatures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print(f"generating {options.signatures:,} × {GENES:,} …", flush=True)
        path, compounds = generate(folder, options.signatures, 1.0 if options.all_compounds else OF_COMPOUNDS)
        rng = np.random.default_rng(1)
        rows = np.sort(rng.choice(options.signatures, 2000, replace=False))
        with open_matrix(path) as file:
            columns = np.sort(file.gene_ids.get_indexer(landmark_genes()["entrez"].astype(str)))
        assert np.array_equal(ours(path, rows, columns), plain(path, rows, columns))
        compare("2,000 signatures × 978 genes", lambda: ours(path, rows, columns), lambda: plain(path, rows, columns))
        print(f"peak memory of prepare-l1000 in a fresh process: {peak_mib(folder):,.0f} MiB (bar 2,048)", flush=True)
        what = f"prepare-l1000, {len(compounds):,} signatures of compounds"
        compare(what, lambda: prepare(folder), lambda: plain(path, compounds, columns), turns=3)
        print(f"the table: {(folder / 'out.parquet').stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
