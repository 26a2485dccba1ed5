"""h5ad, the files of anndata: their main matrix, if it is dense, with its metadata."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.formats.gctx import Hdf5Matrix
from dgsea_bench.data.formats.matrix import refuse_repeated
from dgsea_bench.data.formats.metadata import to_column, to_text

MATRIX, GENES, SAMPLES = "X", "var", "obs"
"""Where things lie (https://anndata.readthedocs.io/en/stable/fileformat-prose.html)."""


class H5adFile(Hdf5Matrix):
    """An h5ad file; layers and the like are left alone."""

    def __init__(self, path: str | Path) -> None:
        """Open the file and read the ids.

        Raises:
            InputError: it cannot be read, is damaged, its matrix is sparse, or ids are repeated.
        """
        super().__init__(path)
        try:
            if not isinstance(self.file.get(MATRIX), h5py.Dataset):
                raise InputError(
                    f"{path}: its matrix X is sparse or absent; write it densely, with anndata: "
                    "data.X = data.X.toarray(); data.write_h5ad(…)"
                )
            self.gene_ids, self.sample_ids = self._ids(GENES), self._ids(SAMPLES)
            self.gene_fields, self.sample_fields = self._fields(GENES), self._fields(SAMPLES)
            refuse_repeated(self.path, self.gene_ids.tolist(), "genes (var)")
            refuse_repeated(self.path, self.sample_ids.tolist(), "samples (obs)")
        except BaseException:
            self.close()
            raise

    @cached_property
    def _matrix(self) -> h5py.Dataset:
        return self.file[MATRIX]

    def _ids(self, group: str) -> pd.Index:
        name = self.file[group].attrs.get("_index", "_index")
        return pd.Index(to_text(self.file[f"{group}/{name}"][()]), dtype="object", name="id")

    def _fields(self, group: str) -> tuple[str, ...]:
        return tuple(str(name) for name in self.file[group].attrs.get("column-order", ()))

    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all samples, all fields or those of these names that the file has; the index holds the ids."""
        return self._metadata(SAMPLES, self.sample_fields, self.sample_ids, fields)

    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """The same of all genes."""
        return self._metadata(GENES, self.gene_fields, self.gene_ids, fields)

    def _metadata(self, group: str, known: Sequence[str], ids: pd.Index, fields: Sequence[str] | None) -> pd.DataFrame:
        chosen = [name for name in known if fields is None or name in fields]
        columns: dict[str, Any] = {name: self._column(f"{group}/{name}") for name in chosen}
        return pd.DataFrame(columns, index=ids)

    def _column(self, name: str) -> Any:
        item = self.file[name]
        if isinstance(item, h5py.Dataset):
            return to_column(item[()]).array
        if "codes" not in item or "categories" not in item:
            raise InputError(f"{self.path}: {name} is stored in a way that is not read here ({', '.join(item)})")
        codes = item["codes"][()]
        categories = np.asarray([*to_text(item["categories"][()]), ""], dtype=object)
        return to_column(categories[codes]).array  # -1, a missing value, takes the last one, which is empty
