"""What asv keeps of its runs, read through asv's own classes; a file that is none of asv's is an error that names it.

asv takes a while to import, so it is imported only where something is read.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dgsea_bench.core.errors import InputError

Cell = tuple[str, ...]
"""Values of a benchmark's parameters, as Python writes them: ``("'exact'", "1000")``; empty without parameters."""

CONFIGURATIONS = ("asv.conf.json", "asv.conf.jsonc")
THRESHOLD = 0.05
"""asv's relative size below which a step is no news, where its configuration says nothing."""
HOW_TO_MEASURE = "measure first: asv machine --yes, then asv run"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark of the suite, with the chosen combinations of its parameters; the title may be missing."""

    name: str
    title: str | None
    unit: str
    parameter_names: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Suite:
    """The chosen benchmarks, as asv found them last, and where results lie."""

    results: Path
    benchmarks: tuple[Benchmark, ...]
    names: frozenset[str]
    """Of all benchmarks, chosen or not."""
    thresholds: Mapping[str, float]
    known: Any
    """asv's own description of them, by which it knows results of older versions."""

    def threshold(self, name: str) -> float:
        """The relative size below which a step is no news: of all patterns that match the name, the largest."""
        found = [threshold for pattern, threshold in self.thresholds.items() if re.match(pattern, name)]
        return max(found, default=THRESHOLD)


@dataclass(frozen=True)
class Place:
    """Where something was measured; what differs in any of it cannot be compared, to asv as to us."""

    machine: str
    environment: str
    traits: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Commit:
    """A commit and its date (UTC), as asv recorded them."""

    hash: str
    date: datetime


@dataclass(frozen=True)
class Measurement:
    """One cell at one commit: its value, NaN if skipped and None if failed, and its weight for asv's step detection.

    `interval` has the ends of the 99 % interval of the value that asv derives from repeated calls, where it does.
    """

    value: float | None
    weight: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Run:
    """A file of results: one commit, in one place."""

    file: Path
    place: Place
    commit: Commit
    measurements: Mapping[tuple[str, Cell], Measurement]
    outdated: frozenset[str]
    """Benchmarks that have changed since; asv does not count what older versions of them gave."""
    unlisted: frozenset[str]
    """Benchmarks of which there are results, but which were not in the suite when asv looked last."""


class _Described(BaseModel):
    """What asv writes of a benchmark, as far as it is needed here."""

    name: str
    params: list[list[str]]
    param_names: list[str]
    version: str
    unit: str = "unit"
    pretty_name: str | None = None


def read_suite(config: Path | None = None, patterns: Sequence[str] = ()) -> Suite:
    """The benchmarks of which asv has results, by asv's configuration.

    Args:
        config: asv's configuration; None: asv.conf.json in the working directory.
        patterns: regular expressions, as ``asv run --bench`` takes them: a benchmark, or a combination of its
            parameters, is chosen where one is found in ``name(value, value)``.

    Raises:
        InputError: no configuration, nothing measured yet, a damaged file, or patterns that choose nothing.
    """
    from asv.benchmarks import Benchmarks

    for pattern in patterns:
        _check_pattern(pattern, "--bench")
    config = config or _configuration()
    settings = _read_configuration(config)
    results = config.parent / settings.results_dir
    file = results / "benchmarks.json"
    if not file.exists():
        raise InputError(f"{results}: no results of asv there; {HOW_TO_MEASURE}")
    settings.results_dir = str(results.resolve())
    with _reading(file, "`asv run --bench just-discover` writes it anew"):
        names = frozenset(Benchmarks.load(settings))
        known = Benchmarks.load(settings, regex=list(patterns))
        benchmarks = tuple(_benchmark(each, known.benchmark_selection[name]) for name, each in sorted(known.items()))
    if not benchmarks:
        chosen = f"is matched by --bench {' '.join(patterns)}" if patterns else "is in the suite"
        raise InputError(f"{file}: no benchmark {chosen}; names are as `asv run` prints them")
    return Suite(results, benchmarks, names, _thresholds(settings, config), known)


def read_runs(suite: Suite) -> list[Run]:
    """All results in the folder, in the order of the commits' dates.

    Raises:
        InputError: a file that asv has not written or that is damaged, or two of the same commit in the same place.
    """
    runs: dict[tuple[Place, str], Run] = {}
    for file in sorted(suite.results.rglob("*.json")):
        if file.name in ("benchmarks.json", "machine.json"):
            continue
        run = _read_run(file, suite)
        other = runs.setdefault((run.place, run.commit.hash), run)
        if other is not run:
            raise InputError(f"{file}: holds the commit and the environment of {other.file} again; remove one of them")
    return sorted(runs.values(), key=lambda run: (run.commit.date, run.commit.hash))


def _configuration() -> Path:
    found = [Path(name) for name in CONFIGURATIONS if Path(name).exists()]
    if not found:
        raise InputError("no asv.conf.json in this directory; go to the repository's root, or name one with --config")
    if len(found) > 1:
        raise InputError(f"both {found[0]} and {found[1]} are here; name one of them with --config")
    return found[0]


def _read_configuration(config: Path) -> Any:
    from asv.config import Config

    if not config.is_file():
        raise InputError(f"{config}: no such file; --config names asv's configuration, such as asv.conf.json")
    with _reading(config, "see https://asv.readthedocs.io on asv.conf.json"):
        settings = Config.load(str(config.resolve()))
        Path(settings.results_dir)
    return settings


def _thresholds(settings: Any, config: Path) -> dict[str, float]:
    with _reading(config, "see https://asv.readthedocs.io on regressions_thresholds"):
        found = {pattern: float(threshold) for pattern, threshold in settings.regressions_thresholds.items()}
    for pattern in found:
        _check_pattern(pattern, f"{config}: regressions_thresholds")
    return found


def _check_pattern(pattern: str, where: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise InputError(f"{where}: {pattern!r} is no regular expression: {error}") from None


def _benchmark(described: Any, chosen: list[int] | None) -> Benchmark:
    """What is known of a benchmark; `chosen` counts the combinations of its parameters, None if it has none."""
    known = _Described.model_validate(described)
    if len(known.params) != len(known.param_names):
        raise ValueError
    cells = tuple(product(*known.params))
    return Benchmark(
        known.name,
        known.pretty_name,
        known.unit,
        tuple(known.param_names),
        cells if chosen is None else tuple(cells[number] for number in chosen),
    )


def _read_run(file: Path, suite: Suite) -> Run:
    from asv.results import Results

    machine = _machine(file.parent, file)
    with _reading(file, "remove it, or measure that commit again"):
        results = Results.load(str(file.resolve()), machine_name=machine)
        traits = {name: "" if value is None else str(value) for name, value in results.params.items()}
        traits |= {f"env-{name}": str(value) for name, value in results.env_vars.items()}
        counting = results.get_result_keys(suite.known)
        return Run(
            file,
            Place(machine, str(results.env_name), tuple(sorted(traits.items()))),
            _commit(results.commit_hash, results.date),
            {
                (benchmark.name, cell): measurement
                for benchmark in suite.benchmarks
                if benchmark.name in counting
                for cell, measurement in _measurements(results, benchmark)
            },
            frozenset(set(results.get_all_result_keys()) & set(suite.known) - counting),
            frozenset(set(results.get_all_result_keys()) - suite.names),
        )


def _machine(folder: Path, file: Path) -> str:
    """The name of the machine whose results lie in that folder."""
    from asv.machine import Machine
    from asv.util import load_json

    description = folder / "machine.json"
    if not description.exists():
        raise InputError(f"{file}: there is no machine.json beside it; move it away if it is none of asv's results")
    with _reading(description, "`asv machine --yes` and `asv run` write it anew"):
        name = load_json(str(description.resolve()), Machine.api_version)["machine"]
        if not isinstance(name, str):
            raise TypeError
    return name


def _commit(name: Any, milliseconds: Any) -> Commit:
    if not isinstance(name, str):
        raise TypeError
    return Commit(name, datetime.fromtimestamp(milliseconds / 1000, UTC))


def _measurements(results: Any, benchmark: Benchmark) -> Iterator[tuple[Cell, Measurement]]:
    """What a file holds of a benchmark; combinations of parameters that were none then are left out."""
    from asv._stats import get_weight

    cells = list(product(*results.get_result_params(benchmark.name)))
    values = results.get_result_value(benchmark.name, results.get_result_params(benchmark.name))
    statistics = results.get_result_stats(benchmark.name, results.get_result_params(benchmark.name))
    chosen = set(benchmark.cells)
    for cell, value, known in zip(cells, values, statistics, strict=True):
        if cell in chosen:
            yield cell, Measurement(_number(value), get_weight(known), _interval(known))


def _interval(known: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """None without statistics, or where the calls were too few for an interval."""
    low, high = ((known or {}).get(name) for name in ("ci_99_a", "ci_99_b"))
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return float(low), float(high)


def _number(value: Any) -> float | None:
    """A value as asv keeps it: NaN says skipped, None failed, and so does what is not finite."""
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise TypeError
    return None if math.isinf(value) else float(value)


@contextmanager
def _reading(file: Path, remedy: str) -> Iterator[None]:
    """Whatever asv stumbles over in a file is told in one line, with the file's name and what to do."""
    from asv.util import UserError

    try:
        yield
    except UserError as error:
        raise InputError(f"{file}: {_reason(str(error), file)}; {remedy}") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is no JSON: {error}; {remedy}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise InputError(f"{file}: is not as asv writes it; {remedy}") from None


def _reason(message: str, file: Path) -> str:
    """What asv says of a file, without the file's name."""
    before, _, after = message.partition(str(file.resolve()))
    return " ".join((after.strip("':. \n") or before).split())
