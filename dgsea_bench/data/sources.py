"""The sources that scenarios name, each of which becomes a `Problem`."""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.data.formats import Duplicates, read_gmt, read_ranking
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.synthetic import FIXED_GENES, GENERATORS, Layout, generate

DATA_VARIABLE = "DGSEA_BENCH_DATA"
"""Environment variable that names the folder with data files."""


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SyntheticSource(_Source):
    """A generator and its sizes.

    Attributes:
        set_size: a number, or a range such as ``"15-200"`` from which sizes are drawn.
        planted_share: as many sets are planted as together hold at most this share of the genes, but at least one;
            none if it is 0. More would lift nearly all genes, which enriches nothing. Not for ``"l1000-simulated"``,
            which plants nothing.
        genes: ``"l1000-simulated"`` has 978.
    """

    kind: Literal["synthetic"] = "synthetic"
    generator: str = "planted"
    genes: int = Field(978, ge=3)
    sets: int = Field(50, ge=1)
    set_size: int | str = 30
    profiles: int = Field(1, ge=1)
    planted_share: float = Field(0.1, ge=0, le=1)
    seed: int = Field(0, ge=0)

    @field_validator("generator")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in GENERATORS:
            known = ", ".join(GENERATORS)
            raise ValueError(f"unknown generator {name!r}; known: {known}{did_you_mean(name, GENERATORS)}")
        return name

    @field_validator("set_size")
    @classmethod
    def _readable(cls, size: int | str) -> int | str:
        low, high = _size_range(size)
        return low if low == high else f"{low}-{high}"

    @model_validator(mode="after")
    def _generator_can(self) -> "SyntheticSource":
        fixed = FIXED_GENES.get(self.generator)
        if fixed and self.genes != fixed:
            raise ValueError(f"genes is {self.genes}; {self.generator} has exactly {fixed}")
        usual = type(self).model_fields["planted_share"].default
        if fixed and self.planted_share != usual:
            raise ValueError(f"planted_share is {self.planted_share}; {self.generator} plants nothing: leave it out")
        return self

    @model_validator(mode="after")
    def _sets_fit(self) -> "SyntheticSource":
        largest = _size_range(self.set_size)[1]
        if largest >= self.genes:
            raise ValueError(f"a set of {largest} genes does not fit into a ranking of {self.genes}")
        return self

    def load(self) -> Problem:
        """Generate the problem."""
        low, high = _size_range(self.set_size)
        sizes = np.random.default_rng([self.seed, 1]).integers(low, high + 1, self.sets)
        fitting = int((sizes.cumsum() <= self.planted_share * self.genes).sum())
        planted = max(1, fitting) if self.planted_share > 0 else 0
        layout = Layout(self.profiles, self.genes, tuple(sizes.tolist()), planted)
        return generate(self.generator, layout, self.seed)

    def count_genes(self) -> int:
        """Genes of the ranking."""
        return self.genes

    def input_hashes(self) -> dict[str, str]:
        """No files are read."""
        return {}


class RankingSource(_Source):
    """A ranked list (.rnk) and gene sets (.gmt); sets outside `min_size` .. `max_size` after matching are dropped."""

    kind: Literal["ranking"] = "ranking"
    ranking: str
    gene_sets: str
    min_size: int = Field(15, ge=1)
    max_size: int | None = Field(500, ge=1)
    duplicates: Duplicates = "error"

    def load(self) -> Problem:
        """Read and match the files.

        Raises:
            InputError: as `read_problem`.
        """
        return read_problem(
            self.ranking,
            self.gene_sets,
            min_size=self.min_size,
            max_size=self.max_size,
            duplicates=self.duplicates,
        )

    def count_genes(self) -> int:
        """Genes of the ranking."""
        return len(read_ranking(locate(self.ranking), duplicates=self.duplicates))

    def input_hashes(self) -> dict[str, str]:
        """sha256 of each file.

        Raises:
            InputError: a file that is missing or cannot be read.
        """
        return {path: _sha256(locate(path)) for path in (self.ranking, self.gene_sets)}


Source = Annotated[SyntheticSource | RankingSource, Field(discriminator="kind")]


def read_problem(
    ranking: str | Path,
    gene_sets: str | Path,
    *,
    min_size: int = 15,
    max_size: int | None = 500,
    duplicates: Duplicates = "error",
) -> Problem:
    """A ranked list (.rnk) and gene sets (.gmt), matched; files are looked for as those of scenarios are.

    Raises:
        InputError: a file that is missing or malformed, scores that are all equal, or no set that can be used.
    """
    scores = read_ranking(locate(str(ranking)), duplicates=duplicates)
    sets = read_gmt(locate(str(gene_sets)))
    if scores.nunique() == 1:
        raise InputError(
            f"{ranking}: the scores of all {len(scores):,} genes are {scores.iloc[0]:g}; nothing is ranked"
        )
    matched = GeneSets.from_dict(sets, tuple(scores.index), min_size=min_size, max_size=max_size)
    return Problem(torch.from_numpy(scores.to_numpy(copy=True))[None], matched)


def locate(path: str) -> Path:
    """The file itself, or the file of that name in the folder that DGSEA_BENCH_DATA names.

    Raises:
        InputError: it is in neither place.
    """
    folder = os.environ.get(DATA_VARIABLE)
    candidates = [Path(path), *([Path(folder) / path] if folder else [])]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if Path(path).exists():
        raise InputError(f"{path}: is not a file")
    if folder:
        raise InputError(f"{path}: no such file, neither here nor in {folder}, the folder that {DATA_VARIABLE} names")
    raise InputError(
        f"{path}: no such file; if it is one of the public data files, set {DATA_VARIABLE} to their folder"
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _size_range(size: int | str) -> tuple[int, int]:
    low, dash, high = str(size).partition("-")
    high = high if dash else low
    if low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high):
        return int(low), int(high)
    raise ValueError(f'set_size is {size!r}; it must be a number from 1, or a range such as "15-200"')
