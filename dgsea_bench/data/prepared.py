"""The table that a preparation makes: a row per compound or condition, a column per gene, as parquet."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import whole_file
from dgsea_bench.data.formats import MatrixFile, open_matrix
from dgsea_bench.data.formats.lines import first_bytes
from dgsea_bench.data.formats.matrix import AnnotatedMatrix, Positions, refuse_repeated

PARQUET = b"PAR1"
PROVENANCE = b"dgsea_bench"
"""Key of the parquet's metadata under which its provenance stands, as JSON."""
SYMBOLS = "symbols"
"""Where the provenance lists the columns that are genes."""
MIB_OF_ROWS = 32
"""Of the table, written at a time."""
OF_CONDITION = ("pert_id", "cell_id", "pert_idose", "pert_itime")
"""Fields that together name a row."""


def write_prepared(
    path: Path,
    table: pd.DataFrame,
    symbols: Sequence[str],
    values: Callable[[int, int], np.ndarray],
    provenance: dict[str, Any],
) -> None:
    """Write a table, whole or not at all, a portion of rows at a time.

    Args:
        path: the parquet file.
        table: metadata of the rows: texts, and counts as integers.
        symbols: names of the genes.
        values: (start, stop) -> (stop - start, genes) float32, the values of these rows.
        provenance: where the table comes from; it goes into the file as JSON, with the symbols.
    """
    kinds = {name: pa.int64() if pd.api.types.is_integer_dtype(table[name]) else pa.string() for name in table}
    schema = pa.schema([*kinds.items(), *((symbol, pa.float32()) for symbol in symbols)])
    content = json.dumps({**provenance, SYMBOLS: list(symbols)})
    most = max(1, (MIB_OF_ROWS << 20) // (4 * len(symbols)))
    texts = [name for name, kind in kinds.items() if kind == pa.string()]
    with (
        whole_file(path) as partial,
        pq.ParquetWriter(
            partial, schema.with_metadata({PROVENANCE: content.encode()}), compression="zstd", use_dictionary=texts,
            write_statistics=False,
        ) as writer,
    ):  # fmt: skip
        for start in range(0, len(table), most):
            part = table.iloc[start : start + most]
            genes = np.asfortranarray(values(start, start + len(part))).T
            columns = [pa.array(part[name].tolist(), kind, from_pandas=True) for name, kind in kinds.items()]
            writer.write_table(pa.Table.from_arrays([*columns, *map(pa.array, genes)], schema=writer.schema))


class PreparedFile(MatrixFile):
    """A table that `prepare_l1000` wrote; ids of samples are those of compounds or conditions."""

    def __init__(self, path: str | Path) -> None:
        """Open the table and read all but the values.

        Raises:
            InputError: a file that cannot be read, or another kind of parquet file.
        """
        self.path = Path(path)
        with self._damage_told():
            self._file = pq.ParquetFile(path)
        try:
            self.provenance = self._provenance()
            symbols = self.provenance[SYMBOLS]
            with self._damage_told():
                samples = self._file.read([name for name in self._file.schema_arrow.names if name not in set(symbols)])
        except BaseException:
            self.close()
            raise
        self._samples: pd.DataFrame = samples.to_pandas()
        naming = [name for name in OF_CONDITION if name in self._samples]
        texts = (self._samples[name].fillna("").astype(str).tolist() for name in naming)
        ids = [":".join(parts) for parts in zip(*texts)]
        refuse_repeated(self.path, ids, "rows")
        self.sample_ids = self._samples.index = pd.Index(ids, dtype="object", name="id")
        self.gene_ids = pd.Index(symbols, dtype="object", name="id")
        self.gene_fields, self.sample_fields = (), tuple(self._samples.columns)

    def _provenance(self) -> dict[str, Any]:
        content = (self._file.schema_arrow.metadata or {}).get(PROVENANCE)
        if content is None:
            raise InputError(
                f"{self.path}: was not made by `data prepare-l1000`; a matrix of your own is a GCT, GCTX or h5ad file"
            )
        found: dict[str, Any] = json.loads(content)
        return found

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{self.path}: cannot be read as parquet: {str(error).splitlines()[0]}") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return np.dtype("float32")

    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all rows, SMILES among it."""
        return self._samples[[name for name in self._samples if fields is None or name in fields]]

    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:  # noqa: ARG002 (of the base class)
        """There is none beside the symbols, which are the ids."""
        return pd.DataFrame(index=self.gene_ids)

    def portions(
        self, samples: Positions | None = None, genes: Positions | None = None
    ) -> Iterator[tuple[Positions, np.ndarray]]:
        """The values asked for, as many rows at a time as were written at a time.

        Raises:
            InputError: the file is damaged.
        """
        rows = np.arange(self.shape[0]) if samples is None else np.asarray(samples)
        columns = list(self.gene_ids if genes is None else self.gene_ids[genes])
        start = 0
        for group in range(self._file.num_row_groups):
            stop = start + self._file.metadata.row_group(group).num_rows
            chosen = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
            if len(chosen) and columns:
                with self._damage_told():
                    part = self._file.read_row_group(group, columns)
                yield chosen, np.stack([part[name].to_numpy() for name in columns], axis=1)[chosen - start]
            start = stop


def read_prepared(path: str | Path) -> AnnotatedMatrix:
    """A table that `prepare_l1000` wrote: values of rows × genes, with SMILES and the rest as metadata of samples.

    Raises:
        InputError: a file that cannot be read, or another kind of parquet file.
    """
    with PreparedFile(path) as file:
        return file.read()


def open_scores(path: str | Path) -> MatrixFile:
    """Open what `open_matrix` opens, or a table that `prepare_l1000` wrote.

    Raises:
        InputError: none of these, or one that cannot be read.
    """
    return PreparedFile(path) if first_bytes(path).startswith(PARQUET) else open_matrix(path)
