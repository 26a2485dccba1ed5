"""`run_case`: one case in a process of its own, where it can do no harm. Whatever happens there becomes an outcome."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import torch

from dgsea_bench.bench import launch, worker
from dgsea_bench.bench.cores import Cancelled, claimed_cores, own_folder
from dgsea_bench.bench.environment import THREAD_VARIABLES, describe_environment, program_digest
from dgsea_bench.bench.memory import SHARE_OF_AVAILABLE, available_bytes, killed_for_memory
from dgsea_bench.bench.spec import Outcome, Spec, Status
from dgsea_bench.core.errors import InputError

PAUSE, GRACE = 0.02, 2.0
"""Seconds between two looks at a process; and for it to end after it has left its result."""
MOST_OUTPUT = 16 * 2**20
"""Bytes that a case may print before all but the end of it is thrown away."""

Cancel = Callable[[], bool]


def run_case(spec: Spec, *, cancelled: Cancel = lambda: False) -> Outcome:
    """Measure a case, or compute its truth, on this machine; the only way in which anything is measured.

    In a fresh process, with threads set before torch and numba load, on cores of its own, with the time and the memory
    that its case allows, unless the spec wants no isolation. An exception, a crash, a kill and a hang are outcomes.

    Args:
        spec: what to do.
        cancelled: asked now and then; on yes the process is killed.

    Raises:
        Cancelled: `cancelled` said yes.
        InputError: this machine cannot be used: no place for temporary files; or not any more, since the files of this
            program have changed.
    """
    environment_id, environment = describe_environment()
    if program_digest() != environment["program"]:
        raise InputError("the program has changed since it was started; the same command goes on with what it is now")
    with _work_folder() as folder:
        if spec.isolation == "none":
            worker.write_request(folder, spec)
            outcome = _in_this_process(spec, folder)
        else:
            with (
                _errors_told(),
                claimed_cores(spec.case.threads, alone=spec.alone and spec.is_timed, cancelled=cancelled) as cores,
            ):
                worker.write_request(folder, spec)
                outcome = _in_fresh_process(spec, folder, cores, cancelled)
    return replace(outcome, environment_id=environment_id, environment=environment)


def _in_this_process(spec: Spec, folder: Path) -> Outcome:
    """For a debugger: an exception is the caller's."""
    before = torch.get_num_threads()
    try:
        worker.work(folder)
    finally:
        torch.set_num_threads(before)
    outcome = worker.read_outcome(folder)
    assert outcome is not None  # noqa: S101 (it came to its end)
    told = ["not isolated: measured in the process of the sweep, without limits"] if spec.is_timed else []
    fields = outcome.fields
    return replace(outcome, fields={**fields, "flags": [*fields.get("flags", []), *told]})


def _in_fresh_process(spec: Spec, folder: Path, cores: list[int], cancelled: Cancel) -> Outcome:
    memory_limit = _memory_limit(spec)
    settings = {
        "parent": os.getpid(),
        "cores": cores,
        "memory_limit": memory_limit,
        "package": str(Path(__file__).parents[1]),
    }
    (folder / "launch.json").write_text(json.dumps(settings), encoding="utf-8")
    start = time.monotonic()
    with killed_for_memory() as for_memory:
        ended = _ends_within(spec.case.measure.time_limit, _start(spec, folder), folder, cancelled)
    outcome, late = worker.read_outcome(folder), []
    if outcome is not None:
        late = [] if ended == 0 else [f"did not end well after its result: {_how(ended)}"]
    elif ended is None:
        outcome = Outcome("out of time", f"stopped after the time limit of {spec.case.measure.time_limit:g} s")
    else:
        outcome = _without_a_result(ended, folder, oom_killed=for_memory())
    process = {
        "cores": cores,
        "memory_limit_gib": memory_limit and round(memory_limit / 2**30, 3),
        "seconds": round(time.monotonic() - start, 3),
        **outcome.fields.get("process", {}),
    }
    if outcome.status == "out of memory":
        limit = process["memory_limit_gib"]  # on a GPU the process knows it
        told = f"more than the {limit:.4g} GiB that it may take" if limit else "too much"
        outcome = replace(outcome, reason=f"{told}: {outcome.reason}")
    flags = [*outcome.fields.get("flags", []), *late, *_unfair(spec, cores), *_printed(folder)]
    return replace(outcome, fields={**outcome.fields, "flags": flags, "process": process})


def _unfair(spec: Spec, cores: list[int]) -> list[str]:
    """Why the time of a case is not what it would be elsewhere."""
    if not spec.is_timed:
        return []
    few = f"{spec.case.threads} threads on {len(cores)} cores" if len(cores) < spec.case.threads else ""
    return [text for text in (few, "" if spec.alone else "timed beside other cases") if text]


def _start(spec: Spec, folder: Path) -> subprocess.Popen[bytes]:
    threads = dict.fromkeys(THREAD_VARIABLES, str(spec.case.threads))
    with (folder / "stdout").open("ab") as stdout, (folder / "stderr").open("ab") as stderr:
        return subprocess.Popen(  # noqa: S603 (our own interpreter and file)
            [sys.executable, "-P", launch.__file__, str(folder)],
            env={**os.environ, **threads},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def _ends_within(seconds: float, process: subprocess.Popen[bytes], folder: Path, cancelled: Cancel) -> int | None:
    """The exit code; None if the process had to be stopped. Nothing that it started goes on."""
    deadline, has_result = time.monotonic() + seconds, False
    try:
        while process.poll() is None:
            if cancelled():
                raise Cancelled
            if not has_result and (folder / worker.RESULT).is_file():
                deadline, has_result = time.monotonic() + GRACE, True
            if time.monotonic() > deadline:
                return None
            _cut_output(folder)
            time.sleep(PAUSE)
        return process.returncode
    finally:
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if not hasattr(os, "killpg"):
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()  # there is no such group any more


def _cut_output(folder: Path) -> None:
    for file in (folder / "stdout", folder / "stderr"):
        if file.stat().st_size > MOST_OUTPUT:
            last_words = _tail(file)
            os.truncate(file, 0)
            with file.open("ab") as opened:
                opened.write(last_words.encode())


def _without_a_result(exit_code: int, folder: Path, *, oom_killed: bool) -> Outcome:
    """How a process ended that left no result: its signal or exit code, and its last words."""
    last_words = worker.plain(_tail(folder / "stderr").strip().splitlines()[-3:]) or "nothing on stderr"
    by_system = oom_killed and exit_code == -signal.SIGKILL
    status: Status = "out of memory" if by_system or worker.speaks_of_memory(last_words) else "failed"
    told = "killed by the system, whose memory ran out" if by_system else "ended without a result"
    return Outcome(status, f"{told} ({_how(exit_code)}): {last_words}")


def _how(exit_code: int | None) -> str:
    """``signal 11, SIGSEGV``, ``exit code 3``; None: it had to be stopped."""
    if exit_code is None:
        return "it had to be stopped"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {-exit_code}, {signal.Signals(-exit_code).name}"
    except ValueError:  # those of real time have numbers alone
        return f"signal {-exit_code}"


def _printed(folder: Path) -> list[str]:
    """What a case printed, which may be a warning and is nothing that a case should do."""
    told = []
    for name in ("stdout", "stderr"):
        size = (folder / name).stat().st_size
        if size:
            told.append(f"printed on {name}: {worker.plain(_tail(folder / name).splitlines())[:200]}")
    return told


def _tail(file: Path, most: int = 4096) -> str:
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - most))
        return opened.read().decode(errors="replace")


def _memory_limit(spec: Spec) -> int | None:
    """Bytes of private memory: what the case allows, or its share of what is available while others use it too.

    None on a GPU, where the allocator is told (an address space that is limited breaks CUDA), and where the system does
    not heed such a limit.
    """
    if torch.device(spec.device).type != "cpu" or sys.platform != "linux":
        return None
    if spec.case.measure.memory_limit is not None:
        wanted = int(spec.case.measure.memory_limit * 2**30)
    else:
        wanted = int(SHARE_OF_AVAILABLE * available_bytes() / spec.share)
    import resource  # not on Windows

    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder for one case, removed afterwards; it bears the number of this process, see `remove_leftovers`."""
    with _errors_told():
        folder = Path(mkdtemp(prefix=f"case-{_processes()}-{os.getpid()}-", dir=own_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _errors_told() -> Iterator[None]:
    """A temporary folder that is full, say, is nothing that a case did."""
    try:
        yield
    except OSError as error:
        where = error.filename or own_folder()
        raise InputError(f"{where}: cannot be written: {error.strerror}; set TMPDIR to another folder") from None


def remove_leftovers() -> None:
    """Remove the folders of processes that were killed and could not do it themselves."""
    for folder in own_folder().glob(f"case-{_processes()}-*-*"):
        owner = folder.name.split("-")[2]
        if owner.isdecimal() and not Path("/proc", owner).exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _processes() -> int:
    """Which processes this one sees: those of another container may share the folder and know nothing of ours."""
    seen = Path("/proc/self/ns/pid")
    return seen.stat().st_ino if seen.exists() else 0
