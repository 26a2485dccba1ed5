"""What every way from SMILES to features has."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

EXTRA = 'pip install "dgsea-bench[smiles]"'


class Encoder(ABC):
    """A way from SMILES to features. `get_encoder` makes one.

    Attributes:
        name: as `get_encoder` takes it.
        features: how many numbers there are for each compound.
    """

    name: str
    features: int

    @abstractmethod
    def encode(self, smiles: Sequence[str]) -> Float32[np.ndarray, "compounds features"]:
        """A row of features for each SMILES.

        Raises:
            InputError: a text that is no SMILES, or what is needed is not installed.
        """
