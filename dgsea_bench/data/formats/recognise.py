"""Files with a matrix, recognised by what they begin with, whatever they are called."""

import codecs
import gzip
from pathlib import Path

import h5py

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.formats import gctx, h5ad
from dgsea_bench.data.formats.gct import VERSIONS, GctFile
from dgsea_bench.data.formats.hdf5 import DAMAGE
from dgsea_bench.data.formats.lines import GZIP, HDF5, damage_told, first_bytes
from dgsea_bench.data.formats.matrix import AnnotatedMatrix, Ids, MatrixFile


def open_matrix(path: str | Path) -> MatrixFile:
    """Open a GCT 1.2 or 1.3 (gzipped or not), a GCTX or an h5ad file.

    Raises:
        InputError: none of these, or one that cannot be read.
    """
    start = first_bytes(path)
    if start.startswith(HDF5):
        return _open_hdf5(path)
    if start.startswith(GZIP):
        start = _first_unpacked(path)
        if start.startswith(HDF5):
            raise InputError(f"{path}: is a gzipped GCTX, which cannot be read in parts; unpack it: gunzip {path}")
    if start.removeprefix(codecs.BOM_UTF8).startswith(tuple(version.encode()[:3] for version in VERSIONS)):
        return GctFile(path)
    if start.startswith(b"PAR1"):
        raise InputError(f"{path}: is parquet; a table of `data prepare-l1000` is read by read_prepared")
    found = f"begins with {start!r}" if start else "is empty"
    raise InputError(f"{path}: is no GCT, GCTX or h5ad file: it {found}")


def read_matrix(path: str | Path, *, samples: Ids | None = None, genes: Ids | None = None) -> AnnotatedMatrix:
    """The values of these samples and genes of a GCT, GCTX or h5ad file, with their metadata.

    Args:
        path: the file; its first bytes say what it is.
        samples: ids, in the order wanted; None: all.
        genes: the same of the genes.

    Raises:
        InputError: a file that cannot be read, or ids that are not there.
    """
    with open_matrix(path) as file:
        return file.read(samples, genes)


def _open_hdf5(path: str | Path) -> MatrixFile:
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            is_h5ad = h5ad.SAMPLES in file and h5ad.GENES in file and gctx.MATRIX not in file
    except DAMAGE:
        is_h5ad = False  # GctxFile says why
    return h5ad.H5adFile(path) if is_h5ad else gctx.GctxFile(path)


def _first_unpacked(path: str | Path) -> bytes:
    with damage_told(path), gzip.open(path) as file:
        return file.read(len(HDF5))
