"""What a page is made of: sections with paragraphs, figures and tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from dgsea_bench.report.figures import with_own_ids


@dataclass
class Figure:
    """A figure with its takeaway as heading.

    Attributes:
        svg: the drawing; None, with `missing`, where there is nothing to draw.
        alternative: the same in words for those who cannot see it.
        number: given by the page.
    """

    heading: str
    svg: str | None
    caption: str
    alternative: str = ""
    missing: str = ""
    number: int = 0

    @property
    def drawing(self) -> Markup:
        """The SVG, which `figures` has escaped, with ids of its own."""
        return Markup(with_own_ids(self.svg or "", f"figure{self.number}"))  # noqa: S704 (made by matplotlib, not input)


@dataclass(frozen=True)
class Cell:
    """A cell of a table; `note` is a small second line, `warn` marks what a reader must not overlook."""

    text: str
    note: str = ""
    warn: bool = False
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table; a row of one cell is a heading for the rows below it.

    Attributes:
        numeric_from: columns from this one on are numbers, aligned right.
        wide: it has so many rows and columns that it scrolls in a box of its own.
    """

    title: str
    header: Sequence[str]
    body: Sequence[Sequence[Cell]]
    caption: str = ""
    numeric_from: int = 99
    wide: bool = False


@dataclass
class Section:
    """A heading with what belongs below it; `remarks` come last. The first section is the verdict."""

    title: str
    anchor: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: list[Figure] = field(default_factory=list)
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Headline:
    """The top of the page."""

    title: str
    explained: str
    measured: str
    machine: str
