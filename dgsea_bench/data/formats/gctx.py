"""GCTX, CMap's matrices in HDF5: what is asked for is read in portions, however large the file."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.files import whole_file
from dgsea_bench.data.formats.matrix import PORTION_MIB, AnnotatedMatrix, MatrixFile, Positions, refuse_repeated
from dgsea_bench.data.formats.metadata import from_column, to_bytes, to_column, to_text

MATRIX, GENES, SAMPLES = "/0/DATA/0/matrix", "/0/META/ROW", "/0/META/COL"
"""Where things lie (Enache et al. 2019, doi 10.1093/bioinformatics/bty784). The matrix is (samples, genes)."""
VERSION = b"GCTX1.0"
ID = "id"


class Hdf5Matrix(MatrixFile):
    """What HDF5 files with a matrix (samples, genes) have in common: reading portions of it."""

    def __init__(self, path: str | Path) -> None:
        """Open the file.

        Raises:
            InputError: it cannot be read, or is damaged.
        """
        self.path = Path(path)
        try:
            self.file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            raise InputError(f"{path}: {_why_not(self.path, error)}") from None

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @cached_property
    def dtype(self) -> np.dtype:
        """Of the values: float32, or float64 for anything else that the file holds."""
        return np.dtype("float32") if self._matrix.dtype in ("float32", "float16") else np.dtype("float64")

    @cached_property
    @abstractmethod
    def _matrix(self) -> h5py.Dataset:
        """The matrix, (samples, genes)."""

    def portions(
        self, samples: Positions | None = None, genes: Positions | None = None
    ) -> Iterator[tuple[Positions, np.ndarray]]:
        """The values asked for, a portion of samples after another, in memory that does not depend on their number.

        Genes that are not asked for are passed over in memory: HDF5 takes longer to pick values one by one than to read
        them all.

        Raises:
            InputError: the file is damaged.
        """
        rows = np.arange(self.shape[0]) if samples is None else np.asarray(samples, dtype=np.int64)
        columns = np.arange(self.shape[1]) if genes is None else np.asarray(genes, dtype=np.int64)
        if not len(rows) or not len(columns):
            return
        low, high = int(columns.min()), int(columns.max()) + 1
        every_gene = np.array_equal(columns, np.arange(low, high))
        for chosen in self._split(rows, high - low):
            try:
                block = self._read_samples(chosen, low, high)
            except OSError as error:
                raise InputError(
                    f"{self.path}: the values of samples {chosen[0] + 1:,} to {chosen[-1] + 1:,} cannot be read: the "
                    f"file is damaged or cut short ({_shorter(error)})"
                ) from None
            yield chosen, (block if every_gene else block.take(columns - low, axis=1)).astype(self.dtype, copy=False)

    def _read_samples(self, rows: Positions, low: int, high: int) -> np.ndarray:
        first, last = int(rows[0]), int(rows[-1]) + 1
        if last - first >= 2 * len(rows):
            return np.asarray(self._matrix[rows, low:high])
        block = np.asarray(self._matrix[first:last, low:high])
        return block if len(block) == len(rows) else block[rows - first]

    def _split(self, rows: Positions, width: int) -> Iterator[Positions]:
        """Portions of the samples, split where chunks end, so that each chunk is read, and unpacked, once."""
        most = max(1, (PORTION_MIB << 20) // (width * self._matrix.dtype.itemsize))
        band = self._matrix.chunks[0] if self._matrix.chunks else 1
        start = 0
        while start < len(rows):
            stop = min(start + most, len(rows))
            if stop < len(rows):
                aligned = int(np.searchsorted(rows, rows[stop] // band * band))
                stop = aligned if aligned > start else stop
            yield rows[start:stop]
            start = stop


class GctxFile(Hdf5Matrix):
    """A GCTX file."""

    def __init__(self, path: str | Path) -> None:
        """Open the file and read the ids.

        Raises:
            InputError: it cannot be read, is damaged, or lacks a part of a GCTX; ids that are repeated or do not fit.
        """
        super().__init__(path)
        try:
            self._check_parts()
            self.gene_ids, self.sample_ids = (self._ids(GENES), self._ids(SAMPLES))
            self.gene_fields, self.sample_fields = (self._fields(GENES), self._fields(SAMPLES))
            if self._matrix.shape != self.shape:
                raise InputError(
                    f"{path}: the matrix is {self._matrix.shape}, but there are {self.shape[0]:,} ids of samples and "
                    f"{self.shape[1]:,} of genes"
                )
            refuse_repeated(self.path, self.gene_ids.tolist(), "genes (rows)")
            refuse_repeated(self.path, self.sample_ids.tolist(), "samples (columns)")
        except BaseException:
            self.close()
            raise

    def _check_parts(self) -> None:
        wanted = {MATRIX: h5py.Dataset, f"{GENES}/{ID}": h5py.Dataset, f"{SAMPLES}/{ID}": h5py.Dataset}
        missing = [name for name, kind in wanted.items() if not isinstance(self.file.get(name), kind)]
        if missing:
            there = shorten(self.file) or "nothing"
            raise InputError(
                f"{self.path}: is HDF5 but no GCTX: {', '.join(missing)} missing; at its top there is {there}"
            )

    @cached_property
    def _matrix(self) -> h5py.Dataset:
        return self.file[MATRIX]

    def _ids(self, group: str) -> pd.Index:
        return pd.Index(to_text(self._read(f"{group}/{ID}")), dtype="object", name=ID)

    def _fields(self, group: str) -> tuple[str, ...]:
        return tuple(name for name, item in self.file[group].items() if name != ID and isinstance(item, h5py.Dataset))

    def _read(self, name: str) -> np.ndarray:
        try:
            return np.asarray(self.file[name][()])
        except OSError as error:
            raise InputError(f"{self.path}: {name} cannot be read: the file is damaged ({_shorter(error)})") from None

    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all samples, all fields or those of these names that the file has; the index holds the ids."""
        return self._metadata(SAMPLES, self.sample_fields, self.sample_ids, fields)

    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """The same of all genes."""
        return self._metadata(GENES, self.gene_fields, self.gene_ids, fields)

    def _metadata(self, group: str, known: Sequence[str], ids: pd.Index, fields: Sequence[str] | None) -> pd.DataFrame:
        columns: dict[str, Any] = {}
        for name in known:
            if fields is None or name in fields:
                values = self._read(f"{group}/{name}")
                if values.shape != ids.shape:
                    raise InputError(
                        f"{self.path}: {group}/{name} has shape {values.shape}, and there are {len(ids):,} ids"
                    )
                columns[name] = to_column(values).array
        return pd.DataFrame(columns, index=ids)


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
        chunks: (samples, genes) of a chunk; None: not chunked, or as h5py sees fit if compressed.
        compression: such as ``"gzip"``.

    Yields:
        The matrix, (samples, genes), to assign to.
    """
    with whole_file(Path(path)) as partial, h5py.File(partial, "w") as file:
        file.attrs["version"] = np.bytes_(VERSION)
        for group, frame in ((GENES, genes), (SAMPLES, samples)):
            file[f"{group}/{ID}"] = to_bytes(frame.index.astype(str).tolist())
            for name in frame:
                file[f"{group}/{name}"] = from_column(frame[name])
        shape = len(samples), len(genes)
        yield file.create_dataset(MATRIX, shape, dtype, chunks=chunks, compression=compression)


def write_gctx(path: str | Path, matrix: AnnotatedMatrix, *, compression: str | None = None) -> None:
    """Write a matrix as GCTX, whole or not at all; missing metadata is written as -666, missing values as NaN.

    Raises:
        InputError: the values do not have a row for each sample and a column for each gene.
    """
    shape = len(matrix.samples), len(matrix.genes)
    if matrix.values.shape != shape:
        raise InputError(f"values are {matrix.values.shape}; {shape[0]} samples and {shape[1]} genes are described")
    with create_gctx(
        path, matrix.genes, matrix.samples, dtype=str(matrix.values.dtype), compression=compression
    ) as dataset:
        dataset[...] = matrix.values


def _why_not(path: Path, error: OSError) -> str:
    """In plain words why HDF5 does not open a file."""
    text = str(error)
    if "truncated" in text:
        expected = text.partition("stored_eof = ")[2].strip(" )")
        size = f"{path.stat().st_size:,} bytes" + (f" of {int(expected):,}" if expected.isdecimal() else "")
        return f"is cut short ({size} are there); fetch or copy it again"
    if error.strerror and not path.is_file():
        return f"cannot be read: {error.strerror}"
    return f"is damaged, or cannot be read as HDF5 ({_shorter(error)})"


def _shorter(error: OSError) -> str:
    return str(error).partition("(")[2].rstrip(")")[:120] or str(error)[:120]
