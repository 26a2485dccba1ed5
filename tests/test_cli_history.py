"""The command line: how the tracked benchmarks went over the commits."""

import csv

import asv_suite
import pytest
from asv_suite import FAILED, SKIPPED, Suite, benchmark, commit
from rich.console import Console

from dgsea_bench import show_history, terminal

TIME, TRACK = "suite.time_forward", "suite.track_nes_spearman"


@pytest.fixture
def suite(here):
    """Ten commits; at the fifth one time doubles, and one halves."""
    suite = Suite(here, benchmark(TIME, backend=["exact", "fastsum"], genes=[100, 1000]), benchmark(TRACK, unit="unit"))
    for number in range(10):
        late = number >= 4
        suite.add(number, {TIME: [0.008, 0.002 * (1 + late), 0.003, 0.001 / (1 + late)], TRACK: 0.9 + 0.09 * late})
    return suite


def plain(text):
    return text.replace("\u00a0", " ")


def narrow(monkeypatch, width):
    """A terminal of so many columns."""
    console = Console(width=width, force_terminal=True, color_system=None, legacy_windows=False)
    monkeypatch.setattr(show_history, "out", console)
    monkeypatch.setattr(terminal, "out", console)


def test_every_cell_and_the_summary_are_printed(call, suite):
    code, printed, complaint = call("history")
    printed = plain(printed)
    assert (code, complaint) == (0, "")
    assert f"{TIME} · seconds, lower is better" in printed
    assert f"{TRACK}: Spearman correlation of dNES with NES across sets · higher is better" in printed
    assert f"worse {commit(4)[:8]} 2.00 ms → 4.00 ms" in printed
    assert f"better {commit(4)[:8]} 1.00 ms → 500 µs" in printed
    assert "5 curves of 2 benchmarks over 10 commits, 2026-01-01 to 2026-01-10" in printed
    (turn,) = [line.split() for line in printed.splitlines() if line.strip().startswith(commit(4)[:8])]
    assert turn[1:5] == ["2026-01-05", "1", "2", "worse"]
    assert f"{TIME}(backend=exact, genes=1000)" in " ".join(turn)
    (row,) = [line.split() for line in printed.splitlines() if line.split()[:2] == ["fastsum", "1000"]]
    assert row[2:] == ["1.00", "ms", "500", "µs", "500", "µs", commit(4)[:8], "0.50", "████▁▁▁▁▁▁"]


def test_only_what_changed(call, suite):
    printed = plain(call("history", "--changed")[1])
    assert "2.00 ms → 4.00 ms" in printed
    assert not [line for line in printed.splitlines() if line.split()[:2] == ["exact", "100"]]
    assert "5 curves of 2 benchmarks" in printed, "the summary is of all"
    printed = plain(call("history", "--changed", "--tolerance", 2)[1])
    assert "lower is better" not in printed
    assert "no steps" in printed
    assert "3 smaller steps left out" in printed


def test_benchmarks_are_chosen_as_in_asv_run(call, suite):
    printed = call("history", "--bench", "fastsum.*1000", "-b", "track")[1]
    assert "2 curves of 2 benchmarks" in printed
    assert "backend fastsum, genes 1000" in printed, "parameters that do not vary are in the title"


def test_what_is_skipped_everywhere_takes_one_line(call, here):
    suite = Suite(here, benchmark(TIME, backend=["exact", "hard"], genes=[1, 2]))
    suite.series([[1.0, 2.0, SKIPPED, SKIPPED]] * 2, TIME)
    printed = plain(call("history")[1])
    assert "skipped at every commit, 2 combinations: backend hard" in printed
    assert [line.split()[:2] for line in printed.splitlines() if line.strip().startswith(("exact", "hard"))] == [
        ["exact", "1"],
        ["exact", "2"],
    ]
    assert "2 curves skipped at every commit" in printed


def test_rounding_that_changes_is_no_news(call, here):
    errors = "suite.track_gradient_error"
    Suite(here, benchmark(errors, unit="unit")).series([1e-14] * 8 + [9e-14] * 8, errors)
    printed = plain(call("history")[1])
    assert "no steps" in printed
    assert "same to rounding" in printed
    Suite(here, benchmark(errors, unit="unit")).series([1e-14] * 8 + [9e-9] * 8, errors)
    assert f"worse {commit(8)[:8]} same to rounding → 9.0e-9" in plain(call("history")[1])


def test_memory_below_a_mebibyte_is_noise_and_above_it_is_not(call, here):
    memory = "suite.track_forward_peak_mib"
    Suite(here, benchmark(memory, unit="MiB")).series([0.0] * 8 + [0.3] * 8, memory)
    assert "no steps" in plain(call("history")[1])
    Suite(here, benchmark(memory, unit="MiB")).series([0.3] * 8 + [3.0] * 8, memory)
    assert f"worse {commit(8)[:8]} 307 KiB → 3.0 MiB" in plain(call("history")[1])


def test_results_of_benchmarks_that_asv_did_not_find_are_named(call, here):
    other = "large.suite.time_forward"
    suite = Suite(here, benchmark(TIME), benchmark(other)).series([1.0, 1.0], TIME).series([2.0, 2.0], other)
    assert "not shown" not in call("history")[1]
    suite.describe(benchmark(TIME))
    printed = plain(call("history")[1])
    assert f"not shown, since asv did not find it in the suite when it looked last: {other};" in printed
    assert "not shown" in call("history", "--bench", TIME)[1]


def test_what_has_no_value_is_told(call, here):
    suite = Suite(here, benchmark(TIME, genes=[1, 2, 3]), benchmark("suite.time_new"))
    suite.series([[1.0, FAILED, SKIPPED], [1.0, SKIPPED, SKIPPED], [FAILED, FAILED, SKIPPED]], TIME)
    printed = plain(call("history", "--changed")[1])
    assert f"fails since {commit(2)[:8]}" in printed
    assert "1 curve worked once and fails now: suite.time_forward(genes=1)" in printed
    assert "1 curve never had a value: suite.time_forward(genes=2)" in printed
    assert "1 curve skipped at every commit" in printed
    assert "never run: suite.time_new" in printed
    printed = plain(call("history")[1])
    assert "no value: failed or skipped at 3 commits" in printed
    assert "skipped at every commit, 1 combination: genes 3" in printed
    assert "▅▅x" in printed


def test_results_of_older_versions_are_told(call, here):
    suite = Suite(here, benchmark(version="1")).series([1.0, 2.0])
    suite.describe(benchmark(version="2"))
    code, printed, _ = call("history")
    assert code == 0
    assert f"changed since, so that older results do not count: {TIME}" in printed


def test_few_values_are_doubted(call, here):
    Suite(here, benchmark()).series([1.0, 2.0, 2.0])
    assert "1 curve with steps and fewer than 7 values" in call("history")[1]


def test_a_change_that_asv_sees_no_step_in_is_told(call, here):
    suite = Suite(here, benchmark())
    for number, value in enumerate([87, 82, 85, 1.4, 1.1, 1.1, 0.98, 1.2, 1.3, 0.86, 0.87, 0.87]):
        suite.add(number, {TIME: value / 1000}, spread=0.1 if number < 3 else 0.01)
    printed = call("history")[1]
    assert "no steps" in printed
    assert "1 curve without a step to asv, to which values with wide intervals weigh little, though" in printed
    Suite(here / "flat", benchmark()).series([1.0] * 12)
    assert "without a step to asv" not in call("history", "--config", "flat/asv.conf.json")[1]


def test_where_neither_way_is_better_a_step_is_a_change(call, here):
    Suite(here, benchmark("track_nes_slope")).series([1.0] * 5 + [2.0] * 5, "track_nes_slope")
    printed = plain(call("history")[1])
    assert "neither way is better" in printed
    assert f"changed {commit(5)[:8]} 1.000 → 2.000" in printed
    (turn,) = [line.split() for line in printed.splitlines() if line.strip().startswith(commit(5)[:8])]
    assert turn[2:6] == ["0", "0", "1", "changed"]


def test_an_order_that_is_not_known_is_told(call, here, monkeypatch):
    monkeypatch.setattr("asv_suite.date", lambda _: asv_suite.START)
    Suite(here, benchmark()).series([1.0, 1.0, 1.0])
    assert "2 commits with the date of another: which of them came first is not known" in call("history")[1]


def test_machines_are_told_apart(call, here):
    suite = Suite(here, benchmark()).series([1.0] * 4 + [2.0] * 4, machine="laptop")
    suite.series([1.0] * 8, machine="server").add(0, {TIME: 3.0}, machine="server", ram="64 GB")
    printed = plain(call("history")[1])
    for title in ("laptop, no ram", "server, no ram", "server, 64 GB"):
        assert f"{TIME} · seconds, lower is better · {title}" in printed
    assert "in 3 places" in printed
    assert "suite.time_forward (laptop, no ram)" in printed
    printed = call("history", "--machine", "laptop")[1]
    assert "server" not in printed
    assert "1 curve of 1 benchmark over 8 commits" in printed


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_a_terminal(call, suite, monkeypatch, width):
    narrow(monkeypatch, width)
    printed = plain(call("history")[1])
    assert max(map(len, printed.splitlines())) <= width
    assert f"worse {commit(4)[:8]} 2.00 ms → 4.00 ms" in printed
    assert "████▁▁▁▁▁▁" in printed


def test_many_commits_and_parameters_fit_too(call, here, monkeypatch):
    axes = {
        "backend": ["nyswin[anchors=512]", "fastsum"],
        "genes": [978, 20000],
        "profiles": [1, 32],
        "sets": [50, 5000],
    }
    suite = Suite(here, benchmark(**axes))
    for number in range(40):
        suite.add(number, {TIME: [1.0 + (number >= 20)] * 16})
    narrow(monkeypatch, 80)
    printed = plain(call("history")[1])
    assert max(map(len, printed.splitlines())) <= 80
    assert f"nyswin[anchors=512], 978, 1, 50: worse {commit(20)[:8]} 1.00 s → 2.00 s" in printed
    assert printed.count("▁▁▁▁████") == 16


def test_markup_is_text(call, here):
    Suite(here, {**benchmark(kind=["[red]", "[/x]"]), "pretty_name": "[bold]T[/bold]", "unit": "[u]"}).series(
        [[1.0, 2.0]] * 3 + [[2.0, FAILED]] * 5, machine="[link=x]"
    ).add(0, {TIME: [1.0, 1.0]}, machine="other")
    code, printed, _ = call("history")
    assert code == 0
    for text in ("[red]", "[/x]", "[bold]T[/bold]", "[u]", "[link=x]"):
        assert text in printed


def test_all_values_can_be_written(call, here, suite):
    suite.add(10, {TIME: [FAILED, SKIPPED, 0.003, 0.0005], TRACK: 0.99})
    code, printed, _ = call("history", "--csv", "history.csv")
    assert code == 0
    assert "table: history.csv" in printed
    with (here / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11 * 5
    cell = [row for row in rows if (row["parameter_backend"], row["parameter_genes"]) == ("exact", "1000")]
    assert [row["value"] for row in cell] == ["0.002"] * 4 + ["0.004"] * 6 + [""]
    assert [row["step"] for row in cell] == [""] * 4 + ["worse"] + [""] * 6
    assert cell[4] == {
        **{"benchmark": TIME, "parameter_backend": "exact", "parameter_genes": "1000", "machine": "box"},
        **{"environment": "env", "commit": commit(4), "date": "2026-01-05T12:00:00Z", "outcome": "measured"},
        **{"value": "0.004", "unit": "seconds", "step": "worse"},
    }
    assert {row["outcome"] for row in rows if row["commit"] == commit(10)} == {"measured", "skipped", "failed"}
    assert rows[-1]["parameter_backend"] == ""


def test_a_table_is_written_only_where_it_can_be(call, here, suite):
    for name, said in (("history.txt", "let it end in .csv"), ("absent/x.csv", "cannot be written")):
        code, _, complaint = call("history", "--csv", name)
        assert (code, complaint.count("\n")) == (2, 1)
        assert said in complaint
    assert {path.name for path in here.iterdir()} == {"asv.conf.json", ".asv"}


def test_a_page_is_written(call, here, suite):
    code, printed, complaint = call("history", "--html", "history.html", "--changed")
    assert (code, complaint) == (0, "")
    assert "page: history.html" in printed
    html = (here / "history.html").read_text(encoding="utf-8")
    assert f"1 got worse since {commit(4)[:8]}" in html
    assert call("history", "--html", "history.html")[0] == 0, "a page of ours may be replaced"
    assert {path.name for path in here.iterdir()} == {"asv.conf.json", ".asv", "history.html"}


def test_a_page_is_written_only_where_it_may(call, here, suite):
    (here / "mine.html").write_text("mine")
    for name, said in (
        ("history.txt", "let it end in .html"),
        ("absent/x.html", "there is no directory absent"),
        ("mine.html", "was not written by this program"),
    ):
        code, printed, complaint = call("history", "--html", name)
        assert (code, printed, complaint.count("\n")) == (2, "", 1)
        assert said in complaint
    assert (here / "mine.html").read_text() == "mine"
    assert {path.name for path in here.iterdir()} == {"asv.conf.json", ".asv", "mine.html"}


def test_another_configuration_can_be_named(call, tmp_path):
    suite = Suite(tmp_path / "elsewhere", benchmark()).series([1.0])
    code, printed, _ = call("history", "--config", suite.config)
    assert code == 0
    assert "1 curve of 1 benchmark over 1 commit, 2026-01-01" in printed


def test_without_results_it_says_what_to_run(refused, tmp_path):
    assert "no asv.conf.json in this directory" in refused("history")
    assert "no such file" in refused("history", "--config", tmp_path / "absent.json")
    suite = Suite(tmp_path / "project", benchmark())
    for content in (suite.results / "benchmarks.json", suite.results):
        complaint = refused("history", "--config", suite.config)
        assert "no results of asv there; measure first: asv machine --yes, then asv run" in complaint
        content.unlink() if content.is_file() else content.rmdir()


def test_help_teaches_by_example(call):
    printed = call("history", "--help")[1]
    assert "asv machine --yes" in printed
    assert "asv run" in printed
    assert "python -m dgsea_bench history --changed" in printed
    assert "python -m dgsea_bench history --html history.html" in printed
