"""Prepared tables come back as they were written; another file, or a damaged one, is refused."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.data import prepared as module
from dgsea_bench.data.formats import MatrixFile
from dgsea_bench.data.prepared import PreparedFile, open_scores, read_prepared, write_prepared

SYMBOLS = ["AARS", "TP53", "MYC"]


def write(path, rows=5, conditions=False):
    """A table of so many rows; the values that it holds."""
    table = pd.DataFrame({"pert_id": [f"BRD-{number}" for number in range(rows)], "pert_iname": "é µ", "smiles": "CCO"})
    table = table.astype("string")
    table.loc[0, "pert_iname"] = pd.NA
    if conditions:
        table["pert_id"] = pd.array(["BRD-0"] * rows, dtype="string")
        table["cell_id"] = pd.array([pd.NA, *(f"CELL{number}" for number in range(1, rows))], dtype="string")
        table["pert_idose"], table["pert_itime"] = "10 µM", "6 h"
    table["signatures"] = np.arange(1, rows + 1)
    values = np.random.default_rng(rows).normal(size=(rows, len(SYMBOLS))).astype("float32")
    write_prepared(path, table, SYMBOLS, lambda start, stop: values[start:stop], {"made_by": "a test"})
    return table, values


@pytest.mark.parametrize("mib", [module.MIB_OF_ROWS, 0])
def test_a_table_comes_back(tmp_path, monkeypatch, mib):
    monkeypatch.setattr(module, "MIB_OF_ROWS", mib)
    table, values = write(tmp_path / "a.parquet")
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == (1 if mib else 5)
    found = read_prepared(tmp_path / "a.parquet")
    assert found.values.dtype == np.float32
    assert (found.values == values).all()
    assert found.genes.index.tolist() == SYMBOLS
    assert found.samples.index.tolist() == table["pert_id"].tolist()
    pd.testing.assert_frame_equal(
        found.samples.reset_index(drop=True).astype(object).fillna(""),
        table.astype(object).fillna(""),
        check_dtype=False,
    )


def test_anything_that_reads_parquet_reads_it(tmp_path):
    _, values = write(tmp_path / "a.parquet")
    found = pd.read_parquet(tmp_path / "a.parquet")
    assert found.columns.tolist() == ["pert_id", "pert_iname", "smiles", "signatures", *SYMBOLS]
    assert (found[SYMBOLS].to_numpy() == values).all()
    assert (found[SYMBOLS].dtypes == "float32").all()
    assert found["signatures"].dtype == "int64"
    assert found["pert_iname"].isna().tolist() == [True, *[False] * 4]


def test_conditions_are_named_by_all_that_makes_them(tmp_path):
    write(tmp_path / "a.parquet", 3, conditions=True)
    with PreparedFile(tmp_path / "a.parquet") as file:
        assert file.sample_ids.tolist() == [
            "BRD-0::10 µM:6 h",
            "BRD-0:CELL1:10 µM:6 h",
            "BRD-0:CELL2:10 µM:6 h",
        ]
        assert "cell_id" in file.sample_fields
        assert file.provenance == {"made_by": "a test", "symbols": SYMBOLS}


@settings(max_examples=20)
@given(st.data())
def test_any_part_is_read_as_a_part(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("part") / "a.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MIB_OF_ROWS", 0)  # a row at a time
        _, values = write(path, 6)
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, 5)))), dtype=np.int64)
    columns = np.array(data.draw(st.lists(st.integers(0, 2), unique=True)), dtype=np.int64)
    with open_scores(path) as file:
        assert isinstance(file, MatrixFile)
        parts = list(file.portions(rows, columns))
    if len(rows) and len(columns):
        assert np.concatenate([positions for positions, _ in parts]).tolist() == rows.tolist()
        assert (np.concatenate([part for _, part in parts]) == values[np.ix_(rows, columns)]).all()
    else:
        assert parts == []


def test_another_parquet_file_is_refused(tmp_path):
    pd.DataFrame({"pert_id": ["a"], "AARS": [1.0]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: was not made by `data prepare-l1000`"):
        open_scores(tmp_path / "a.parquet")


@pytest.mark.parametrize("kept", [4, 8, 100, -1])
def test_a_table_that_is_cut_short_is_refused(tmp_path, kept):
    write(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[:kept])
    for reader in (open_scores, read_prepared):
        with pytest.raises(InputError, match=r"a\.parquet: cannot be read as parquet") as error:
            reader(tmp_path / "a.parquet")
        assert "\n" not in str(error.value)


def test_damaged_values_are_refused(tmp_path):
    write(tmp_path / "a.parquet", 2000)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    offset = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(5).data_page_offset
    content[offset : offset + 200] = bytes(200)
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_prepared(tmp_path / "a.parquet")


def test_a_table_that_another_program_wrote_again_says_that_it_lost_its_origin(tmp_path):
    write(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="a matrix of your own is"):
        read_prepared(tmp_path / "b.parquet")
    pq.write_table(table.slice(1, 2), tmp_path / "c.parquet")
    assert read_prepared(tmp_path / "c.parquet").values.shape == (2, 3)
    assert json.loads(pa.parquet.read_schema(tmp_path / "c.parquet").metadata[b"dgsea_bench"])["made_by"] == "a test"


@pytest.mark.parametrize("content", [b"", b"text", b"PAR2"])
def test_what_is_no_table_at_all_is_refused(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet: "):
        open_scores(tmp_path / "a.parquet")
