"""One case in a process of its own: what it finds there, and how it ends, whatever it does."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dgsea_bench
from dgsea_bench import InputError
from dgsea_bench.bench import isolation, launch
from dgsea_bench.bench.case import Case, MeasureSettings
from dgsea_bench.bench.cores import Cancelled, claimed_cores, own_folder, usable_cores
from dgsea_bench.bench.isolation import remove_leftovers, run_case
from dgsea_bench.bench.spec import Spec
from dgsea_bench.bench.worker import REASON_LENGTH, describe_error, plain
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.data.sources import RankingSource, SyntheticSource

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals here are those of Linux")
SMALL = SyntheticSource(genes=40, sets=12, set_size=5)
LIMIT = 3.0


def spec(backend, *, source=SMALL, threads=1, time_limit=60.0, memory_limit=None, **changes):
    measure = MeasureSettings(timed=False, time_limit=time_limit, memory_limit=memory_limit)
    case = Case(source=source, params=EnrichmentParams(), backend=backend, threads=threads, measure=measure)
    return Spec(case=case, **changes)


@pytest.fixture(scope="module")
def ends(shared_plugin, tmp_path_factory):
    """How cases of all kinds ended, by name, with what the probe and the flood told; two ran at a time."""
    folder = tmp_path_factory.mktemp("ends")
    (folder / "a.rnk").write_text("".join(f"g{n}\t{n * n}\n" for n in range(20)))
    (folder / "a.gmt").write_text("set\t\t" + "\t".join(f"g{n}" for n in range(5)))
    ranking = RankingSource(ranking=str(folder / "a.rnk"), gene_sets=str(folder / "a.gmt"), min_size=1)
    specs = {
        "probe": spec("probe", memory_limit=LIMIT),
        "flood": spec("flood"),
        "raiser": spec("raiser"),
        "leaver": spec("leaver"),
        "signaller": spec("signaller"),
        "burst": spec("burst"),
        "lingerer": spec("lingerer"),
        "late_crasher": spec("late-crasher"),
        "version": spec("hard", measurement_version=0),
        "inputs": spec("hard", source=ranking, inputs={**ranking.input_hashes(), str(folder / "a.rnk"): "another"}),
    }
    with pytest.MonkeyPatch.context() as monkeypatch, ThreadPoolExecutor(2) as pool:
        monkeypatch.setenv("DGSEA_BENCH_TEST_PROBE", str(folder / "probe"))
        monkeypatch.setenv("DGSEA_BENCH_TEST_FLOOD", str(folder / "flood"))
        outcomes = dict(zip(specs, pool.map(run_case, specs.values())))
    return SimpleNamespace(
        **outcomes,
        found=json.loads((folder / "probe").read_text()),
        most_printed=max(map(int, (folder / "flood").read_text().split())),
        folder=folder,
    )


def test_threads_are_set_before_anything_is_loaded_and_the_case_stays_on_its_cores(ends):
    assert ends.probe.status == "done", ends.probe.reason
    assert set(ends.found["variables"].values()) == {"1"}
    assert (ends.found["torch"], ends.found["numba"]) == (1, 1)
    if ends.found["cores"] is not None:
        assert ends.found["cores"] == ends.probe.fields["process"]["cores"]
        assert len(ends.found["cores"]) == 1
        assert set(ends.found["cores"]) <= set(usable_cores())


def test_a_case_has_a_process_a_group_and_no_input_of_its_own_and_the_package_of_its_parent(ends):
    assert ends.found["process"] != os.getpid()
    assert ends.found["group"] in (ends.found["process"], None)
    assert ends.found["input"] == ""
    assert ends.found["package"] == dgsea_bench.__file__


@ON_LINUX
def test_the_limit_of_memory_holds_in_the_process_and_is_told(ends):
    assert ends.found["limit"] == int(LIMIT * 2**30)
    assert ends.probe.fields["process"]["memory_limit_gib"] == LIMIT
    by_itself = ends.raiser.fields["process"]["memory_limit_gib"]
    assert 0 < by_itself <= 0.9 * psutil.virtual_memory().total / 2**30


def test_an_exception_is_told_with_its_place_and_without_what_a_terminal_would_obey(ends):
    assert ends.raiser.status == "failed"
    assert ends.raiser.reason.startswith("ValueError: no ?[31mranks here (misbehaving.py:")
    assert ends.raiser.reason.endswith(" in rank)")
    assert ends.raiser.files == {}


def test_a_backend_that_leaves_as_a_script_would_fails_with_what_it_said(ends):
    assert ends.leaver.status == "failed"
    assert ends.leaver.reason.startswith("SystemExit: had enough (misbehaving.py:")


@ON_LINUX
def test_a_signal_without_a_name_is_told_by_its_number(ends):
    assert ends.signaller.status == "failed"
    assert ends.signaller.reason == f"ended without a result (signal {signal.SIGRTMIN + 6}): nothing on stderr"


def test_a_result_counts_although_its_process_did_not_end_well_and_is_flagged(ends):
    for outcome, how in ((ends.lingerer, "it had to be stopped"), (ends.late_crasher, "exit code 7")):
        assert outcome.status == "done", outcome.reason
        assert outcome.fields["flags"] == [f"did not end well after its result: {how}"]


def test_much_output_does_not_fill_the_disk_and_is_no_failure(ends):
    assert ends.flood.status == "done", ends.flood.reason
    assert ends.most_printed < 5 * isolation.MOST_OUTPUT
    (told,) = ends.flood.fields["flags"]
    assert told.startswith("printed on stdout: ")
    assert told.endswith("flood flood")


def test_of_much_that_was_printed_the_end_is_kept(ends):
    assert ends.burst.status == "failed"
    assert ends.burst.reason.startswith("ended without a result (exit code 3): ")
    assert "burst burst" in ends.burst.reason
    assert any(flag.startswith("printed on stderr") for flag in ends.burst.fields["flags"])


def test_a_worker_that_measures_otherwise_refuses(ends):
    assert ends.version.status == "failed"
    assert ends.version.reason.startswith("RuntimeError: asked for version 0 of the measurement (worker.py:")


def test_files_that_are_others_than_were_planned_with_are_refused(ends):
    assert ends.inputs.status == "failed"
    name = ends.folder / "a.rnk"
    assert ends.inputs.reason == f"{name}: is not the file that the sweep was planned with, or not so on this machine"


def test_each_outcome_says_where_it_was_measured_and_how_long_it_took(ends):
    outcomes = [ends.probe, ends.raiser, ends.burst, ends.inputs]
    assert len({outcome.environment_id for outcome in outcomes}) == 1
    assert all(outcome.environment["python"] for outcome in outcomes)
    assert all(0 < outcome.fields["process"]["seconds"] < 60 for outcome in outcomes)


def test_nothing_is_left_of_any_case(ends):
    assert list(own_folder().glob(f"case-*-{os.getpid()}-*")) == []
    assert measuring() == []
    with claimed_cores(1, alone=True, cancelled=lambda: True):
        pass


def measuring():
    """Processes of ours that measure."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE and launch.__file__ in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@ON_LINUX
def test_a_case_that_is_killed_from_outside_fails_with_the_signal(shared_plugin):
    with ThreadPoolExecutor(1) as pool:
        case = pool.submit(run_case, spec("sleeper"))
        wait_until(measuring)
        measuring()[0].kill()
        outcome = case.result()
    assert (outcome.status, outcome.reason) == (
        "failed",
        "ended without a result (signal 9, SIGKILL): nothing on stderr",
    )


def test_a_case_that_is_cancelled_ends_at_once_and_leaves_nothing(shared_plugin):
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        case = pool.submit(run_case, spec("sleeper"), cancelled=stop.is_set)
        wait_until(measuring)
        (process,) = measuring()
        stop.set()
        asked = time.monotonic()
        with pytest.raises(Cancelled):
            case.result()
    assert time.monotonic() - asked < 5
    assert not process.is_running()
    assert list(own_folder().glob(f"case-*-{os.getpid()}-*")) == []


def test_a_case_that_is_cancelled_while_it_waits_for_cores_never_starts(shared_plugin):
    with claimed_cores(1, alone=True), pytest.raises(Cancelled):
        run_case(spec("sleeper"), cancelled=lambda: True)
    assert list(own_folder().glob(f"case-*-{os.getpid()}-*")) == []


def test_the_time_limit_is_that_of_the_case_alone_not_of_waiting_for_cores(shared_plugin):
    with ThreadPoolExecutor(1) as pool:
        with claimed_cores(1, alone=True):
            case = pool.submit(run_case, spec("sleeper", time_limit=0.3))
            time.sleep(0.6)
            assert not case.done()
            assert measuring() == []
        outcome = case.result()
    assert (outcome.status, outcome.reason) == ("out of time", "stopped after the time limit of 0.3 s")
    assert outcome.fields["process"]["seconds"] >= 0.3


def test_without_isolation_whatever_a_backend_raises_is_the_callers(shared_plugin):
    with pytest.raises(ValueError, match=r"no .*ranks"):
        run_case(spec("raiser", isolation="none"))
    with pytest.raises(RuntimeError, match="asked for version 0"):
        run_case(spec("hard", isolation="none", measurement_version=0))
    outcome = run_case(spec("hard", isolation="none"))
    assert (outcome.status, outcome.fields["flags"]) == ("done", [])
    assert list(own_folder().glob(f"case-*-{os.getpid()}-*")) == []


@ON_LINUX
def test_leftovers_of_processes_that_are_gone_are_removed_and_nothing_else():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = Path("/proc/self/ns/pid").stat().st_ino
    ours = [f"case-{here}-{gone.pid}-a", f"case-{here}-{gone.pid}-b"]
    names = [*ours, f"case-{here}-{os.getpid()}-a", f"case-{here + 1}-{gone.pid}-a", f"kept-{here}-{gone.pid}-a"]
    for name in names:
        (own_folder() / name / "files").mkdir(parents=True)
    remove_leftovers()
    try:
        assert {path.name for path in own_folder().iterdir() if path.is_dir()} == set(names[2:])
    finally:
        for name in names[2:]:
            (own_folder() / name / "files").rmdir()
            (own_folder() / name).rmdir()


@given(st.lists(st.text(st.characters(), max_size=400) | st.sampled_from(["\x1b[31m", "a\r\nb", "\x00", "\ud800"])))
def test_words_of_others_become_one_printable_line_of_bounded_length(lines):
    told = plain(lines)
    assert told.isprintable()
    assert len(told) <= REASON_LENGTH
    told.encode()  # no half of a pair, which no file would take
    assert plain([told]) == told.strip()


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=900))
def test_the_end_of_what_others_say_is_kept(text):
    assert plain([text]) == text[-REASON_LENGTH:]


def error_of(action):
    with pytest.raises(BaseException) as caught:  # noqa: B017, PT011, RUF100
        action()
    return caught.value


@given(st.text(max_size=2000))
def test_an_error_is_described_by_its_kind_its_words_and_its_place(words):
    def fails():
        raise KeyError(words)

    told = describe_error(error_of(fails))
    assert told.isprintable()
    assert told.endswith(" in fails)")
    assert "(test_isolation.py:" in told
    assert len(told) < REASON_LENGTH + 60


def test_what_we_say_ourselves_is_described_without_the_place():
    assert describe_error(InputError("a.rnk: is empty")) == "a.rnk: is empty"
    assert describe_error(ValueError("never raised")) == "ValueError: never raised"


def die(how):
    """The program of a process that waits, unless its parent dies, and says when it is ready."""
    return (
        f"import os, sys, time\nsys.path.insert(0, {str(Path(launch.__file__).parent)!r})\nimport launch\n"
        "print('ready', flush=True)\n"
        f"launch.{how}(os.getppid())\ntime.sleep(60)\n"
    )


@pytest.mark.skipif(not hasattr(os, "getppid"), reason="processes have no parents here")
@pytest.mark.parametrize(("how", "seconds"), [("die_with", 1.0), ("leave_orphaned", 1.0)])
def test_a_process_ends_with_its_parent(how, seconds):
    between = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {die(how)!r}])\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", between], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        time.sleep(0.1)
        parent.kill()
        killed = time.monotonic()
        assert parent.stdout.read() == b""  # at its end nobody has it open any more
        assert time.monotonic() - killed < seconds + 2.0


@ON_LINUX
def test_a_process_whose_parent_was_faster_to_go_does_not_begin():
    program = die("die_with").replace("os.getppid()", "1 if os.getppid() != 1 else 2")
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, timeout=30).returncode == 1


@ON_LINUX
def test_a_case_ends_when_the_process_that_asked_for_it_is_killed(shared_plugin, tmp_path):
    asks = (
        "import sys\nfrom dgsea_bench.bench.isolation import run_case\nfrom dgsea_bench.bench.spec import Spec\n"
        "print('ready', flush=True)\nrun_case(Spec.model_validate_json(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", asks, spec("sleeper").model_dump_json(exclude={"truth"})]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        wait_until(measuring)
        (case,) = measuring()
        parent.kill()
        wait_until(lambda: not case.is_running() or case.status() == psutil.STATUS_ZOMBIE, 5)
    (left,) = own_folder().glob("case-*")
    remove_leftovers()
    assert not left.exists()


@ON_LINUX
def test_a_folder_that_bears_the_packages_name_and_is_none_does_not_stand_in_the_way(tmp_path, monkeypatch):
    (tmp_path / "dgsea_bench" / "dgsea_bench").mkdir(parents=True)
    program = (
        f"import sys\nsys.path[:] = [{str(tmp_path)!r}, *(p for p in sys.path if 'site-packages' not in p)]\n"
        f"import runpy\nlaunch = runpy.run_path({launch.__file__!r})\n"
        "from pathlib import Path\nlaunch['_make_importable'](Path(sys.argv[1]))\n"
        "import importlib.util\nprint(importlib.util.find_spec('dgsea_bench').origin)\n"
    )
    monkeypatch.delenv("PYTHONPATH", raising=False)
    told = subprocess.run(
        [sys.executable, "-P", "-S", "-c", program, str(Path(dgsea_bench.__file__).parent)],
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == dgsea_bench.__file__, told.stderr
