"""One file over HTTP, as pooch's downloader: goes on where a connection was cut, gives up on what stands still.

pooch's own downloader cannot go on, knows no slow connection (its limit holds for each packet), and believes the length
that comes to be right if an old urllib3 reads it. This one counts for itself.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests
import urllib3
from rich.filesize import decimal

PIECE = 2**20
"""Bytes that are asked for at once; fewer come."""
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses that may be better the next time."""
WORTH_GOING_ON = 2**20
"""Bytes that must have come before tries are counted anew."""


class DownloadError(Exception):
    """A download that failed. The message says the address, what happened, and what to do; exit code 1."""


class _Interrupted(Exception):  # noqa: N818 (it is no error before the last try)
    """What may be better the next time."""


class Progress:
    """Is told how far something is; this one keeps it to itself."""

    def started(self, what: str, total: int | None) -> None:
        """Something of so many bytes begins, or of nobody knows how many."""

    def reached(self, count: int) -> None:
        """So many bytes of it are done."""

    def told(self, line: str) -> None:
        """Something to know."""


SILENT = Progress()


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a server; all in seconds, but for `tries` and `least_rate`.

    Attributes:
        tries: in a row that bring nothing new.
        pause: before the second try; doubled before each further one.
        connect: for a connection.
        silence: between two packets.
        window: over which a connection must bring `least_rate` bytes a second.
    """

    tries: int = 4
    pause: float = 1.0
    connect: float = 15.0
    silence: float = 30.0
    window: float = 60.0
    least_rate: float = 1000.0

    @property
    def limits(self) -> tuple[float, float]:
        """As requests takes them."""
        return self.connect, self.silence


PATIENT = Patience()


class Transfer:
    """Downloads an address into a file: a callable, as pooch wants it.

    Args:
        size: bytes that must come; None if that is not known.
        beside: bytes that will be needed on the same disk besides, for what is unpacked.

    Attributes:
        sha256: of what came.
    """

    def __init__(
        self, size: int | None, *, beside: int = 0, progress: Progress = SILENT, patience: Patience = PATIENT
    ) -> None:
        self.size, self.beside, self.progress, self.patience = size, beside, progress, patience
        self.sha256 = ""

    def __call__(self, url: str, output_file: str, pooch: object) -> None:  # noqa: ARG002 (pooch gives itself)
        """Download.

        Raises:
            DownloadError: it did not come, or not whole, or is not what was expected, or there is no room for it.
        """
        failures, furthest = 0, 0
        with Path(output_file).open("wb") as file, requests.Session() as session:
            received = _Received(file)
            while True:
                try:
                    self._try(session, url, received)
                    break
                except _Interrupted as problem:
                    failures = 1 if received.count >= furthest + WORTH_GOING_ON else failures + 1
                    furthest = max(furthest, received.count)
                    if failures >= self.patience.tries:
                        raise DownloadError(f"{problem} ({self.patience.tries} tries)") from None
                    self.progress.told(f"{url}: {problem}; trying again")
                    time.sleep(self.patience.pause * 2 ** (failures - 1))
        self.sha256 = received.hash.hexdigest()

    def _try(self, session: requests.Session, url: str, received: "_Received") -> None:
        try:
            headers = {"Accept-Encoding": "identity", **received.wish_to_go_on()}
            with session.get(url, headers=headers, stream=True, timeout=self.patience.limits) as response:
                self._receive(response, received)
        except requests.exceptions.SSLError as error:
            raise DownloadError(f"no secure connection: {error}") from None
        except requests.Timeout:
            raise _Interrupted("no answer in time") from None
        except requests.ConnectionError as error:
            raise _Interrupted(f"no connection: {_said_by_the_system(error) or error}") from None
        except requests.RequestException as error:
            raise DownloadError(f"cannot be asked for: {error}") from None
        except urllib3.exceptions.HTTPError as error:
            cause = _said_by_the_system(error)
            raise _Interrupted(received.cut() + (f": {cause}" if cause else "")) from None

    def _receive(self, response: requests.Response, received: "_Received") -> None:
        _check_status(response)
        received.begin(response)
        if received.total is not None and self.size is not None and received.total != self.size:
            sizes = f"{received.total:,} bytes lie there, {self.size:,} were expected"
            raise DownloadError(f"{sizes}: it is another file")
        expected = received.total = self.size if received.total is None else received.total
        check_room(Path(received.file.name).parent, (expected or 0) - received.count + self.beside)
        self.progress.started("downloading", expected)
        for piece in self._pieces(response.raw):
            received.add(piece)
            if expected is not None and received.count > expected:
                raise DownloadError(f"more came than the {expected:,} bytes that were expected: it is another file")
            self.progress.reached(received.count)
        if expected is not None and received.count < expected:
            raise _Interrupted(received.cut())

    def _pieces(self, raw: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """What comes, packet by packet, as long as it does not come too slowly."""
        since, count = time.monotonic(), 0
        while piece := raw.read1(PIECE, decode_content=False):
            yield piece
            count += len(piece)
            passed = time.monotonic() - since
            if passed >= self.patience.window:
                if count < self.patience.least_rate * passed:
                    raise _Interrupted(f"only {count:,} bytes came in {passed:.0f} s")
                since, count = time.monotonic(), 0


class _Received:
    """What has come so far, and whether one may go on from there."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.count = 0
        self.total: int | None = None
        self.hash = hashlib.sha256()
        self.version: str | None = None

    def add(self, piece: bytes) -> None:
        self.file.write(piece)
        self.hash.update(piece)
        self.count += len(piece)

    def wish_to_go_on(self) -> dict[str, str]:
        """Headers that ask for the rest, of the same version of the file only; none if there are no versions."""
        if not self.count or self.version is None:
            return {}
        return {"Range": f"bytes={self.count}-", "If-Range": self.version}

    def begin(self, response: requests.Response) -> None:
        """Go on where the answer does: at the end of what has come, or from the first byte."""
        if response.status_code == requests.codes.partial and self._fits(response.headers):
            return
        if response.status_code != requests.codes.ok:
            self.version = None
            raise _Interrupted("the server has another part than was asked for")
        self.file.seek(0)
        self.file.truncate()
        self.count, self.hash = 0, hashlib.sha256()
        tag = response.headers.get("ETag", "")
        weak = not tag or tag.startswith("W/")
        self.version = response.headers.get("Last-Modified") if weak else tag
        self.total = length_of(response.headers)

    def _fits(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Content-Range", "").startswith(f"bytes {self.count}-")

    def cut(self) -> str:
        """What to say of a connection that ended too early."""
        whole = "" if self.total is None else f" of {self.total:,}"
        return f"the connection was cut after {self.count:,}{whole} bytes"


def length_of(headers: Mapping[str, str]) -> int | None:
    """Bytes that an answer announces; None if it does not."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Transfer-Encoding" not in headers else None


def check_room(folder: Path, needed: int) -> None:
    """Refuse what does not fit on the disk of a folder, which need not exist yet.

    Raises:
        DownloadError: there are fewer bytes free than needed.
    """
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise DownloadError(f"{decimal(needed)} are needed in {folder}, and {decimal(free)} are free")


def _check_status(response: requests.Response) -> None:
    status = f"the server answers {response.status_code} {response.reason}"
    if response.status_code in PASSING:
        raise _Interrupted(status)
    known = (requests.codes.ok, requests.codes.partial, requests.codes.requested_range_not_satisfiable)
    if response.status_code not in known:
        raise DownloadError(status)


def _said_by_the_system(error: BaseException) -> str:
    """What is wrong, out of what libraries have wrapped around it: "Connection refused"; or an empty string."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        if isinstance(inner, TimeoutError):
            return "nothing came in time"
        inner = inner.__cause__ or inner.__context__
    return ""
