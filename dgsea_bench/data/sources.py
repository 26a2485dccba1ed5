"""The sources that scenarios name, each of which becomes a `Problem`."""

import itertools
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator

from dgsea_bench.core.errors import did_you_mean
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.data.directional import directional_members, directional_sets
from dgsea_bench.data.formats import Duplicates, MatrixFile, read_gmt, read_ranking
from dgsea_bench.data.landmarks import GenesBy, find_landmarks
from dgsea_bench.data.places import locate
from dgsea_bench.data.prepared import open_scores
from dgsea_bench.data.problem import Problem
from dgsea_bench.data.profiles import (
    MissingScores,
    Transform,
    in_words,
    merge_repeated,
    name_genes,
    read_values,
    select_samples,
    spread_over_strengths,
    to_scores,
    without_missing,
)
from dgsea_bench.data.source_parts import Selection, SourceModel, input_sha256, located, refuse_equal
from dgsea_bench.data.synthetic import FIXED_GENES, GENERATORS, Layout, generate

DIRECTIONAL = "directional"
"""In the place of a .gmt: the directional pathways."""


class SyntheticSource(SourceModel):
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
        sizes = self.draw_sizes()
        fitting = int((sizes.cumsum() <= self.planted_share * self.genes).sum())
        planted = max(1, fitting) if self.planted_share > 0 else 0
        layout = Layout(self.profiles, self.genes, tuple(sizes.tolist()), planted)
        return generate(self.generator, layout, self.seed)

    def draw_sizes(self) -> np.ndarray:
        """(sets,) the number of genes of each set, which is known before the problem is generated."""
        low, high = _size_range(self.set_size)
        return np.random.default_rng([self.seed, 1]).integers(low, high + 1, self.sets)

    def count_genes(self) -> int:
        """Genes of the ranking."""
        return self.genes

    def input_hashes(self) -> dict[str, str]:
        """No files are read."""
        return {}


class RankingSource(SourceModel):
    """A ranked list (.rnk) and gene sets (.gmt); sets outside `min_size` .. `max_size` after matching are dropped."""

    kind: Literal["ranking"] = "ranking"
    ranking: str
    gene_sets: str
    min_size: int = Field(15, ge=1)
    max_size: int | None = Field(500, ge=1)
    duplicates: Duplicates = "error"

    @property
    def title(self) -> str:
        """The files."""
        return f"{self.ranking} × {self.gene_sets}"

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
        return {path: input_sha256(path) for path in (self.ranking, self.gene_sets)}


class L1000Source(SourceModel):
    """Signatures of L1000, or any matrix of expression or scores, and gene sets; every sample is a profile.

    Attributes:
        matrix: a GCT, GCTX, h5ad or prepared parquet file, or the name of a dataset.
        gene_sets: a .gmt file, the name of a dataset, or ``"directional"``: the halves of the paper's five pathways.
        select: field of the samples' metadata -> value, or values, wanted.
        sample_info, gene_info: tables, for files without metadata.
        names: what genes are matched by, as `name_genes` takes it.
        genes_by: what landmark genes are known by where ids and metadata of the file disagree.
        only_landmarks: leave out all but the 978 landmark genes.
        transform: how log expression becomes scores, over the samples selected: ``"center"`` or ``"zscore"``.
        profiles: so many of the samples selected, taken evenly from the weakest to the strongest response; None: all.
        missing: what to do with values that are not finite numbers.
        min_size, max_size: sets outside of these, after matching, are left out.
    """

    kind: Literal["l1000"] = "l1000"
    matrix: str
    gene_sets: str
    select: Selection = Field(default={})
    sample_info: str | None = None
    gene_info: str | None = None
    names: str = "auto"
    genes_by: GenesBy = "auto"
    only_landmarks: bool = False
    transform: Transform = "none"
    profiles: int | None = Field(None, ge=1)
    missing: MissingScores = "error"
    duplicates: Duplicates = "error"
    min_size: int = Field(15, ge=1)
    max_size: int | None = Field(500, ge=1)

    @property
    def title(self) -> str:
        """The files, and what is selected."""
        return ", ".join([f"{self.matrix} × {self.gene_sets}", *([in_words(self.select)] if self.select else [])])

    def load(self) -> Problem:
        """Read, select, transform and match.

        Raises:
            InputError: a file that is missing or malformed, a selection that fits nothing, values that are missing, or
                no set that can be used.
        """
        sets = None if self.gene_sets == DIRECTIONAL else read_gmt(locate(self.gene_sets))
        with open_scores(locate(self.matrix)) as file:
            samples = select_samples(file, self.select, located(self.sample_info))
            genes = find_landmarks(file, self.genes_by).positions if self.only_landmarks else np.arange(file.shape[1])
            names = self._names(file, sets)
            values = read_values(file, samples, genes)
        ids, own = file.sample_ids[samples].tolist(), [names[gene] for gene in genes]
        rows, columns = without_missing(values, ids, own, self.missing, self.matrix)
        if not (rows.all() and columns.all()):
            values = values[np.ix_(rows, columns)]
            ids, own = [list(itertools.compress(all_of, kept)) for all_of, kept in ((ids, rows), (own, columns))]
        scores, own = merge_repeated(to_scores(values, self.transform, self.matrix), own, self.duplicates, self.matrix)
        chosen = spread_over_strengths(scores, self.profiles)
        scores, ids = scores[chosen], [ids[place] for place in chosen]
        refuse_equal(scores, ids, self.matrix)
        matched = GeneSets.from_dict(
            sets or directional_sets(own), tuple(own), min_size=self.min_size, max_size=self.max_size
        )
        return Problem(torch.from_numpy(scores), matched, profiles=tuple(ids))

    def _names(self, file: MatrixFile, sets: dict[str, list[str]] | None) -> list[str]:
        members = directional_members() if sets is None else list(itertools.chain(*sets.values()))
        return name_genes(file, members, self.names, located(self.gene_info), self.genes_by)

    def count_genes(self) -> int:
        """Genes of each profile, before any are left out for missing values."""
        sets = None if self.gene_sets == DIRECTIONAL else read_gmt(locate(self.gene_sets))
        with open_scores(locate(self.matrix)) as file:
            if self.only_landmarks:
                return len(find_landmarks(file, self.genes_by).positions)
            return len(set(self._names(file, sets)))

    def input_hashes(self) -> dict[str, str]:
        """sha256 of each file.

        Raises:
            InputError: a file that is missing or cannot be read.
        """
        named = [self.matrix, self.gene_sets, self.sample_info, self.gene_info]
        return {path: input_sha256(path) for path in named if path is not None and path != DIRECTIONAL}


Source = Annotated[SyntheticSource | RankingSource | L1000Source, Field(discriminator="kind")]


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
    refuse_equal(scores.to_numpy()[None], [], ranking)
    matched = GeneSets.from_dict(sets, tuple(scores.index), min_size=min_size, max_size=max_size)
    return Problem(torch.from_numpy(scores.to_numpy(copy=True))[None], matched)


def _size_range(size: int | str) -> tuple[int, int]:
    low, dash, high = str(size).partition("-")
    high = high if dash else low
    if low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high):
        return int(low), int(high)
    raise ValueError(f'set_size is {size!r}; it must be a number from 1, or a range such as "15-200"')
