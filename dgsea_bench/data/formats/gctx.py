"""GCTX, CMap's matrices in HDF5."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.files import whole_file
from dgsea_bench.data.formats.hdf5 import Hdf5Matrix, is_simple
from dgsea_bench.data.formats.matrix import AnnotatedMatrix, refuse_repeated
from dgsea_bench.data.formats.metadata import from_column, to_bytes, to_column, to_text

MATRIX, GENES, SAMPLES = "/0/DATA/0/matrix", "/0/META/ROW", "/0/META/COL"
"""Where things lie (Enache et al. 2019, doi 10.1093/bioinformatics/bty784). The matrix is (samples, genes)."""
VERSION = b"GCTX1.0"
ID = "id"


class GctxFile(Hdf5Matrix):
    """A GCTX file."""

    _matrix_at, _genes_at, _samples_at = MATRIX, GENES, SAMPLES

    def _check_parts(self) -> None:
        wanted = (MATRIX, f"{GENES}/{ID}", f"{SAMPLES}/{ID}")
        missing = [name for name in wanted if not isinstance(self.file.get(name), h5py.Dataset)]
        if missing:
            there = shorten(self.file) or "nothing"
            raise InputError(
                f"{self.path}: is HDF5 but neither h5ad nor GCTX: {', '.join(missing)} missing; at its top there is "
                f"{there}"
            )

    def _id_dataset(self, group: str) -> h5py.Dataset:
        return self.file[f"{group}/{ID}"]

    def _all_fields(self, group: str) -> Sequence[str]:
        return [name for name in self.file[group] if name != ID]

    def _is_simple(self, item: Any) -> bool:
        return is_simple(item)

    def _column(self, item: Any, count: int) -> "pd.Series[Any]":
        return to_column(self._values(item, count))


@contextmanager
def create_gctx(
    path: str | Path,
    genes: pd.DataFrame,
    samples: pd.DataFrame,
    *,
    dtype: str = "float32",
    chunks: tuple[int, int] | None = None,
    compression: str | None = None,
) -> Iterator[h5py.Dataset]:
    """A GCTX to be filled within a ``with`` block, at whose end it is renamed into place, whole.

    Args:
        path: the file.
        genes: metadata of the genes; the index holds their ids.
        samples: the same of the samples.
        dtype: of the values.
        chunks: (samples, genes) of a chunk, at most; None: not chunked, or as h5py sees fit if compressed.
        compression: such as ``"gzip"``.

    Yields:
        The matrix, (samples, genes), to assign to.

    Raises:
        InputError: ids that are empty or repeated, names of fields that a GCTX cannot have, or no place to write to.
    """
    _refuse_unwritable(path, genes, "genes")
    _refuse_unwritable(path, samples, "samples")
    with whole_file(Path(path)) as partial, _new_file(partial, path) as file:
        file.attrs["version"] = np.bytes_(VERSION)
        for group, frame in ((GENES, genes), (SAMPLES, samples)):
            file[f"{group}/{ID}"] = to_bytes(to_text(frame.index.to_numpy()))
            for name in frame:
                file[f"{group}/{name}"] = from_column(frame[name])
        shape = len(samples), len(genes)
        fitting = tuple(map(min, chunks, shape)) if chunks and all(shape) else None  # h5py refuses larger chunks
        yield file.create_dataset(MATRIX, shape, dtype, chunks=fitting, compression=compression)


def write_gctx(path: str | Path, matrix: AnnotatedMatrix, *, compression: str | None = None) -> None:
    """Write a matrix as GCTX, whole or not at all; missing metadata is written as -666, missing values as NaN.

    Raises:
        InputError: the values do not have a row for each sample and a column for each gene; what `create_gctx` refuses.
    """
    shape = len(matrix.samples), len(matrix.genes)
    if matrix.values.shape != shape:
        raise InputError(f"values are {matrix.values.shape}; {shape[0]} samples and {shape[1]} genes are described")
    with create_gctx(
        path, matrix.genes, matrix.samples, dtype=str(matrix.values.dtype), compression=compression
    ) as dataset:
        dataset[...] = matrix.values


def _refuse_unwritable(path: str | Path, frame: pd.DataFrame, what: str) -> None:
    refuse_repeated(Path(path), to_text(frame.index.to_numpy()), what)
    names = [str(name) for name in frame]
    unusable = {name for name in names if name in ("", ".", ID) or set(name) & {"/", "\0"} or names.count(name) > 1}
    if unusable:
        raise InputError(
            f"{path}: fields of {what} cannot be called {shorten(sorted(unusable))} in a GCTX: names are there once, "
            "have no slash, and are not 'id'"
        )


def _new_file(partial: Path, path: str | Path) -> h5py.File:
    try:
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        return h5py.File(partial, "w")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {os.strerror(error.errno or errno.EIO)}") from None
