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

from dgsea_bench.core.errors import InputError

PAUSE = 0.02


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


@contextmanager
def claimed_cores(count: int, *, alone: bool, cancelled: Callable[[], bool] = lambda: False) -> Iterator[list[int]]:
    """So many cores for the time of a block, those with the highest numbers first; all if there are not as many.

    Args:
        count: how many.
        alone: wait until nobody else has a claim, and let nobody have one meanwhile.
        cancelled: asked while waiting.

    Raises:
        Cancelled: it said yes.
    """
    folder, cores = own_folder(), usable_cores()[::-1]
    wanted = len(cores) if alone else min(count, len(cores))
    with ExitStack() as held:
        # Who gathers cores does so alone: two that hold some and wait for more would wait for ever.
        with _acquired(FileLock(folder / "queue.lock"), cancelled):
            mine = _gather(folder, cores, wanted, held, cancelled)
        yield sorted(mine[:count])


def _gather(folder: Path, cores: list[int], wanted: int, held: ExitStack, cancelled: Callable[[], bool]) -> list[int]:
    mine: list[int] = []
    while True:
        for core in cores:
            if core not in mine and len(mine) < wanted:
                lock = FileLock(folder / f"core-{core}.lock")
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
