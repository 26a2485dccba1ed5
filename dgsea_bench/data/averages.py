"""Means of groups of profiles that come a portion at a time, in memory that depends on their number alone."""

import numpy as np


class GroupMeans:
    """Means over the profiles of each group.

    Sums are float64 for groups of several profiles, and a profile that is alone in its group is kept in float32: so
    there are at most four bytes a gene for each profile.
    """

    def __init__(self, group: np.ndarray, genes: int) -> None:
        """Prepare for profiles whose groups are `group` (N,), numbers from 0."""
        expected = np.bincount(group)
        several = expected > 1
        self.counts = np.zeros(len(expected), dtype=np.int64)
        self._several = several
        self._place = np.where(several, np.cumsum(several), np.cumsum(~several)) - 1
        self._sums = np.zeros((int(several.sum()), genes))
        self._alone = np.zeros((int((~several).sum()), genes), dtype=np.float32)

    def add(self, group: np.ndarray, values: np.ndarray) -> None:
        """Add profiles (n, genes) of these groups (n,)."""
        several = self._several[group]
        for place, profile in zip(self._place[group[several]].tolist(), values[several]):
            self._sums[place] += profile
        self._alone[self._place[group[~several]]] = values[~several]
        np.add.at(self.counts, group, 1)

    def means(self, groups: np.ndarray) -> np.ndarray:
        """(n, genes) float32 means of these groups; NaN for one to which nothing was added."""
        found = np.empty((len(groups), self._sums.shape[1]), dtype=np.float32)
        several = self._several[groups]
        with np.errstate(invalid="ignore"):
            found[several] = self._sums[self._place[groups[several]]] / self.counts[groups[several], None]
        found[~several] = self._alone[self._place[groups[~several]]]
        found[self.counts[groups] == 0] = np.nan
        return found
