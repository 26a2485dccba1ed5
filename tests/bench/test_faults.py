"""Sweeps survive what their cases and their machine do to them: every finished case is there, once."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.bench.sweep import plan_sweep, run_plan, run_sweep

NOT_THE_SAME_TWICE = re.compile(r"_seconds|_mib")
LIMITS = "time_limit = 20\nmemory_limit = 2.0"


def sweep_command(*arguments):
    return [sys.executable, "-m", "dgsea_bench", "sweep", *map(str, arguments)]


def sweep(*arguments):
    return subprocess.run(sweep_command(*arguments), capture_output=True, text=True, timeout=300)


def start_sweep(*arguments):
    """In a process group of its own, as a shell would start it."""
    return subprocess.Popen(
        sweep_command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def go_on(file, folder):
    """Finish a sweep from Python, which need not load a command line nor draw a report."""
    frame = run_sweep(file, out=folder)
    assert set(frame["status"]) <= {"done", "skipped"}


def kept(folder):
    """Ids, statuses and all that is the same in every sweep; every case once."""
    rows = RunDirectory(Path(folder)).rows()
    assert len({row.case_id for row in rows}) == len(rows)
    return {
        row.case_id: (
            row.status,
            row.reason,
            row.label,
            row.case,
            row.problem,
            row.without_truth,
            {name: value for name, value in row.metrics.items() if not NOT_THE_SAME_TWICE.search(name)},
        )
        for row in rows
    }


def running_cases():
    """Processes that measure a case, by what the system says."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"launch.py") for word in words) and any(
            os.environ["TMPDIR"].encode() in w for w in words
        ):
            found.append(process.name)
    return found


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits hold on Linux alone")
def test_each_misbehaving_case_is_one_flagged_row_and_the_others_are_measured(plugin, scenario, tmp_path, enough):
    file = scenario("hungry", "quitter", "sleeper", "noisy", "crasher", "raiser", "exact", measure=LIMITS)
    start = time.monotonic()
    done = sweep(file, "--out", tmp_path / "run", "--time-limit", enough)
    assert time.monotonic() - start < 10 * enough
    assert done.returncode == 1, done.stderr
    rows = {row.label: row for row in RunDirectory(tmp_path / "run").rows()}
    assert {name: row.status for name, row in rows.items()} == {
        "hungry": "out of memory",
        "quitter": "failed",
        "sleeper": "out of time",
        "noisy": "done",
        "crasher": "failed",
        "raiser": "failed",
        "exact": "done",
    }
    assert len(RunDirectory(tmp_path / "run").rows()) == 7
    assert rows["hungry"].reason.startswith("more than the 2 GiB that it may take: RuntimeError")
    assert rows["quitter"].reason == "ended without a result (exit code 0): nothing on stderr"
    assert rows["sleeper"].reason == f"stopped after the time limit of {enough:g} s"
    assert rows["crasher"].reason == "ended without a result (signal 11, SIGSEGV): last words"
    assert rows["raiser"].reason.startswith("ValueError: no ?[31mranks here (misbehaving.py:")
    assert [flag.split(":")[0] for flag in rows["noisy"].flags if flag.startswith("printed")] == [
        "printed on stdout",
        "printed on stderr",
    ]
    assert rows["noisy"].metrics["value_error_max"] < 1e-12
    assert "\x1b" not in done.stdout + (tmp_path / "run" / "rows.jsonl").read_text()
    page = (tmp_path / "run" / "index.html").read_text()
    assert "out of memory" in page
    assert "printed on stdout" in page


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits hold on Linux alone")
def test_larger_sizes_of_a_line_that_ran_out_are_skipped_with_that_reason(plugin, scenario, tmp_path):
    file = scenario("hungry", "exact", genes=(80, 40, 60), measure=LIMITS)
    frame = run_sweep(file, out=tmp_path / "run", timing="none")
    by_point = {(row["label"], row["case.source.genes"]): (row["status"], row["reason"]) for _, row in frame.iterrows()}
    assert by_point["hungry", 40][0] == "out of memory"
    for genes in (60, 80):
        assert by_point["hungry", genes] == ("skipped", "out of memory at 40 genes already")
        assert by_point["exact", genes][0] == "done"


def test_what_failed_is_measured_again_when_asked_for_or_when_it_may_take_more(
    plugin, scenario, tmp_path, enough, call
):
    file = scenario("raiser", "sleeper", measure=f"time_limit = {enough}")
    run_sweep(file, out=tmp_path / "run")

    def pending(**choices):
        return [case.backend for case in plan_sweep(file, out=tmp_path / "run", **choices).pending]

    assert pending() == []
    assert pending(retry=True) == ["raiser", "sleeper"]
    assert pending(limits={"time_limit": enough + 0.5}) == ["sleeper"]
    assert pending(limits={"time_limit": enough - 1}) == []
    assert pending(fresh=True) == ["raiser", "sleeper"]
    code, printed, _ = call("sweep", file, "--out", tmp_path / "run")
    assert code == 1
    assert "not measured again unless --retry failed" in " ".join(printed.split())


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups here")
def test_what_a_case_started_ends_with_it(plugin, scenario, tmp_path, monkeypatch):
    monkeypatch.setenv("DGSEA_BENCH_TEST_CHILD", str(tmp_path / "children"))
    (row,) = run_plan(plan_sweep(scenario("parent"), out=tmp_path / "run", timing="none"))
    assert row.status == "done"
    for child in (tmp_path / "children").read_text().split():
        wait_until(lambda child=child: not Path("/proc", child).exists())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(scenario file, what an undisturbed sweep of it keeps, its seconds)."""
    folder = tmp_path_factory.mktemp("undisturbed")
    file = folder / "four.toml"
    file.write_text(
        'name = "four"\nsummary = "A test."\n[[grids]]\nsource = "synthetic"\ngenes = [40, 60]\nsets = 12\n'
        'set_size = "5-15"\n[[backends]]\nname = "hard"\n[[backends]]\nname = "nyswin"\nmax_genes = 50\n'
        "[measure]\nmin_seconds = 0\nmax_seconds = 0\n"
    )
    start = time.monotonic()
    assert sweep(file, "--out", folder / "run").returncode == 0
    return file, kept(folder / "run"), time.monotonic() - start


def kill_and_resume(undisturbed, folder, kills, seed):
    file, expected, seconds = undisturbed
    moments = random.Random(seed)  # noqa: S311 (not a secret)
    for _ in range(kills):
        process = start_sweep(file, "--out", folder)
        try:
            process.wait(timeout=moments.uniform(0.0, seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not running_cases(), 5)
    last = sweep(file, "--out", folder)
    assert last.returncode == 0, last.stderr
    assert kept(folder) == expected
    for case_id, (status, *_) in expected.items():
        details = {path.name for path in (folder / "details" / case_id).glob("*")}
        written = {f"{name}.parquet" for name in ("sets", "profiles", "curves", "timings")}
        assert details == (written if status == "done" else set())
    assert not list(folder.rglob("*.partial"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed sweep's case ends within a second, not at once")
def test_a_sweep_that_is_killed_again_and_again_ends_as_an_undisturbed_one(undisturbed, tmp_path):
    kill_and_resume(undisturbed, tmp_path / "run", kills=5, seed=0)


@pytest.mark.nightly
def test_a_sweep_that_is_killed_fifty_times_ends_as_an_undisturbed_one(undisturbed, tmp_path):
    kill_and_resume(undisturbed, tmp_path / "run", kills=50, seed=1)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "a batch system")])
def test_a_sweep_that_is_stopped_ends_cleanly_with_what_is_done(undisturbed, tmp_path, number, name):
    file, expected, _ = undisturbed
    process = start_sweep(file, "--out", tmp_path / "run")
    wait_until(lambda: len(RunDirectory(tmp_path / "run").rows()) >= 2, 60)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped; what is measured is in" in errors
    assert "Traceback" not in errors
    assert not running_cases()
    done = kept(tmp_path / "run")
    assert done.items() <= expected.items()
    assert (tmp_path / "run" / "rows.parquet").is_file()
    go_on(file, tmp_path / "run")
    assert kept(tmp_path / "run") == expected


def test_two_sweeps_on_one_directory_are_refused(plugin, scenario, tmp_path, call):
    file = scenario("slow")
    process = start_sweep(file, "--out", tmp_path / "run")
    try:
        wait_until(lambda: (tmp_path / "run" / "sweep.json").exists())
        code, _, complaint = call("sweep", file, "--out", tmp_path / "run")
        assert code == 2
        assert f"another sweep is writing there (process {process.pid} on " in complaint
        assert "choose another --out" in complaint
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    wait_until(lambda: not running_cases(), 5)
    assert run_sweep(file, out=tmp_path / "run", timing="none")["status"].tolist() == ["done"]


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is mounted as Linux does it")
def test_a_full_disk_stops_the_sweep_plainly_and_the_finished_rows_are_intact(undisturbed, tmp_path):
    file, expected, _ = undisturbed
    with small_disk(tmp_path / "disk", "88k") as disk:
        done = sweep(file, "--out", disk / "run")
        assert done.returncode == 2, done.stdout
        assert "No space left on device; what was measured before is kept" in done.stderr
        assert "Traceback" not in done.stderr
        partly = kept(disk / "run")
        assert 0 < len(partly) < len(expected)
        assert partly.items() <= expected.items()
        assert not list(disk.rglob("*.partial"))
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        go_on(file, disk / "run")
        assert kept(disk / "run") == expected


def test_a_directory_that_cannot_be_written_is_told_before_anything_is_measured(undisturbed, tmp_path, call):
    (tmp_path / "file").write_text("in the way")
    code, _, complaint = call("sweep", undisturbed[0], "--out", tmp_path / "file" / "run")
    assert code == 2
    assert "cannot write there: Not a directory" in complaint


def test_without_isolation_an_exception_is_the_debuggers(plugin, scenario, tmp_path):
    with pytest.raises(ValueError, match=r"no .*ranks"):
        run_sweep(scenario("raiser"), out=tmp_path / "run", isolation="none")
    (row,) = run_plan(plan_sweep(scenario("noop"), out=tmp_path / "other", isolation="none"))
    assert row.status == "done"
    assert any("not isolated" in flag for flag in row.flags)
    assert "cores" not in row.process


def test_a_file_that_has_changed_since_the_sweep_was_planned_is_told(tmp_path):
    (tmp_path / "a.gmt").write_text("set\t\t" + "\t".join(f"g{n}" for n in range(5)))
    files = {"ranking": str(tmp_path / "a.rnk"), "gene_sets": str(tmp_path / "a.gmt"), "settings": {"min_size": 1}}
    (tmp_path / "a.rnk").write_text("".join(f"g{n}\t{n * n}\n" for n in range(20)))
    plan = plan_sweep("real-ranking", backends=["hard"], out=tmp_path / "run", **files)
    (tmp_path / "a.rnk").write_text("".join(f"g{n}\t{n + 1}\n" for n in range(20)))
    (row,) = run_plan(plan)
    assert (row.status, row.metrics) == ("failed", {})
    assert "a.rnk: is not the file that the sweep was planned with" in row.reason
