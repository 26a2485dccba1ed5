"""Compiled loops over several threads, as many as torch uses."""

from collections.abc import Callable
from itertools import pairwise
from threading import Thread

import torch


def in_threads(work: Callable[[int, int], object], count: int) -> None:
    """Call ``work(start, stop)`` for ranges that make up 0 .. count, at the same time.

    `work` must release the interpreter's lock, as compiled loops do, and write to places of its own. The threads are
    made for the call and end with it, so that a process may fork before and after; the calling thread takes a share.
    """
    workers = min(torch.get_num_threads(), count)
    if workers <= 1:
        work(0, count)
        return
    failures: list[BaseException] = []

    def attempt(start: int, stop: int) -> None:
        try:
            work(start, stop)
        except BaseException as failure:  # raised again in the calling thread
            failures.append(failure)

    edges = [count * number // workers for number in range(workers + 1)]
    own, *others = pairwise(edges)
    threads = [Thread(target=attempt, args=edge) for edge in others]
    for thread in threads:
        thread.start()
    attempt(*own)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
