"""The command line: bad input is one line and exit code 2, and leaves nothing behind."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from dgsea_bench import scoring, show_scores
from dgsea_bench.backends import backends
from dgsea_bench.bench import promises
from dgsea_bench.bench.scenario_files import built_in_scenarios
from dgsea_bench.data.sources import read_problem

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
def write(tmp_path):
    """Writes an input file outside of the working directory; returns its path."""

    def write(name, content):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


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
    assert f"{ranking} × {gene_sets}: 40 genes, 0.0% of them tied; 1 gene set used" in printed
    assert list(here.iterdir()) == []


def test_a_sweep_in_which_a_case_fails_exits_with_1_and_still_has_a_report(call, write, here):
    file = write("late.toml", TINY.format(grid="set_size = 5", measure="time_limit = 0.01"))
    code, printed, complaint = call("sweep", file)
    assert (code, complaint) == (1, "")
    assert "hard on planted, 40 genes, 50 sets of 5: out of time: stopped after the time limit of 0.01 s" in printed
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


@pytest.mark.parametrize("command", [[], ["sweep"], ["score"], ["report"], ["check"], ["backends"], ["scenarios"]])
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
            "max_genes and seeds are the only keys beside",
        ),
    ],
)
def test_a_scenario_that_cannot_be_meant_is_refused(refused, write, content, expected):
    assert expected in refused("sweep", write("odd.toml", content))


def test_settings_of_a_ranking_need_a_ranking(refused):
    assert refused("sweep", "default", "--min-size", 5).startswith("--min-size goes with --ranking")


def test_a_directory_that_cannot_be_written_is_refused(refused, write):
    file = write("tiny.toml", TINY.format(grid="", measure=""))
    assert "/proc/sweep.lock: cannot write there" in refused("sweep", file, "--out", "/proc")


def test_sizes_of_gene_sets_can_be_given(call, mine):
    arguments = ["--ranking", mine[0], "--gene-sets", mine[1], "--min-size", 1, "--dry-run"]
    code, printed, _ = call("sweep", "real-ranking", *arguments)
    assert code == 0
    assert f"results in reports/{mine[0].stem}" in printed


# --- score ------------------------------------------------------------------------------------------------------------

ODD_NAMES = ["[red]very[/red]", "back\\", "=1+1", 'a, "b"', "escape \x1b[31m", "é" * 90]


@pytest.fixture
def yours(write):
    """A ranking of 200 genes, and 30 gene sets, some of them with odd names."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(200) + (np.arange(200) < 20)
    ranking = write("yours.rnk", "".join(f"g{number}\t{score:.6f}\n" for number, score in enumerate(scores)))
    names = [*ODD_NAMES, *(f"set {number}" for number in range(24))]
    members = [range(20), *(rng.choice(200, 20 + number, replace=False) for number in range(29))]
    lines = ("\t".join([name, "", *(f"g{gene}" for gene in genes)]) for name, genes in zip(names, members))
    return ranking, write("yours.gmt", "\n".join(lines) + "\n")


SHORT = ("--permutations", 50, "--threads", 1)  # threads wait for one another where a machine is busy


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--permutations", 5], "permutations is 5; it must be a whole number, 20 to 2147483647"),
        (["--backend", "exact,nyswim"], "did you mean 'nyswin'?"),
        (["--backend", "hard,exat"], "unknown backend 'exat'"),
        (["--threads", 0], "--threads is 0"),
        (["--threads", 10**6], "--threads is 1000000"),
        (["--preset", "recomended"], "did you mean 'recommended'?"),
        (["--exponent", -1], "exponent is -1.0"),
        (["--sharing", "none"], "sharing is 'none'; known: set, size"),
        (["--p-value", "none"], "p_value is 'none'"),
        (["--fdr", "none"], "fdr is 'none'"),
        (["--seed", -1], "seed is -1"),
        (["--min-size", 0], "set sizes 0 .. 500"),
        (["--min-size", 190], "none of the 30 gene sets can be used"),
        (["--duplicates", "median"], "--duplicates is 'median'"),
        (["--out", "absent/table.tsv"], "absent/table.tsv: cannot be written: No such file or directory"),
        (["--out", "table.xlsx"], "let the name end in .tsv or .csv"),
    ],
)
def test_a_score_that_cannot_be_meant_is_refused(refused, yours, options, expected):
    assert expected in refused("score", *yours, *options)


def test_a_table_is_never_written_over_its_ranking(refused, yours):
    before = yours[0].read_text()
    assert "is what is to be read" in refused("score", *yours, "--out", yours[0])
    assert yours[0].read_text() == before


def test_a_ranking_that_ranks_nothing_is_refused(refused, write, yours):
    flat = write("flat.rnk", "".join(f"g{number}\t1\n" for number in range(200)))
    assert refused("score", flat, yours[1]) == f"{flat}: the scores of all 200 genes are 1; nothing is ranked"


def test_malformed_files_are_refused_by_score_with_file_and_line(refused, write, yours):
    ranking, gene_sets = write("bad.rnk", "A\t1\nB\tn/a\n"), write("bad.gmt", "one\t\tg1\ntwo\n")
    assert refused("score", ranking, yours[1]).startswith(f"{ranking}:2: score 'n/a' is not a number")
    assert refused("score", yours[0], gene_sets).startswith(f"{gene_sets}:2: expected name, description and genes")


@pytest.mark.parametrize(("name", "separator"), [("table.tsv", "\t"), ("table.csv", ",")])
def test_scores_are_shown_and_written(call, here, yours, name, separator):
    code, printed, complaint = call("score", *yours, "--backend", "hard,exact", "--out", name, *SHORT)
    assert (code, complaint) == (0, "")
    assert "200 genes, 0.0% of them tied\n30 gene sets used\n" in printed
    assert "50 permutations of the genes, seed 0" in printed
    assert "dNES of exact against NES across gene sets: Spearman 0." in printed
    assert f"all 30, with Tag %, Gene % and leading edges: {name}" in printed
    assert [path.name for path in here.iterdir()] == [name]
    written = pd.read_csv(here / name, sep=separator)
    problem = read_problem(*yours)
    expected = scoring.score_problem(problem, ["hard", "exact"], null=scoring.NullParams(permutations=50)).table()
    assert written["Term"].tolist() == expected["Term"].tolist()
    numbers = expected.select_dtypes("float").columns
    assert {f"{method} {number}" for method in ("hard", "exact") for number in ("ES", "NES", "NOM p-val")} < set(
        numbers
    )
    np.testing.assert_allclose(written[numbers], expected[numbers], rtol=1e-5)
    shown = printed[printed.index("───") :].splitlines()[1 : show_scores.SHOWN + 1]
    for (_, row), line in zip(expected.iterrows(), shown):
        assert line.startswith(row["Term"].replace("\x1b", "?"))
        assert [f"{row[f'{method} NES']:.2f}" in line.split() for method in ("hard", "exact")] == [True, True]


def test_names_are_shown_as_they_are(call, yours):
    printed = call("score", *yours, "--backend", "hard", "--max-size", 26, *SHORT)[1]
    for name in ODD_NAMES:
        assert name.replace("\x1b", "?") in printed


def test_the_rest_is_counted(call, yours):
    printed = call("score", *yours, "--backend", "hard", *SHORT)[1]
    assert "10 more gene sets; --out table.tsv writes all" in printed
    assert "Spearman" not in printed


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("backends", ["hard", "hard,exact", "hard,exact,nyswin"])
def test_a_table_fits_into_the_terminal(call, yours, monkeypatch, width, backends):
    terminal = Console(force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(show_scores, "out", terminal)
    code, printed, _ = call("score", *yours, "--backend", backends, *SHORT)
    assert code == 0
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("gene set "))
    assert lines[start].split()[-1] == "FDR"
    rows = lines[start - 1 : start + 2 + show_scores.SHOWN]
    assert max(map(len, rows)) <= width
    assert all("…" not in row.split()[-1] for row in rows)


def test_what_would_take_long_is_left_out_unless_named(call, here, yours, monkeypatch):
    monkeypatch.setattr(scoring, "SAMPLES", (50, 100))
    monkeypatch.setattr(scoring, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(scoring, "TIME_LIMIT", 0.0)
    method = scoring.DEFAULT_BACKENDS[1]
    code, printed, _ = call("score", *yours, "--out", "table.tsv", *SHORT)
    assert code == 0
    assert f"{method} is left out, it would take about " in printed
    assert f"to have it: --backend hard,{method}\n" in printed
    assert not any(method in column for column in pd.read_csv(here / "table.tsv", sep="\t").columns)
    printed = call("score", *yours, "--backend", f"hard,{method}", *SHORT)[1]
    assert "left out, it" not in printed
    assert f"dNES of {method}" in printed


def test_why_a_number_is_missing_is_said(call, write):
    ranking = write("top.rnk", "".join(f"g{number}\t{1 / (1 + number)}\n" for number in range(100)))
    gene_sets = write("bottom.gmt", "bottom\t\t" + "\t".join(f"g{number}" for number in range(10, 100)) + "\n")
    code, printed, _ = call("score", ranking, gene_sets, "--backend", "hard,exact", *SHORT)
    assert code == 0
    assert "no number: hard, 1 gene set ('bottom'): no negative null score to normalise by" in printed
    assert "dNES of exact against NES across gene sets: needs ten gene sets" in printed


def test_an_interrupted_score_ends_with_130_and_writes_nothing(call, here, yours, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "normalized_enrichment_score", interrupt)
    code, _, complaint = call("score", *yours, "--out", "table.tsv")
    assert (code, complaint) == (130, "stopped; nothing was written\n")
    assert list(here.iterdir()) == []


def test_threads_are_set_for_the_time_of_a_score(call, yours, monkeypatch):
    used = []
    genuine = scoring.normalized_enrichment_score

    def watched(*arguments, **options):
        used.append(torch.get_num_threads())
        return genuine(*arguments, **options)

    monkeypatch.setattr(scoring, "normalized_enrichment_score", watched)
    before = torch.get_num_threads()
    assert call("score", *yours, "--backend", "hard", "--permutations", 50)[0] == 0
    assert call("score", *yours, "--backend", "hard", *SHORT)[0] == 0
    assert used == [before, 1]
    assert torch.get_num_threads() == before


def test_options_of_a_score_change_it(call, yours):
    def scores(*options):
        return call("score", *yours, "--backend", "hard,exact", *SHORT, *options)[1]

    usual = scores()
    for options in (
        ["--seed", 1],
        ["--exponent", 0],
        ["--preset", "training"],
        ["--sharing", "size"],
        ["--p-value", "gsea"],
        ["--fdr", "gsea"],
        ["--min-size", 25],
    ):
        assert scores(*options) != usual
    assert scores("--max-size", 60) == usual


def test_a_real_ranking_is_scored(call, data):
    files = data / "gsea_desktop" / "gsea_data.gsea_data.rnk", data / "gsea_desktop" / "gene_sets.gmt"
    code, printed, complaint = call("score", *files, "--backend", "hard,exact", *SHORT)
    assert (code, complaint) == (0, "")
    assert "694 genes" in printed
    assert "7 gene sets used" in printed
    assert "CDX2 OE-SPECIFIC" in printed


def test_check_says_what_holds(call, monkeypatch):
    found = [
        promises.Promise("planted", 978, 0.5, 0.25, holds=True, always=False),
        promises.Promise("null", 400, 0.7, 0.125, holds=False, always=False),
    ]
    monkeypatch.setattr(promises, "nyswin_error", lambda: found)
    monkeypatch.setattr(promises, "nyswin_agreement", lambda: found)
    code, printed, complaint = call("check")
    assert (code, complaint) == (0, "")
    tables = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert ["planted", "978", "mean < 0.20%", "50.000%", "25.000%", "usually"] in tables
    assert ["null", "400", "> 0.85", "0.700", "0.125", "no"] in tables


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--out", ""], "--out is empty"),
        (["--backends", ","], "--backends names none; give some, such as"),
        (["--filter", ""], "--filter is empty; expected conditions"),
        (["--filter", "genes=978", "--filter", "genes=400"], "leaves no case"),
        (["--filter", "backend=fastsum,", "--dry-run"], "no spaces around = and ,"),
        (["genes=978", "--filter", "backend=fastsum"], "a filter of several conditions needs quotes"),
        (["--memory-limit", "0.3"], "memory_limit: Input should be greater than or equal to 0.5"),
        (["--time-limit", "0"], "time_limit: Input should be greater than 0"),
        (["--timing", "soon"], "timing is 'soon'; known: alone, together, none"),
        (["--isolation", "much"], "isolation is 'much'; known: process, none"),
        (["--retry", "all"], "--retry is 'all'; the one thing that can be measured again is 'failed'"),
        (["--engine", "dusk", "--dry-run"], "unknown engine 'dusk'"),
        (["--jobs", "0", "--dry-run"], "jobs is 0; it must be at least 1"),
        (["--scheduler", "tcp://10.0.0.1:8786", "--dry-run"], "add --engine dask"),
        (["--isolation", "none", "--engine", "dask", "--dry-run"], "leave out --engine and --jobs"),
    ],
)
def test_choices_of_a_sweep_that_make_no_sense_are_refused_before_anything_is_written(
    refused, here, arguments, complaint
):
    assert complaint in refused("sweep", *arguments)
    assert list(here.iterdir()) == []
