"""What asv wrote: which benchmarks are chosen, and that files which are not its own are named."""

import json
import math
import os

import pytest
from asv_suite import Suite, benchmark

from dgsea_bench.bench.history import read_history
from dgsea_bench.core.errors import InputError

NAME = "suite.time_forward"


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path / "project", benchmark(backend=["exact", "fastsum"], genes=[100, 1000]))


def test_patterns_choose_as_those_of_asv(suite):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    chosen = read_history(suite.config, patterns=[r"exact.*100\)", "nothing"])
    assert [curve.name for curve in chosen.curves] == ["suite.time_forward(backend=exact, genes=100)"]
    with pytest.raises(InputError, match="no benchmark is matched by --bench nothing"):
        read_history(suite.config, patterns=["nothing"])
    with pytest.raises(InputError, match=r"--bench: '\(' is no regular expression"):
        read_history(suite.config, patterns=["("])


def test_the_configuration_is_the_one_here(suite, monkeypatch):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    monkeypatch.chdir(suite.folder)
    assert len(read_history().curves) == 4
    (suite.folder / "asv.conf.jsonc").write_bytes(suite.config.read_bytes())
    with pytest.raises(InputError, match=r"both asv.conf.json and asv.conf.jsonc are here"):
        read_history()
    suite.config.unlink()
    assert len(read_history().curves) == 4


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(suite, tolerance):
    with pytest.raises(InputError, match="--tolerance is"):
        read_history(suite.config, tolerance=tolerance)


DAMAGE = [
    "",
    "{",
    "[]",
    "null",
    "3",
    '"text"',
    "{}",
    '{"version": 1}',
    '{"version": 2}',
    '{"version": 99}',
    "\x00",
    "[" * 9999,
]


@pytest.mark.parametrize("content", DAMAGE)
@pytest.mark.parametrize("which", ["result", "benchmarks.json", "machine.json", "asv.conf.json"])
def test_a_damaged_file_is_named(suite, which, content):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    files = {"result": suite.file(0), "machine.json": suite.results / "box" / which, "asv.conf.json": suite.config}
    file = files.get(which, suite.results / which)
    file.write_text(content)
    if (which, content) == ("benchmarks.json", '{"version": 2}'):
        return  # an empty suite, which is refused otherwise
    with pytest.raises(InputError) as error:
        read_history(suite.config)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b'{"results": "\xff"}'])
def test_what_is_no_text_is_named(suite, content):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    suite.file(0).write_bytes(content)
    with pytest.raises(InputError, match="is no JSON"):
        read_history(suite.config)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("results", []),
        ("results", {NAME: 3}),
        ("results", {NAME: [["a"], [["'exact'"], ["100"]], "1"]}),
        ("results", {NAME: [[[1.0]], [["'exact'"], ["100"]], "1"]}),
        ("results", {NAME: [[10**400], [["'exact'"], ["100"]], "1"]}),
        ("results", {NAME: [[1.0], 3, "1"]}),
        ("date", None),
        ("date", "today"),
        ("date", 1e300),
        ("commit_hash", 3),
        ("params", []),
        ("env_vars", 3),
        ("result_columns", ["what"]),
    ],
)
def test_foreign_results_are_named(suite, key, value):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    content = json.loads(suite.file(0).read_text())
    suite.file(0).write_text(json.dumps({**content, key: value}))
    with pytest.raises(InputError, match=r"-env.json: .*; remove it, or measure that commit again"):
        read_history(suite.config)


@pytest.mark.parametrize("key", ["params", "param_names", "version", "unit", "name"])
@pytest.mark.parametrize("value", [3, [3], {"a": 1}, [[1]]])
def test_foreign_benchmarks_are_named(suite, key, value):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    file = suite.results / "benchmarks.json"
    content = json.loads(file.read_text())
    content[NAME][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"benchmarks.json: .*just-discover"):
        read_history(suite.config)


@pytest.mark.parametrize(
    "settings",
    [{"results_dir": 3}, *[{"regressions_thresholds": value} for value in ({"(": 1}, {"a": "b"}, {"a": None}, 3)]],
)
def test_a_foreign_configuration_is_named(tmp_path, settings):
    suite = Suite(tmp_path, benchmark()).series([1.0])
    suite.config.write_text(json.dumps({**json.loads(suite.config.read_text().partition("\n")[2]), **settings}))
    with pytest.raises(InputError, match=r"asv.conf.json: "):
        read_history(suite.config)


def test_a_result_without_a_machine_is_named(suite):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    (suite.results / "box" / "machine.json").unlink()
    with pytest.raises(InputError, match=r"-env.json: there is no machine.json beside it"):
        read_history(suite.config)


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_named(suite):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    suite.file(0).chmod(0)
    with pytest.raises(InputError, match=r"-env.json: cannot be read"):
        read_history(suite.config)
