"""Rows, and the directory of a run: rows as JSON Lines, details and references as files, a parquet export."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from dgsea_bench.bench.scenario import MEASUREMENT_VERSION, Case, contestant
from dgsea_bench.core.errors import InputError

SCHEMA_VERSION = 1
Status = Literal["done", "skipped", "failed", "out of memory", "out of time"]
FAILURES: tuple[Status, ...] = ("failed", "out of memory", "out of time")


class Row(BaseModel):
    """The result of one case.

    Attributes:
        case: the case as JSON. inputs: sha256 of each file that it reads.
        label: backend with knobs. cost, target: what its backend declares.
        procedure: how a null distribution came about.
        problem: facts of what was measured on. without_truth: why there are no errors, where there are none.
        status, reason: ``done``; ``skipped``, or one of `FAILURES`, with the reason.
        metrics: numbers named in `dgsea_bench.bench.metrics.METRICS`.
        flags: what a reader must know before believing the numbers: unstable times, output that nobody asked for.
        process: the process that measured: its cores, threads and limits, and the load of its machine.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    measurement_version: int = MEASUREMENT_VERSION
    case_id: str
    scenario: str
    task: str
    label: str
    cost: str
    target: str
    procedure: str | None = None
    case: dict[str, Any]
    inputs: dict[str, str] = {}
    problem: dict[str, Any] = {}
    status: Status
    reason: str | None = None
    without_truth: str | None = None
    metrics: dict[str, float] = {}
    flags: list[str] = []
    process: dict[str, Any] = {}
    environment_id: str

    @classmethod
    def of_case(cls, case: Case, outcome: dict[str, Any], scenario: str, environment_id: str) -> "Row":
        """The row of a case from what its measurement returned."""
        method = contestant(case)
        return cls(
            case_id=case.case_id,
            scenario=scenario,
            task=case.task,
            label=case.label,
            cost=method.cost,
            target=method.target,
            case=case.model_dump(mode="json"),
            inputs=case.source.input_hashes(),
            environment_id=environment_id,
            **outcome,
        )


def as_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """A row per case, nested fields as columns such as ``case.source.genes`` and ``metrics.value_error_mean``.

    A column of several types, such as set sizes that are numbers or ranges, becomes text; what is absent is None.
    """
    frame = pd.json_normalize([row.model_dump(mode="json") for row in rows])
    for name in frame.columns:
        present = frame[name].dropna()
        if present.map(type).nunique() > 1 and not pd.api.types.is_numeric_dtype(frame[name]):
            frame[name] = frame[name].map(str, na_action="ignore").astype(object).where(frame[name].notna(), None)
    return frame


class RunDirectory:
    """Where a sweep keeps what it measured."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def rows_file(self) -> Path:
        """One JSON object a line, flushed to disk as each case finishes."""
        return self.path / "rows.jsonl"

    def reference(self, case: Case) -> Path:
        """The file with the truth of a case's problem."""
        return self.path / "references" / f"{case.reference_id}.npz"

    def details(self, case: Case) -> Path:
        """The folder of what has many values for a case."""
        return self.path / "details" / case.case_id

    def prepare(self, *, fresh: bool) -> None:
        """Make the directory; `fresh` removes what an earlier sweep left in it.

        Raises:
            InputError: it cannot be made or written, or holds rows of another schema version.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if fresh and self.rows_file.is_file():  # never delete in a folder that no sweep has written
                for folder in ("details", "references"):
                    shutil.rmtree(self.path / folder, ignore_errors=True)
                self.rows_file.unlink()
                (self.path / "environment.json").unlink(missing_ok=True)
            self._drop_torn_line()
            (self.path / "rows.partial").touch()  # is it writable?
            (self.path / "rows.partial").unlink()
        except OSError as error:
            raise InputError(f"{self.path}: cannot write there: {error.strerror}") from None
        self.rows()

    def rows(self) -> list[Row]:
        """All rows so far; none if there is no file.

        Raises:
            InputError: a line that is not a row of this schema version, with its number.
        """
        if not self.rows_file.is_file():
            return []
        rows = []
        for number, line in enumerate(self._whole_lines().splitlines(), start=1):
            try:
                content = json.loads(line)
                if content.get("schema_version") != SCHEMA_VERSION:
                    raise InputError(
                        f"{self.rows_file}:{number}: schema version {content.get('schema_version')!r}, this program "
                        f"writes {SCHEMA_VERSION}; choose another --out, or --fresh to measure anew"
                    )
                rows.append(Row.model_validate(content))
            except (UnicodeDecodeError, json.JSONDecodeError, AttributeError, ValidationError) as error:
                problem = str(error).splitlines()[0]
                raise InputError(f"{self.rows_file}:{number}: is not a row of results: {problem}") from None
        return rows

    def latest_rows(self) -> list[Row]:
        """The last row of each case, in the order in which cases first appeared."""
        return list({row.case_id: row for row in self.rows()}.values())

    def measured_rows(self) -> list[Row]:
        """The same, for reading what a sweep left.

        Raises:
            InputError: there are none.
        """
        rows = self.latest_rows()
        if not rows:
            raise InputError(f"{self.rows_file}: no results there; run a sweep with --out {self.path} first")
        return rows

    def append(self, row: Row) -> None:
        """Add a row and flush it to disk."""
        with self.rows_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row.model_dump(mode="json"), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def record_environment(self, environment_id: str, environment: dict[str, Any]) -> None:
        """Add the environment to environment.json, which holds all under which rows were measured."""
        self._replace("environment.json", {**self.environments(), environment_id: environment})

    def environments(self) -> dict[str, Any]:
        """environment_id -> description.

        Raises:
            InputError: environment.json is not JSON.
        """
        file = self.path / "environment.json"
        try:
            known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except ValueError as error:
            raise InputError(f"{file}: is not a description of environments: {error}") from None
        return known

    def export(self) -> pd.DataFrame:
        """Write rows.parquet: a row per case, nested fields as columns ``case.source.genes``; and return it."""
        frame = as_frame(self.latest_rows())
        partial = self.path / "rows.partial"
        frame.to_parquet(partial, index=False)
        partial.replace(self.path / "rows.parquet")
        return frame

    def _replace(self, name: str, content: dict[str, Any]) -> None:
        partial = self.path / f"{name}.partial"
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
        partial.replace(self.path / name)

    def _drop_torn_line(self) -> None:
        if self.rows_file.is_file():
            whole = self._whole_lines()
            if len(whole) < self.rows_file.stat().st_size:
                self.rows_file.write_bytes(whole)

    def _whole_lines(self) -> bytes:
        """A crash may leave half a line at the end; that case is measured again."""
        content = self.rows_file.read_bytes()
        return content[: content.rfind(b"\n") + 1]
