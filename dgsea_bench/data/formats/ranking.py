"""Ranked lists: a score for each gene."""

import math
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.formats.lines import numbered_lines, to_number

Duplicates = Literal["error", "max-abs", "mean"]
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "."}


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
    for number, line in numbered_lines(path):
        if line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not fields[0]:
            raise InputError(
                f"{path}:{number}: expected two fields, a gene and a score, separated by a tab; "
                f"found {len(fields)} in {line[:60]!r}"
            )
        gene, text = fields
        if header_possible and text[:1].isalpha() and to_number(text) is None and text.lower() not in MISSING:
            header_possible = False
            continue
        header_possible = False
        score = to_number(text)
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
