"""The commands on data: list, fetch, verify, prepare-l1000."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from dgsea_bench.core.errors import InputError
from dgsea_bench.data import datasets
from dgsea_bench.data.datasets import Dataset, named
from dgsea_bench.data.fetching import announced_size, fetch
from dgsea_bench.data.l1000 import prepare_l1000
from dgsea_bench.data.places import cache_folder, find, locate
from dgsea_bench.data.transfer import DownloadError, check_room
from dgsea_bench.data.verifying import verify
from dgsea_bench.show_data import FetchBar, show_check, show_datasets, show_download
from dgsea_bench.show_preparation import PreparationBar, show_prepared
from dgsea_bench.terminal import can_ask, ended_by_the_system, err, say

ASK_FROM = 10**9
"""Bytes on disk from which on somebody must agree."""

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Datasets, as `data list` names them.")]


@data_app.command("list")
def list_datasets(
    long: Annotated[bool, typer.Option("--long", help="With path, address, checksum and what to cite.")] = False,
) -> None:
    """List the public files that have a name here, and where they lie.

    A scenario may call a file by its name or by its path. It is looked for in the folder that the environment variable
    DGSEA_BENCH_DATA names, then in the cache, which DGSEA_BENCH_CACHE may name.

    For example, with addresses and citations:  python -m dgsea_bench data list --long
    """
    show_datasets(list(datasets.DATASETS.values()), long=long)


@data_app.command("fetch")
def fetch_datasets(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Datasets, as `data list` names them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however large it is.")] = False,
) -> None:
    """Download public files into the cache, unless they are here already.

    Says first what comes, from where, how large, under which licence. What comes is checked, and is there whole or not
    at all. Above 1 GB it asks, or wants --yes. Exit codes: 0 all are here, 1 one could not be had, 2 refused.

    For example:  python -m dgsea_bench data fetch hallmark l1000-plate

    Elsewhere than in the usual cache:  DGSEA_BENCH_CACHE=/large/disk python -m dgsea_bench data fetch gse92742-level5
    """
    with _stoppable():
        _fetch_all(names, yes=yes)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, and what systems send in its place, is the exit code 130."""
    try:
        with ended_by_the_system():
            yield
    except KeyboardInterrupt:
        err.print("stopped; nothing half-written is left", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None


def _fetch_all(names: list[str], *, yes: bool) -> None:
    wanted = []
    for dataset in dict.fromkeys(map(named, names)):
        found = find(dataset)
        if found is None:
            wanted.append(dataset)
        elif dataset.unpacked is None and dataset.size not in (None, found.stat().st_size):
            raise InputError(
                f"{dataset.name}: {found} has {found.stat().st_size:,} bytes where {dataset.size:,} were published; "
                f"remove it, then fetch it again (python -m dgsea_bench data verify {dataset.name})"
            )
        else:
            say(f"{dataset.name}: is here: {found}")
    if wanted and not _agreed(wanted, yes=yes):
        say("nothing was downloaded")
        raise typer.Exit(1)
    failed = False
    for dataset in wanted:
        failed |= not _fetched(dataset)
    if failed:
        raise typer.Exit(1)


def _agreed(wanted: list[Dataset], *, yes: bool) -> bool:
    """Announce what will be downloaded; whether there is room for it, and nobody minds."""
    needed = 0
    for dataset in wanted:
        size = announced_size(dataset)
        show_download(dataset, size)
        needed += (size or 0) + (dataset.unpacked or 0)
    try:
        check_room(cache_folder(), needed)
    except DownloadError as error:
        _complain(error)
        raise typer.Exit(1) from None
    if yes or needed <= ASK_FROM:
        return True
    if not can_ask():
        raise InputError(f"{decimal(needed)} would be written to {cache_folder()}; add --yes if that is meant")
    return typer.confirm(f"{decimal(needed)} will be written. Go on?")


def _fetched(dataset: Dataset) -> bool:
    """Fetch one, and say how it went; whether it is here."""
    bar = FetchBar()
    try:
        with bar:
            path = fetch(dataset, progress=bar)
    except DownloadError as error:
        _complain(error)
        return False
    say(f"{dataset.name}: fetched: {path}")
    return True


def _complain(error: DownloadError) -> None:
    err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)


@data_app.command("verify")
def verify_datasets(names: Names = None) -> None:
    """Compare files that are here with their checksums; without NAME, all of them. Exit code 1 if one is wrong.

    Where the publisher's checksum is not known to us, a fetched file is compared with what came then.

    For example:  python -m dgsea_bench data verify hallmark
    """
    chosen = list(dict.fromkeys(map(named, names))) if names else _those_here()
    if not chosen:
        say("none of the files of `data list` is here")
    wrong = False
    for dataset in chosen:
        bar = FetchBar()
        with _stoppable(), bar:
            check = verify(dataset, progress=bar)
        show_check(check)
        wrong |= check.state == "wrong"
    if wrong:
        raise typer.Exit(1)


def _those_here() -> list[Dataset]:
    return [dataset for dataset in datasets.DATASETS.values() if find(dataset) is not None]


@data_app.command("prepare-l1000")
def prepare(
    gctx: Annotated[str, typer.Option(help="Signatures (level 5): a .gctx, or the name of a dataset.")],
    output: Annotated[Path, typer.Option("--out", help="The table to write: a name ending in .parquet.")],
    siginfo: Annotated[
        str | None, typer.Option(help="Table of the signatures. [default: the metadata in the .gctx]")
    ] = None,
    pertinfo: Annotated[
        str | None, typer.Option(help="Table of compounds with their SMILES. [default: the metadata in the .gctx]")
    ] = None,
    average: Annotated[
        str, typer.Option(help="A row per compound; or per condition: compound, cell, dose and time.")
    ] = "compound",
    missing: Annotated[
        str, typer.Option(help="For values that are not numbers: error, drop-genes or drop-signatures.")
    ] = "error",
    genes_by: Annotated[str, typer.Option(help="What to know genes by where they disagree: id or metadata.")] = "auto",
) -> None:
    """From signatures of LINCS L1000 to a table of compounds: SMILES and the 978 landmark genes, for training.

    Keeps signatures of compounds (trt_cp) that have a valid SMILES, averages those of a compound, and writes a row for
    each: pert_id, pert_iname, smiles, signatures (how many were averaged), and a column for each gene, by its symbol.
    Compounds whose SMILES is not valid are listed beside, in NAME.rejected.tsv. The file is read once, in portions.

    What is in the .gctx is enough if it has metadata. With the public files of GSE92742:

    python -m dgsea_bench data fetch gse92742-level5 gse92742-siginfo gse92742-pertinfo

    python -m dgsea_bench data prepare-l1000 --gctx gse92742-level5 --siginfo gse92742-siginfo --pertinfo
    gse92742-pertinfo --out compounds.parquet
    """
    if output.suffix != ".parquet":
        raise InputError(f"{output}: the table is written as parquet; let the name end in .parquet")
    files = {name: locate(path) for name, path in (("siginfo", siginfo), ("pertinfo", pertinfo)) if path is not None}
    matrix = locate(gctx)
    with _stoppable(), PreparationBar() as bar:
        prepared = prepare_l1000(
            matrix,
            output,
            average=average,  # type: ignore[arg-type]
            missing=missing,  # type: ignore[arg-type]
            genes_by=genes_by,  # type: ignore[arg-type]
            watch=bar.watch,
            **files,
        )
    show_prepared(prepared)
