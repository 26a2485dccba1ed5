"""Shapes and types in annotations are checked while tests run; data files come from DGSEA_BENCH_DATA."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

PACKAGE = Path(__file__).parents[1] / "dgsea_bench"
UNCHECKED = {
    "permutations",  # compiled: cannot be wrapped
    *(
        "enrichment",
        "gene_sets",
        "params",
        "formats",
        "sources",
        "scenario",
        "nyswin",
        "significance",
        "normalized_enrichment",
        "pathways",
        "loss",
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


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the public data files, which are not part of the repository."""
    folder = os.environ.get("DGSEA_BENCH_DATA")
    if not folder:
        pytest.skip("DGSEA_BENCH_DATA does not name the folder with the public data files")
    assert Path(folder).is_dir(), f"DGSEA_BENCH_DATA is {folder}, which is not a folder"
    return Path(folder)
