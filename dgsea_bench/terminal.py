"""What is printed goes through here: the two consoles, plain lines, and a sign of life while one waits."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

out, err = Console(), Console(stderr=True)


def say(text: str) -> None:
    """A line as it is: no markup, no colours, wrapped by the terminal alone."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner in a terminal, a line elsewhere."""
    if out.is_terminal and not out.is_dumb_terminal:
        with out.status(what):
            yield
    else:
        say(f"{what} …")
        yield
