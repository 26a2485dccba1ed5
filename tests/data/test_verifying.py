"""Files that are here are compared with their checksums, or with what once came."""

import pytest
from made_datasets import PACKED, QUICK, Watcher, dataset_at, packed_at, sha256, unknown
from misbehaving_server import CONTENT, whole

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.fetching import fetch, record_of
from dgsea_bench.data.verifying import verify


def test_a_file_is_compared_with_its_checksum(cache, server):
    dataset = dataset_at(server.gives("file", whole()))
    assert verify(dataset).state == "not here"
    path = fetch(dataset, patience=QUICK)
    watcher = Watcher()
    check = verify(dataset, progress=watcher)
    assert (check.state, check.path, check.found, check.published) == ("ok", path, sha256(CONTENT), True)
    assert watcher.begun == [("reading mine.bin", len(CONTENT))]
    assert watcher.counts[-1] == len(CONTENT)
    path.write_bytes(CONTENT[:-1])
    check = verify(dataset)
    assert (check.state, check.expected, check.found) == ("wrong", sha256(CONTENT), sha256(CONTENT[:-1]))


def test_a_file_without_a_checksum_is_compared_with_what_came(cache, server):
    dataset = unknown(server.gives("file", whole()))
    path = fetch(dataset, patience=QUICK)
    assert (verify(dataset).state, verify(dataset).published) == ("ok", False)
    path.write_bytes(b"changed")
    check = verify(dataset)
    assert (check.state, check.expected, check.found) == ("wrong", sha256(CONTENT), sha256(b"changed"))
    for record in ("", "what is this", "abc  mine.bin\n"):
        record_of(path).write_text(record)
        assert verify(dataset).state == "no checksum known"
    record_of(path).unlink()
    check = verify(dataset)
    assert (check.state, check.expected, check.found) == ("no checksum known", None, sha256(b"changed"))


def test_the_checksum_of_a_packed_file_is_not_that_of_the_unpacked_one(cache, server):
    dataset = packed_at("http://127.0.0.1/", checksum=f"sha256:{sha256(PACKED)}")
    (cache / "some").mkdir(parents=True)
    (cache / "some" / "mine.bin").write_bytes(CONTENT)
    assert verify(dataset).state == "no checksum known"


def test_an_unknown_name_is_refused(cache):
    with pytest.raises(InputError, match="unknown dataset 'nothing'"):
        verify("nothing")
