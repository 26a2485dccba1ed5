"""Datasets that tests make up, and what watches them come."""

import gzip
import hashlib
from dataclasses import replace

from misbehaving_server import CONTENT

from dgsea_bench.data.datasets import Dataset
from dgsea_bench.data.transfer import Patience, Progress

QUICK = Patience(tries=3, pause=0, connect=5, silence=5, window=5)
PACKED = gzip.compress(CONTENT)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def dataset_at(url, content=CONTENT, **changes):
    """A dataset of that content, as the registry would have it."""
    entry = Dataset(
        name="mine",
        path="some/mine.bin",
        url=url,
        checksum=f"sha256:{sha256(content)}",
        size=len(content),
        licence="MIT",
        citation="nobody",
        note="a test",
    )
    return replace(entry, **changes)


def unknown(url, **changes):
    """One of which neither size nor checksum is known."""
    return dataset_at(url, **{"checksum": None, "size": None, **changes})


def packed_at(url, **changes):
    """One that is unpacked when it has come."""
    return unknown(url, **{"unpacked": len(CONTENT), **changes})


class Watcher(Progress):
    """Keeps what it is told."""

    def __init__(self):
        self.begun, self.counts, self.lines = [], [], []

    def started(self, what, total):
        self.begun.append((what, total))

    def reached(self, count):
        self.counts.append(count)

    def told(self, line):
        self.lines.append(line)


def left_in(cache):
    """Files in the cache, but for locks, which are empty."""
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert all(path.stat().st_size == 0 for path in files if path.suffix == ".lock")
    return sorted(path.relative_to(cache).as_posix() for path in files if path.suffix != ".lock")
