"""A run's directory: what is appended is read back, what a crash tears is dropped, what is foreign is refused."""

import json
import os
import resource
from contextlib import contextmanager

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dgsea_bench import InputError
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.results import SCHEMA_VERSION, Row, RunDirectory
from dgsea_bench.bench.spec import Outcome


def row(genes=100, **outcome):
    case = Case.model_validate({"source": {"kind": "synthetic", "genes": genes}, "params": {}, "backend": "nyswin"})
    fields = {"metrics": {"value_error_mean": 0.1}, "problem": {"genes": genes}, **outcome}
    status, reason = fields.pop("status", "done"), fields.pop("reason", None)
    return Row.of_case(case, Outcome(status, reason, fields, environment_id="e"), scenario="mine")


@pytest.fixture
def directory(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with directory.open_for_writing(fresh=False):
        yield directory


def test_rows_come_back_as_they_were_appended(directory):
    rows = [row(100), row(200, status="failed", reason="⚡ out of memory", metrics={}), row(300, metrics={"x": 1e-300})]
    for one in rows:
        directory.save_row(one)
    assert directory.rows() == rows
    assert [one.case["source"]["genes"] for one in directory.rows()] == [100, 200, 300]


def test_a_row_says_what_its_backend_declares():
    one = row()
    assert (one.label, one.cost, one.target, one.task, one.scenario) == (
        "nyswin",
        "O(G²·P)",
        "dgsea",
        "enrichment",
        "mine",
    )
    assert Case.model_validate(one.case).case_id == one.case_id


def test_the_last_row_of_a_case_counts(directory):
    for one in (row(100, status="failed", reason="x"), row(200), row(100)):
        directory.save_row(one)
    assert [(one.case["source"]["genes"], one.status) for one in directory.latest_rows()] == [
        (100, "done"),
        (200, "done"),
    ]


def test_no_file_means_no_rows(tmp_path):
    assert RunDirectory(tmp_path / "absent").rows() == []
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_last_line_is_told_and_dropped_and_the_rest_kept(tmp_path, kept):
    directory = RunDirectory(tmp_path / "run")
    with directory.open_for_writing(fresh=False):
        directory.save_row(row(100))
        directory.save_row(row(200))
    assert directory.torn_line is None
    first, second = directory.rows_file.read_bytes().splitlines(keepends=True)
    directory.rows_file.write_bytes(first + second[:kept])
    assert directory.torn_line.startswith(f"{directory.rows_file}:2: is incomplete")
    assert directory.rows() == [row(100)]
    with directory.open_for_writing(fresh=False):
        assert directory.rows_file.read_bytes() == first
        directory.save_row(row(200))
    assert directory.rows() == [row(100), row(200)]


def test_rows_of_another_schema_version_are_refused_with_the_way_out(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with directory.open_for_writing(fresh=False):
        directory.save_row(row(100))
    foreign = {**row(200).model_dump(mode="json"), "schema_version": SCHEMA_VERSION + 1}
    with directory.rows_file.open("a") as file:
        file.write(json.dumps(foreign) + "\n")
    expected = rf"rows\.jsonl:2: schema version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION};.*--fresh"
    with pytest.raises(InputError, match=expected):
        directory.rows()
    with pytest.raises(InputError, match="--out"), directory.open_for_writing(fresh=False):
        pass
    with directory.open_for_writing(fresh=True):
        assert directory.rows() == []


@pytest.mark.parametrize("garbage", ["nonsense", "{", "[1, 2]", "3", "null", '"text"', "", '{"schema_version": 1}'])
def test_a_line_that_is_no_row_is_refused_with_its_number(directory, garbage):
    directory.save_row(row(100))
    with directory.rows_file.open("a") as file:
        file.write(garbage + "\n")
    with pytest.raises(InputError) as error:
        directory.rows()
    assert f"{directory.rows_file}:2: is not a row of results" in str(error.value)
    assert "\n" not in str(error.value)


def test_rows_that_are_not_text_are_refused(directory):
    directory.rows_file.write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(InputError, match=r"rows\.jsonl"):
        directory.rows()


def test_an_unknown_field_or_status_is_refused():
    with pytest.raises(ValidationError, match="speed"):
        row(speed=3)
    with pytest.raises(ValidationError, match="status"):
        Row.model_validate({**row().model_dump(), "status": "fine"})


def test_a_number_that_json_cannot_hold_is_not_written(directory):
    with pytest.raises(ValueError, match="JSON"):
        directory.save_row(row(100, metrics={"value_error_mean": float("nan")}))
    assert directory.rows() == []


def test_the_export_has_a_row_per_case_and_a_column_per_field(directory):
    for one in (row(100, status="failed", reason="x", metrics={}), row(200), row(100)):
        directory.save_row(one)
    frame = directory.export()
    read = pd.read_parquet(directory.path / "rows.parquet")
    pd.testing.assert_frame_equal(read, frame)
    assert read["case.source.genes"].tolist() == [100, 200]
    assert read["metrics.value_error_mean"].tolist() == [0.1, 0.1]
    assert not list(directory.path.glob("*.partial"))


def test_the_export_holds_columns_of_mixed_types(directory):
    for number, size in enumerate([30, "15-40"]):
        case = Case.model_validate(
            {"source": {"kind": "synthetic", "set_size": size, "seed": number}, "params": {}, "backend": "exact"}
        )
        directory.save_row(Row.of_case(case, Outcome("skipped", "r"), "mine"))
    directory.export()
    assert pd.read_parquet(directory.path / "rows.parquet")["case.source.set_size"].tolist() == ["30", "15-40"]


def test_the_export_of_no_rows_is_empty(directory):
    assert directory.export().empty
    assert pd.read_parquet(directory.path / "rows.parquet").empty


def test_environments_and_their_commands_accumulate(directory):
    assert directory.environments() == {}
    for name, cores, command in (("a", 2, "x"), ("b", 4, "x"), ("a", 2, "y"), ("a", 2, "x")):
        one = row().model_copy(update={"environment_id": name})
        directory.save_row(one, environment={"cores": cores, "commands": [command]})
    assert directory.environments() == {
        "a": {"cores": 2, "commands": ["x", "y"]},
        "b": {"cores": 4, "commands": ["x"]},
    }


def test_fresh_removes_results_and_leaves_other_files_alone(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    with directory.open_for_writing(fresh=False):
        directory.save_row(row(100), {"sets.parquet": b"x"}, {"cores": 2})
        directory.save_reference(Case.model_validate(row(100).case), b"truth")
        directory.export()
    (directory.path / "notes.txt").write_text("mine")
    with directory.open_for_writing(fresh=True):
        pass
    assert {path.name for path in directory.path.iterdir()} == {"notes.txt", "sweep.lock"}


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    directory = RunDirectory(tmp_path / "file")
    with pytest.raises(InputError, match="file: cannot write there"), directory.open_for_writing(fresh=False):
        pass


def test_a_directory_is_one_sweeps_at_a_time(directory):
    other = RunDirectory(directory.path)
    expected = rf"another sweep is writing there \(process {os.getpid()} on .*\); wait for it, or choose another --out"
    with pytest.raises(InputError, match=expected), other.open_for_writing(fresh=True):
        pass
    directory.save_row(row(100))
    assert other.rows() == [row(100)]


@contextmanager
def files_of_at_most(size):
    """As a quota does it: what would make a file larger fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@given(st.integers(0, 2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_for_which_there_is_no_room_leaves_nothing_of_it(directory, room):
    directory.rows_file.unlink(missing_ok=True)
    directory.save_row(row(100))
    before = directory.rows_file.read_bytes()
    added = len(row(200).model_dump_json()) + room - 1000  # from far too little to more than enough
    with files_of_at_most(len(before) + max(0, added)):
        try:
            directory.save_row(row(200))
            message = None
        except InputError as error:
            message = str(error)
    if message is None:
        assert directory.rows() == [row(100), row(200)]
    else:
        assert "cannot write there: File too large; what was measured before is kept" in message
        assert directory.rows_file.read_bytes() == before
    directory.save_row(row(300))
    assert directory.rows()[-1] == row(300)


def test_details_for_which_there_is_no_room_leave_no_row(directory):
    with files_of_at_most(100), pytest.raises(InputError, match="cannot write there: File too large"):
        directory.save_row(row(100), {"sets.parquet": bytes(1000)})
    assert directory.rows() == []
    assert not [path for path in directory.path.rglob("*") if "parquet" in path.name]
