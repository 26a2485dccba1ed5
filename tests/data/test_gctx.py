"""What is asked of a GCTX is read as numpy would index it, however it is stored, and what is written is read back."""

import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matrix_files import GENES, MATRIX, NAMES, SAMPLES, VALUES, complaint, distinct, fixed, make_gctx

from dgsea_bench import InputError
from dgsea_bench.data.formats import AnnotatedMatrix, create_gctx, hdf5, open_matrix, read_matrix, write_gctx
from dgsea_bench.data.formats.metadata import to_column

DTYPES = ["float16", "float32", "float64", ">f4", ">f8", "int8", "int32", ">i8", "uint16", "uint64"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made.gctx"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@st.composite
def layouts(draw):
    """A matrix and how HDF5 stores it."""
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=2, max_side=12))
    layout = {}
    if draw(st.booleans()):
        layout = {"chunks": tuple(draw(st.integers(1, side)) for side in shape)}
        if draw(st.booleans()):
            layout |= {"compression": "gzip", "shuffle": draw(st.booleans())}
    return np.arange(np.prod(shape), dtype="float32").reshape(shape), layout


def some_of(count):
    return st.lists(st.integers(0, count - 1), unique=True, max_size=count)


# --- reading ----------------------------------------------------------------------------------------------------------


@given(made=layouts(), choice=st.data())
def test_any_samples_and_genes_in_any_order_are_what_numpy_picks(folder, made, choice):
    values, layout = made
    rows, columns = (choice.draw(some_of(count)) for count in values.shape)
    path = make_gctx(folder / "a.gctx", values, **layout)
    read = read_matrix(path, samples=[f"s{row}" for row in rows], genes=[f"g{column}" for column in columns])
    np.testing.assert_array_equal(read.values, values[np.ix_(rows, columns)], strict=True)
    assert read.samples.index.tolist() == [f"s{row}" for row in rows]
    assert read.genes.index.tolist() == [f"g{column}" for column in columns]


@given(made=layouts(), most=st.integers(1, 200), choice=st.data())
def test_portions_hold_each_sample_once_ascending_whatever_their_size(folder, made, most, choice):
    values, layout = made
    rows, columns = (np.array(choice.draw(some_of(count)), "int64") for count in values.shape)
    rows.sort()
    path = make_gctx(folder / "b.gctx", values, **layout)
    with pytest.MonkeyPatch.context() as patch, open_matrix(path) as file:
        patch.setattr(hdf5, "PORTION_MIB", Bytes(most))
        portions = list(file.portions(rows, columns))
    if not len(columns):
        assert not portions
        return
    found = [row for part, _ in portions for row in part.tolist()]
    assert found == rows.tolist()
    width = int(columns.max() - columns.min()) + 1
    for part, block in portions:
        np.testing.assert_array_equal(block, values[np.ix_(part, columns)], strict=True)
        assert len(part) <= max(1, most // (4 * width))


class Bytes(int):
    """A size in MiB that is so many bytes."""

    def __lshift__(self, _):
        return int(self)


@given(band=st.integers(1, 9), rows=st.integers(1, 60), most=st.integers(1, 20))
def test_a_chunk_is_not_split_over_portions_that_could_hold_it(folder, band, rows, most):
    band = min(band, rows)
    path = make_gctx(folder / "c.gctx", np.zeros((rows, 2), "float32"), chunks=(band, 1))
    with pytest.MonkeyPatch.context() as patch, open_matrix(path) as file:
        patch.setattr(hdf5, "PORTION_MIB", Bytes(most * 8))
        parts = [part for part, _ in file.portions()]
    assert max(map(len, parts)) <= most
    if band <= most:
        assert all(part[0] % band == 0 for part in parts)
        assert len(parts) <= -(-rows // (most // band * band))


@pytest.mark.parametrize(("dtype", "size"), [("int8", 8), ("float16", 4), ("float32", 4), ("float64", 8)])
def test_a_portion_is_as_large_as_what_the_values_become(path, monkeypatch, dtype, size):
    monkeypatch.setattr(hdf5, "PORTION_MIB", Bytes(10 * size * 4))
    make_gctx(path, np.zeros((25, 4), dtype))
    with open_matrix(path) as file:
        assert [block.shape for _, block in file.portions()] == [(10, 4), (10, 4), (5, 4)]


def test_a_file_larger_than_a_portion_is_read_in_several(path, monkeypatch):
    monkeypatch.setattr(hdf5, "PORTION_MIB", 1)
    values = np.random.default_rng(0).standard_normal((3000, 200), dtype="float32")
    make_gctx(path, values, chunks=(500, 200))
    with open_matrix(path) as file:
        blocks = [block for _, block in file.portions()]
    assert [len(block) for block in blocks] == [1000, 1000, 1000]
    np.testing.assert_array_equal(np.concatenate(blocks), values)


def test_memory_does_not_depend_on_how_many_samples_are_read(path, monkeypatch):
    monkeypatch.setattr(hdf5, "PORTION_MIB", 1)
    make_gctx(path, np.zeros((24_000, 256), "float32"), chunks=(500, 256), compression="gzip")
    with open_matrix(path) as file:
        every_third = np.arange(0, 24_000, 3)
        tracemalloc.start()
        for rows in (None, every_third):
            count = sum(len(block) for _, block in file.portions(rows, np.arange(255)[::-1]))
            assert count == (24_000 if rows is None else 8_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 6 << 20


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_type_become_floats_of_this_machine(path, dtype):
    values = np.array([[0, 1, 2], [100, 4, 5]]).astype(dtype)
    read = read_matrix(make_gctx(path, values)).values
    assert read.dtype == ("float32" if "f" in dtype and values.dtype.itemsize <= 4 else "float64")
    assert read.dtype.isnative
    assert read.tolist() == values.tolist()


def test_values_that_are_missing_or_infinite_are_read_as_such(path):
    values = np.array([[np.nan, -np.inf, -666.0]])
    np.testing.assert_array_equal(read_matrix(make_gctx(path, values)).values, values)


@pytest.mark.parametrize(
    "ids", [fixed(["a", "b", "c"]), np.array(["a", "b", "c"], object), fixed(["a  ", " b", "c"])], ids=str
)
def test_ids_may_be_of_fixed_or_variable_length(path, ids):
    assert read_matrix(make_gctx(path, sample_ids=ids)).samples.index.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_ids_may_be_numbers_and_are_asked_for_as_text_or_numbers(path, dtype):
    make_gctx(path, gene_ids=np.array([780, 7849, 16, 2], dtype))
    for wanted in (["16", "780"], [16, 780], pd.Series([16, 780]), pd.Index(["16", "780"])):
        read = read_matrix(path, genes=wanted)
        assert read.genes.index.tolist() == ["16", "780"]
        np.testing.assert_array_equal(read.values, VALUES[:, [2, 0]])


def test_text_of_variable_length_numbers_and_flags_are_read_as_metadata(path):
    fields = {
        "cell": np.array(["A375", "10 µM", "-666"], object),
        "dose": np.array([0.5, -666, np.nan], ">f8"),
        "gold": np.array([True, False, True]),
        "count": np.array([3, -666, 5], "int16"),
    }
    read = read_matrix(make_gctx(path, samples=fields)).samples
    assert read["cell"].fillna("missing").tolist() == ["A375", "10 µM", "missing"]
    assert read["dose"].isna().tolist() == [False, True, True]
    assert read["gold"].tolist() == [1, 0, 1]
    assert read["count"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("version", [None, b"GCTX1.0", [b"GCTX1.0"], "GCTX1.0", 1.0])
def test_the_stated_version_does_not_matter(path, version):
    make_gctx(path)
    if version is not None:
        with h5py.File(path, "a") as file:
            file.attrs["version"] = version
    np.testing.assert_array_equal(read_matrix(path).values, VALUES)


def test_only_the_fields_asked_for_are_read(path):
    make_gctx(path, samples={name: np.arange(3) for name in "abc"}, genes={name: np.arange(4) for name in "xy"})
    with open_matrix(path) as file:
        assert file.sample_fields == ("a", "b", "c")
        assert list(file.sample_metadata(["c", "a", "unheard"])) == ["a", "c"]
        assert list(file.gene_metadata([])) == []
        assert list(file.gene_metadata()) == ["x", "y"]


@pytest.mark.parametrize(
    "field",
    [
        np.zeros((3, 2)),
        np.array(1.0),
        np.zeros(3, dtype=[("a", "f4"), ("b", "i4")]),
        np.zeros(3, "complex64"),
        np.zeros(3, "V4"),
        h5py.Empty("f4"),
    ],
    ids=["2-D", "scalar", "compound", "complex", "opaque", "empty"],
)
def test_a_field_that_is_no_list_of_texts_or_numbers_is_left_out_with_a_warning(path, field):
    make_gctx(path, samples={"odd": field, "fine": np.arange(3)})
    with pytest.warns(UserWarning, match="fields of samples that do not hold a text or a number for each .*: 'odd'"):
        assert list(read_matrix(path).samples) == ["fine"]


def test_groups_among_the_fields_are_left_out_with_a_warning(path):
    make_gctx(path, genes={"nested/field": np.arange(4)})
    with pytest.warns(UserWarning, match="fields of genes .*: 'nested'"):
        assert list(read_matrix(path).genes) == []


# --- writing ----------------------------------------------------------------------------------------------------------


@st.composite
def matrices(draw):
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    names = st.lists(NAMES.filter(lambda name: name not in ("id", ".")), unique=True, max_size=3)
    metadata = [(draw(distinct(count)), {name: draw(columns(count)) for name in draw(names)}) for count in shape]
    return draw(arrays.arrays(dtype, shape)), *metadata


def columns(count):
    """Numbers or texts, of which some may be missing."""
    sized = {"min_size": count, "max_size": count}
    return st.one_of(
        st.lists(NAMES | st.just("-666"), **sized),
        st.lists(st.integers(-(2**63), 2**63 - 1), **sized),
        st.lists(st.floats(), **sized),
        st.lists(st.booleans(), **sized),
    )


def described(ids, fields):
    """Metadata as they are when they have been read."""
    columns = {name: to_column(values).array for name, values in fields.items()}
    return pd.DataFrame(columns, index=pd.Index(ids, dtype="object", name="id"))


@given(made=matrices(), compression=st.sampled_from([None, "gzip"]))
def test_what_is_written_is_read_back(folder, made, compression):
    values, samples, genes = made
    matrix = AnnotatedMatrix(values, genes=described(*genes), samples=described(*samples))
    path = folder / "d.gctx"
    write_gctx(path, matrix, compression=compression)
    read = read_matrix(path)
    np.testing.assert_array_equal(read.values, matrix.values, strict=True)
    for ours, theirs in ((read.samples, matrix.samples), (read.genes, matrix.genes)):
        in_order = ours[list(theirs)]
        pd.testing.assert_frame_equal(in_order, theirs, check_dtype=len(theirs) > 0, check_column_type=False)


def frames(rows=3, columns=4):
    return pd.DataFrame(index=[f"g{i}" for i in range(columns)]), pd.DataFrame(index=[f"s{i}" for i in range(rows)])


def test_a_matrix_is_filled_in_parts_and_is_a_gctx_for_others(path):
    genes, samples = frames()
    with create_gctx(
        path, genes, samples.assign(cell=["A375", None, "µ"]), chunks=(2, 4), compression="gzip"
    ) as matrix:
        assert not path.exists()
        for row in range(3):
            matrix[row] = VALUES[row]
    with h5py.File(path) as file:
        assert file.attrs["version"] == b"GCTX1.0"
        assert file[MATRIX].chunks == (2, 4)
        assert file[MATRIX].dtype == "float32"
        np.testing.assert_array_equal(file[MATRIX][()], VALUES)
        assert file[f"{SAMPLES}/cell"][()].tolist() == [b"A375", b"-666", "µ".encode()]
        assert file[f"{GENES}/id"][()].tolist() == [b"g0", b"g1", b"g2", b"g3"]


def fill_in_part(path, trouble):
    with create_gctx(path, *frames()) as matrix:
        matrix[0] = VALUES[0]
        raise trouble


@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_chunks_are_at_most_as_large_as_the_matrix(path, rows):
    with create_gctx(path, *frames(rows), chunks=(3, 1000)) as matrix:
        assert matrix.chunks == ((min(rows, 3), 4) if rows else None)
        matrix[...] = 1
    np.testing.assert_array_equal(read_matrix(path).values, np.ones((rows, 4), "float32"))


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_writing_that_is_interrupted_leaves_what_was_there(path, trouble, before):
    if before:
        path.write_bytes(before)
    with pytest.raises(trouble):
        fill_in_part(path, trouble)
    assert [file.name for file in path.parent.iterdir()] == ([path.name] if before else [])
    assert not before or path.read_bytes() == before


def test_values_that_cannot_be_written_leave_nothing(path):
    genes, samples = frames()
    with pytest.raises((TypeError, ValueError)), create_gctx(path, genes, samples) as matrix:
        matrix[...] = "text"
    assert list(path.parent.iterdir()) == []


def test_an_existing_file_is_replaced_only_when_all_is_written(path):
    path.write_bytes(b"what was there")
    with create_gctx(path, *frames()) as matrix:
        matrix[...] = VALUES
        assert path.read_bytes() == b"what was there"
    np.testing.assert_array_equal(read_matrix(path).values, VALUES)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("shape", [(3, 5), (4, 3), (3,), (3, 4, 1)])
def test_values_of_another_shape_are_not_written(path, shape):
    genes, samples = frames()
    with pytest.raises(InputError, match=r"values are .*; 3 samples and 4 genes are described"):
        write_gctx(path, AnnotatedMatrix(np.zeros(shape), genes, samples))
    assert not path.exists()


@pytest.mark.parametrize("name", ["dose/unit", "id", "", ".", "a\0b"])
def test_a_field_that_a_gctx_cannot_have_is_not_written(path, name):
    genes, samples = frames()
    with pytest.raises(InputError, match=r"fields of genes cannot be called .* in a GCTX"):
        write_gctx(path, AnnotatedMatrix(VALUES, genes.assign(**{name: 1}), samples))
    assert not path.exists()


def test_fields_of_one_name_are_not_written(path):
    genes, samples = frames()
    twice = pd.concat([samples.assign(dose=1), samples.assign(dose=2)], axis=1)
    with pytest.raises(InputError, match="fields of samples cannot be called 'dose' in a GCTX: names are there once"):
        write_gctx(path, AnnotatedMatrix(VALUES, genes, twice))


@pytest.mark.parametrize(
    ("ids", "problem"),
    [(["a", "b", "a"], "more than once: 'a'"), (["a", "", "b"], "empty"), (["a", "a ", "b"], "once")],
)
def test_ids_that_could_not_be_read_back_are_not_written(path, ids, problem):
    genes, _ = frames()
    with pytest.raises(InputError, match=problem):
        write_gctx(path, AnnotatedMatrix(VALUES, genes, pd.DataFrame(index=ids)))
    assert not path.exists()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    for path, problem in ((tmp_path / "absent" / "a.gctx", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=f"{path}: cannot be written: {problem}"), create_gctx(path, *frames()):
            pytest.fail("nothing to write to")
    assert list(tmp_path.iterdir()) == []


# --- asking for what is not there -------------------------------------------------------------------------------------


def test_ids_that_match_nothing_are_shown_beside_those_that_are_there(path):
    make_gctx(path, gene_ids=fixed(["200814_at", "218597_s_at", "1007_s_at", "121_at"]))
    assert complaint(path, genes=["780", "16", "23", "25"]) == (
        ": none of the genes asked for is there: 4 genes asked for ('780', '16', '23', …); 4 genes in the file "
        "('200814_at', '218597_s_at', '1007_s_at', …). The genes asked for look like Entrez ids, "
        "the genes in the file like Affymetrix probes"
    )


def test_ids_of_which_some_are_unknown_are_named(path):
    make_gctx(path)
    assert complaint(path, samples=["s1", "x", "s0", "y"]) == ": 2 of 4 samples are not there: 'x', 'y'"


def test_ids_that_are_asked_for_twice_are_named(path):
    make_gctx(path)
    assert "genes asked for are there more than once: 'g1'" in complaint(path, genes=["g1", "g2", "g1"])
