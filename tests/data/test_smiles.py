"""What is valid is what RDKit makes a molecule of; without RDKit, syntax alone refuses nothing that RDKit takes."""

import sys
from functools import cache

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.smiles import canonical_smiles, smiles_check, syntax_error

Chem = pytest.importorskip("rdkit.Chem", reason="RDKit is not installed (the extra [smiles])")

WRITTEN = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@@H](N)C(=O)O",
    "OC1=CC=C(C=C1)C#N",
    "C/C=C/C\\C=C",
    "[Na+].[Cl-]",
    "c1cc2c(cc1Br)[nH]cn2",
    "[13CH3][N+](C)(C)CC%12CCCCC%12",
    "FC(F)(F)S(=O)(=O)[O-]",
]
CHARACTERS = "CNOSPFIBrclnosp[]()=#$:/\\.@+-0123456789%*~H<> {}"
PIECES = [*CHARACTERS, "[#6]", "%(100)", "->", "<-", "[U+5]", "[se]", "[C:1]", "()", "[C@TH1H]", "[H+]", "..", "[Cl-]"]


def is_molecule(smiles):
    """What RDKit itself says."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return molecule is not None and molecule.GetNumAtoms() > 0


@cache
def check():
    return smiles_check()


@st.composite
def damaged(draw):
    """A SMILES, or a part of one, of which a few characters were left out, put in or changed."""
    text = draw(st.sampled_from(WRITTEN))
    text = text[draw(st.integers(0, len(text) - 1)) :] if draw(st.booleans()) else text
    for _ in range(draw(st.integers(1, 3))):
        place, piece = draw(st.integers(0, len(text))), draw(st.sampled_from(["", *PIECES]))
        text = text[:place] + piece + text[place + draw(st.integers(0, 1)) :]
    return text


@settings(max_examples=500)
@given(damaged())
@example("")
@example(" ")
@example(" CCO")
@example("CCO ethanol")
@example("C[#6]C->[Fe]<-O")
@example("C%(123)CC%(123)")
@example("[H+]=OC")
@example("CN(C)(C)C")
@example("c1cccc1")
def test_damaged_smiles_are_valid_where_rdkit_makes_a_molecule(smiles):
    reason = check().reason(smiles)
    assert (reason is None) == is_molecule(smiles)
    assert reason is None or reason.isprintable()


@settings(max_examples=500)
@given(damaged())
@example("CCO ethanol")
@example(" CCO")
@example("C[#6]C->[Fe]<-O")
@example("C%(123)CC%(123)")
@example("C01CC0C1")
def test_syntax_alone_refuses_nothing_that_rdkit_takes(smiles):
    if is_molecule(smiles):
        assert syntax_error(smiles) is None


def test_real_smiles_are_judged_as_by_rdkit(data):
    with open_matrix(data / "l1000/prnet_demo_681x978.h5ad") as file:
        table = file.sample_metadata(["SMILES", "canonical_smiles"])
    smiles = pd.unique(table.melt()["value"].dropna())
    assert len(smiles) >= 355
    for text in smiles:
        assert (check().reason(text) is None) == is_molecule(text)
        assert syntax_error(text) is None


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("restricted", "character 1, 'r', is not part of a SMILES"),
        ("CC(C", "a branch is not closed"),
        ("CC)C", "character 3: a branch is closed that was not opened"),
        ("C1CC", "ring 1 is not closed"),
        ("C%12CC%11", "ring 11 is not closed"),
        ("[Na+", "character 1, '[', is not part of a SMILES"),
        ("Na+]", "character 2, 'a', is not part of a SMILES"),
        ("CC=", "ends where an atom is expected"),
        ("CC(=)C", "character 5, ')', stands where an atom is expected"),
        ("=CC", "character 1, '=', stands where an atom is expected"),
    ],
)
def test_what_is_wrong_with_the_syntax_is_said(smiles, reason):
    assert not is_molecule(smiles)
    assert syntax_error(smiles) == reason
    assert check().reason(smiles) == reason


@pytest.mark.parametrize(
    ("smiles", "reason"), [("CN(C)(C)C", "no possible molecule (valence)"), ("c1cccc1", "(aromatic bonds)")]
)
def test_chemistry_is_checked_where_rdkit_is_there(smiles, reason):
    assert check().complete
    assert check().how.startswith("RDKit 20")
    assert reason in check().reason(smiles)
    assert syntax_error(smiles) is None


def test_without_rdkit_the_check_says_that_it_is_incomplete(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    found = smiles_check()
    assert (found.how, found.complete) == ("syntax alone", False)
    assert found.reason("CCO") is None
    assert found.reason("C1CC") == "ring 1 is not closed"


def test_nothing_is_printed_about_what_is_not_valid(capfd):
    assert check().reason("C1CC") is not None
    assert check().reason("CN(C)(C)C") is not None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("smiles", WRITTEN)
def test_a_molecule_has_one_form_in_whatever_order_it_is_written(smiles):
    form = canonical_smiles()
    assert form.complete
    written = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 20, randomSeed=1)
    assert {form.of(text) for text in [*written, f"{smiles} its name"]} == {form.of(smiles)}


def test_without_rdkit_the_form_is_the_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    found = canonical_smiles()
    assert (found.how, found.complete) == ("the text alone", False)
    assert found.of(" OCC its name") == "OCC"
