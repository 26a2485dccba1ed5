"""Whatever interrupts a fetch: nothing is ever taken for the file that is not the whole file."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from made_datasets import PACKED, QUICK, Watcher, dataset_at, left_in, packed_at, unknown
from misbehaving_server import CONTENT, trickle, whole

from dgsea_bench.data.fetching import fetch
from dgsea_bench.data.places import find
from dgsea_bench.data.verifying import verify


class Impatient(Watcher):
    """Presses Ctrl-C while something is being done."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def reached(self, count):
        if self.begun[-1][0] == self.what:
            raise KeyboardInterrupt


@pytest.mark.parametrize("what", ["downloading", "unpacking"])
def test_ctrl_c_leaves_nothing_and_the_next_fetch_works(cache, server, what):
    dataset = packed_at(server.gives("file", whole(PACKED)))
    with pytest.raises(KeyboardInterrupt):
        fetch(dataset, progress=Impatient(what), patience=QUICK)
    assert find(dataset) is None
    assert left_in(cache) == []
    assert fetch(dataset, patience=QUICK).read_bytes() == CONTENT


FETCHES = """
import sys
from dgsea_bench.data.datasets import Dataset
from dgsea_bench.data.fetching import fetch
fetch(Dataset(name="mine", path="some/mine.bin", url=sys.argv[1], checksum=None, size=None, licence="", citation="",
      note=""))
"""


def _being_downloaded(cache):
    return [path for path in (cache / ".incoming").rglob("*") if path.is_file() and path.stat().st_size > 0]


def test_what_a_killed_process_leaves_is_never_taken_for_the_file_and_goes_with_the_next_fetch(cache, server):
    url = server.gives("file", trickle(), whole())
    process = subprocess.Popen([sys.executable, "-c", FETCHES, url], env=os.environ)
    deadline = time.monotonic() + 60
    while not _being_downloaded(cache):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    dataset = unknown(url)
    other = dataset_at(server.gives("other", whole()), name="other", path="some/other.bin")
    fetch(other, patience=QUICK)
    assert _being_downloaded(cache), "what a living process downloads is not to be removed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _being_downloaded(cache)
    assert find(dataset) is None
    assert verify(dataset).state == "not here"
    fetch(replace(other, name="third", path="some/third.bin"), patience=QUICK)
    assert not _being_downloaded(cache)
    assert fetch(dataset, patience=QUICK).read_bytes() == CONTENT
    assert left_in(cache) == ["some/mine.bin", "some/mine.bin.sha256", "some/other.bin", "some/third.bin"]


def test_two_at_a_time_download_once(cache, server):
    dataset = dataset_at(server.gives("file", trickle(CONTENT[:2000])), CONTENT[:2000])
    watchers, paths = [Watcher(), Watcher()], []

    def run(watcher):
        paths.append(fetch(dataset, progress=watcher, patience=QUICK))

    threads = [threading.Thread(target=run, args=[watcher]) for watcher in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert paths == [cache / dataset.path] * 2
    assert len(server.downloads) == 1
    assert [line for watcher in watchers for line in watcher.lines] == ["mine: another process is fetching it; waiting"]
