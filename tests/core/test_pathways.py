"""Pathways: up less down, nothing vanishes without a reason, and genes not measured are as if they were not there."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import GeneSets, InputError, Pathways
from dgsea_bench.core.masks import by_mask

GENES = ["A", "B", "C", "D", "E", "F"]
MIXED = {"both": (["A", "B"], ["C"]), "plain": ["D", "E"], "shared": (["A", "F"], ["F", "B", "C"])}


def listed(gene_sets):
    """Name -> genes of each set."""
    return {
        name: [gene_sets.genes[index] for index in part.tolist()]
        for name, part in zip(gene_sets.names, gene_sets.indices.tensor_split(gene_sets.offsets[1:-1]))
    }


def test_plain_gene_sets_are_pathways_of_their_own():
    gene_sets = GeneSets.from_dict({"x": ["A"], "y": ["B", "C"], "gone": ["?"]}, GENES)
    pathways = Pathways.of(gene_sets)
    assert (pathways.names, len(pathways), pathways.gene_sets) == (("x", "y"), 2, gene_sets)
    assert pathways.dropped == gene_sets.dropped
    scores = torch.randn(4, 2)
    assert torch.equal(pathways.combine(scores), scores)


def test_halves_are_gene_sets_and_genes_alone_are_a_plain_pathway():
    pathways = Pathways.directional(MIXED, GENES)
    assert pathways.names == tuple(MIXED)
    assert listed(pathways.gene_sets) == {
        "both up": ["A", "B"],
        "both down": ["C"],
        "plain": ["D", "E"],
        "shared up": ["A", "F"],
        "shared down": ["B", "C", "F"],
    }
    scores = torch.tensor([[1.0, 10.0, 100.0, 1000.0, 10000.0]])
    assert pathways.combine(scores).tolist() == [[1 - 10, 100, 1000 - 10000]]


def test_a_pathway_goes_whole_when_a_half_does():
    pathways = Pathways.directional(
        {**MIXED, "no up": ([], ["A", "B"]), "small": (["A"], ["?"]), "alone": ["F"], "short": (["C", "D"], ["E"])},
        GENES,
        min_size=1,
        max_size=2,
    )
    assert pathways.dropped == {
        "shared": "down: more than 2 genes in the ranking (3)",
        "no up": "up: no gene in the ranking (0 listed)",
        "small": "down: no gene in the ranking (1 listed)",
    }
    assert pathways.names == ("both", "plain", "alone", "short")
    assert pathways.gene_sets.names == ("both up", "both down", "plain", "alone", "short up", "short down")


def test_both_halves_say_why():
    pathways = Pathways.directional({"x": (["?"], GENES), "plain": ["A"], "gone": ["?"]}, GENES)
    assert pathways.dropped == {
        "x": "up: no gene in the ranking (1 listed); down: every gene of the ranking (6)",
        "gone": "no gene in the ranking (1 listed)",
    }


def test_an_error_is_raised_only_if_no_pathway_remains():
    with pytest.raises(InputError, match=r"none of the 1 pathways can be used; for example 'x': down: no gene in"):
        Pathways.directional({"x": (["A"], ["?"])}, GENES)
    with pytest.raises(InputError, match="there are no gene sets"):
        Pathways.directional({}, GENES)


@pytest.mark.parametrize("value", ["TP53", {"up": ["A"], "down": ["B"]}, (["A"], ["B"], ["C"]), (["A"], "B"), 3])
def test_what_is_neither_a_pair_nor_genes_is_refused(value):
    with pytest.raises(InputError, match=r"pathway 'x' is neither \(up genes, down genes\) nor a list of genes"):
        Pathways.directional({"x": value}, GENES)


def test_genes_may_come_from_iterators_and_sets():
    pathways = Pathways.directional({"x": (iter(["A"]), {"B"}), "y": frozenset(["C"]), "z": ("A", "B")}, GENES)
    assert listed(pathways.gene_sets) == {"x up": ["A"], "x down": ["B"], "y": ["C"], "z": ["A", "B"]}


def test_a_pathway_with_the_name_of_a_half_is_refused():
    with pytest.raises(InputError, match="pathway 'x up' has the name of a half of another one"):
        Pathways.directional({"x": (["A"], ["B"]), "x up": ["C"]}, GENES)
    assert Pathways.directional({"x": (["A"], ["B"]), "x up": (["C"], ["D"])}, GENES).names == ("x", "x up")


def test_gene_sets_are_required():
    with pytest.raises(InputError, match=r"gene_sets are a dict; make them with GeneSets\.from_dict"):
        Pathways.of({"x": ["A"]})


def test_a_plain_pathway_does_not_see_a_missing_score_of_another_set():
    pathways = Pathways.directional(MIXED, GENES)
    scores = torch.tensor([[torch.nan, 1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    combined = pathways.combine(scores)
    assert combined.isnan().tolist() == [[True, False, False]]
    combined[0, 1:].sum().backward()
    assert scores.grad.tolist() == [[0, 0, 1, 1, -1]]


def test_gradients_of_combinations():
    scores = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Pathways.directional(MIXED, GENES).combine, scores)


def test_moving_to_a_device_changes_nothing_else():
    pathways = Pathways.directional({**MIXED, "gone": ["?"]}, GENES)
    moved = pathways.to("cpu")
    assert (moved.names, moved.dropped) == (pathways.names, pathways.dropped)
    assert listed(moved.gene_sets) == listed(pathways.gene_sets)
    scores = torch.randn(3, 5)
    assert torch.equal(moved.combine(scores), pathways.combine(scores))


@given(
    mask=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4),
    profiles=st.integers(1, 5),
)
def test_profiles_with_equal_masks_come_together_over_the_genes_that_remain(mask, profiles):
    mask = torch.tensor(mask * profiles)[: max(profiles, 1)]
    scores = torch.arange(profiles * 6.0).reshape(profiles, 6)
    sets = {"one": ["C"], "two": ["A", "F"], "five": GENES[:5]}
    gene_sets = GeneSets.from_dict(sets, GENES)
    seen = []
    for which, part, some, remaining in by_mask(scores, gene_sets, mask):
        for row in which.tolist():
            measured = [gene for gene, keep in zip(GENES, mask[row].tolist()) if keep]
            assert tuple(some.genes) == tuple(measured)
            inside = {name: [gene for gene in genes if gene in measured] for name, genes in sets.items()}
            expected = {name: genes for name, genes in inside.items() if 0 < len(genes) < len(measured)}
            assert listed(some) == expected if expected else not len(some)
            assert [tuple(sets)[number] for number in remaining.tolist()] == list(expected)
        assert torch.equal(part, scores[which][:, mask[which[0]]])
        seen += which.tolist()
    assert sorted(seen) == list(range(profiles))
