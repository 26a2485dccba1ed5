"""SMILES as numbers that a model is trained on: a fingerprint, or features of a pretrained language model of SMILES."""

from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.study.predictors.chemberta import CHEMBERTA, ChemBerta
from dgsea_bench.study.predictors.encoder import Encoder
from dgsea_bench.study.predictors.morgan import MORGAN, Morgan


def get_encoder(name: str) -> Encoder:
    """The encoder of that name: ``"morgan"``, or ``"chemberta:"`` and a folder, or a name on the Hugging Face hub.

    Raises:
        InputError: an unknown name, an encoder whose library is not installed, or a model that cannot be loaded.
    """
    kind, _, where = name.partition(":")
    if name == MORGAN:
        return Morgan()
    if kind == CHEMBERTA and where:
        return ChemBerta(where)
    if kind == CHEMBERTA:
        raise InputError(f"encoder {name!r} names no model; write {CHEMBERTA}: and its folder, or its name on the hub")
    known = f"{MORGAN}, {CHEMBERTA}:FOLDER-OR-NAME"
    raise InputError(f"unknown encoder {name!r}; known: {known}{did_you_mean(kind, (MORGAN, CHEMBERTA))}")
