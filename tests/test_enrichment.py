"""The public functions: laws that hold for any scores, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import dgsea_bench as dg

GENES = [f"g{n}" for n in range(30)]
SETS = dg.GeneSets.from_dict({"few": GENES[:3], "some": GENES[5:17], "all but one": GENES[1:]}, GENES)

any_scores = arrays(
    np.float64,
    (2, len(GENES)),
    elements=st.floats(-100, 100, allow_subnormal=False) | st.sampled_from([0.0, 1.0, -1.0]),
)
any_params = st.builds(
    dg.EnrichmentParams,
    exponent=st.sampled_from([0, 0.5, 1, 2]),
    tau_rank=st.floats(0.01, 100),
    tau_prefix=st.floats(0.01, 100),
    tau_abs=st.floats(0.01, 10) | st.just("adaptive"),
)


@pytest.mark.parametrize("backend", [name for name in dg.backends() if not dg.get_backend(name).unavailable("cpu")])
@given(scores=any_scores, params=any_params)
def test_scores_lie_between_minus_one_and_one(backend, scores, params):
    result = dg.enrichment_score(torch.from_numpy(scores), SETS, params=params, backend=backend)
    assert result.abs().max() <= 1 + 1e-9


@pytest.mark.parametrize("backend", ["exact", "nyswin"])
@given(scores=any_scores, shift=st.floats(-50, 50), tau=st.floats(0.1, 10))
def test_ranks_do_not_change_when_all_scores_move(backend, scores, shift, tau):
    values = torch.from_numpy(scores)
    before, after = (dg.soft_rank(x, tau, backend=backend) for x in (values, values + shift))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-9)


@pytest.mark.parametrize("backend", ["exact", "nyswin", "hard"])
@given(scores=any_scores, factor=st.floats(0.01, 100))
def test_scores_and_temperature_scale_together(backend, scores, factor):
    values = torch.from_numpy(scores)
    ranks = dg.soft_rank(values, 1.2, backend=backend)
    scaled = dg.soft_rank(values * factor, 1.2 * factor, backend=backend)
    torch.testing.assert_close(ranks, scaled, rtol=1e-9, atol=1e-9)


@given(scores=any_scores, tau=st.floats(0.01, 100))
def test_a_higher_score_has_an_earlier_rank(scores, tau):
    ranks = dg.soft_rank(torch.from_numpy(scores), tau, backend="exact").numpy()
    for profile in range(2):
        order = np.argsort(-scores[profile], kind="stable")
        assert (np.diff(ranks[profile][order]) >= -1e-10).all()


def test_running_sum_ends_at_zero_and_rises_at_hits():
    scores = torch.linspace(5, -5, len(GENES), dtype=torch.float64)[None]
    curve = dg.running_sum(scores, SETS, backend="hard")
    assert curve.shape == (1, 3, len(GENES))
    assert curve[..., -1].abs().max() < 1e-12
    rises = curve[0, 0].diff(prepend=torch.zeros(1)) > 0
    assert rises.nonzero().flatten().tolist() == [0, 1, 2]


def test_results_follow_the_dtype_of_scores():
    scores = torch.randn(2, len(GENES))
    for dtype in (torch.float32, torch.float64):
        assert dg.enrichment_score(scores.to(dtype), SETS).dtype == dtype
        assert dg.running_sum(scores.to(dtype), SETS).dtype == dtype
        assert dg.soft_rank(scores.to(dtype)).dtype == torch.float64


def test_an_unknown_backend_names_the_known_ones():
    with pytest.raises(
        dg.InputError, match=r"unknown backend 'exakt'; known: hard, fastsum, exact, nyswin.*did you mean 'exact'"
    ):
        dg.enrichment_score(torch.randn(1, 30), SETS, backend="exakt")


def test_an_unknown_option_names_the_known_ones():
    with pytest.raises(dg.InputError, match=r"no option 'anchor'; it has: memory_mib, anchors.*did you mean 'anchors'"):
        dg.get_backend("nyswin", anchor=3)
    with pytest.raises(dg.InputError, match="anchors is '3'; it must be of type int"):
        dg.get_backend("nyswin", anchors="3")
    with pytest.raises(dg.InputError, match="options go with a backend's name"):
        dg.get_backend(dg.Exact(), memory_mib=1.0)


def test_a_score_that_is_not_finite_is_named():
    scores = torch.zeros(2, len(GENES))
    scores[1, 4] = torch.inf
    with pytest.raises(dg.InputError, match=r"score of gene 4 \(g4\) in profile 1 is inf"):
        dg.enrichment_score(scores, SETS)


def test_one_profile_needs_its_dimension():
    with pytest.raises(dg.InputError, match=r"use scores\[None\]"):
        dg.enrichment_score(torch.zeros(len(GENES)), SETS)
