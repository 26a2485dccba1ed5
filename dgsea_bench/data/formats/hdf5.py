"""Matrices in HDF5, read in portions however large the file; what HDF5 finds wrong is told in one line."""

import os
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.data.formats.matrix import PORTION_MIB, MatrixFile, Positions, refuse_repeated
from dgsea_bench.data.formats.metadata import to_text

DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
"""What h5py raises where the bytes of a file make no sense."""
UNCHECKED = (*DAMAGE, MemoryError)
"""The same while sizes that the file states have not been checked."""
FITTING = 8
"""MiB that are read at a time where there are no chunks: what fits into a processor's cache is used faster."""
NUMBERS, SIMPLE = "fiu", "fiubS"
"""Kinds of numpy's dtypes: of a matrix, and of what holds a text or a number for each gene or sample."""


class Hdf5Matrix(MatrixFile):
    """What HDF5 files with a matrix (samples, genes) have in common.

    A kind of file says where its matrix and the metadata of genes and samples are, and how these are stored.
    """

    _matrix_at: ClassVar[str]
    _genes_at: ClassVar[str]
    _samples_at: ClassVar[str]

    def __init__(self, path: str | Path) -> None:
        """Open the file and read the ids.

        Raises:
            InputError: it cannot be read, is damaged, or lacks a part; ids that are repeated or do not fit the matrix.
        """
        self.path = Path(path)
        try:
            self.file = h5py.File(path, "r", locking="best-effort")
        except UNCHECKED as error:
            raise InputError(f"{path}: {_why_not(self.path, error)}") from None
        try:
            with self._reading("its structure", UNCHECKED):
                self._check_parts()
                self._check_matrix()
            self.gene_ids, self.sample_ids = self._ids(self._genes_at, "genes"), self._ids(self._samples_at, "samples")
            self.gene_fields = self._simple_fields(self._genes_at, "genes")
            self.sample_fields = self._simple_fields(self._samples_at, "samples")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @abstractmethod
    def _check_parts(self) -> None:
        """Complain of parts that are missing."""

    @abstractmethod
    def _id_dataset(self, group: str) -> h5py.Dataset:
        """The ids of the genes or samples."""

    @abstractmethod
    def _all_fields(self, group: str) -> Sequence[str]:
        """Names of the metadata, whatever they hold."""

    @abstractmethod
    def _is_simple(self, item: Any) -> bool:
        """Whether a field holds a text or a number for each gene or sample."""

    @abstractmethod
    def _column(self, item: Any, count: int) -> "pd.Series[Any]":
        """The values of a field, of which there must be so many."""

    def _values(self, dataset: h5py.Dataset, count: int) -> np.ndarray:
        if dataset.shape != (count,):
            raise InputError(f"{self.path}: {dataset.name} holds {dataset.size:,} values for {count:,} ids")
        return np.asarray(dataset[()])

    def _check_matrix(self) -> None:
        """Before anything is read: sizes that do not fit are sizes that may be anything."""
        if self._matrix.dtype.kind not in NUMBERS:
            raise InputError(f"{self.path}: {self._matrix_at} holds no numbers; its type is {self._matrix.dtype}")
        ids = self._id_dataset(self._samples_at).shape, self._id_dataset(self._genes_at).shape
        if any(len(shape) != 1 for shape in ids):
            raise InputError(f"{self.path}: the ids of samples and genes have shapes {ids[0]} and {ids[1]}, not a list")
        wanted = ids[0] + ids[1]
        if self._matrix.shape != wanted:
            turned = "; samples come first, so it has to be transposed" if self._matrix.shape == wanted[::-1] else ""
            raise InputError(
                f"{self.path}: the matrix is {self._matrix.shape}, but there are {wanted[0]:,} ids of samples and "
                f"{wanted[1]:,} of genes{turned}"
            )

    @cached_property
    def dtype(self) -> np.dtype:
        """Of the values: float32 for what the file holds in at most four bytes a value, else float64."""
        held = self._matrix.dtype
        return np.dtype("float32") if held.kind == "f" and held.itemsize <= 4 else np.dtype("float64")

    @cached_property
    def _matrix(self) -> h5py.Dataset:
        return self.file[self._matrix_at]

    def _ids(self, group: str, what: str) -> pd.Index:
        with self._reading(f"the ids of {what}", UNCHECKED):
            texts = to_text(self._id_dataset(group)[()])
        refuse_repeated(self.path, texts, what)
        return pd.Index(texts, dtype="object", name="id")

    def _simple_fields(self, group: str, what: str) -> tuple[str, ...]:
        with self._reading(f"the fields of {what}", UNCHECKED):
            names = self._all_fields(group)
            simple = tuple(name for name in names if self._is_simple(self.file.get(f"{group}/{name}")))
        others = [name for name in names if name not in simple]
        if others:
            warnings.warn(
                f"{self.path}: fields of {what} that do not hold a text or a number for each are left out: "
                f"{shorten(others)}",
                UserWarning,
                stacklevel=5,
            )
        return simple

    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all samples, all fields or those of these names that the file has; the index holds the ids."""
        return self._metadata(self._samples_at, self.sample_fields, self.sample_ids, fields)

    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """The same of all genes."""
        return self._metadata(self._genes_at, self.gene_fields, self.gene_ids, fields)

    def _metadata(self, group: str, known: Sequence[str], ids: pd.Index, fields: Sequence[str] | None) -> pd.DataFrame:
        columns: dict[str, Any] = {}
        for name in known:
            if fields is None or name in fields:
                with self._reading(f"{group}/{name}", UNCHECKED):
                    columns[name] = self._column(self.file[f"{group}/{name}"], len(ids)).array
        return pd.DataFrame(columns, index=ids)

    def portions(
        self, samples: Positions | None = None, genes: Positions | None = None
    ) -> Iterator[tuple[Positions, np.ndarray]]:
        """The values asked for, a portion of samples after another, in memory that does not depend on their number.

        Genes that are not asked for are passed over in memory: HDF5 takes longer to pick values one by one than to read
        them all.

        Raises:
            InputError: the file is damaged.
        """
        rows, columns = self._asked_for(samples, genes)
        if not len(rows) or not len(columns):
            return
        low, high = int(columns.min()), int(columns.max()) + 1
        every_gene = np.array_equal(columns, np.arange(low, high))
        for chosen in self._split(rows, high - low):
            with self._reading(f"the values of samples {chosen[0] + 1:,} to {chosen[-1] + 1:,}"):
                block = self._read_samples(chosen, low, high)
            yield chosen, (block if every_gene else block.take(columns - low, axis=1)).astype(self.dtype, copy=False)

    def _read_samples(self, rows: Positions, low: int, high: int) -> np.ndarray:
        first, last = int(rows[0]), int(rows[-1]) + 1
        if last - first >= 2 * len(rows):
            return np.asarray(self._matrix[rows, low:high])
        block = np.asarray(self._matrix[first:last, low:high])
        return block if len(block) == len(rows) else block[rows - first]

    def _split(self, rows: Positions, width: int) -> Iterator[Positions]:
        """Portions of the samples, split where chunks end, so that each chunk is read, and unpacked, once."""
        size = max(self._matrix.dtype.itemsize, self.dtype.itemsize)
        chunks = self._matrix.chunks
        taken = PORTION_MIB << 20 if chunks else min(PORTION_MIB << 20, FITTING << 20)
        most = max(1, taken // (width * size))
        band = chunks[0] if chunks else 1
        start = 0
        while start < len(rows):
            stop = min(start + most, len(rows))
            if stop < len(rows):
                aligned = int(np.searchsorted(rows, rows[stop] // band * band))
                stop = aligned if aligned > start else stop
            yield rows[start:stop]
            start = stop

    @contextmanager
    def _reading(self, what: str, expected: tuple[type[Exception], ...] = DAMAGE) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except expected as error:
            raise InputError(
                f"{self.path}: {what} cannot be read: the file is damaged or cut short ({in_short(error)})"
            ) from None


def is_simple(item: Any) -> bool:
    """Whether it is a dataset with a text or a number in each of its places, in one dimension."""
    if not isinstance(item, h5py.Dataset) or len(item.shape or ()) != 1:
        return False
    try:
        return item.dtype.kind in SIMPLE or h5py.check_string_dtype(item.dtype) is not None
    except (TypeError, ValueError):  # a type that numpy does not have
        return False


def in_short(error: BaseException) -> str:
    """The part of a message of h5py that says what is wrong, in a line."""
    text = " ".join(str(error).split())
    return (text.partition("(")[2].removesuffix(")") or text or type(error).__name__)[:120]


def _why_not(path: Path, error: BaseException) -> str:
    """In plain words why HDF5 does not open a file."""
    text = str(error)
    if "truncated" in text:
        expected = text.partition("stored_eof = ")[2].strip(" )")
        size = f"{path.stat().st_size:,} bytes" + (f" of {int(expected):,}" if expected.isdecimal() else "")
        return f"is cut short ({size} are there); fetch or copy it again"
    if "unable to lock file" in text:
        return "is being written by another program; wait until it is done"
    if isinstance(error, OSError) and error.errno:
        return f"cannot be read: {os.strerror(error.errno)}"
    return f"is damaged or cut short, and cannot be read as HDF5 ({in_short(error)})"
