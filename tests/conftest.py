"""Shapes and types in annotations are checked while tests run; data files come from DGSEA_BENCH_DATA."""

import os
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook
from misbehaving_server import Server

PACKAGE = Path(__file__).parents[1] / "dgsea_bench"
UNCHECKED = {
    "permutations",  # compiled: cannot be wrapped
    *(
        "enrichment",
        "gene_sets",
        "params",
        *("gmt", "ranking"),
        *("sources", "source_parts", "compound_sources", "simulated_compounds"),
        *("case", "scenario", "training"),
        "nyswin",
        "significance",
        "normalized_enrichment",
        "pathways",
        "loss",
        "sweep",
        *("landmarks", "signatures", "l1000"),
    ),  # check what users give, with messages of their own
    *("cli", "__main__", "worker"),  # read their own annotations, or run in another process
}
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"  # an int will do for a float


def _modules() -> list[str]:
    files = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    checked = [path for path in files if path.name not in {*UNCHECKED, "__init__"} and path.parts[1] != "kernels"]
    return [".".join(path.parts) for path in checked]


install_import_hook(_modules(), CHECKER)

settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("default")


LONGEST_FIRST = ("backends", "bench", "tests", "report", "data", "study", "kernels", "core")
"""Folders of tests, those with files that take minutes before those with many that take seconds."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Where tests run in several processes (``pytest -n 2 --dist loadfile``), none is left with a long file at the end.

    Files as a whole, because whatever all tests of a file look at is then made once.
    """
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.parent.name))


@pytest.fixture(scope="session", autouse=True)
def own_claims(tmp_path_factory):
    """A sweep that runs on this machine meanwhile does not hold up the tests, nor they it."""
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"], tempfile.tempdir = str(tmp_path_factory.mktemp("claims")), None
    yield
    tempfile.tempdir = before[1]
    if before[0] is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before[0]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the public data files, which are not part of the repository."""
    folder = os.environ.get("DGSEA_BENCH_DATA")
    if not folder:
        pytest.skip("DGSEA_BENCH_DATA does not name the folder with the public data files")
    assert Path(folder).is_dir(), f"DGSEA_BENCH_DATA is {folder}, which is not a folder"
    return Path(folder)


@pytest.fixture
def interpreted(monkeypatch):
    """Kernels of Triton run in its interpreter, on the CPU: set before they are first loaded."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    if find_spec("triton") is not None:
        from triton.runtime import interpreter

        # It prepares its language anew for each call of a function within a kernel, a fifth of its time.
        prepare = cache(interpreter._patch_lang)

        def call(function, *arguments, **named):
            prepare(function.fn)
            return function.rewrite()(*arguments, **named)

        monkeypatch.setattr(interpreter.InterpretedFunction, "__call__", call)


@pytest.fixture(name="cache")
def empty_cache(tmp_path, monkeypatch):
    """An empty cache of data files, and no other folder of them."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DGSEA_BENCH_CACHE", str(folder))
    monkeypatch.delenv("DGSEA_BENCH_DATA", raising=False)
    return folder


@pytest.fixture
def server():
    """A web server on loopback that does what it is told to."""
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


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
    from dgsea_bench import cli  # not before the hook above is in place

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
