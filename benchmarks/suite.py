"""What the benchmarks stand on: scenario files, and the names that the commit under test has in public.

A commit may be older than a name, a backend or a metric. What cannot be measured there is skipped with that reason,
which `asv run --show-stderr` prints; anything else that goes wrong is a failure.
"""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

import dgsea_bench  # noqa: F401 (loaded once, before asv's server forks a process for each cell)

SCENARIOS = Path(__file__).parent / "scenarios"
PROFILE = os.environ.get("DGSEA_BENCH_PROFILE", "small")
"""A folder there, or anywhere, with enrichment.toml and significance.toml."""
if not (SCENARIOS / PROFILE / "enrichment.toml").is_file():
    raise SystemExit(f"DGSEA_BENCH_PROFILE is {PROFILE!r}; known: small, large, or a folder with an enrichment.toml")
DEFAULT = "default"
"""In the place of a backend's name: whichever a user gets who names none."""
ROW = ("case.backend", "case.source.genes", "case.source.sets", "status", "reason", "without_truth")
"""Columns of a sweep's result that are kept beside the metrics."""
EARLIER = {
    "read_scenario": ("dgsea_bench.bench.scenario_files", "dgsea_bench.bench.scenario"),
    "growth": ("dgsea_bench.bench.metrics",),
    "METRICS": ("dgsea_bench.bench.metrics",),
}
"""Where names were before they were public in the package."""


def public(name: str) -> Any:
    """What the commit under test calls by that name.

    Raises:
        NotImplementedError: it does not have it yet, which asv takes for a skip.
    """
    for module in ("dgsea_bench", *EARLIER.get(name, ())):
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module:  # the commit is broken, not older
                raise
        except AttributeError:
            continue
    raise NotImplementedError(f"this commit has no dgsea_bench.{name}")


def tracked(pretty_name: str, unit: str) -> Callable[[Callable], Callable]:
    """Says what a benchmark's graph shows, and in which unit; times are in seconds whatever it is.

    Benchmarks of another profile than the small one bear its name, so that asv keeps the results of both.
    """

    def mark(benchmark: Callable) -> Callable:
        benchmark.pretty_name, benchmark.unit = pretty_name, unit
        if PROFILE != "small":
            profile = Path(PROFILE).name
            module = benchmark.__module__.rpartition(".")[2]
            benchmark.pretty_name = f"{pretty_name} ({profile})"
            benchmark.benchmark_name = f"{profile}.{module}.{benchmark.__qualname__}"
        return benchmark

    return mark


@dataclass(frozen=True)
class Scenario:
    """A scenario file of the profile: problems by number of genes and of gene sets, and backends."""

    name: str

    @property
    def file(self) -> Path:
        """The .toml, which `python -m dgsea_bench sweep` takes too."""
        return SCENARIOS / PROFILE / f"{self.name}.toml"

    @cached_property
    def content(self) -> dict[str, Any]:
        """What it says, read without the package: commits that cannot read it must still know what to skip."""
        return tomllib.loads(self.file.read_text(encoding="utf-8"))

    @property
    def backends(self) -> list[str]:
        """Names of its backends."""
        return [entry["name"] for entry in self.content["backends"]]

    @property
    def sizes(self) -> tuple[list[int], list[int]]:
        """Numbers of genes, and of gene sets."""
        (grid,) = self.content["grids"]
        return grid["genes"], grid["sets"]

    def read(self) -> Any:
        """The scenario as the commit reads it, with those of its backends that the commit has.

        Raises:
            NotImplementedError: it cannot read it.
        """
        known = public("backends")()
        try:
            read = public("read_scenario")(str(self.file))
        except public("InputError") as error:
            raise NotImplementedError(f"this commit cannot read {self.file.name}: {error}") from error
        return read.with_backends([name for name in self.backends if name in known])

    def case(self, backend: str, genes: int, sets: int) -> Any:
        """The case of these sizes: its source loads the scores and gene sets; beside it parameters and threads.

        Of `DEFAULT`, that of the first backend: the problem is the same for all.

        Raises:
            NotImplementedError: the commit does not have the backend, or it cannot run here or with so many genes.
        """
        cases = [each for each in self.read().cases() if (each.source.genes, each.source.sets) == (genes, sets)]
        if backend == DEFAULT:
            return cases[0]
        found = [each for each in cases if each.backend == backend]
        if not found:
            raise NotImplementedError(f"this commit has no backend {backend}")
        reason = found[0].skip or public("get_backend")(backend).unavailable(found[0].device)
        if reason:
            raise NotImplementedError(reason)
        return found[0]

    def sweep(self) -> None:
        """Measure all cases as `python -m dgsea_bench sweep` does, and keep their rows in the working directory.

        Where the commit cannot, the reason is kept instead: asv takes an error here for a failure of every benchmark.
        """
        try:
            known = list(dict.fromkeys(case.backend for case in self.read().cases()))
            found = public("run_sweep")(str(self.file), backends=known, out=Path(self.name))
        except NotImplementedError as reason:
            self._reason.write_text(str(reason), encoding="utf-8")
            return
        kept = [name for name in found.columns if name.startswith("metrics.") or name in ROW]
        found[kept].to_parquet(self._rows, index=False)

    def row(self, backend: str, genes: int, sets: int) -> dict[str, Any]:
        """What the sweep says of one case.

        Raises:
            NotImplementedError: nothing was measured, with the reason.
            RuntimeError: the case failed.
        """
        if self._reason.is_file():
            raise NotImplementedError(self._reason.read_text(encoding="utf-8"))
        wanted = {"case.backend": backend, "case.source.genes": genes, "case.source.sets": sets}
        rows = pd.read_parquet(self._rows)
        rows = rows[(rows[list(wanted)] == pd.Series(wanted)).all(axis="columns")]
        if rows.empty:
            raise NotImplementedError(f"this commit has no backend {backend}")
        (row,) = rows.to_dict("records")
        if row["status"] == "skipped":
            raise NotImplementedError(row["reason"])
        if row["status"] != "done":
            raise RuntimeError(f"{row['status']}: {row['reason']}")
        return row

    @property
    def _rows(self) -> Path:
        return Path(f"{self.name}.parquet")

    @property
    def _reason(self) -> Path:
        return Path(f"{self.name}.reason")


ENRICHMENT, SIGNIFICANCE = Scenario("enrichment"), Scenario("significance")
