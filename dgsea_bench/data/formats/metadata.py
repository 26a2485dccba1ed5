"""Metadata of genes and samples as CMap writes it: missing values, numbers stored as text, bytes that are not ASCII."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

MISSING_NUMBER = -666
"""What CMap writes for a missing value (https://clue.io/connectopedia/gct_format)."""
MISSING_TEXT = re.compile(r"-666(\.0*)?|nan|NaN|na|NA|")
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""A number as it is written; not 007 or E05, which are names."""
R_ESCAPE = re.compile(r"<([89a-f][0-9a-f])>")
INTEGER = re.compile(r"[+-]?[0-9]+")
INTEGER_DIGITS = 18
"""What surely fits into 64 bits; longer ones are names too, and stay text with every digit."""


def to_text(values: "np.ndarray | Sequence[Any]") -> list[str]:
    """Texts, from text, bytes in UTF-8 or Latin-1, or numbers; spaces at the ends are removed."""
    array = np.asarray(values)
    if array.dtype.kind == "S":
        try:
            return [text.strip() for text in array.astype("U").tolist()]  # ten times as fast, where all is ASCII
        except UnicodeDecodeError:
            pass
    return [_one_text(item).strip() for item in array.tolist()]


def _one_text(item: Any) -> str:
    if isinstance(item, bytes):
        return decode(item)
    return str(int(item) if isinstance(item, float) and item.is_integer() else item)  # ids may be stored as floats


def decode(content: bytes) -> str:
    """UTF-8 where it is that, else Latin-1, as the µ of "10 µM" often is."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _without_escapes(text: str) -> str:
    """R writes bytes of Latin-1 as ``<b5>``, and so do files that went through it."""
    return R_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "<" in text else text


def to_column(values: "np.ndarray | Sequence[Any]") -> "pd.Series[Any]":
    """A field of metadata: integers, floats or texts, whatever all known values are; -666 and the like are missing.

    Returns:
        A series of dtype int64, Int64 (integers of which some are missing), float64 or string.
    """
    array = np.asarray(values)
    if array.dtype.kind in "iu" and (not array.size or array.max() <= np.iinfo("int64").max):
        numbers = array.astype("int64")
        return _integers(numbers, numbers == MISSING_NUMBER)
    if array.dtype.kind in "fb":
        found = pd.Series(_as_decimal(array))
        return _integers_if_whole(found.mask(found == MISSING_NUMBER))
    codes, distinct = pd.factorize(array.astype(object), use_na_sentinel=False)  # most fields repeat few texts
    return pd.Series(_from_texts([_without_escapes(text).strip() for text in to_text(distinct)]).array.take(codes))


def _as_decimal(numbers: np.ndarray) -> np.ndarray:
    """The float64 that float32 was written for: 0.04, not 0.03999999910593033, so that a dose can be asked for."""
    if numbers.dtype.kind != "f" or numbers.dtype.itemsize > 4:
        return numbers.astype("float64")
    distinct, codes = np.unique(numbers, return_inverse=True)
    return distinct.astype("U").astype("float64")[codes.reshape(-1)]


def _from_texts(texts: Sequence[str]) -> "pd.Series[Any]":
    missing = np.array([MISSING_TEXT.fullmatch(text) is not None for text in texts], dtype=bool)
    known = [text for text, absent in zip(texts, missing) if not absent]
    if not known or not all(_is_number(text) for text in known):
        return pd.Series(texts, dtype="string").mask(missing)
    if all(INTEGER.fullmatch(text) for text in known):
        return _integers(np.array([0 if absent else int(text) for text, absent in zip(texts, missing)]), missing)
    return _integers_if_whole(
        pd.Series([np.nan if absent else float(text) for text, absent in zip(texts, missing)], dtype="float64")
    )


def _integers(numbers: np.ndarray, missing: np.ndarray) -> "pd.Series[Any]":
    column = pd.Series(numbers, dtype="int64")
    return column.astype("Int64").mask(missing) if missing.any() else column


def _integers_if_whole(numbers: "pd.Series[float]") -> "pd.Series[Any]":
    """CMap stores ids and counts as floats, so what holds whole numbers alone becomes integers."""
    known = numbers.dropna()
    if known.empty or not ((known % 1 == 0) & (known.abs() < 2**53)).all():
        return numbers
    return numbers.astype("Int64") if len(known) < len(numbers) else numbers.astype("int64")


def _is_number(text: str) -> bool:
    return NUMBER.fullmatch(text) is not None and not (INTEGER.fullmatch(text) and len(text) > INTEGER_DIGITS)


def from_column(column: "pd.Series[Any]") -> np.ndarray:
    """The same as GCTX holds it: numbers, or bytes of fixed length in UTF-8; missing values are -666."""
    if pd.api.types.is_bool_dtype(column.dtype):
        column = column.astype("Int64")
    if pd.api.types.is_integer_dtype(column.dtype) and not (column > np.iinfo("int64").max).any():
        return column.astype("Int64").fillna(MISSING_NUMBER).to_numpy("int64")
    if pd.api.types.is_float_dtype(column.dtype):
        return column.astype("float64").fillna(MISSING_NUMBER).to_numpy()
    return to_bytes(column.astype("string").fillna(str(MISSING_NUMBER)).tolist())


def to_bytes(texts: Sequence[str]) -> np.ndarray:
    """Texts as bytes of fixed length, in UTF-8."""
    encoded = [text.encode() for text in texts]
    return np.array(encoded, dtype=f"S{max([1, *map(len, encoded)])}")
