"""The directional pathways are the paper's, whatever genes are called by, and can be trained with."""

import pytest
import torch

from dgsea_bench import EnrichmentLoss, InputError
from dgsea_bench.data.directional import DIRECTIONAL_PATHWAYS, directional_pathways, directional_sets
from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.landmarks import landmark_genes

PUBLISHED = {
    "p53 up": "CDKN1A GADD45A GADD45B PMAIP1 TP53BP1 TP53BP2",
    "p53 down": "BCL2",
    "cell cycle up": "CDKN1A",
    "cell cycle down": "CDK1 CDK2 CCNA2 CCNB2",
    "heat shock up": "DNAJB1 DNAJB2 DNAJB6 DNAJA3",
    "ubiquitin up": "USP1 USP7 USP14 USP22",
    "DNA damage up": "GADD45A GADD45B",
}
"""As Li et al. 2026 print them."""
TABLE = landmark_genes()


def test_they_have_the_genes_that_the_paper_prints():
    found = directional_sets(TABLE["symbol"].tolist())
    assert {name: " ".join(genes) for name, genes in found.items()} == PUBLISHED
    assert list(DIRECTIONAL_PATHWAYS) == ["p53", "cell cycle", "heat shock", "ubiquitin", "DNA damage"]


def test_each_gene_is_a_landmark_gene():
    assert {gene for genes in PUBLISHED.values() for gene in genes.split()} <= set(TABLE["symbol"])


def test_entrez_ids_name_the_same_genes():
    symbol = dict(zip(TABLE["entrez"].astype(str), TABLE["symbol"]))
    found = directional_sets(list(symbol))
    assert {name: " ".join(symbol[gene] for gene in genes) for name, genes in found.items()} == PUBLISHED


@pytest.mark.parametrize("path", ["landmark_978x377_level4.gctx", "level5_s2n_lm_n5x978.gctx"])
def test_symbols_and_entrez_ids_of_a_real_file_lead_to_the_same_genes(data, path):
    with open_matrix(data / "l1000" / path) as file:
        names = file.gene_metadata(["pr_gene_symbol", "pr_gene_id"]).astype(str)
    by_symbol = directional_pathways(names["pr_gene_symbol"].tolist())
    by_entrez = directional_pathways(names["pr_gene_id"].tolist())
    assert torch.equal(by_symbol.gene_sets.indices, by_entrez.gene_sets.indices)
    assert by_symbol.names == by_entrez.names == tuple(DIRECTIONAL_PATHWAYS)
    assert by_symbol.gene_sets.sizes.tolist() == [len(genes.split()) for genes in PUBLISHED.values()]


def test_they_can_be_trained_with():
    genes = TABLE["symbol"].tolist()
    loss = EnrichmentLoss(directional_pathways(genes))
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randn(3, len(genes), generator=generator, requires_grad=True)
    value = loss(predicted, torch.randn(3, len(genes), generator=generator))
    value.backward()
    assert value > 0
    assert predicted.grad.abs().sum() > 0


def test_a_gene_that_goes_up_raises_its_pathway_and_one_that_goes_down_lowers_it():
    genes = TABLE["symbol"].tolist()
    pathways = directional_pathways(genes)
    assert pathways.subtracted.ge(0).tolist() == [True, True, False, False, False]
    scores = torch.zeros(1, len(pathways.gene_sets.names), dtype=torch.float64)
    scores[0, pathways.gene_sets.names.index("p53 down")] = 1.0
    assert pathways.combine(scores)[0].tolist() == [-1.0, 0.0, 0.0, 0.0, 0.0]


def test_a_pathway_without_its_genes_is_left_out_with_the_reason():
    found = directional_pathways(["USP1", "USP7", "DNAJB1", "ACTB", "GAPDH"])
    assert found.names == ("heat shock", "ubiquitin")
    assert set(found.dropped) == {"p53", "cell cycle", "DNA damage"}


@pytest.mark.parametrize("make", [directional_sets, directional_pathways])
def test_without_any_of_the_genes_both_kinds_of_names_are_shown(make):
    with pytest.raises(InputError, match=r"none of the genes of the directional pathways is there.*Ensembl ids, the"):
        make([f"ENSG{number:011d}" for number in range(20)])
