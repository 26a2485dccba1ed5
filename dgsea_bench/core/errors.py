"""The one exception that means: the user gave something that cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Bad input. The message says what was found, where, and what to do; the command line exits with 2."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'genes'?"`` when one of `known` resembles `word`, else an empty string."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def shorten(values: Iterable[object], most: int = 3) -> str:
    """The first few values, quoted, for a message: ``'TP53', 'EGFR', 'MYC', …``."""
    shown = [repr(str(value) if isinstance(value, str) else value) for value in values]
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")
