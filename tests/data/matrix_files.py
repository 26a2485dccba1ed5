"""Files with matrices, made without the package's own writer, and what is complained of them."""

import os

import h5py
import numpy as np
import psutil
import pytest
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.data.formats import read_matrix

MATRIX, GENES, SAMPLES = "/0/DATA/0/matrix", "/0/META/ROW", "/0/META/COL"
VALUES = np.arange(12, dtype="float32").reshape(3, 4) / 8
"""Three samples, four genes."""


def ids(letter, count):
    return [f"{letter}{number}" for number in range(count)]


def fixed(texts):
    return np.array([text if isinstance(text, bytes) else text.encode() for text in texts])


def make_gctx(path, values=VALUES, *, genes=None, samples=None, gene_ids=None, sample_ids=None, **layout):
    """genes, samples: fields by name, stored as they are."""
    with h5py.File(path, "w") as file:
        file.create_dataset(MATRIX, data=values, **layout)
        rows, columns = values.shape[0], values.shape[-1]
        file[f"{GENES}/id"] = fixed(ids("g", columns)) if gene_ids is None else gene_ids
        file[f"{SAMPLES}/id"] = fixed(ids("s", rows)) if sample_ids is None else sample_ids
        for group, fields in ((GENES, genes), (SAMPLES, samples)):
            for name, field in (fields or {}).items():
                file[f"{group}/{name}"] = field
    return path


def make_h5ad(path, values=VALUES, *, obs=(), var=(), index="_index"):
    """obs, var: names of fields, to be filled by the caller."""
    with h5py.File(path, "w") as file:
        file["X"] = values
        for name, letter, count, fields in (("obs", "s", len(values), obs), ("var", "g", values.shape[1], var)):
            group = file.create_group(name)
            group.attrs["_index"], group.attrs["column-order"] = index, list(fields)
            group[index] = ids(letter, count)  # of variable length
    return path


def gct_lines(texts, *, genes=None, samples=None, gene_ids=None, sample_ids=None):
    """GCT 1.3 from rows of texts, a row for each gene; genes, samples: fields of texts by name."""
    genes, samples = genes or {}, samples or {}
    columns = len(texts[0]) if texts else 0
    gene_ids, sample_ids = gene_ids or ids("g", len(texts)), sample_ids or ids("s", columns)
    yield ["#1.3"]
    yield [str(size) for size in (len(texts), columns, len(genes), len(samples))]
    yield ["id", *genes, *sample_ids]
    for name, field in samples.items():
        yield [name, *["na"] * len(genes), *field]
    for place, row in enumerate(texts):
        yield [gene_ids[place], *(field[place] for field in genes.values()), *row]


def gct_text(texts, ending="\n", **metadata):
    return "".join("\t".join(fields) + ending for fields in gct_lines(texts, **metadata))


def is_open(path):
    return os.path.realpath(path) in {file.path for file in psutil.Process().open_files()}


def complaint(path, **wanted):
    """What is complained of a file, of which nothing stays open even while the error is looked at."""
    with pytest.raises(InputError) as error:
        read_matrix(path, **wanted)
    assert not is_open(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\0"), min_size=1, max_size=8)


def distinct(count, strategy=NAMES):
    return st.lists(strategy, min_size=count, max_size=count, unique=True)
