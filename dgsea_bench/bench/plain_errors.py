"""Errors of pydantic as people read them."""

from typing import Any

from pydantic import ValidationError

from dgsea_bench.core.errors import InputError, did_you_mean


class plain_errors:  # noqa: N801 (a context manager reads as a verb)
    """Turns pydantic's errors into one line each that names the file, the key and the nearest known key."""

    def __init__(self, where: str, known: list[str] | None = None) -> None:
        self.where, self.known = where, known

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValidationError):
            raise InputError("; ".join(f"{self.where}: {self._line(item)}" for item in error.errors())) from None

    def _line(self, item: Any) -> str:
        parts = [str(part) for part in item["loc"]]
        if parts[:1] == ["source"]:
            del parts[1:2]  # the kind of source
        place = ".".join(parts)
        if item["type"] == "extra_forbidden":
            return f"unknown key {place!r}{did_you_mean(str(item['loc'][-1]), self.known or [])}"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            return f"{place} is missing"
        if isinstance(item["input"], dict):  # the message names the field and its value
            return str(message)
        found = "" if repr(item["input"]) in message else f" (found {item['input']!r})"
        return f"{place}: {message}{found}" if place else message
