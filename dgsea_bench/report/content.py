"""What a page is made of: sections with paragraphs, figures and tables."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from dgsea_bench.report.canvas import VARIABLES
from dgsea_bench.report.figures import with_own_ids

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet, so that no text may begin with it there."""


@dataclass
class Figure:
    """A figure with its takeaway as heading.

    Attributes:
        svg: the drawing; None, with `missing`, where there is nothing to draw.
        alternative: the same in words for those who cannot see it.
        data: what is drawn, a row per mark, for those who want to draw it otherwise.
        number: given by the page.
    """

    heading: str
    svg: str | None
    caption: str
    alternative: str = ""
    missing: str = ""
    data: pd.DataFrame | None = None
    number: int = 0

    @property
    def download(self) -> str:
        """`data` as CSV in an address of its own, so that it can be saved from the page without a network."""
        return "" if self.data is None else f"data:text/csv;charset=utf-8,{quote(as_csv(self.data), safe=_UNCHANGED)}"

    @property
    def drawing(self) -> Markup:
        """The SVG, which `figures` has escaped, with ids of its own."""
        return Markup(with_own_ids(self.svg or "", f"figure{self.number}"))  # noqa: S704 (made by matplotlib, not input)


_UNCHANGED = ",;:/()[]=@!*'$~|"
"""Characters that an address may hold as they are."""


def as_csv(data: pd.DataFrame) -> str:
    """A table as CSV, numbers with six digits; text that a spreadsheet would take for a formula begins with ``'``."""
    safe = data.map(lambda value: f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value)
    return safe.to_csv(index=False, float_format="%.6g", lineterminator="\n")


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        note: small lines below. warn: what a reader must not overlook.
        value: the number that the text stands for, by which the column is sorted, and which is saved in its stead.
        place: a number to sort by, where the text says something else or more; without either, texts sort as texts.
        colour: of a spot before the text, a backend's on every page.
        link: where the text leads: an address relative to the page, percent-encoded.
    """

    text: str
    note: str = ""
    warn: bool = False
    strong: bool = False
    value: float | None = None
    place: float | None = None
    colour: str = ""
    link: str = ""

    @property
    def exactly(self) -> str:
        """`value` as short as sorting and saving need it."""
        return _exactly(self.value)

    @property
    def sorted_by(self) -> str:
        """The same of `place`."""
        return _exactly(self.place)

    @property
    def spot(self) -> str:
        """The name of the colour."""
        return VARIABLES[self.colour]


def _exactly(number: float | None) -> str:
    return "" if number is None or not math.isfinite(number) else f"{number:.6g}"


def number_cell(
    value: float | None, form: Callable[[float | None], str], note: str = "", *, warn: bool = False
) -> Cell:
    """A number in words, by which its column is sorted."""
    return Cell(form(value), note, warn=warn, value=value)


@dataclass(frozen=True)
class Table:
    """A table; a row of one cell is a heading for the rows below it.

    Attributes:
        numeric_from: columns from this one on are numbers, aligned right.
        wide: it has so many rows and columns that it scrolls in a box of its own.
        stacked: on a narrow screen a row becomes a list, so that it is read without scrolling sideways.
        sortable: whether a reader may order it otherwise, below each heading if it has any.
    """

    title: str
    header: Sequence[str]
    body: Sequence[Sequence[Cell]]
    caption: str = ""
    numeric_from: int = 99
    wide: bool = False
    stacked: bool = False
    sortable: bool = True


@dataclass
class Section:
    """A heading with what belongs below it; `remarks` come last. The first section is the verdict.

    Attributes:
        model: what the panel for a problem of the reader's own reckons with; nothing, without a panel.
    """

    title: str
    anchor: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: list[Figure] = field(default_factory=list)
    remarks: Sequence[str] = ()
    model: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Headline:
    """The top of the page.

    Attributes:
        title: the answer, in a line. about: what the page is on.
        names: whether a section of the page explains its names.
    """

    title: str
    about: str
    explained: str
    measured: str
    machine: str
    names: bool = False
