"""Getting a named file: downloaded, checked, unpacked, and put into the cache whole or not at all."""

import gzip
import hashlib
import logging
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pooch
import requests
from filelock import FileLock, Timeout

from dgsea_bench.core.files import write_whole
from dgsea_bench.data.datasets import Dataset, named
from dgsea_bench.data.places import CACHE_VARIABLE, cache_folder, find
from dgsea_bench.data.transfer import (
    PATIENT,
    PIECE,
    SILENT,
    DownloadError,
    Patience,
    Progress,
    Transfer,
    check_room,
    length_of,
)

INCOMING = ".incoming"
"""Folder in the cache for what is not whole yet; never looked into by `find`."""


def fetch(dataset: Dataset | str, *, progress: Progress = SILENT, patience: Patience = PATIENT) -> Path:
    """The file of a dataset, downloaded into the cache unless it is here already.

    What comes is checked before it gets its name; whatever happens, nothing half-written ever has it. What a killed
    process left behind is removed by the next call.

    Raises:
        InputError: no dataset has that name.
        DownloadError: it could not be had.
    """
    dataset = named(dataset)
    found = find(dataset)
    if found is not None:
        return found
    target = cache_folder() / dataset.path
    try:
        with _alone(dataset, progress) as folder:
            # Another process may have fetched it while this one waited.
            return find(dataset) or _fetched(dataset, folder, target, progress, patience)
    except DownloadError as error:
        raise DownloadError(f"{dataset.url}: {error}; nothing was kept. {by_hand(dataset)}") from None
    except OSError as error:
        problem = f"{cache_folder()}: cannot be written to: {error.strerror or error}"
        raise DownloadError(f"{problem}; name another folder with {CACHE_VARIABLE}") from None


def by_hand(dataset: Dataset) -> str:
    """How to do without this program what `fetch` does."""
    unpack = "" if dataset.unpacked is None else " and unpack it"
    check = f"python -m dgsea_bench data verify {dataset.name}"
    return f"By hand: download it{unpack} to {cache_folder() / dataset.path}, then: {check}"


def announced_size(dataset: Dataset, patience: Patience = PATIENT) -> int | None:
    """Bytes that will be downloaded: as the registry says, else as the server says; None if neither does."""
    if dataset.size is not None:
        return dataset.size
    asked = {"Accept-Encoding": "identity"}
    try:
        answer = requests.head(dataset.url, headers=asked, allow_redirects=True, timeout=patience.limits)
    except requests.RequestException:
        return None
    return length_of(answer.headers) if answer.status_code == requests.codes.ok else None


def record_of(file: Path) -> Path:
    """Where the checksum of a file is kept whose publisher's is not known to us; sha256sum reads it too."""
    return file.with_name(file.name + ".sha256")


@contextmanager
def _alone(dataset: Dataset, progress: Progress) -> Iterator[Path]:
    """An empty folder on the disk of the cache, which no other process writes to; gone afterwards."""
    incoming = cache_folder() / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(incoming)
    lock, folder = _lock(incoming, dataset.name), incoming / dataset.name
    if not _is_free(lock):
        progress.told(f"{dataset.name}: another process is fetching it; waiting")
        lock.acquire()
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _remove_leftovers(incoming: Path) -> None:
    """What processes left that were killed: they hold no lock any more."""
    for folder in [path for path in incoming.iterdir() if path.is_dir()]:
        lock = _lock(incoming, folder.name)
        if _is_free(lock):
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()


def _lock(incoming: Path, name: str) -> FileLock:
    return FileLock(incoming / f"{name}.lock")


def _is_free(lock: FileLock) -> bool:
    """Whether nobody held it; now this process does."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _fetched(dataset: Dataset, folder: Path, target: Path, progress: Progress, patience: Patience) -> Path:
    check_room(folder, (dataset.size or 0) + (dataset.unpacked or 0))
    transfer = Transfer(dataset.size, beside=dataset.unpacked or 0, progress=progress, patience=patience)
    file = _downloaded(dataset, folder, transfer)
    sha256 = transfer.sha256
    if dataset.checksum is None:
        progress.told(f"{dataset.name}: no checksum is known to us; what came has sha256 {sha256}")
    if dataset.unpacked is not None:
        file, sha256 = _unpacked(file, progress)
    elif dataset.checksum is None and target.suffix == ".gz":
        for _ in _unpacked_pieces(file, SILENT):
            pass  # only to see that it is whole
    target.parent.mkdir(parents=True, exist_ok=True)
    if file_checksum(dataset) is None:
        write_whole(record_of(target), f"{sha256}  {target.name}\n".encode())
    file.replace(target)
    return target


def file_checksum(dataset: Dataset) -> str | None:
    """sha256 of the file as it lies in the cache; None if it is not known to us."""
    return None if dataset.unpacked is not None else dataset.sha256


def _downloaded(dataset: Dataset, folder: Path, transfer: Transfer) -> Path:
    with _quiet_pooch():
        try:
            return Path(pooch.retrieve(dataset.url, dataset.checksum, "downloaded", folder, downloader=transfer))
        except ValueError:
            if transfer.sha256 in ("", dataset.sha256):
                raise
            expected = f"expected sha256 {dataset.sha256}, found {transfer.sha256}"
            raise DownloadError(f"what came is not the file expected: {expected}") from None


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _unpacked(packed: Path, progress: Progress) -> tuple[Path, str]:
    """The unpacked file, beside the packed one, and its sha256."""
    file = packed.with_name("unpacked")
    digest = hashlib.sha256()
    progress.started("unpacking", packed.stat().st_size)
    with file.open("wb") as output:
        for piece in _unpacked_pieces(packed, progress):
            output.write(piece)
            digest.update(piece)
    return file, digest.hexdigest()


def _unpacked_pieces(packed: Path, progress: Progress) -> Iterator[bytes]:
    try:
        with packed.open("rb") as raw, gzip.open(raw) as content:
            while piece := content.read(PIECE):
                yield piece
                progress.reached(raw.tell())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DownloadError(f"what came is no whole gzip file: {error}") from None
