"""How named public files are listed, announced, and watched while they come."""

import time
from collections.abc import Sequence

from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from dgsea_bench.data.datasets import Dataset
from dgsea_bench.data.places import DATA_VARIABLE, cache_folder, data_folder, find
from dgsea_bench.data.transfer import Progress
from dgsea_bench.data.verifying import Check
from dgsea_bench.terminal import Bar, say

LINE_EVERY = 10.0
"""Seconds between lines that say how far something is, where there is no terminal."""


def show_datasets(datasets: Sequence[Dataset], *, long: bool) -> None:
    """What there is and where it lies; with addresses and citations in the long form."""
    folder = data_folder()
    say(f"folder: {folder if folder else f'none; {DATA_VARIABLE} may name one'}")
    say(f"cache:  {cache_folder()}")
    if long:
        for dataset in datasets:
            _show_one(dataset)
        return
    say("")
    say(_line("name", "size", "where", "licence"))
    for dataset in datasets:
        say(_line(dataset.name, dataset.size_in_words(), _where(dataset), dataset.licence))
        say(f"    {dataset.note}")


def _line(name: str, size: str, where: str, licence: str) -> str:
    return f"{name:<23} {size:>12}  {where:<8}  {licence}"


def _show_one(dataset: Dataset) -> None:
    say("")
    say(f"{dataset.name}: {dataset.note}")
    say(f"  {_size(dataset, dataset.size)}; {_where(dataset)}: {find(dataset) or dataset.path}")
    say(f"  address: {dataset.url}")
    say(f"  checksum: {dataset.checksum or 'none known to us'}")
    say(f"  licence: {dataset.licence}")
    say(f"  cite: {dataset.citation}")


def _where(dataset: Dataset) -> str:
    found = find(dataset)
    if found is None:
        return "not here"
    return "cache" if found == cache_folder() / dataset.path else "folder"


def _size(dataset: Dataset, size: int | None) -> str:
    words = "size unknown" if size is None else decimal(size)
    return words if dataset.unpacked is None else f"{words}, about {decimal(dataset.unpacked)} unpacked"


def show_download(dataset: Dataset, size: int | None) -> None:
    """What is going to be downloaded, from where, how large, where to, and whose it is."""
    say(f"{dataset.name}: {dataset.note}")
    say(f"  from {dataset.url}")
    say(f"  to {cache_folder() / dataset.path}")
    say(f"  {_size(dataset, size)}; {'checksum known' if dataset.checksum else 'no checksum known to us'}")
    say(f"  licence: {dataset.licence}; cite: {dataset.citation}")


def show_check(check: Check) -> None:
    """The outcome of a check; if something is wrong, what was expected and found, and what to do."""
    name = check.dataset.name
    if check.state == "wrong":
        say(f"{name}: wrong: {check.path}")
        say(f"  expected sha256 {check.expected or 'unknown'}")
        say(f"  found {check.found}")
        changed = "" if check.published else "it changed since it was fetched; "
        say(f"  {changed}remove it, then: python -m dgsea_bench data fetch {name}")
    elif check.state == "no checksum known":
        say(f"{name}: no checksum known: {check.path} has sha256 {check.found}")
    elif check.state == "ok":
        say(f"{name}: ok{'' if check.published else ', as it was when it was fetched'}")
    else:
        say(f"{name}: not here")


class FetchBar(Bar, Progress):
    """How far a download or another pass over a file is: a bar in a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(20), DownloadColumn(), TransferSpeedColumn())
        super().__init__(*columns, TimeRemainingColumn())
        self.what, self.total, self.last = "", 0, 0.0

    def started(self, what: str, total: int | None) -> None:
        """A bar of its own, in the place of the one before."""
        self.what, self.total, self.last = what, total or 0, time.monotonic()
        if self.bar:
            for task in self.bar.task_ids:
                self.bar.remove_task(task)
            self.bar.add_task(escape(what), total=total)

    def reached(self, count: int) -> None:
        """Move the bar, or print a line if the last one was a while ago."""
        if self.bar:
            self.bar.update(self.bar.task_ids[-1], completed=count)
        elif time.monotonic() - self.last >= LINE_EVERY:
            self.last = time.monotonic()
            say(f"  {self.what}: {decimal(count)}{f' of {decimal(self.total)}' if self.total else ''}")

    def told(self, line: str) -> None:
        """A line above the bar."""
        say(line)
