"""One or several directories of sweeps, read as one run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dgsea_bench.bench.environment import machine_name, with_commands
from dgsea_bench.bench.results import Row, RunDirectory
from dgsea_bench.core.errors import InputError
from dgsea_bench.report.rows import Run


def read_runs(directories: Sequence[Path]) -> Run:
    """One or several runs as one: a case once for each machine, as in the last directory that holds it.

    Raises:
        InputError: a directory without rows, rows that cannot be read, or two descriptions of one environment.
    """
    rows: dict[tuple[str, str], Row] = {}
    homes: dict[tuple[str, str], Path] = {}
    environments: dict[str, Any] = {}
    for path in directories:
        directory = RunDirectory(path)
        measured = directory.measured_rows()
        described = directory.environments()
        for name in described.keys() & environments.keys():
            if _lasting(described[name]) != _lasting(environments[name]):
                raise InputError(
                    f"{path}: environment {name} is described otherwise than in a run before it, so that one of the "
                    "files environment.json was changed; report them one by one"
                )
        environments |= {name: with_commands(environments.get(name, {}), known) for name, known in described.items()}
        for row in measured:
            # The environment may be described in a later directory alone, so machines are told apart below.
            rows.pop((row.case_id, row.environment_id), None)
            rows[row.case_id, row.environment_id] = row
            homes[row.case_id, row.environment_id] = path
    latest = {(row.case_id, machine_name(row.environment_id, environments)): row for row in rows.values()}
    kept = tuple(latest.values())
    elsewhere = {key: homes[key] for row in kept if homes[key := (row.case_id, row.environment_id)] != directories[0]}
    return Run(directories[0], kept, environments, elsewhere)


def _lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same in all runs in an environment: neither commands nor what is set for each case anew."""
    return {
        name: environment.get(name)
        for name in ("processor", "cores", "memory_gib", "gpu", "python", "packages", "commit", "program")
    }
