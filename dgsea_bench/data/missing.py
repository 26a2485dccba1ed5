"""Values of a matrix that are missing, or not what signatures have, tallied a portion at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.data.formats.metadata import MISSING_NUMBER

Missing = Literal["error", "drop-genes", "drop-signatures"]
LARGEST = float(np.finfo(np.float32).max)
"""A value beyond it could not be written as float32."""
NAMED = 4
"""Signatures that messages may name."""
LIKE_EXPRESSION = (
    "no value is negative, as if these were expression: signatures (level 5) are relative to controls, and lie around 0"
)


class MissingValues:
    """Tally of values that are missing: not finite, beyond float32, or -666.

    Attributes:
        values: how many.
        genes: mask of the genes that have any.
        signatures: how many signatures have any.
        least: the smallest of the other values.
    """

    def __init__(self, genes: int) -> None:
        """Prepare for signatures of so many genes."""
        self.values, self.signatures, self.least = 0, 0, np.inf
        self.genes = np.zeros(genes, dtype=bool)
        self._named: list[str] = []

    def count(self, portion: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Count those of a portion (n, genes) of these signatures.

        Returns:
            A mask (n,) of the signatures that have any, and the portion with 0 in their place.
        """
        good = (np.abs(portion) <= LARGEST) & (portion != MISSING_NUMBER)  # NaN is not
        self.least = min(self.least, float(portion.min(initial=np.inf, where=good)))
        spoilt = ~good.all(1)
        if not spoilt.any():
            return spoilt, portion
        self.values += int(good.size - np.count_nonzero(good))
        self.signatures += int(spoilt.sum())
        self.genes |= ~good.all(0)
        here = [names[place] for place in np.flatnonzero(spoilt)[:NAMED]]
        self._named = [*self._named, *here][:NAMED]
        return spoilt, np.where(good, portion, 0)

    def refuse(self, path: str | Path, names: Sequence[str], remedy: str) -> None:
        """Complain if there are any.

        Args:
            path: the file.
            names: of the genes.
            remedy: how to leave them out.

        Raises:
            InputError: so it is.
        """
        if self.values:
            raise InputError(
                f"{path}: {self.values:,} values are missing (not finite numbers, or -666), in {self.signatures:,} "
                f"signatures ({shorten(self._named)}) and {int(self.genes.sum()):,} genes ({self._genes_of(names)}); "
                f"leave them out with {remedy}"
            )

    def remarks(self, missing: Missing, symbols: Sequence[str]) -> list[str]:
        """What was left out, and whether values look like something other than signatures."""
        found = []
        if self.values:
            genes = f"{int(self.genes.sum()):,} genes"
            dropped = genes if missing == "drop-genes" else f"{self.signatures:,} signatures"
            found.append(
                f"{self.values:,} values were missing, in signatures {shorten(self._named)} and genes "
                f"{self._genes_of(symbols)}; {dropped} were left out"
            )
        if self.least >= 0:
            found.append(LIKE_EXPRESSION)
        return found

    def _genes_of(self, symbols: Sequence[str]) -> str:
        return shorten([symbols[gene] for gene in np.flatnonzero(self.genes).tolist()])
