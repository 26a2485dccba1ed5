"""Processor cores as things that one case at a time may have: between threads, worker processes and sweeps of a user.

A case that is timed alone takes all of them. Claims are file locks, which end with the process that holds them.
"""

import getpass
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dgsea_bench.bench.processors import busy_ticks, is_second_thread, largest_frequency
from dgsea_bench.core.errors import InputError

PAUSE = 0.02
LOOK = 0.05
"""Seconds of watching which cores are busy."""


class Cancelled(Exception):  # noqa: N818 (says what happened; it is no error)
    """Whoever asked for something does not want it any more."""


def own_folder() -> Path:
    """The folder of this user for what is passed between processes of this machine; made if it is not there.

    Raises:
        InputError: it cannot be made, or belongs to somebody else.
    """
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()  # in a container a user may have no name
    try:
        folder = Path(tempfile.gettempdir(), f"dgsea_bench-{user}")
    except OSError as error:
        raise InputError(f"{error.strerror}; set TMPDIR to a folder of yours") from None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # Of a link, not of what it leads to: anybody may lay one to a folder of ours.
        if hasattr(os, "getuid") and folder.lstat().st_uid != user:
            raise InputError(f"{folder}: belongs to another user; name a folder of yours in the variable TMPDIR")
    except OSError as error:
        raise InputError(f"{folder}: cannot be used ({error.strerror}); set TMPDIR to another folder") from None
    return folder


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def are_claimed() -> bool:
    """Whether somebody, in this process or another one of this user, has a claim on a core now."""
    for core in usable_cores():
        lock = _lock_of(core)
        if not _tried(lock):
            return True
        lock.release()
    return False


@contextmanager
def claimed_cores(count: int, *, alone: bool, cancelled: Callable[[], bool] = lambda: False) -> Iterator[list[int]]:
    """So many cores for the time of a block, the best and idlest; all if there are not as many.

    Args:
        count: how many.
        alone: wait until nobody else has a claim, and let nobody have one meanwhile.
        cancelled: asked while waiting.

    Raises:
        Cancelled: it said yes.
    """
    cores = usable_cores()
    wanted = len(cores) if alone else min(count, len(cores))
    with ExitStack() as held:
        # Who gathers cores does so alone: two that hold some and wait for more would wait for ever.
        with _acquired(FileLock(own_folder() / "queue.lock"), cancelled):
            mine = _gather(cores if alone else best_first(cores), wanted, held, cancelled)
        chosen = best_first(mine) if alone else mine
        yield sorted(chosen[:count])


def _gather(cores: list[int], wanted: int, held: ExitStack, cancelled: Callable[[], bool]) -> list[int]:
    mine: list[int] = []
    while True:
        for core in cores:
            if core not in mine and len(mine) < wanted:
                lock = _lock_of(core)
                if _tried(lock):
                    held.callback(lock.release)
                    mine.append(core)
        if len(mine) == wanted:
            return mine
        _wait(cancelled)


@contextmanager
def _acquired(lock: FileLock, cancelled: Callable[[], bool]) -> Iterator[None]:
    while not _tried(lock):
        _wait(cancelled)
    try:
        yield
    finally:
        lock.release()


def best_first(cores: list[int]) -> list[int]:
    """Of a machine that has fast and slow cores the fast ones first; of these the idlest.

    Of equally idle ones one of each physical core before its second thread, and the highest number.
    """
    if len(cores) < 2:
        return cores
    before = busy_ticks()
    if before:
        time.sleep(LOOK)
    after = busy_ticks()

    def order(core: int) -> tuple[int, int, bool, int]:
        busy = after.get(core, 0) - before.get(core, 0)
        return (-largest_frequency(core), busy, is_second_thread(core), -core)

    return sorted(cores, key=order)


def _lock_of(core: int) -> FileLock:
    return FileLock(own_folder() / f"core-{core}.lock")


def _tried(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _wait(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled
    time.sleep(PAUSE)
