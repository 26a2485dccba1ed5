"""The commands on data: what they print, ask and refuse, and their exit codes."""

import hashlib
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from misbehaving_server import CONTENT, cut, status, trickle, whole

from dgsea_bench.data import datasets
from dgsea_bench.data.datasets import DATASETS, Dataset

SHA256 = hashlib.sha256(CONTENT).hexdigest()


def entry(name, url, **changes):
    usual = {
        "path": f"some/{name}.bin",
        "checksum": f"sha256:{SHA256}",
        "size": len(CONTENT),
        "licence": "MIT",
        "citation": "Nobody 2020",
        "note": f"what {name} is",
    }
    return Dataset(name=name, url=url, **{**usual, **changes})


@pytest.fixture
def register(monkeypatch):
    """Makes these the datasets that there are."""

    def register(*entries):
        monkeypatch.setattr(datasets, "DATASETS", {dataset.name: dataset for dataset in entries})

    return register


# --- list -------------------------------------------------------------------------------------------------------------


def test_all_there_is_is_listed(call, cache):
    code, printed, complaint = call("data", "list")
    assert (code, complaint) == (0, "")
    assert f"cache:  {cache}\n" in printed
    assert "folder: none; DGSEA_BENCH_DATA may name one\n" in printed
    for name, dataset in DATASETS.items():
        (line,) = [line for line in printed.splitlines() if line.startswith(f"{name} ")]
        assert f" {dataset.size_in_words()}  not here  {dataset.licence}" in line
        assert f"    {dataset.note}\n" in printed
        assert dataset.url not in printed
    assert not cache.exists()


def test_the_long_list_says_where_from_and_what_to_cite(call, cache):
    printed = call("data", "list", "--long")[1]
    for dataset in DATASETS.values():
        for told in (dataset.name, dataset.url, dataset.path, dataset.citation, dataset.licence, dataset.note):
            assert told in printed
        assert (dataset.checksum or "none known to us") in printed
    assert "21.3 GB, about 23.4 GB unpacked" in printed


def test_where_a_file_lies_is_listed(call, cache, tmp_path, monkeypatch, register):
    register(*(entry(name, "http://127.0.0.1/") for name in ("one", "two", "three")))
    monkeypatch.setenv("DGSEA_BENCH_DATA", str(tmp_path / "data"))
    for folder, name in ((cache, "one"), (tmp_path / "data", "two")):
        (folder / "some").mkdir(parents=True)
        (folder / "some" / f"{name}.bin").write_bytes(CONTENT)
    lines = [line.split() for line in call("data", "list")[1].splitlines() if "MIT" in line]
    assert lines == [
        ["one", "1.0", "MB", "cache", "MIT"],
        ["two", "1.0", "MB", "folder", "MIT"],
        ["three", "1.0", "MB", "not", "here", "MIT"],
    ]


# --- fetch ------------------------------------------------------------------------------------------------------------


def test_what_will_come_is_told_before_it_comes(call, cache, server, register):
    register(entry("one", server.gives("one", whole())), entry("two", server.gives("two", whole())))
    code, printed, complaint = call("data", "fetch", "two", "one", "one")
    assert (code, complaint) == (0, "")
    address = f"http://127.0.0.1:{server.server_port}"
    assert printed == "".join(
        [
            f"{name}: what {name} is\n  from {address}/{name}\n  to {cache}/some/{name}.bin\n"
            "  1.0 MB; checksum known\n  licence: MIT; cite: Nobody 2020\n"
            for name in ("two", "one")
        ]
        + [f"{name}: fetched: {cache}/some/{name}.bin\n" for name in ("two", "one")]
    )
    assert (cache / "some" / "one.bin").read_bytes() == CONTENT
    assert call("data", "fetch", "one") == (0, f"one: is here: {cache}/some/one.bin\n", "")
    assert len(server.requests) == 2


def test_without_a_checksum_that_is_told_with_the_one_that_came(call, cache, server, register):
    register(entry("one", server.gives("one", whole()), checksum=None, size=None))
    code, printed, _ = call("data", "fetch", "one")
    assert code == 0
    assert "  1.0 MB; no checksum known to us\n" in printed, "the server was asked for the size"
    assert f"one: no checksum is known to us; what came has sha256 {SHA256}\n" in printed
    assert call("data", "verify", "one") == (0, "one: ok, as it was when it was fetched\n", "")


def test_one_that_cannot_be_had_does_not_keep_the_others_away(call, cache, server, register):
    register(entry("one", server.gives("one", status(404))), entry("two", server.gives("two", whole())))
    code, printed, complaint = call("data", "fetch", "one", "two")
    assert code == 1
    assert complaint == (
        f"error: http://127.0.0.1:{server.server_port}/one: the server answers 404 Not Found; nothing was kept. "
        f"By hand: download it to {cache}/some/one.bin, then: python -m dgsea_bench data verify one\n"
    )
    assert f"two: fetched: {cache}/some/two.bin\n" in printed
    assert "one: fetched" not in printed


def test_the_wrong_file_ends_with_1(call, cache, server, register):
    register(entry("one", server.gives("one", whole(CONTENT[::-1]))))
    code, _, complaint = call("data", "fetch", "one")
    assert (code, complaint.count("\n")) == (1, 1)
    assert f"expected sha256 {SHA256}, found " in complaint


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_an_unknown_name_is_refused_before_anything_comes(refused, cache, server, register, command):
    register(entry("one", server.gives("one", whole())))
    complaint = refused("data", command, "one", "onee")
    assert complaint == "unknown dataset 'onee'; python -m dgsea_bench data list shows those there are; " + (
        "did you mean 'one'?"
    )
    assert server.requests == []


@pytest.mark.parametrize("changes", [{"size": 2 * 10**9}, {"unpacked": 2 * 10**9}, {"size": None}], ids=str)
def test_what_is_large_is_refused_without_a_terminal_unless_yes_is_said(
    refused, call, cache, server, register, changes
):
    url = server.gives("one", whole(**({"Content-Length": 2 * 10**9} if changes == {"size": None} else {})))
    register(entry("one", url, checksum=None, **changes))
    complaint = refused("data", "fetch", "one")
    assert complaint == f"2.0 GB would be written to {cache}; add --yes if that is meant"
    assert server.downloads == []
    if "unpacked" in changes:  # the others are not as large as they say
        assert call("data", "fetch", "one", "--yes")[0] == 1
        assert server.downloads


def test_what_does_not_fit_is_not_begun_even_with_yes(call, cache, server, register):
    register(entry("one", server.gives("one", whole()), size=10**17), entry("two", server.gives("two", whole())))
    code, _, complaint = call("data", "fetch", "two", "one", "--yes")
    assert code == 1
    assert complaint.startswith(f"error: 100.0 PB are needed in {cache}, and ")
    assert server.requests == []


PROGRAM = """
import sys
from dgsea_bench.data import datasets
from dgsea_bench.data.datasets import Dataset
url, size = sys.argv.pop(1), sys.argv.pop(1)
datasets.DATASETS = {"one": Dataset(name="one", path="some/one.bin", url=url, checksum=None, size=int(size),
                                    licence="MIT", citation="Nobody", note="a test")}
from dgsea_bench.cli import main
main()
"""


def start(url, size, *arguments, **options):
    """The command line with a dataset of that address and size, in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, url, str(size), "data", *arguments]
    return subprocess.Popen(command, text=True, env={**os.environ, "TERM": "xterm"}, **options)


@pytest.mark.parametrize("reply", ["n", "y"])
def test_in_a_terminal_what_is_large_is_asked_about(cache, server, reply):
    terminal, other_end = pty.openpty()
    process = start(
        server.gives("one", whole(b"x" * 1000)),
        2 * 10**9,
        "fetch",
        "one",
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
    )
    os.close(other_end)
    printed = ""
    while "Go on?" not in printed:
        printed += os.read(terminal, 4096).decode()
    os.write(terminal, f"{reply}\n".encode())
    try:
        while more := os.read(terminal, 4096).decode():
            printed += more
    except OSError:
        pass  # how Linux says that the other end is closed
    process.wait(60)
    assert "2.0 GB will be written. Go on?" in printed
    if reply == "n":
        assert "nothing was downloaded" in printed
        assert process.returncode == 1
        assert server.downloads == []
    else:
        assert "1,000 bytes lie there, 2,000,000,000 were expected" in " ".join(printed.split())
        assert len(server.downloads) == 1


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_fetch_ends_with_130_and_leaves_nothing(cache, server, sent):
    process = start(server.gives("one", trickle()), len(CONTENT), "fetch", "one", stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(getattr(signal, sent))
    assert process.communicate(timeout=30)[1] == "stopped; nothing half-written is left\n"
    assert process.returncode == 130
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["one.lock"]


def test_a_bar_shows_how_far_it_is(cache, server):
    terminal, other_end = pty.openpty()
    process = start(server.gives("one", trickle()), len(CONTENT), "fetch", "one", stdout=other_end, stderr=other_end)
    os.close(other_end)
    printed = ""
    while "MB" not in printed.partition("downloading")[2]:
        printed += os.read(terminal, 4096).decode()
    process.terminate()
    process.wait(60)
    assert "downloading" in printed


def test_lines_tell_how_far_it_is_where_there_is_no_terminal(call, cache, server, register, monkeypatch):
    from dgsea_bench import show_data

    monkeypatch.setattr(show_data, "LINE_EVERY", 0.0)
    register(entry("one", server.gives("one", whole())))
    assert "\n  downloading: 1.0 MB of 1.0 MB\n" in call("data", "fetch", "one")[1]


# --- verify -----------------------------------------------------------------------------------------------------------


def test_all_that_are_here_are_verified(call, cache, server, register):
    register(*(entry(name, server.gives(name, whole())) for name in ("one", "two", "three")))
    assert call("data", "verify") == (0, "none of the files of `data list` is here\n", "")
    call("data", "fetch", "one", "two")
    assert call("data", "verify") == (0, "one: ok\ntwo: ok\n", "")
    assert call("data", "verify", "three", "one") == (0, "three: not here\none: ok\n", "")
    (cache / "some" / "one.bin").write_bytes(b"changed")
    code, printed, complaint = call("data", "verify")
    assert (code, complaint) == (1, "")
    assert printed == (
        f"one: wrong: {cache}/some/one.bin\n  expected sha256 {SHA256}\n"
        f"  found {hashlib.sha256(b'changed').hexdigest()}\n"
        "  remove it, then: python -m dgsea_bench data fetch one\ntwo: ok\n"
    )


def test_what_changed_since_it_came_is_wrong(call, cache, server, register):
    register(entry("one", server.gives("one", whole()), checksum=None))
    call("data", "fetch", "one")
    (cache / "some" / "one.bin").write_bytes(b"changed")
    code, printed, _ = call("data", "verify", "one")
    assert code == 1
    assert "\n  it changed since it was fetched; remove it, then: " in printed


def test_a_file_that_was_put_there_by_hand_may_have_no_checksum(call, cache, register):
    register(entry("one", "http://127.0.0.1/", checksum=None))
    (cache / "some").mkdir(parents=True)
    (cache / "some" / "one.bin").write_bytes(CONTENT)
    code, printed, _ = call("data", "verify")
    assert (code, printed) == (0, f"one: no checksum known: {cache}/some/one.bin has sha256 {SHA256}\n")


def test_the_public_files_are_what_they_should_be(call, data):
    code, printed, complaint = call("data", "verify")
    assert (code, complaint) == (0, "")
    assert set(printed.splitlines()) >= {f"{name}: ok" for name, dataset in DATASETS.items() if dataset.checksum}


def test_a_sweep_does_not_download_but_says_how_to(refused, cache, server, register):
    register(entry("one", server.gives("one", cut())), entry("two", server.gives("two", cut())))
    complaint = refused("sweep", "real-ranking", "--ranking", "one", "--gene-sets", "some/two.bin")
    assert "one: no such file" in complaint
    assert "run: python -m dgsea_bench data fetch one (1.0 MB), or set DGSEA_BENCH_DATA to" in complaint
    assert server.requests == []


@pytest.mark.parametrize("command", ["list", "fetch", "verify"])
def test_help_teaches_with_an_example(call, command):
    code, printed, _ = call("data", command, "--help")
    assert code == 0
    assert f"python -m dgsea_bench data {command}" in " ".join(printed.split())
