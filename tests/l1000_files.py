"""Files as LINCS has them, written with plain h5py and plain text, and matrices that are in memory."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.data.formats.matrix import MatrixFile
from dgsea_bench.data.landmarks import landmark_genes

SMILES = {
    **dict.fromkeys(
        ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "C[N+](C)(C)CC=O", "[Na+].[Cl-]", "OC[C@@H](N)C"], True
    ),
    **dict.fromkeys(["C1CC", "CC(", "restricted", "C%%"], False),
}
"""SMILES -> whether it is valid, by syntax as well as by chemistry."""
MISSING = ["-666", ""]
FIELDS_2020 = {"pert_iname": "cmap_name", "cell_id": "cell_iname"}
"""What LINCS 2020 calls fields."""


class InMemory(MatrixFile):
    """A matrix of which a few samples are given at a time."""

    def __init__(self, values, genes, samples, at_once=3):
        self.path, self.values, self.at_once = Path("memory"), np.asarray(values), at_once
        self.genes, self.samples = genes, samples
        self.gene_ids, self.sample_ids = genes.index, samples.index
        self.gene_fields, self.sample_fields = tuple(genes.columns), tuple(samples.columns)

    def close(self):
        pass

    def sample_metadata(self, fields=None):
        return self.samples[[name for name in self.samples if fields is None or name in fields]]

    def gene_metadata(self, fields=None):
        return self.genes[[name for name in self.genes if fields is None or name in fields]]

    def portions(self, samples=None, genes=None):
        rows = np.arange(self.shape[0]) if samples is None else samples
        columns = np.arange(self.shape[1]) if genes is None else genes
        for start in range(0, len(rows), self.at_once):
            some = rows[start : start + self.at_once]
            yield some, self.values[np.ix_(some, columns)]


def of_genes(ids, **metadata):
    """A matrix of zeros with these ids and metadata of genes."""
    genes = pd.DataFrame(metadata, index=pd.Index(list(ids), dtype=object))
    return InMemory(np.zeros((1, len(genes))), genes, pd.DataFrame(index=pd.Index(["s"], dtype=object)))


@dataclass(frozen=True)
class World:
    """Signatures of compounds, controls and others, over landmark genes and others."""

    values: np.ndarray
    genes: pd.DataFrame
    samples: pd.DataFrame
    """Texts as they stand in files; the index holds ids."""
    compounds: pd.DataFrame
    """pert_id, pert_iname, canonical_smiles."""

    @property
    def symbols(self):
        """Of the landmark genes, by Entrez id ascending."""
        found = self.genes[self.genes["symbol"] != ""].sort_values("entrez")
        return found["symbol"].tolist()

    def scores(self):
        """(signatures, landmark genes) float64, a column for each symbol."""
        columns = [self.genes["symbol"].tolist().index(symbol) for symbol in self.symbols]
        return pd.DataFrame(self.values[:, columns].astype("float64"), index=self.samples.index, columns=self.symbols)


def make_world(seed, signatures=40, landmarks=30, others=6):
    """A world in which all that may be missing is missing somewhere, and all that may be repeated is repeated."""
    rng = np.random.default_rng(seed)
    table = landmark_genes().sample(landmarks, random_state=rng)[["entrez", "symbol", "probe"]]
    strange = pd.DataFrame({"entrez": 10**8 + np.arange(others), "symbol": "", "probe": "none"})
    genes = pd.concat([table, strange]).sample(frac=1, random_state=rng)
    genes.index = pd.Index(genes["entrez"].astype(str), name="id")
    names = [f"BRD-{'AKU'[number % 3]}{number:08d}" for number in range(9)]
    compounds = pd.DataFrame({"pert_id": names, "pert_iname": [f"drug {number}" for number in range(9)]})
    compounds["canonical_smiles"] = rng.permutation([*rng.choice([*SMILES], 6), "CCO", *MISSING])
    samples = pd.DataFrame({"pert_id": rng.choice([*names, "DMSO", "TRCN0000", "-666"], signatures)})
    samples.loc[0, "pert_id"] = compounds["pert_id"][compounds["canonical_smiles"] == "CCO"].iloc[0]
    samples = samples.merge(compounds, how="left", on="pert_id").fillna("-666")
    kinds = {"DMSO": "ctl_vehicle", "TRCN0000": "trt_sh", "-666": "trt_cp"}
    samples["pert_type"] = samples["pert_id"].map(kinds).fillna("trt_cp")
    samples["cell_id"] = rng.choice(["A375", "MCF7", "-666"], signatures)
    samples["pert_idose"] = rng.choice(["10 µM", "500 nM", "-666"], signatures)
    samples["pert_itime"] = rng.choice(["6 h", "24 h"], signatures)
    samples.index = pd.Index([f"PLATE_{number}:{name}" for number, name in enumerate(samples["pert_id"])], name="id")
    values = rng.normal(size=(signatures, len(genes))).astype("float32")
    return World(values, genes, samples, compounds)


def write_gctx(path, world, *, described=True, values=None, chunks=None, ids="entrez"):
    """A GCTX, with the metadata of samples or without."""
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "GCTX1.0"
        file.create_dataset("0/DATA/0/matrix", data=world.values if values is None else values, chunks=chunks)
        file["0/META/ROW/id"] = world.genes[ids].astype(str).to_numpy("S")
        file["0/META/COL/id"] = world.samples.index.to_numpy("S")
        for name, column in world.samples.items() if described else ():
            file[f"0/META/COL/{name}"] = np.array([text.encode("latin-1") for text in column])
    return path


def write_table(path, frame, encoding="latin-1"):
    """Tab-separated text, gzipped if it is called .gz."""
    content = frame.to_csv(sep="\t", index=False).encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_siginfo(path, world, seed=0, *, absent=0, fields=None, encoding="latin-1"):
    """A table of the signatures, shuffled, without some of them, and with some that are nowhere else."""
    frame = world.samples.drop(columns="canonical_smiles").reset_index(names="sig_id")
    others = frame.sample(3, random_state=seed).assign(sig_id=[f"OTHER:{number}" for number in range(3)])
    frame = pd.concat([frame.iloc[: len(frame) - absent], others]).sample(frac=1, random_state=seed)
    return write_table(path, frame.rename(columns=fields or {}), encoding)


def write_pertinfo(path, world, fields=None, encoding="utf-8"):
    """A table of the compounds, and of others."""
    other = pd.DataFrame(
        {"pert_id": ["BRD-X", "DMSO"], "pert_iname": ["x", "DMSO"], "canonical_smiles": ["C", "CS(C)=O"]}
    )
    return write_table(path, pd.concat([world.compounds, other]).rename(columns=fields or {}), encoding)


def known(column):
    """Texts with missing ones as None."""
    return column.mask(column.isin(MISSING), None).astype(object)


def expected_table(world, average="compound", without=()):
    """What a preparation must make, by a plain group-by in float64."""
    samples = world.samples.apply(known).assign(signatures=1)
    scores = world.scores()
    kept = (samples["pert_type"] == "trt_cp") & samples["canonical_smiles"].map(SMILES).eq(True)
    kept &= samples["pert_id"].notna() & ~samples.index.isin(list(without))
    keys = ["pert_id", "pert_iname", "canonical_smiles"]
    keys += ["cell_id", "pert_idose", "pert_itime"] if average == "condition" else []
    joined = pd.concat([samples[[*keys, "signatures"]], scores], axis=1)[kept]
    how = {"signatures": "sum", **dict.fromkeys(scores, "mean")}
    found = joined.fillna(dict.fromkeys(keys, "")).groupby(keys).agg(how).reset_index()
    return found.rename(columns={"canonical_smiles": "smiles"})
