"""Where data files are looked for: where a path leads, in the user's folder of data, and in the cache."""

import os
from pathlib import Path
from typing import NoReturn

import pooch

from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.data import datasets
from dgsea_bench.data.datasets import Dataset, named

DATA_VARIABLE = "DGSEA_BENCH_DATA"
"""Environment variable that names the folder with data files."""
CACHE_VARIABLE = "DGSEA_BENCH_CACHE"
"""Environment variable that names the folder for what is downloaded, in the place of the usual one."""


def data_folder() -> Path | None:
    """The folder that DGSEA_BENCH_DATA names, whether it exists or not."""
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder).expanduser() if folder else None


def cache_folder() -> Path:
    """The folder for what is downloaded, whether it exists or not."""
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder or pooch.os_cache("dgsea_bench")).expanduser().absolute()


def find(dataset: Dataset | str) -> Path | None:
    """The file of a dataset in the folder that DGSEA_BENCH_DATA names, else in the cache, else None; never downloads.

    Raises:
        InputError: no dataset has that name.
    """
    path = named(dataset).path
    folder = data_folder()
    for place in (*([folder] if folder else []), cache_folder()):
        if (place / path).is_file():
            return place / path
    return None


def locate(path: str) -> Path:
    """The file itself, or that file in the folder that DGSEA_BENCH_DATA names, or the dataset of that name or path.

    Raises:
        InputError: it is in none of these places.
    """
    folder = data_folder()
    for candidate in (Path(path), *([folder / path] if folder else [])):
        if candidate.is_file():
            return candidate
    dataset = _registered(path)
    if dataset is not None:
        return find(dataset) or _not_here(path, dataset, folder)
    if Path(path).exists():
        raise InputError(f"{path}: is not a file")
    near = did_you_mean(path, datasets.DATASETS)
    if folder:
        raise InputError(
            f"{path}: no such file, neither here nor in {folder}, the folder that {DATA_VARIABLE} names{near}"
        )
    raise InputError(
        f"{path}: no such file{near}; if it is one of the public data files, set {DATA_VARIABLE} to their folder"
    )


def _registered(path: str) -> Dataset | None:
    below = Path(path).as_posix()
    return next((dataset for dataset in datasets.DATASETS.values() if below in (dataset.name, dataset.path)), None)


def _not_here(path: str, dataset: Dataset, folder: Path | None) -> NoReturn:
    looked = f"{folder}, the folder that {DATA_VARIABLE} names, nor in {cache_folder()}" if folder else cache_folder()
    another = "another folder" if folder else "a folder"
    raise InputError(
        f"{path}: no such file, neither here nor in {looked}; "
        f"run: python -m dgsea_bench data fetch {dataset.name} ({dataset.size_in_words()}), "
        f"or set {DATA_VARIABLE} to {another} that holds {dataset.path}"
    )
