"""What is said of the history of the tracked benchmarks, the same in a terminal and on a page."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from typing import Literal

from dgsea_bench.bench.asv_files import Commit, Place
from dgsea_bench.bench.history import Curve, History, Point, Step, Turn
from dgsea_bench.report import wording
from dgsea_bench.report.bars import bars

Judgement = Literal["fails", "worse", "better", "changed", "back", "same", "none"]
FEW = 7
"""With fewer values, asv's step detection often takes normal noise for steps: of 3 in 3 of 5 curves, of 5 in 1 of 4."""
FAR = 2.0
"""A last value so many times the first, or the first so many times the last, is a change without any step too."""
NAMED = 3
"""Names of a kind that are told."""
HASH = 8
"""Characters of a commit, as in the names of asv's files."""


def short(commit: str) -> str:
    """A commit as it is told."""
    return commit[:HASH]


def value_text(curve: Curve, value: float | None) -> str:
    """A value in the unit that suits it; what is neither time nor memory is told without its unit."""
    if curve.metric:
        return wording.metric(curve.metric, value)
    return wording.tracked(value, curve.unit if curve.unit in ("seconds", "bytes") else "")


def levels_text(curve: Curve, step: Step) -> str:
    """Before and after, which no line break may part."""
    before, after = value_text(curve, step.before), value_text(curve, step.after)
    return f"{before}{wording.SPACE}→{wording.SPACE}{after}"


def varying_of(curves: Sequence[Curve]) -> list[str]:
    """Parameters of a benchmark that differ between these curves of it."""
    return [name for name in curves[0].parameters if len({curve.parameters[name] for curve in curves}) > 1]


def name_of(curve: Curve) -> str:
    """What a benchmark shows, in words if it says so."""
    return curve.title if curve.title == curve.benchmark else wording.capital(curve.title)


def title_of(curve: Curve, varying: Sequence[str], place: str = "") -> str:
    """A benchmark: its name, what it shows, unit, which way is better, parameters that do not vary, the place."""
    way = f"{curve.better} is better" if curve.better else "neither way is better"
    fixed = [f"{name} {value}" for name, value in curve.parameters.items() if name not in varying]
    unit = "" if curve.unit == "unit" or curve.metric else f"{curve.unit}, "
    name = curve.benchmark if curve.title == curve.benchmark else f"{curve.benchmark}: {curve.title}"
    return " · ".join(part for part in (name, f"{unit}{way}", ", ".join(fixed), place) if part)


def skipped_text(curves: Sequence[Curve], varying: Sequence[str]) -> str:
    """How many are skipped, and the values of parameters that they have in common."""
    common = [
        f"{name} {curves[0].parameters[name]}"
        for name in varying
        if len({curve.parameters[name] for curve in curves}) == 1
    ]
    which = f": {', '.join(common)}" if common else ""
    return f"skipped at every commit, {wording.plural(len(curves), 'combination')}{which}"


def no_value_text(curve: Curve) -> str:
    """What became of a curve that never had a value."""
    outcomes = " or ".join(dict.fromkeys(point.outcome for point in curve.points))
    return f"{outcomes} at {wording.plural(len(curve.points), 'commit')}"


def fails_since(curve: Curve) -> Point:
    """Where a curve that is broken failed first after its last value."""
    last = next(number for number, point in reversed(list(enumerate(curve.points))) if point.value is not None)
    return next(point for point in curve.points[last + 1 :] if point.outcome == "failed")


def place_names(places: Sequence[Place]) -> dict[Place, str]:
    """What tells each place from the others: machine, environment, else whatever differs; nothing if there is one."""
    described = {
        place: {"machine": place.machine, "environment": place.environment, **dict(place.traits)} for place in places
    }
    names: dict[Place, list[str]] = {place: [] for place in places}
    for trait in dict.fromkeys(trait for each in described.values() for trait in each):
        if len(set(map(tuple, names.values()))) == len(places):
            break
        if len({each.get(trait) for each in described.values()}) > 1:
            for place, each in described.items():
                names[place].append(each.get(trait) or f"no {trait}")
    return {place: ", ".join(parts) for place, parts in names.items()}


def commits_of(curves: Sequence[Curve], commits: Sequence[Commit]) -> list[str]:
    """Those at which any of the curves has a point, in their order: the common axis of their small curves."""
    held = {point.commit for curve in curves for point in curve.points}
    return [commit.hash for commit in commits if commit.hash in held]


def small_curve(curve: Curve, commits: Sequence[str], most: int) -> str:
    """A bar per commit, or per so many that they fit; x where it failed, blank where nothing was measured."""
    points = {point.commit: point for point in curve.points}
    count = min(len(commits), most)
    edges = [len(commits) * number // count for number in range(count + 1)]
    bins = [[points[name] for name in commits[low:high] if name in points] for low, high in pairwise(edges)]
    drawn = bars([_mean(each) for each in bins])
    failed = ["x" if any(point.outcome == "failed" for point in each) else " " for each in bins]
    return "".join(gap if bar == " " else bar for bar, gap in zip(drawn, failed, strict=True))


def _mean(points: Sequence[Point]) -> float | None:
    values = [point.value for point in points if point.value is not None]
    return fmean(values) if values else None


def counts(history: History) -> Iterator[str]:
    """How much there is, what fails, and what has no value."""
    yield amount(history)
    broken = [curve.name for curve in history.curves if curve.broken]
    if broken:
        yield f"{wording.plural(len(broken), 'curve')} worked once and {_fail(len(broken))} now: {_named(broken)}"
    yield from gaps(history)


def amount(history: History) -> str:
    """How many curves, benchmarks, commits and places there are."""
    commits, places = history.commits, len(history.places)
    benchmarks = {curve.benchmark for curve in history.curves}
    dates = f"{commits[0].date:%Y-%m-%d} to {commits[-1].date:%Y-%m-%d}"
    where = f", in {places} places (machine, environment)" if places > 1 else ""
    return (
        f"{wording.plural(len(history.curves), 'curve')} of {wording.plural(len(benchmarks), 'benchmark')} "
        f"over {wording.plural(len(commits), 'commit')}, {dates}{where}"
    )


def _fail(count: int) -> str:
    return "fails" if count == 1 else "fail"


def gaps(history: History) -> Iterator[str]:
    """What has no value, and what is not shown."""
    empty = [curve.name for curve in history.curves if curve.last is None and not curve.skipped]
    if empty:
        yield f"{wording.plural(len(empty), 'curve')} never had a value: {_named(empty)}"
    skipped = sum(curve.skipped for curve in history.curves)
    if skipped:
        yield f"{wording.plural(skipped, 'curve')} skipped at every commit; asv run --show-stderr says why"
    yield from _not_shown(history)


def _not_shown(history: History) -> Iterator[str]:
    if history.unmeasured:
        yield f"never run: {_named(history.unmeasured)}"
    if history.unlisted:
        yield (
            f"not shown, since asv did not find {'it' if len(history.unlisted) == 1 else 'them'} in the suite when it "
            f"looked last: {_named(history.unlisted)}; asv run --bench just-discover looks again"
        )
    if history.outdated:
        yield f"changed since, so that older results do not count: {_named(list(history.outdated))}"


def _named(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def doubts(history: History) -> Iterator[str]:
    """What to keep in mind about the steps."""
    stepped = [curve for curve in history.curves if curve.news]
    small = sum(len(curve.steps) - len(curve.news) for curve in history.curves)
    if not stepped:
        yield "no steps"
    if small:
        yield f"{wording.plural(small, 'smaller step')} left out: within the tolerance; --tolerance 0 shows all"
    unseen = [curve.name for curve in history.curves if far_without_a_step(curve)]
    if unseen:
        yield (
            f"{wording.plural(len(unseen), 'curve')} without a step to asv, to which values with wide intervals weigh "
            f"little, though first and last value differ by a factor of {FAR:g} or more: {_named(unseen)}"
        )
    same = len(history.commits) - len({commit.date for commit in history.commits})
    if same:
        yield f"{wording.plural(same, 'commit')} with the date of another: which of them came first is not known"
    few = sum(len(curve.measured) < FEW for curve in stepped)
    if few:
        yield (
            f"{wording.plural(few, 'curve')} with steps and fewer than {FEW} values: asv's step detection takes noise "
            "for steps where it has so few"
        )


def far_without_a_step(curve: Curve) -> bool:
    """Whether it ended far from where it began, and asv sees no step in it."""
    return not curve.steps and curve.ratio is not None and abs(math.log(curve.ratio)) >= math.log(FAR)


def largest(turn: Turn) -> tuple[Curve, Step]:
    """The largest step of a commit, if possible of those that got worse."""
    return max(turn.steps, key=lambda each: (each[1].verdict == "worse", factor(each[1])))


def factor(step: Step) -> float:
    """How far apart two levels are, up or down alike."""
    low, high = sorted(map(abs, (step.before, step.after)))
    return high / low if low else math.inf


def judged(curve: Curve) -> Judgement:
    """What became of a curve: worse, if by a step that stayed; else better, if at last better than at first.

    ``back`` is one that moved and came back.
    """
    if curve.last is None:
        return "none"
    if curve.fails:
        return "fails"
    if not curve.news:
        return "same"
    staying = {step.verdict for step in curve.news if curve.stays(step)}
    if "worse" in staying or "changed" in staying:
        return "worse" if "worse" in staying else "changed"
    at_first = replace(curve.steps[0], before=curve.levels[0].value, verdict="better")
    return "better" if curve.stays(at_first) else "back"


def turned_at(curve: Curve) -> str:
    """The commit at which a curve began to fail, or got worse by most and stayed so."""
    if curve.broken:
        return fails_since(curve).commit
    return regression(curve).commit


def regression(curve: Curve) -> Step:
    """The largest of the steps by which a curve got worse and stayed so."""
    worse = [step for step in curve.news if step.verdict == "worse" and curve.stays(step)]
    return max(worse, key=factor)


def since_text(curves: Sequence[Curve]) -> str:
    """`` since d9fbba3f``, of several commits `` (3 since d9fbba3f)``."""
    found = Counter(turned_at(curve) for curve in curves)
    commit, count = found.most_common(1)[0]
    if len(found) == 1:
        return f" since {short(commit)}"
    return f" ({count:,} since {short(commit)})" if count > 1 else ""


def first_to_last(curve: Curve) -> str:
    """``2.00 ms at aa0d2dc8, 4.00 ms at d9fbba3f``."""
    ends = [point for point in (curve.first, curve.last) if point]
    told = [f"{value_text(curve, point.value)} at {short(point.commit)}" for point in ends]
    return ", ".join(dict.fromkeys(told))


def remarks(curve: Curve) -> list[str]:
    """Why there is no value, at all or at the end, and the steps, a line each."""
    told = []
    if curve.last is None:
        told.append(f"no value: {no_value_text(curve)}")
    elif curve.fails:
        told.append(f"fails since {short(fails_since(curve).commit)}")
    return [*told, *[f"{step.verdict} {short(step.commit)} {levels_text(curve, step)}" for step in curve.news]]


def verdict_sentence(history: History) -> str:
    """The answer: ``Of 290 tracked numbers over 40 commits, 2 got worse since d9fbba3f, 3 got better``."""
    judgements = [(curve, judged(curve)) for curve in history.curves if not curve.skipped]
    by = {name: [curve for curve, found in judgements if found == name] for name in ("fails", "worse", "better")}
    total = wording.plural(len(judgements), "tracked number")
    bad = [
        f"{len(by[name]):,} {verb}{since_text(by[name])}"
        for name, verb in (("fails", f"{_fail(len(by['fails']))} now"), ("worse", "got worse"))
        if by[name]
    ]
    over = f"over {wording.plural(len(history.commits), 'commit')}"
    better = f"{len(by['better']):,} got better" if by["better"] else ""
    if not bad:
        return f"None of {total} got worse {over}{f', {better}' if better else ''}"
    return ", ".join(part for part in (f"Of {total} {over}, {bad[0]}", *bad[1:], better) if part)
