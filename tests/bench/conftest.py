"""A plug-in whose backends misbehave, and scenarios of theirs."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import misbehaving
import pytest


@pytest.fixture(scope="session")
def enough():
    """Seconds in which a small case surely ends here: machines differ, and so do their busy hours."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import dgsea_bench.bench.worker"], check=True)
    return max(4.0, round(4 * (time.monotonic() - start), 1))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install the backends of `misbehaving` for this test, here and in the processes that it starts."""
    return install_plugin(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared_plugin(tmp_path_factory):
    """The same for all tests of a file."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield install_plugin(tmp_path_factory.mktemp("plugin"), monkeypatch)


def install_plugin(folder, monkeypatch):
    site = folder / "site"
    information = site / "misbehaving-1.0.dist-info"
    information.mkdir(parents=True)
    shutil.copy(misbehaving.__file__, site)
    names = "".join(f"{kind.name} = misbehaving:{kind.__name__}\n" for kind in misbehaving.EVERYONE)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[dgsea_bench.backends]\n{names}")
    monkeypatch.syspath_prepend(str(site))
    clone = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(clone)]))
    return site


SCENARIO = """
name = "faults"
summary = "A test."
[axes]
sets = 12
set_size = "5-15"
[[grids]]
source = "synthetic"
genes = {genes}
{backends}
[measure]
min_seconds = 0
max_seconds = 0
{measure}
"""


@pytest.fixture
def scenario(tmp_path):
    """Write a scenario of these backends and sizes."""

    def write(*backends, genes=(40,), measure=""):
        file = tmp_path / "faults.toml"
        entries = "\n".join(f'[[backends]]\nname = "{name}"' for name in backends)
        file.write_text(SCENARIO.format(genes=list(genes), backends=entries, measure=measure))
        return file

    return write
