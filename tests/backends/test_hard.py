"""Classical GSEA against fgsea's published scores, gseapy, and rankings that can be done by hand."""

import gseapy
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import dgsea_bench as dg
from dgsea_bench.backends import Backend
from dgsea_bench.data.sources import RankingSource, SyntheticSource
from dgsea_bench.testing import classical_enrichment_score


def score(scores, members, **params):
    genes = [f"g{n}" for n in range(len(scores))]
    gene_sets = dg.GeneSets.from_dict({"set": [genes[n] for n in members]}, genes)
    values = torch.tensor([scores], dtype=torch.float64)
    return dg.enrichment_score(values, gene_sets, params=dg.EnrichmentParams(**params), backend="hard").item()


def test_by_hand():
    """Hits of weight 3/4 and 1/4 at places 1 and 3 of 4: 0.75, 0.25, 0.5, 0."""
    assert score([3.0, 2.0, 1.0, -1.0], [0, 2]) == pytest.approx(0.75)
    assert score([3.0, 2.0, 1.0, -1.0], [3]) == pytest.approx(-1.0)
    assert score([3.0, 2.0, 1.0, -1.0], [0, 2], exponent=0) == pytest.approx(0.5)


def test_equal_extremes_take_the_positive_one():
    """A hit, two misses, a hit: 0.5, 0, -0.5, 0."""
    assert score([1.0, 0.5, -0.5, -1.0], [0, 3]) == pytest.approx(0.5)


def test_equal_scores_keep_input_order():
    assert score([0.0, 0.0, 0.0, 0.0], [0]) == pytest.approx(1.0)
    assert score([0.0, 0.0, 0.0, 0.0], [3]) == pytest.approx(-1.0)


def test_a_set_whose_weights_are_all_zero_gets_uniform_ones():
    assert score([2.0, 0.0, 0.0, -1.0], [1, 2]) == pytest.approx(score([2.0, 0.5, 0.5, -1.0], [1, 2]))


@given(
    genes=st.integers(4, 80),
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["planted", "tied", "heavy-tailed"]),
    exponent=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)
def test_hits_alone_give_the_running_sum_walked_gene_by_gene(genes, seed, kind, exponent):
    source = SyntheticSource(generator=kind, genes=genes, sets=5, set_size=f"1-{genes - 1}", profiles=2, seed=seed)
    problem, params = source.load(), dg.EnrichmentParams(exponent=exponent)
    ours = dg.enrichment_score(problem.scores, problem.gene_sets, params=params, backend="hard")
    truth = classical_enrichment_score(problem.scores, problem.gene_sets, exponent)
    torch.testing.assert_close(ours, truth, rtol=0, atol=1e-11)
    method = dg.Hard()
    derived = Backend.enrichment_score(method, method.rank(problem.scores, params), problem.gene_sets)
    torch.testing.assert_close(ours, derived, rtol=0, atol=1e-11)


def test_a_gradient_is_refused_and_not_invented():
    gene_sets = dg.GeneSets.from_dict({"set": ["a"]}, ["a", "b", "c"])
    scores = torch.randn(1, 3, requires_grad=True)
    with pytest.raises(dg.InputError, match="no gradient"):
        dg.enrichment_score(scores, gene_sets, backend="hard")
    with torch.no_grad():
        assert dg.enrichment_score(scores, gene_sets, backend="hard").shape == (1, 1)


@pytest.fixture(scope="module")
def fgsea(data):
    """The problem of fgsea's example, and its published result by set id."""
    source = RankingSource(
        ranking=str(data / "fgsea/naive.vs.th1.rnk"), gene_sets=str(data / "fgsea/mouse.reactome.gmt")
    )
    published = pd.read_csv(data / "fgsea/fgsea_res.tsv", sep="\t", dtype={"pathway": str}).set_index("pathway")
    return source.load(), published


def test_agrees_with_fgsea_on_all_its_sets(fgsea):
    problem, published = fgsea
    published = published.loc[[name.partition("_")[0] for name in problem.gene_sets.names]]
    assert len(problem.gene_sets) == len(published) == 586
    assert problem.gene_sets.sizes.tolist() == published["size"].tolist()
    ours = dg.enrichment_score(problem.scores, problem.gene_sets, backend="hard")[0].numpy()
    np.testing.assert_allclose(ours, published["ES"], rtol=0, atol=1e-12)


# gseapy 1.3.1 calls pandas in a way that pandas 3.1 announces to remove.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_agrees_with_gseapy(fgsea):
    problem, _ = fgsea
    assert problem.tied_share == 0
    sets = problem.gene_sets
    theirs = gseapy.prerank(
        rnk=pd.Series(problem.scores[0].numpy(), index=list(sets.genes)),
        gene_sets=sets.to_dict(),
        min_size=1,
        max_size=len(sets.genes),
        permutation_num=1,
        outdir=None,
        threads=1,
        seed=0,
    )
    published = theirs.res2d.set_index("Term")["ES"].astype(float).loc[list(sets.names)]
    ours = dg.enrichment_score(problem.scores, sets, backend="hard")[0].numpy()
    np.testing.assert_allclose(ours, published, rtol=0, atol=1e-9)
