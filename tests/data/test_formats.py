"""Readers are strict: every error names file, line and field; what is well-formed is read as it stands."""

import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import GeneSets, InputError
from dgsea_bench.data.formats import read_gmt, read_ranking


@pytest.fixture
def write(tmp_path):
    def write(content, name="file.rnk"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def complaint(reader, path, **options):
    with pytest.raises(InputError) as error:
        reader(path, **options)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


# --- rankings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "A\t2.5\nB\t-1\nC\t1e-3\n",
        "gene\tscore\nA\t2.5\nB\t-1\nC\t1e-3\n",
        "# made by hand\nA\t2.5\nB\t-1\n# in between\nC\t1e-3\n",
        "# made by hand\nID\tt\nA\t2.5\nB\t-1\nC\t1e-3",
        "A\t2.5\r\nB\t-1\r\nC\t1e-3\r\n",
        "\n\nA\t2.5\n  \nB\t-1\n\t\nC\t1e-3\n\n",
        " A \t 2.5 \nB\t-1\nC\t+0.001\n",
        "\ufeffA\t2.5\nB\t-1\nC\t1e-3\n",
        "\ufeffgene\tscore\r\nA\t2.5\r\nB\t-1\r\nC\t1e-3\r\n",
    ],
    ids=["plain", "header", "comments", "both", "crlf", "blank", "spaces", "bom", "bom-crlf"],
)
def test_a_ranking_reads_the_same_however_it_is_dressed(write, content):
    scores = read_ranking(write(content))
    assert scores.to_dict() == {"A": 2.5, "B": -1.0, "C": 0.001}
    assert scores.index.tolist() == ["A", "B", "C"]
    assert scores.dtype == "float64"
    assert scores.name == "file"


GENE = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="#"), min_size=1, max_size=12)
SCORE = st.floats(allow_nan=False, allow_infinity=False)


@given(scores=st.dictionaries(GENE, SCORE, min_size=2), ending=st.sampled_from(["\n", "\r\n"]), header=st.booleans())
def test_a_written_ranking_comes_back_exactly(tmp_path_factory, scores, ending, header):
    lines = [*(["gene\tscore"] if header else []), *(f"{gene}\t{score!r}" for gene, score in scores.items())]
    path = tmp_path_factory.mktemp("round") / "trip.rnk"
    path.write_bytes(ending.join(lines).encode())
    read = read_ranking(path)
    assert list(read.items()) == list(scores.items())


@pytest.mark.parametrize("score", ["n/a", "NA", "high", "1,5", "1_000", "", "-", "0x10"])
def test_a_score_that_is_no_number_is_named_with_line_and_gene(write, score):
    message = complaint(read_ranking, write(f"A\t2\nCMBL\t{score}\nC\t1\n"))
    assert message.startswith(f":2: score {score!r} is not a number (gene CMBL)")


@pytest.mark.parametrize("score", ["inf", "-inf", "Infinity", "nan", "1e999"])
def test_a_score_that_is_not_finite_is_named_with_line_and_gene(write, score):
    message = complaint(read_ranking, write(f"# note\nA\t2\n\nB\t{score}\nC\t1\n"))
    assert message.startswith(f":4: score {score!r} is not finite (gene B)")


@pytest.mark.parametrize("missing", ["NA", "n/a", "null", "", ".", "-"])
def test_a_missing_score_in_the_first_line_is_not_taken_for_a_header(write, missing):
    assert complaint(read_ranking, write(f"A\t{missing}\nB\t1\nC\t2\n")).startswith(f":1: score {missing!r}")


def test_only_the_first_line_may_be_a_header(write):
    assert complaint(read_ranking, write("gene\tscore\ngene\tscore\nA\t1\nB\t2\n")).startswith(":2: score 'score'")
    assert complaint(read_ranking, write("A\t1\ngene\tscore\nB\t2\n")).startswith(":2: score 'score'")


@pytest.mark.parametrize("line", ["B", "B 2", "B,2", "B\t2\t3", "\t2", "B\t2\t"])
def test_a_line_without_exactly_a_gene_and_a_score_is_refused(write, line):
    message = complaint(read_ranking, write(f"A\t1\n{line}\nC\t2\n"))
    fields = line.count("\t") + 1
    assert message == f":2: expected two fields, a gene and a score, separated by a tab; found {fields} in {line!r}"


def test_a_gene_listed_twice_is_refused_with_both_lines_and_the_way_out(write):
    message = complaint(read_ranking, write("# c\nA\t1\nB\t2\n\nA\t3\n"))
    assert message.startswith(":5: gene A was there before, in line 2;")
    assert "--duplicates max-abs or mean" in message


@pytest.mark.parametrize(("how", "expected"), [("max-abs", -3.0), ("mean", 0.0)])
def test_repeated_genes_are_merged_as_asked_and_keep_their_first_place(write, how, expected):
    scores = read_ranking(write("A\t1\nB\t5\nA\t-3\nA\t2\n"), duplicates=how)
    assert list(scores.items()) == [("A", expected), ("B", 5.0)]


def test_the_first_of_equal_magnitudes_wins(write):
    assert read_ranking(write("A\t-3\nA\t3\nB\t1\n"), duplicates="max-abs")["A"] == -3


@given(values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6))
def test_merging_equals_plain_arithmetic(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("merge") / "a.rnk"
    path.write_text("".join(f"A\t{value!r}\n" for value in values) + "B\t0\n")
    assert abs(read_ranking(path, duplicates="max-abs")["A"]) == max(abs(value) for value in values)
    mean = sum(values) / len(values)
    assert math.isclose(read_ranking(path, duplicates="mean")["A"], mean, rel_tol=1e-12, abs_tol=1e-9)


def test_an_unknown_way_with_duplicates_lists_the_known_ones(write):
    with pytest.raises(InputError, match="duplicates is 'median'; known: error, max-abs, mean"):
        read_ranking(write("A\t1\nB\t2\n"), duplicates="median")


@pytest.mark.parametrize(
    ("content", "count"), [("", 0), ("\n \n", 0), ("# nothing\n", 0), ("gene\tscore\n", 0), ("A\t1\n", 1)]
)
def test_a_ranking_needs_two_genes(write, content, count):
    assert complaint(read_ranking, write(content)) == f": holds {count} genes; a ranking needs at least two"


# --- gene sets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "one\tabout\tA\tB\ntwo\t\tC\n",
        "one\tabout\tA\tB\r\ntwo\t\tC\r\n",
        "\ufeffone\tabout\tA\tB\n\n \ntwo\t\tC",
        "one\tabout\tA\t\tB\t\t\ntwo\t\t C \t\n",
    ],
    ids=["plain", "crlf", "bom-blank", "trailing-tabs"],
)
def test_gene_sets_read_the_same_however_they_are_dressed(write, content):
    assert read_gmt(write(content, "a.gmt")) == {"one": ["A", "B"], "two": ["C"]}


@pytest.mark.parametrize("line", ["two", "two\tabout", "two\tabout\t\t", "\tabout\tA", "two about A"])
def test_a_set_without_name_or_genes_is_refused(write, line):
    message = complaint(read_gmt, write(f"one\tabout\tA\n{line}\n", "a.gmt"))
    assert message == f":2: expected name, description and genes, separated by tabs; found {line!r}"


def test_a_set_named_twice_is_refused_with_its_line(write):
    path = write("one\t\tA\n\none\t\tB\n", "a.gmt")
    assert complaint(read_gmt, path) == ":3: the gene set 'one' was there before"


@pytest.mark.parametrize("content", ["", "\n", "\r\n \r\n"])
def test_a_file_without_sets_is_refused(write, content):
    assert complaint(read_gmt, write(content, "a.gmt")) == ": holds no gene sets"


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [read_ranking, read_gmt])
def test_a_file_that_is_not_there_is_named(tmp_path, reader):
    assert complaint(reader, tmp_path / "absent") == ": cannot be read: No such file or directory"


@pytest.mark.parametrize("first", ["3,5", "1e5x", "-", "+x"])
def test_a_spoilt_score_in_the_first_line_is_no_header(write, first):
    assert complaint(read_ranking, write(f"A\t{first}\nB\t2\nC\t3\n")).startswith(f":1: score '{first}'")


@pytest.mark.parametrize("reader", [read_ranking, read_gmt])
def test_a_folder_is_refused(tmp_path, reader):
    assert complaint(reader, tmp_path) == ": cannot be read: Is a directory"


@pytest.mark.parametrize("reader", [read_ranking, read_gmt])
@pytest.mark.parametrize("content", ["Ä\t1\nB\t2\n".encode("latin-1"), "A\t1\nB\t2\n".encode("utf-16")])
def test_a_file_that_is_not_text_is_refused(write, reader, content):
    assert "is not text in UTF-8" in complaint(reader, write(content))


def test_gzipped_files_are_read(write):
    assert read_ranking(write(gzip.compress(b"A\t1\nB\t2\n"))).to_dict() == {"A": 1.0, "B": 2.0}
    assert read_gmt(write(gzip.compress(b"set\tabout\tA\tB\n"))) == {"set": ["A", "B"]}


@pytest.mark.parametrize("reader", [read_ranking, read_gmt])
@pytest.mark.parametrize("kept", [12, 30])
def test_a_gzipped_file_that_is_cut_short_is_refused(write, reader, kept):
    assert "damaged or cut short" in complaint(reader, write(gzip.compress(b"A\t1\nB\t2\n" * 50)[:kept]))


@pytest.mark.parametrize("reader", [read_ranking, read_gmt])
def test_zero_bytes_are_refused(write, reader):
    complaint(reader, write(b"\0" * 100))


def test_the_byte_that_is_not_text_is_counted_from_the_start_of_the_file(write):
    good = b"".join(b"gene%d\t1\n" % number for number in range(5000))
    assert f"(byte {len(good)}:" in complaint(read_ranking, write(good + b"\xff\t1\n"))


# --- real files -------------------------------------------------------------------------------------------------------


def test_the_fgsea_ranking_is_read_as_it_is_known(data):
    scores = read_ranking(data / "fgsea" / "naive.vs.th1.rnk")
    assert len(scores) == 12_000
    assert scores.index[0] == "170942"
    assert scores["170942"] == pytest.approx(-63.3370337079998, rel=1e-15)
    assert scores.is_monotonic_increasing


def test_the_reactome_sets_are_read_and_matched_as_fgsea_does(data):
    sets = read_gmt(data / "fgsea" / "mouse.reactome.gmt")
    assert len(sets) == 1_457
    scores = read_ranking(data / "fgsea" / "naive.vs.th1.rnk")
    matched = GeneSets.from_dict(sets, tuple(scores.index), min_size=15, max_size=500)
    lines = (data / "fgsea" / "fgsea_res.tsv").read_text().splitlines()[1:]
    by_fgsea = {fields[0]: int(fields[-1]) for fields in (line.split("\t") for line in lines)}
    ours = {name.partition("_")[0]: size for name, size in zip(matched.names, matched.sizes.tolist(), strict=True)}
    assert len(by_fgsea) == 586
    assert ours == by_fgsea
    assert len(matched) + len(matched.dropped) == 1_457


def test_the_files_of_gsea_desktop_are_read(data):
    scores = read_ranking(data / "gsea_desktop" / "gsea_data.gsea_data.rnk")
    assert len(scores) == 694
    assert len(read_gmt(data / "gsea_desktop" / "gene_sets.gmt")) == 7
    assert len(read_gmt(data / "gene_sets" / "h.all.v7.0.symbols.gmt")) == 50
