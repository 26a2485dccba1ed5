"""A tiny sweep from end to end: every case in a process of its own, on disk as soon as it is there."""

import json
import re
import shutil
import sys
from concurrent.futures import Future

import numpy as np
import pandas as pd
import pytest
import torch

from dgsea_bench import InputError
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.engines import LocalEngine
from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.bench.reference import Reference
from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.bench.spec import Outcome
from dgsea_bench.bench.sweep import Observer, plan_sweep, run_plan, run_sweep
from dgsea_bench.report import render_report
from dgsea_bench.report.rows import Run

SCENARIO = """
name = "tiny"
summary = "A test."
[axes]
sets = 12
set_size = "5-15"
[[grids]]
source = "synthetic"
genes = [40, 60]
{grids}
[[backends]]
name = "exact"
[[backends]]
name = "nyswin"
max_genes = 50
[[backends]]
name = "hard"
max_genes = 50
[measure]
min_seconds = 0
max_seconds = 0
reference_max_genes = 50
{measure}
"""


class Listener(Observer):
    """Remembers what a sweep did."""

    def __init__(self):
        self.events = []

    def started(self, case, what):
        self.events.append((what, case.label, case.source.genes))

    def finished(self, row):
        self.events.append((row.status, row.label, row.case["source"]["genes"]))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(scenario file, run directory, rows by label and genes, what was heard) of one sweep, shared by all tests."""
    folder = tmp_path_factory.mktemp("sweep")
    file = folder / "tiny.toml"
    file.write_text(SCENARIO.format(grids="", measure=""))
    listener = Listener()
    rows = run_plan(plan_sweep(file, out=folder / "run"), observer=listener)
    by_point = {(row.label, row.case["source"]["genes"]): row for row in rows}
    return file, RunDirectory(folder / "run"), by_point, listener.events


def case_of(row):
    return Case.model_validate(row.case)


def test_every_case_has_a_row_with_its_status(tiny):
    _, directory, rows, _ = tiny
    assert {point: row.status for point, row in rows.items()} == {
        ("exact", 40): "done",
        ("nyswin", 40): "done",
        ("hard", 40): "done",
        ("exact", 60): "done",
        ("nyswin", 60): "skipped",
        ("hard", 60): "skipped",
    }
    assert len(directory.rows()) == 6
    assert {row.scenario for row in rows.values()} == {"tiny"}


def test_whoever_watches_hears_of_each_case(tiny):
    events = tiny[-1]
    assert events[:3] == [("truth", "exact", 40), ("measuring", "exact", 40), ("done", "exact", 40)]
    assert ("measuring", "hard", 60) not in events
    assert ("skipped", "hard", 60) in events


def test_exact_is_the_truth_to_rounding(tiny):
    metrics = tiny[2]["exact", 40].metrics
    assert metrics["value_error_max"] < 1e-12
    assert metrics["gradient_error"] < 1e-12
    assert metrics["gradient_cosine"] == pytest.approx(1, abs=1e-12)
    assert metrics["rank_error"] < 1e-10


def test_an_approximation_has_errors_that_are_seen(tiny):
    metrics = tiny[2]["nyswin", 40].metrics
    assert 1e-6 < metrics["value_error_mean"] < 0.1
    assert 1e-6 < metrics["gradient_error"] < 0.5
    assert 1e-3 < metrics["rank_error"] < 2


def test_hard_is_measured_against_classical_gsea_and_has_no_gradient(tiny):
    row = tiny[2]["hard", 40]
    assert row.target == "gsea"
    assert row.metrics["value_error_max"] < 1e-12
    assert row.metrics["es_spearman"] == pytest.approx(1)
    assert row.metrics["es_sign_agreement"] == 1
    assert not {"gradient_error", "step_seconds", "backward_seconds", "step_peak_mib", "rank_error"} & set(row.metrics)


def test_only_described_metrics_are_measured(tiny):
    for row in tiny[2].values():
        assert {re.sub("_(q1|q3|low|high)$", "", name) for name in row.metrics} <= set(METRICS)


@pytest.mark.parametrize("label", ["exact", "nyswin"])
def test_times_are_medians_between_quartiles_of_the_raw_values(tiny, label):
    _, directory, rows, _ = tiny
    row = rows[label, 40]
    raw = pd.read_parquet(directory.details(case_of(row)) / "timings.parquet")
    assert raw.query("not warm_up").groupby("phase").size().to_dict() == {"backward": 5, "forward": 5, "step": 5}
    assert set(raw.query("warm_up")["phase"]) == {"backward", "forward", "step"}
    for phase, seconds in raw.query("not warm_up").groupby("phase")["seconds"]:
        assert row.metrics[f"{phase}_seconds"] == seconds.median() > 0
        assert row.metrics[f"{phase}_seconds_q1"] <= seconds.median() <= row.metrics[f"{phase}_seconds_q3"]
        assert row.metrics[f"{phase}_seconds_low"] == seconds.min()
        assert row.metrics[f"{phase}_seconds_high"] == seconds.max()
    assert (raw.query("phase == 'backward'")["seconds"].to_numpy() < raw.query("phase == 'step'")["seconds"]).all()
    assert row.metrics["forward_peak_mib"] >= 0


def test_a_skipped_case_says_why_and_leaves_no_details(tiny):
    _, directory, rows, _ = tiny
    row = rows["nyswin", 60]
    assert (row.reason, row.metrics) == ("the scenario limits nyswin to 50 genes", {})
    assert not directory.details(case_of(row)).exists()


def test_beyond_the_largest_reference_errors_are_absent_with_the_reason_and_ranks_are_checked(tiny):
    row = tiny[2]["exact", 60]
    assert row.without_truth == "the scenario computes no truth beyond 50 genes (here 60)"
    assert not {"value_error_mean", "value_error_scaled", "gradient_error"} & set(row.metrics)
    assert row.metrics["rank_error"] < 1e-10
    assert "es_spearman" in row.metrics
    assert "step_seconds" in row.metrics
    assert tiny[2]["exact", 40].without_truth is None


def test_a_row_states_the_facts_of_its_problem(tiny):
    problem = tiny[2]["exact", 40].problem
    assert (problem["genes"], problem["profiles"], problem["sets"], problem["dropped"]) == (40, 1, 12, {})
    assert 5 <= problem["smallest_set"] <= problem["largest_set"] <= 15
    assert problem["tied_share"] == 0


def test_the_truth_is_computed_once_per_problem(tiny):
    _, directory, rows, _ = tiny
    kept = sorted(path.name for path in (directory.path / "references").iterdir())
    assert kept == sorted({directory.reference(case_of(rows["exact", genes])).name for genes in (40, 60)})
    small, large = (Reference.load(directory.reference(case_of(rows["exact", genes]))) for genes in (40, 60))
    assert (small.value.shape, small.gradient.shape, small.classical.shape) == ((1, 12), (1, 40), (1, 12))
    assert (large.value, large.gradient, large.classical.shape) == (None, None, (1, 12))


def test_the_details_hold_each_set_and_a_running_sum(tiny):
    _, directory, rows, _ = tiny
    row = rows["nyswin", 40]
    sets = pd.read_parquet(directory.details(case_of(row)) / "sets.parquet")
    assert sets["gene_set"].tolist() == [f"set{number}" for number in range(12)]
    assert sets["planted"].sum() == 1
    relative = (sets["value"] - sets["truth"]).abs() / sets["truth"].abs()
    assert row.metrics["value_error_mean"] == pytest.approx(relative.mean(), rel=1e-12)


def test_the_details_hold_running_sums_of_sets_that_tell_much(tiny):
    _, directory, rows, _ = tiny
    sets = pd.read_parquet(directory.details(case_of(rows["nyswin", 40])) / "sets.parquet").set_index("gene_set")
    classical = sets["classical"]
    curves = pd.read_parquet(directory.details(case_of(rows["hard", 40])) / "curves.parquet")
    highest, lowest, weak = curves["gene_set"].unique()
    assert (highest, lowest) == (classical.idxmax(), classical.idxmin())
    others = classical.drop([highest, lowest]).abs()
    assert (others < others[weak]).sum() == len(others) // 2
    for name, curve in curves.groupby("gene_set"):
        assert curve["position"].tolist() == list(range(1, 41))
        assert curve.loc[curve["running_sum"].abs().idxmax(), "running_sum"] == pytest.approx(classical[name])
    soft = pd.read_parquet(directory.details(case_of(rows["nyswin", 40])) / "curves.parquet")
    assert soft["gene_set"].unique().tolist() == [highest, lowest, weak]


def test_the_details_hold_each_profile(tiny):
    _, directory, rows, _ = tiny
    names = ["profile", "name", "responding", "value_error_mean", "value_error_scaled", "gradient_error", "es_spearman"]
    for label in ("exact", "nyswin", "hard"):
        row = rows[label, 40]
        table = pd.read_parquet(directory.details(case_of(row)) / "profiles.parquet")
        assert table.columns.tolist() == names
        assert table[["profile", "name"]].to_numpy().tolist() == [[0, ""]]
        scores = case_of(row).source.load().scores
        assert table["responding"].tolist() == [int((scores.abs() >= 2).sum())]
        for name in names[3:]:  # one profile, so that its metrics are those of all
            assert table[name].item() == pytest.approx(row.metrics.get(name, np.nan), nan_ok=True)
    assert np.isnan(table["gradient_error"].item()), "hard has no gradient"


def test_a_problem_without_truth_has_details_without_truth(tiny):
    _, directory, rows, _ = tiny
    sets = pd.read_parquet(directory.details(case_of(rows["exact", 60])) / "sets.parquet")
    assert sets["truth"].isna().all()
    assert sets["value"].notna().all()
    profiles = pd.read_parquet(directory.details(case_of(rows["exact", 60])) / "profiles.parquet")
    assert profiles[["value_error_mean", "value_error_scaled", "gradient_error"]].isna().all(axis=None)
    assert profiles["es_spearman"].notna().all()


def test_the_export_and_the_environment_are_there(tiny):
    _, directory, rows, _ = tiny
    frame = pd.read_parquet(directory.path / "rows.parquet")
    assert frame["status"].value_counts().to_dict() == {"done": 4, "skipped": 2}
    environments = json.loads((directory.path / "environment.json").read_text())
    assert set(environments) == {row.environment_id for row in rows.values()}
    assert {"cores", "python", "packages", "commit", "processor"} <= set(next(iter(environments.values())))
    assert not list(directory.path.rglob("*.partial"))


def test_planning_writes_nothing(tiny, tmp_path):
    plan = plan_sweep(tiny[0], out=tmp_path / "new")
    assert len(plan.cases) == len(plan.pending) == 6
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_measures_nothing_again(tiny):
    file, directory, _, _ = tiny
    before = {row.case_id: row for row in directory.rows() if row.status == "done"}
    plan = plan_sweep(file, out=directory.path)
    assert {case.skip is None for case in plan.pending} <= {False}
    listener = Listener()
    run_plan(plan, observer=listener)
    assert not [event for event in listener.events if event[0] in ("truth", "done", "failed")]
    assert {row.case_id: row for row in directory.latest_rows() if row.status == "done"} == before


def test_a_second_run_goes_on_after_a_crash_that_tore_the_last_line(tiny, tmp_path):
    file, directory, _, _ = tiny
    lines = directory.rows_file.read_bytes().splitlines(keepends=True)
    copy = RunDirectory(tmp_path)
    copy.rows_file.write_bytes(lines[0] + lines[1][:50])
    plan = plan_sweep(file, out=tmp_path)
    assert len(plan.pending) == 5
    assert copy.rows_file.read_bytes() == lines[0] + lines[1][:50]


def test_rows_of_an_older_measurement_are_measured_again(tiny, tmp_path):
    file, directory, _, _ = tiny
    old = [{**row.model_dump(mode="json"), "measurement_version": 0} for row in directory.rows()]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in old))
    assert len(plan_sweep(file, out=tmp_path).pending) == 6


def test_a_truth_of_too_many_terms_is_left_out_and_the_case_is_measured(tmp_path):
    file = tmp_path / "long.toml"
    file.write_text(SCENARIO.format(grids="profiles = [1, 2]", measure="reference_max_terms = 20_000"))
    choices = {"backends": ["hard"], "axes": {"genes": [40]}, "isolation": "none"}
    rows = run_plan(plan_sweep(file, out=tmp_path / "run", **choices))
    told = "the scenario computes no truth of more than 2e+04 terms (here 4e+04)"
    assert [(row.status, row.without_truth) for row in rows] == [("done", None), ("done", told)]
    assert ["value_error_max" in row.metrics for row in rows] == [True, False]
    assert ["es_spearman" in row.metrics for row in rows] == [True, False]
    assert all(row.metrics["forward_seconds"] > 0 for row in rows)


def test_fresh_measures_anew_and_only_the_backends_that_are_chosen(tiny, tmp_path):
    file, directory, rows, _ = tiny
    shutil.copytree(directory.path, tmp_path / "run")
    frame = run_sweep(file, out=tmp_path / "run", backends=["hard"], fresh=True)
    assert frame["label"].tolist() == ["hard", "hard"]
    assert frame["status"].tolist() == ["done", "skipped"]
    assert frame["case_id"][0] == rows["hard", 40].case_id
    assert frame["metrics.forward_seconds"][0] != rows["hard", 40].metrics["forward_seconds"]
    assert frame["metrics.value_error_mean"][0] == rows["hard", 40].metrics["value_error_mean"]
    assert len(RunDirectory(tmp_path / "run").rows()) == 2


def test_a_case_out_of_time_fails_with_the_reason_and_the_sweep_goes_on(tmp_path):
    file = tmp_path / "late.toml"
    file.write_text(SCENARIO.format(grids="", measure="time_limit = 0.01"))
    frame = run_sweep(file, out=tmp_path / "run")
    assert frame["status"].tolist() == ["out of time"] * 3 + ["skipped"] * 3
    assert set(frame["reason"]) == {
        "stopped after the time limit of 0.01 s",
        "out of time at 40 genes already",
        "the scenario limits nyswin to 50 genes",
        "the scenario limits hard to 50 genes",
    }
    assert len(plan_sweep(file, out=tmp_path / "run").pending) == 3
    assert len(plan_sweep(file, out=tmp_path / "run", retry=True).pending) == 6


def test_a_case_that_raises_fails_with_its_last_words_and_the_sweep_goes_on(tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text(
        'name = "broken"\nsummary = "A test."\n[[grids]]\nsource = "synthetic"\ngenes = 40\nset_size = 5\n'
        'device = ["meta", "cuda:99", "cpu"]\n[[backends]]\nname = "hard"\n[measure]\nmin_seconds = 0\n'
    )
    frame = run_sweep(file, out=tmp_path / "run")
    assert frame["status"].tolist()[::2] == ["failed", "done"]
    assert "meta tensor" in frame["reason"][0]
    if not torch.cuda.is_available():
        assert (frame["status"][1], frame["reason"][1]) == ("skipped", "there is no CUDA device")


def test_a_ranking_with_files_is_measured_and_remarked_on(tmp_path):
    rng = np.random.default_rng(0)
    genes = [f"g{number}" for number in range(40)]
    scores = [*rng.standard_normal(36), 0.0, 0.0, 0.0, 0.0]
    (tmp_path / "a.rnk").write_text("".join(f"{gene}\t{score!r}\n" for gene, score in zip(genes, map(float, scores))))
    chosen = [rng.choice(genes, size, replace=False) for size in (10, 12, 2)]
    lines = ["\t".join([f"set{number}", "", *names]) for number, names in enumerate(chosen)]
    (tmp_path / "a.gmt").write_text("\n".join(lines))
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "mine"\nsummary = "A test."\n[[grids]]\nsource = "ranking"\nranking = "{tmp_path}/a.rnk"\n'
        f'gene_sets = "{tmp_path}/a.gmt"\nmin_size = 5\n[[backends]]\nname = "hard"\n[measure]\nmin_seconds = 0\n'
    )
    plan = plan_sweep(file, out=tmp_path / "run", isolation="none")
    assert plan.remarks == (
        f"{tmp_path}/a.rnk × {tmp_path}/a.gmt: 40 genes, 10.0% of them tied; 2 gene sets used; "
        "1 left out: fewer than 5 genes in the ranking",
    )
    (row,) = run_plan(plan)
    assert row.status == "done"
    assert row.problem["dropped"] == {"fewer than 5 genes in the ranking": 1}
    assert row.problem["tied_share"] == 0.1


def test_a_scenario_that_cannot_be_used_leaves_no_directory(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text(SCENARIO.format(grids="tau_rank = 0", measure=""))
    with pytest.raises(InputError, match="tau_rank is 0"):
        run_sweep(file, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_case_skipped_again_for_the_same_reason_is_no_news(tiny, tmp_path):
    file, directory, *_ = tiny
    shutil.copytree(directory.path, tmp_path / "run")
    before = (tmp_path / "run" / "rows.jsonl").read_bytes()
    run_sweep(file, out=tmp_path / "run")
    assert (tmp_path / "run" / "rows.jsonl").read_bytes() == before


def test_a_plan_says_that_its_directory_holds_more(tiny):
    file, directory, *_ = tiny
    (remark,) = plan_sweep(file, out=directory.path, backends=["hard"]).remarks
    assert "holds 4 other cases; they stay in its report" in remark


def test_an_edited_file_is_another_problem(tmp_path):
    (tmp_path / "a.gmt").write_text("set\t\t" + "\t".join(f"g{n}" for n in range(5)))
    digests = []
    for seed in (0, 1):
        scores = np.random.default_rng(seed).standard_normal(20).tolist()
        (tmp_path / "a.rnk").write_text("".join(f"g{n}\t{score}\n" for n, score in enumerate(scores)))
        plan = plan_sweep(
            "real-ranking",
            backends=["hard"],
            out=tmp_path / "run",
            ranking=str(tmp_path / "a.rnk"),
            gene_sets=str(tmp_path / "a.gmt"),
            settings={"min_size": 1},
            timing="none",
            isolation="none",
        )
        digests.append({row.case_id: row.inputs for row in run_plan(plan)})
    (first,), (second,) = digests[0].items(), digests[1].items()
    assert first[0] != second[0]
    assert first[1][str(tmp_path / "a.rnk")] != second[1][str(tmp_path / "a.rnk")]
    run = Run(tmp_path / "run", tuple(plan.directory.latest_rows()), {})
    assert len(run.results) == 2


class Untrue(LocalEngine):
    """Fails to compute any truth."""

    def submit(self, spec):
        if spec.task == "case":
            return super().submit(spec)
        failed = Future()
        failed.set_result(Outcome("failed", "a test"))
        return failed


def test_without_a_truth_time_is_measured_and_errors_are_absent(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(SCENARIO.format(grids="profiles = 2", measure=""))
    with Untrue() as engine:
        plan = plan_sweep(file, out=tmp_path / "run", backends=["nyswin"], isolation="none")
        rows = run_plan(plan, engine=engine)
    done = [row for row in rows if row.metrics]
    assert {row.without_truth for row in done} == {"the truth could not be computed: a test"}
    assert all(row.metrics["step_seconds"] > 0 and "value_error_mean" not in row.metrics for row in done)


class Stalling(LocalEngine):
    """Does nothing until somebody has heard that it does nothing."""

    def __init__(self):
        super().__init__()
        self.future = Future()

    def submit(self, spec):
        return self.future

    def trouble(self):
        return "no worker is there"


def test_whoever_watches_hears_that_nothing_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["dgsea_bench.bench.sweep"], "PATIENCE", 0.01)
    file = tmp_path / "tiny.toml"
    file.write_text(SCENARIO.format(grids="", measure=""))
    told = []

    class Waiting(Observer):
        def stalled(self, why):
            told.append(why)
            engine.future.set_result(Outcome("failed", "a test"))

    with Stalling() as engine:
        plan = plan_sweep(file, out=tmp_path / "run", where="backend=hard genes=40")
        rows = run_plan(plan, engine=engine, observer=Waiting())
    assert told == ["no worker is there"]
    assert [row.reason for row in rows] == ["a test"]


class Untruthful(LocalEngine):
    """Computes no truth in time, and measures nothing."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def submit(self, spec):
        self.asked.append((spec.task, spec.case.source.genes))
        done = Future()
        done.set_result(Outcome("out of time", "a test") if spec.task == "reference" else Outcome("done"))
        return done


def test_a_truth_that_ran_out_is_not_tried_at_larger_sizes_and_flagged_and_tried_again_when_asked_for(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(SCENARIO.format(grids="", measure=""))
    choices = {"out": tmp_path / "run", "backends": ["exact"], "axes": {"genes": [90, 40, 60]}, "timing": "none"}
    with Untruthful() as engine:
        rows = run_plan(plan_sweep(file, **choices), engine=engine)
    assert engine.asked == [("reference", 40), ("case", 40), ("case", 60), ("case", 90)]
    told = {row.case["source"]["genes"]: row.without_truth for row in rows}
    assert told == {
        40: "the truth could not be computed: a test",
        60: "the truth could not be computed: out of time at 40 genes already",
        90: "the truth could not be computed: out of time at 40 genes already",
    }
    assert all(row.flags == [f"errors are unknown: {row.without_truth}"] for row in rows)
    assert plan_sweep(file, **choices).pending == ()
    assert len(plan_sweep(file, **choices, retry=True).pending) == 3


def test_what_was_timed_beside_others_is_flagged_and_timed_again_alone(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(SCENARIO.format(grids="", measure=""))
    choices = {"out": tmp_path / "run", "where": "backend=hard genes=40"}
    (row,) = run_plan(plan_sweep(file, **choices, timing="together"))
    assert "timed beside other cases" in row.flags
    assert len(plan_sweep(file, **choices).pending) == 1
    assert [plan_sweep(file, **choices, timing=timing).pending for timing in ("together", "none")] == [(), ()]
    (remark,) = plan_sweep(file, **choices, fresh=True).remarks
    assert "1 rows of earlier sweeps are removed first" in remark


def test_two_sweeps_of_one_machine_make_one_report(tmp_path, monkeypatch):
    file = tmp_path / "tiny.toml"
    file.write_text(SCENARIO.format(grids="", measure=""))
    for name in ("hard", "exact"):
        monkeypatch.setattr(sys, "argv", ["dgsea_bench", "sweep", name])
        run_sweep(file, out=tmp_path / name, where=f"backend={name} genes=40", timing="none", isolation="none")
    page = render_report([tmp_path / "hard", tmp_path / "exact"], tmp_path / "both").read_text()
    for text in ("dgsea_bench sweep hard", "dgsea_bench sweep exact", "2 cases: 2 done"):
        assert text in page


def test_a_program_that_is_changed_meanwhile_ends_the_sweep(tmp_path, monkeypatch):
    file = tmp_path / "tiny.toml"
    file.write_text(SCENARIO.format(grids="", measure=""))
    monkeypatch.setattr(sys.modules["dgsea_bench.bench.isolation"], "program_digest", lambda: "another")
    with pytest.raises(InputError, match="the program has changed since it was started; the same command goes on"):
        run_sweep(file, out=tmp_path / "run")
    assert RunDirectory(tmp_path / "run").rows() == []
