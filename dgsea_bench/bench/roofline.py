"""The least that scoring can cost on a device: bytes that must move, and functions that must be evaluated.

Counted is the algorithm that sums over windows of hits: outside the window around its rank the sigmoid of a hit is 0
or 1 to rounding, and the curve that all sets of a profile share is computed once. So it is a floor of that algorithm,
not of the mathematics: one that shares an exponential between positions, or sums up positions without looking at each,
may be faster.
"""

import math
from dataclasses import dataclass

ITEM_BYTES = {"float32": 4, "float64": 8}
INDEX_BYTES = 8
"""Of a member of a gene set, as `GeneSets` holds it."""
SATURATION = {"float32": 19, "float64": 37}
"""So many temperatures from its middle a sigmoid is 0 or 1 to the last bit but a few: e^-19 = 6e-9, e^-37 = 9e-17."""
RANK_SIGMOIDS = 8
"""For the soft rank of a gene from a grid of sums; and as many for its share in the curve of all genes."""


@dataclass(frozen=True)
class Shape:
    """A problem's size.

    Attributes:
        members: of all gene sets together.
        tau_prefix: the temperature of the running sum, in positions.
    """

    profiles: int
    genes: int
    sets: int
    members: int
    dtype: str = "float32"
    tau_prefix: float = 1.0

    @property
    def window(self) -> int:
        """Positions at which the sigmoid of a hit is neither 0 nor 1."""
        return min(self.genes, 2 * math.ceil(SATURATION[self.dtype] * self.tau_prefix) + 1)


@dataclass(frozen=True)
class Work:
    """What must be done: bytes read and written once, sigmoids and exponentials evaluated."""

    moved: int
    sigmoids: int
    exponentials: int


@dataclass(frozen=True)
class Ceilings:
    """What a device can do in a second, each measured by itself."""

    moved: float
    sigmoids: float
    exponentials: float

    def floor(self, work: Work) -> float:
        """The fewest seconds that work can take: bytes move while functions are evaluated, one after the other.

        Sigmoids and exponentials share the units that evaluate them.
        """
        return max(work.moved / self.moved, work.sigmoids / self.sigmoids + work.exponentials / self.exponentials)


def forward_work(shape: Shape) -> Work:
    """Scores: scores and gene sets are read, a score for each profile and set is written.

    A sigmoid for each profile, hit and position of its window; an exponential, of the softmax, for each profile, set
    and position; a handful of sigmoids for the rank of each gene.
    """
    item = ITEM_BYTES[shape.dtype]
    scores, results = shape.profiles * shape.genes * item, shape.profiles * shape.sets * item
    gene_sets = (shape.members + shape.sets + 1) * INDEX_BYTES
    return Work(
        moved=scores + gene_sets + results,
        sigmoids=shape.profiles * (shape.members * shape.window + 2 * RANK_SIGMOIDS * shape.genes),
        exponentials=shape.profiles * shape.sets * shape.genes,
    )


def step_work(shape: Shape) -> Work:
    """Scores and their gradient: beside, a gradient is read and one written; every function is evaluated again.

    To keep the values of the first time would move more bytes than that costs.
    """
    item, forward = ITEM_BYTES[shape.dtype], forward_work(shape)
    gradients = shape.profiles * (shape.sets + shape.genes) * item
    return Work(forward.moved + gradients, 2 * forward.sigmoids, 2 * forward.exponentials)
