"""What was measured on is told in full, and secrets never are."""

import json
import os
import platform
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from dgsea_bench.bench import environment
from dgsea_bench.bench.environment import PACKAGES, VARIABLES, command_line, describe_environment, redacted

TOP = Path(__file__).parents[2]
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
    "HF_TOKEN": "hf_abcdefghijklmnop",
    "DATABASE_URL": "postgres://someone:hunter2@db.example/x",
    "PIP_INDEX_URL": "https://reader:pypi-AgEIcHlwaS5vcmc@packages.example/simple",
    "PIP_EXTRA_INDEX_URL": "https://other:another-one@packages.example/simple",
    "OMP_SECRET": "omp-secret-value",
    "KMP_PASSWORD": "kmp-secret-value",
    "NUMBA_TOKEN": "numba-secret-value",
    "TORCH_API_KEY": "torch-secret-value",
    "DGSEA_BENCH_DATA": "/home/someone/private-folder",
    "CUDA_VISIBLE_DEVICES": "0,token=visible-secret-value",
    "PYTORCH_CUDA_ALLOC_CONF": "password:alloc-secret-value",
}
HIDDEN_PARTS = ["someone", "hunter2", "reader", "pypi-AgEIcHlwaS5vcmc", "another-one", "private-folder", "secret-value"]
TELL = """
import json, sys
from dgsea_bench.bench.environment import command_line, describe_environment
print(json.dumps([*describe_environment(), command_line()]))
"""


def told(*arguments, **variables):
    """(environment_id, description, command line, all of it as text) of a process with these variables."""
    plain = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TELL, *arguments],
        env={**plain, "PYTHONPATH": str(TOP), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return (*json.loads(done.stdout), done.stdout)


@pytest.fixture(scope="module")
def here():
    describe_environment.cache_clear()
    return describe_environment()[1]


def test_machine_and_system_are_told(here):
    assert here["machine"] == platform.machine()
    assert here["cores"] == os.cpu_count()
    assert 1 <= here["usable_cores"] <= here["cores"]
    assert here["memory_gib"] > 0
    assert {"system", "processor", "gpu", "python"} <= set(here)
    assert here["python"].startswith(platform.python_version())


def test_libraries_and_how_they_were_built_are_told(here):
    assert here["processor_details"]["capability"]
    assert {"version", "git", "blas", "openmp", "build_settings"} <= set(here["torch"])
    assert "BLAS_INFO" in here["torch"]["build_settings"]
    assert here["numpy"]["blas"]
    assert {"threading_layer", "llvm", "compiled_for"} <= set(here["numba"])
    assert here["packages"]["torch"] == version("torch")


def test_every_package_that_is_needed_is_listed():
    needed = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {text.partition(">")[0] for text in needed} | {"dgsea-bench", "dask", "distributed", "triton"} == set(
        PACKAGES
    )


def test_it_is_json_and_looked_up_once(here):
    assert json.loads(json.dumps(here)) == here
    assert describe_environment() is describe_environment()


def test_commit_and_changes_are_two_facts(tmp_path, monkeypatch):
    def git(*arguments):
        names = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        subprocess.run(["git", "-C", str(tmp_path), *names, *arguments], check=True, capture_output=True)

    monkeypatch.setattr(environment, "__file__", str(tmp_path / "dgsea_bench" / "bench" / "environment.py"))
    assert environment._commit() == (None, None)
    for file in ("dgsea_bench/bench/environment.py", "reports/reference/rows.jsonl"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("before")
    git("init")
    git("add", "-A")
    git("commit", "-m", "A commit.")
    commit, dirty = environment._commit()
    assert (len(commit), dirty) == (12, False)
    (tmp_path / "reports/reference/rows.jsonl").write_text("what the sweep itself writes")
    assert environment._commit() == (commit, False)
    (tmp_path / "dgsea_bench/bench/environment.py").write_text("after")
    assert environment._commit() == (commit, True)
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    assert environment._commit() == (None, None)


def test_a_script_of_torch_that_fails_takes_nothing_else_down(monkeypatch):
    def fail():
        raise OSError("no such program")

    monkeypatch.setattr(environment.collect_env, "get_env_info", fail)
    found = describe_environment.__wrapped__()[1]
    assert found["torch"]["version"] == version("torch")
    assert found["processor_details"]["capability"]


# --- variables and secrets --------------------------------------------------------------------------------------------


def test_no_secret_is_stored():
    arguments = ["--token", "argument-secret-value", "--url", SECRETS["DATABASE_URL"]]
    _, description, line, text = told(*arguments, **SECRETS)
    for value in (*SECRETS.values(), *HIDDEN_PARTS):
        assert value not in text
    assert description["data_folder_set"] is True
    assert set(description["variables"]) == {"CUDA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF"}
    assert line == "python -c --token '***' --url 'postgres://***@db.example/x'"


def test_what_changes_results_changes_the_identity_and_nothing_else_does(monkeypatch):
    monkeypatch.setattr(environment, "_collected", dict)
    for name in (*VARIABLES, "DGSEA_BENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    plain, description = describe_environment.__wrapped__()
    assert (description["variables"], description["data_folder_set"]) == ({}, False)
    monkeypatch.setenv("DGSEA_BENCH_DATA", "/data")
    monkeypatch.setenv("SOMETHING", "else")
    monkeypatch.setattr(sys, "argv", ["other", "arguments"])
    assert describe_environment.__wrapped__()[0] == plain
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # set for every case anew, and in its row
    assert describe_environment.__wrapped__()[0] == plain
    monkeypatch.setenv("KMP_AFFINITY", "compact")
    pinned, description = describe_environment.__wrapped__()
    assert pinned != plain
    assert description["variables"] == {"OMP_NUM_THREADS": "1", "KMP_AFFINITY": "compact"}


def test_no_name_of_a_variable_is_a_pattern():
    assert all(name.replace("_", "").isalnum() and name.isupper() for name in VARIABLES)


# --- command line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["PACKAGE", "sweep", "default"], "python -m dgsea_bench sweep default"),
        (["/usr/bin/dgsea-bench", "sweep"], "python -m dgsea_bench sweep"),
        (
            ["dgsea-bench", "sweep", "--filter", "backend=fastsum genes=978", "--set", "set_size=15-200"],
            "python -m dgsea_bench sweep --filter 'backend=fastsum genes=978' --set set_size=15-200",
        ),
        (
            ["dgsea-bench", "--backends", "nyswin[anchors=128]"],
            "python -m dgsea_bench --backends 'nyswin[anchors=128]'",
        ),
        (["mine.py", "5"], "python mine.py 5"),
        (["/venv/bin/pytest", "-q"], "pytest -q"),
        ([""], "python"),
        ([], "python"),
        (["a.py", "--password", "-hunter2"], "python a.py --password '***'"),
        (["a.py", "--auth", "--dry-run"], "python a.py --auth --dry-run"),
        (["a.py", "--api-key=hunter2 and more"], "python a.py '--api-key=***'"),
        (["a.py", "--cluster-token", "hunter2", "sweep"], "python a.py --cluster-token '***' sweep"),
    ],
)
def test_the_command_is_as_one_would_type_it(monkeypatch, words, expected):
    package = str(Path(environment.__file__).parents[1] / "__main__.py")
    monkeypatch.setattr(sys, "argv", [package if word == "PACKAGE" else word for word in words])
    assert command_line() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:hunter2@host.example/path", "https://***@host.example/path"),
        ("https://hunter2@host.example/path", "https://***@host.example/path"),
        ("https://user:hun/ter2@host.example", "https://***@host.example"),
        ("https://user:hun@ter/2@host.example", "https://***@host.example"),
        ("--url=user:hunter2@host.example", "--url=***@host.example"),
        ("tcp://:hunter2@host.example:8786", "tcp://***@host.example:8786"),
        ("https://host.example/x?page=2&access_token=hunter2&y=1", "https://host.example/x?page=2&access_token=***"),
        ("https://host.example/x?X-Amz-Signature=hunter2", "https://host.example/x?X-Amz-Signature=***"),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ("bearer hunter2", "bearer ***"),
        ("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"password": "hunter2"}', '{"password": ***'),
        ("key=hunter2", "key=***"),
        ("passphrase = hunter2", "passphrase = ***"),
    ],
)
def test_credentials_are_taken_out(text, expected):
    assert redacted(text) == expected
    assert redacted(expected) == expected, "once is enough"


@pytest.mark.parametrize(
    "text",
    [
        "backend=nyswin[anchors=128] monkey=5 author=me",
        "https://host.example:8080/a",
        "tcp://10.0.0.1:8786",
        "cuda:0",
        "reports/keys",
        "--ranking=mine.rnk",
        "someone@example.org",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text
