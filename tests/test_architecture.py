"""Imports go one way: a file imports from floors below its own, and no two files import each other."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dgsea_bench"
FLOORS = [
    *("core", "kernels", "backends", "enrichment", "significance", "enrichment_result", "normalized_enrichment"),
    *("loss", "data", "scoring", "bench", "report", "testing", "study"),
    *(
        "terminal",
        "show_scores",
        "show_check",
        "show_sweep",
        "show_compare",
        "show_data",
        "show_preparation",
        "show_history",
        "cli_data",
        "cli_history",
        "cli_train",
        "cli",
        "__main__",
    ),
]
FILES = {
    ".".join(("dgsea_bench", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
FACADE = "dgsea_bench"


def imports_of(path: Path) -> set[str]:
    """Modules of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for name in node.names:
                full = f"{node.module}.{name.name}"
                found.add(full if full in FILES else node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] == FACADE}


def floor_of(module: str) -> int:
    return FLOORS.index(module.split(".")[1])


@pytest.mark.parametrize("module", sorted(set(FILES) - {FACADE}))
def test_a_file_imports_from_below(module):
    for imported in imports_of(FILES[module]):
        assert imported != FACADE, "inside the package, import from where a name lives"
        assert floor_of(imported) <= floor_of(module), f"{module} imports {imported}"


def test_no_two_files_import_each_other():
    graph = {module: imports_of(path) - {module} for module, path in FILES.items()}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", sorted(FILES))
def test_who_reads_nothing_of_asv_s_and_draws_nothing_does_not_wait_for_what_does(module):
    for node in ast.parse(FILES[module].read_text(encoding="utf-8")).body:
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
        assert not {name.split(".")[0] for name in names} & {"asv", "seaborn"}


def test_nothing_but_the_command_line_imports_the_study():
    others = {name: imports_of(path) for name, path in FILES.items() if not name.startswith("dgsea_bench.study")}
    importing = {name for name, found in others.items() if any("dgsea_bench.study" in module for module in found)}
    assert importing == {"dgsea_bench.cli_train"}


@pytest.mark.parametrize("module", sorted(name for name in FILES if name.startswith("dgsea_bench.report")))
def test_the_report_never_sees_a_tensor(module):
    assert "import torch" not in FILES[module].read_text(encoding="utf-8")


@pytest.mark.parametrize("module", sorted(name for name in FILES if name.startswith("dgsea_bench.backends")))
def test_a_backend_never_sees_a_scenario(module):
    assert "scenario" not in FILES[module].read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["hard", "fastsum", "exact", "nyswin"])
def test_one_way_of_computing_is_one_file(name):
    assert f'name: ClassVar[str] = "{name}"' in FILES[f"dgsea_bench.backends.{name}"].read_text(encoding="utf-8")
