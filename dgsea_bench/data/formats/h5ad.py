"""h5ad, the files of anndata: their main matrix, if it is dense, with its metadata."""

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.formats.hdf5 import Hdf5Matrix, is_simple
from dgsea_bench.data.formats.metadata import to_column, to_text

MATRIX, GENES, SAMPLES = "X", "var", "obs"
"""Where things lie (https://anndata.readthedocs.io/en/stable/fileformat-prose.html)."""
PARTS = ({"codes", "categories"}, {"values", "mask"})
"""Of fields that are stored in two parts: categories, and what may be missing."""


class H5adFile(Hdf5Matrix):
    """An h5ad file; layers and the like are left alone."""

    _matrix_at, _genes_at, _samples_at = MATRIX, GENES, SAMPLES

    def _check_parts(self) -> None:
        if not isinstance(self.file.get(MATRIX), h5py.Dataset):
            raise InputError(
                f"{self.path}: its matrix X is sparse or absent; write it densely, with anndata: "
                "data.X = data.X.toarray(); data.write_h5ad(…)"
            )
        for group in (GENES, SAMPLES):
            if not isinstance(self.file[group], h5py.Group):
                raise InputError(
                    f"{self.path}: {group} is stored as anndata did before version 0.7; read and write the file with "
                    "a newer one"
                )
            if not isinstance(self.file.get(self._id_name(group)), h5py.Dataset):
                raise InputError(f"{self.path}: has no ids in {group}: {self._id_name(group)} is missing")

    def _id_name(self, group: str) -> str:
        return f"{group}/{_text(self.file[group].attrs.get('_index', '_index'))}"

    def _id_dataset(self, group: str) -> h5py.Dataset:
        return self.file[self._id_name(group)]

    def _all_fields(self, group: str) -> Sequence[str]:
        return [_text(name) for name in self.file[group].attrs.get("column-order", ())]

    def _is_simple(self, item: Any) -> bool:
        if isinstance(item, h5py.Group):
            return any(parts <= set(item) and all(is_simple(item[part]) for part in parts) for parts in PARTS)
        return is_simple(item)

    def _column(self, item: Any, count: int) -> "pd.Series[Any]":
        if isinstance(item, h5py.Group) and "mask" in item:
            values, missing = self._values(item["values"], count), self._values(item["mask"], count).astype(bool)
            texts = to_text(values.astype("int8") if values.dtype.kind == "b" else values)
            return to_column(["" if absent else text for text, absent in zip(texts, missing)])
        if isinstance(item, h5py.Group):
            return _from_categories(self._values(item["codes"], count), item["categories"][()])
        values = self._values(item, count)
        if "categories" in item.attrs:  # as anndata 0.7 stores them
            return _from_categories(values, self.file[item.attrs["categories"]][()])
        return to_column(values)


def _from_categories(codes: np.ndarray, categories: np.ndarray) -> "pd.Series[Any]":
    if len(codes) and not -1 <= codes.min() <= codes.max() < len(categories):
        raise ValueError(f"codes {codes.min()} to {codes.max()} of {len(categories)} categories")
    named = np.asarray([*to_text(categories), ""], dtype=object)
    return to_column(named[codes])  # -1, a missing value, takes the last one, which is empty


def _text(name: str | bytes) -> str:
    return to_text([name])[0]
