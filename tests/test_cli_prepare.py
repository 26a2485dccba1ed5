"""`data prepare-l1000` says what each filter left, and what cannot be used is one line that says why."""

import re

import pandas as pd
import pytest
from l1000_files import SMILES, expected_table, known, make_world, write_gctx, write_pertinfo, write_siginfo
from rich.console import Console

from dgsea_bench import show_preparation, terminal
from dgsea_bench.data import l1000

pytest.importorskip("rdkit", reason="RDKit is not installed (the extra [smiles])")

WORLD = make_world(0)
COMMAND = ("data", "prepare-l1000")


@pytest.fixture
def files(tmp_path):
    """Options that name a matrix without metadata, and its tables."""
    tables = write_siginfo(tmp_path / "sig.txt.gz", WORLD, absent=4), write_pertinfo(tmp_path / "pert.txt", WORLD)
    matrix = write_gctx(tmp_path / "a.gctx", WORLD, described=False)
    return ("--gctx", matrix, "--siginfo", tables[0], "--pertinfo", tables[1])


@pytest.fixture
def described(tmp_path):
    return write_gctx(tmp_path / "described.gctx", WORLD)


def funnel(printed):
    """What stands before the numbers -> the numbers."""
    lines = [re.fullmatch(r"(\S.*?) {2,}([\d,]+) +([\d,]+)", line) for line in printed.splitlines()]
    return {line[1]: (int(line[2]), int(line[3])) for line in lines if line}


def test_the_funnel_is_printed_with_the_numbers_that_count(call, here, files):
    code, printed, complaint = call(*COMMAND, *files, "--out", "table.parquet")
    assert (code, complaint) == (0, "")
    samples = WORLD.samples.apply(known).iloc[:-4]
    compounds = samples[(samples["pert_type"] == "trt_cp") & samples["pert_id"].notna()]
    with_smiles = compounds.dropna(subset="canonical_smiles")
    valid = with_smiles[with_smiles["canonical_smiles"].map(SMILES).eq(True)]
    found = funnel(printed)
    assert list(found.values()) == [
        (len(frame), frame["pert_id"].nunique()) for frame in (samples, compounds, with_smiles, valid)
    ]
    assert re.search(r"^in the file +40 +\?$", printed, re.MULTILINE), "not all are described"
    assert list(found)[:3] == ["described in sig.txt.gz", "of compounds (trt_cp)", "with a SMILES"]
    table = pd.read_parquet(here / "table.parquet")
    assert table["signatures"].sum() == len(valid)
    assert f"table.parquet: {len(table)} rows × 30 genes, " in printed
    assert "30 of 978 landmark genes, known by their ids, which are Entrez ids; not there: " in printed
    assert "table.rejected.tsv: compounds that were left out, as their SMILES is not valid" in printed
    assert "\x1b" not in printed


def test_metadata_in_the_file_are_enough_and_conditions_have_rows(call, here, described):
    code, printed, _ = call(*COMMAND, "--gctx", described, "--out", "t.parquet", "--average", "condition")
    assert code == 0
    assert len(pd.read_parquet(here / "t.parquet")) == len(expected_table(WORLD, "condition"))
    assert re.search(r"note: \d+ signatures have no cell_id; it is missing in the conditions that they make", printed)


def test_a_matrix_can_be_the_name_of_a_dataset(call, here, data, monkeypatch):
    code, _, complaint = call(*COMMAND, "--gctx", "l1000-plate", "--out", "t.parquet")
    assert code == 2
    assert "there are no SMILES beside the signatures; give a table of compounds: --pertinfo" in complaint


def test_the_real_experiment_is_prepared(call, here, data):
    code, printed, _ = call(*COMMAND, "--gctx", data / "l1000/prnet_demo_681x978.h5ad", "--out", "t.parquet")
    assert code == 0
    assert funnel(printed)["in the file"][0] == 681
    assert "978 of 978 landmark genes, known by their ids, which are symbols\n" in printed
    assert "note: no value is negative, as if these were expression" in printed


# --- refused ----------------------------------------------------------------------------------------------------------


def test_another_ending_than_parquet_is_refused(refused, files):
    assert refused(*COMMAND, *files, "--out", "t.csv") == (
        "t.csv: the table is written as parquet; let the name end in .parquet"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--average", "compounds"), "average is 'compounds'; known: compound, condition; did you mean 'compound'?"),
        (("--missing", "drop-gene"), "missing is 'drop-gene'; known: error, drop-genes, drop-signatures; did you mean"),
        (("--genes-by", "ids"), "genes_by is 'ids'; known: auto, id, metadata; did you mean 'id'?"),
    ],
)
def test_an_unknown_choice_names_the_nearest(refused, files, options, expected):
    assert refused(*COMMAND, *files, "--out", "t.parquet", *options).startswith(expected)


def test_a_matrix_that_is_not_there_is_named(refused, cache):
    complaint = refused(*COMMAND, "--gctx", "gse92742-level5", "--out", "t.parquet")
    assert "run: python -m dgsea_bench data fetch gse92742-level5 (" in complaint
    assert refused(*COMMAND, "--gctx", "absent.gctx", "--out", "t.parquet").startswith("absent.gctx: no such file")


def test_without_metadata_the_tables_are_asked_for(refused, files):
    assert refused(*COMMAND, *files[:2], "--out", "t.parquet").endswith("give a table of signatures: --siginfo")
    assert refused(*COMMAND, *files[:4], "--out", "t.parquet").endswith("give a table of compounds: --pertinfo")


def test_tables_in_each_others_place_are_refused(refused, files):
    _, matrix, _, siginfo, _, pertinfo = files
    swapped = ("--gctx", matrix, "--siginfo", pertinfo, "--pertinfo", siginfo)
    assert f"{pertinfo}: has no field sig_id or id or inst_id" in refused(*COMMAND, *swapped, "--out", "t.parquet")


def test_what_is_read_is_not_written_over(refused, tmp_path, files):
    matrix = tmp_path / "a.parquet"
    files[1].rename(matrix)
    content = matrix.read_bytes()
    complaint = refused(*COMMAND, "--gctx", matrix, *files[2:], "--out", matrix)
    assert complaint == f"{matrix}: is what is to be read; give what is to be written another name"
    assert matrix.read_bytes() == content


def test_ctrl_c_ends_with_130_and_leaves_the_earlier_table(call, here, described, monkeypatch):
    call(*COMMAND, "--gctx", described, "--out", "t.parquet")
    before = {path.name: path.read_bytes() for path in here.iterdir()}

    def add(self, group, values):
        raise KeyboardInterrupt

    monkeypatch.setattr(l1000.GroupMeans, "add", add)
    code, _, complaint = call(*COMMAND, "--gctx", described, "--out", "t.parquet")
    assert (code, complaint) == (130, "stopped; nothing half-written is left\n")
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


# --- help and progress ------------------------------------------------------------------------------------------------


def test_the_help_teaches_what_it_makes_and_how_to_begin(call):
    code, printed, _ = call(*COMMAND, "--help")
    text = " ".join(printed.split())
    assert code == 0
    for said in (
        "SMILES and the 978 landmark genes, for training",
        "pert_id, pert_iname, smiles, signatures (how many were averaged)",
        "NAME.rejected.tsv",
        "python -m dgsea_bench data fetch gse92742-level5 gse92742-siginfo gse92742-pertinfo",
        "drop-genes",
        "--average",
        "compound, cell, dose and time",
    ):
        assert said in text, said


def test_lines_tell_how_far_it_is_where_there_is_no_terminal(call, described, monkeypatch):
    monkeypatch.setattr(show_preparation, "LINE_EVERY", 0.0)
    _, printed, _ = call(*COMMAND, "--gctx", described, "--out", "t.parquet")
    averaged = funnel(printed)[list(funnel(printed))[-1]][0]
    assert f"  averaging signatures: {averaged} of {averaged}\n" in printed
    assert "\x1b" not in printed


def test_a_terminal_shows_a_bar_that_goes_away(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "out", Console(force_terminal=True, width=100))
    with show_preparation.PreparationBar() as bar:
        for done in range(1, 4):
            bar.watch("checking SMILES", done, 3)
        bar.watch("averaging signatures", 3, 3)
        assert [task.description for task in bar.bar.tasks] == ["averaging signatures"]
        assert bar.bar.finished
    assert "averaging signatures" in capsys.readouterr().out
