"""Gene sets: matching equals plain Python's, nothing vanishes without a reason, and messages help."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from dgsea_bench import GeneSets, InputError

GENES = ["A", "B", "C", "D", "E", "F"]
NAMES = st.text("xyz", min_size=1, max_size=3)
MEMBERS = st.lists(st.sampled_from([*GENES, "unknown1", "unknown2"]), max_size=10)


@st.composite
def arguments(draw):
    """(sets, genes, size limits) that leave at least one set."""
    genes = draw(st.permutations(GENES))
    sets = draw(st.dictionaries(NAMES, MEMBERS, min_size=1, max_size=6))
    low = draw(st.integers(1, 3))
    limits = {"min_size": low, "max_size": draw(st.none() | st.integers(low, 5))}
    assume(any(usable(plain_matching(listed, genes), genes, **limits) for listed in sets.values()))
    return sets, genes, limits


def matched(example):
    sets, genes, limits = example
    return GeneSets.from_dict(sets, genes, **limits)


def plain_matching(listed, genes):
    return [index for index, gene in enumerate(genes) if gene in listed]


def members(gene_sets, number):
    start, stop = gene_sets.offsets[number : number + 2].tolist()
    return gene_sets.indices[start:stop].tolist()


def usable(found, genes, min_size, max_size):
    return min_size <= len(found) <= (max_size or len(genes)) and len(found) < len(genes)


@given(arguments())
def test_indices_ascend_and_equal_a_plain_matching(example):
    sets, genes, limits = example
    gene_sets = matched(example)
    expected = {}
    for name, listed in sets.items():
        found = plain_matching(listed, genes)
        if usable(found, genes, **limits):
            expected[name] = found
    assert {name: members(gene_sets, number) for number, name in enumerate(gene_sets.names)} == expected
    assert list(gene_sets.names) == list(expected)
    assert gene_sets.genes == tuple(genes)


@given(arguments())
def test_every_set_is_either_kept_or_dropped_with_a_reason(example):
    gene_sets = matched(example)
    assert sorted([*gene_sets.names, *gene_sets.dropped]) == sorted(example[0])
    assert all(gene_sets.dropped.values())
    assert sum(gene_sets.dropped_by_reason.values()) == len(gene_sets.dropped)


@given(arguments())
def test_sizes_membership_and_set_of_member_agree(example):
    gene_sets = matched(example)
    table = gene_sets.membership()
    assert table.shape == (len(gene_sets), len(gene_sets.genes))
    assert table.dtype == torch.bool
    assert table.sum(1).tolist() == gene_sets.sizes.tolist()
    assert table.nonzero().tolist() == torch.stack([gene_sets.set_of_member, gene_sets.indices], 1).tolist()


@given(arguments(), st.data())
def test_a_subset_holds_the_same_members(example, data):
    gene_sets = matched(example)
    start = data.draw(st.integers(0, len(gene_sets) - 1))
    stop = data.draw(st.integers(start + 1, len(gene_sets)))
    subset = gene_sets.subset(start, stop)
    assert subset.names == gene_sets.names[start:stop]
    assert subset.genes == gene_sets.genes
    assert subset.offsets[0] == 0
    assert torch.equal(subset.membership(), gene_sets.membership()[start:stop])


@given(arguments())
def test_moving_to_a_device_changes_nothing_else(example):
    gene_sets = matched(example)
    moved = gene_sets.to("cpu")
    assert (moved.names, moved.genes, moved.dropped) == (gene_sets.names, gene_sets.genes, gene_sets.dropped)
    assert torch.equal(moved.membership(), gene_sets.membership())


def test_repeated_members_count_once():
    assert GeneSets.from_dict({"x": ["A", "A", "B", "A"]}, GENES).sizes.tolist() == [2]


@pytest.mark.parametrize(
    ("listed", "limits", "reason"),
    [
        ([], {}, "no gene in the ranking (0 listed)"),
        (["unknown1", "unknown2"], {}, "no gene in the ranking (2 listed)"),
        (GENES, {}, "every gene of the ranking (6)"),
        (["A", "unknown1"], {"min_size": 2}, "fewer than 2 genes in the ranking (1)"),
        (["A", "B", "C"], {"max_size": 2}, "more than 2 genes in the ranking (3)"),
    ],
)
def test_a_dropped_set_says_why(listed, limits, reason):
    gene_sets = GeneSets.from_dict({"kept": ["B", "C"], "gone": listed}, GENES, **limits)
    assert gene_sets.names == ("kept",)
    assert gene_sets.dropped == {"gone": reason}
    assert gene_sets.dropped_by_reason == {reason.partition(" (")[0]: 1}


def test_dropped_sets_are_counted_by_reason():
    sets = {"kept": ["A", "B"], "one": ["A"], "two": ["B"], "none": ["unknown1"]}
    counted = GeneSets.from_dict(sets, GENES, min_size=2).dropped_by_reason
    assert counted == {"fewer than 2 genes in the ranking": 2, "no gene in the ranking": 1}


def test_members_may_be_given_as_iterators():
    gene_sets = GeneSets.from_dict({"x": (gene for gene in ["A", "C"])}, GENES)
    assert members(gene_sets, 0) == [0, 2]


def test_no_overlap_counts_both_sides_even_if_members_are_iterators():
    with pytest.raises(InputError, match=r"6 genes in the ranking .*, 2 in the sets \('X1', 'X2'\)"):
        GeneSets.from_dict({"x": iter(["X1", "X2"])}, GENES)


def test_an_error_is_raised_only_if_no_set_remains():
    with pytest.raises(InputError, match=r"none of the 2 gene sets can be used; for example 'x': every gene"):
        GeneSets.from_dict({"x": GENES, "y": ["A"]}, GENES, min_size=2)


def test_no_sets_at_all_is_an_error():
    with pytest.raises(InputError, match="there are no gene sets"):
        GeneSets.from_dict({}, GENES)


def test_no_overlap_says_how_many_of_each_and_shows_three():
    sets = {"x": ["X1", "X2", "X3"], "y": ["X3", "X4"]}
    with pytest.raises(InputError) as error:
        GeneSets.from_dict(sets, GENES)
    assert str(error.value) == (
        "no gene of the 2 gene sets is in the ranking: 6 genes in the ranking ('A', 'B', 'C', …), "
        "4 in the sets ('X1', 'X2', 'X3', …)."
    )


def test_no_overlap_hints_at_upper_and_lower_case():
    with pytest.raises(InputError, match="They differ in upper and lower case: is one human and the other mouse"):
        GeneSets.from_dict({"x": ["TP53", "MYC"]}, ["Tp53", "Myc", "Egfr"])


@pytest.mark.parametrize(
    ("genes", "listed", "hint"),
    [
        (["7157", "4609", "1956"], ["TP53", "MYC"], "The ranking looks like Entrez ids, the sets like gene symbols"),
        (["TP53", "MYC", "EGFR"], ["7157", "4609"], "The ranking looks like gene symbols, the sets like Entrez ids"),
        (["ENSG00000141510", "ENSG00000136997"], ["7157"], "The ranking looks like Ensembl ids, the sets like Entrez"),
    ],
)
def test_no_overlap_hints_at_the_type_of_identifier(genes, listed, hint):
    with pytest.raises(InputError, match=f"{hint}.*: map one to the other"):
        GeneSets.from_dict({"x": listed}, genes)


def test_genes_listed_twice_are_refused_and_named():
    with pytest.raises(InputError, match=r"2 genes are listed more than once: 'A', 'B'"):
        GeneSets.from_dict({"x": ["A"]}, ["A", "B", "A", "B", "C"])


@pytest.mark.parametrize(("low", "high"), [(0, None), (-1, 5), (5, 4)])
def test_size_limits_that_make_no_sense_are_refused(low, high):
    with pytest.raises(InputError, match=f"set sizes {low} .. {high}"):
        GeneSets.from_dict({"x": ["A"]}, GENES, min_size=low, max_size=high)


@pytest.mark.parametrize("sets", [["a", "b"], "hallmark.gmt", None])
def test_sets_that_are_no_dict_are_refused(sets):
    with pytest.raises(InputError, match="give a dict of name -> genes"):
        GeneSets.from_dict(sets, ["a", "b", "c"])


def test_to_dict_is_the_inverse_of_from_dict():
    sets, genes = {"one": ["c", "a"], "two": ["b"]}, ["a", "b", "c", "d"]
    found = GeneSets.from_dict(sets, genes).to_dict()
    assert {name: set(members) for name, members in found.items()} == {"one": {"a", "c"}, "two": {"b"}}
    again = GeneSets.from_dict(found, genes)
    assert again.indices.tolist() == [0, 2, 1]
    assert again.to_dict() == found
