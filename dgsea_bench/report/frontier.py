"""What accuracy costs: time against error on one problem, and which backends nothing else beats in both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from dgsea_bench.bench.metrics import ROUNDING
from dgsea_bench.report import plots, wording
from dgsea_bench.report.content import Figure, Section
from dgsea_bench.report.quantities import ERROR, TIME, axis_title
from dgsea_bench.report.rows import Problem, Result, Run, by_problem
from dgsea_bench.report.tradeoff import Mark, Titles, tradeoff
from dgsea_bench.report.verdict import contenders

TITLE = "What does accuracy cost?"
MOST_PROBLEMS = 3
MOST_NAMES = 3
"""Backends that a heading names in a row."""
EXPLAINED = (
    "A backend is on the frontier if no other one measured is at least as accurate and at least as fast; any other is "
    "dominated. Errors are compared to two digits; those of zero or rounding are alike. Within noise: the intervals of "
    "the times overlap."
)


@dataclass(frozen=True)
class Standing:
    """Where a backend stands on one problem.

    Attributes:
        error: its mean relative error, 0 where it is rounding. high: its 95th percentile.
        time, earliest, latest: seconds of forward and backward pass, with the ends of their interval.
        beaten_by: the fastest backend that is at least as accurate and as fast; None on the frontier.
        noise: whether each that beats it does so within noise only.
    """

    result: Result
    error: float
    high: float
    time: float
    earliest: float
    latest: float
    beaten_by: str | None = None
    noise: bool = False

    @property
    def label(self) -> str:
        """The backend with its knobs."""
        return self.result.label

    @property
    def digits(self) -> float:
        """The error to two digits: a smaller difference is none."""
        return float(f"{self.error:.1e}")

    @property
    def in_words(self) -> str:
        """``on the frontier``, ``dominated by fastsum``, or within noise of that."""
        if self.beaten_by is None:
            return "on the frontier"
        return f"{'within noise of' if self.noise else 'dominated by'} {self.beaten_by}"


def frontier(run: Run) -> Section | None:
    """Error against time at up to three problems, where at least two backends have both."""
    found = {problem: standings(results) for problem, results in by_problem(run.results).items()}
    compared = {problem: items for problem, items in found.items() if len(items) > 1}
    if not compared:
        return None
    shown = _shown(run, compared)
    part = run.of_problems(shown)
    alike = len({problem.scores for problem in shown}) == 1
    figures = [
        _figure(part, problem, name, compared[problem], kinds=not alike) for name, problem in plots.named(part, shown)
    ]
    said = [text for text in (_over_all(compared), EXPLAINED) if text]
    more = len(compared) - len(shown)
    remarks = [f"{wording.plural(more, 'more problem')} with errors and times in the tables only."] if more else []
    return Section(TITLE, "frontier", said, figures=figures, remarks=remarks)


def standings(results: Sequence[Result]) -> list[Standing]:
    """Backends on one problem that have an error and a time, and which of the others beats each."""
    known = [
        result for result in contenders(results) if result.typical(ERROR.metric) is not None and _seconds(result)[0] > 0
    ]
    items = [Standing(result, *_errors(result), *_seconds(result)) for result in known]
    return [_placed(item, items) for item in items]


def _placed(item: Standing, items: Sequence[Standing]) -> Standing:
    mine = item.digits, item.time
    beating = [
        other
        for other in items
        if other.digits <= item.digits and other.time <= item.time and (other.digits, other.time) != mine
    ]
    clearly = [other for other in beating if other.latest < item.earliest]
    by = min(clearly or beating, key=lambda other: other.time, default=None)
    return replace(item, beaten_by=by.label if by else None, noise=bool(by) and not clearly)


def _errors(result: Result) -> tuple[float, float]:
    mean, high = result.typical(ERROR.metric) or 0.0, result.typical("value_error_p95") or 0.0
    return (mean, max(mean, high)) if mean >= ROUNDING else (0.0, 0.0)


def _seconds(result: Result) -> tuple[float, float, float]:
    """The median with its interval."""
    return (result.typical(TIME.metric) or 0.0, *result.interval(TIME.metric))


def _shown(run: Run, compared: Mapping[Problem, Sequence[Standing]]) -> list[Problem]:
    """The smallest, the middle and the largest number of genes of one kind of scores; then other kinds, real first.

    Of problems on which most backends have an error and a time, where there are any.
    """
    most = len({result.label for result in run.results if result.target == "dgsea"}) / 2
    usual = [problem for problem, items in compared.items() if len(items) > most] or list(compared)
    families: dict[Problem, list[Problem]] = {}
    for problem in sorted(usual, key=lambda problem: (not problem.real, -_work(problem), problem.order)):
        families.setdefault(problem.without("genes"), []).append(problem)
    family = max(families.values(), key=lambda members: (members[0].real, len(members), _work(members[0])))
    family = sorted(family, key=lambda problem: problem.order)
    shown = list(dict.fromkeys([family[0], family[(len(family) - 1) // 2], family[-1]]))
    for members in families.values():
        if len(shown) < MOST_PROBLEMS and members[0].scores not in {problem.scores for problem in shown}:
            shown.append(members[0])
    return shown


def _work(problem: Problem) -> int:
    """Scores that were computed at once: errors over more of them say more."""
    return (problem.sets or 0) * (problem.profiles or 0)


def _over_all(compared: Mapping[Problem, Sequence[Standing]]) -> str:
    """How often each backend is on the frontier, over all problems; of one problem the figure says it."""
    if len(compared) == 1:
        return ""
    on = Counter(item.label for items in compared.values() for item in items if item.beaten_by is None)
    near = Counter(item.label for items in compared.values() for item in items if item.noise)
    count = wording.plural(len(compared), "problem")
    if set(on.values()) == {len(compared)}:
        told = f"On the frontier: {wording.listed(_some(list(on)))} in all {count}."
    else:
        told = f"On the frontier, of {count}: {_counted(on)}."
    return f"{told} Off it within noise: {_counted(near)}." if near else told


def _counted(labels: Mapping[str, int]) -> str:
    """``exact and fastsum in 3; nyswin in 1``."""
    groups: dict[int, list[str]] = {}
    for label, number in labels.items():
        groups.setdefault(number, []).append(label)
    return "; ".join(
        f"{wording.listed(_some(groups[number]))} in {number:,}" for number in sorted(groups, reverse=True)
    )


def _some(labels: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(labels) - MOST_NAMES
    return [*labels[:MOST_NAMES], f"{more} more"] if more > 0 else list(labels)


def _figure(run: Run, problem: Problem, name: str, items: Sequence[Standing], *, kinds: bool) -> Figure:
    place = f"On {name}," if kinds or problem.genes is None else f"At {wording.plural(problem.genes, 'gene')}"
    heading = _heading(place, items)
    looks = plots.look_of(run)
    marks = [
        Mark(
            item.label, looks[item.label], item.label.partition("[")[0], item.error or None, item.high or None,
            item.time, item.earliest, item.latest, item.beaten_by is None,
        )
        for item in items
    ]  # fmt: skip
    titles = Titles(f"{ERROR.title} (logarithmic)", axis_title(TIME), ERROR.tick, TIME.tick)
    told = [f"{item.label}: {_error(item)}, {TIME.form(item.time)}, {item.in_words}" for item in items]
    alternative = f"Scatter plot of time against error. {heading}. {'; '.join(told)}."
    return Figure(heading, tradeoff(marks, titles), _caption(run, problem, items), alternative, data=_data(items))


def _heading(place: str, items: Sequence[Standing]) -> str:
    """Who is on the frontier, and who is dominated by whom."""
    best = [item.label for item in items if item.beaten_by is None]
    noise = [item.label for item in items if item.noise]
    beaten: dict[str, list[str]] = {}
    for item in items:
        if item.beaten_by is not None and not item.noise:
            beaten.setdefault(item.beaten_by, []).append(item.label)
    near = f"{wording.listed(_some(noise))} {'is' if len(noise) == 1 else 'are'} off it within noise"
    if len(best) == 1:
        rest = f"but {near.replace('off it', 'behind')}" if noise else "nothing measured is faster or more accurate"
        return f"{place} {best[0]} dominates{',' if noise else ':'} {rest}"
    parts = [f"{place} {wording.listed(_some(best))} are on the frontier"]
    parts += [near] if noise else []
    dominated = [
        f"{wording.listed(labels)} {'is' if len(labels) == 1 else 'are'} dominated by {by}"
        for by, labels in beaten.items()
    ]
    count = sum(map(len, beaten.values()))
    parts += dominated if count <= MOST_NAMES else [f"{count} others are dominated"]
    return "; ".join(parts)


def _error(item: Standing) -> str:
    return f"error {ERROR.form(item.error)}" if item.error else "exact to rounding"


def _caption(run: Run, problem: Problem, items: Sequence[Standing]) -> str:
    """What the marks mean, and which backends have none."""
    intervals = all(item.result.typical(f"{TIME.metric}_low") for item in items)
    bars = "the 95 % interval of the median time" if intervals else "the quartiles of the time"
    parts = [
        f"{plots.describe(run, problem)}.",
        "Filled marks are on the frontier, the line of steps; hollow ones are off it.",
        f"Bars: {bars}, and from the mean error to its 95th percentile over sets.",
    ]
    groups = Counter(item.label.partition("[")[0] for item in items)
    parts += ["Faint lines join settings of one backend."] if max(groups.values()) > 1 else []
    parts += [f"Exact to rounding: below {ROUNDING:g}."] if any(not item.error for item in items) else []
    return " ".join([*parts, *_absent(run, problem, items)])


def _absent(run: Run, problem: Problem, items: Sequence[Standing]) -> list[str]:
    """Backends without a mark, with the reason."""
    drawn = {item.label for item in items}
    reasons: dict[str, list[str]] = {}
    for result in run.results:
        if result.problem == problem and result.label not in drawn:
            reasons.setdefault(_why(result), []).append(result.label)
    return [f"Not here: {wording.listed(labels)} ({why})." for why, labels in reasons.items()]


def _why(result: Result) -> str:
    unfinished = next((row for row in result.rows if row.status != "done"), None)
    if unfinished:
        return f"{unfinished.status}: {unfinished.reason or 'no reason was given'}"
    if result.target == "gsea":
        return "classical GSEA, which has no gradient"
    untold = next((row.without_truth for row in result.rows if row.without_truth), None)
    return f"its error is not known: {untold}" if untold else "its error or its time is not known"


def _data(items: Sequence[Standing]) -> pd.DataFrame:
    rows = [(item.label, item.error, item.high, item.time, item.earliest, item.latest, item.in_words) for item in items]
    seconds = [TIME.metric, f"{TIME.metric}_low", f"{TIME.metric}_high"]
    return pd.DataFrame(rows, columns=["backend", ERROR.metric, "value_error_p95", *seconds, "standing"])
