"""The page on the tracked benchmarks over the commits: a history -> sentences, figures and tables -> HTML."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from dgsea_bench.bench.asv_files import Place
from dgsea_bench.bench.history import Curve, History, Turn
from dgsea_bench.report import history_words as words
from dgsea_bench.report import wording
from dgsea_bench.report.content import Cell, Figure, Headline, Section, Table, number_cell
from dgsea_bench.report.history_figures import axis_of, drawable, history_figure, interest, looks_of
from dgsea_bench.report.history_words import Judgement
from dgsea_bench.report.page import render_sections

MOST_FIGURES = 12
"""Of more benchmarks and places, those that changed most are drawn."""
MOST_BARS = 24
LONG = 12
"""A table with more rows than that scrolls in a box of its own."""


def render_history(history: History) -> str:
    """The HTML of a history; results of different machines or environments are in sections of their own."""
    names = words.place_names(history.places)
    sections = [_verdict(history, names), *_curves(history, names), _commits(history, names)]
    sections += [_all_values(history, place, number, name) for number, (place, name) in enumerate(names.items(), 1)]
    sections += [_places(history, names), _how_to_read()]
    return render_sections(_headline(history), [section for section in sections if section is not None])


def _headline(history: History) -> Headline:
    explained = (
        "What asv measured of each benchmark, commit by commit, and the steps that its step detection finds: speed, "
        "memory, growth and accuracy of the backends."
    )
    machines = list(dict.fromkeys(_machine(place) for place in history.places))
    about = "history: how the tracked benchmarks went over the commits"
    measured = f"{words.amount(history)}."
    return Headline(words.verdict_sentence(history), about, explained, measured, wording.listed(machines))


def _machine(place: Place) -> str:
    """``box (Test processor, 2 cores)``."""
    traits = dict(place.traits)
    known = [traits.get("cpu"), f"{traits['num_cpu']} cores" if traits.get("num_cpu") else None]
    told = ", ".join(part for part in known if part)
    return f"{place.machine} ({told})" if told else place.machine


# --- the verdict ------------------------------------------------------------------------------------------------------


def _verdict(history: History, names: dict[Place, str]) -> Section:
    regressions = [curve for curve in history.curves if words.judged(curve) in ("fails", "worse")]
    regressions.sort(key=lambda curve: interest([curve]), reverse=True)
    said = [_judgements(history), *[f"{wording.capital(line)}." for line in words.gaps(history)]]
    doubts = [f"{wording.capital(line)}." for line in words.doubts(history)]
    if not regressions:
        return Section("Verdict", "verdict", [*said, *doubts])
    body = [_regression_row(curve, names) for curve in regressions]
    table = Table(
        "What got worse and stayed so, or fails now",
        ["benchmark", "since", "from", "to", "ratio"],
        body,
        "From, to: the levels before and after the step. Ratio: to / from.",
        numeric_from=2,
        wide=len(body) > LONG,
    )
    return Section("Verdict", "verdict", said, [table], remarks=doubts)


def _judgements(history: History) -> str:
    """How many curves ended in which way."""
    found = Counter(words.judged(curve) for curve in history.curves)
    told: dict[Judgement, str] = {
        "fails": "failing now",
        "worse": "worse",
        "better": "better",
        "changed": "at another level, where neither way is better",
        "back": "moved and came back",
        "same": "without a step",
    }
    counted = [f"{found[name]:,} {text}" for name, text in told.items() if found[name] or name == "worse"]
    return f"{wording.plural(found.total() - found['none'], 'curve')} with values: {', '.join(counted)}."


def _regression_row(curve: Curve, names: dict[Place, str]) -> list[Cell]:
    family, _, function = curve.benchmark.rpartition(".")
    cells = [Cell(function, ", ".join(part for part in (family, _parameters(curve, names)) if part), strong=True)]
    if curve.broken:
        since = words.fails_since(curve)
        last = words.value_text(curve, curve.last.value if curve.last else None)
        dated = Cell(words.short(since.commit), f"{since.date:%Y-%m-%d}")
        return [*cells, dated, Cell(last), Cell("failed", warn=True), Cell(wording.UNKNOWN)]
    step = words.regression(curve)
    ratio = step.after / step.before if step.before > 0 and step.after > 0 else None
    levels = [Cell(words.value_text(curve, value), value=value) for value in (step.before, step.after)]
    dated = Cell(words.short(step.commit), f"{step.date:%Y-%m-%d}")
    return [*cells, dated, *levels, _ratio_cell(ratio, warn=True)]


def _ratio_cell(ratio: float | None, *, warn: bool = False) -> Cell:
    return Cell(wording.ratio(ratio) if ratio else wording.UNKNOWN, warn=warn, value=ratio)


def _parameters(curve: Curve, names: dict[Place, str]) -> str:
    told = [f"{name} {value}" for name, value in curve.parameters.items()]
    return ", ".join([*told, *([names[curve.place]] if names[curve.place] else [])])


# --- the curves -------------------------------------------------------------------------------------------------------


def _curves(history: History, names: dict[Place, str]) -> list[Section | None]:
    """A section of figures for each place; what is not drawn is in the tables."""
    palette = looks_of(history)
    groups = {
        key: list(group)
        for key, group in groupby(
            sorted(history.curves, key=lambda curve: (history.places.index(curve.place), curve.benchmark)),
            key=lambda curve: (curve.place, curve.benchmark),
        )
    }
    candidates = [key for key, group in groups.items() if any(map(drawable, group))]
    chosen = sorted(candidates, key=lambda key: interest(groups[key]), reverse=True)[:MOST_FIGURES]
    sections: list[Section | None] = []
    for number, (place, name) in enumerate(names.items(), 1):
        figures = [
            history_figure(groups[key], axis_of(groups[key], history.commits), palette)
            for key in chosen
            if key[0] == place
        ]
        left_out = [key for key in candidates if key[0] == place and key not in chosen]
        sections.append(_figures(f"How they went{_on(name)}", f"curves-{number}", figures, len(left_out)))
    return sections


def _on(name: str) -> str:
    return f" on {name}" if name else ""


def _figures(title: str, anchor: str, figures: list[Figure], left_out: int) -> Section | None:
    if not figures and not left_out:
        return None
    said = "What changed most comes first. Each figure has one benchmark, at the commits in the order of their dates."
    more = f" {wording.plural(left_out, 'benchmark')} that changed less in the tables only." if left_out else ""
    return Section(title, anchor, [f"{said}{more}"], figures=figures)


# --- the tables -------------------------------------------------------------------------------------------------------


def _commits(history: History, names: dict[Place, str]) -> Section | None:
    """Commits at which anything stepped, those at which most got worse first."""
    turns = history.turns()
    if not turns:
        return None
    header = ["commit", "date", "worse", "better", "changed", "largest step", "of"]
    body = [_turn_row(turn, names) for turn in turns]
    caption = "Steps within the tolerance are left out. Largest step: if possible of those that got worse."
    table = Table("Commits with steps, most that got worse first", header, body, caption, wide=len(body) > LONG)
    return Section("Which commits changed something", "commits", tables=[table])


def _turn_row(turn: Turn, names: dict[Place, str]) -> list[Cell]:
    curve, step = words.largest(turn)
    worse = turn.count("worse")
    return [
        Cell(words.short(turn.commit), strong=True),
        Cell(f"{turn.date:%Y-%m-%d}"),
        number_cell(worse, wording.count, warn=worse > 0),
        number_cell(turn.count("better"), wording.count),
        number_cell(turn.count("changed"), wording.count),
        Cell(f"{step.verdict} {words.levels_text(curve, step)}"),
        Cell(curve.benchmark, _parameters(curve, names)),
    ]


def _all_values(history: History, place: Place, number: int, name: str) -> Section:
    """Every curve of a place, by benchmark."""
    mine = [curve for curve in history.curves if curve.place == place]
    header = ["parameters", "first", "last", "best", "ratio", "trend", "steps"]
    body: list[list[Cell]] = []
    for _, group in groupby(mine, key=lambda curve: curve.benchmark):
        body += _benchmark_rows(list(group), history)
    caption = (
        "Ratio: last / first. Trend: a bar per commit, or per several of them; x where it failed, blank where nothing "
        "was measured. Steps: those beyond the tolerance, as asv detects them."
    )
    table = Table("Every tracked value", header, body, caption, wide=True)
    return Section(f"All values{_on(name)}", f"values-{number}", tables=[table])


def _benchmark_rows(curves: list[Curve], history: History) -> list[list[Cell]]:
    varying, shown = words.varying_of(curves), [curve for curve in curves if not curve.skipped]
    skipped = [curve for curve in curves if curve.skipped]
    note = words.skipped_text(skipped, varying) if skipped else ""
    commits = words.commits_of(curves, history.commits)
    rows = [[Cell(words.title_of(curves[0], varying), note)]]
    return rows + [_value_row(curve, varying, commits) for curve in shown]


def _value_row(curve: Curve, varying: Sequence[str], commits: Sequence[str]) -> list[Cell]:
    told = ", ".join(curve.parameters[name] for name in varying) or "all"
    best = curve.best if not curve.is_noise else None
    ends = [point.value if point else None for point in (curve.first, curve.last)]
    lowest = curve.best.value if curve.best else None
    verdict = words.judged(curve)
    return [
        Cell(told, strong=True),
        *[Cell(words.value_text(curve, value), value=value) for value in ends],
        Cell(words.value_text(curve, lowest), words.short(best.commit) if best else "", value=lowest),
        _ratio_cell(curve.ratio),
        Cell(words.small_curve(curve, commits, MOST_BARS)),
        Cell("; ".join(words.remarks(curve)), warn=verdict in ("fails", "worse")),
    ]


def _places(history: History, names: dict[Place, str]) -> Section:
    """A column per machine and environment."""
    described = [{"machine": place.machine, "environment": place.environment, **dict(place.traits)} for place in names]
    mine = [[curve for curve in history.curves if curve.place == place] for place in names]
    body = [
        [Cell("curves"), *[Cell(f"{len(curves):,}") for curves in mine]],
        [Cell("commits"), *[Cell(f"{len(words.commits_of(curves, history.commits)):,}") for curves in mine]],
    ]
    for trait in dict.fromkeys(trait for known in described for trait in known):
        values = [known.get(trait, wording.UNKNOWN) for known in described]
        body.append([Cell(trait), *[Cell(wording.shortened(value, 150)) for value in values]])
    header = ["", *[f"place {number}" for number in range(1, len(names) + 1)]]
    said = "Curves of different machines or environments do not compare: each has sections of its own."
    title = "Machines and environments"
    return Section("Where it was measured", "environment", [said] * (len(names) > 1), [Table(title, header, body)])


def _how_to_read() -> Section:
    text = [
        "A curve is one benchmark with one combination of its parameters, in one place: a machine and an environment, "
        "in which libraries are the same for all commits.",
        "Levels and steps are asv's: it splits a curve where levels differ by more than noise would explain, and a "
        "level is the weighted median of its values. A step is told if it is larger than the tolerance, which is that "
        "of asv.conf.json, or of --tolerance.",
        "Worse: a step the wrong way after which the curve has not come back; better: one the right way, with none "
        "that is worse. A curve that moved and came back counts as neither.",
        "Where commits lie between two that were measured, any of them may be the one. asv find goes on from there.",
        "Errors below rounding and less than a mebibyte of memory are noise: nothing is said of how they change.",
        "Each figure's numbers are its download; python -m dgsea_bench history --csv history.csv writes all.",
    ]
    return Section("How to read this", "reading", text)
