"""How much memory there is, of which the limits of cases are made."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dgsea_bench.bench import control_groups, memory
from dgsea_bench.bench.control_groups import throttled_seconds
from dgsea_bench.bench.memory import available_bytes

GIB = 2**30
SIZES = st.integers(0, 64)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes what a system and its container say, in GiB."""
    monkeypatch.setattr(memory, "OF_SYSTEM", tmp_path / "meminfo")
    monkeypatch.setattr(control_groups, "CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(control_groups, "OWN_GROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("3:cpuset:/other\n0::/job/step\n")
    job = tmp_path / "groups" / "job"
    (job / "step").mkdir(parents=True)

    def write(available, limit, used, cached):
        (tmp_path / "meminfo").write_text(f"MemTotal: 999 kB\nMemAvailable:   {available * 2**20} kB\n")
        (job / "memory.max").write_text(f"{limit if limit == 'max' else limit * GIB}\n")
        (job / "memory.current").write_text(f"{used * GIB}\n")
        (job / "memory.stat").write_text(f"anon 1\nactive_file 5\ninactive_file {cached * GIB}\nslab 2\n")

    return write


@given(available=SIZES, limit=SIZES | st.just("max"), cached=SIZES, others=SIZES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_container_may_take_what_is_left_of_its_limit_files_that_were_read_not_counted(
    machine, available, limit, cached, others
):
    machine(available, limit, cached + others, cached)
    left = available if limit == "max" else limit - others
    assert available_bytes() == max(0, min(available, left)) * GIB


def test_a_system_without_containers_tells_what_it_has(machine):
    machine(8, 2, 1, 0)
    for name in ("memory.max", "memory.current", "memory.stat"):
        (control_groups.CONTROL_GROUPS / "job" / name).unlink()
    assert available_bytes() == 8 * GIB


def test_what_a_quota_withholds_is_read_in_both_versions_of_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(control_groups, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(control_groups, "OWN_GROUPS", tmp_path / "own")
    assert throttled_seconds() is None
    for groups, folder, line in (
        ("0::/job", "job", "throttled_usec 2500000"),
        ("4:cpu,cpuacct:/job\n0::/", "cpu,cpuacct/job", "throttled_time 2500000000"),
    ):
        (tmp_path / "own").write_text(groups + "\n")
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "cpu.stat").write_text(f"nr_periods 7\nnr_throttled 3\n{line}\n")
        assert throttled_seconds() == pytest.approx(2.5)
