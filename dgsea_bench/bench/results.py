"""Rows, and the directory of a run: rows as JSON Lines, details and references as files, a parquet export."""

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from dgsea_bench.bench.case import MEASUREMENT_VERSION, Case, contestant
from dgsea_bench.bench.environment import with_commands
from dgsea_bench.bench.spec import Outcome, Status
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import write_whole

SCHEMA_VERSION = 1


class Row(BaseModel):
    """The result of one case.

    Attributes:
        case: the case as JSON. inputs: sha256 of each file that it reads.
        label: backend with knobs. cost, target: what its backend declares.
        procedure: how a null distribution came about.
        problem: facts of what was measured on. without_truth: why there are no errors, where there are none.
        status, reason: ``done``; ``skipped``, or one of `dgsea_bench.bench.spec.FAILURES`, with the reason.
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
    def of_case(cls, case: Case, outcome: Outcome, scenario: str) -> "Row":
        """The row of a case from what became of it."""
        method = contestant(case)
        return cls(
            case_id=case.case_id,
            scenario=scenario,
            task=case.task,
            label=case.label,
            cost=method.cost,
            target=method.target,
            case=case.model_dump(mode="json"),
            inputs=case.inputs,
            status=outcome.status,
            reason=outcome.reason,
            environment_id=outcome.environment_id,
            **outcome.fields,
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
        """The file with the truth of a case's problem; for training, with the model that arms begin with."""
        return self.path / "references" / f"{case.reference_id}.{'npz' if case.training is None else 'pt'}"

    def details(self, case: Case) -> Path:
        """The folder of what has many values for a case."""
        return self.path / "details" / case.case_id

    @contextmanager
    def open_for_writing(self, *, fresh: bool) -> Iterator[None]:
        """Hold the directory for the time of a block, made if need be; `fresh` removes an earlier sweep's results.

        A line that a crash tore is dropped; see `torn_line`.

        Raises:
            InputError: another sweep writes there; it cannot be written; or it holds rows of another schema version.
        """
        with self._errors_told(opening=True):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / "sweep.lock").open("a"):
                pass  # says what is amiss where the lock would only say that it cannot be had
            lock = FileLock(self.path / "sweep.lock")
            holder = self.path / "sweep.json"
            try:
                lock.acquire(blocking=False)
            except Timeout:
                raise InputError(
                    f"{self.path}: another sweep is writing there{_who(holder)}; wait for it, or choose another --out"
                ) from None
        try:
            with self._errors_told():
                self._replace("sweep.json", {"process": os.getpid(), "host": platform.node(), "since": _now()})
                if fresh and self.rows_file.is_file():  # never delete in a folder that no sweep has written
                    self._remove_results()
                self._drop_torn_line()
            self.rows()
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    @contextmanager
    def _errors_told(self, *, opening: bool = False) -> Iterator[None]:
        """Whatever the system refuses becomes a plain message."""
        try:
            yield
        except OSError as error:
            where = error.filename or self.path
            rest = "; name another folder with --out" if opening else "; what was measured before is kept"
            raise InputError(f"{where}: cannot write there: {error.strerror}{rest}") from None

    def _remove_results(self) -> None:
        for folder in ("details", "references"):
            shutil.rmtree(self.path / folder, ignore_errors=True)
        self.rows_file.unlink()
        for name in ("environment.json", "rows.parquet"):
            (self.path / name).unlink(missing_ok=True)

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
                        f"knows {SCHEMA_VERSION}; sweep into another --out, or measure anew with --fresh"
                    )
                rows.append(Row.model_validate(content))
            except (UnicodeDecodeError, json.JSONDecodeError, AttributeError, ValidationError) as error:
                problem = str(error).splitlines()[0]
                raise InputError(
                    f"{self.rows_file}:{number}: is not a row of results: {problem}; without that line its case is "
                    "measured again"
                ) from None
        return rows

    def count_lines(self) -> int:
        """Rows of every kind, readable or not."""
        return len(self.rows_file.read_bytes().splitlines()) if self.rows_file.is_file() else 0

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

    def save_reference(self, case: Case, content: bytes) -> None:
        """Keep the truth of a case's problem."""
        with self._errors_told():
            self.reference(case).parent.mkdir(exist_ok=True)
            write_whole(self.reference(case), content)

    def save_row(
        self, row: Row, files: Mapping[str, bytes] | None = None, environment: Mapping[str, Any] | None = None
    ) -> None:
        """Add a row and flush it to disk, after what belongs to it: details by name, a new environment.

        Raises:
            InputError: it cannot be written: the disk is full, for example. Then the row is not there, not even half.
        """
        line = json.dumps(row.model_dump(mode="json"), allow_nan=False) + "\n"
        with self._errors_told():
            folder = self.path / "details" / row.case_id
            if files:
                folder.mkdir(parents=True, exist_ok=True)
            for name, content in (files or {}).items():
                write_whole(folder / name, content)
            if environment:
                self._save_environment(row.environment_id, environment)
            self._append(line.encode())

    def _save_environment(self, environment_id: str, environment: Mapping[str, Any]) -> None:
        """Add an environment, or the commands to one that is known."""
        known = self.environments()
        entry = with_commands(known.get(environment_id, {}), environment)
        if known.get(environment_id) != entry:
            self._replace("environment.json", {**known, environment_id: entry})

    def _append(self, line: bytes) -> None:
        length = self.rows_file.stat().st_size if self.rows_file.is_file() else 0
        try:
            with self.rows_file.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            if self.rows_file.is_file():
                os.truncate(self.rows_file, length)
            raise

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
        with self._errors_told():
            write_whole(self.path / "rows.parquet", frame.to_parquet(index=False))
        return frame

    @property
    def torn_line(self) -> str | None:
        """What to say of a line at the end that a crash left incomplete; None if all are whole."""
        if not self.rows_file.is_file():
            return None
        whole = self._whole_lines()
        if len(whole) == self.rows_file.stat().st_size:
            return None
        number = len(whole.splitlines()) + 1
        return f"{self.rows_file}:{number}: is incomplete, as a crash leaves it; its case is measured again"

    def _replace(self, name: str, content: dict[str, Any]) -> None:
        write_whole(self.path / name, json.dumps(content, indent=1).encode())

    def _drop_torn_line(self) -> None:
        if self.torn_line:
            os.truncate(self.rows_file, len(self._whole_lines()))

    def _whole_lines(self) -> bytes:
        """A crash may leave half a line at the end; that case is measured again."""
        content = self.rows_file.read_bytes()
        return content[: content.rfind(b"\n") + 1]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _who(holder: Path) -> str:
    """Which sweep that is, as far as it says so."""
    try:
        known = json.loads(holder.read_text(encoding="utf-8"))
        return f" (process {known['process']} on {known['host']}, since {known['since']})"
    except (OSError, ValueError, KeyError):
        return ""
