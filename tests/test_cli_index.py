"""The command line: a page that lists what is below a directory."""

import json
import os
import shutil
from urllib.parse import unquote

import pytest
from synthetic_run import accuracy, cost, make_row, three_sizes, write_run
from test_report_page import NASTY, only_ours_runs, parsed, text_of

from dgsea_bench.report import render_index

HOSTILE = "<script>alert(1)<\u2215script> & 'x' {{ 77777 * 77777 }} #a?b%41 javascript:y"


@pytest.fixture
def reports(here):
    """Two runs, one of them without a report and with a case that failed; and a page."""
    rows = [*three_sizes(), make_row("exact", 9000, status="out of memory", reason="too much")]
    flagged = rows[0].model_copy(update={"flags": ["unstable"]})
    write_run(here / "reports" / "default", three_sizes())
    write_run(here / "reports" / "deep" / "er", [flagged, *rows[1:]])
    return here / "reports"


def page_of(folder):
    html = (folder / "index.html").read_text(encoding="utf-8")
    return html, text_of(html)


def links(html):
    return [value for tag, value in parsed(html).references if tag == "a" and not value.startswith(("#", "data:"))]


def test_every_run_is_listed_with_its_verdict_and_a_link(call, reports):
    call("report", "reports/default")
    code, printed, complaint = call("report", "--index")
    assert (code, complaint) == (0, "")
    assert "index: reports/index.html" in printed
    html, text = page_of(reports)
    assert "<h1>2 runs</h1>" in html
    assert "19 cases: 18 done, 1 failed, 0 skipped." in text
    assert links(html) == ["default/index.html"]
    assert "made-up default 400 to 4,000 genes Use exact: nothing faster is exact to 1e-6" in text
    assert "made-up deep/er; no report yet: python -m dgsea_bench report reports/deep/er" in text
    assert "Test processor, 2 cores – 9 1 0 1" in text
    assert "1 run has cases that failed: deep/er (1)." in text
    assert "1 run has results that are flagged: deep/er (1)." in text


def test_links_lead_somewhere_from_wherever_the_index_lies(call, here, reports):
    call("report", "reports/default")
    call("report", "reports/deep/er")
    assert call("report", "--index", "reports", "--out", "site/a")[0] == 0
    html, _ = page_of(here / "site" / "a")
    assert len(links(html)) == 2
    for link in links(html):
        assert (here / "site" / "a" / unquote(link)).is_file()
    assert not (reports / "index.html").exists()


def test_the_same_files_give_the_same_bytes(call, reports):
    pages = []
    for _ in range(2):
        assert call("report", "--index", "reports")[0] == 0
        pages.append((reports / "index.html").read_bytes())
        os.utime(reports / "default" / "rows.jsonl", (0, 0))
    assert pages[0] == pages[1]
    assert "0 other" not in pages[0].decode()


def test_the_commit_is_told_where_it_is_known(call, reports):
    file = reports / "default" / "environment.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps({"e1": {**known["e1"], "commit": "abc123", "dirty": True}}))
    call("report", "--index")
    assert "abc123 with changes" in page_of(reports)[1]


def test_a_run_of_significance_has_its_own_verdict(call, here):
    metrics = {"nes_spearman": 0.9, "nes_spearman_lowest": 0.8, "nes_slope": 1.5, "top_ten_overlap": 0.7}
    row = make_row("exact", metrics=metrics, sets=50).model_copy(update={"task": "significance"})
    write_run(here / "reports" / "ranks", [row])
    assert call("report", "--index")[0] == 0
    text = page_of(here / "reports")[1]
    assert "The ranks of pathways by dNES and by NES have a Spearman correlation of 0.900." in text
    assert "Of the ten sets" not in text


def test_other_pages_are_listed_by_their_titles(call, here, reports):
    write_run(here / "reports" / "slow", [make_row("exact", 400, accuracy(0.0) | cost(9.0))])
    call("compare", "reports/default", "reports/slow", "--html", "reports/changes.html")
    call("report", "reports/default", "reports/deep/er", "--out", "reports/both")
    (reports / "foreign.html").write_text("<title>foreign</title>")
    assert call("report", "--index")[0] == call("report", "--index")[0] == 0
    html, text = page_of(reports)
    assert "3 runs and 2 other pages | reports: which reports there are" in text
    assert "1 regression in 1 case: 1 slower | " in text
    assert "what changed? changes.html" in text
    assert "which dGSEA backend to use both/index.html" in text
    assert {"changes.html", "both/index.html"} == set(links(html))
    assert "foreign" not in text


def test_what_cannot_be_read_is_named_and_the_rest_is_listed(call, reports):
    for name, content in (
        ("torn", "{not json\n"),
        ("empty", ""),
        ("other", '{"schema_version": 99}\n'),
    ):
        (reports / name).mkdir()
        (reports / name / "rows.jsonl").write_text(content)
    shutil.copytree(reports / "default", reports / "strange")
    row = json.loads((reports / "default" / "rows.jsonl").read_text().splitlines()[0])
    (reports / "strange" / "rows.jsonl").write_text(json.dumps(row | {"case": {}}) + "\n")
    code, _, complaint = call("report", "--index")
    assert (code, complaint) == (0, "")
    text = page_of(reports)[1]
    assert "2 runs | reports: which reports there are" in text
    assert "4 folders could not be read: see below." in text
    assert "rows.jsonl:1: is not a row of results" in text
    assert "no results there" in text
    assert "schema version 99" in text
    assert "reports/strange reports/strange: its rows are not as a sweep writes them (KeyError)" in text


def test_folders_of_a_run_and_hidden_ones_are_not_entered(call, reports):
    for name in ("default/details", "default/references", ".hidden"):
        shutil.copytree(reports / "deep" / "er", reports / name / "inner")
    call("report", "--index")
    assert "2 runs | reports: which reports there are" in page_of(reports)[1]


def test_a_link_that_leads_back_up_is_no_endless_way(call, reports):
    (reports / "deep" / "again").symlink_to(reports)
    call("report", "--index")
    assert "2 runs | reports: which reports there are" in page_of(reports)[1]


def test_hostile_names_are_text_and_addresses_stay_ours(call, reports):
    folder = reports / HOSTILE
    write_run(folder, [make_row("exact", scenario=NASTY)])
    assert call("report", folder)[0] == 0
    assert call("report", "--index")[0] == 0
    html, text = page_of(reports)
    assert only_ours_runs(html)
    assert "6049261729" not in html
    assert HOSTILE in text
    assert NASTY in text
    (link,) = links(html)
    assert not set(link) & set("<>'\"#?{}: ")
    assert (reports / unquote(link)).is_file()


def test_a_name_that_is_no_text_is_listed(call, reports):
    (reports / "deep").rename(reports / os.fsdecode(b"\xff"))
    assert call("report", "--index")[0] == 0
    assert "\ufffd/er" in page_of(reports)[1]


def test_an_index_replaces_nothing_but_an_index(call, here, reports):
    call("report", "reports/default")
    call("report", "reports/default", "reports/deep/er", "--out", "both")
    (here / "mine").mkdir()
    (here / "mine" / "index.html").write_text("mine")
    before = {path: path.read_bytes() for path in here.rglob("index.html")}
    for arguments, said in (
        (["reports/default"], "reports/default: holds a run, and its index.html is that run's report"),
        (["reports", "--out", "reports/deep/er"], "with --out DIR"),
        (["reports", "--out", "both"], "both/index.html: is a report, not an index"),
        (["reports", "--out", "mine"], "was not written by this program"),
    ):
        code, printed, complaint = call("report", "--index", *arguments)
        assert (code, printed, complaint.count("\n")) == (2, "", 1)
        assert said in complaint
    assert {path: path.read_bytes() for path in here.rglob("index.html")} == before


def test_a_directory_that_holds_a_run_is_listed_elsewhere(call, here, reports):
    assert call("report", "--index", "reports/default", "--out", "site")[0] == 0
    assert "made-up default; no report yet" in page_of(here / "site")[1]


def test_bad_usage_is_refused(refused, tmp_path):
    assert "reports: no such directory" in refused("report", "--index")
    assert "is below one directory" in refused("report", "--index", "one", "two")
    assert "name a directory of a sweep, such as reports/default" in refused("report")
    (tmp_path / "bare").mkdir()
    assert "holds neither runs nor pages of this program" in refused("report", "--index", tmp_path / "bare")
    assert list((tmp_path / "bare").iterdir()) == []


def test_help_teaches_by_example(call):
    assert "python -m dgsea_bench report --index reports" in call("report", "--help")[1]


def test_it_can_be_called_from_python(reports):
    assert render_index(reports) == reports / "index.html"
