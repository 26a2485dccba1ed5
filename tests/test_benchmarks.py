"""The suite that asv runs: which cells have numbers, what is skipped and why, and that an error above its bar fails."""

import gc
import io
import json
import math
import os
import re
import subprocess
import sys
from ast import literal_eval
from contextlib import redirect_stdout
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from asv_runner.discovery import disc_benchmarks

import dgsea_bench as dg
from benchmarks import accuracy, growth, memory, rows, speed, suite

TOP = Path(__file__).parents[1]
GENES, SETS = [512, 1024, 2048, 16384], [10, 50]
GENES_OF_NES, SETS_OF_NES = [256, 512], [50]
OURS = ["fastsum", "exact", "nyswin", "hard"]
OF_GRADIENTS = {"time_backward", "track_gradient_error", "track_step_peak_mib", "track_step_growth"}
OF_THE_TRUTH = {"track_value_error_mean", "track_value_error_scaled", "track_gradient_error"}
OF_SCORES = {*OF_THE_TRUTH, "track_forward_peak_mib", "track_step_peak_mib"}
OF_NES = {"track_nes_spearman", "track_nes_error_mean", "track_null_peak_mib"}


def functions():
    """Every benchmark, by its name."""
    owners = [each for module in (accuracy, growth, memory, speed) for each in vars(module).values()]
    return {
        f"{owner.__module__.rpartition('.')[2]}.{owner.__name__}.{name}": owner
        for owner in owners
        if isinstance(owner, type)
        for name in vars(owner)
        if name.startswith(("time_", "track_"))
    }


def due_cells():
    """Benchmark, backend, genes and gene sets of every cell that must have a number; growth is over genes."""
    cells = set(product(["time_forward", "time_backward"], ["default", *OURS], GENES, SETS))
    cells |= set(product(OF_SCORES, OURS, GENES, SETS))
    cells |= set(product(["track_forward_growth", "track_step_growth"], OURS, [None], SETS))
    cells |= set(product(["time_null"], ["default", *OURS], GENES_OF_NES, SETS_OF_NES))
    cells |= set(product(OF_NES, OURS, GENES_OF_NES, SETS_OF_NES))

    def is_due(function, backend, genes, sets):
        if genes == max(GENES) and (backend in ("exact", "nyswin") or (function in OF_THE_TRUTH and backend != "hard")):
            return False
        if backend == "hard":
            return function not in {*OF_GRADIENTS, "track_nes_spearman", "track_nes_error_mean"}
        return (function, backend) != ("track_nes_error_mean", "exact")

    return {cell for cell in cells if is_due(*cell)}


class Quick:
    """How asv measures with --quick."""

    number, repeat, rounds, warmup_time = 1, 1, 1, 0


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Values of all cells that have one, and what was printed, by asv's own runner; sweeps run in this process."""
    found, printed = {}, io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.chdir(tmp_path_factory.mktemp("cache"))
        patch.setattr(rows, "GATE", True)
        hasty = {"min_seconds": 0, "max_seconds": 0.05}
        patch.setattr(dg, "run_sweep", partial(dg.run_sweep, isolation="none", limits=hasty))
        gc.freeze()  # measuring collects garbage, and looks through all that tests have loaded each time
        suite.ENRICHMENT.sweep()
        suite.SIGNIFICANCE.sweep()
        gc.unfreeze()
        for benchmark in disc_benchmarks(str(TOP / "benchmarks")):
            benchmark._attr_sources.insert(0, Quick)
            for place, point in enumerate(product(*benchmark.params)):
                benchmark.set_param_idx(place)
                if benchmark.do_setup():
                    continue
                value = benchmark.do_run()
                value = value["samples"][0] if isinstance(value, dict) else value
                if not math.isnan(value):
                    values = dict(zip(benchmark.param_names, map(literal_eval, point)))
                    function = benchmark.name.rpartition(".")[2]
                    found[function, values["backend"], values.get("genes"), values["gene sets"]] = value
    return found, printed.getvalue()


@pytest.fixture(autouse=True)
def cold():
    """What asv has in a fresh process for each cell."""
    speed.warm_scoring.cache_clear()
    speed.warm_normalizing.cache_clear()


def test_every_cell_that_should_have_a_number_has_one_and_no_other(measured):
    found, _ = measured
    assert set(found) == due_cells()
    assert all(math.isfinite(value) for value in found.values())


def test_what_is_skipped_says_why(measured):
    _, printed = measured
    told = {"skipped: hard has no gradient", "skipped: hard computes classical NES", "skipped: exact is the truth"}
    told |= {"skipped: the scenario computes no truth of 16,384 genes"}
    assert told <= set(printed.splitlines())
    assert "the scenario limits exact to 2,048 genes" in printed


def test_errors_are_those_of_the_backends(measured):
    found, _ = measured
    assert {found["track_value_error_mean", "exact", genes, 10] for genes in GENES[:3]} == {0}
    assert 0 < found["track_value_error_mean", "fastsum", 2048, 50] < 1e-10
    assert 1e-5 < found["track_value_error_mean", "nyswin", 2048, 50] < 0.05
    assert 0.85 < found["track_nes_spearman", "exact", 512, 50] < 1
    assert 1 < found["track_step_growth", "exact", None, 50] < 3
    assert found["time_forward", "fastsum", 2048, 50] < found["time_forward", "exact", 2048, 50]


def test_every_backend_that_runs_on_a_processor_is_tracked_in_both_profiles():
    kinds = {name: kind for name, kind in dg.backends().items() if kind.__module__.startswith("dgsea_bench.")}
    ours = [name for name, kind in kinds.items() if kind().unavailable("cpu") is None]
    for scenario, size in product(("enrichment", "significance"), ("small", "large")):
        listed = dg.read_scenario(TOP / "benchmarks" / "scenarios" / size / f"{scenario}.toml").backends
        assert {entry.name for entry in listed} == set(ours)


def test_every_benchmark_says_what_it_shows_and_in_which_unit():
    marked = [getattr(owner, name.rpartition(".")[2]) for name, owner in functions().items()]
    assert len({each.pretty_name for each in marked}) == len(marked)
    assert all(each.unit for each in marked)


def test_the_large_profile_has_names_of_its_own():
    code = "from benchmarks import accuracy as a; f = a.Enrichment.track_gradient_error; print(f.benchmark_name)"
    environment = {**os.environ, "DGSEA_BENCH_PROFILE": "large"}
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "large.accuracy.Enrichment.track_gradient_error", done.stderr
    assert accuracy.Enrichment.params[1] == [512, 1024, 2048, 16384]


def test_an_unknown_profile_is_told():
    environment = {**os.environ, "DGSEA_BENCH_PROFILE": "enormous"}
    command = [sys.executable, "-c", "import benchmarks.suite"]
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "DGSEA_BENCH_PROFILE is 'enormous'; known: small, large, "
        "or the absolute path of a folder with enrichment.toml and significance.toml"
    )


def tracking(owner, name, **fields):
    benchmark = owner()
    metrics = {f"metrics.{metric}": value for metric, value in fields.items()}
    benchmark.row = {"case.backend": "nyswin", "case.source.genes": 512, "case.dtype": "float64", **metrics}
    return getattr(benchmark, name)()


@pytest.mark.parametrize(
    ("owner", "metric", "good", "bad"),
    [
        (accuracy.Enrichment, "value_error_mean", 0.06, 0.6),
        (accuracy.Enrichment, "value_error_scaled", 0.01, 0.06),
        (accuracy.Enrichment, "gradient_error", 0.1, 0.21),
        (accuracy.Significance, "nes_error_mean", 0.06, 0.6),
        (accuracy.Significance, "nes_spearman", 0.9, 0.8),
    ],
)
def test_an_error_above_its_bar_fails_where_that_is_asked_for(monkeypatch, owner, metric, good, bad):
    monkeypatch.setattr(rows, "GATE", False)
    assert tracking(owner, f"track_{metric}", **{metric: bad}) == bad
    monkeypatch.setattr(rows, "GATE", True)
    assert tracking(owner, f"track_{metric}", **{metric: good}) == good
    with pytest.raises(AssertionError, match="above its bar of"):
        tracking(owner, f"track_{metric}", **{metric: bad})


def test_the_bar_is_the_promise_in_the_precision_of_the_case(monkeypatch):
    monkeypatch.setattr(rows, "GATE", True)
    benchmark = accuracy.Enrichment()
    benchmark.row = {"case.backend": "exact", "case.dtype": "float32", "metrics.value_error_scaled": 1e-7}
    assert benchmark.track_value_error_scaled() == 1e-7
    benchmark.row |= {"case.dtype": "float64"}
    with pytest.raises(AssertionError, match="above its bar of 1e-12"):
        benchmark.track_value_error_scaled()


def test_a_number_that_is_missing_for_no_reason_is_a_failure():
    with pytest.raises(RuntimeError, match="nyswin was measured, but there is no value_error_mean"):
        tracking(accuracy.Enrichment, "track_value_error_mean")
    with pytest.raises(RuntimeError, match="there is no forward_peak_mib"):
        tracking(memory.Enrichment, "track_forward_peak_mib")


def stored(*rows, of="enrichment"):
    """What a sweep left in the working directory."""
    known = {
        "case.source.genes": 512,
        "case.source.sets": 10,
        "case.dtype": "float64",
        "status": "done",
        "reason": None,
    }
    Path(f"{of}.json").write_text(json.dumps([known | each for each in rows]))


def test_a_number_that_is_missing_for_a_reason_is_skipped(capsys, here):
    stored({"case.backend": "fastsum", "case.source.genes": 16384}, {"case.backend": "fastsum"})
    benchmark = accuracy.Enrichment()
    benchmark.setup("fastsum", 16384, 10)
    assert math.isnan(benchmark.track_value_error_mean())
    assert capsys.readouterr().out == "skipped: the scenario computes no truth of 16,384 genes\n"
    benchmark.setup("fastsum", 512, 10)
    with pytest.raises(RuntimeError, match="fastsum was measured, but there is no value_error_mean"):
        benchmark.track_value_error_mean()


def test_a_case_that_failed_is_a_failure_and_one_that_cannot_run_is_skipped(here):
    stored(
        {"case.backend": "exact", "status": "out of time", "reason": "after 1 s"},
        {"case.backend": "nyswin", "status": "skipped", "reason": "no such device"},
    )
    with pytest.raises(RuntimeError, match="out of time: after 1 s"):
        accuracy.Enrichment().setup("exact", 512, 10)
    with pytest.raises(suite.AbsentError, match="no such device"):
        accuracy.Enrichment().setup("nyswin", 512, 10)


def test_every_number_is_the_metric_that_it_says(here, monkeypatch):
    monkeypatch.setattr(rows, "GATE", False)
    numbers = {f"metrics.{name}": float(place) for place, name in enumerate(dg.METRICS)}
    for name, owner in functions().items():
        function = name.rpartition(".")[2]
        if not function.startswith("track_") or owner is growth.Enrichment:
            continue
        benchmark = owner()
        benchmark.row = {"case.backend": "nyswin", "case.source.genes": 512, "case.dtype": "float64", **numbers}
        assert getattr(benchmark, function)() == numbers[f"metrics.{function.removeprefix('track_')}"]


def test_growth_is_the_exponent_of_its_own_time(here):
    sizes = [512, 1024, 2048, 16384]
    times = [{"metrics.forward_seconds": genes / 1e6, "metrics.step_seconds": genes**2 / 1e6} for genes in sizes]
    stored(*[{"case.backend": "fastsum", "case.source.genes": genes, **time} for genes, time in zip(sizes, times)])
    benchmark = growth.Enrichment()
    benchmark.setup("fastsum", 10)
    assert benchmark.track_forward_growth() == pytest.approx(1)
    assert benchmark.track_step_growth() == pytest.approx(2)


def test_growth_is_over_the_sizes_that_were_measured(here):
    beyond = {"status": "skipped", "reason": "the scenario limits exact to 2,048 genes"}
    ones = [{"case.source.genes": genes, "metrics.forward_seconds": genes**2 / 1e9} for genes in (512, 1024, 2048)]
    stored(*[{"case.backend": "exact", **each} for each in (*ones, {"case.source.genes": 16384, **beyond})])
    benchmark = growth.Enrichment()
    benchmark.setup("exact", 10)
    assert benchmark.track_forward_growth() == pytest.approx(2)
    stored(*[{"case.backend": "exact", **beyond, "case.source.genes": genes} for genes in (512, 1024, 2048, 16384)])
    with pytest.raises(suite.AbsentError, match="limits exact"):
        growth.Enrichment().setup("exact", 10)


def test_a_backend_that_raises_not_implemented_has_failed(monkeypatch):
    def enrichment_score(*_, **__):
        raise NotImplementedError("Could not run 'aten::foo'")

    monkeypatch.setattr(dg, "enrichment_score", enrichment_score)
    with pytest.raises(RuntimeError, match="Could not run 'aten::foo'") as caught:
        speed.Scores().setup("exact", 512, 10)
    assert not isinstance(caught.value, NotImplementedError), "which is a RuntimeError, and a skip to asv"


def test_an_older_commit_lacks_names(monkeypatch, here):
    monkeypatch.delattr(dg, "run_sweep")
    accuracy.Enrichment().setup_cache()
    with pytest.raises(suite.AbsentError, match=r"this commit has no dgsea_bench\.run_sweep"):
        accuracy.Enrichment().setup("exact", 512, 10)
    monkeypatch.delattr(dg, "normalized_enrichment_score")
    with pytest.raises(suite.AbsentError, match=r"this commit has no dgsea_bench\.normalized_enrichment_score"):
        speed.Significance().setup("exact", 512, 50)


def test_an_older_commit_lacks_backends(monkeypatch):
    known = {name: kind for name, kind in dg.backends().items() if name != "fastsum"}

    def get_backend(name):
        if name not in known:
            raise dg.InputError(f"unknown backend {name!r}")
        return known[name]()

    monkeypatch.setattr(dg, "backends", lambda: known)
    monkeypatch.setattr(dg, "get_backend", get_backend)
    monkeypatch.setattr(dg, "DEFAULT_BACKEND", "exact")
    for benchmark in (speed.Scores(), speed.Gradient()):
        with pytest.raises(suite.AbsentError, match="this commit has no backend fastsum"):
            benchmark.setup("fastsum", 512, 10)
    assert suite.ENRICHMENT.case("default", 512, 10).backend == "exact"
    with pytest.raises(suite.AbsentError, match="the scenario limits exact to 2,048 genes"):
        suite.ENRICHMENT.case("default", 16384, 10)


def test_an_older_commit_cannot_read_a_scenario(monkeypatch, here):
    def refuse(path):
        raise dg.InputError(f"{path}: unknown key 'task'")

    monkeypatch.setattr(dg, "read_scenario", refuse)
    accuracy.Significance().setup_cache()
    with pytest.raises(suite.AbsentError, match=r"this commit cannot read significance\.toml: .* unknown key 'task'"):
        accuracy.Significance().setup("exact", 512, 50)


def test_a_commit_that_is_broken_is_not_taken_for_an_older_one(monkeypatch):
    def broken(module):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(suite, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        suite.public("run_sweep")


@pytest.mark.parametrize(("backend", "named"), [("default", {}), ("exact", {"backend": "exact"})])
def test_the_default_backend_is_the_one_that_nobody_names(monkeypatch, backend, named):
    seen = []

    def enrichment_score(scores, gene_sets, *, params, **others):
        seen.append(others)
        return scores.sum(dim=1, keepdim=True)

    monkeypatch.setattr(dg, "enrichment_score", enrichment_score)
    benchmark = speed.Scores()
    benchmark.setup(backend, 512, 10)
    benchmark.time_forward()
    assert seen == [named, named]


def test_torch_is_the_one_of_the_constraints():
    (pinned,) = json.loads((TOP / "asv.conf.json").read_text())["matrix"]["req"]["torch"]
    assert f"torch=={pinned}" in (TOP / "constraints.txt").read_text().splitlines()


def test_the_page_on_benchmarks_lists_them_all():
    page = (TOP / "benchmarks" / "README.md").read_text()
    assert set(re.findall(r"^\| `(\w+\.\w+\.\w+)` \|", page, flags=re.MULTILINE)) == set(functions())
    scripts = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert scripts == sorted(file.stem for file in (TOP / "benchmarks" / "scripts").glob("*.py"))


def test_the_readme_names_benchmarks_that_there_are():
    told = (TOP / "README.md").read_text().partition("## Track it over commits")[2].partition("\n## ")[0]
    known = {name.rpartition(".")[2] for name in functions()}
    named = set(re.findall(r"`((?:time|track)_\w+)`", told))
    assert named == {name for name in known if "growth" not in name and name != "track_nes_error_mean"}
    for text in (told, (TOP / "benchmarks" / "README.md").read_text()):
        (pattern,) = re.findall(r'asv find .* "(.*)"', text)
        cells = [
            f"{name}({', '.join(map(repr, point))})"
            for name, owner in functions().items()
            for point in product(*owner.params)
        ]
        assert len([cell for cell in cells if re.match(pattern, cell)]) == 1
