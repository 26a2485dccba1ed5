"""Where cases run: on this machine or on a Dask cluster. An engine only dispatches `run_case`."""

import logging
import signal
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from typing import Any

from dgsea_bench.bench.case import MEASUREMENT_VERSION
from dgsea_bench.bench.isolation import remove_leftovers, run_case
from dgsea_bench.bench.spec import Outcome, Spec
from dgsea_bench.bench.worker import describe_error
from dgsea_bench.core.errors import InputError, did_you_mean

PATIENCE = 60.0
"""Seconds to wait for a scheduler and for its first worker."""


class Engine(ABC):
    """A place where cases run; a ``with`` block in which it is there.

    Attributes:
        is_here: whether it is this machine, so that what is not available here need not be tried.
    """

    is_here: bool

    @property
    @abstractmethod
    def slots(self) -> int:
        """Cases that it can work on at a time, now."""

    @property
    @abstractmethod
    def share(self) -> int:
        """Cases that share the memory of one machine."""

    def trouble(self) -> str | None:
        """Why nothing goes on, if that is so."""
        return None

    @abstractmethod
    def submit(self, spec: Spec) -> "Future[Outcome]":
        """Work on a spec as soon as there is a free slot.

        Raises:
            InputError: the engine is gone.
        """

    @abstractmethod
    def close(self) -> None:
        """Let nothing go on that has been submitted."""

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_engine(kind: str, *, jobs: int = 1, scheduler: str | None = None) -> Engine:
    """The engine of that name, ``"local"`` or ``"dask"``.

    Raises:
        InputError: an unknown name, a scheduler that goes with another engine, or as `DaskEngine`.
    """
    check_engine(kind, jobs=jobs, scheduler=scheduler)
    return DaskEngine(scheduler, jobs) if kind == "dask" else LocalEngine(jobs)


def check_engine(kind: str, *, jobs: int = 1, scheduler: str | None = None) -> None:
    """Refuse what `make_engine` cannot make, before anything is started.

    Raises:
        InputError: an unknown name, or choices that do not go together.
    """
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; it must be at least 1")
    if kind == "dask" and scheduler is not None and jobs != 1:
        raise InputError(f"jobs is {jobs}, but how many cases run at a time is up to the workers of {scheduler}")
    if kind not in ("local", "dask"):
        raise InputError(f"unknown engine {kind!r}; known: local, dask{did_you_mean(kind, ['local', 'dask'])}")
    if kind == "local" and scheduler is not None:
        raise InputError(f"the scheduler {scheduler} goes with the engine dask: add --engine dask")


class LocalEngine(Engine):
    """The machine that the sweep is on: a fresh process for each case or, for debugging, none but that of the sweep."""

    is_here = True

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="case")
        remove_leftovers()

    @property
    def slots(self) -> int:
        """As many as were asked for."""
        return self._jobs

    @property
    def share(self) -> int:
        """All of them are on this machine."""
        return self._jobs

    def submit(self, spec: Spec) -> "Future[Outcome]":
        """Work on a spec in a thread that waits for its process; without isolation, at once and in this thread."""
        if spec.isolation == "none":
            done: Future[Outcome] = Future()
            done.set_result(run_case(spec))
            return done
        return self._pool.submit(run_case, spec, cancelled=self._stopped.is_set)

    def close(self) -> None:
        """Kill what still runs."""
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)


class DaskEngine(Engine):
    """Workers of a Dask cluster: of one that runs already, or of one on this machine alone."""

    is_here = False

    def __init__(self, scheduler: str | None = None, jobs: int = 1, patience: float = PATIENCE) -> None:
        """Connect, or start workers.

        Args:
            scheduler: its address, such as ``tcp://10.0.0.1:8786``; None: start workers here, on loopback.
            jobs: how many, then.
            patience: seconds to wait for the scheduler and for a first worker.

        Raises:
            InputError: Dask is not installed, nobody answers, or a worker measures as another version.
        """
        distributed = _distributed()
        self._where = "this machine" if scheduler is None else scheduler or "''"
        with ExitStack() as undo, _errors_told(self._where, patience):
            if scheduler is not None:
                distributed.comm.get_address_host_port(scheduler)  # a client that cannot start leaves its thread behind
            cluster = undo.enter_context(_local_cluster(jobs)) if scheduler is None else scheduler
            self._client = distributed.Client(cluster, timeout=patience, set_as_default=False, name="dgsea_bench")
            undo.callback(self._client.close)
            self._client.wait_for_workers(1, timeout=patience)
            self._check_workers()
            self._undo = undo.pop_all()

    @property
    def slots(self) -> int:
        """Threads of all workers that are there now."""
        return max(1, sum(self._threads().values()))

    def trouble(self) -> str | None:
        """All workers may have gone; others may come."""
        return None if self._threads() else f"{self._where}: no Dask worker is there; waiting for one"

    @property
    def share(self) -> int:
        """The largest number of threads that workers have together on one machine."""
        together: Counter[str] = Counter()
        for address, threads in self._threads().items():
            together[address.rpartition("://")[2].rpartition(":")[0]] += threads
        return max(together.values(), default=1)

    def _threads(self) -> dict[str, int]:
        """Address of each worker -> its threads."""
        try:
            found: dict[str, int] = self._client.nthreads()
        except Exception as error:
            raise _gone(self._where, self._client.status) from error
        return found

    def submit(self, spec: Spec) -> "Future[Outcome]":
        """Let any worker do it; should one die meanwhile, another one."""
        outcome: Future[Outcome] = Future()
        request = spec.model_dump_json(exclude={"truth"})
        try:
            remote = self._client.submit(run_on_worker, request, spec.truth, pure=False)
        except Exception as error:
            if self._client.status in ("running", "connecting"):
                raise
            raise _gone(self._where, self._client.status) from error

        def arrived(done: Any) -> None:
            try:
                outcome.set_result(_arrived(done, self._where))
            except InputError as error:
                outcome.set_exception(error)
            except BaseException as error:  # nobody else hears of it, and the sweep would wait for ever
                told = f"{self._where}: what came back cannot be read: {describe_error(error)}"
                outcome.set_exception(InputError(f"{told}; what was measured before is kept"))

        remote.add_done_callback(arrived)
        return outcome

    def close(self) -> None:
        """Withdraw what waits, and stop the workers that were started here.

        A case that runs on another machine goes on there to its end, and nobody reads it.
        """
        self._undo.close()

    def _check_workers(self) -> None:
        found = self._client.run(version_of_worker, on_error="return")
        for address, version in found.items():
            if version != MEASUREMENT_VERSION:
                problem = f"it measures as version {version}" if isinstance(version, int) else str(version)
                raise InputError(
                    f"worker {address} cannot measure as version {MEASUREMENT_VERSION}: {problem}; install the same "
                    "dgsea_bench there"
                )


def run_on_worker(request: str, truth: bytes | None) -> dict[str, Any]:
    """`run_case` on a worker of a cluster."""
    outcome = run_case(Spec.model_validate_json(request).model_copy(update={"truth": truth}))
    return {item.name: getattr(outcome, item.name) for item in fields(outcome)}


def version_of_worker() -> int:
    """How a worker measures; it clears up after those that were killed on its machine."""
    remove_leftovers()
    return MEASUREMENT_VERSION


def _arrived(done: Any, where: str) -> Outcome:
    """What came back from a worker; whatever went wrong there is an outcome too."""
    if done.status == "finished":
        result = Outcome(**done.result())
        done.release()
        return result
    if done.status != "error":
        raise _gone(where, done.status)
    error = done.exception()
    if isinstance(error, _distributed().KilledWorker):
        return Outcome("failed", "each Dask worker that ran this case died")
    return Outcome("failed", f"on a Dask worker: {describe_error(error)}")


def _gone(where: str, how: str) -> InputError:
    return InputError(f"the scheduler at {where} is gone ({how}); what was measured before is kept")


def _local_cluster(jobs: int) -> Any:
    with _interrupts_ignored():
        return _distributed().LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # without a host it listens everywhere, even with no dashboard
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,  # each case has a limit of its own
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C in a terminal to the sweep, which then stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise InputError(f'Dask cannot be loaded ({error}); pip install "dgsea-bench[dask]"') from None
    return distributed


@contextmanager
def _errors_told(where: str, patience: float) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (OSError, TimeoutError) as error:
        told = str(error).splitlines()[0] if str(error) else "no answer"
        raise InputError(f"{where}: no Dask scheduler with a worker within {patience:g} s: {told}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: is not the address of a scheduler, such as tcp://10.0.0.1:8786: {error}") from None
