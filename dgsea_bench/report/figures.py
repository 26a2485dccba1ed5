"""Drawing: series of points -> an inline SVG string. No rows here; every text that comes in is drawn as it is."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from dgsea_bench.report.wording import shortened

WIDTH, HEIGHT = 500, 320
"""In units of the view box; a font of 12 units is then about 9 px on a telephone."""
FONT = 12.5
INK, FAINT = "#222222", "#6b6b6b"
LABEL_ROOM = 188
LINE_STEP = 15.5
MOST_LABELS = 350
"""Height that labels at the ends of lines may take; more of them become a legend."""
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
class Series:
    """The points of one backend; `notes` go below its label, a line each."""

    label: str
    look: Look
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()


def looks(labels: Sequence[str], baselines: Sequence[str]) -> dict[str, Look]:
    """A look for each label from a palette safe for the colour-blind; baselines are grey and dashed."""
    palette = seaborn.color_palette("colorblind").as_hex()
    colours = [palette[index] for index in (0, 1, 2, 3, 4, 9, 5)]
    found, number = {}, 0
    for label in labels:
        if label in baselines:
            found[label] = Look("#777777", "X", (4.0, 2.5))
        else:
            turn = number // len(colours)
            dashes: tuple[float, ...] = ((), (6.0, 2.0), (2.0, 2.0))[turn % 3]
            found[label] = Look(colours[number % len(colours)], "osD^vP"[number % 6], dashes)
            number += 1
    return found


def trend(series: Sequence[Series], x_title: str, y_title: str, y_form: Form) -> str:
    """Cost or error against a size on logarithmic axes, each line labelled at its end."""
    labels = sum(_room(item) for item in series)
    direct = labels <= MOST_LABELS
    with _canvas(max(HEIGHT, labels + 86) if direct else HEIGHT + 20 * len(series)) as figure:
        bottom = 52 if direct else 52 + 20 * len(series)
        axes = _axes(figure, left=74, right=LABEL_ROOM if direct else 20, top=34, bottom=bottom)
        for item in series:
            _draw_line(axes, item)
        points = [point for item in series for point in item.points]
        _log_axis(axes, "y", [end for point in points for end in (point.low, point.y, point.high)], y_form)
        _size_axis(axes, sorted({point.x for point in points}))
        axes.set_xlabel(x_title)
        axes.set_ylabel("")
        _title(figure, y_title, 12)
        if direct:
            _label_ends(axes, series)
        else:
            _legend(figure, series, columns=1, markers=True, lines=True)
        return _svg(figure)


def dots(categories: Sequence[str], series: Sequence[Series], x_title: str, x_form: Form, *, log: bool) -> str:
    """Values by category, a dot per backend; in points `x` is the category's number and `y` the value.

    With one category only, the backends are the categories.
    """
    alone = len(categories) == 1
    names = [shortened(name, 28) for name in ([item.label for item in series] if alone else categories)]
    columns = 1 if max(len(item.label) for item in series) > 26 else 2
    legend_height = 0 if alone else 22 * math.ceil(len(series) / columns)
    row_height = 30 if alone else max(34, 13 * len(series))
    height = 80 + row_height * len(names) + legend_height
    with _canvas(height) as figure:
        left = 24 + 7.4 * max(len(name) for name in names)
        axes = _axes(figure, left=left, right=26, top=30, bottom=42 + legend_height)
        for number, item in enumerate(series):
            shift = number if alone else (number - (len(series) - 1) / 2) * 0.66 / len(series)
            _draw_dots(axes, item, shift)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        for edge in range(1, len(names)):
            axes.axhline(edge - 0.5, color="#e6e6e6", linewidth=0.8)
        points = [point for item in series for point in item.points]
        if log:
            _log_axis(axes, "x", [end for point in points for end in (point.low, point.y, point.high)], x_form)
        else:
            axes.xaxis.set_major_formatter(lambda value, _: x_form(value))
            axes.margins(x=0.06)
        _title(figure, x_title, 12)
        if not alone:
            _legend(figure, series, columns, markers=True, lines=False)
        return _svg(figure)


def curves(panels: Sequence[tuple[str, Sequence[Series]]], x_title: str, below: str) -> str:
    """Curves over positions on linear axes, a panel below the other; the backend `below` is a band below others."""
    shown = list({item.label: item for _, series in panels for item in series}.values())
    columns = 1 if max(len(item.label) for item in shown) > 26 else 2
    legend_height = 22 * math.ceil(len(shown) / columns)
    panel_height, gap = 150, 54
    height = 20 + (panel_height + gap) * len(panels) + legend_height
    with _canvas(height) as figure:
        for number, (title, series) in enumerate(panels):
            top = 28 + number * (panel_height + gap)
            axes = _axes(figure, left=66, right=20, top=top, bottom=height - top - panel_height)
            for item in series:
                width = 4.0 if item.label == below else 1.5
                (drawn,) = axes.plot([p.x for p in item.points], [p.y for p in item.points], color=item.look.colour)
                drawn.set(linewidth=width, alpha=0.45 if width > 2 else 1.0)
                if item.look.dashes:
                    drawn.set_dashes(item.look.dashes)
            axes.axhline(0, color=FAINT, linewidth=0.8)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}".replace("-", "−"))
            axes.locator_params(nbins=5)
            axes.margins(x=0.01)
            _title(figure, title, top - 16)
        axes.set_xlabel(x_title)
        _legend(figure, shown, columns, markers=False, lines=True)
        return _svg(figure)


@contextmanager
def _canvas(height: float) -> Iterator[Figure]:
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
        "axes.edgecolor": "#9a9a9a",
        "xtick.color": "#9a9a9a",
        "ytick.color": "#9a9a9a",
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": "#e6e6e6",
        "axes.grid": True,
        "lines.scale_dashes": False,
    }
    style = {**seaborn.axes_style("whitegrid"), **settings}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # Letters that our measuring font lacks are drawn by the reader's font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Figure(figsize=(WIDTH / 72, height / 72), dpi=72)


def _axes(figure: Figure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Axes with margins in units of the view box."""
    height = figure.get_figheight() * 72
    box = (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (top + bottom) / height)
    axes = figure.add_axes(box)
    seaborn.despine(ax=axes)
    axes.set_axisbelow(True)
    return axes


def _draw_line(axes: Axes, item: Series) -> None:
    frame = pd.DataFrame([(point.x, point.y) for point in item.points], columns=["size", "value"])
    seaborn.lineplot(
        frame, x="size", y="value", ax=axes, color=item.look.colour, marker=item.look.marker, markersize=6.5,
        linewidth=1.8, errorbar=None, legend=False, clip_on=False,
    )  # fmt: skip
    if item.look.dashes:
        axes.lines[-1].set_dashes(item.look.dashes)
    for point in item.points:
        if point.low is not None and point.high is not None:
            ends, colour = [point.low, point.high], item.look.colour
            axes.plot([point.x] * 2, ends, color=colour, linewidth=1.2, marker="_", markersize=7, clip_on=False)


def _draw_dots(axes: Axes, item: Series, shift: float) -> None:
    for point in item.points:
        if point.low is not None and point.high is not None:
            axes.plot([point.low, point.high], [point.x + shift] * 2, color=item.look.colour, linewidth=1.4)
    axes.plot(
        [point.y for point in item.points], [point.x + shift for point in item.points],
        color=item.look.colour, marker=item.look.marker, markersize=7, linestyle="none", clip_on=False,
    )  # fmt: skip


def _label_ends(axes: Axes, series: Sequence[Series]) -> None:
    """Labels to the right of the axes, moved apart, each tied to the last point of its line."""
    height = axes.bbox.height
    ends, rooms = [], []
    for item in series:
        _, y = axes.transData.transform((item.points[-1].x, item.points[-1].y))
        ends.append(y - axes.bbox.y0)
        rooms.append(_room(item))
    for item, y in zip(series, spread(ends, rooms, height), strict=True):
        text = "\n".join([shortened(item.label, 24), *(shortened(note, 28) for note in item.notes)])
        last = item.points[-1]
        axes.annotate(
            text, (last.x, last.y), (1.08, y / height), xycoords="data", textcoords="axes fraction",
            va="center", ha="left", annotation_clip=False, fontsize=FONT - 0.5, linespacing=1.25,
            arrowprops={
                "arrowstyle": "-", "color": item.look.colour, "linewidth": 1.0,
                "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 6,
            },
        )  # fmt: skip


def _room(item: Series) -> float:
    """Height of a label with its notes."""
    return LINE_STEP * (1 + len(item.notes)) + 3


def spread(wanted: Sequence[float], rooms: Sequence[float], height: float) -> list[float]:
    """Centres near those wanted, in the same order, at least the rooms apart, within 0 .. height if that can be."""
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], -index))
    placed: dict[int, float] = {}
    floor = 0.0
    for index in order:
        placed[index] = max(wanted[index], floor + rooms[index] / 2)
        floor = placed[index] + rooms[index] / 2
    ceiling = height
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling - rooms[index] / 2)
        ceiling = placed[index] - rooms[index] / 2
    return [placed[index] for index in range(len(wanted))]


def _title(figure: Figure, text: str, top: float) -> None:
    """What the vertical axis says, written level, from the left edge of the figure."""
    figure.text(8 / WIDTH, 1 - top / (figure.get_figheight() * 72), text, color=FAINT, va="center")


def _legend(figure: Figure, series: Sequence[Series], columns: int, *, markers: bool, lines: bool) -> None:
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


def _size_axis(axes: Axes, sizes: Sequence[float]) -> None:
    """Ticks at the sizes that were measured, those left out that would run into their neighbour."""
    axes.set_xscale("log")
    low, high = math.log(sizes[0]), math.log(sizes[-1])
    pad = 0.06 * (high - low) or 0.5
    axes.set_xlim(math.exp(low - pad), math.exp(high + pad))
    width = axes.bbox.width / (high - low + 2 * pad)
    kept: list[float] = []
    for size in reversed(sizes):
        if not kept or (math.log(kept[-1]) - math.log(size)) * width > 7.5 * len(f"{size:,.0f}") + 4:
            kept.append(size)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{size:,.0f}" for size in kept]))
    axes.xaxis.set_minor_locator(NullLocator())


def _log_axis(axes: Axes, which: str, values: Sequence[float | None], form: Form) -> None:
    known = [value for value in values if value is not None]
    low, high = math.log10(min(known)), math.log10(max(known))
    pad = max(0.06 * (high - low), 0.1)
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    (axes.set_ylim if which == "y" else axes.set_xlim)(10 ** (low - pad), 10 ** (high + pad))
    ticks = log_ticks(10 ** (low - pad), 10 ** (high + pad), most=7 if which == "y" else 5)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([form(tick) for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def log_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers between low and high, evenly spread on a logarithmic axis, at most that many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(ticks) <= most:
            return ticks or [math.sqrt(low * high)]
    whole = [10.0**power for power in powers if low <= 10.0**power <= high]
    return whole[:: math.ceil(len(whole) / most)]


def _svg(figure: Figure) -> str:
    """The figure as SVG for a page: no prolog, no metadata, sized by its view box."""
    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _plain_tag(tag.group()), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)


def _plain_tag(tag: str) -> str:
    """Without namespaces, which HTML implies; the outermost tag keeps its view box and loses its fixed size."""
    tag = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag).replace("xlink:href=", "href=")
    if tag.startswith("<svg"):
        tag = re.sub(r' (width|height|version)="[^"]*"', "", tag)
    return tag


def with_own_ids(svg: str, prefix: str) -> str:
    """The same with every id, and every reference to one, made unique on the page."""

    def rename(tag: re.Match[str]) -> str:
        text = re.sub(r' id="', f' id="{prefix}-', tag.group())
        return re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)

    return re.sub(r"<[^>]*>", rename, svg)
