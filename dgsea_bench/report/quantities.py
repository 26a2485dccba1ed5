"""The metrics that figures show, and the takeaways that head them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dgsea_bench.bench.metrics import METRICS, ROUNDING
from dgsea_bench.report import wording
from dgsea_bench.report.canvas import Form
from dgsea_bench.report.rows import Line, Problem, Run
from dgsea_bench.report.ticks import MEBIBYTES, SECONDS
from dgsea_bench.report.wording import capital

MOST_PROBLEMS = 24
"""In a figure of dots by problem."""
Groups = Sequence[tuple[str, Problem]]
"""Problems with names that tell them apart."""
Values = dict[Problem, list[tuple[float, str]]]
"""Problem -> values there, each with its backend."""


@dataclass(frozen=True)
class Quantity:
    """A metric as figures show it.

    Attributes:
        subject: begins the heading. low, high: metrics at the ends of the whiskers.
        baseline: the metric of backends that have no gradient, where it can stand beside.
        whiskers: what they are, for the caption.
    """

    metric: str
    subject: str
    kind: Literal["error", "cost", "agreement"]
    form: Callable[[float | None], str]
    tick: Form
    low: str | None = None
    high: str | None = None
    baseline: str | None = None
    whiskers: str = ""

    @property
    def forward_alone(self) -> bool:
        """Whether backends without a gradient stand beside with another metric than the others."""
        return self.baseline is not None and self.baseline != self.metric

    @property
    def title(self) -> str:
        """What the metric says, from METRICS."""
        return METRICS[self.metric].title


ERROR = Quantity(
    "value_error_mean", "mean error", "error", wording.error, wording.error_tick, "value_error_mean", "value_error_p95",
    whiskers="Whiskers go up to the 95th percentile over sets.",
)  # fmt: skip
GRADIENT = Quantity("gradient_error", "gradient error", "error", wording.error, wording.error_tick)
TIME = Quantity(
    "step_seconds", "time", "cost", wording.seconds, SECONDS, "step_seconds_q1", "step_seconds_q3",
    baseline="forward_seconds", whiskers="Whiskers are the quartiles of repeated calls.",
)  # fmt: skip
MEMORY = Quantity("step_peak_mib", "peak memory", "cost", wording.mebibytes, MEBIBYTES, baseline="forward_peak_mib")
SPEARMAN = Quantity("es_spearman", "Spearman correlation", "agreement", wording.share, wording.share_tick)
SIGN = Quantity("es_sign_agreement", "share of equal signs", "agreement", wording.share, wording.share_tick)


def axis_title(quantity: Quantity) -> str:
    """What stands at the top left of a figure."""
    return f"{quantity.title}, logarithmic" if quantity.kind != "agreement" else wording.shortened(quantity.title, 60)


def trend_heading(lines: Sequence[Line], quantity: Quantity) -> str:
    """What is so at the largest size that was measured."""
    found = {line.label: points for line in lines if (points := points_of(line, quantity))}
    if not found:
        return f"{capital(quantity.subject)} of dGSEA: not known at any size"
    largest = max(points[-1][0] for points in found.values())
    there = {label: points[-1][1] for label, points in found.items() if points[-1][0] == largest}
    place = f"{largest:,} {lines[0].axis}"
    return _compared(there, place, quantity)


def dot_heading(run: Run, groups: Groups, quantity: Quantity) -> str:
    """What is so for the one problem, or over all of them."""
    by_problem = _values(run, quantity)
    known = [(value, label, name) for name, problem in groups for value, label in by_problem.get(problem, ())]
    if not known:
        return f"{capital(quantity.subject)}: not known"
    values = wording.span([value for value, _, _ in known], quantity.form)
    if quantity.kind == "agreement":
        return f"dES and classical ES: {quantity.subject} of {values}{_moved(by_problem, groups)}"
    if len(groups) == 1:
        genes = groups[0][1].genes
        return _compared({label: value for value, label, _ in known}, f"{wording.count(genes)} genes", quantity)
    if quantity.kind == "cost":
        best = _best(by_problem, groups, quantity)
        return best or f"{capital(quantity.subject)} of {values} over {len(groups)} problems"
    value, label, name = max(known)
    if value < ROUNDING:
        return f"The {quantity.subject} is zero or rounding in all {len(groups)} problems"
    return f"The {quantity.subject} is largest on {name}: {quantity.form(value)} ({label})"


def _moved(values: Values, groups: Groups) -> str:
    """How far the other backends are from exact, where that was measured."""
    apart = []
    for found in (values.get(problem, []) for _, problem in groups):
        exact = [value for value, label in found if label == "exact"]
        apart += [abs(value - exact[0]) for value, label in found if exact and label != "exact"]
    if not apart:
        return ""
    return f"; no other backend is farther than {max(apart):.2g} from exact" if max(apart) else ", for every backend"


def _best(values: Values, groups: Groups, quantity: Quantity) -> str:
    """Which backend takes least in how many problems, and by how much."""
    ordered = [sorted(found) for _, problem in groups if len(found := values.get(problem, [])) > 1]
    if not ordered:
        return ""
    first = Counter(found[0][1] for found in ordered)
    label, count = first.most_common(1)[0]
    least = "fastest" if quantity.form is wording.seconds else "leanest"
    if count < len(ordered):
        others = [f"{other} in {number}" for other, number in first.most_common()[1:4]]
        return f"{label} is {least} in {count:,} of {len(ordered):,} problems, {wording.listed(others)}"
    factors = [found[1][0] / found[0][0] for found in ordered if found[0][0]]
    as_long = "as long" if quantity.form is wording.seconds else "as much"
    told = wording.span(factors, lambda factor: wording.times(factor or 0.0))
    all_of = f"all {len(ordered):,}" if len(ordered) > 2 else "both" if len(ordered) == 2 else "the one"
    where = f"in {all_of} {'problems' if len(ordered) > 1 else 'problem that can be compared'}"
    return f"{label} is {least} {where}{f'; the next takes {told} times {as_long}' if factors else ''}"


def _values(run: Run, quantity: Quantity) -> Values:
    """Problem -> values of dGSEA backends there, each with its backend."""
    found: Values = {}
    for result in run.results:
        value = result.typical(quantity.metric) if result.target == "dgsea" else None
        if value is not None:
            found.setdefault(result.problem, []).append((value, result.label))
    return found


def most_telling(run: Run, groups: Groups, quantity: Quantity) -> Groups:
    """At most `MOST_PROBLEMS`, in their order: where it is largest or smallest; half of them real, if so many are."""
    if len(groups) <= MOST_PROBLEMS:
        return groups
    values = _values(run, quantity)
    largest = {number: max(values[problem]) for number, (_, problem) in enumerate(groups) if problem in values}
    real, others = (
        _from_both_ends({number: value for number, value in largest.items() if groups[number][1].real is kind})
        for kind in (True, False)
    )
    half = MOST_PROBLEMS // 2
    unknown = [number for number in range(len(groups)) if number not in largest]
    chosen = [*real[:half], *others[:half], *real[half:], *others[half:], *unknown]
    return [groups[number] for number in sorted(chosen[:MOST_PROBLEMS])]


def _from_both_ends(values: Mapping[int, tuple[float, str]]) -> list[int]:
    """Keys by their values: the largest, the smallest, the next largest, and so on."""
    ordered = sorted(values, key=lambda number: values[number], reverse=True)
    return list(dict.fromkeys(number for pair in zip(ordered, reversed(ordered)) for number in pair))


def of_all(shown: Groups, groups: Groups, quantity: Quantity) -> str:
    """How many problems are drawn, which ones, and where the others are."""
    if len(shown) == len(groups):
        return ""
    first = "real ones first, then " if any(problem.real for _, problem in groups) else ""
    more = len(groups) - len(shown)
    return (
        f"Drawn are {len(shown)} of {len(groups):,} problems: {first}those where the largest {quantity.subject} of a "
        f"backend is highest or lowest; {more:,} more are in the tables."
    )


def _compared(there: dict[str, float], place: str, quantity: Quantity) -> str:
    """The best and the worst backend at one place."""
    if quantity.kind == "error":
        return _error_heading(there, place, quantity)
    best, worst = min(there, key=lambda label: there[label]), max(there, key=lambda label: there[label])
    low, high = quantity.form(there[best]), quantity.form(there[worst])
    if len(there) == 1:
        return f"At {place} {best} takes {low}"
    if low == high:
        return f"At {place} every backend takes {low}"
    least = "fastest" if quantity.form is wording.seconds else "leanest"
    return f"At {place} {best} is {least} with {low}; {worst} takes {high}"


def points_of(line: Line, quantity: Quantity) -> list[tuple[int, float]]:
    """(size, value) of a dGSEA backend; none for the classical baseline, which no heading compares."""
    return line.points(quantity.metric) if line.results[0].target == "dgsea" else []


def _error_heading(there: dict[str, float], place: str, quantity: Quantity) -> str:
    wrong = {label: value for label, value in there.items() if value >= ROUNDING}
    if not wrong:
        return f"At {place} the {quantity.subject} of every backend is zero or rounding"
    right = [label for label in there if label not in wrong and label != "exact"]
    if right:
        place += f" {wording.listed(right)} {'is' if len(right) == 1 else 'are'} exact to rounding;"
    best, worst = min(wrong, key=lambda name: wrong[name]), max(wrong, key=lambda name: wrong[name])
    if best == worst:
        return f"At {place} the {quantity.subject} of {best} is {quantity.form(wrong[best])}"
    low, high = quantity.form(wrong[best]), quantity.form(wrong[worst])
    others = " of others" if right else ""
    return f"At {place} the {quantity.subject}{others} goes from {low} ({best}) to {high} ({worst})"
