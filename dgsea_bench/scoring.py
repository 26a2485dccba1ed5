"""Someone's own ranking scored: enrichment and significance by several backends, side by side in one table.

What would take too long is noticed early: from samples of the genes before a backend begins, and from its own pace.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pandas as pd
import torch

from dgsea_bench.backends import DEFAULT_BACKEND, Backend, get_backend
from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.files import check_writable, whole_file
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.compounds import Compounds
from dgsea_bench.data.problem import Problem
from dgsea_bench.enrichment_result import EnrichmentResult
from dgsea_bench.normalized_enrichment import normalized_enrichment_score
from dgsea_bench.significance import permutations_for_p_values, smallest_p_value

DEFAULT_BACKENDS = tuple(dict.fromkeys(("hard", DEFAULT_BACKEND)))
TIME_LIMIT = 60.0
"""Seconds that a backend may take that nobody asked for by name."""
ENOUGH = 2.0
"""Seconds of null scores, after the first of them, before anything is said of those to come."""
SAMPLES = (1000, 3000)
"""Genes in the samples that tell how time grows; smaller rankings show it soon enough."""
SAMPLE_SECONDS = 0.5
"""How long the null scores of a sample are timed, after the first of them."""
SPREADSHEETS = (".xls", ".xlsx", ".ods")
STATISTICS = ("ES", "NES", "NOM p-val", "FDR q-val", "Tag %", "Gene %")
TEXTS = ("Lead_genes", "Reason")

Watcher = Callable[[str, float, float | None], None]
"""Called with a backend's name, the share that is done, and the seconds left, None while nobody knows."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """One ranking scored by several backends.

    Attributes:
        results: backend -> its result, in the order asked for; the first one orders the table.
        left_out: backend -> why it has no result.
    """

    results: Mapping[str, EnrichmentResult]
    left_out: Mapping[str, str]

    def table(self) -> pd.DataFrame:
        """A row per gene set, the largest magnitude of the first backend's NES first.

        ``Term``, ``Size``; for each backend, say hard, ``hard ES``, ``hard NES``, ``hard NOM p-val``,
        ``hard FDR q-val``, ``hard Tag %``, ``hard Gene %``; then, since they are long, for each backend
        ``hard Lead_genes`` (separated by ;) and ``hard Reason`` (why a number is missing). They mean what they mean in
        `EnrichmentResult.to_frame`, but that Tag % is a number, in percent: 12/30 becomes a date in a spreadsheet.
        """
        frames = {name: _numeric(result.to_frame().set_index("Term")) for name, result in self.results.items()}
        first = next(iter(frames.values()))
        columns = {
            f"{name} {column}": frame[column].reindex(first.index)
            for wanted in (STATISTICS, TEXTS)
            for name, frame in frames.items()
            for column in wanted
        }
        return pd.DataFrame({"Size": first["Size"], **columns}).reset_index()

    def gaps(self) -> list[str]:
        """A line per backend and reason for which numbers are missing, with the gene sets concerned."""
        lines = []
        for name, result in self.results.items():
            for reason in Counter(filter(None, result.reason[0])):
                sets = [term for term, why in zip(result.gene_sets.names, result.reason[0]) if why == reason]
                noun = "gene set" if len(sets) == 1 else "gene sets"
                lines.append(f"{name}, {len(sets):,} {noun} ({shorten(sets)}): {reason}")
        return lines


def _numeric(frame: pd.DataFrame) -> pd.DataFrame:
    """Tag % and Gene % as numbers."""
    edge = frame["Tag %"].str.partition("/")
    tag, gene = 100 * edge[0].astype(float) / edge[2].astype(float), frame["Gene %"].str.rstrip("%").astype(float)
    return frame.assign(**{"Tag %": tag, "Gene %": gene})


def describe_problem(problem: Problem) -> list[str]:
    """Genes, ties, and the sets that are used or left out: a line each."""
    profiles, genes = problem.scores.shape
    return [
        *([f"{profiles:,} profiles"] if profiles > 1 else []),
        f"{genes:,} genes, {problem.tied_share:.1%} of them tied",
        f"{len(problem.gene_sets):,} gene set{'' if len(problem.gene_sets) == 1 else 's'} used",
        *_about_units(problem),
        *(f"{count:,} left out: {reason}" for reason, count in problem.gene_sets.dropped_by_reason.items()),
    ]


def describe_compounds(compounds: Compounds) -> list[str]:
    """Compounds, genes, and what was left out or averaged: a line each."""
    spread = float(compounds.signatures.std())
    size = f"{len(compounds):,} compounds × {len(compounds.genes):,} genes"
    return [size, *_about_spread(spread), *compounds.remarks]


def _about_units(problem: Problem) -> list[str]:
    """That soft ranks depend on the spread of the scores, where it is far from that of standard scores."""
    told = _about_spread(float(problem.scores.std()))
    if problem.profiles and float(problem.scores.min()) >= 0:
        told.append('no score is negative, as if these were expression: transform = "center" makes scores of it')
    return told


def _about_spread(spread: float) -> list[str]:
    text = f"standard deviation of the scores {spread:.2g}: dGSEA depends on it, as tau_rank is in its units"
    return [] if 0.5 <= spread <= 2 else [text]


def describe_null(null: NullParams) -> list[str]:
    """How NES and p-values come about, and the smallest p that can be had: a line each."""
    shared = ", shared by sets of the same size" if null.sharing == "size" else ""
    lines = [f"null distribution: {null.permutations:,} permutations of the genes, seed {null.seed}{shared}"]
    later = permutations_for_p_values(null, null.permutations)
    if null.split is not None:
        lines.append(f"the first {null.permutations - later:,} normalise ES, the other {later:,} give p")
    smallest = f"about {smallest_p_value(null):.2g}, less or more as more or fewer null scores have the sign of ES"
    lines.append(
        f"p = 0 means below {smallest}" if null.p_value == "gsea" else f"smallest p that they can give: {smallest}"
    )
    return lines


def score_problem(
    problem: Problem,
    backends: Sequence[str | Backend] = DEFAULT_BACKENDS,
    *,
    params: EnrichmentParams | None = None,
    null: NullParams | None = None,
    time_limit: float = TIME_LIMIT,
    watcher: Watcher | None = None,
) -> Scoring:
    """Score a ranking by several backends, on the same permutations.

    Args:
        problem: one profile and its gene sets.
        backends: names or instances.
        params: exponent and temperatures.
        null: how the null distribution is drawn and used.
        time_limit: seconds; a backend that would take longer is left out, unless it is the first. `math.inf`: none is.
        watcher: told of progress; an exception that it raises ends the work.

    Raises:
        InputError: more than one profile, an unknown backend, or one that is given twice.
    """
    if problem.scores.shape[0] != 1:
        raise InputError(f"a ranking is one profile; there are {problem.scores.shape[0]}")
    methods = [get_backend(backend) for backend in dict.fromkeys(backends)]
    repeated = [name for name, times in Counter(method.name for method in methods).items() if times > 1]
    if repeated or not methods:
        raise InputError(f"backend {repeated[0]!r} is given twice" if repeated else "no backend is given")
    results: dict[str, EnrichmentResult] = {}
    left_out: dict[str, str] = {}
    for method in methods:
        run = _Run(problem, method, params or EnrichmentParams(), null or NullParams())
        try:
            results[method.name] = run.watched(time_limit if results else math.inf, watcher or _nobody)
        except _TooLongError as stop:
            left_out[method.name] = str(stop)
    return Scoring(results, left_out)


class _TooLongError(Exception):
    """Raised out of a computation to end it; the text says how long it would take."""


def _nobody(name: str, share: float, left: float | None) -> None:
    pass


class _Clock:
    """What the time since some work was first done says of the time to come."""

    def __init__(self) -> None:
        self.start = perf_counter()
        self.first: tuple[float, int] | None = None

    def mark(self, done: int, total: int) -> None:
        """So much of all is done by now. What came before the first mark is not counted as pace: compiling, ranking."""
        self.elapsed = perf_counter() - self.start
        self.first = self.first or (self.elapsed, done)
        self.since = self.elapsed - self.first[0]
        count = done - self.first[1]
        self.pace = self.since / count if count else None
        self.total = total
        self.left = None if self.pace is None else self.pace * (total - done)


@dataclass(frozen=True)
class _Run:
    """What one backend has to do."""

    problem: Problem
    method: Backend
    params: EnrichmentParams
    null: NullParams

    def watched(self, limit: float, watcher: Watcher) -> EnrichmentResult:
        """Do it, unless it would take longer than `limit` seconds: that raises."""
        name = self.method.name
        watcher(name, 0.0, None)
        forecast = self.forecast()
        if forecast is not None and forecast > limit:
            raise _TooLongError(f"would take about {duration(forecast)}")
        clock = _Clock()

        def note(done: int, total: int) -> None:
            clock.mark(done, total)
            if clock.elapsed > limit:
                raise _TooLongError(f"takes more than {duration(limit)}")
            left = clock.left if clock.since >= ENOUGH else None
            if left is not None and clock.elapsed + left > limit:
                raise _TooLongError(f"would take about {duration(clock.elapsed + left)}")
            watcher(name, done / total, left)

        watcher(name, 0.0, forecast)
        return self.done(self.problem, note)

    def done(self, problem: Problem, progress: Callable[[int, int], None]) -> EnrichmentResult:
        """The result for a problem."""
        with torch.no_grad():
            return normalized_enrichment_score(
                problem.scores,
                problem.gene_sets,
                params=self.params,
                null=self.null,
                backend=self.method,
                progress=progress,
            )

    def forecast(self) -> float | None:
        """Seconds that many genes would take, by the growth between two samples of them; None where there are few."""
        genes = self.problem.scores.shape[1]
        few, more = SAMPLES
        if genes <= more:
            return None
        before, after = (self._timed(_sample(self.problem, count)) for count in SAMPLES)
        growth = min(max(math.log(after / before) / math.log(more / few), 0.0), 2.0)
        return after * math.pow(genes / more, growth)

    def _timed(self, problem: Problem) -> float:
        """Seconds for all null scores of a problem, from the pace of some of them."""
        clock = _Clock()

        def note(done: int, total: int) -> None:
            clock.mark(done, total)
            if clock.since > SAMPLE_SECONDS:
                raise _TooLongError

        with suppress(_TooLongError):
            self.done(problem, note)
        return max((clock.pace or 0.0) * clock.total, 1e-6)


def _sample(problem: Problem, count: int) -> Problem:
    """So many genes, evenly spaced in the ranking, and as many sets of the same sizes, as far as they fit."""
    ordered = problem.scores.sort(-1, descending=True).values
    places = torch.linspace(0, ordered.shape[1] - 1, count).long()
    sizes = problem.gene_sets.sizes.clamp_max(count // 2)
    indices = torch.cat([torch.arange(size) for size in sizes.tolist()])
    genes = tuple(map(str, range(count)))
    return Problem(ordered[:, places], GeneSets.from_sizes(problem.gene_sets.names, genes, sizes, indices))


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 hours``, ``4 days``: as exact as an estimate is."""
    for unit, length, most in (("s", 1, 90), ("min", 60, 90), ("hours", 3600, 48), ("days", 86400, math.inf)):
        value = seconds / length
        if value < most:
            return f"{value:.1f} {unit}" if unit in ("hours", "days") and value < 10 else f"{value:.0f} {unit}"
    return "for ever"


def check_table(path: Path, *, sparing: Sequence[str | Path] = ()) -> None:
    """Raise for a file that `write_table` could not write, or should not, before any work is done.

    Raises:
        InputError: a name that is not that of a table, or what `check_writable` refuses.
    """
    if path.suffix.lower() in SPREADSHEETS:
        raise InputError(f"{path}: tables are written as text; let the name end in .tsv or .csv")
    check_writable(path, sparing=sparing)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table: tab-separated, or as CSV if the name ends in .csv. It appears whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with whole_file(path.resolve()) as partial:
            table.to_csv(partial, sep="," if path.suffix.lower() == ".csv" else "\t", index=False, float_format="%.6g")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
