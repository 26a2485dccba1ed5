"""The command line: train."""

import builtins
import json
import sys

import pytest
from test_report_page import text_of

SCENARIO = """
name = "mine"
summary = "A test."
task = "training"
[training]
hidden = 16
epochs = 2
fine_tune_epochs = 2
warmup_steps = 2
weights = [0, 0.3]
permutations = 40
resamples = 100
[measure]
min_seconds = 0
max_seconds = 0
[axes]
compounds = 80
[[grids]]
source = "simulated-compounds"
arm = ["gene-mse", "hybrid"]
seed = [0, 1]
{more}
[[backends]]
name = "fastsum"
seeds = 1
"""


@pytest.fixture
def scenario(here, tmp_path):
    def write(more=""):
        file = tmp_path / "mine.toml"
        file.write_text(SCENARIO.format(more=more))
        return file

    return write


def rows(folder):
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_a_study_is_trained_reported_and_not_trained_again(call, here, scenario):
    code, printed, complaint = call("train", scenario())
    assert (code, complaint) == (0, "")
    assert "80 simulated compounds" in printed
    assert "report: reports/mine/index.html" in printed
    found = {(row["label"], row["case"]["training"]["seed"]): row for row in rows(here / "reports" / "mine")}
    assert {key: row["status"] for key, row in found.items()} == {
        ("none", 0): "done",
        ("none", 1): "done",
        ("fastsum", 0): "done",
        ("fastsum", 1): "skipped",
    }
    assert found["fastsum", 1]["reason"] == "the scenario limits fastsum to 1 seed"
    assert found["fastsum", 0]["metrics"]["step_overhead"] > 0
    assert len(list((here / "reports" / "mine" / "references").glob("*.pt"))) == 2
    page = text_of((here / "reports" / "mine" / "index.html").read_text(encoding="utf-8"))
    assert "dGSEA as an auxiliary loss" in page
    assert "with fastsum, 1 seed" in page
    assert "the scenario limits fastsum to 1 seed" in page

    code, printed, complaint = call("train", scenario())
    assert (code, complaint) == (0, "")
    assert "3 of them measured before" in printed
    assert len(rows(here / "reports" / "mine")) == 4


def test_a_study_that_cannot_begin_says_why_in_every_row(call, here, scenario):
    code, _, _ = call("train", scenario(), "--set", "compounds=20", "--set", "seed=0")
    found = rows(here / "reports" / "mine")
    assert code == 1
    assert [row["status"] for row in found] == ["failed", "failed"]
    for row in found:
        assert "no model could be trained on genes alone" in row["reason"]
        assert "3 of 20 compounds are for validation, and 5 are the fewest" in row["reason"]


def test_a_dry_run_shows_arms_and_seeds(call, here, scenario):
    code, printed, complaint = call("train", scenario('pathways = "random"'), "--dry-run", "--set", "seed=7")
    assert (code, complaint) == (0, "")
    assert "seed 7" in printed
    assert list(here.iterdir()) == []


def test_a_scenario_that_trains_nothing_is_refused_and_those_that_do_are_named(refused):
    said = refused("train", "default")
    assert "scenario 'default' trains nothing: use sweep" in said
    assert "training-prnet" in said
    assert "training-simulated" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "encoder=morgen"], "unknown encoder 'morgen'"),
        (["--set", "arm=hybird"], "did you mean 'hybrid'"),
        (["--set", "genes=3"], "has no axis 'genes'"),
        (["--backends", "none"], "the arm"),
        (["--backends", "hard"], "backend 'hard' has no gradient, so nothing can be trained with it"),
        (["--backends", ","], "--backends names none"),
        (["--retry", "all"], "--retry is 'all'"),
        (["--timing", "never"], "timing is 'never'"),
        (["--set", "pathways=absent.gmt"], "absent.gmt"),
        (["--jobs", "0"], "jobs is 0"),
    ],
)
def test_what_cannot_be_used_is_one_line(refused, scenario, arguments, said):
    assert said in refused("train", scenario(), *arguments)


def test_without_rdkit_the_extra_is_named_before_anything_is_trained(refused, scenario, monkeypatch):
    usual = builtins.__import__

    def without_rdkit(name, *rest, **more):
        if name.split(".")[0] == "rdkit":
            raise ImportError(name)
        return usual(name, *rest, **more)

    for name in [name for name in sys.modules if name.split(".")[0] == "rdkit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_rdkit)
    assert 'pip install "dgsea-bench[smiles]"' in refused("train", scenario())
