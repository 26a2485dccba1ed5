"""SMILES as numbers that a model is trained on: a fingerprint, or features of a pretrained language model of SMILES."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from dgsea_bench.core.errors import InputError, did_you_mean

MORGAN, CHEMBERTA = "morgan", "chemberta"
RADIUS, BITS = 2, 2048
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


def get_encoder(name: str) -> Encoder:
    """The encoder of that name: ``"morgan"``, or ``"chemberta:"`` and a folder, or a name on the Hugging Face hub.

    Raises:
        InputError: an unknown name, an encoder whose library is not installed, or a model that cannot be loaded.
    """
    kind, _, where = name.partition(":")
    if name == MORGAN:
        return Morgan()
    if kind == CHEMBERTA and where:
        from dgsea_bench.study.predictors.chemberta import ChemBerta

        return ChemBerta(where)
    known = f"{MORGAN}, {CHEMBERTA}:FOLDER-OR-NAME"
    raise InputError(f"unknown features {name!r}; known: {known}{did_you_mean(kind, (MORGAN, CHEMBERTA))}")
