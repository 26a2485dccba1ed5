"""Metadata is cleaned: -666 is missing, text that holds numbers becomes numbers, bytes become text."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.data.formats.metadata import from_column, to_column, to_text

MISSING = ["-666", "-666.0", "-666.00", "-666.", "", "  ", "NA", "na", "NaN", "nan"]
FINITE = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number != -666)
INT64 = st.integers(-(2**63), 2**63 - 1).filter(lambda number: number != -666)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def same(first, second):
    pd.testing.assert_series_equal(first, second, check_names=False)


@pytest.mark.parametrize("absent", MISSING)
def test_a_missing_text_is_missing_in_every_way_of_writing_it(absent):
    column = to_column(["A375", absent, "MCF7"])
    assert column.dtype == "string"
    assert column.isna().tolist() == [False, True, False]


@pytest.mark.parametrize("absent", MISSING)
@pytest.mark.parametrize(("texts", "dtype"), [(["3", "24"], "Int64"), (["0.5", "1e-3"], "float64")])
def test_text_that_holds_numbers_alone_becomes_numbers_missing_ones_beside(absent, texts, dtype):
    column = to_column([texts[0], absent, texts[1]])
    assert column.dtype == dtype
    assert column.isna().tolist() == [False, True, False]
    assert column.dropna().tolist() == [float(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "E05",
        "e5",
        "007",
        "25|26",
        "1_000",
        "0x1F",
        "5-FU",
        "1,5",
        "1.2.3",
        "+",
        "-",
        ".",
        ".e5",
        "Inf",
        "٣",
        "1 2",
        "½",
    ],
)
def test_text_that_only_resembles_a_number_stays_text(text):
    assert to_column([text, text]).tolist() == [text, text]
    assert to_column(["1", text]).tolist() == ["1", text]


@pytest.mark.parametrize("row", "ABCDEFGH")
def test_wells_of_one_row_of_a_plate_stay_text(row):
    wells = [f"{row}{column:02}" for column in range(1, 25)]
    assert to_column(wells).tolist() == wells


@pytest.mark.parametrize("text", ["1234567890123456789", "99999999999999999999999", "-9223372036854775808"])
def test_numbers_too_long_for_64_bits_stay_text_with_every_digit(text):
    assert to_column([text, "1"]).tolist() == [text, "1"]


@given(numbers=st.lists(st.integers(-(10**16), 10**16).filter(lambda number: number != -666), min_size=1))
def test_integers_written_as_text_are_exact(numbers):
    same(to_column([str(number) for number in numbers]), pd.Series(numbers, dtype="int64"))


@given(numbers=st.lists(FINITE, min_size=1))
def test_floats_written_as_text_are_exact(numbers):
    assert to_column([repr(number) for number in numbers]).tolist() == numbers


def test_whole_numbers_become_integers_however_they_are_stored():
    for stored in (np.array([1, 2], "float32"), np.array([1, 2], ">f8"), ["1.0", "2.00"], ["1", "2"], [1.0, 2.0]):
        same(to_column(stored), pd.Series([1, 2], dtype="int64"))


def test_floats_of_which_one_is_not_whole_stay_floats():
    same(to_column(np.array([1, 2.5, -666, np.nan, np.inf])), pd.Series([1, 2.5, np.nan, np.nan, np.inf]))


def test_floats_too_large_to_be_exact_stay_floats():
    assert to_column(np.array([2.0**53, 1])).dtype == "float64"
    assert to_column(np.array([2.0**53 - 1, 1])).dtype == "int64"


def test_missing_among_integers_does_not_make_them_floats():
    same(to_column(np.array([1, -666, 2**62])), pd.Series([1, None, 2**62], dtype="Int64"))
    same(to_column(np.array([1, -666, np.nan], "float32")), pd.Series([1, None, None], dtype="Int64"))


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", ">i4", "int64", "uint64", "float16", "float32", ">f8", "bool"]
)
def test_numbers_of_every_type_are_read(dtype):
    same(to_column(np.array([0, 1, 1], dtype)), pd.Series([0, 1, 1], dtype="int64"))


def test_numbers_beyond_64_bits_keep_every_digit():
    assert to_column(np.array([2**64 - 1, 1], "uint64")).tolist() == ["18446744073709551615", "1"]


@pytest.mark.parametrize("stored", [b"10 \xb5M", "10 µM".encode(), b"10 <b5>M", "10 µM", b" 10 \xb5M  "])
def test_ten_micromolar_is_read_from_latin_1_utf_8_and_what_r_makes_of_it(stored):
    assert to_column([stored, b"500 nM"] if isinstance(stored, bytes) else [stored, "500 nM"]).tolist() == [
        "10 µM",
        "500 nM",
    ]


def test_each_byte_beyond_ascii_is_latin_1_alone_or_escaped():
    characters = [chr(byte) for byte in range(0x80, 0x100)]
    stripped = [character.strip() or pd.NA for character in characters]
    assert to_column([character.encode("latin-1") for character in characters]).tolist() == stripped
    assert to_column([f"<{ord(character):x}>" for character in characters]).tolist() == stripped


def test_spaces_at_the_ends_are_removed_escaped_ones_too():
    assert to_column([" a<a0>", "<a0>b ", "c d"]).tolist() == ["a", "b", "c d"]
    assert to_column([b"\xa0b ", b"c d"]).tolist() == ["b", "c d"]


def test_what_python_has_for_missing_is_missing():
    assert to_column(np.array(["a", None, np.nan, "b"], object)).isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize("text", ["<5 nM", "a<b>c", "<B5>", "<7f>", "p<0.05>"])
def test_other_angle_brackets_are_left_alone(text):
    assert to_column([text]).tolist() == [text]


def test_bytes_that_mix_encodings_are_decoded_one_by_one():
    assert to_text(np.array([b"\xb5", "µ".encode(), b"u"])) == ["µ", "µ", "u"]


def test_ids_that_are_stored_as_numbers_are_read_as_they_would_be_written():
    assert to_text(np.array([780, 7849])) == ["780", "7849"]
    assert to_text(np.array([780.0, 7849.0], "float32")) == ["780", "7849"]


def test_a_field_of_which_nothing_is_known_is_missing_throughout():
    for stored in (["-666", "-666"], np.array([-666, -666]), np.array([-666.0, np.nan])):
        assert to_column(stored).isna().all()


@pytest.mark.parametrize("stored", [[], np.array([], "S1"), np.array([], "int64"), np.array([], object)])
def test_a_field_of_no_samples_is_empty(stored):
    assert len(to_column(stored)) == 0


COLUMNS = st.one_of(
    st.lists(TEXT),
    st.lists(st.sampled_from([*MISSING, "1", "2.0", "0.1", "E05", "10 <b5>M"])),
    st.lists(INT64).map(lambda numbers: np.array(numbers, "int64")),
    st.lists(FINITE | st.just(np.nan)).map(lambda numbers: np.array(numbers, "float64")),
    st.lists(st.booleans()).map(lambda flags: np.array(flags, bool)),
    st.lists(st.integers(0, 2**64 - 1)).map(lambda numbers: np.array(numbers, "uint64")),
    st.lists(st.binary(max_size=8).map(lambda content: content.rstrip(b"\0"))).map(
        lambda items: np.array(items, dtype="S8")
    ),
)


@given(stored=COLUMNS)
def test_what_is_clean_is_written_and_read_back_as_it_is(stored):
    clean = to_column(stored)
    if clean.dtype == "string" and clean.str.contains("\0", regex=False).any():
        return  # HDF5's texts end at a zero byte
    written = from_column(clean)
    assert written.dtype.kind in "ifS"
    same(to_column(written), clean) if len(clean) else None


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (pd.Series(["a", None, "µ"]), ["a", pd.NA, "µ"]),
        (pd.Series(["a", None, "b"], dtype="category"), ["a", pd.NA, "b"]),
        (pd.Series([1, 2, 1], dtype="category"), [1, 2, 1]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Series([True, None], dtype="boolean"), [1, pd.NA]),
        (pd.Series([1, None], dtype="Int8"), [1, pd.NA]),
        (pd.Series([0.5, None], dtype="float32"), [0.5, np.nan]),
        (pd.Series([2**64 - 1, 1], dtype="uint64"), [str(2**64 - 1), "1"]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_columns_of_every_type_can_be_written(column, read):
    assert str(to_column(from_column(column)).tolist()) == str(read)


def test_text_is_as_long_in_bytes_as_the_longest_needs():
    assert from_column(pd.Series(["µµ", "abc"])).dtype == "S4"


@given(texts=st.lists(st.sampled_from(["A375", "µ", "-666", "x y"]), min_size=1, max_size=30))
def test_repeated_texts_stay_in_their_places(texts):
    expected = [pd.NA if re.fullmatch("-666", text) else text for text in texts]
    assert str(to_column(texts).tolist()) == str(expected)


@given(st.lists(st.decimals(-1000, 1000, places=3, allow_nan=False), min_size=1))
def test_a_dose_in_float32_is_the_number_that_was_written(doses):
    written = np.array([float(dose) for dose in doses])
    assert to_column(written.astype("float32")).astype(float).tolist() == [
        float(np.format_float_positional(np.float32(dose))) for dose in written
    ]
    assert to_column(np.array([0.04, np.nan, 3.33], dtype="float32")).tolist()[::2] == [0.04, 3.33]
