"""Backends of other packages, found by their entry points."""

import pytest

import dgsea_bench as dg

PLUGIN = """
from dataclasses import dataclass
from dgsea_bench import Exact

@dataclass(frozen=True, kw_only=True)
class Mine(Exact):
    name = "mine"
    width: int = 3

class Other: ...
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with one entry point, as pip would leave it behind."""

    def install_package(entry_point):
        (tmp_path / "their_plugin.py").write_text(PLUGIN)
        information = tmp_path / "their_plugin-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: their-plugin\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[dgsea_bench.backends]\n{entry_point}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install_package


def test_a_backend_of_another_package_is_known_by_name(install):
    install("mine = their_plugin:Mine")
    assert {"hard", "exact", "nyswin", "mine"} <= set(dg.backends())
    assert dg.get_backend("mine", width=5).width == 5


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        ("mine = their_plugin:Other", "must be a subclass of dgsea_bench.Backend"),
        ("yours = their_plugin:Mine", "must be of a backend whose name is 'yours'"),
        ("broken = their_plugin:Missing", "cannot be loaded: AttributeError"),
        ("exact = dgsea_bench.backends.exact:Exact", "there is a backend of that name already"),
    ],
)
def test_a_bad_entry_point_is_named(install, entry_point, message):
    install(entry_point)
    with pytest.raises(dg.InputError, match=f"entry point .* of their-plugin.*{message}"):
        dg.backends()
    assert dg.get_backend("nyswin").name == "nyswin"  # ours work all the same


def test_a_class_in_the_place_of_an_instance_is_told_of():
    with pytest.raises(dg.InputError, match=r"such as Exact\(\)"):
        dg.get_backend(dg.Exact)
