"""A run's directory: what is appended is read back, what a crash tears is dropped, what is foreign is refused."""

import json

import pandas as pd
import pytest
from pydantic import ValidationError

from dgsea_bench import InputError
from dgsea_bench.bench.results import SCHEMA_VERSION, Row, RunDirectory
from dgsea_bench.bench.scenario import Case
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
def test_a_torn_last_line_is_dropped_and_the_rest_kept(directory, kept):
    directory.save_row(row(100))
    directory.save_row(row(200))
    first, second = directory.rows_file.read_bytes().splitlines(keepends=True)
    directory.rows_file.write_bytes(first + second[:kept])
    directory.prepare(fresh=False)
    assert directory.rows() == [row(100)]
    assert directory.rows_file.read_bytes() == first
    directory.save_row(row(200))
    assert directory.rows() == [row(100), row(200)]


def test_rows_of_another_schema_version_are_refused_with_the_way_out(directory):
    directory.save_row(row(100))
    foreign = {**row(200).model_dump(mode="json"), "schema_version": SCHEMA_VERSION + 1}
    with directory.rows_file.open("a") as file:
        file.write(json.dumps(foreign) + "\n")
    expected = rf"rows\.jsonl:2: schema version {SCHEMA_VERSION + 1}, this program writes {SCHEMA_VERSION};.*--fresh"
    with pytest.raises(InputError, match=expected):
        directory.rows()
    with pytest.raises(InputError, match="--out"):
        directory.prepare(fresh=False)
    directory.prepare(fresh=True)
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
        row(status="fine")


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


def test_environments_accumulate(directory):
    assert directory.environments() == {}
    directory.record_environment("a", {"cores": 2})
    directory.record_environment("b", {"cores": 4})
    directory.record_environment("a", {"cores": 2})
    assert directory.environments() == {"a": {"cores": 2}, "b": {"cores": 4}}


def test_fresh_removes_results_and_leaves_other_files_alone(directory):
    directory.save_row(row(100))
    directory.record_environment("a", {})
    for name in ("details", "references"):
        (directory.path / name / "x").mkdir(parents=True)
    (directory.path / "notes.txt").write_text("mine")
    directory.prepare(fresh=True)
    assert [path.name for path in directory.path.iterdir()] == ["notes.txt"]


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file: cannot write there"):
        RunDirectory(tmp_path / "file").prepare(fresh=False)
