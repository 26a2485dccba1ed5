"""Cores: one claim at a time has each, between threads and processes, and none outlives its process."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.bench import cores, processors
from dgsea_bench.bench.cores import Cancelled, claimed_cores, own_folder, usable_cores

PATIENCE = 30.0
"""Seconds after which something that has to happen has not."""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """No test waits for the claims of another one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def four(monkeypatch):
    """A machine of four cores, whose numbers have gaps, and waiting that is short."""
    monkeypatch.setattr(cores, "usable_cores", lambda: [0, 2, 3, 7])
    monkeypatch.setattr(cores, "PAUSE", 0.001)


def at_once(count=1, *, alone=False):
    """A claim that does not wait."""
    return claimed_cores(count, alone=alone, cancelled=lambda: True)


def can_be_had(count=1, *, alone=False):
    try:
        with at_once(count, alone=alone):
            return True
    except Cancelled:
        return False


def late():
    """Says yes when a wait takes so long that something is wrong."""
    end = time.monotonic() + PATIENCE
    return lambda: time.monotonic() > end


@given(counts=st.lists(st.integers(1, 6), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_claims_never_take_a_core_of_another_and_of_equally_idle_ones_the_highest(four, counts, monkeypatch):
    monkeypatch.setattr(processors, "STAT", Path("nowhere"))
    free = [0, 2, 3, 7]
    with ExitStack() as held:
        for count in counts:
            if min(count, 4) > len(free):
                assert not can_be_had(count)
            else:
                mine = held.enter_context(at_once(count))
                assert mine == free[-min(count, 4) :]
                free = [core for core in free if core not in mine]
            assert can_be_had(alone=True) == (len(free) == 4)
    assert can_be_had(4)


@given(count=st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
def test_one_that_is_alone_gets_what_it_asked_for_and_holds_all(four, count, monkeypatch):
    monkeypatch.setattr(processors, "STAT", Path("nowhere"))
    with at_once(count, alone=True) as mine:
        assert mine == [0, 2, 3, 7][-count:]
        assert not can_be_had()
        assert not can_be_had(alone=True)
    assert can_be_had()


@given(
    busy=st.dictionaries(st.sampled_from([0, 2, 3, 7]), st.integers(0, 5)), count=st.integers(1, 4), alone=st.booleans()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_cores_that_programs_of_others_keep_busy_come_last(four, busy, count, alone, tmp_path, monkeypatch):
    """As the system tells it before and after a while."""
    shown = iter([{}, busy])

    class Stat:
        def is_file(self):
            return True

        def read_text(self):
            ticks = next(shown)
            lines = [f"cpu{core} {10 + ticks.get(core, 0)} 0 0 99 0 0 0 0" for core in (0, 2, 3, 7)]
            return "\n".join(["cpu 1 2 3 4 5 6 7 8", *lines, "intr 5"])

    monkeypatch.setattr(processors, "STAT", Stat())
    with at_once(count, alone=alone) as mine:
        rest = {0, 2, 3, 7} - set(mine)
        assert all(busy.get(core, 0) <= busy.get(other, 0) for core in mine for other in rest)


def test_more_cores_than_there_are_gives_all():
    with at_once(10_000) as mine:
        assert mine == usable_cores()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tie processes to cores")
def test_usable_are_the_cores_that_this_process_may_run_on():
    assert set(usable_cores()) == os.sched_getaffinity(0)
    some = usable_cores()[:1]
    told = subprocess.run(
        [sys.executable, "-c", "from dgsea_bench.bench.cores import *; print(usable_cores())"],
        env=child_environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, some),
    )
    assert told.stdout.strip() == str(some), told.stderr


def test_threads_never_share_a_core_and_one_that_is_alone_shares_the_machine_with_nobody(four):
    busy, guard, broken = [], threading.Lock(), []

    def work(seed):
        draw = random.Random(seed)  # noqa: S311 (not a secret)
        for _ in range(8):
            alone = draw.random() < 0.3
            with claimed_cores(draw.randint(1, 4), alone=alone, cancelled=late()) as mine:
                with guard:
                    if any(alone or others_alone or set(mine) & set(theirs) for theirs, others_alone in busy):
                        broken.append((mine, alone, list(busy)))
                    busy.append((mine, alone))
                time.sleep(draw.uniform(0, 0.004))
                with guard:
                    busy.remove((mine, alone))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert broken == []
    assert can_be_had(alone=True)


def test_one_that_waits_to_be_alone_gets_its_turn_although_short_claims_keep_coming(four):
    served, stop = [], threading.Event()

    def keep_coming(number):
        while not stop.is_set():
            with claimed_cores(1, alone=False, cancelled=late()):
                served.append(number)
                time.sleep(0.005)

    with ThreadPoolExecutor(6) as pool:
        coming = [pool.submit(keep_coming, number) for number in range(6)]
        try:
            for _ in range(5):
                before = len(served)
                with claimed_cores(4, alone=True, cancelled=late()):
                    pass
                assert len(served) - before < 500
                time.sleep(0.02)
        finally:
            stop.set()
        for each in coming:
            each.result()
    assert set(served) == set(range(6))


@pytest.mark.parametrize("alone", [False, True])
def test_one_that_is_cancelled_leaves_nothing_held(four, alone):
    asked = []

    def soon():
        asked.append(True)
        return len(asked) > 3

    with at_once(1):
        with pytest.raises(Cancelled), claimed_cores(4, alone=alone, cancelled=soon):
            pytest.fail("there were not as many cores")
        assert len(asked) == 4
        assert can_be_had(3)
    assert can_be_had(4, alone=True)


def test_one_that_is_cancelled_while_another_gathers_leaves_nothing_held(four):
    gathers, stop = threading.Event(), threading.Event()

    def gather():
        def cancelled():
            gathers.set()
            return stop.is_set()

        with pytest.raises(Cancelled), claimed_cores(4, alone=True, cancelled=cancelled):
            pytest.fail("there were not as many cores")

    with at_once(1), ThreadPoolExecutor(1) as pool:
        waits = pool.submit(gather)
        assert gathers.wait(PATIENCE)
        assert not can_be_had(1)
        stop.set()
        waits.result()
        assert can_be_had(3)


def test_an_error_in_the_block_gives_the_cores_back(four):
    with pytest.raises(ZeroDivisionError), at_once(4, alone=True):
        print(1 / 0)  # noqa: T201
    assert can_be_had(4, alone=True)


def child_environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


HOLDER = """
import sys, time
from dgsea_bench.bench.cores import claimed_cores
with claimed_cores(1, alone=sys.argv[1] == "alone") as mine:
    print(*mine, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_by_another_process(how):
    """(the process, its cores) while it holds them."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, how],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, [int(core) for core in process.stdout.readline().split()]
        finally:
            process.kill()


def test_a_claim_of_another_process_holds_until_it_ends_even_if_it_is_killed():
    with held_by_another_process("alone") as (process, _):
        assert not can_be_had()
        process.stdin.write("\n")
        process.stdin.flush()
        with claimed_cores(1, alone=True, cancelled=late()):
            pass
    with held_by_another_process("beside") as (process, (theirs,)):
        assert theirs in usable_cores()
        assert not can_be_had(alone=True)
        assert can_be_had(len(usable_cores()) - 1 or 1) == (len(usable_cores()) > 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with at_once(alone=True):
            pass


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_the_folder_of_a_user_is_private_and_stays_the_same():
    folder = own_folder()
    assert folder.parent == Path(os.environ["TMPDIR"])
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "kept").touch()
    assert own_folder() == folder
    assert (folder / "kept").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_a_folder_of_another_user_is_refused(monkeypatch):
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with pytest.raises(InputError, match="belongs to another user; name a folder of yours in the variable TMPDIR"):
        own_folder()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_a_link_that_another_user_laid_to_a_folder_of_ours_is_refused(tmp_path, monkeypatch):
    mine, real = tmp_path / "mine", os.lstat
    mine.mkdir(mode=0o700)
    folder = own_folder()
    folder.rmdir()
    folder.symlink_to(mine)

    def theirs(path, **choices):
        found = list(real(path))
        return os.stat_result([*found[:4], found[4] + 1, *found[5:]]) if Path(path) == folder else real(path)

    monkeypatch.setattr(Path, "lstat", theirs)
    with pytest.raises(InputError, match="belongs to another user"):
        own_folder()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have no numbers here")
@pytest.mark.parametrize("name", [None, "somebody", "a/b"])
def test_whatever_a_user_is_called_and_if_it_has_no_name_there_is_a_folder(monkeypatch, name):
    import pwd

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
        if name:
            monkeypatch.setenv(variable, name)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert own_folder().parent == Path(os.environ["TMPDIR"])


@pytest.mark.parametrize("place", ["/proc/nothing", "/dev/null"])
@pytest.mark.skipif(sys.platform != "linux", reason="places that cannot be written are those of Linux")
def test_a_place_for_temporary_files_that_cannot_be_used_is_told(monkeypatch, place):
    monkeypatch.setattr(tempfile, "tempdir", place)
    with pytest.raises(InputError, match=rf"^{place}/dgsea_bench-\w+: cannot be used \(.+\); set TMPDIR to another"):
        own_folder()


def test_no_place_for_temporary_files_at_all_is_told(monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(InputError, match=r"No usable temporary directory found.*set TMPDIR"):
        own_folder()
