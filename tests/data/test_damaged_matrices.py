"""Whatever is wrong with a file of HDF5, one line says so, the file is closed, and nothing crashes."""

import gzip
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matrix_files import GENES, MATRIX, SAMPLES, VALUES, complaint, fixed, gct_text, is_open, make_gctx, make_h5ad

from dgsea_bench import InputError
from dgsea_bench.data.formats import read_matrix
from dgsea_bench.data.formats.hdf5 import in_short

FIELDS = {
    "samples": {"cell": fixed(["A375", "MCF7", "PC3"]), "dose": np.array([0.1, 0.2, -666])},
    "genes": {"symbol": fixed(["AARS", "ABCF1", "ABHD4", "ABHD6"])},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made.gctx"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind and way of storing it."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        "contiguous": make_gctx(folder / "a", **FIELDS),
        "gzip": make_gctx(folder / "b", **FIELDS, chunks=(2, 2), compression="gzip", fletcher32=True),
        "h5ad": with_categories(make_h5ad(folder / "c", obs=["cell"])),
    }


def with_categories(path):
    with h5py.File(path, "a") as file:
        file["obs/cell/codes"] = np.array([0, 1, -1], "int8")
        file["obs/cell/categories"] = ["A375", "MCF7"]
    return path


# --- cut and flipped --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["contiguous", "gzip", "h5ad"])
@given(part=st.floats(0, 1, exclude_max=True))
@example(part=0.003)
@example(part=0.01)
def test_a_file_that_is_cut_anywhere_is_refused(files, tmp_path_factory, kind, part):
    path = tmp_path_factory.getbasetemp() / f"{kind}.cut"
    content = files[kind].read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    message = complaint(path)
    assert "cut short" in message or "is no GCT, GCTX or h5ad" in message


def test_a_file_that_is_cut_short_says_how_much_of_it_is_there(files, path):
    path.write_bytes(files["gzip"].read_bytes()[:2000])
    whole = files["gzip"].stat().st_size
    assert complaint(path) == f": is cut short (2,000 bytes of {whole:,} are there); fetch or copy it again"


@settings(max_examples=200)
@given(where=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=6))
def test_bytes_that_are_changed_are_noticed_or_leave_a_matrix_that_fits_its_ids(files, tmp_path_factory, where):
    content = bytearray(files["contiguous"].read_bytes())  # some damage elsewhere crashes HDF5 itself: not for here
    for place, change in where:
        content[int(place * len(content))] ^= change
    path = tmp_path_factory.getbasetemp() / "changed.gctx"
    path.write_bytes(content)
    read = matrix_or_complaint(path)
    assert not is_open(path)
    if isinstance(read, str):
        assert read.startswith(str(path))
        assert "\n" not in read
    else:
        assert read.values.shape == (len(read.samples), len(read.genes)) == VALUES.shape
        assert read.samples.index.is_unique


def matrix_or_complaint(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*that do not hold a text or a number for each are left out")
        try:
            return read_matrix(path)
        except InputError as error:
            return str(error)


def test_what_hdf5_says_is_told_in_a_line_and_not_at_length():
    assert in_short(OSError("Unable to read (file read failed: time = Sat\n, name = 'a')")) == (
        "file read failed: time = Sat , name = 'a'"
    )
    assert in_short(KeyError()) == "KeyError"
    assert len(in_short(OSError("x" * 1000))) == 120


def test_values_whose_checksum_is_wrong_are_named(path):
    values = np.random.default_rng(0).standard_normal((40, 50))
    make_gctx(path, values, chunks=(10, 50), fletcher32=True)
    with h5py.File(path) as file:
        chunk = file[MATRIX].id.get_chunk_info(2)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 100] ^= 1
    path.write_bytes(content)
    assert complaint(path).startswith(
        ": the values of samples 1 to 40 cannot be read: the file is damaged or cut short"
    )
    good = read_matrix(path, samples=["s0", "s39"])
    np.testing.assert_array_equal(good.values, values[[0, 39]])


# --- parts that are missing or do not fit -----------------------------------------------------------------------------


@pytest.mark.parametrize("part", [MATRIX, f"{GENES}/id", f"{SAMPLES}/id", GENES, SAMPLES, "/0/META", "/0/DATA", "/0"])
def test_a_part_that_is_missing_is_named(path, part):
    make_gctx(path, **FIELDS)
    with h5py.File(path, "a") as file:
        del file[part]
    message = complaint(path)
    assert message.startswith(": is HDF5 but neither h5ad nor GCTX: /0/")
    assert f"{part}" in message
    assert message.endswith("at its top there is nothing" if part == "/0" else "at its top there is '0'")


def test_a_group_where_the_matrix_should_be_is_refused(path):
    make_gctx(path)
    with h5py.File(path, "a") as file:
        del file[MATRIX]
        file.create_group(MATRIX)
    assert f"{MATRIX} missing" in complaint(path)


def test_other_hdf5_is_refused_with_what_it_holds(path):
    with h5py.File(path, "w") as file:
        file["counts"] = np.zeros(3)
        file["names"] = np.zeros(3)
    assert complaint(path).endswith("at its top there is 'counts', 'names'")


@pytest.mark.parametrize("side", ["gene_ids", "sample_ids"])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_ids_of_another_number_than_the_matrix_has_are_refused(path, side, count):
    make_gctx(path, **{side: fixed([f"x{number}" for number in range(count)] or [b""])[:count]})
    assert complaint(path).startswith(": the matrix is (3, 4), but there are ")


def test_a_matrix_that_is_turned_is_refused_with_that_hint(path):
    make_gctx(path, sample_ids=fixed(["a", "b", "c", "d"]), gene_ids=fixed(["x", "y", "z"]))
    assert complaint(path).endswith("of genes; samples come first, so it has to be transposed")


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((3, 4, 1)), np.zeros((0, 4)), np.float32(1)], ids=np.shape)
def test_a_matrix_of_another_shape_is_refused(path, values):
    make_gctx(path)
    with h5py.File(path, "a") as file:
        del file[MATRIX]
        file[MATRIX] = values
    assert complaint(path).startswith(f": the matrix is {values.shape}, but there are 3 ids of samples and 4 of genes")


@pytest.mark.parametrize(
    "values",
    [
        np.full(VALUES.shape, b"1.5"),
        np.full(VALUES.shape, "1.5", object),
        VALUES.astype("complex64"),
        VALUES > 0,
        np.zeros(VALUES.shape, [("value", "f4")]),
    ],
    ids=["text", "text of any length", "complex", "flags", "compound"],
)
def test_a_matrix_that_holds_no_numbers_is_refused(path, values):
    assert complaint(make_gctx(path, values)).startswith(f": {MATRIX} holds no numbers; its type is ")


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (["a", "b", "a"], "1 ids of samples are there more than once: 'a'; remove the repetitions, or give each an id"),
        (["a", "", "b"], "an id of samples is empty (number 2)"),
        (["a", "a ", "b"], "more than once: 'a'"),
        (["", "", ""], "more than once: ''"),
    ],
)
def test_ids_that_are_repeated_or_empty_are_refused(path, ids, problem):
    assert problem in complaint(make_gctx(path, sample_ids=fixed(ids)))


@pytest.mark.parametrize("ids", [np.zeros((3, 1), "S2"), np.bytes_(b"a")], ids=["2-D", "scalar"])
def test_ids_that_are_no_list_are_refused(path, ids):
    assert "have shapes" in complaint(make_gctx(path, sample_ids=ids))


def test_a_field_of_another_length_is_named(path):
    make_gctx(path, samples={"dose": np.zeros(5)})
    assert complaint(path) == f": {SAMPLES}/dose holds 5 values for 3 ids"


# --- what is something else -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ": is no GCT, GCTX or h5ad file: it is empty"),
        (gzip.compress(b""), ": is no GCT, GCTX or h5ad file: it is empty"),
        (b"PK\x03\x04", r": is no GCT, GCTX or h5ad file: it begins with b'PK\x03\x04'"),
        (b"gene\tscore\nA\t1\n", r": is no GCT, GCTX or h5ad file: it begins with b'gene\tscore\nA\t1\n'"),
        (gzip.compress(b"gene\tscore"), r": is no GCT, GCTX or h5ad file: it begins with b'gene\tsco'"),
    ],
    ids=["empty", "empty gzip", "zip", "ranking", "gzipped ranking"],
)
def test_a_file_of_another_kind_is_refused_with_what_it_begins_with(path, content, problem):
    path.write_bytes(content)
    assert complaint(path) == problem


def test_files_are_recognised_by_what_they_hold(tmp_path):
    np.testing.assert_array_equal(read_matrix(make_gctx(tmp_path / "a.gct")).values, VALUES)
    np.testing.assert_array_equal(read_matrix(make_h5ad(tmp_path / "b.gct")).values, VALUES)
    (tmp_path / "c.gctx").write_text(gct_text([["1", "2"]]))
    assert read_matrix(tmp_path / "c.gctx").values.tolist() == [[1], [2]]


def test_a_gzipped_gctx_is_to_be_unpacked(files, path):
    path.write_bytes(gzip.compress(files["contiguous"].read_bytes()))
    assert complaint(path) == f": is a gzipped GCTX, which cannot be read in parts; unpack it: gunzip {path}"


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path):
    assert complaint(tmp_path) == ": cannot be read: Is a directory"
    assert complaint(tmp_path / "absent.gctx") == ": cannot be read: No such file or directory"


def test_a_file_that_another_program_writes_is_refused(path):
    fcntl = pytest.importorskip("fcntl", reason="files are locked in another way on this system")
    make_gctx(path)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="is being written by another program; wait until it is done"):
            read_matrix(path)


def test_a_file_that_was_refused_can_be_mended_in_place(path):
    make_gctx(path, sample_ids=fixed(["a", "a", "b"]))
    complaint(path)
    with h5py.File(path, "r+") as file:
        file[f"{SAMPLES}/id"][1] = b"c"
    assert read_matrix(path).samples.index.tolist() == ["a", "c", "b"]
    with h5py.File(path, "r+"):
        pass
