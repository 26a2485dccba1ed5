"""The empty figure under our settings, what every drawing shares, and the SVG that it becomes."""

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dgsea_bench.report.wording import shortened

WIDTH, HEIGHT = 500, 320
"""In units of the view box; a font of 12 units is then about 9 px on a telephone."""
FONT = 12.5
INK, FAINT, PAPER, GRID, AXIS, BAND = "#222222", "#6b6b6b", "#fdfdfb", "#e6e6e6", "#9a9a9a", "#ecece8"
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, SKY = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161"),
    "#56b4e9",
)
"""Of seaborn's palette "colorblind"."""
GREY, LIGHT_GREY = "#777777", "#a8a29a"
VARIABLES = {
    INK: "ink", FAINT: "faint", PAPER: "paper", GRID: "grid", AXIS: "axis", BAND: "band", BLUE: "blue",
    ORANGE: "orange", GREEN: "green", VERMILION: "vermilion", PURPLE: "purple", BROWN: "brown", SKY: "sky",
    GREY: "grey", LIGHT_GREY: "light-grey",
}  # fmt: skip
"""Colour -> name of the page's variable for it, which has another value in the dark theme."""
Form = Callable[[float], str]


@dataclass(frozen=True)
class Look:
    """Colour, marker and dashes of a backend, the same in every figure."""

    colour: str
    marker: str
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Point:
    """A value with the ends of its whisker, where it has one. `x` is a size, or a category's number."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Gap:
    """A size or category without a value; `text` says why in a word, `y` is where a line has its mark."""

    x: float
    text: str
    y: float | None = None


@dataclass(frozen=True)
class Series:
    """The points of one backend; `notes` go below its label, a line each."""

    label: str
    look: Look
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


@contextmanager
def canvas(height: float) -> Iterator[Figure]:
    """An empty figure under our settings, which end with the block."""
    settings = {
        "svg.fonttype": "none",  # text stays text: small files, and it can be searched
        "svg.hashsalt": "dgsea_bench",  # the same figure has the same ids, byte for byte
        "text.parse_math": False,  # names that come from files may hold dollar signs
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": FONT,
        "axes.titlesize": FONT,
        "axes.labelsize": FONT,
        "xtick.labelsize": FONT - 0.5,
        "ytick.labelsize": FONT - 0.5,
        "legend.fontsize": FONT - 0.5,
        "axes.unicode_minus": True,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "text.color": INK,
        "axes.labelcolor": FAINT,
        "axes.titlecolor": FAINT,
        "axes.edgecolor": AXIS,
        "xtick.color": AXIS,
        "ytick.color": AXIS,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": GRID,
        "axes.grid": True,
        "lines.scale_dashes": False,
    }
    import seaborn  # takes most of a second, and scipy.stats with it: not for commands that draw nothing

    style = {**seaborn.axes_style("whitegrid"), **settings}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # Letters that our measuring font lacks are drawn by the reader's font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Figure(figsize=(WIDTH / 72, height / 72), dpi=72)


def axes_in(figure: Figure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Axes with margins in units of the view box."""
    height = figure.get_figheight() * 72
    box = (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (top + bottom) / height)
    axes = figure.add_axes(box)
    import seaborn

    seaborn.despine(ax=axes)
    axes.set_axisbelow(True)
    return axes


def in_lines(name: str, characters: int, most: int) -> str:
    """A name in lines of so many characters, `most` of them; what is too long for that is shortened."""
    lines = textwrap.wrap(name, characters + 1, break_on_hyphens=False, break_long_words=False) or [""]
    kept = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return "\n".join(shortened(line.removesuffix(","), characters) for line in kept if line)


def lines_of(names: Sequence[str]) -> int:
    """Lines of the name that has most."""
    return max(name.count("\n") + 1 for name in names)


def longest_line(names: Sequence[str]) -> int:
    """Characters of the longest line of any name."""
    return max(len(line) for name in names for line in name.split("\n"))


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Rows from the top down at the whole numbers of the vertical axis, with faint lines between them."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for edge in range(1, len(names)):
        axes.axhline(edge - 0.5, color=GRID, linewidth=0.8)


def title(figure: Figure, text: str, top: float) -> None:
    """What the vertical axis says, written level, from the left edge of the figure."""
    figure.text(8 / WIDTH, 1 - top / (figure.get_figheight() * 72), text, color=FAINT, va="center")


def legend(figure: Figure, series: Sequence[Series], columns: int, *, markers: bool, lines: bool) -> None:
    """A line for each series below the axes, in columns."""
    handles = []
    for item in series:
        text = item.label + (f" ({', '.join(item.notes)})" if item.notes else "")
        (handle,) = Axes(figure, (0, 0, 1, 1)).plot(
            [], [], color=item.look.colour, label=shortened(text, 66), markersize=7, linewidth=1.8 if lines else 0,
            marker=item.look.marker if markers else "",
        )  # fmt: skip
        if item.look.dashes and lines:
            handle.set_dashes(item.look.dashes)
        handles.append(handle)
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.02, 0.0), ncols=columns, frameon=False, handlelength=2.4
    )


def key(figure: Figure, filled: str, hollow: str) -> None:
    """What filled marks are, and what hollow ones, below the axes."""
    handles = [
        Line2D([], [], color=FAINT, marker="o", markersize=7, linewidth=1.5, markerfacecolor=face, label=label)
        for face, label in ((FAINT, filled), (PAPER, hollow))
    ]
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.02, 0.0), ncols=2, frameon=False)


def as_svg(figure: Figure) -> str:
    """The figure as SVG for a page: no prolog, no metadata, sized by its view box, coloured by the page's theme."""
    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _plain_tag(tag.group()), svg)
    wanted = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r'(<[^>]*?) id="([^"]*)"', lambda tag: tag[0] if tag[2] in wanted else tag[1], svg)
    return _styled_once(re.sub(r"\s*\n\s*", "\n", svg))


MARKS = re.compile(r'<g(?P<own>(?: [\w-]+="[^"]*")*)>\n(?P<marks>(?:<use [^>]* style="(?P<style>[^"]*)"/>\n)+)</g>')
"""A group of marks, such as the dots of a line, each with its style."""


def _styled_once(svg: str) -> str:
    """Marks of one style have it from their group: half the size of a drawing of thousands of them.

    Not where they are faint, since a group is faint as one and shows no dots that cover one another.
    """

    def styled(group: re.Match[str]) -> str:
        style = f' style="{group["style"]}"'
        alike = group["marks"].count(style) == group["marks"].count("<use ") and "style=" not in group["own"]
        alike &= "opacity" not in style
        return f"<g{group['own']}{style}>\n{group['marks'].replace(style, '')}</g>" if alike else group[0]

    return MARKS.sub(styled, svg)


def _plain_tag(tag: str) -> str:
    """Without namespaces, which HTML implies; the outermost tag keeps its view box and loses its fixed size.

    Colours of ours become the page's variables.
    """
    tag = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag).replace("xlink:href=", "href=")
    if tag.startswith("<svg"):
        tag = re.sub(r' (width|height|version)="[^"]*"', "", tag)
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)  # a hundredth of a unit is enough for any screen
    return re.sub(r"#[0-9a-f]{6}\b", lambda colour: css(colour.group()), tag)


def css(colour: str) -> str:
    """A colour as a page writes it: ``var(--blue)``."""
    return f"var(--{VARIABLES[colour]})" if colour in VARIABLES else colour
