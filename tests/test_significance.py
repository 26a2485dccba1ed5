"""Significance against GSEA Desktop's results, plain loops and numpy; laws of scale, sign and split."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import dgsea_bench as dg
from dgsea_bench.core.params import PValue
from dgsea_bench.significance import (
    benjamini_hochberg,
    mean_magnitudes,
    null_nes,
    pooled_ratio,
    smallest_p_value,
)

GSEA = dg.NullParams.preset("gsea")
SEEDS = st.integers(0, 10**6)
TRIMS = st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.15, 0.25, 0.3, 0.4, 0.49])
SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
SPLITS = st.sampled_from([None, 0.25, 0.5, 0.75])
DEFINITIONS = st.sampled_from(["fgsea", "gsea", "released"])
FDRS = st.sampled_from(["benjamini-hochberg", "gsea"])


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Small problems: threads that wait for each other take more time than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(seed, profiles=2, sets=3, permutations=40, *, decimals=None, one_sided=False):
    """Scores and null scores of magnitudes and signs as they occur; with decimals, many are equal."""
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(0.1, 0.5, (profiles, sets, 1))
    values = rng.standard_normal((profiles, sets, 1 + permutations)) * sizes + rng.uniform(-0.2, 0.2, sizes.shape)
    values = np.clip(np.abs(values) if one_sided else values, -1, 1)
    values = values if decimals is None else np.round(values, decimals)
    return torch.from_numpy(values[..., 0].copy()), torch.from_numpy(values[..., 1:].copy())


def assert_same(one, other, **tolerance):
    torch.testing.assert_close(one, other, **{"rtol": 0, "atol": 0, "equal_nan": True, **tolerance})


# Against GSEA Desktop


@pytest.fixture(scope="module")
def desktop(data):
    """ES, NES, NP, FDR and 1,000 null ES of each set, as GSEA Desktop printed them."""
    sets = list(ET.parse(data / "gsea_desktop/results.edb").getroot().iter("DTG"))  # noqa: S314
    printed = {name: np.array([float(each.get(name)) for each in sets]) for name in ("ES", "NES", "NP", "FDR")}
    null_es = np.array([[float(value) for value in each.get("RND_ES").split()] for each in sets])
    assert null_es.shape == (7, 1000)
    return printed, torch.from_numpy(printed["ES"])[None], torch.from_numpy(null_es)[None]


def test_agrees_with_gsea_desktop(desktop):
    printed, es, null_es = desktop
    found = dg.significance(es, null_es, GSEA)
    np.testing.assert_allclose(found.nes[0], printed["NES"], rtol=0, atol=1e-3)
    np.testing.assert_array_equal(np.round(found.p_value[0].numpy(), 4), printed["NP"])
    np.testing.assert_allclose(found.fdr[0], printed["FDR"], rtol=0, atol=5e-3)
    assert not found.reason.any()


def test_what_is_printed_does_not_depend_on_which_sets_are_judged_together(desktop):
    _, es, null_es = desktop
    together = dg.significance(es, null_es, GSEA)
    for number in range(es.shape[1]):
        alone = dg.significance(es[:, [number]], null_es[:, [number]], GSEA)
        assert_same(alone.nes[:, 0], together.nes[:, number])
        assert_same(alone.p_value[:, 0], together.p_value[:, number])


# The robust mean of magnitudes


def plain_mean(null_es, params):
    """(B, P, 2) the formula, value by value, with numpy's quantiles."""
    result = np.full((*null_es.shape[:2], 2), np.nan)
    chosen = null_es[..., : int(null_es.shape[-1] * params.split)] if params.split is not None else null_es
    for at in np.ndindex(null_es.shape[:2]):
        for number, pool in enumerate((chosen[at][chosen[at] >= 0], -chosen[at][chosen[at] < 0])):
            if pool.size == 0:
                continue
            low, high = np.quantile(pool, [params.trim, 1 - params.trim])
            inside, clipped = pool[(pool >= low) & (pool <= high)], np.clip(pool, low, high)
            trimmed = inside.mean() if inside.size else clipped.mean()
            result[(*at, number)] = (1 - params.shrinkage) * trimmed + params.shrinkage * clipped.mean()
    return result


@given(SEEDS, st.integers(20, 90), TRIMS, SHARES, SPLITS)
def test_the_denominators_are_robust_means(seed, permutations, trim, shrinkage, split):
    es, null_es = draw(seed, permutations=permutations)
    params = dg.NullParams(trim=trim, shrinkage=shrinkage, split=split)
    truth = plain_mean(null_es.numpy(), params)
    found = dg.significance(es, null_es, params)
    np.testing.assert_allclose(found.scales, truth, rtol=1e-12)
    np.testing.assert_allclose(mean_magnitudes(null_es, params), truth, rtol=1e-12)
    sign = np.where(es.numpy() >= 0, 0, 1)[..., None]
    np.testing.assert_allclose(found.nes, es.numpy() / np.take_along_axis(truth, sign, -1)[..., 0], rtol=1e-12)


@given(SEEDS, TRIMS, SHARES)
def test_equal_null_scores_are_no_exception(seed, trim, shrinkage):
    """With one decimal, the quantiles fall on runs of equal values."""
    _, null_es = draw(seed, permutations=50, decimals=1)
    params = dg.NullParams(trim=trim, shrinkage=shrinkage)
    np.testing.assert_allclose(mean_magnitudes(null_es, params), plain_mean(null_es.numpy(), params), rtol=1e-12)


def test_plain_gsea_divides_by_the_mean():
    es, null_es = draw(1)
    found, values = dg.significance(es, null_es, GSEA).scales, null_es.numpy()
    for at in np.ndindex(es.shape):
        assert found[at][0] == pytest.approx(values[at][values[at] >= 0].mean(), rel=1e-13)
        assert found[at][1] == pytest.approx(-values[at][values[at] < 0].mean(), rel=1e-13)


def test_a_score_of_zero_is_positive():
    """Twenty null scores of 0.25, twenty of 0, and none below."""
    null_es = torch.tensor([0.25, 0.0]).double().repeat_interleave(20)[None, None]
    found = dg.significance(torch.zeros(1, 1).double(), null_es, GSEA)
    assert found.scales[0, 0, 0] == 0.125
    assert found.scales[0, 0, 1].isnan()
    assert found.nes.item() == 0
    assert found.p_value.item() == 1
    negative = dg.significance(-torch.zeros(1, 1).double(), null_es, GSEA)
    assert negative.p_value.item() == 1


def test_two_values_of_a_sign_are_enough_whatever_is_trimmed():
    """Neither lies between their own quantiles, so that the clipped ones speak: their middle."""
    null_es = torch.tensor([0.2, 0.4, *[-0.1] * 18]).double()[None, None]
    params = dg.NullParams(split=None, trim=0.4, shrinkage=0)
    assert mean_magnitudes(null_es, params)[0, 0].tolist() == pytest.approx([0.3, 0.1])


# p-values


def plain_p_value(es, null_es, params):
    """(n, N, p) by counting."""
    values = null_es[int(len(null_es) * params.split) if params.split is not None else 0 :]
    same = [value for value in values if (value >= 0) == (es >= 0)]
    n = sum(abs(value) >= abs(es) for value in same)
    if not same:
        return 0, 0, math.nan
    p_value = {"fgsea": (1 + n) / (1 + len(same)), "gsea": n / len(same), "released": (1 + n) / (1 + len(values))}
    return n, len(same), p_value[params.p_value]


@given(SEEDS, st.integers(20, 60), DEFINITIONS, SPLITS, st.sampled_from([None, 1]))
def test_p_values_are_those_of_a_plain_loop(seed, permutations, definition, split, decimals):
    """With one decimal many null scores equal the observed one, and count as at least as extreme."""
    es, null_es = draw(seed, permutations=permutations, decimals=decimals)
    params = dg.NullParams(p_value=definition, split=split)
    found = dg.significance(es, null_es, params)
    for at in np.ndindex(es.shape):
        n, of_sign, p_value = plain_p_value(es[at].item(), null_es[at].tolist(), params)
        assert found.as_extreme[at] == n
        assert found.of_sign[at] == of_sign
        assert found.p_value[at].item() == pytest.approx(p_value, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", ["nes", "fdr"])
def test_rounding_of_equal_null_scores_does_not_matter(name):
    """Small sets give the same score again and again, but for the last bit; for p-values that bit is nothing."""
    errors = []
    for seed in range(20):
        es, null_es = draw(seed, sets=4, decimals=1)
        last_bit = torch.from_numpy(np.random.default_rng(seed).integers(-1, 2, null_es.shape) * 2.0**-52)
        one, other = (
            dg.significance(es, values, replace(GSEA, trim=0.15)) for values in (null_es, null_es * (1 + last_bit))
        )
        assert_same(one.p_value, other.p_value)
        errors.append(float((getattr(one, name) - getattr(other, name)).abs().nan_to_num().max()))
    assert max(errors) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_that_differ_by_rounding_are_equal(dtype):
    """0.1 + 0.2 is at least as extreme as 0.3, and 0.3 as 0.1 + 0.2."""
    one, other = torch.tensor(0.3, dtype=dtype), torch.tensor(0.1, dtype=dtype) + torch.tensor(0.2, dtype=dtype)
    for es, null in ((one, other), (other, one)):
        assert dg.significance(es[None, None], null.repeat(1, 1, 40)).p_value.item() == 1


@pytest.mark.parametrize("definition", PValue.__args__)
@pytest.mark.parametrize("split", [None, 0.5])
def test_the_smallest_p_value_is_that_of_a_score_beyond_all_null_scores(definition, split):
    params = dg.NullParams(permutations=80, p_value=definition, split=split)
    null_es = torch.linspace(0.1, 0.4, 80).double() * torch.tensor([1, -1]).repeat(40)
    found = dg.significance(torch.tensor([[0.9]]).double(), null_es[None, None], params).p_value.item()
    values = 80 if split is None else 40
    assert found == {"fgsea": 1 / (1 + values // 2), "gsea": 0, "released": 1 / (1 + values)}[definition]
    assert smallest_p_value(params) == (1 / (values // 2) if definition == "gsea" else found)


# FDR


def plain_benjamini_hochberg(p_values):
    """Minimum over the p-values at least as large of p·m / (number of p-values at most as large)."""
    known = [p for p in p_values if not math.isnan(p)]
    adjusted = []
    for p in p_values:
        larger = [q * len(known) / sum(r <= q for r in known) for q in known if q >= p]
        adjusted.append(min([1.0, *larger]) if not math.isnan(p) else math.nan)
    return adjusted


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.2, 1.0, math.nan])), min_size=1, max_size=30))
def test_benjamini_hochberg_is_that_of_a_plain_writing(values):
    found = benjamini_hochberg(torch.tensor([values, values[::-1]], dtype=torch.float64))
    truth = plain_benjamini_hochberg(values)
    np.testing.assert_allclose(found, [truth, truth[::-1]], rtol=1e-12)


@given(SEEDS, DEFINITIONS)
def test_the_fdr_of_a_profile_adjusts_the_p_values_of_its_sets(seed, definition):
    es, null_es = draw(seed, sets=12)
    found = dg.significance(es, null_es, dg.NullParams(p_value=definition))
    for profile in range(len(es)):
        truth = plain_benjamini_hochberg(found.p_value[profile].tolist())
        np.testing.assert_allclose(found.fdr[profile], truth, rtol=1e-12)


def plain_pooled_ratio(nes, null_nes):
    """Of one profile: nes by set, all null NES in one list (Subramanian et al. 2005, appendix)."""
    result = []
    for one in nes:
        if math.isnan(one):
            result.append(math.nan)
            continue
        of_sign = [value for value in null_nes if (value >= 0) == (one >= 0) and not math.isnan(value)]
        observed = [value for value in nes if (value >= 0) == (one >= 0) and not math.isnan(value)]
        if not of_sign:
            result.append(math.nan)
            continue
        null_share = sum(abs(value) >= abs(one) for value in of_sign) / len(of_sign)
        share = sum(abs(value) >= abs(one) for value in observed) / len(observed)
        result.append(min(1.0, null_share / share))
    return result


@given(SEEDS, st.integers(1, 8), SPLITS, TRIMS)
def test_gsea_fdr_is_that_of_a_plain_double_loop(seed, sets, split, trim):
    es, null_es = draw(seed, sets=sets, permutations=30)
    params = dg.NullParams(fdr="gsea", split=split, trim=trim)
    found = dg.significance(es, null_es, params)
    first = int(30 * split) if split is not None else 0
    means = plain_mean(null_es.numpy(), params)
    for profile in range(len(es)):
        pool = [
            value / means[profile, number, 0] if value >= 0 else value / means[profile, number, 1]
            for number in range(sets)
            for value in null_es[profile, number, first:].tolist()
        ]
        truth = plain_pooled_ratio(found.nes[profile].tolist(), pool)
        np.testing.assert_allclose(found.fdr[profile], truth, rtol=1e-12)


@given(SEEDS, st.integers(1, 7))
def test_the_pool_may_come_in_parts(seed, cut):
    es, null_es = draw(seed, sets=8)
    whole = dg.significance(es, null_es, GSEA)
    normalised = null_nes(null_es, whole.scales, GSEA)
    parts = (normalised[:, :cut], normalised[:, cut:])
    assert_same(pooled_ratio(whole.nes, parts), whole.fdr)


@given(SEEDS, FDRS, DEFINITIONS, SPLITS)
def test_an_fdr_is_a_share_and_that_of_benjamini_hochberg_no_smaller_than_p(seed, fdr, definition, split):
    es, null_es = draw(seed, sets=10)
    found = dg.significance(es, null_es, dg.NullParams(fdr=fdr, p_value=definition, split=split))
    known = found.fdr[~found.fdr.isnan()]
    assert ((known >= 0) & (known <= 1)).all()
    if fdr == "benjamini-hochberg":
        assert (found.fdr >= found.p_value - 1e-15)[~found.fdr.isnan()].all()


# Split halves


@given(SEEDS, st.sampled_from([0.25, 0.5, 0.75]), FDRS, DEFINITIONS)
def test_the_halves_of_a_split_do_not_influence_each_other(seed, split, fdr, definition):
    es, null_es = draw(seed, permutations=40)
    _, other = draw(seed + 1, permutations=40)
    first, params = int(40 * split), dg.NullParams(split=split, fdr=fdr, p_value=definition)
    whole = dg.significance(es, null_es, params)
    new_denominators = dg.significance(es, torch.cat([other[..., :first], null_es[..., first:]], -1), params)
    assert_same(new_denominators.p_value, whole.p_value)
    assert not torch.equal(new_denominators.scales, whole.scales)
    new_p_values = dg.significance(es, torch.cat([null_es[..., :first], other[..., first:]], -1), params)
    assert_same(new_p_values.nes, whole.nes)
    assert_same(new_p_values.scales, whole.scales)


@given(SEEDS, FDRS)
def test_the_order_of_null_scores_within_a_half_is_nothing(seed, fdr):
    es, null_es = draw(seed, permutations=40)
    rng = np.random.default_rng(seed)
    order = torch.from_numpy(np.concatenate([rng.permutation(20), 20 + rng.permutation(20)]))
    one, other = (dg.significance(es, values, dg.NullParams(fdr=fdr)) for values in (null_es, null_es[..., order]))
    for name in ("nes", "p_value", "fdr", "scales"):
        assert_same(getattr(one, name), getattr(other, name), rtol=1e-13)


@given(SEEDS, FDRS)
def test_profiles_do_not_influence_each_other(seed, fdr):
    es, null_es = draw(seed, profiles=3)
    together = dg.significance(es, null_es, dg.NullParams(fdr=fdr))
    for profile in range(3):
        alone = dg.significance(es[[profile]], null_es[[profile]], dg.NullParams(fdr=fdr))
        for name in ("nes", "p_value", "fdr", "scales"):
            assert_same(getattr(alone, name)[0], getattr(together, name)[profile])


# Calibration


@given(SEEDS, SPLITS, TRIMS, SHARES)
def test_calibrated_scores_are_divided_by_the_classical_mean(seed, split, trim, shrinkage):
    es, null_es = draw(seed)
    _, classical = draw(seed + 1)
    params = dg.NullParams(calibrate=True, split=split, trim=trim, shrinkage=shrinkage)
    found = dg.significance(es, null_es, params, classical_null_es=classical)
    means = plain_mean(classical.numpy(), params)
    means[np.isnan(plain_mean(null_es.numpy(), params))] = np.nan
    np.testing.assert_allclose(found.scales, means, rtol=1e-12)
    sign = np.where(es.numpy() >= 0, 0, 1)[..., None]
    np.testing.assert_allclose(found.nes, es.numpy() / np.take_along_axis(means, sign, -1)[..., 0], rtol=1e-12)
    plain = dg.significance(es, null_es, replace(params, calibrate=False))
    assert_same(found.p_value, plain.p_value)


def test_calibration_needs_a_classical_null():
    es, null_es = draw(1)
    with pytest.raises(dg.InputError, match="classical_null_es"):
        dg.significance(es, null_es, dg.NullParams(calibrate=True))


def test_a_classical_null_is_not_used_unless_asked_for():
    es, null_es = draw(1)
    _, classical = draw(2)
    assert_same(
        dg.significance(es, null_es, classical_null_es=classical).nes,
        dg.significance(es, null_es).nes,
    )


# Where there is nothing to divide by


@pytest.mark.parametrize("definition", PValue.__args__)
@pytest.mark.parametrize("fdr", ["benjamini-hochberg", "gsea"])
@pytest.mark.parametrize("split", [None, 0.5])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_null_score_of_the_sign_gives_nan_and_a_reason(definition, fdr, split, sign):
    """Never a silent 1. The other set of the profile, and the other profile, have all they need."""
    es, null_es = draw(5, sets=2, one_sided=True)
    es, null_es = sign * es, sign * null_es
    es[0, 0] *= -1
    params = dg.NullParams(p_value=definition, fdr=fdr, split=split)
    found = dg.significance(es, null_es, params)
    for values in (found.nes, found.p_value, found.fdr):
        assert values.isnan().tolist() == [[True, False], [False, False]]
    word = "negative" if sign > 0 else "positive"
    assert found.reason[0, 0].count(f"no {word} null score") == 2
    assert found.reason.astype(bool).tolist() == [[True, False], [False, False]]


def test_a_sign_that_only_one_half_has():
    """Without a denominator there is no NES but a p-value, and the other way round."""
    es = torch.full((1, 1), 0.5).double()
    first, second = torch.full((20,), 0.3).double(), torch.full((20,), -0.3).double()
    no_p = dg.significance(es, torch.cat([first, second])[None, None])
    assert no_p.nes.item() == pytest.approx(0.5 / 0.3)
    assert no_p.p_value.isnan().all()
    assert no_p.fdr.isnan().all()
    assert no_p.reason.item() == "no positive null score to take the p-value from"
    no_nes = dg.significance(es, torch.cat([second, first])[None, None])
    assert no_nes.nes.isnan().all()
    assert no_nes.p_value.item() == pytest.approx(1 / 21)
    assert no_nes.reason.item() == "no positive null score to normalise by"


def test_null_scores_that_are_all_zero_are_nothing_to_divide_by():
    found = dg.significance(torch.full((1, 1), 0.5), torch.zeros(1, 1, 40))
    assert found.nes.isnan().all()
    assert found.reason.item()
    assert found.p_value.item() == pytest.approx(1 / 21)


def test_classical_null_scores_of_the_other_sign_give_no_calibrated_nes():
    es, null_es = draw(5, one_sided=True)
    found = dg.significance(es, null_es, dg.NullParams(calibrate=True), classical_null_es=-null_es)
    assert found.nes.isnan().all()
    assert (found.reason == "no positive null score to normalise by").all()
    other = dg.significance(es, -null_es, dg.NullParams(calibrate=True), classical_null_es=null_es)
    assert other.nes.isnan().all()


@given(SEEDS, SPLITS, FDRS, DEFINITIONS)
def test_what_is_nan_has_a_reason_and_nothing_else(seed, split, fdr, definition):
    """Few null scores of which most have one sign."""
    es, null_es = draw(seed, profiles=3, sets=5, permutations=20)
    es, null_es = es - 0.3, null_es + 0.4
    found = dg.significance(es, null_es, dg.NullParams(split=split, fdr=fdr, p_value=definition))
    missing = found.nes.isnan() | found.p_value.isnan()
    assert (found.reason != "").tolist() == missing.tolist()
    assert (found.fdr.isnan() <= missing).all()


# Input


@pytest.mark.parametrize("name", ["null_es", "classical_null_es"])
def test_input_that_cannot_be_used_is_refused(name):
    es, null_es = draw(1)
    params = dg.NullParams(calibrate=True)

    def judge(scores, values):
        both = {"null_es": null_es, "classical_null_es": null_es, name: values}
        return dg.significance(scores, both["null_es"], params, classical_null_es=both["classical_null_es"])

    for values in (null_es[..., :19], null_es[..., :0]):
        with pytest.raises(dg.InputError, match=f"{name} has {values.shape[-1]} null scores .* 20 are the fewest"):
            judge(es, values)
    for value in (math.nan, math.inf, -math.inf):
        bad = null_es.clone()
        bad[1, 2, 30] = value
        with pytest.raises(dg.InputError, match=f"{name} holds a value that is not finite"):
            judge(es, bad)
    for values in (null_es[:1], null_es[:, :2], null_es.transpose(0, 1)):
        with pytest.raises(dg.InputError, match=rf"{name} has shape .*; it must be \(2, 3\) and the permutations"):
            judge(es, values)
    for values in (null_es[0], null_es[..., None], null_es.long(), null_es.numpy()):
        with pytest.raises(
            dg.InputError,
            match=rf"{name} is .*; it must be a floating point torch tensor of shape \(profiles, sets, permutations\)",
        ):
            judge(es, values)


def test_scores_that_cannot_be_used_are_refused():
    es, null_es = draw(1)
    for bad in (es[0], es[..., None], es.long(), es.numpy(), es.tolist()):
        with pytest.raises(
            dg.InputError, match=r"^es is .*; it must be a floating point torch tensor of shape \(profiles, sets\)"
        ):
            dg.significance(bad, null_es)
    bad = es.clone()
    bad[0, 0] = math.nan
    with pytest.raises(dg.InputError, match=r"^es holds a value that is not finite"):
        dg.significance(bad, null_es)


def test_what_is_given_is_left_as_it_was():
    es, null_es = draw(1)
    kept = es.clone(), null_es.clone()
    dg.significance(es, null_es, GSEA)
    assert torch.equal(es, kept[0])
    assert torch.equal(null_es, kept[1])


# Laws


@given(SEEDS, st.floats(1e-3, 1e3), TRIMS, SPLITS)
def test_scores_on_another_scale_have_the_same_nes(seed, factor, trim, split):
    es, null_es = draw(seed)
    params = dg.NullParams(trim=trim, split=split)
    one, other = dg.significance(es, null_es, params), dg.significance(factor * es, factor * null_es, params)
    assert_same(other.nes, one.nes, rtol=1e-10)
    assert_same(other.p_value, one.p_value)
    assert_same(other.scales, factor * one.scales, rtol=1e-10)


@given(SEEDS, TRIMS, SHARES, SPLITS, DEFINITIONS, FDRS, st.booleans())
def test_scores_of_the_other_sign_have_the_other_nes_and_the_same_p(
    seed, trim, shrinkage, split, definition, fdr, calibrate
):
    es, null_es = draw(seed)
    _, classical = draw(seed + 1)
    assert (es != 0).all()
    assert (null_es != 0).all()
    params = dg.NullParams(
        trim=trim, shrinkage=shrinkage, split=split, p_value=definition, fdr=fdr, calibrate=calibrate
    )
    one = dg.significance(es, null_es, params, classical_null_es=classical)
    other = dg.significance(-es, -null_es, params, classical_null_es=-classical)
    assert_same(other.nes, -one.nes)
    assert_same(other.p_value, one.p_value)
    assert_same(other.fdr, one.fdr)
    assert_same(other.scales, one.scales.flip(-1))


@given(SEEDS, SPLITS, DEFINITIONS)
def test_a_more_extreme_score_has_a_larger_nes_and_no_larger_p(seed, split, definition):
    es, null_es = draw(seed)
    params = dg.NullParams(split=split, p_value=definition)
    one, other = dg.significance(es, null_es, params), dg.significance(1.5 * es, null_es, params)
    assert (other.nes.abs() > one.nes.abs())[~one.nes.isnan()].all()
    assert (other.p_value <= one.p_value)[~one.p_value.isnan()].all()


@pytest.mark.parametrize("fdr", ["benjamini-hochberg", "gsea"])
def test_single_precision_gives_the_same_to_its_rounding(fdr):
    es, null_es = draw(3, sets=6, permutations=400)
    params = dg.NullParams(fdr=fdr)
    double, single = dg.significance(es, null_es, params), dg.significance(es.float(), null_es.float(), params)
    for name in ("nes", "p_value", "fdr", "scales"):
        assert getattr(single, name).dtype == torch.float32
        assert_same(getattr(single, name).double(), getattr(double, name), rtol=1e-5)


# Gradients


@pytest.mark.parametrize("split", [None, 0.5])
@pytest.mark.parametrize(("trim", "shrinkage"), [(0.15, 0.1), (0.0, 0.0), (0.3, 1.0)])
def test_gradients_are_those_of_finite_differences(trim, shrinkage, split):
    es, null_es = draw(7, permutations=24)
    params = dg.NullParams(trim=trim, shrinkage=shrinkage, split=split)
    es.requires_grad_()
    null_es.requires_grad_()
    assert torch.autograd.gradcheck(lambda *given: dg.significance(*given, params).nes, (es, null_es))


def test_calibrated_nes_follows_the_classical_null():
    es, null_es = draw(7, permutations=24)
    _, classical = draw(8, permutations=24)
    params = dg.NullParams(calibrate=True, split=None)
    es.requires_grad_()
    classical.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda scores, values: dg.significance(scores, null_es, params, classical_null_es=values).nes, (es, classical)
    )


def test_only_nes_and_its_scales_have_a_gradient():
    es, null_es = draw(7)
    found = dg.significance(es.requires_grad_(), null_es.requires_grad_(), GSEA)
    assert found.nes.requires_grad
    assert found.scales.requires_grad
    assert not found.p_value.requires_grad
    assert not found.fdr.requires_grad


def test_a_missing_sign_that_is_not_needed_leaves_gradients_finite():
    es, null_es = draw(7, one_sided=True)
    es.requires_grad_()
    null_es.requires_grad_()
    dg.significance(es, null_es).nes.sum().backward()
    assert es.grad.isfinite().all()
    assert null_es.grad.isfinite().all()


@pytest.mark.parametrize("left_out", [torch.nansum, lambda nes: nes[~nes.isnan()].sum()])
def test_a_nes_that_cannot_be_told_and_is_left_out_leaves_gradients_finite(left_out):
    """A training loop that leaves NaN out of its loss must not find it in its gradient."""
    es, null_es = draw(7, one_sided=True)
    es[0, 0] *= -1
    es.requires_grad_()
    found = dg.significance(es, null_es)
    assert found.nes.isnan().sum() == 1
    left_out(found.nes).backward()
    assert es.grad.isfinite().all()
