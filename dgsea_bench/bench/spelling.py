"""Values, and backends with their knobs, as people type them: ``nyswin[anchors=128]``."""

import re
import shlex
from typing import Any

from dgsea_bench.core.errors import InputError

WORDS = {"true": True, "false": False, "none": None}
LABEL = re.compile(r"([^\s\[\],=]+)(?:\s*\[(.*)\])?")
LABEL_EXAMPLE = "nyswin[anchors=128,window=fixed]"


def split_outside(text: str, separators: str) -> list[str]:
    """Parts between separators that stand outside of quotes and square brackets, as they are typed; some may be empty.

    Quotes and backslashes work as in a shell.

    Raises:
        InputError: a quote or a bracket without its counterpart.
    """
    parts, quote, depth, escaped = [""], "", 0, False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[]":
            depth += 1 if letter == "[" else -1
            if depth not in (0, 1):
                break
        elif depth == 0 and letter in separators:
            parts.append("")
            continue
        parts[-1] += letter
    if quote or depth or escaped:
        what = "a bracket" if depth else "a quote" if quote else "the character after a backslash"
        raise InputError(f"{text!r}: {what} is missing; expected such as {LABEL_EXAMPLE} or 'my file.rnk'")
    return parts


def unquote(text: str) -> str:
    """The text that quotes and backslashes stand for, as in a shell."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = "", "", True
    return "".join(lexer)


def parse_value(text: str) -> bool | int | float | str | None:
    """A value as TOML has it, and none: ``978``, ``1e3``, ``true``; anything else, and all in quotes, is text."""
    if text[:1] in "\"'":
        return unquote(text)
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return unquote(text)


def parse_label(text: str) -> tuple[str, dict[str, Any] | None]:
    """Name and knobs of a backend; None for a bare name, which means all its variants.

    Raises:
        InputError: anything but a name, or a name with ``key=value,…`` in brackets.
    """
    matched = LABEL.fullmatch(text.strip())
    if matched is None:
        raise InputError(f"backend {text!r} cannot be read; expected a name, or one with knobs such as {LABEL_EXAMPLE}")
    name, inside = matched.groups()
    if inside is None:
        return name, None
    knobs: dict[str, Any] = {}
    for part in split_outside(inside, ","):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if not key.isidentifier() or not value:
            raise InputError(f"backend {text!r}: {part.strip()!r} is not key=value; expected such as {LABEL_EXAMPLE}")
        if key in knobs:
            raise InputError(f"backend {text!r}: {key} is given twice; for several values name the backend as often")
        knobs[key] = parse_value(value)
    return name, knobs
