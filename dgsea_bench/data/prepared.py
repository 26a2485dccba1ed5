"""The table that a preparation makes: a row per compound or condition, a column per gene, as parquet."""

import json
from collections.abc import Callable, Iterator, Sequence
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
from dgsea_bench.data.formats.matrix import AnnotatedMatrix, Positions

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
    """A table that `prepare_l1000` wrote, all of it in memory; ids of samples are those of compounds or conditions."""

    def __init__(self, path: str | Path) -> None:
        """Read the table.

        Raises:
            InputError: a file that cannot be read, or another kind of parquet file.
        """
        self.path = Path(path)
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path}: cannot be read as parquet: {str(error).splitlines()[0]}") from None
        content = (table.schema.metadata or {}).get(PROVENANCE)
        if content is None:
            raise InputError(f"{path}: was not made by `data prepare-l1000`: it does not say where it comes from")
        self.provenance: dict[str, Any] = json.loads(content)
        frame = table.to_pandas()
        self._values: np.ndarray = frame[self.provenance[SYMBOLS]].to_numpy(np.float32)
        samples = frame.drop(columns=self.provenance[SYMBOLS])
        naming = [name for name in OF_CONDITION if name in samples]
        ids = samples[naming].fillna("").astype(str).agg(":".join, axis=1)
        self.gene_ids = pd.Index(self.provenance[SYMBOLS], dtype="object", name="id")
        self.sample_ids = pd.Index(ids.to_numpy(), dtype="object", name="id")
        self._samples: pd.DataFrame = samples.set_index(self.sample_ids)
        self.gene_fields, self.sample_fields = (), tuple(samples.columns)

    def close(self) -> None:
        """Nothing is open."""

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self._values.dtype

    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all rows, SMILES among it."""
        return self._samples[[name for name in self._samples if fields is None or name in fields]]

    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """There is none beside the symbols, which are the ids."""
        return pd.DataFrame(index=self.gene_ids, columns=[name for name in fields or () if name in self.gene_fields])

    def portions(
        self, samples: Positions | None = None, genes: Positions | None = None
    ) -> Iterator[tuple[Positions, np.ndarray]]:
        """One portion."""
        rows = np.arange(self.shape[0]) if samples is None else np.asarray(samples)
        columns = np.arange(self.shape[1]) if genes is None else np.asarray(genes)
        yield rows, self._values[np.ix_(rows, columns)]


def read_prepared(path: str | Path) -> AnnotatedMatrix:
    """A table that `prepare_l1000` wrote: values of rows × genes, with SMILES and the rest as metadata of samples.

    Raises:
        InputError: a file that cannot be read, or another kind of parquet file.
    """
    return PreparedFile(path).read()


def open_scores(path: str | Path) -> MatrixFile:
    """Open what `open_matrix` opens, or a table that `prepare_l1000` wrote.

    Raises:
        InputError: none of these, or one that cannot be read.
    """
    return PreparedFile(path) if first_bytes(path).startswith(PARQUET) else open_matrix(path)
