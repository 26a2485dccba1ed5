"""Compounds to train on, to stop training by, and to be judged on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from dgsea_bench.core.errors import InputError, shorten

FEWEST = 5
"""Compounds of each part: a correlation across fewer says nothing."""


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of the compounds of each part, ascending."""

    train: Int64[Tensor, " train"]
    validation: Int64[Tensor, " validation"]
    test: Int64[Tensor, " test"]

    def check(self, compounds: Sequence[str]) -> None:
        """Refuse parts that share a compound, by name or number, and parts too small to say anything.

        Args:
            compounds: what identifies each: canonical SMILES.

        Raises:
            InputError: there are such.
        """
        parts = {name: [compounds[number] for number in getattr(self, name).tolist()] for name in vars(self)}
        for name, members in parts.items():
            if len(members) < FEWEST:
                raise InputError(
                    f"{len(members)} of {len(compounds)} compounds are for {name}, and {FEWEST} are the fewest: give "
                    "more compounds, or another validation_share and test_share"
                )
        for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
            shared = sorted(set(parts[one]) & set(parts[other]))
            if shared:
                raise InputError(
                    f"{len(shared)} compounds are in {one} and in {other} at once: {shorten(shared)}; a model would be "
                    "judged on what it has seen"
                )


def split_compounds(compounds: Sequence[str], validation_share: float, test_share: float, seed: int) -> Split:
    """A random split in which all rows of a compound fall into one part.

    Args:
        compounds: what identifies each row; equal ones are one compound.
        validation_share: of the distinct compounds, rounded.
        test_share: likewise.
        seed: of the split.

    Raises:
        InputError: as `Split.check`.
    """
    distinct, number = np.unique(np.asarray(compounds, dtype=object).astype(str), return_inverse=True)
    order = np.random.default_rng([seed, 1]).permutation(len(distinct))
    for_test, for_validation = (round(share * len(distinct)) for share in (test_share, validation_share))
    ends = for_test, for_test + for_validation
    test, validation, train = (
        torch.from_numpy(np.flatnonzero(np.isin(number, part))) for part in np.split(order, ends)
    )
    found = Split(train, validation, test)
    found.check(compounds)
    return found
