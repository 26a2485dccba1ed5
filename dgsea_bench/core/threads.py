"""Compiled loops over several threads, as many as torch uses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import torch


def in_threads(work: Callable[[int, int], object], count: int) -> None:
    """Call ``work(start, stop)`` for ranges that make up 0 .. count, at the same time.

    `work` must release the interpreter's lock, as compiled loops with ``nogil`` do, and write to places of its own. The
    threads are made for the call and end with it, so that a process may fork before and after.
    """
    workers = min(torch.get_num_threads(), count)
    if workers <= 1:
        work(0, count)
        return
    edges = [count * number // workers for number in range(workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, start, stop) for start, stop in pairwise(edges)]:
            done.result()
