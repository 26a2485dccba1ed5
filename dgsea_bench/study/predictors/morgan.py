"""Morgan fingerprints of molecules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from dgsea_bench.core.errors import InputError
from dgsea_bench.study.predictors.encoder import EXTRA, Encoder

MORGAN = "morgan"
RADIUS, BITS = 2, 2048


class Morgan(Encoder):
    """Morgan fingerprints: 1 for each of 2,048 hashed neighbourhoods of up to two bonds that is there, else 0.

    Source: Rogers & Hahn 2010, doi 10.1021/ci100050t, by RDKit.
    """

    name, features = MORGAN, BITS

    def __init__(self) -> None:
        """Prepare the generator.

        Raises:
            InputError: RDKit is not installed.
        """
        try:
            from rdkit import Chem, rdBase
            from rdkit.Chem import rdFingerprintGenerator
        except ImportError:
            raise InputError(f"features {MORGAN!r} need RDKit, which is not installed: {EXTRA}") from None
        self._read, self._quiet = Chem.MolFromSmiles, rdBase.BlockLogs
        self._generator: Any = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)

    def encode(self, smiles: Sequence[str]) -> Float32[np.ndarray, "compounds features"]:
        """Zeros and ones.

        Raises:
            InputError: a text that is no SMILES.
        """
        found = np.zeros((len(smiles), BITS), dtype=np.float32)
        for row, text in zip(found, smiles):
            with self._quiet():
                molecule = self._read(text)
            if molecule is None:
                raise InputError(f"{text!r} is no SMILES that RDKit can read; leave that compound out")
            row[list(self._generator.GetFingerprint(molecule).GetOnBits())] = 1
        return found
