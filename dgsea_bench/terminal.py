"""What is printed goes through here: the two consoles, plain lines, and a sign of life while one waits."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, ProgressColumn

out, err = Console(), Console(stderr=True)


def say(text: str) -> None:
    """A line without markup or colours, wrapped between words in a terminal, and whole elsewhere."""
    out.print(text, markup=False, highlight=False, soft_wrap=not out.is_terminal)


def can_ask() -> bool:
    """Whether somebody sits in front of this who can answer a question."""
    return sys.stdin.isatty() and out.is_terminal


Kind = TypeVar("Kind", bound="Bar")


class Bar:
    """A progress bar for the time of a ``with`` block in a terminal; elsewhere `bar` is None: print plain lines."""

    def __init__(self, *columns: ProgressColumn, expand: bool = False) -> None:
        self.bar: Progress | None = None
        if out.is_terminal and not out.is_dumb_terminal:
            self.bar = Progress(*columns, console=out, transient=True, expand=expand)

    def __enter__(self: Kind) -> Kind:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner in a terminal, a line elsewhere."""
    if out.is_terminal and not out.is_dumb_terminal:
        with out.status(what):
            yield
    else:
        say(f"{what} …")
        yield


@contextmanager
def ended_by_the_system() -> Iterator[None]:
    """What batch systems and closed connections send ends a command as cleanly as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [(number, signal.signal(number, stop)) for number in signals]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
