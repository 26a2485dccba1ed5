"""What is compiled is forgotten when a source changes; what fails in a thread is raised where it was asked for."""

import importlib
import os
import sys
import threading
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.core.compiled import forget_outdated
from dgsea_bench.core.threads import in_threads


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def write(path, seconds, text=""):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return path


def test_what_was_compiled_before_the_newest_source_is_forgotten(tmp_path):
    cache = tmp_path / "__pycache__"
    write(tmp_path / "old.py", 100)
    write(tmp_path / "new.py", 200)
    write(tmp_path / "notes.txt", 900)
    outdated = [write(cache / name, seconds) for name, seconds in (("old.f.nbi", 150), ("new.f.nbi", 199))]
    kept = [write(cache / name, seconds) for name, seconds in (("g.nbi", 200), ("h.nbi", 300), ("f.1.nbc", 150))]
    kept.append(write(cache / "old.cpython-311.pyc", 150))
    forget_outdated(tmp_path)
    assert not any(path.exists() for path in outdated)
    assert all(path.exists() for path in kept)


def test_a_folder_in_which_nothing_was_compiled_is_left_as_it_is(tmp_path):
    write(tmp_path / "new.py", 200)
    forget_outdated(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.py"]


CALLEE = """
from dgsea_bench.core.compiled import compiled

@compiled
def number():
    return {}
"""
CALLER = """
from dgsea_bench.core.compiled import compiled
from {} import number

@compiled
def twice():
    return 2 * number()
"""


def test_a_loop_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path, monkeypatch):
    """Which numba does not do by itself: the second result would be the first again."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def result():
        for name in ("callee_of_test", "caller_of_test"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        return importlib.import_module("caller_of_test").twice()

    caller = write(tmp_path / "caller_of_test.py", 1e9, CALLER.format("callee_of_test"))
    write(tmp_path / "callee_of_test.py", 1e9, CALLEE.format(21))
    assert result() == 42
    (index,) = (caller.parent / "__pycache__").glob("caller_of_test*.nbi")
    write(tmp_path / "callee_of_test.py", index.stat().st_mtime + 1, CALLEE.format(5))
    assert result() == 42
    forget_outdated(tmp_path)
    assert result() == 10


@given(count=st.integers(0, 40))
def test_ranges_make_up_all_of_it_in_as_many_threads_as_torch_uses(count):
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            ranges, workers = [], set()

            def work(start, stop, ranges=ranges, workers=workers):
                ranges.append((start, stop))
                workers.add(threading.current_thread())

            in_threads(work, count)
            ranges.sort()
            assert (ranges[0][0], ranges[-1][1]) == (0, count)
            assert all(one[1] == next_one[0] for one, next_one in pairwise(ranges))
            assert len(ranges) == max(1, min(threads, count))
            assert threading.current_thread() in workers
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("failing", [0, 9, 19])
@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_in_any_thread_is_raised_in_the_calling_one_when_all_have_ended(threads, failing, failure):
    done = []

    def work(start, stop):
        if start <= failing < stop:
            raise failure(f"in {start} .. {stop}")
        threading.Event().wait(0.01)
        done.extend(range(start, stop))

    running = threading.active_count()
    with pytest.raises(failure, match=r"in \d+ \.\. \d+"):
        in_threads(work, 20)
    assert threading.active_count() == running
    assert len(done) == 20 - 20 // threads
    assert failing not in done
