"""A matrix of expression or scores with what is known of its genes and samples, and files that hold one."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.identifiers import nothing_in_common

PORTION_MIB = 64
"""How much of a file is in memory at a time."""
Positions = np.ndarray
"""Ascending positions of samples, or positions of genes in any order."""
Ids = Iterable[str | int]
"""Ids as they are given: Entrez ids may be numbers."""


@dataclass(frozen=True, eq=False)
class AnnotatedMatrix:
    """Values of samples and genes.

    Attributes:
        values: (samples, genes), float32 or float64; NaN where missing.
        genes: metadata of the genes, a row each; its index holds their ids, as text.
        samples: the same of the samples.
    """

    values: np.ndarray
    genes: pd.DataFrame
    samples: pd.DataFrame

    def __repr__(self) -> str:
        """The size alone: ``AnnotatedMatrix(377 samples × 978 genes)``."""
        return f"AnnotatedMatrix({len(self.samples):,} samples × {len(self.genes):,} genes)"


class MatrixFile(ABC):
    """An open file with a matrix; a context manager. `open_matrix` opens one of any kind.

    Attributes:
        path: the file.
        sample_ids, gene_ids: ids in the order of the file, each once.
        sample_fields, gene_fields: names of the metadata beside the ids.
    """

    path: Path
    sample_ids: pd.Index
    gene_ids: pd.Index
    sample_fields: tuple[str, ...]
    gene_fields: tuple[str, ...]

    def __enter__(self) -> "MatrixFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all samples, all fields or those of these names that the file has; the index holds the ids."""

    @abstractmethod
    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """The same of all genes."""

    @abstractmethod
    def portions(
        self, samples: Positions | None = None, genes: Positions | None = None
    ) -> Iterator[tuple[Positions, np.ndarray]]:
        """The values asked for, a portion of samples after another, in memory that does not depend on their number.

        (Of a GCT, which has genes in rows, all values that are asked for are in memory.)

        Args:
            samples: ascending positions in the file; None: all.
            genes: positions in any order; None: all.

        Yields:
            (positions of n samples, values (n, genes)).

        Raises:
            InputError: the file is damaged.
        """

    def _asked_for(self, samples: Positions | None, genes: Positions | None) -> tuple[Positions, Positions]:
        """The positions, checked: a mistake of a program is no damage of a file."""
        rows = np.arange(self.shape[0]) if samples is None else np.asarray(samples, dtype=np.int64)
        columns = np.arange(self.shape[1]) if genes is None else np.asarray(genes, dtype=np.int64)
        if len(rows) and (rows[0] < 0 or rows[-1] >= self.shape[0] or (np.diff(rows) <= 0).any()):
            raise ValueError(f"positions of samples must ascend, within 0 .. {self.shape[0] - 1}")
        if len(columns) and (columns.min() < 0 or columns.max() >= self.shape[1]):
            raise ValueError(f"positions of genes must be within 0 .. {self.shape[1] - 1}")
        return rows, columns

    @property
    def shape(self) -> tuple[int, int]:
        """(samples, genes)."""
        return len(self.sample_ids), len(self.gene_ids)

    @cached_property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return np.dtype("float64")

    def read(self, samples: Ids | None = None, genes: Ids | None = None) -> AnnotatedMatrix:
        """The values of these samples and genes, by id, in the order in which they are given; None: all.

        Raises:
            InputError: an id that the file does not have or that is given twice, or a damaged file.
        """
        rows = self._positions(samples, self.sample_ids, "samples")
        columns = self._positions(genes, self.gene_ids, "genes")
        order = np.argsort(rows)
        values = np.empty((len(rows), len(columns)), dtype=self.dtype)
        done = 0
        for found, portion in self.portions(rows[order], columns):
            values[order[done : done + len(found)]] = portion
            done += len(found)
        return AnnotatedMatrix(values, self.gene_metadata().iloc[columns], self.sample_metadata().iloc[rows])

    def _positions(self, asked_for: Ids | None, ids: pd.Index, what: str) -> Positions:
        if asked_for is None:
            return np.arange(len(ids))
        wanted = [str(name) for name in asked_for]
        positions = ids.get_indexer(pd.Index(wanted, dtype=ids.dtype))
        unknown = [name for name, position in zip(wanted, positions) if position < 0]
        if wanted and len(unknown) == len(wanted):
            both = nothing_in_common(wanted, ids.tolist(), (f"{what} asked for", f"{what} in the file"), "names")
            raise InputError(f"{self.path}: none of the {what} asked for is there: {both}")
        if unknown:
            raise InputError(f"{self.path}: {len(unknown)} of {len(wanted)} {what} are not there: {shorten(unknown)}")
        refuse_repeated(self.path, wanted, f"{what} asked for")
        return positions.astype(np.int64)


def refuse_repeated(path: Path, ids: Sequence[str], what: str) -> None:
    """Complain of ids that are there more than once, or empty.

    Raises:
        InputError: so it is.
    """
    if len(set(ids)) < len(ids):
        repeated = [name for name, count in Counter(ids).items() if count > 1]
        raise InputError(
            f"{path}: {len(repeated):,} ids of {what} are there more than once: {shorten(repeated)}; "
            "remove the repetitions, or give each an id of its own"
        )
    if "" in ids:
        raise InputError(f"{path}: an id of {what} is empty (number {list(ids).index('') + 1})")
