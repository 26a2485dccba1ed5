"""Named public files: the registry is right, and files are found where documented."""

import hashlib
import re
import tomllib
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.datasets import DATASETS, named
from dgsea_bench.data.places import CACHE_VARIABLE, DATA_VARIABLE, cache_folder, find, locate

ALL = list(DATASETS.values())


@pytest.mark.parametrize("dataset", ALL, ids=DATASETS)
def test_every_entry_is_well_formed(dataset):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", dataset.name)
    path = PurePosixPath(dataset.path)
    assert len(path.parts) == 2
    assert not dataset.path.startswith((".", "/"))
    address = urlsplit(dataset.url)
    assert (address.scheme, address.query, address.fragment) == ("https", "", "")
    assert address.netloc in ("raw.githubusercontent.com", "ftp.ncbi.nlm.nih.gov")
    assert re.fullmatch(r"[\x21-\x7e]+", dataset.url)
    assert dataset.checksum is None or re.fullmatch(r"sha256:[0-9a-f]{64}", dataset.checksum)
    assert dataset.size is None or dataset.size > 0
    for text in (dataset.licence, dataset.citation, dataset.note):
        assert text
        assert text == text.strip()
        assert "\n" not in text
    assert len(dataset.note) <= 120


@pytest.mark.parametrize("dataset", ALL, ids=DATASETS)
def test_what_is_unpacked_was_packed_and_only_that_changes_its_name(dataset):
    same = PurePosixPath(dataset.path).suffix == PurePosixPath(dataset.url).suffix
    assert same == (dataset.unpacked is None)
    if dataset.unpacked is not None:
        assert dataset.url.endswith(f"{PurePosixPath(dataset.path).name}.gz")
        assert dataset.size < dataset.unpacked


def test_names_and_paths_and_addresses_are_of_one_dataset_each():
    assert [dataset.name for dataset in ALL] == list(DATASETS)
    for values in ([dataset.path.lower() for dataset in ALL], [dataset.url for dataset in ALL]):
        assert len(set(values)) == len(values)
    assert not {dataset.path for dataset in ALL} & set(DATASETS)


def test_the_large_matrix_is_as_large_as_its_name_says():
    dataset = named("gse92742-level5")
    signatures, genes = map(int, re.search(r"n(\d+)x(\d+)", dataset.path).groups())
    assert dataset.unpacked == signatures * genes * 4
    assert dataset.size == 21_328_033_748


@pytest.mark.parametrize("dataset", [dataset for dataset in ALL if dataset.checksum], ids=lambda dataset: dataset.name)
def test_files_that_are_here_have_the_size_and_the_checksum_of_the_registry(data, dataset):
    content = (data / dataset.path).read_bytes()
    assert len(content) == dataset.size
    assert hashlib.sha256(content).hexdigest() == dataset.sha256


def test_every_file_of_the_manifest_is_registered(data):
    manifest = data / "MANIFEST.toml"
    if not manifest.is_file():
        pytest.skip("the folder of data has no MANIFEST.toml")
    files = tomllib.loads(manifest.read_text(encoding="utf-8"))["file"]
    told = {file["path"]: (f"sha256:{file['sha256']}", file["licence"]) for file in files}
    registered = {dataset.path: (dataset.checksum, dataset.licence) for dataset in ALL if dataset.checksum}
    assert told == registered
    for file in files:
        (dataset,) = [dataset for dataset in ALL if dataset.path == file["path"]]
        assert f"/{file['repository']}/" in dataset.url
        assert file["source_path"] in dataset.url


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(InputError, match=r"unknown dataset 'halmark'.*data list.*did you mean 'hallmark'\?"):
        named("halmark")
    with pytest.raises(InputError, match="unknown dataset"):
        find("")


def test_a_dataset_names_itself():
    assert named(ALL[0]) is ALL[0]
    assert named("hallmark").name == "hallmark"


def put(folder, path, content):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.fixture
def folders(tmp_path, here, cache, monkeypatch):
    """A working directory, a folder of data and a cache, all empty."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    return here, tmp_path / "data", cache


def test_a_dataset_is_found_in_the_folder_of_data_before_the_cache(folders):
    _, data, cache = folders
    path = named("hallmark").path
    assert find("hallmark") is None
    in_cache = put(cache, path, "cache")
    assert find("hallmark") == in_cache
    in_data = put(data, path, "data")
    assert find("hallmark") == in_data


@pytest.mark.parametrize(
    "given", ["hallmark", "gene_sets/h.all.v7.0.symbols.gmt", "./gene_sets/h.all.v7.0.symbols.gmt"]
)
def test_a_scenario_may_name_a_dataset_or_its_path(folders, given):
    here, data, cache = folders
    path = named("hallmark").path
    put(cache, path, "cache")
    assert locate(given).read_text() == "cache"
    put(data, path, "data")
    assert locate(given).read_text() == "data"
    put(here, given, "here")
    assert locate(given).read_text() == "here"


def test_a_folder_that_is_called_as_a_dataset_does_not_hide_it(folders):
    here, _, cache = folders
    (here / "hallmark").mkdir()
    put(cache, named("hallmark").path, "cache")
    assert locate("hallmark").read_text() == "cache"


@pytest.mark.parametrize("given", ["l1000-plate", "l1000/landmark_978x377_level4.gctx"])
def test_a_dataset_that_is_not_here_is_not_downloaded_but_the_error_says_how(folders, given):
    _, data, cache = folders
    with pytest.raises(InputError) as error:
        locate(given)
    message = str(error.value)
    assert message.startswith(
        f"{given}: no such file, neither here nor in {data}, the folder that {DATA_VARIABLE} names"
    )
    assert f", nor in {cache}; run: python -m dgsea_bench data fetch l1000-plate (1.7 MB), or set" in message
    assert message.endswith(f"or set {DATA_VARIABLE} to another folder that holds l1000/landmark_978x377_level4.gctx")
    assert not cache.exists()


def test_without_a_folder_of_data_the_error_speaks_of_the_cache_alone(here, cache):
    with pytest.raises(InputError, match=rf"neither here nor in {cache}; run: .* or set {DATA_VARIABLE} to a folder"):
        locate("hallmark")


def test_the_cache_is_the_usual_one_unless_the_variable_names_another(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for unset in ("", None):
        monkeypatch.delenv(CACHE_VARIABLE, raising=False)
        if unset is not None:
            monkeypatch.setenv(CACHE_VARIABLE, unset)
        assert cache_folder().name == "dgsea_bench"
        assert cache_folder().is_absolute()
    monkeypatch.setenv(CACHE_VARIABLE, "~/large")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "large"
