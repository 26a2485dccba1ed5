"""Kinds of identifiers are told apart by how real ones look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.core.identifiers import identifier_kind, nothing_in_common

REAL = {
    "Entrez ids": ["780", "7849", "100507436", "1"],
    "Ensembl ids": ["ENSG00000141510", "ENSG00000141510.18", "ENSMUSG00000059552", "ENST00000269305"],
    "Affymetrix probes": ["200814_at", "218597_s_at", "1007_s_at", "AFFX-BioB-3_at", "AFFX-HUMGAPDH/M33197_3_at"],
    "CMap ids of compounds": ["BRD-K34157611", "BRD-K34157611-001-20-2", "BRD-A51714012-001-03-1"],
    "CMap ids of signatures or wells": [
        "CPC004_PC3_24H:BRD-A51714012-001-03-1:10",
        "LJP005_A375_24H_X1_B19:A03",
        "LJP007_MCF7_24H:CTL_VEHICLE:DMSO:-666",
        "HEPG2:3:BRD-K34157611",
        "CPC006_HT115_6H_X1_B5_DUO52HI53LO:H24-1",
    ],
    "SMILES": [r"CN\C(NCCSCc1nc[nH]c1C)=N/C#N", "CC(=O)Oc1ccccc1C(O)=O", "Nc1c(Cl)c(Cl)nc(C(O)=O)c1Cl", "[Na+].[Cl-]"],
    "gene symbols": ["TP53", "HLA-DRA", "KIAA0100", "C1orf112", "ENSA", "ENSAP2", "MT-CO1", "H2AFV", "AARS", "Trp53"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in REAL.items() for name in names])
def test_a_real_identifier_is_taken_for_what_it_is(kind, name):
    assert identifier_kind([name]) == kind


@given(kind=st.sampled_from(sorted(REAL)), others=st.integers(0, 9), most=st.integers(10, 60), seed=st.randoms())
def test_the_kind_is_that_of_the_most(kind, others, most, seed):
    other = "Entrez ids" if kind == "gene symbols" else "gene symbols"
    mixed = [seed.choice(REAL[kind]) for _ in range(most)] + [seed.choice(REAL[other]) for _ in range(others)]
    seed.shuffle(mixed)
    assert identifier_kind(mixed) == kind


def test_half_is_not_the_most_and_nothing_is_of_no_kind():
    assert identifier_kind(["780", "TP53"]) == "gene symbols"
    assert identifier_kind([], otherwise="names") == "names"
    assert identifier_kind(["ours", "theirs"], otherwise="names") == "names"


def test_two_lists_of_different_kinds_are_shown_with_their_kinds():
    shown = nothing_in_common(["780", "16", "23", "25"], ["TP53"], ("genes asked for", "genes in the file"))
    assert shown == (
        "4 genes asked for ('780', '16', '23', …); 1 genes in the file ('TP53'). "
        "The genes asked for look like Entrez ids, the genes in the file like gene symbols"
    )


def test_two_lists_of_one_kind_are_just_shown():
    assert nothing_in_common(["780"], ["16"], ("ours", "theirs")) == "1 ours ('780'); 1 theirs ('16')"
