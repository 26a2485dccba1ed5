"""Scenario files (TOML): those that come with the package, and anyone's."""

import tomllib
from pathlib import Path

from pydantic import TypeAdapter

from dgsea_bench.bench.case import MeasureSettings
from dgsea_bench.bench.plain_errors import plain_errors
from dgsea_bench.bench.scenario import Scenario
from dgsea_bench.bench.training import TrainingSettings
from dgsea_bench.core.errors import InputError, did_you_mean

BUILT_IN = next(
    folder
    for folder in (Path(__file__).parents[1] / "scenarios", Path(__file__).parents[2] / "scenarios")
    if folder.is_dir()
)
"""Where scenario files travel: inside an installed wheel, or beside the package in a clone."""


def read_scenario(name_or_path: str | Path) -> Scenario:
    """The scenario of that file, or the built-in one of that name.

    Raises:
        InputError: no such scenario, TOML that cannot be read, or an unknown key.
    """
    path = _find(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid TOML: {error}") from None
    for key, model in (("measure", MeasureSettings), ("training", TrainingSettings), (None, Scenario)):
        part = content if key is None else content.get(key, {})
        where = str(path) if key is None else f"{path}, [{key}]"
        with plain_errors(where, list(model.model_fields)):
            checked = TypeAdapter(model).validate_python(part)
    assert isinstance(checked, Scenario)  # noqa: S101 (for the type checker)
    return checked


def built_in_scenarios() -> dict[str, Path]:
    """Name -> file of the scenarios that come with the package."""
    return {path.stem: path for path in sorted(BUILT_IN.glob("*.toml"))}


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise InputError(f"{path}: no such scenario file")
        return path
    known = built_in_scenarios()
    if str(name_or_path) not in known:
        hint = did_you_mean(str(name_or_path), known)
        if "=" in str(name_or_path):
            hint = "; a filter of several conditions needs quotes: --filter 'backend=fastsum genes=978'"
        raise InputError(f"unknown scenario {str(name_or_path)!r}; known: {', '.join(known)}, or a .toml file{hint}")
    return known[str(name_or_path)]
