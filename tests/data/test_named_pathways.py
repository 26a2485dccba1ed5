"""Pathways by name: random ones are a control of the same shape, and share nothing with what they stand beside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.data.directional import directional_pathways
from dgsea_bench.data.landmarks import landmark_genes
from dgsea_bench.data.named_pathways import named_pathways, random_pathways

LANDMARKS = tuple(landmark_genes()["symbol"])
REAL = directional_pathways(LANDMARKS)


@given(seed=st.integers(0, 10**6))
def test_random_pathways_have_the_sizes_of_the_real_ones_and_none_of_their_genes(seed):
    found = named_pathways("random", LANDMARKS, seed=seed)
    assert found.names == tuple(f"random {name}" for name in REAL.names)
    assert found.gene_sets.sizes.tolist() == REAL.gene_sets.sizes.tolist()
    assert found.subtracted.tolist() == REAL.subtracted.tolist()
    members = found.gene_sets.indices.tolist()
    assert len(set(members)) == len(members)
    assert set(members).isdisjoint(REAL.gene_sets.indices.tolist())


def test_a_seed_draws_other_ones():
    first, again, other = (random_pathways(REAL, seed).gene_sets.indices.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_too_few_genes_for_a_control_are_told():
    own = [LANDMARKS[place] for place in sorted(set(REAL.gene_sets.indices.tolist()))]
    free = [gene for gene in LANDMARKS if gene not in own][:3]
    with pytest.raises(InputError, match=r"random pathways need \d+ genes that are in no other one, and there are 3"):
        named_pathways("random", (*own, *free))


def test_sets_of_a_file_are_pathways_and_those_not_measured_are_named(tmp_path):
    file = tmp_path / "mine.gmt"
    file.write_text(f"here\t\t{LANDMARKS[0]}\t{LANDMARKS[1]}\nnowhere\t\tNOGENE\n")
    found = named_pathways(str(file), LANDMARKS, min_size=2)
    assert found.names == ("here",)
    assert list(found.dropped) == ["nowhere"]


def test_the_paper_s_pathways_have_their_name():
    assert named_pathways("directional", LANDMARKS).names == REAL.names
