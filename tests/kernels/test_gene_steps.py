"""The steps of a set under a permutation against the classical ones, gene by gene."""

import numpy as np
from dense_sums import SEEDS
from from_python import from_python
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.kernels import gene_steps
from dgsea_bench.kernels.gene_steps import Sets, room_for_steps

take_members, take_steps = from_python(gene_steps.take_members, gene_steps.take_steps)


@given(st.data(), st.integers(2, 200), SEEDS)
def test_steps_less_a_share_for_all_are_those_of_hits_and_misses(draw, genes, seed):
    """For small and large sets one after the other in the same room; weights are zero for some or for all genes."""
    rng = np.random.default_rng(seed)
    room = room_for_steps(genes)
    for members in draw.draw(st.lists(st.integers(1, genes - 1), min_size=1, max_size=4)):
        nonzero = rng.random(genes) < draw.draw(st.sampled_from([0.0, 0.5, 1.0]))
        weights = nonzero * rng.random(genes) * draw.draw(st.sampled_from([1.0, 1e-300]))
        hits = rng.permutation(genes)[:members]
        room.genes[:members] = hits
        count, share, total = take_steps(weights, members, room)

        truth = np.full(genes, -1.0 / (genes - members))
        weight = weights[hits].sum()
        truth[hits] = weights[hits] / weight if weight > 0 else 1.0 / members
        steps = np.full(genes, -share)
        np.add.at(steps, room.genes[:count], room.sizes[:count])
        np.testing.assert_allclose(steps, truth, rtol=0, atol=1e-15)
        np.testing.assert_allclose(total, weight, rtol=1e-14)
        assert room.genes[:members].tolist() == hits.tolist()
        assert len(set(room.genes[:count].tolist())) == count
        assert not room.is_member.any()


@given(st.integers(2, 100), st.integers(1, 100), SEEDS)
def test_a_set_of_more_than_half_of_the_genes_takes_no_share_of_the_base_curve(genes, members, seed):
    members = min(members, genes - 1)
    room = room_for_steps(genes)
    room.genes[:members] = np.random.default_rng(seed).permutation(genes)[:members]
    count, share, _ = take_steps(np.ones(genes), members, room)
    assert (count, share == 0.0) == ((genes, True) if 2 * members > genes else (members, False))


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(1, 4), SEEDS)
def test_members_are_permuted_gene_by_gene(sizes, count, seed):
    """Permutations may be shorter than there are genes; a set may be empty."""
    rng = np.random.default_rng(seed)
    entries = max(*sizes, 1)
    sets = Sets(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        indices=np.concatenate([rng.permutation(entries)[:size] for size in sizes]).astype(np.int64),
        permutations=np.stack([rng.permutation(50)[:entries] for _ in range(count)]).astype(np.int32),
    )
    for permutation in range(count):
        for number, size in enumerate(sizes):
            genes = np.full(50, -1)
            assert take_members(sets, permutation, number, genes) == size
            members = sets.indices[sets.offsets[number] : sets.offsets[number + 1]]
            assert genes[:size].tolist() == sets.permutations[permutation, members].tolist()
            assert (genes[size:] == -1).all()
