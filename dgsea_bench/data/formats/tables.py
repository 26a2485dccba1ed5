"""Tables of metadata in text, tab-separated with a header, as GEO has them of signatures and compounds."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.data.formats.lines import read_content
from dgsea_bench.data.formats.metadata import MISSING_TEXT


def read_table(path: str | Path, fields: Mapping[str, Sequence[str]], required: Sequence[str] = ()) -> pd.DataFrame:
    """Some fields of a table, as text; gzipped or not; in UTF-8 or Latin-1; -666 and the like are missing.

    Args:
        path: the file; its first line names the fields.
        fields: name wanted -> names that the file may have for it, of which the first that is there counts.
        required: names wanted without which the table is of no use.

    Returns:
        A column of dtype string for each name wanted that the file has.

    Raises:
        InputError: a file that cannot be read, without a required field, or with lines of different length.
    """
    content = read_content(path)
    header = _read(path, content, nrows=0).columns.tolist()
    found = {name: next((spelt for spelt in spellings if spelt in header), None) for name, spellings in fields.items()}
    for name in required:
        if found[name] is None:
            raise InputError(
                f"{path}: has no field {' or '.join(fields[name])}; its fields, separated by tabs, are "
                f"{shorten(header, most=12)}"
            )
    spelt = {name: spelling for name, spelling in found.items() if spelling is not None}
    _check_lengths(path, content, len(header))
    frame = _read(path, content, usecols=list(dict.fromkeys(spelt.values())), dtype="string")
    return pd.DataFrame({name: _without_missing(frame[spelling].str.strip()) for name, spelling in spelt.items()})


def _check_lengths(path: str | Path, content: bytes, fields: int) -> None:
    """Every line has as many fields as the first; pandas would fill up short ones and cut long ones without a word."""
    letters = np.frombuffer(content, dtype=np.uint8)
    ends = np.append(np.flatnonzero(letters == ord("\n")), len(letters))
    tabs = np.diff(np.searchsorted(np.flatnonzero(letters == ord("\t")), ends), prepend=0)
    for number in np.flatnonzero(tabs != fields - 1).tolist():
        line = content[ends[number - 1] + 1 if number else 0 : ends[number]]
        if line.strip() and (tabs[number] < fields - 1 or line.split(b"\t", fields)[fields].strip()):
            raise InputError(f"{path}:{number + 1}: has {tabs[number] + 1} fields, and the first line {fields}")


def _without_missing(column: "pd.Series[str]") -> "pd.Series[str]":
    """Most fields repeat few texts, so each text is looked at once."""
    missing = [text for text in column.unique().tolist() if MISSING_TEXT.fullmatch(text)]
    return column.mask(column.isin(missing))


def _read(path: str | Path, content: bytes, **options: object) -> pd.DataFrame:
    common = {"sep": "\t", "quoting": csv.QUOTE_NONE, "keep_default_na": False, "index_col": False}
    try:
        try:
            return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", **common, **options)  # type: ignore[call-overload,no-any-return]
        except UnicodeDecodeError:
            return pd.read_csv(io.BytesIO(content), encoding="latin-1", **common, **options)  # type: ignore[call-overload,no-any-return]
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: is empty") from None
    except pd.errors.ParserError as error:
        raise InputError(f"{path}: cannot be read as a table: {str(error).strip()}") from None
