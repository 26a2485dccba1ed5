"""What the benchmarks stand on: scenario files, and the names that the commit under test has in public.

A commit may be older than a name, a backend or a metric. What cannot be measured there is skipped with that reason,
which `asv run --show-stderr` prints; anything else that goes wrong is a failure.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import dgsea_bench  # noqa: F401 (loaded once, before asv's server forks a process for each cell)

SCENARIOS = Path(__file__).parent / "scenarios"
PROFILE = os.environ.get("DGSEA_BENCH_PROFILE", "small")
"""A folder there, or the absolute path of one elsewhere."""
if not all((SCENARIOS / PROFILE / f"{name}.toml").is_file() for name in ("enrichment", "significance")):
    raise SystemExit(
        f"DGSEA_BENCH_PROFILE is {PROFILE!r}; known: small, large, "
        "or the absolute path of a folder with enrichment.toml and significance.toml"
    )
DEFAULT = "default"
"""In the place of a backend's name: whichever a user gets who names none."""
POINT = ("backend", "genes", "gene sets")
"""What a cell is named by."""
ROW = ("case.backend", "case.source.genes", "case.source.sets", "case.dtype", "status", "reason")
"""Columns of a sweep's result that are kept beside the metrics."""
EARLIER = {
    "read_scenario": ("dgsea_bench.bench.scenario_files", "dgsea_bench.bench.scenario"),
    "growth": ("dgsea_bench.bench.metrics",),
    "METRICS": ("dgsea_bench.bench.metrics",),
    "DEFAULT_BACKEND": ("dgsea_bench.backends",),
}
"""Where names were before they were public in the package."""


class AbsentError(NotImplementedError):
    """The commit cannot be asked for this; asv takes it for a skip."""


def public(name: str) -> Any:
    """What the commit under test calls by that name.

    Raises:
        AbsentError: it does not have it yet.
    """
    for module in ("dgsea_bench", *EARLIER.get(name, ())):
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module:  # the commit is broken, not older
                raise
        except AttributeError:
            continue
    raise AbsentError(f"this commit has no dgsea_bench.{name}")


def tracked(pretty_name: str, unit: str, *, version: str = "1") -> Callable[[Callable], Callable]:
    """Says what a benchmark's graph shows, and in which unit; times are in seconds whatever it is.

    Benchmarks of another profile than the small one bear its name, so that asv keeps the results of both.

    Args:
        pretty_name: the title.
        unit: of the axis.
        version: raised when older numbers no longer mean the same, which asv then leaves out.
    """

    def mark(benchmark: Callable) -> Callable:
        benchmark.pretty_name, benchmark.unit, benchmark.version = pretty_name, unit, version
        if PROFILE != "small":
            profile = re.sub(r"\W", "_", Path(PROFILE).name)  # asv's ids end at a hyphen
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

    def has_truth(self, genes: int) -> bool:
        """Whether the truth of so many genes is computed, which takes long."""
        return genes <= self.content.get("measure", {}).get("reference_max_genes", genes)

    def read(self) -> Any:
        """The scenario as the commit reads it, with those of its backends that the commit has.

        Raises:
            AbsentError: it cannot read it.
        """
        known = public("backends")()
        try:
            read = public("read_scenario")(str(self.file))
        except public("InputError") as error:
            raise AbsentError(f"this commit cannot read {self.file.name}: {error}") from error
        return read.with_backends([name for name in self.backends if name in known])

    def case(self, backend: str, genes: int, sets: int) -> Any:
        """The case of these sizes: its source loads the scores and gene sets; beside it parameters and threads.

        Raises:
            AbsentError: the commit does not have the backend, or it cannot run here or with so many genes.
        """
        name = public("DEFAULT_BACKEND") if backend == DEFAULT else backend
        self._require(name)
        cases = [case for case in self.read().cases() if case.backend == name]
        (found,) = [case for case in cases if (case.source.genes, case.source.sets) == (genes, sets)]
        reason = found.skip or public("get_backend")(name).unavailable(found.device)
        if reason:
            raise AbsentError(reason)
        return found

    def sweep(self) -> None:
        """Measure all cases as `python -m dgsea_bench sweep` does, and keep their rows in the working directory.

        Where the commit cannot, the reason is kept instead: asv takes an error here for a failure of every benchmark.
        """
        try:
            known = list(dict.fromkeys(case.backend for case in self.read().cases()))
            found = public("run_sweep")(str(self.file), backends=known, out=Path(self.name))
        except AbsentError as reason:
            kept: Any = str(reason)
        else:
            names = [name for name in found.columns if name.startswith("metrics.") or name in ROW]
            kept = found[names].astype(object).where(found[names].notna(), None).to_dict("records")
        self._kept.write_text(json.dumps(kept), encoding="utf-8")

    def row(self, backend: str, genes: int, sets: int) -> dict[str, Any]:
        """What the sweep says of one case; None where it says nothing.

        Raises:
            AbsentError: nothing was measured, with the reason.
            RuntimeError: the case failed.
        """
        kept = json.loads(self._kept.read_text(encoding="utf-8"))
        if isinstance(kept, str):
            raise AbsentError(kept)
        self._require(backend)
        point = (backend, genes, sets)
        (row,) = [each for each in kept if tuple(each[name] for name in ROW[:3]) == point]
        if row["status"] == "skipped":
            raise AbsentError(row["reason"])
        if row["status"] != "done":
            raise RuntimeError(f"{row['status']}: {row['reason']}")
        return row

    def _require(self, backend: str) -> None:
        if backend not in public("backends")():
            raise AbsentError(f"this commit has no backend {backend}")

    @property
    def _kept(self) -> Path:
        return Path(f"{self.name}.json")


ENRICHMENT, SIGNIFICANCE = Scenario("enrichment"), Scenario("significance")
