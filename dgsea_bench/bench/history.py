"""How each benchmark of the asv suite went over the commits: its values, and the steps that asv detects in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal

from dgsea_bench.bench.asv_files import (
    HOW_TO_MEASURE,
    Benchmark,
    Cell,
    Commit,
    Measurement,
    Place,
    Run,
    Suite,
    read_runs,
    read_suite,
)
from dgsea_bench.bench.metrics import METRICS, ROUNDING
from dgsea_bench.core.errors import InputError, did_you_mean, shorten

Better = Literal["lower", "higher"] | None
"""Which way is better; None: neither."""
Verdict = Literal["better", "worse", "changed"]
Outcome = Literal["measured", "skipped", "failed"]


@dataclass(frozen=True)
class Point:
    """A cell at one commit; without a value if it was skipped or failed. The date is in UTC.

    `interval` has the ends of the value's 99 % interval over repeated calls, where asv knows one.
    """

    commit: str
    date: datetime
    value: float | None
    outcome: Outcome
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Level:
    """A stretch of a curve without a step, from its first point with a value to its last, and its weighted median."""

    first: Point
    last: Point
    value: float


@dataclass(frozen=True)
class Step:
    """A change of level.

    Attributes:
        commit: the first one at the new level, with its date (UTC).
        previous: the last one with a value before it; between the two, nothing was measured.
        before: the level up to there, asv's weighted median of the values since the step before.
        after: the level from this commit on, up to the next step.
    """

    commit: str
    date: datetime
    previous: str
    before: float
    after: float
    verdict: Verdict

    @property
    def size(self) -> float:
        """Of the change, relative to the level before; infinite if that was 0."""
        return abs(self.after - self.before) / abs(self.before) if self.before else float("inf")


@dataclass(frozen=True)
class Curve:
    """One benchmark with one combination of its parameters, in one place, over the commits.

    Attributes:
        benchmark: asv's name of it.
        title: the pretty name that it gives itself, else what the metric is that it tracks, else its name.
        metric: the key of `METRICS` that it tracks, None for times and sizes of asv's.
        unit: that of the metric; else "seconds", "bytes", or what the benchmark says.
        parameters: name to value, texts without quotation marks.
        place: machine and environment; curves of different places are different curves.
        points: in the order of the commits' dates.
        levels: what the curve consists of to asv's step detection, as ``asv publish`` calls it.
        steps: from each level to the next.
        tolerance: relative size up to which a step is no news.
    """

    benchmark: str
    title: str
    metric: str | None
    unit: str
    better: Better
    parameters: Mapping[str, str]
    place: Place
    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    steps: tuple[Step, ...]
    tolerance: float

    @property
    def name(self) -> str:
        """The benchmark with its parameters: ``suite.time_forward(backend=exact, genes=1000)``."""
        values = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.benchmark}({values})" if values else self.benchmark

    @cached_property
    def measured(self) -> tuple[Point, ...]:
        """Points that have a value."""
        return tuple(point for point in self.points if point.value is not None)

    @property
    def first(self) -> Point | None:
        """The first value; None if there never was one."""
        return self.measured[0] if self.measured else None

    @property
    def last(self) -> Point | None:
        """The last value; None if there never was one."""
        return self.measured[-1] if self.measured else None

    @property
    def best(self) -> Point | None:
        """The best value, where it was reached first; None if there is none, or if no way is better."""
        if self.better is None or not self.measured:
            return None
        sign = 1 if self.better == "lower" else -1
        return min(self.measured, key=lambda point: sign * (point.value or 0.0))

    @property
    def ratio(self) -> float | None:
        """The last value over the first; None where that says nothing: no values, not both above 0, or noise."""
        first, last = (point.value if point else None for point in (self.first, self.last))
        if first is None or last is None or first <= 0 or last <= 0 or self._is_noise(first, last):
            return None
        return last / first

    @property
    def news(self) -> tuple[Step, ...]:
        """Steps larger than the tolerance, and not from one level that is noise to another."""
        return tuple(
            step for step in self.steps if step.size > self.tolerance and not self._is_noise(step.before, step.after)
        )

    def stays(self, step: Step) -> bool:
        """Whether the curve has not come back since, to within the tolerance of what it was before the step."""
        if step.verdict == "changed":
            return True
        now = replace(
            step, after=self.levels[-1].value, verdict=_verdict(step.before, self.levels[-1].value, self.better)
        )
        return now.verdict == step.verdict and now.size > self.tolerance

    @property
    def is_noise(self) -> bool:
        """Whether all its values are: no commit is better than another."""
        return bool(self.measured) and self._is_noise(*[point.value or 0.0 for point in self.measured])

    def _is_noise(self, *values: float) -> bool:
        """Whether these say nothing but how a sum was rounded, or which pages of memory happened to be in use."""
        smallest = {"": ROUNDING, "MiB": 1.0}
        metric = METRICS.get(self.metric or "")
        return metric is not None and metric.better == "lower" and max(values) < smallest.get(metric.unit, 0.0)

    @property
    def skipped(self) -> bool:
        """Whether it was skipped wherever it was asked for, as a gradient is of a backend that has none."""
        return all(point.outcome == "skipped" for point in self.points)

    @property
    def fails(self) -> bool:
        """Whether it failed when it was run last; skipped is not run."""
        run = [point for point in self.points if point.outcome != "skipped"]
        return bool(run) and run[-1].outcome == "failed"

    @property
    def broken(self) -> bool:
        """Whether it worked once and fails now."""
        return self.fails and self.last is not None


@dataclass(frozen=True)
class Turn:
    """A commit at which curves stepped, with the curves and their steps."""

    commit: str
    date: datetime
    steps: tuple[tuple[Curve, Step], ...]

    def count(self, verdict: Verdict) -> int:
        """How many of the steps are so."""
        return sum(step.verdict == verdict for _, step in self.steps)


@dataclass(frozen=True)
class History:
    """All curves, and what cannot be one.

    Attributes:
        commits: with results in any of the places, in the order of their dates.
        unmeasured: names of cells, ``name(value, value)``, that no file holds.
        outdated: benchmarks that have changed, with the number of files whose results of them do not count any more.
        unlisted: benchmarks with results that were not in the suite when asv looked last: gone, or of another profile.
    """

    curves: tuple[Curve, ...]
    commits: tuple[Commit, ...]
    unmeasured: tuple[str, ...]
    outdated: Mapping[str, int]
    unlisted: tuple[str, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Of the curves, in their order."""
        return tuple(dict.fromkeys(curve.place for curve in self.curves))

    def turns(self) -> list[Turn]:
        """Commits at which curves stepped by more than the tolerance: most that got worse first, then most at all."""
        steps: dict[tuple[str, datetime], list[tuple[Curve, Step]]] = {}
        for curve in self.curves:
            for step in curve.news:
                steps.setdefault((step.commit, step.date), []).append((curve, step))
        turns = [Turn(commit, date, tuple(found)) for (commit, date), found in steps.items()]
        return sorted(turns, key=lambda turn: (-turn.count("worse"), -len(turn.steps), turn.date, turn.commit))


def read_history(
    config: Path | None = None,
    *,
    patterns: Sequence[str] = (),
    machine: str | None = None,
    tolerance: float | None = None,
) -> History:
    """Read what ``asv run`` has kept.

    Args:
        config: asv's configuration, by which results are found; None: asv.conf.json in the working directory.
        patterns: regular expressions that choose benchmarks, as those of ``asv run --bench``; none: all.
        machine: the name of the one machine that counts; None: all.
        tolerance: relative size up to which a step is no news; None: ``regressions_thresholds`` of asv's
            configuration, 0.05 where it says nothing.

    Raises:
        InputError: no configuration, no results, none that are chosen, a damaged file, or a bad tolerance.
    """
    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise InputError(f"--tolerance is {tolerance:g}; give a share from 0, such as 0.05")
    suite = read_suite(config, patterns)
    runs = _of_machine(read_runs(suite), machine)
    if not runs:
        raise InputError(f"{suite.results}: no results of asv there; {HOW_TO_MEASURE}")
    places = _by_place(runs)
    curves = tuple(
        _curve(benchmark, cell, here, suite.threshold(_full_name(benchmark, cell)) if tolerance is None else tolerance)
        for benchmark in suite.benchmarks
        for here in places
        for cell in benchmark.cells
        if any((benchmark.name, cell) in run.measurements for run in here)
    )
    return History(
        curves,
        tuple(dict.fromkeys(run.commit for run in runs)),
        _unmeasured(suite, runs),
        {
            benchmark.name: count
            for benchmark in suite.benchmarks
            if (count := sum(benchmark.name in run.outdated for run in runs))
        },
        tuple(sorted(frozenset().union(*(run.unlisted for run in runs)))),
    )


def better_way(benchmark: str) -> Better:
    """Which way a benchmark is better: less, unless it tracks a metric of ours that says otherwise."""
    metric = tracked_metric(benchmark)
    return METRICS[metric].better if metric else "lower"


def tracked_metric(benchmark: str) -> str | None:
    """The key of `METRICS` that a benchmark tracks: of ``suite.Quality.track_nes_spearman`` it is nes_spearman."""
    function = benchmark.rpartition(".")[2]
    metric = function.removeprefix("track_")
    return metric if function != metric and metric in METRICS else None


def find_steps(points: Sequence[Point], weights: Sequence[float | None], better: Better) -> tuple[Step, ...]:
    """Steps in the values of a curve, by asv's step detection.

    Args:
        points: in the order of commits.
        weights: of the points, from their statistics as asv weighs them; None where unknown.
        better: which way the values are better.
    """
    return _steps_between(find_levels(points, weights), better)


def find_levels(points: Sequence[Point], weights: Sequence[float | None]) -> tuple[Level, ...]:
    """The levels between the steps that `find_steps` finds; none where there are no values."""
    from asv.graph import Graph

    graph = Graph("", {})
    for position, (point, weight) in enumerate(zip(points, weights, strict=True)):
        graph.add_data_point(position, point.value, weight)
    return tuple(Level(points[start], points[end - 1], float(value)) for start, end, value, *_ in graph.get_steps())


def _steps_between(levels: Sequence[Level], better: Better) -> tuple[Step, ...]:
    return tuple(
        Step(
            after.first.commit,
            after.first.date,
            before.last.commit,
            before.value,
            after.value,
            _verdict(before.value, after.value, better),
        )
        for before, after in pairwise(levels)
    )


def _verdict(before: float, after: float, better: Better) -> Verdict:
    if better is None or before == after:
        return "changed"
    return "better" if (after < before) == (better == "lower") else "worse"


def _of_machine(runs: list[Run], machine: str | None) -> list[Run]:
    known = sorted({run.place.machine for run in runs})
    if machine is None or machine in known or not runs:
        return [run for run in runs if machine in (None, run.place.machine)]
    raise InputError(f"--machine {machine}: no results of it; there are {shorten(known)}{did_you_mean(machine, known)}")


def _by_place(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one place each, by name."""
    places = sorted({run.place for run in runs}, key=lambda place: (place.machine, place.environment, place.traits))
    return [[run for run in runs if run.place == place] for place in places]


def _curve(benchmark: Benchmark, cell: Cell, runs: Sequence[Run], tolerance: float) -> Curve:
    key = (benchmark.name, cell)
    found = [(run.commit, run.measurements[key]) for run in runs if key in run.measurements]
    points = tuple(_point(commit, measurement) for commit, measurement in found)
    better, metric = better_way(benchmark.name), tracked_metric(benchmark.name)
    levels = find_levels(points, [measurement.weight for _, measurement in found])
    return Curve(
        benchmark.name,
        benchmark.title or (METRICS[metric].title if metric else benchmark.name),
        metric,
        METRICS[metric].unit if metric else benchmark.unit,
        better,
        {name: _as_text(value) for name, value in zip(benchmark.parameter_names, cell, strict=True)},
        runs[0].place,
        points,
        levels,
        _steps_between(levels, better),
        tolerance,
    )


def _point(commit: Commit, measurement: Measurement) -> Point:
    value = measurement.value
    if value is None:
        return Point(commit.hash, commit.date, None, "failed")
    if value != value:
        return Point(commit.hash, commit.date, None, "skipped")
    return Point(commit.hash, commit.date, value, "measured", measurement.interval)


def _as_text(value: str) -> str:
    """A parameter's value as people write it: a text without its quotation marks."""
    quoted = len(value) > 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _full_name(benchmark: Benchmark, cell: Cell) -> str:
    """The name that asv gives a benchmark with its parameters."""
    return f"{benchmark.name}({', '.join(cell)})" if cell else benchmark.name


def _unmeasured(suite: Suite, runs: Sequence[Run]) -> tuple[str, ...]:
    held = {key for run in runs for key in run.measurements}
    names = (
        _full_name(benchmark, cell)
        for benchmark in suite.benchmarks
        for cell in benchmark.cells
        if (benchmark.name, cell) not in held
    )
    return tuple(names)
