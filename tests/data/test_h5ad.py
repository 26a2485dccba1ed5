"""h5ad files of every age of anndata are read as far as a dense matrix and its metadata go."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matrix_files import VALUES, complaint, make_h5ad

from dgsea_bench.data.formats import open_matrix, read_matrix


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made.h5ad"


def made_with(path, fields):
    """fields: of samples; those in two parts are dicts."""
    make_h5ad(path, obs=list(fields))
    with h5py.File(path, "a") as file:
        for name, field in fields.items():
            for part, values in field.items() if isinstance(field, dict) else [("", field)]:
                file[f"obs/{name}/{part}".rstrip("/")] = values
    return path


@pytest.mark.parametrize("index", ["_index", "index", "cell_id", np.bytes_(b"barcode")])
def test_ids_are_where_the_file_says(path, index):
    read = read_matrix(make_h5ad(path, index=index))
    np.testing.assert_array_equal(read.values, VALUES, strict=True)
    assert read.samples.index.tolist() == ["s0", "s1", "s2"]
    assert read.genes.index.tolist() == ["g0", "g1", "g2", "g3"]
    assert read.samples.shape == (3, 0)


def test_fields_keep_their_order_whatever_their_names_are_stored_as(path):
    made_with(path, {"b": np.arange(3), "a": np.arange(3)})
    assert list(read_matrix(path).samples) == ["b", "a"]
    with h5py.File(path, "a") as file:
        file["obs"].attrs["column-order"] = np.array([b"b", b"a"])
    assert list(read_matrix(path).samples) == ["b", "a"]


@given(codes=st.lists(st.integers(-1, 2), min_size=3, max_size=3))
@pytest.mark.parametrize("old", [False, True], ids=["0.8", "0.7"])
def test_categories_stand_for_their_codes_and_minus_one_for_missing(tmp_path_factory, codes, old):
    path, names = tmp_path_factory.getbasetemp() / "made.h5ad", ["A375", "10 µM", "CC(=O)O"]
    if old:
        made_with(path, {"cell": np.array(codes, "int8")})
        with h5py.File(path, "a") as file:
            file["obs/__categories/cell"] = names
            file["obs/cell"].attrs["categories"] = file["obs/__categories/cell"].ref
    else:
        made_with(path, {"cell": {"codes": np.array(codes, "int8"), "categories": names}})
    read = read_matrix(path).samples["cell"]
    assert read.fillna("missing").tolist() == [names[code] if code >= 0 else "missing" for code in codes]


def test_categories_that_are_numbers_are_numbers(path):
    made_with(path, {"dose": {"codes": np.array([1, 0, 1], "int8"), "categories": np.array([0.5, 10.0])}})
    assert read_matrix(path).samples["dose"].tolist() == [10, 0.5, 10]


@pytest.mark.parametrize("codes", [[0, 1, 2], [0, 1, -2], [0, 0, 127]])
def test_codes_without_a_category_are_refused(path, codes):
    made_with(path, {"cell": {"codes": np.array(codes, "int8"), "categories": ["A375", "MCF7"]}})
    message = complaint(path)
    assert message.startswith(": obs/cell cannot be read: the file is damaged")
    assert "of 2 categories" in message


@pytest.mark.parametrize(
    ("values", "dtype", "known"),
    [
        (np.array([1, 2, 3]), "Int64", [1, 3]),
        (np.array([1.5, 2, 3]), "float64", [1.5, 3]),
        (np.array([True, False, False]), "Int64", [1, 0]),
        (np.array(["a", "b", "c"], object), "string", ["a", "c"]),
    ],
    ids=["integer", "float", "boolean", "text"],
)
def test_fields_with_a_mask_are_missing_where_it_says(path, values, dtype, known):
    made_with(path, {"field": {"values": values, "mask": np.array([False, True, False])}})
    read = read_matrix(path).samples["field"]
    assert read.dtype == dtype
    assert read.isna().tolist() == [False, True, False]
    assert read.dropna().tolist() == known


@pytest.mark.parametrize(
    "field",
    [
        {"left": np.arange(3), "right": np.arange(3)},
        np.zeros((3, 2)),
        {"values": np.zeros((3, 2)), "mask": np.zeros(3)},
    ],
    ids=["unheard of", "2-D", "2-D with a mask"],
)
def test_a_field_that_is_stored_in_another_way_is_left_out_with_a_warning(path, field):
    made_with(path, {"odd": field, "fine": np.arange(3)})
    with pytest.warns(UserWarning, match=r"fields of samples that do not hold a text or a number .*: 'odd'"):
        assert list(read_matrix(path).samples) == ["fine"]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (np.arange(5), "dose"),
        ({"codes": np.zeros(5, "int8"), "categories": ["a"]}, "dose/codes"),
        ({"values": np.arange(5), "mask": np.zeros(5, bool)}, "dose/values"),
        ({"values": np.arange(3), "mask": np.zeros(5, bool)}, "dose/mask"),
    ],
)
def test_a_field_of_another_length_is_named(path, field, name):
    made_with(path, {"dose": field})
    assert complaint(path) == f": /obs/{name} holds 5 values for 3 ids"


def test_a_sparse_matrix_is_refused_with_the_way_out(path):
    make_h5ad(path)
    with h5py.File(path, "a") as file:
        del file["X"]
        group = file.create_group("X")
        group.attrs["encoding-type"] = "csr_matrix"
        group["data"], group["indices"], group["indptr"] = np.ones(1), np.zeros(1, int), np.array([0, 1, 1, 1])
    assert complaint(path).startswith(": its matrix X is sparse or absent; write it densely, with anndata: data.X = ")


def test_tables_of_the_oldest_files_are_refused_with_the_way_out(path):
    make_h5ad(path)
    with h5py.File(path, "a") as file:
        del file["obs"]
        file["obs"] = np.array([(b"s0",), (b"s1",), (b"s2",)], [("index", "S2")])
    assert complaint(path).startswith(": obs is stored as anndata did before version 0.7; read and write the file with")


def test_ids_that_are_missing_or_do_not_fit_are_refused(path):
    make_h5ad(path, index="index")
    with h5py.File(path, "a") as file:
        del file["obs/index"]
    assert complaint(path) == ": has no ids in obs: obs/index is missing"
    with h5py.File(path, "a") as file:
        file["obs/index"] = ["s0", "s1"]
    assert complaint(path) == ": the matrix is (3, 4), but there are 2 ids of samples and 4 of genes"
    with h5py.File(path, "a") as file:
        del file["obs/index"]
        file["obs/index"] = ["s0", "s1", "s0"]
    assert "1 ids of samples are there more than once: 's0'" in complaint(path)


def test_only_the_fields_asked_for_are_read(path):
    made_with(path, {"a": np.arange(3), "b": np.arange(3)})
    with open_matrix(path) as file:
        assert file.sample_fields == ("a", "b")
        assert list(file.sample_metadata(["b"])) == ["b"]
        assert list(file.gene_metadata()) == []
