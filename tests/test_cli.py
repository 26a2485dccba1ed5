"""The command line: bad input is one line and exit code 2, and leaves nothing behind."""

import json
import sys

import pytest

from dgsea_bench import cli
from dgsea_bench.backends import backends
from dgsea_bench.bench.scenario import built_in_scenarios

TINY = """name = "tiny"
summary = "A test."
[[grids]]
source = "synthetic"
genes = 40
{grid}
[[backends]]
name = "hard"
[measure]
min_seconds = 0
{measure}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(here, monkeypatch, capsys):
    """Runs a command line in the empty directory: (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["dgsea-bench", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as exit_:
            code = exit_.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def write(tmp_path):
    """Writes an input file outside of the working directory; returns its path."""

    def write(name, content):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


@pytest.fixture
def refused(call, here):
    """The one line on stderr of a command that is refused with exit code 2 and writes nothing."""

    def refused(*arguments):
        code, printed, complaint = call(*arguments)
        assert code == 2
        assert complaint.startswith("error: ")
        assert complaint.count("\n") == 1
        assert complaint.endswith("\n")
        assert "Traceback" not in printed + complaint
        assert list(here.iterdir()) == []
        return complaint.removeprefix("error: ").strip()

    return refused


@pytest.fixture
def mine(write):
    """A ranking of 40 genes and a gene set of 20."""
    ranking = write("mine.rnk", "".join(f"g{number}\t{20 - number}\n" for number in range(40)))
    gene_sets = write("mine.gmt", "set\t\t" + "\t".join(f"g{number}" for number in range(0, 40, 2)) + "\n")
    return ranking, gene_sets


# --- refused ----------------------------------------------------------------------------------------------------------


def test_an_unknown_scenario_is_refused_with_the_nearest(refused):
    complaint = refused("sweep", "defualt")
    assert complaint.startswith("unknown scenario 'defualt'")
    assert complaint.endswith("did you mean 'default'?")


def test_an_unknown_backend_is_refused_with_the_nearest(refused):
    complaint = refused("sweep", "--backends", "exact,nyswim")
    assert complaint.startswith("unknown backend 'nyswim'; known: ")
    assert complaint.endswith("did you mean 'nyswin'?")


def test_one_bad_scenario_of_two_stops_both(refused):
    assert "unknown scenario 'absent'" in refused("sweep", "default", "absent")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("A\t1\nCMBL\tn/a\n", ":2: score 'n/a' is not a number (gene CMBL)"),
        ("A\t1\nB 2\n", ":2: expected two fields, a gene and a score"),
        ("A\t1\nB\t2\nA\t3\n", ":3: gene A was there before, in line 1"),
        ("", ": holds 0 genes"),
    ],
)
def test_a_malformed_ranking_is_refused_with_file_and_line(refused, write, mine, content, expected):
    ranking = write("bad.rnk", content)
    complaint = refused("sweep", "real-ranking", "--ranking", ranking, "--gene-sets", mine[1])
    assert complaint.startswith(f"{ranking}{expected}")


def test_malformed_gene_sets_are_refused_with_file_and_line(refused, write, mine):
    gene_sets = write("bad.gmt", "one\t\tg1\ntwo\n")
    complaint = refused("sweep", "real-ranking", "--ranking", mine[0], "--gene-sets", gene_sets)
    assert complaint.startswith(f"{gene_sets}:2: expected name, description and genes")


def test_no_overlap_is_refused_with_a_hint(refused, write, mine):
    gene_sets = write("upper.gmt", "one\t\t" + "\t".join(f"G{number}" for number in range(20)) + "\n")
    complaint = refused("sweep", "real-ranking", "--ranking", mine[0], "--gene-sets", gene_sets)
    assert "40 genes in the ranking ('g0', 'g1', 'g2', …), 20 in the sets ('G0', 'G1', 'G2', …)" in complaint
    assert "They differ in upper and lower case" in complaint


def test_a_file_that_is_not_there_is_refused(refused, mine):
    complaint = refused("sweep", "real-ranking", "--ranking", "absent.rnk", "--gene-sets", mine[1])
    assert complaint.startswith("absent.rnk: no such file")


def test_a_ranking_goes_with_gene_sets(refused, mine):
    assert (
        refused("sweep", "real-ranking", "--ranking", mine[0])
        == "--ranking and --gene-sets go together; --gene-sets is missing"
    )
    assert (
        refused("sweep", "real-ranking", "--gene-sets", mine[1])
        == "--ranking and --gene-sets go together; --ranking is missing"
    )


def test_a_ranking_for_a_synthetic_scenario_is_refused(refused, mine):
    complaint = refused("sweep", "default", "--ranking", mine[0], "--gene-sets", mine[1])
    assert "has no ranking to replace; use real-ranking" in complaint


def test_an_unknown_way_with_duplicates_is_refused(refused, mine):
    arguments = ["--ranking", mine[0], "--gene-sets", mine[1], "--duplicates", "median"]
    assert "'median'" in refused("sweep", "real-ranking", *arguments)


@pytest.mark.parametrize("tau", ["0", "-1", "nan", "inf"])
def test_a_temperature_that_is_none_is_refused(refused, write, tau):
    file = write("cold.toml", TINY.format(grid=f"tau_rank = {tau}", measure=""))
    complaint = refused("sweep", file)
    assert "tau_rank is" in complaint
    assert "a temperature must be a finite number above 0" in complaint


def test_a_set_larger_than_the_ranking_is_refused(refused, write):
    file = write("large.toml", TINY.format(grid="set_size = 50", measure=""))
    assert "a set of 50 genes does not fit into a ranking of 40" in refused("sweep", file)


def test_a_scenario_that_is_not_toml_is_refused(refused, write):
    file = write("torn.toml", "name = ")
    assert refused("sweep", file).startswith(f"{file}: is not valid TOML")


def test_rows_of_another_schema_version_are_refused(refused, write, tmp_path):
    file = write("tiny.toml", TINY.format(grid="set_size = 5", measure=""))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "rows.jsonl").write_text(json.dumps({"schema_version": 99}) + "\n")
    assert "--fresh" in refused("sweep", file, "--out", tmp_path / "run")


def test_a_directory_that_cannot_be_made_is_refused(refused, write, tmp_path):
    file = write("tiny.toml", TINY.format(grid="set_size = 5", measure=""))
    assert "cannot write there" in refused("sweep", file, "--out", file)


def test_a_report_of_no_directory_is_refused(refused):
    assert "nowhere" in refused("report", "nowhere")


def test_a_report_of_an_empty_directory_is_refused(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in refused("report", tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize("arguments", [["sweeep"], ["sweep", "--nonsense"], ["report"], ["sweep", "--out"]])
def test_bad_usage_is_refused_without_a_traceback(call, here, arguments):
    code, printed, complaint = call(*arguments)
    assert code == 2
    assert complaint
    assert "Traceback" not in printed + complaint
    assert list(here.iterdir()) == []


# --- done -------------------------------------------------------------------------------------------------------------


def test_a_dry_run_lists_the_cases_and_writes_nothing(call, here):
    code, printed, complaint = call("sweep", "--dry-run")
    assert (code, complaint) == (0, "")
    assert "nyswin[anchors=128]" in printed
    assert "hard" in printed
    assert "results in reports/default" in printed
    assert list(here.iterdir()) == []


def test_a_dry_run_on_files_says_what_is_in_them(call, here, mine):
    ranking, gene_sets = mine
    code, printed, _ = call("sweep", "real-ranking", "--ranking", ranking, "--gene-sets", gene_sets, "--dry-run")
    assert code == 0
    assert f"{ranking}: 40 genes, 0.0% of them tied; {gene_sets}: 1 gene sets used" in printed
    assert list(here.iterdir()) == []


def test_a_sweep_in_which_a_case_fails_exits_with_1_and_still_has_a_report(call, write, here):
    file = write("late.toml", TINY.format(grid="set_size = 5", measure="time_limit = 0.01"))
    code, printed, complaint = call("sweep", file)
    assert (code, complaint) == (1, "")
    assert "failed: hard on planted, 40 genes" in printed
    assert "stopped after the time limit of 0.01 s" in printed
    assert (here / "reports" / "tiny" / "index.html").stat().st_size > 0
    assert (here / "reports" / "tiny" / "rows.jsonl").is_file()


def test_backends_are_listed(call, here):
    code, printed, complaint = call("backends")
    assert (code, complaint) == (0, "")
    assert all(name in printed for name in backends())
    assert list(here.iterdir()) == []


def test_scenarios_are_listed_even_without_data(call, here, monkeypatch):
    monkeypatch.delenv("DGSEA_BENCH_DATA", raising=False)
    code, printed, complaint = call("scenarios")
    assert (code, complaint) == (0, "")
    assert all(name in printed for name in built_in_scenarios())
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", [[], ["sweep"], ["report"], ["check"], ["backends"], ["scenarios"]])
def test_help_is_given(call, here, command):
    code, printed, complaint = call(*command, "--help")
    assert (code, complaint) == (0, "")
    assert "Usage:" in printed
    assert list(here.iterdir()) == []


def test_help_shows_where_to_start(call):
    assert "python -m dgsea_bench sweep" in call("--help")[1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (TINY.format(grid="", measure="").replace('"tiny"', '"../tiny"'), "name: String should match pattern"),
        (TINY.format(grid='device = "nowhere"', measure=""), "device must be one that torch knows"),
        (TINY.format(grid="", measure="").replace('"synthetic"', '["synthetic"]'), "source is ['synthetic']"),
        (
            TINY.format(grid="", measure="").replace('"hard"', '"hard"\nmax_gene = 5'),
            "max_genes is the only key beside",
        ),
    ],
)
def test_a_scenario_that_cannot_be_meant_is_refused(refused, write, content, expected):
    assert expected in refused("sweep", write("odd.toml", content))


def test_settings_of_a_ranking_need_a_ranking(refused):
    assert refused("sweep", "default", "--min-size", 5).startswith("--min-size goes with --ranking")


def test_a_directory_that_cannot_be_written_is_refused(refused, write):
    file = write("tiny.toml", TINY.format(grid="", measure=""))
    assert "/proc: cannot write there" in refused("sweep", file, "--out", "/proc")


def test_sizes_of_gene_sets_can_be_given(call, mine):
    arguments = ["--ranking", mine[0], "--gene-sets", mine[1], "--min-size", 1, "--dry-run"]
    code, printed, _ = call("sweep", "real-ranking", *arguments)
    assert code == 0
    assert f"results in reports/{mine[0].stem}" in printed
