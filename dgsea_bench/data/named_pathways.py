"""Pathways by the names that training scenarios have for them: the paper's, random ones, or those of a file."""

import numpy as np

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.data.directional import directional_pathways
from dgsea_bench.data.formats import read_gmt
from dgsea_bench.data.places import locate
from dgsea_bench.data.sources import DIRECTIONAL

RANDOM = "random"
"""As many pathways as the directional ones, of their sizes, over genes that are in none of them."""


def named_pathways(name: str, genes: tuple[str, ...], *, min_size: int = 1, seed: int = 0) -> Pathways:
    """Pathways over the genes of a model.

    Args:
        name: ``"directional"``: the paper's five; ``"random"``; else a .gmt file, or the name of a dataset, each of
            whose sets is a pathway.
        genes: in the order of the scores.
        min_size: of sets from a file, in genes that are measured.
        seed: of random ones.

    Raises:
        InputError: a file that cannot be read, or no pathway with a gene that is measured.
    """
    if name == DIRECTIONAL:
        return directional_pathways(genes)
    if name == RANDOM:
        return random_pathways(directional_pathways(genes), seed)
    path = locate(name)
    sets = read_gmt(path)
    try:
        return Pathways.of(GeneSets.from_dict(sets, genes, min_size=min_size))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def random_pathways(like: Pathways, seed: int) -> Pathways:
    """Pathways named ``random X``, of sets as large as those of each X, which share no gene with these or each other.

    Raises:
        InputError: too few genes for that.
    """
    genes = like.gene_sets.genes
    free = np.setdiff1d(np.arange(len(genes)), like.gene_sets.indices.numpy())
    ends = like.gene_sets.sizes.cumsum(0).tolist()
    if ends[-1] > len(free):
        raise InputError(f"random pathways need {ends[-1]} genes that are in no other one, and there are {len(free)}")
    drawn = np.random.default_rng([seed, 2]).permutation(free)
    members = [[genes[place] for place in part] for part in np.split(drawn, ends)[:-1]]
    wanted: dict[str, list[str] | tuple[list[str], list[str]]] = {}
    for name, added, subtracted in zip(like.names, like.added.tolist(), like.subtracted.tolist()):
        wanted[f"random {name}"] = members[added] if subtracted < 0 else (members[added], members[subtracted])
    return Pathways.directional(wanted, genes)
