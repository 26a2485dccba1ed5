"""What the README says is what there is."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import torch

import dgsea_bench as dg
from dgsea_bench import cli
from dgsea_bench.data.datasets import named
from dgsea_bench.testing import CHECKS, check_backend

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The fenced block of that language that contains the text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (found,) = [content for content in blocks if containing in content]
    return found


def test_the_examples_of_use_run():
    names = {}
    exec(block("python", "import dgsea_bench as dg"), names)  # noqa: S102 (our own README)
    assert names["score"].shape == names["classical"].shape == (8, 2)
    before = names["scores"].grad.clone()
    assert before.abs().min() > 0
    exec(block("python", "normalized_enrichment_score"), names)  # noqa: S102
    assert names["result"].nes.shape == (8, 2)
    assert {"Term", "NES", "FDR q-val", "Lead_genes"} <= set(names["table"].columns)
    assert not names["scores"].grad.equal(before)
    exec(block("python", "optimizer.step"), names)  # noqa: S102
    assert names["loss"].isfinite()
    assert names["pathway"].weight == pytest.approx(0.5 * 3 / 100)


def test_the_example_of_a_backend_keeps_the_contract(tmp_path, monkeypatch):
    (tmp_path / "my_package.py").write_text(block("python", "class Plain"), encoding="utf-8")
    information = tmp_path / "my_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    entry = block("toml", "entry-points").partition("\n")[2].replace('"', "")
    (information / "entry_points.txt").write_text(f"[dgsea_bench.backends]\n{entry}")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert check_backend("plain") == list(CHECKS)


def test_the_table_of_backends_is_the_registry(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dgsea_bench", "backends", "--markdown"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    registry = capsys.readouterr().out.splitlines()
    table = README.partition("--markdown -->\n")[2].partition("\n<!-- end")[0].splitlines()
    assert set(table) <= set(registry)
    assert [line.split("`")[1] for line in table[2:]] == ["hard", "fastsum", "exact", "nyswin", "cuda-batched"]


def test_the_example_of_a_scenario_is_one(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(block("toml", 'name = "mine"'), encoding="utf-8")
    from dgsea_bench.bench.scenario_files import read_scenario

    assert len(read_scenario(file).cases()) == 2 * 2 * 2 * 3


def test_the_example_of_a_study_is_one_and_shows_the_defaults(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    from dgsea_bench.bench.scenario_files import read_scenario
    from dgsea_bench.bench.training import TrainingSettings
    from dgsea_bench.core.params import EnrichmentParams

    text = block("toml", 'task = "training"').replace("compounds.parquet", "prnet-demo")
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    cases = read_scenario(file).cases()
    assert len(cases) == 5 * (1 + 2 * 2 * 2)
    assert {case.params for case in cases} == {EnrichmentParams.preset("training")}
    shown, known = tomllib.loads(text)["training"], TrainingSettings()
    assert read_scenario(file).training == known
    assert shown.keys() < known.model_dump().keys()


def test_the_commands_of_training_can_be_given(capsys, monkeypatch, tmp_path, data):
    given = [words for words in commands("dgsea_bench train") if words[0] == "train"]
    assert len(given) == 2
    monkeypatch.chdir(tmp_path)
    for words in (*given, ["train", "training-prnet"]):
        monkeypatch.setattr(sys, "argv", ["dgsea_bench", *words, "--dry-run"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert (end.value.code, "cases; results in" in capsys.readouterr().out) == (0, True)
    assert not list(tmp_path.iterdir())


def test_the_example_on_real_signatures_selects_some(tmp_path, data):
    file = tmp_path / "mine.toml"
    backends = '[[backends]]\nname = "hard"\n'
    file.write_text(f'name = "mine"\nsummary = ""\n{block("toml", "l1000-plate")}{backends}', encoding="utf-8")
    from dgsea_bench.bench.scenario_files import read_scenario

    (case,) = read_scenario(file).cases()
    assert case.source.load().scores.shape == (24, 978)


def test_the_examples_on_l1000_run(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signatures.gctx").symlink_to(data / "l1000" / "modzs_n25x50.gctx")
    prepare = ["data", "prepare-l1000", "--gctx", "prnet-demo", "--out", "compounds.parquet"]
    monkeypatch.setattr(sys, "argv", ["dgsea_bench", *prepare])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    names = {"dg": dg}
    exec(block("python", "read_prepared"), names)  # noqa: S102 (our own README)
    assert names["compounds"].values.shape == (354, 978)
    assert names["part"].values.shape == (1, 50)
    assert names["pathway"](torch.randn(4, 978), torch.randn(4, 978)).isfinite()


def test_the_commands_on_data_name_what_there_is():
    fetched = [
        words[2:]
        for text in ("fgsea-ranking", "l1000-plate", "gse92742-level5")
        for words in commands(f"fetch {text}")
        if words[:2] == ["data", "fetch"]
    ]
    assert fetched
    for name in {name for names in fetched for name in names}:
        assert named(name).name == name


def test_the_settings_of_a_measurement_are_the_defaults():
    from dgsea_bench.bench.case import MeasureSettings

    shown = tomllib.loads(block("toml", "[measure]"))["measure"]
    known = MeasureSettings().model_dump()
    assert shown == {name: known[name] for name in shown}
    assert known.keys() - shown.keys() == {"timed", "memory_limit", "reference_max_terms"}


def commands(containing: str) -> list[list[str]]:
    """The words after ``python -m dgsea_bench`` of each such line of a block of shell commands."""
    lines = (line.partition(" #")[0] for line in block("sh", containing).splitlines())
    return [shlex.split(line)[3:] for line in lines if line.startswith("python -m dgsea_bench")]


@pytest.mark.parametrize("words", [*commands("--set genes"), *commands("sweep gpu"), *commands("dask scheduler")])
def test_the_commands_of_a_sweep_can_be_given(words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dgsea_bench", *words, *(["--dry-run"] if words[0] == "sweep" else [])])
    with pytest.raises(SystemExit) as end:
        cli.main()
    told = capsys.readouterr()
    if words[0] == "sweep":
        assert (end.value.code, "cases; results in" in told.out or "1 case; results in" in told.out) == (0, True)
    else:
        assert words[:1] == ["compare"]
        assert "run a sweep with --out reports/before first" in told.err
    assert not list(tmp_path.iterdir())


def test_the_example_for_slurm_is_python():
    code = compile(block("python", "SLURMCluster"), "README.md", "exec")
    assert "SLURMCluster" in code.co_names


def test_the_test_command_is_what_ci_runs():
    install, _, test = block("sh", "[test]").strip().partition(" && ")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    assert f"\n{install}\n" in script
    assert f"\n{test}\n" in script


def test_pictures_and_pages_that_the_readme_names_exist():
    for target in re.findall(r"\]\(((?!http)[^)#]+)", README):
        assert (ROOT / target).is_file(), target


def test_the_wheel_carries_scenarios_tables_and_templates(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    expected = {f"dgsea_bench/scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.toml")}
    expected |= {f"dgsea_bench/data/tables/{path.name}" for path in (ROOT / "dgsea_bench/data/tables").iterdir()}
    assert expected <= set(names)
    assert any(name.startswith("dgsea_bench/report/templates/") for name in names)


def test_every_public_name_is_documented():
    for name in dg.__all__:
        assert getattr(dg, name).__doc__, name
