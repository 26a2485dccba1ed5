"""The command line: runs compared, and several runs in one report."""

import json

import pytest
from synthetic_run import ENVIRONMENT, make_row, three_sizes, write_run

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.report.reading import read_runs


def slower(rows, factor=2.0):
    """The same rows with longer times."""
    changed = []
    for row in rows:
        metrics = {name: value * factor if "seconds" in name else value for name, value in row.metrics.items()}
        changed.append(row.model_copy(update={"metrics": metrics}))
    return changed


def at(environment_id, rows):
    return [row.model_copy(update={"environment_id": environment_id}) for row in rows]


@pytest.fixture
def before(tmp_path):
    return write_run(tmp_path / "before", three_sizes())


@pytest.fixture
def after(tmp_path):
    return write_run(tmp_path / "after", slower(three_sizes()))


@pytest.fixture
def server(tmp_path):
    """The same cases on another machine."""
    path = write_run(tmp_path / "server", at("e2", slower(three_sizes(), 0.25)))
    (path / "environment.json").write_text(json.dumps({"e2": {**ENVIRONMENT, "processor": "Server processor"}}))
    return path


# --- compare ----------------------------------------------------------------------------------------------------------


def test_a_regression_exits_with_1(call, here, before, after):
    code, printed, complaint = call("compare", before, after)
    assert (code, complaint) == (1, "")
    assert "9 regressions in 9 cases: 9 slower" in printed
    assert "2.00 (1.81 to 2.21)" in printed.replace("\u00a0", " ")
    assert "quartiles" in printed
    assert list(here.iterdir()) == []


def test_no_regression_exits_with_0(call, before, after):
    code, printed, complaint = call("compare", after, before)
    assert (code, complaint) == (0, "")
    assert "No regression in 9 cases: 9 faster" in printed
    assert call("compare", before, before)[0] == 0


def test_the_tolerance_decides(call, before, after):
    assert call("compare", before, after, "--tolerance", 1.0)[0] == 0
    assert call("compare", before, after, "--tolerance", 0)[0] == 1


def test_a_page_is_written_whole_or_not_at_all(call, here, before, after):
    code, printed, _ = call("compare", before, after, "--html", "changes.html")
    assert code == 1
    assert "page: changes.html" in printed
    assert [path.name for path in here.iterdir()] == ["changes.html"]
    assert "9 regressions in 9 cases" in (here / "changes.html").read_text(encoding="utf-8")
    assert call("compare", before, after, "--html", "changes.html")[0] == 1, "a page of ours may be replaced"


def test_problems_are_told_apart_in_words(call, before, after):
    printed = call("compare", before, after)[1]
    assert "planted, 20 sets of" in printed
    assert "4,000 genes" in printed


def test_a_row_of_another_version_is_still_named(call, tmp_path):
    row = make_row()
    row.case["gone"] = 1
    path = write_run(tmp_path / "old", [row, make_row(genes=2)])
    code, printed, complaint = call("compare", path, path)
    assert (code, complaint) == (0, "")
    assert f"case {row.case_id}" in printed


def test_markup_in_input_is_text(call, tmp_path):
    label = "nyswin[[red]x[/red]]"
    before = write_run(tmp_path / "a", [make_row(label)])
    after = write_run(tmp_path / "b", [make_row(label, status="failed", reason="[/bold] [link=x]")])
    code, printed, _ = call("compare", before, after)
    assert code == 1
    assert label in printed
    assert "now fails: [/bold] [link=x]" in printed


def test_many_cases_are_printed_in_part(call, tmp_path):
    path = write_run(tmp_path / "many", [make_row(genes=genes) for genes in range(100, 150)], curves=False)
    printed = call("compare", path, path)[1]
    assert "20 more cases, none of them a regression" in printed


def test_what_cannot_be_compared_is_refused(refused, before, after, tmp_path):
    assert "no results there; run a sweep with --out" in refused("compare", before, tmp_path / "nowhere")
    other = write_run(tmp_path / "other", [make_row(genes=7)])
    assert "have no case in common" in refused("compare", before, other)
    assert "--tolerance is -1" in refused("compare", before, after, "--tolerance", -1)
    assert "--tolerance is nan" in refused("compare", before, after, "--tolerance", "nan")


def test_a_page_never_replaces_what_is_not_ours(refused, before, after, tmp_path):
    (tmp_path / "thesis.html").write_text("<html>mine</html>")
    assert "was not written by this program" in refused("compare", before, after, "--html", tmp_path / "thesis.html")
    assert (tmp_path / "thesis.html").read_text() == "<html>mine</html>"
    assert "let it end in .html" in refused("compare", before, after, "--html", before / "rows.jsonl")
    assert "is the report of a run" in refused("compare", before, after, "--html", before / "index.html")
    assert "there is no directory" in refused("compare", before, after, "--html", "absent/changes.html")


@pytest.mark.parametrize("arguments", [["compare"], ["compare", "one"]])
def test_bad_usage_is_refused(call, here, arguments):
    code, printed, complaint = call(*arguments)
    assert code == 2
    assert "Traceback" not in printed + complaint
    assert list(here.iterdir()) == []


def test_help_teaches_by_example(call):
    assert "compare reports/before reports/after" in call("compare", "--help")[1]
    assert "--out reports/both" in call("report", "--help")[1]


# --- report of several runs -------------------------------------------------------------------------------------------


def test_two_machines_in_one_report(call, here, before, server):
    code, _, complaint = call("report", before, server, "--out", "both")
    assert (code, complaint) == (0, "")
    page = (here / "both" / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in (here / "both").iterdir()] == ["index.html"]
    assert "18 cases: 18 done" in page
    assert "Test processor, 2 cores" in page
    assert "Server processor, 2 cores" in page
    assert "time grows on Test processor, 2 cores as the number of genes" in page
    assert "hold no running sums" not in page


def test_the_same_rows_give_the_same_bytes(call, here, before, server):
    pages = []
    for name in ("one", "two"):
        call("report", before, server, "--out", name)
        pages.append((here / name / "index.html").read_bytes())
    call("report", before, server, "--out", "one")
    assert pages == [(here / "one" / "index.html").read_bytes()] * 2


def test_of_one_machine_the_later_counts_with_its_details(before, after, server):
    run = read_runs([before, server, after])
    assert len(run.rows) == 18
    assert {row.metrics["forward_seconds"] for row in run.rows if row.environment_id == "e1"} == {
        row.metrics["forward_seconds"] for row in RunDirectory(after).rows()
    }
    for row in run.rows:
        home = after if row.environment_id == "e1" else server
        (home / "details" / row.case_id / "curves.parquet").unlink()
        assert run.details(row, "curves") is None, "details are those of the run that counts"


def test_another_version_on_the_same_machine_replaces_as_well(tmp_path, before):
    newer = write_run(tmp_path / "newer", at("e3", three_sizes()[:2]))
    (newer / "environment.json").write_text(json.dumps({"e3": {**ENVIRONMENT, "packages": {"numpy": "3.0"}}}))
    assert [row.environment_id for row in read_runs([before, newer]).rows] == ["e3"] * 2 + ["e1"] * 7
    assert {row.environment_id for row in read_runs([newer, before]).rows} == {"e1"}


def test_one_run_can_go_elsewhere(call, here, before):
    call("report", before)
    assert call("report", before, "--out", "copy")[0] == 0
    assert (here / "copy" / "index.html").read_bytes() == (before / "index.html").read_bytes()


def test_a_report_that_cannot_be_meant_is_refused(refused, before, after, server, tmp_path):
    assert "with --out DIR" in refused("report", before, server)
    assert "is a run with results of its own" in refused("report", before, server, "--out", after)
    assert "is a run with results of its own" in refused("report", before, server, "--out", before)
    assert "no results there" in refused("report", before, tmp_path / "nowhere", "--out", "both")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    assert "was not written by this program" in refused("report", before, server, "--out", tmp_path / "site")
    assert "cannot be made" in refused("report", before, server, "--out", before / "rows.jsonl")


def test_an_environment_described_in_two_ways_is_refused(refused, before, after):
    (after / "environment.json").write_text(json.dumps({"e1": {**ENVIRONMENT, "cores": 64}}))
    assert "environment e1 is described otherwise" in refused("report", before, after, "--out", "both")
