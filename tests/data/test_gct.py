"""GCT 1.2 and 1.3 are read as they are written, and what is wrong is named with its line."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matrix_files import NAMES, complaint, distinct, gct_text, is_open

from dgsea_bench.data.formats import open_matrix, read_matrix

TEXTS = [["1.5", "-2", "3e-1"], ["NA", "", "0"]]
GENES, SAMPLES = {"symbol": ["AARS", "ABCF1"]}, {"cell": ["A375", "MCF7", "PC3"], "dose": ["-666", "0.5", "10"]}
WHOLE = gct_text(TEXTS, genes=GENES, samples=SAMPLES)
CELL = st.floats().map(repr) | st.sampled_from(["NA", "na", "NaN", "", "1", "+1.", ".5", "1E5", "-inf"])
FIELD = st.sampled_from(["A375", "10 µM", "-666", "na", "0.5", "7", "E05"])


@pytest.fixture
def write(tmp_path):
    def write(content, name="made.gct"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def number(text):
    return np.nan if text.lower() in ("na", "") else float(text)


@st.composite
def texts_and_metadata(draw):
    genes, samples = draw(st.integers(1, 5)), draw(st.integers(1, 5))

    def fields(count):
        return st.dictionaries(NAMES, st.lists(FIELD, min_size=count, max_size=count), max_size=3)

    texts = draw(st.lists(st.lists(CELL, min_size=samples, max_size=samples), min_size=genes, max_size=genes))
    described = {"genes": draw(fields(genes)), "samples": draw(fields(samples))}
    return texts, described | {"gene_ids": draw(distinct(genes)), "sample_ids": draw(distinct(samples))}


@given(
    made=texts_and_metadata(), ending=st.sampled_from(["\n", "\r\n", "\t\t\n"]), packed=st.booleans(), pick=st.data()
)
def test_what_is_written_is_read(tmp_path_factory, made, ending, packed, pick):
    texts, metadata = made
    content = gct_text(texts, ending, **metadata).encode()
    path = tmp_path_factory.getbasetemp() / "property.gct"
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    values = np.array([[number(text) for text in row] for row in texts]).T
    genes, samples = metadata["gene_ids"], metadata["sample_ids"]
    rows, columns = (pick.draw(st.lists(st.sampled_from(range(len(ids))), unique=True)) for ids in (samples, genes))
    read = read_matrix(path)
    np.testing.assert_array_equal(read.values, values, strict=True)
    assert read.genes.index.tolist() == genes
    assert read.samples.index.tolist() == samples
    assert list(read.genes) == list(metadata["genes"])
    assert list(read.samples) == list(metadata["samples"])
    some = read_matrix(path, samples=[samples[row] for row in rows], genes=[genes[column] for column in columns])
    np.testing.assert_array_equal(some.values, values[np.ix_(rows, columns)])


def test_metadata_are_cleaned_as_those_of_a_gctx(write):
    read = read_matrix(write(WHOLE))
    assert read.genes["symbol"].tolist() == ["AARS", "ABCF1"]
    assert read.samples["cell"].tolist() == ["A375", "MCF7", "PC3"]
    np.testing.assert_array_equal(read.samples["dose"], [np.nan, 0.5, 10])
    with open_matrix(write(WHOLE)) as file:
        assert file.gene_fields == ("symbol",)
        assert list(file.sample_metadata(["dose", "unheard"])) == ["dose"]


@pytest.mark.parametrize("name", ["made.gct", "made.gctx", "made.txt", "made"])
def test_a_gct_is_one_whatever_it_is_called(write, name):
    assert read_matrix(write(WHOLE, name)).values.shape == (3, 2)


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        WHOLE.rstrip("\n"),
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\n", "\t\t\n"),
        WHOLE.replace("\n", "\n\n") + "\n \n",
        "\ufeff" + WHOLE,
        "\ufeff" + WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\t", " \t "),
        gzip.compress(WHOLE.encode()),
        gzip.compress(("\ufeff" + WHOLE).encode()),
    ],
    ids=["plain", "no end", "crlf", "trailing tabs", "blank lines", "bom", "bom crlf", "spaces", "gzip", "bom gzip"],
)
def test_a_gct_reads_the_same_however_it_is_dressed(write, content):
    read = read_matrix(write(content))
    np.testing.assert_array_equal(read.values, [[1.5, np.nan], [-2, np.nan], [0.3, 0]])
    assert read.samples.index.tolist() == ["s0", "s1", "s2"]
    assert read.genes["symbol"].tolist() == ["AARS", "ABCF1"]
    assert read.samples["cell"].tolist() == ["A375", "MCF7", "PC3"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_ten_micromolar_is_read_from_latin_1_and_from_utf_8(write, encoding):
    content = gct_text(TEXTS, samples={"dose": ["10 µM", "10 <b5>M", "500 nM"]}).encode(encoding)
    assert read_matrix(write(content)).samples["dose"].tolist() == ["10 µM", "10 µM", "500 nM"]


def test_a_value_of_minus_666_is_a_value_even_beside_missing_ones(write):
    for row in (["-666", "1"], ["-666", "NA"]):
        assert read_matrix(write(gct_text([row]))).values[0, 0] == -666


def test_the_older_version_has_a_description(write):
    read = read_matrix(write("#1.2\n2\t1\nNAME\tDescription\ts\na\tabout a\t1\nb\tna\t2\n"))
    assert read.genes["Description"].isna().tolist() == [False, True]
    assert read.values.tolist() == [[1, 2]]


def test_there_is_one_portion(write):
    with open_matrix(write(WHOLE)) as file:
        [(rows, values)] = file.portions(np.array([0, 2]), np.array([1, 0, 1]))
    assert rows.tolist() == [0, 2]
    np.testing.assert_array_equal(values, [[np.nan, 1.5, np.nan], [0, 0.3, 0]])


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("#1.4\n1\t1\nid\ts\na\t1\n", ":1: expected #1.2 or #1.3, found '#1.4'"),
        ("#1.3\n", ":2: expected 4 sizes, as #1.3 has them; found ''"),
        ("#1.3\n1\t1\nid\ts\na\t1\n", ":2: expected 4 sizes, as #1.3 has them; found '1\\t1'"),
        ("#1.2\n1\t1\t0\t0\nid\ts\na\t1\n", ":2: expected 2 sizes, as #1.2 has them; found '1\\t1\\t0\\t0'"),
        ("#1.3\n1\t-1\t0\t0\n", ":2: expected 4 sizes"),
        ("#1.3\n1\t1.0\t0\t0\n", ":2: expected 4 sizes"),
        ("#1.3\n1\t1\t0\t0\n", ":3: expected 2 fields separated by tabs, as line 2 says; found 1"),
    ],
)
def test_a_head_that_is_none_is_named_with_its_line(write, content, problem):
    assert complaint(write(content)).startswith(problem)


@pytest.mark.parametrize("text", ["n/a", "1,5", "high", "1_000", "--1", "0x10", "1 2", "TRUE"])
def test_a_value_that_is_no_number_is_named_with_line_and_sample(write, text):
    message = complaint(write(gct_text([["1", "2"], ["3", text]], samples={"cell": ["x", "y"]})))
    assert message == f":6: value {text!r} of sample s1 is not a number; give one, or NA if it is missing"


def test_values_of_samples_that_are_not_asked_for_may_be_anything(write):
    path = write(gct_text([["1", "high"], ["3", "4"]]))
    assert read_matrix(path, samples=["s0"]).values.tolist() == [[1, 3]]
    assert read_matrix(path, genes=["g1"]).values.tolist() == [[3], [4]]


@pytest.mark.parametrize("line", [3, 4, 5, 6])
@pytest.mark.parametrize("change", [lambda line: line.rpartition("\t")[0], lambda line: line + "\t9"])
def test_a_line_with_too_few_or_too_many_fields_is_named(write, line, change):
    lines = WHOLE.splitlines()
    lines[line - 1] = change(lines[line - 1])
    found = lines[line - 1].count("\t") + 1
    message = complaint(write("\n".join(lines)))
    assert message.startswith(f":{line}: expected 5 fields separated by tabs, as line 2 says; found {found} in ")


def with_size(place, by):
    lines = WHOLE.splitlines()
    sizes = [int(text) for text in lines[1].split("\t")]
    sizes[place] += by
    return "\n".join([lines[0], "\t".join(map(str, sizes)), *lines[2:]])


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("by", [-1, 1, 1000, 10**12])
def test_sizes_that_lie_are_refused(write, place, by):
    fewer_fields = place == 3 and by > 0
    content = with_size(place, by)
    assert "line 2 " in complaint(write(content.replace("na\t", "x\t") if fewer_fields else content))


def test_a_gene_less_than_stated_is_refused_even_where_fields_could_be_fewer(write):
    message = complaint(write(WHOLE.rpartition("g1")[0]))
    assert message == (
        ": line 2 says 2 genes and 2 fields of samples, 4 lines; 3 follow the head; the file may be cut short"
    )


@pytest.mark.parametrize("by", [1, 1000, 10**12])
def test_fewer_fields_of_samples_than_stated_are_read_with_a_warning(write, by):
    with pytest.warns(UserWarning, match=f"line 2 says {2 + by} fields of samples, and 2 are there"):
        read = read_matrix(write(with_size(3, by)))
    assert list(read.samples) == ["cell", "dose"]
    assert read.genes.index.tolist() == ["g0", "g1"]
    assert read.values[:, 0].tolist() == [1.5, -2, 0.3]


@given(kept=st.integers(0, len(WHOLE) - 2))
def test_a_gct_that_is_cut_short_is_refused_unless_only_the_last_value_suffered(tmp_path_factory, kept):
    path = tmp_path_factory.getbasetemp() / "cut.gct"
    path.write_text(WHOLE[:kept])
    lost = WHOLE[kept:]
    if "\t" in lost:
        complaint(path)
    else:
        assert read_matrix(path).values.shape == (3, 2)


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"gene_ids": ["a", "a"]}, "1 ids of genes are there more than once: 'a'"),
        ({"sample_ids": ["a", "b", "a"]}, "1 ids of samples are there more than once: 'a'"),
        ({"gene_ids": ["a", " "]}, "an id of genes is empty (number 2)"),
        ({"sample_ids": ["a", " ", "b"]}, "an id of samples is empty (number 2)"),
    ],
)
def test_ids_that_are_repeated_or_empty_are_refused(write, metadata, problem):
    assert problem in complaint(write(gct_text(TEXTS, **metadata)))


def test_fields_of_one_name_are_refused(write):
    lines = WHOLE.replace("dose", "cell")
    assert "fields of samples are there more than once: 'cell'" in complaint(write(lines))
    twice = gct_text(TEXTS, genes={"one": ["x", "y"], "two": ["x", "y"]}).replace("two", "one")
    assert "fields of genes are there more than once: 'one'" in complaint(write(twice))


@pytest.mark.parametrize("kept", [2, 12, 40, 80])
def test_a_gzipped_gct_that_is_cut_short_is_refused(write, kept):
    packed = gzip.compress((WHOLE * 30).encode())
    assert "its gzip compression is damaged or cut short" in complaint(write(packed[:kept]))


def test_an_error_amid_the_values_leaves_the_file_closed(write):
    path = write(gct_text([["1"], ["x"], ["3"]]))
    with open_matrix(path) as file:
        assert not is_open(path)
        complaint(path)
    with open_matrix(path) as file, pytest.raises(ValueError, match="not a number"):
        next(file.portions())
    assert not is_open(path)


@given(content=st.binary(max_size=60), start=st.sampled_from([b"", b"#1.3\n", b"#1.2\n1\t1\n", WHOLE[:60].encode()]))
def test_arbitrary_bytes_are_refused(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "arbitrary.gct"
    path.write_bytes(start + content)
    complaint(path)
