"""What kind of identifiers a list holds, for messages that say why two lists have nothing in common."""

import re
from collections.abc import Sequence

from dgsea_bench.core.errors import shorten

KINDS = {
    "Entrez ids": re.compile(r"\d+"),
    "Ensembl ids": re.compile(r"ENS[A-Z]*\d{6,}(\.\d+)?", re.IGNORECASE),
    "Affymetrix probes": re.compile(r"(\d|AFFX).*_at", re.IGNORECASE),
    "CMap ids of compounds": re.compile(r"BRD-\w+(-\d+)*"),
    "CMap ids of signatures or wells": re.compile(r"[\w.-]+:[\w.:-]+"),
    "SMILES": re.compile(r"(?=.*[=#()\[\]])[A-Za-z0-9@+\-\[\]()=#$:/\\.%*]{5,}"),
}
"""Kind -> what an identifier of it looks like; gene symbols look like nothing in particular."""
SYMBOLS = "gene symbols"
SAMPLED = 100


def identifier_kind(identifiers: Sequence[str], otherwise: str = SYMBOLS) -> str:
    """The kind that most of the first hundred identifiers look like, such as ``"Entrez ids"``."""
    sample = identifiers[:SAMPLED]
    for kind, pattern in KINDS.items():
        if sum(pattern.fullmatch(text) is not None for text in sample) * 2 > len(sample):
            return kind
    return otherwise


def nothing_in_common(
    first: Sequence[str], second: Sequence[str], names: tuple[str, str], otherwise: str = SYMBOLS
) -> str:
    """Three of each list, and what kinds they look like if these differ."""
    shown = "; ".join(f"{len(ids):,} {name} ({shorten(ids)})" for ids, name in zip((first, second), names))
    kinds = identifier_kind(first, otherwise), identifier_kind(second, otherwise)
    if kinds[0] == kinds[1]:
        return shown
    return f"{shown}. The {names[0]} look like {kinds[0]}, the {names[1]} like {kinds[1]}"
