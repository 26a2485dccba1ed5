"""Fetching, against a server on loopback that misbehaves: whole and right, or not at all."""

import logging
import re
import shutil
import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import pooch
import pytest
from made_datasets import PACKED, QUICK, Watcher, dataset_at, left_in, packed_at, sha256, unknown
from misbehaving_server import CONTENT, announces, chunked, cut, silent, status, trickle, unannounced, whole

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.fetching import announced_size, fetch, record_of
from dgsea_bench.data.places import DATA_VARIABLE, find
from dgsea_bench.data.transfer import DownloadError, Progress
from dgsea_bench.data.verifying import verify


@pytest.fixture
def failing(cache):
    """The message of a fetch that fails and leaves nothing."""

    def failing(dataset, patience=QUICK, progress=None):
        with pytest.raises(DownloadError) as error:
            fetch(dataset, patience=patience, progress=progress or Progress())
        assert find(dataset) is None
        assert left_in(cache) == []
        message = str(error.value)
        assert message.startswith(f"{dataset.url}: ")
        assert "nothing was kept. By hand: download it" in message
        assert message.endswith(f"to {cache / dataset.path}, then: python -m dgsea_bench data verify {dataset.name}"), (
            message
        )
        return message.removeprefix(f"{dataset.url}: ").partition("; nothing was kept")[0]

    return failing


# --- what is right ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [whole(), chunked(), unannounced(), whole(**{"Content-Encoding": "gzip"})], ids=range(4)
)
def test_the_right_file_comes_into_the_cache_once(cache, server, capfd, answer):
    dataset = dataset_at(server.gives("file", answer))
    watcher = Watcher()
    path = fetch(dataset, progress=watcher, patience=QUICK)
    assert path == find(dataset) == cache / "some" / "mine.bin"
    assert path.read_bytes() == CONTENT
    assert left_in(cache) == ["some/mine.bin"]
    assert watcher.begun == [("downloading", len(CONTENT))]
    assert watcher.counts == sorted(watcher.counts)
    assert watcher.counts[-1] == len(CONTENT)
    assert fetch(dataset, patience=QUICK) == path
    assert len(server.downloads) == 1
    assert watcher.lines == []
    assert capfd.readouterr() == ("", "")


def test_pooch_is_quiet_here_and_as_before_elsewhere(cache, server, monkeypatch):
    logger, said = pooch.get_logger(), []
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    monkeypatch.setattr(logger, "handle", said.append)
    fetch(unknown(server.gives("file", whole())), patience=QUICK)
    assert (said, logger.level) == ([], logging.DEBUG)


def test_what_lies_in_the_folder_of_data_is_not_downloaded(cache, server, tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "mine.bin").write_text("here")
    assert fetch(dataset_at(server.gives("file", whole()))) == tmp_path / "some" / "mine.bin"
    assert server.requests == []
    assert not cache.exists()


def test_an_unknown_name_is_refused(cache):
    with pytest.raises(InputError, match="unknown dataset 'nothing'"):
        fetch("nothing")


def test_redirects_are_followed(cache, server):
    target = server.gives("target", whole())
    dataset = dataset_at(server.gives("file", status(302, Location=target)))
    assert fetch(dataset, patience=QUICK).read_bytes() == CONTENT


def test_redirects_in_a_circle_end(server, failing):
    circle = server.gives("circle", status(301, Location="/circle"))
    assert failing(dataset_at(circle)) == "cannot be asked for: Exceeded 30 redirects."


def test_a_server_that_recovers_is_asked_again(cache, server):
    dataset = dataset_at(server.gives("file", status(500), status(429), whole()))
    watcher = Watcher()
    assert fetch(dataset, progress=watcher, patience=QUICK).read_bytes() == CONTENT
    assert [line.partition("answers ")[2] for line in watcher.lines] == [
        "500 Internal Server Error; trying again",
        "429 Too Many Requests; trying again",
    ]


@pytest.mark.parametrize("tag", [{"ETag": '"1"'}, {}], ids=["tagged", "untagged"])
def test_after_a_cut_only_the_rest_is_asked_for_if_that_is_safe(cache, server, tag):
    half = len(CONTENT) // 2
    dataset = dataset_at(server.gives("file", cut(after=half, **tag), whole(**tag)))
    watcher = Watcher()
    assert fetch(dataset, patience=QUICK, progress=watcher).read_bytes() == CONTENT
    assert [headers.get("Range") for headers in server.downloads] == [None, f"bytes={half}-" if tag else None]
    assert (min(watcher.counts[watcher.counts.index(half) + 1 :]) > half) == bool(tag)
    assert f"the connection was cut after {half:,} of {len(CONTENT):,} bytes" in watcher.lines[0]


def test_a_file_that_has_changed_meanwhile_is_begun_anew(cache, server):
    answers = cut(b"x" * len(CONTENT), ETag='"1"'), whole(ETag='"2"')
    dataset = dataset_at(server.gives("file", *answers))
    assert fetch(dataset, patience=QUICK).read_bytes() == CONTENT
    assert server.downloads[1]["If-Range"] == '"1"'


def test_nothing_is_left_of_a_longer_file_that_was_cut(cache, server):
    dataset = unknown(server.gives("file", cut(), whole(b"shorter")))
    assert fetch(dataset, patience=QUICK).read_bytes() == b"shorter"
    assert verify(dataset).state == "ok"


def _another_part(handler):
    handler.send_response(206)
    handler.start(10, {"Content-Range": f"bytes 0-9/{len(CONTENT)}"})
    handler.send(b"x" * 10)


@pytest.mark.parametrize("answer", [_another_part, status(416)], ids=["another", "none"])
def test_a_part_that_was_not_asked_for_is_not_taken(cache, server, answer):
    dataset = dataset_at(server.gives("file", cut(ETag='"1"'), answer, whole()))
    assert fetch(dataset, patience=QUICK).read_bytes() == CONTENT
    assert [headers.get("Range") is None for headers in server.downloads] == [True, False, True]


def test_tries_are_counted_anew_while_something_comes(cache, server):
    content = CONTENT * 4

    def cut_every_megabyte(handler):
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.send_response(206 if start else 200)
        part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        handler.start(len(content) - start, {"ETag": '"1"'} | part)
        handler.send(content[start : start + 2**20])

    dataset = dataset_at(server.gives("file", cut_every_megabyte), content)
    assert fetch(dataset, patience=replace(QUICK, tries=2)).read_bytes() == content
    assert len(server.downloads) == 4


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_another_file_of_the_same_size_is_not_taken(server, failing):
    other = CONTENT[::-1]
    message = failing(dataset_at(server.gives("file", whole(other))))
    assert message == (f"what came is not the file expected: expected sha256 {sha256(CONTENT)}, found {sha256(other)}")
    assert len(server.downloads) == 1


def test_a_file_of_another_size_is_not_even_downloaded(server, failing):
    watcher = Watcher()
    message = failing(dataset_at(server.gives("file", whole(CONTENT + b"x"))), progress=watcher)
    assert message == f"{len(CONTENT) + 1:,} bytes lie there, {len(CONTENT):,} were expected: it is another file"
    assert watcher.begun == []


@pytest.mark.parametrize("answer", [chunked(CONTENT * 3), unannounced(CONTENT * 3)], ids=["chunked", "unannounced"])
def test_more_than_was_expected_is_stopped(server, failing, answer):
    assert failing(dataset_at(server.gives("file", answer))).startswith("more came than the 1,048,576 bytes")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (cut(), "the connection was cut after 524,288 of 1,048,576 bytes (3 tries)"),
        (unannounced(CONTENT[:1000]), "the connection was cut after 1,000 of 1,048,576 bytes (3 tries)"),
        (chunked(ends=False), "the connection was cut after 1,048,576 of 1,048,576 bytes (3 tries)"),
        (status(503), "the server answers 503 Service Unavailable (3 tries)"),
    ],
    ids=["length", "unannounced", "chunked", "busy"],
)
def test_what_stays_broken_is_tried_a_few_times(server, failing, answer, complaint):
    assert failing(dataset_at(server.gives("file", answer))) == complaint
    assert len(server.downloads) == 3


@pytest.mark.parametrize("answer", [cut(), chunked(ends=False)], ids=["length", "chunked"])
def test_a_cut_is_noticed_if_neither_size_nor_checksum_is_known(server, failing, answer):
    assert "the connection was cut after" in failing(unknown(server.gives("file", answer)))


@pytest.mark.parametrize(("code", "words"), [(404, "Not Found"), (403, "Forbidden"), (204, "No Content")])
def test_what_will_not_become_better_is_tried_once(server, failing, code, words):
    assert failing(dataset_at(server.gives("file", status(code)))) == f"the server answers {code} {words}"
    assert len(server.downloads) == 1


def test_a_server_that_does_not_listen_is_named(failing):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/file"
    assert failing(dataset_at(url)) == "no connection: Connection refused (3 tries)"


def test_an_address_that_is_none_is_an_error_of_one_line(failing):
    assert failing(dataset_at("http://[half")).startswith("cannot be asked for: ")


def test_a_server_that_says_nothing_is_left(server, failing):
    dataset = dataset_at(server.gives("file", silent(3)))
    assert failing(dataset, patience=replace(QUICK, tries=2, silence=0.2)) == "no answer in time (2 tries)"


def test_a_server_that_falls_silent_is_left(server, failing):
    def stalls(handler):
        cut()(handler)
        time.sleep(3)

    dataset = dataset_at(server.gives("file", stalls))
    message = failing(dataset, patience=replace(QUICK, tries=2, silence=0.2))
    assert message == "the connection was cut after 524,288 of 1,048,576 bytes: nothing came in time (2 tries)"


def test_a_trickle_is_left_though_something_comes_all_the_time(server, failing):
    dataset = dataset_at(server.gives("file", trickle()))
    patience = replace(QUICK, tries=2, window=0.3, least_rate=1e6)
    assert re.fullmatch(r"only [\d,]+ bytes came in 0 s \(2 tries\)", failing(dataset, patience=patience))


@pytest.mark.parametrize("known", [True, False], ids=["registered", "announced"])
def test_what_does_not_fit_on_the_disk_is_not_begun(server, failing, known):
    url = server.gives("file", announces(10**17))
    message = failing(replace(unknown(url), size=10**17 if known else None))
    assert re.fullmatch(r"100\.0 PB are needed in .*, and [\d.]+ .B are free", message)
    assert len(server.downloads) == (0 if known else 1)


def test_room_for_what_is_unpacked_is_asked_for_too(server, failing, monkeypatch):
    url = server.gives("file", whole(PACKED))
    assert failing(packed_at(url, unpacked=10**17)).startswith("100.0 PB are needed")
    assert server.requests == []
    usage = SimpleNamespace(free=len(PACKED) + len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda *_: usage)
    for size, requests in ((len(PACKED), 0), (None, 1)):
        assert "are needed" in failing(packed_at(url, size=size))
        assert len(server.requests) == requests
    usage.free += 1
    fetch(packed_at(url), patience=QUICK)


def test_a_cache_that_cannot_be_written_names_the_variable(server, tmp_path, monkeypatch, cache):
    cache.write_text("a file")
    with pytest.raises(
        DownloadError, match=r"cache: cannot be written to: .*name another folder with DGSEA_BENCH_CACHE"
    ):
        fetch(dataset_at(server.gives("file", whole())), patience=QUICK)
    assert server.requests == []


# --- without a checksum -----------------------------------------------------------------------------------------------


def test_without_a_checksum_what_came_is_told_and_kept(cache, server):
    dataset = unknown(server.gives("file", whole()))
    watcher = Watcher()
    path = fetch(dataset, progress=watcher, patience=QUICK)
    assert watcher.lines == [f"mine: no checksum is known to us; what came has sha256 {sha256(CONTENT)}"]
    assert left_in(cache) == ["some/mine.bin", "some/mine.bin.sha256"]
    assert record_of(path).read_text() == f"{sha256(CONTENT)}  mine.bin\n"


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", PACKED[:-20], PACKED[:-6]], ids=range(3))
def test_what_should_be_gzipped_and_is_not_whole_is_not_taken(server, failing, content):
    url = server.gives("file", whole(content))
    for dataset in (unknown(url, path="some/table.txt.gz"), packed_at(url)):
        assert failing(dataset).startswith("what came is no whole gzip file: ")


def test_the_length_of_what_comes_in_chunks_is_not_what_a_header_says(cache, server):
    dataset = unknown(server.gives("file", chunked(**{"Content-Length": 5})))
    assert fetch(dataset, patience=QUICK).read_bytes() == CONTENT


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "encoded"])
def test_a_gzipped_table_stays_gzipped_whatever_the_server_calls_it(cache, server, headers):
    dataset = unknown(server.gives("file", whole(PACKED, **headers)), path="some/table.txt.gz")
    assert fetch(dataset, patience=QUICK).read_bytes() == PACKED
    assert server.downloads[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("checksum", [None, f"sha256:{sha256(PACKED)}"], ids=["unknown", "known"])
def test_what_cannot_be_read_gzipped_is_unpacked(cache, server, checksum):
    dataset = packed_at(server.gives("file", whole(PACKED)), checksum=checksum)
    watcher = Watcher()
    path = fetch(dataset, progress=watcher, patience=QUICK)
    assert path.read_bytes() == CONTENT
    assert left_in(cache) == ["some/mine.bin", "some/mine.bin.sha256"]
    assert watcher.begun == [("downloading", len(PACKED)), ("unpacking", len(PACKED))]
    assert watcher.counts[-1] == len(PACKED)
    assert [sha256(PACKED) in line for line in watcher.lines] == ([] if checksum else [True])
    assert verify(dataset).state == "ok"


def test_the_size_is_asked_for_where_the_registry_does_not_say(server):
    url = server.gives("file", whole())
    assert announced_size(dataset_at(url, size=7)) == 7
    assert server.requests == []
    assert announced_size(unknown(url)) == len(CONTENT)
    assert [command for command, *_ in server.requests] == ["HEAD"]
    assert announced_size(unknown(server.gives("moved", status(302, Location=url)))) == len(CONTENT)
    for other in (status(404), chunked(), silent(3)):
        assert announced_size(unknown(server.gives("other", other)), replace(QUICK, silence=0.2)) is None
