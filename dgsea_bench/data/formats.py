"""Readers of the formats that GSEA users have: strict, with file, line and field in every error."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from dgsea_bench.core.errors import InputError

Duplicates = Literal["error", "max-abs", "mean"]
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "."}


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    """Gene sets from a GMT file: a line per set, tab-separated: name, description, genes.

    Format: https://docs.gsea-msigdb.org/#GSEA/Data_Formats/. Empty fields and empty lines are ignored.

    Returns:
        name -> genes, in the order of the file.

    Raises:
        InputError: a line without genes or without a name, a name used twice, or a file that is empty or not text.
    """
    sets: dict[str, list[str]] = {}
    for number, line in _lines(path):
        name, *rest = (field.strip() for field in line.split("\t"))
        genes = [gene for gene in rest[1:] if gene]
        if not name or not genes:
            raise InputError(
                f"{path}:{number}: expected name, description and genes, separated by tabs; found {line[:60]!r}"
            )
        if name in sets:
            raise InputError(f"{path}:{number}: the gene set {name!r} was there before")
        sets[name] = genes
    if not sets:
        raise InputError(f"{path}: holds no gene sets")
    return sets


def read_ranking(path: str | Path, *, duplicates: Duplicates = "error") -> "pd.Series[float]":
    """Scores of genes from a ranked list (.rnk): a line per gene, tab-separated: gene, score. Any order.

    Lines that begin with # are ignored; a first line whose score begins with a letter is taken as a header.

    Args:
        path: the file.
        duplicates: what to do with a gene listed more than once: refuse, keep its score of largest magnitude (the
            first of equal ones), or take the mean.

    Returns:
        Score by gene, in the order of the file.

    Raises:
        InputError: a line without two fields, a score that is not a finite number, a repeated gene, or a file with
            fewer than two genes or that is not text.
    """
    if duplicates not in get_args(Duplicates):
        raise InputError(f"duplicates is {duplicates!r}; known: {', '.join(get_args(Duplicates))}")
    scores: dict[str, list[float]] = {}
    first_seen: dict[str, int] = {}
    header_possible = True
    for number, line in _lines(path):
        if line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not fields[0]:
            raise InputError(
                f"{path}:{number}: expected two fields, a gene and a score, separated by a tab; "
                f"found {len(fields)} in {line[:60]!r}"
            )
        gene, text = fields
        if header_possible and text[:1].isalpha() and _number(text) is None and text.lower() not in MISSING:
            header_possible = False
            continue
        header_possible = False
        score = _number(text)
        if score is None or not math.isfinite(score):
            problem = "is not a number" if score is None else "is not finite"
            raise InputError(
                f"{path}:{number}: score {text!r} {problem} (gene {gene}); remove the line or give a number"
            )
        if gene in scores and duplicates == "error":
            raise InputError(
                f"{path}:{number}: gene {gene} was there before, in line {first_seen[gene]}; "
                "remove one, or ask for --duplicates max-abs or mean"
            )
        first_seen.setdefault(gene, number)
        scores.setdefault(gene, []).append(score)
    if len(scores) < 2:
        raise InputError(f"{path}: holds {len(scores)} genes; a ranking needs at least two")
    merged = {gene: _merge(values, duplicates) for gene, values in scores.items()}
    return pd.Series(merged, dtype="float64", name=Path(path).stem)


def _merge(values: list[float], duplicates: Duplicates) -> float:
    return math.fsum(values) / len(values) if duplicates == "mean" else max(values, key=abs)


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # Python reads 1_000, no ranking means it
    except ValueError:
        return None


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank, without their ends."""
    try:
        content = Path(path).read_bytes()
        if content.startswith(b"\x1f\x8b"):
            raise InputError(f"{path}: is compressed; gunzip it first")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8 (byte {error.start}: {error.reason})") from None
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield number, line.rstrip("\n")
