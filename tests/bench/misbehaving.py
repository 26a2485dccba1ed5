"""Backends that do what no backend should. They are installed as a plug-in, into the processes of one test alone."""

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numba
import torch

import dgsea_bench
from dgsea_bench.backends import Exact, Ranking

try:
    import resource
except ImportError:  # not on Windows
    resource = None


@dataclass(frozen=True, kw_only=True)
class Noop(Exact):
    """Does next to nothing: what is left is the cost of measuring."""

    name, differentiable, target = "noop", False, "gsea"

    def enrichment_score(self, ranking, gene_sets):
        return torch.zeros(len(ranking.scores), len(gene_sets))

    def rank(self, scores, params):
        return Ranking(scores, torch.zeros_like(scores, dtype=torch.float64), params)


@dataclass(frozen=True, kw_only=True)
class Hungry(Exact):
    """Allocates without end."""

    name = "hungry"

    def rank(self, scores, params):
        kept = []
        while True:
            kept.append(torch.ones(2**23))


@dataclass(frozen=True, kw_only=True)
class Quitter(Exact):
    """Leaves without a word."""

    name = "quitter"

    def rank(self, scores, params):
        os._exit(0)


@dataclass(frozen=True, kw_only=True)
class Sleeper(Exact):
    """Hangs, and does not want to be ended."""

    name = "sleeper"

    def rank(self, scores, params):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)


@dataclass(frozen=True, kw_only=True)
class Noisy(Exact):
    """Prints garbage, and computes as it should."""

    name = "noisy"

    def rank(self, scores, params):
        for stream in (sys.stdout, sys.stderr):
            stream.buffer.write(b'\xff\x00\x1b[31m{"status": "done"}\n' * 1000)
            stream.flush()
        return super().rank(scores, params)


@dataclass(frozen=True, kw_only=True)
class Crasher(Exact):
    """Reads where nothing is."""

    name = "crasher"

    def rank(self, scores, params):
        sys.stderr.write("last words\n")
        sys.stderr.flush()
        ctypes.string_at(0)


@dataclass(frozen=True, kw_only=True)
class Raiser(Exact):
    """Raises, at length and in colour."""

    name = "raiser"

    def rank(self, scores, params):
        raise ValueError("no \x1b[31mranks\nhere")


@dataclass(frozen=True, kw_only=True)
class Parent(Exact):
    """Starts a process, which it leaves behind; its number is in the file that this variable names."""

    name = "parent"

    def rank(self, scores, params):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with Path(os.environ["DGSEA_BENCH_TEST_CHILD"]).open("a") as file:
            file.write(f"{child.pid}\n")
        return super().rank(scores, params)


@dataclass(frozen=True, kw_only=True)
class Slow(Exact):
    """Takes a quarter of a second for each ranking."""

    name = "slow"

    def rank(self, scores, params):
        time.sleep(0.25)
        return super().rank(scores, params)


@dataclass(frozen=True, kw_only=True)
class Probe(Exact):
    """Tells what it finds around it, in the file that this variable names."""

    name = "probe"

    def rank(self, scores, params):
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        told = {
            "process": os.getpid(),
            "variables": {name: os.environ.get(name) for name in threads},
            "torch": torch.get_num_threads(),
            "numba": numba.get_num_threads(),
            "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "limit": resource.getrlimit(resource.RLIMIT_DATA)[0] if resource else None,
            "group": os.getpgrp() if hasattr(os, "getpgrp") else None,
            "input": sys.stdin.read(),
            "package": dgsea_bench.__file__,
        }
        Path(os.environ["DGSEA_BENCH_TEST_PROBE"]).write_text(json.dumps(told))
        return super().rank(scores, params)


@dataclass(frozen=True, kw_only=True)
class Leaver(Exact):
    """Leaves as a script would."""

    name = "leaver"

    def rank(self, scores, params):
        sys.exit("had enough")


@dataclass(frozen=True, kw_only=True)
class Signaller(Exact):
    """Ends by a signal that has a number and no name."""

    name = "signaller"

    def rank(self, scores, params):
        os.kill(os.getpid(), signal.SIGRTMIN + 6)


@dataclass(frozen=True, kw_only=True)
class Flood(Exact):
    """Prints a hundred megabytes, and computes as it should; the most that was kept is in the file of this variable."""

    name = "flood"

    def rank(self, scores, params):
        most, line = 0, b"flood\n" * 2**17
        for _ in range(128):
            os.write(1, line)
            most = max(most, os.fstat(1).st_size)
            time.sleep(0.003)
        with Path(os.environ["DGSEA_BENCH_TEST_FLOOD"]).open("a") as file:
            file.write(f"{most}\n")
        return super().rank(scores, params)


@dataclass(frozen=True, kw_only=True)
class Burst(Exact):
    """Prints more than is kept, at once, and leaves after a while without another word."""

    name = "burst"

    def rank(self, scores, params):
        os.write(2, b"burst\n" * 2**22)
        time.sleep(0.5)
        os._exit(3)


@dataclass(frozen=True, kw_only=True)
class Lingerer(Exact):
    """Leaves a thread behind that never ends."""

    name = "lingerer"

    def rank(self, scores, params):
        threading.Thread(target=time.sleep, args=(600,)).start()
        return super().rank(scores, params)


@dataclass(frozen=True, kw_only=True)
class LateCrasher(Exact):
    """Does as it should, and crashes when all is done."""

    name = "late-crasher"

    def rank(self, scores, params):
        atexit.register(os._exit, 7)
        return super().rank(scores, params)


EVERYONE = [
    Noop,
    Hungry,
    Quitter,
    Sleeper,
    Noisy,
    Crasher,
    Raiser,
    Parent,
    Slow,
    Probe,
    Leaver,
    Signaller,
    Flood,
    Burst,
    Lingerer,
    LateCrasher,
]
