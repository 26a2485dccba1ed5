"""Engines: this machine and a Dask cluster do the same work, and whatever becomes of them is told."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_faults import kept, wait_until

from dgsea_bench import InputError
from dgsea_bench.bench import engines, launch
from dgsea_bench.bench.case import Case, MeasureSettings
from dgsea_bench.bench.cores import Cancelled, own_folder
from dgsea_bench.bench.engines import DaskEngine, LocalEngine, make_engine
from dgsea_bench.bench.spec import Outcome, Spec
from dgsea_bench.bench.sweep import plan_sweep, run_plan
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.data.sources import SyntheticSource

WITHOUT_DASK = 'Dask is not installed; pip install "dgsea-bench[dask]"'
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a case dies with its worker at once on Linux alone")
SMALL = SyntheticSource(genes=40, sets=12, set_size=5)


def spec(backend, *, seed=0, **changes):
    case = Case(
        source=SMALL.model_copy(update={"seed": seed}),
        params=EnrichmentParams(),
        backend=backend,
        measure=MeasureSettings(timed=False, time_limit=60.0),
    )
    return Spec(case=case, **changes)


def measuring(root=None):
    """Processes that measure, below this one."""
    found = []
    for process in (root or psutil.Process()).children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE and launch.__file__ in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@given(jobs=st.integers(1, 4), count=st.integers(1, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_specs_begin_in_the_order_in_which_they_were_given_and_no_more_at_a_time_than_there_are_slots(
    monkeypatch, jobs, count
):
    begun, at_work, most, guard = [], [], [], threading.Lock()

    def pretend(spec, *, cancelled):
        with guard:
            begun.append(spec.case.source.seed)
            at_work.append(spec)
            most.append(len(at_work))
        time.sleep(0.002)
        with guard:
            at_work.remove(spec)
        return Outcome("done", str(spec.case.source.seed))

    monkeypatch.setattr(engines, "run_case", pretend)
    with LocalEngine(jobs) as engine:
        assert (engine.slots, engine.share, engine.is_here) == (jobs, jobs, True)
        futures = [engine.submit(spec("exact", seed=seed)) for seed in range(count)]
        assert [future.result().reason for future in futures] == [str(seed) for seed in range(count)]
    assert max(most) <= jobs
    assert sorted(begun) == list(range(count))
    assert all(place >= seed - jobs + 1 for place, seed in enumerate(begun))


def test_an_engine_that_is_closed_kills_what_runs_and_forgets_what_waits(shared_plugin):
    engine = LocalEngine(2)
    futures = [engine.submit(spec("sleeper", seed=seed)) for seed in range(3)]
    wait_until(lambda: measuring() and futures[0].running())
    asked = time.monotonic()
    engine.close()
    assert time.monotonic() - asked < 5
    assert all(future.done() for future in futures)
    assert [type(future.exception()) for future in futures[:2]] == [Cancelled] * 2
    with pytest.raises(CancelledError):
        futures[2].result()
    assert measuring() == []
    assert not list(own_folder().glob("case-*"))


def test_without_isolation_a_spec_is_worked_on_at_once_in_this_thread(monkeypatch):
    where = []
    monkeypatch.setattr(
        engines, "run_case", lambda _: where.append(threading.current_thread()) or Outcome("done", "a test")
    )
    with LocalEngine(3) as engine:
        future = engine.submit(spec("exact", isolation="none"))
        assert future.done()
        assert where == [threading.current_thread()]
        assert future.result().reason == "a test"


def test_without_isolation_an_exception_comes_out_where_a_debugger_waits_for_it(shared_plugin):
    with LocalEngine() as engine, pytest.raises(ValueError, match=r"no .*ranks"):
        engine.submit(spec("raiser", isolation="none"))


@pytest.mark.parametrize(
    ("kind", "choices", "complaint"),
    [
        ("dusk", {}, "unknown engine 'dusk'; known: local, dask; did you mean 'dask'"),
        ("slurm", {}, "unknown engine 'slurm'; known: local, dask$"),
        ("local", {"jobs": 0}, "jobs is 0; it must be at least 1"),
        ("dask", {"jobs": -1}, "jobs is -1; it must be at least 1"),
        ("dask", {"jobs": 2, "scheduler": "tcp://10.0.0.1:8786"}, "jobs is 2, but how many .* is up to the workers"),
        ("local", {"scheduler": "tcp://10.0.0.1:8786"}, "the scheduler tcp://10.0.0.1:8786 .* add --engine dask"),
    ],
)
def test_an_engine_that_cannot_be_made_says_why(kind, choices, complaint):
    with pytest.raises(InputError, match=complaint):
        make_engine(kind, **choices)


def test_without_dask_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r'^Dask cannot be loaded \(.*\); pip install "dgsea-bench\[dask\]"$'):
        make_engine("dask", scheduler="tcp://127.0.0.1:1")


def test_the_local_engine_needs_no_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    make_engine("local", jobs=2).close()


CONNECT = """
import sys
from dgsea_bench import InputError
from dgsea_bench.bench.engines import DaskEngine
for address in sys.argv[1:]:
    try:
        DaskEngine(address, patience=0.5).close()
    except InputError as error:
        print(str(error).replace(chr(10), "<newline>"), flush=True)
"""
MALFORMED = ["", "127.0.0.1", "tcp://", "tcp://127.0.0.1:x", "http://127.0.0.1:1", "a b:c", "tls://127.0.0.1:1"]


def test_an_address_where_nobody_is_or_that_is_none_is_told_in_one_line(shared_plugin):
    """In a process of its own: Dask leaves threads behind when it cannot connect."""
    pytest.importorskip("distributed", reason=WITHOUT_DASK)
    nobody = ["tcp://127.0.0.1:1"]
    command = [sys.executable, "-c", CONNECT, *nobody, *MALFORMED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    told = done.stdout.splitlines()
    assert len(told) == len(nobody) + len(MALFORMED), done.stderr
    for address, line in zip(nobody, told):
        assert line.startswith(f"{address}: no Dask scheduler with a worker within 0.5 s: ")
    for address, line in zip(MALFORMED, told[len(nobody) :]):
        start = f"{address or repr(address)}: is not the address of a scheduler, such as tcp://10.0.0.1:8786: "
        assert line.startswith(start)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """(scenario file, what a sweep of it on this machine keeps)."""
    folder = tmp_path_factory.mktemp("local")
    file = folder / "four.toml"
    file.write_text(
        'name = "four"\nsummary = "A test."\n[[grids]]\nsource = "synthetic"\ngenes = [40, 60]\nsets = 12\n'
        'set_size = "5-15"\n[[backends]]\nname = "hard"\nmax_genes = 50\n[[backends]]\nname = "nyswin"\n'
        "max_genes = 50\n[measure]\nmin_seconds = 0\nmax_seconds = 0\ntime_limit = 60\n"
    )
    with LocalEngine(2) as engine:
        run_plan(plan_sweep(file, out=folder / "run", timing="none"), engine=engine)
    return file, kept(folder / "run")


def started_since(before):
    return [child for child in psutil.Process().children(recursive=True) if child.pid not in before]


def listening(process):
    return [item.laddr.ip for item in process.net_connections(kind="inet") if item.status == psutil.CONN_LISTEN]


@pytest.fixture(scope="module")
def dask_here(shared_plugin):
    """(engine, its workers, the addresses on which it listens) of two workers of Dask on this machine."""
    pytest.importorskip("distributed", reason=WITHOUT_DASK)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with make_engine("dask", jobs=2) as engine:
        started = started_since(before)
        workers = [child for child in started if "spawn_main" in " ".join(child.cmdline())]
        yield engine, workers, [address for each in (psutil.Process(), *started) for address in listening(each)]
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]


def test_workers_of_dask_on_this_machine_do_what_it_does(dask_here, local, tmp_path):
    engine, workers, _ = dask_here
    file, expected = local
    assert (engine.slots, engine.share, engine.is_here, len(workers)) == (2, 2, False, 2)
    run_plan(plan_sweep(file, out=tmp_path / "run", timing="none"), engine=engine)
    assert kept(tmp_path / "run") == expected


def test_workers_of_dask_on_this_machine_are_heard_by_nobody_else(dask_here):
    ears = dask_here[2]
    assert len(ears) >= 3
    assert set(ears) == {"127.0.0.1"}


def test_what_goes_wrong_on_a_worker_of_dask_is_an_outcome(dask_here):
    submit = dask_here[0].submit
    refused = submit(spec("hard", measurement_version=0))
    unreadable = submit(spec("hard").model_copy(update={"isolation": "nonsense"}))
    assert refused.result().reason.startswith("RuntimeError: asked for version 0 of the measurement (worker.py:")
    assert unreadable.result().reason.startswith("on a Dask worker: ValidationError: ")
    assert refused.result().status == unreadable.result().status == "failed"


def test_what_comes_back_and_cannot_be_read_is_told_rather_than_waited_for_without_end(dask_here, monkeypatch):
    monkeypatch.setattr(engines, "run_on_worker", lambda *_: {"status": "done", "surprise": 1})
    with pytest.raises(InputError, match=r"cannot be read: TypeError: .*surprise"):
        dask_here[0].submit(spec("hard")).result(timeout=30)


@contextmanager
def cluster(folder, workers):
    """A scheduler and workers as a user starts them, without nannies that would start them again."""
    address = folder / "scheduler.json"
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w"))

        def start(*words):
            process = subprocess.Popen(
                [sys.executable, "-m", *words, "--no-dashboard"], stdout=log, stderr=log, start_new_session=True
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        host = ["--host", "127.0.0.1", "--scheduler-file", str(address)]
        scheduler = start("distributed.cli.dask_scheduler", *host, "--port", "0", "--dashboard-address", "127.0.0.1:0")
        started = [
            start(
                "distributed.cli.dask_worker", *host, "--no-nanny", "--nthreads", "1", "--local-directory", str(folder)
            )
            for _ in range(workers)
        ]
        wait_until(lambda: address.is_file() and '"tcp://127.0.0.1:' in address.read_text())
        where = next(word for word in address.read_text().split('"') if word.startswith("tcp://"))
        yield SimpleNamespace(address=where, scheduler=scheduler, workers=started)


@contextmanager
def once_one_measures(workers, act):
    """Meanwhile wait until one of these workers measures, and do something to it; yields a list for that worker."""
    chosen = []

    def watch():
        wait_until(lambda: any(measuring(psutil.Process(each.pid)) for each in workers))
        time.sleep(0.3)
        chosen.extend([each for each in workers if measuring(psutil.Process(each.pid))][:1])
        act(chosen[0])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield chosen
    finally:
        thread.join()


@ON_LINUX
def test_a_sweep_of_which_a_worker_is_killed_while_it_measures_ends_as_an_undisturbed_one(local, tmp_path):
    pytest.importorskip("distributed", reason=WITHOUT_DASK)
    file, expected = local
    with cluster(tmp_path, workers=2) as there, DaskEngine(there.address, patience=30) as engine:
        wait_until(lambda: engine.slots == 2)
        assert engine.share == 2
        with once_one_measures(there.workers, lambda worker: worker.send_signal(signal.SIGKILL)) as killed:
            run_plan(plan_sweep(file, out=tmp_path / "run", timing="none"), engine=engine)
        assert killed[0].wait() == -signal.SIGKILL
        assert engine.slots == 1
    assert kept(tmp_path / "run") == expected


@ON_LINUX
def test_a_scheduler_that_dies_is_told_at_once_and_nothing_goes_on(shared_plugin, tmp_path):
    pytest.importorskip("distributed", reason=WITHOUT_DASK)
    gone = r"^the scheduler at tcp://127.0.0.1:\d+ is gone \(.*\); what was measured before is kept$"
    with cluster(tmp_path, workers=1) as there, DaskEngine(there.address, patience=2) as engine:
        future = engine.submit(spec("sleeper"))
        with once_one_measures(there.workers, lambda _: there.scheduler.kill()), pytest.raises(InputError, match=gone):
            future.result(timeout=30)
    with pytest.raises(InputError, match=gone):
        engine.submit(spec("hard"))
    wait_until(lambda: not measuring(), 5)
