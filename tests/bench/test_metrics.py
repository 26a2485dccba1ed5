"""Metrics against numbers worked out by hand."""

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dgsea_bench.bench.metrics import (
    METRICS,
    OF_A_PROFILE,
    Computed,
    accuracy_by_profile,
    accuracy_metrics,
    agreement_metrics,
    gradient_metrics,
    growth,
    value_metrics,
)

NUMBERS = arrays.arrays(float, (2, 12), elements=st.floats(-1, 1).filter(lambda x: x == 0 or abs(x) > 1e-6))


def test_relative_errors_of_known_arrays():
    truth = np.array([[1.0, -2.0, 4.0]])
    value = np.array([[1.1, -2.0, 3.0]])
    metrics = value_metrics(value, truth)
    assert metrics == {
        "value_error_mean": pytest.approx((0.1 + 0 + 0.25) / 3),
        "value_error_p95": pytest.approx(0.1 + 0.9 * 0.15),
        "value_error_max": pytest.approx(0.25),
        "value_error_scaled": pytest.approx(1 / 4),
    }


def test_a_truth_of_zero_is_covered_by_the_scaled_error_alone():
    assert value_metrics(np.array([[0.5, 2.0]]), np.array([[0.0, 2.0]])) == {
        "value_error_mean": 0,
        "value_error_p95": 0,
        "value_error_max": 0,
        "value_error_scaled": 0.25,
    }
    assert value_metrics(np.array([[0.5]]), np.array([[0.0]])) == {"value_error_scaled": 0.5}


@given(truth=NUMBERS, value=NUMBERS)
def test_errors_are_ordered_and_vanish_for_the_truth_alone(truth, value):
    metrics = value_metrics(value, truth)
    assert (metrics["value_error_scaled"] == 0) == np.array_equal(value, truth)
    if truth.any():
        assert 0 <= metrics["value_error_p95"] <= metrics["value_error_max"]
        assert metrics["value_error_mean"] <= metrics["value_error_max"] * (1 + 1e-12)
    assert all(error == 0 for error in value_metrics(truth, truth).values())


@given(truth=NUMBERS, value=NUMBERS, scale=st.sampled_from([0.25, 4.0, -8.0]))
def test_relative_errors_do_not_depend_on_the_unit(truth, value, scale):
    one, scaled = value_metrics(value, truth), value_metrics(scale * value, scale * truth)
    if truth.any():
        assert one == scaled


def test_gradient_of_known_arrays():
    metrics = gradient_metrics(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]]))
    assert metrics["gradient_error"] == pytest.approx(np.sqrt(2) / 5)
    assert metrics["gradient_cosine"] == pytest.approx(24 / 25)


def test_a_rescaled_gradient_keeps_its_direction():
    metrics = gradient_metrics(np.array([[2.0, -4.0]]), np.array([[-1.0, 2.0]]))
    assert metrics == {"gradient_error": pytest.approx(3.0), "gradient_cosine": pytest.approx(-1.0)}


def test_two_gradients_that_vanish_have_nothing_to_compare():
    assert gradient_metrics(np.zeros((1, 3)), np.zeros((1, 3))) == {}


def test_a_gradient_that_vanishes_where_the_truth_does_not_is_wholly_wrong():
    assert gradient_metrics(np.zeros((1, 3)), np.ones((1, 3)))["gradient_error"] == 1


def test_agreement_of_the_same_and_of_the_opposite_order():
    classical = np.linspace(-1, 1, 10)[None]
    assert agreement_metrics(classical**3, classical) == {
        "es_sign_agreement": 1,
        "es_spearman": pytest.approx(1),
    }
    assert agreement_metrics(-classical, classical) == {"es_sign_agreement": 0, "es_spearman": pytest.approx(-1)}


def test_sign_agreement_is_a_share():
    value, classical = np.array([[1.0, 1.0, -1.0, -1.0]]), np.array([[1.0, -1.0, -1.0, -1.0]])
    assert agreement_metrics(value, classical) == {"es_sign_agreement": 0.75}


def test_rank_correlation_needs_ten_sets_that_are_not_all_equal():
    nine = np.linspace(1, 2, 9)[None]
    assert "es_spearman" not in agreement_metrics(nine, nine)
    assert "es_spearman" not in agreement_metrics(np.ones((1, 10)), np.linspace(1, 2, 10)[None])


def test_rank_correlation_is_the_median_over_profiles():
    up = np.arange(1.0, 13)
    value = np.stack([up, up, -up])
    assert agreement_metrics(value, np.stack([up] * 3))["es_spearman"] == pytest.approx(1)


@given(seed=st.integers(0, 10**6), profiles=st.integers(1, 5))
def test_a_profile_alone_has_the_metrics_of_a_batch_of_one(seed, profiles):
    rng = np.random.default_rng(seed)
    truth = Computed(rng.standard_normal((profiles, 12)), rng.standard_normal((profiles, 40)))
    found = Computed(truth.value + 0.01 * rng.standard_normal((profiles, 12)), 1.5 * truth.gradient)
    classical = rng.standard_normal((profiles, 12))
    each = accuracy_by_profile(found, truth, classical)
    assert set(each) == set(OF_A_PROFILE) <= set(METRICS)
    relative = np.abs(found.value - truth.value) / np.abs(truth.value)
    np.testing.assert_allclose(each["value_error_mean"], relative.mean(1))
    scaled = np.abs(found.value - truth.value).max(1) / np.abs(truth.value).max(1)
    np.testing.assert_allclose(each["value_error_scaled"], scaled)
    np.testing.assert_allclose(each["gradient_error"], 0.5)
    spearman = [scipy.stats.spearmanr(a, b).statistic for a, b in zip(found.value, classical)]
    np.testing.assert_allclose(each["es_spearman"], spearman)
    together = accuracy_metrics(found, truth, classical)
    assert together["value_error_mean"] == pytest.approx(each["value_error_mean"].mean())
    assert together["es_spearman"] == pytest.approx(np.median(each["es_spearman"]))
    assert together["gradient_error"] == pytest.approx(0.5)


def test_what_is_not_known_of_a_profile_is_nan():
    value, nine = np.ones((2, 12)), np.arange(18.0).reshape(2, 9)
    each = accuracy_by_profile(Computed(value), Computed(), None)
    assert all(np.isnan(values).all() and values.shape == (2,) for values in each.values())
    each = accuracy_by_profile(Computed(nine, np.ones((2, 5))), Computed(nine, np.zeros((2, 5))), nine)
    assert np.isnan(each["es_spearman"]).all(), "fewer than ten sets"
    assert np.isnan(each["gradient_error"]).all(), "a gradient that vanishes"
    assert (each["value_error_scaled"] == 0).all()
    assert accuracy_metrics(Computed(), Computed(), None) == {}


@given(slope=st.floats(-1, 3), factor=st.floats(1e-6, 1e3), sizes=st.sets(st.integers(2, 10**6), min_size=3))
def test_the_growth_of_an_exact_power_law_is_its_exponent(slope, factor, sizes):
    sizes = np.array(sorted(sizes), dtype=float)
    fit = growth(sizes, factor * sizes**slope)
    assert fit.slope == pytest.approx(slope, abs=1e-6)
    assert fit.low <= fit.slope <= fit.high
    assert fit.high - fit.low < 1e-3
    assert fit.sizes == (sizes.min(), sizes.max())


def test_the_interval_of_a_noisy_power_law_covers_its_exponent_and_narrows_with_repeats():
    rng = np.random.default_rng(0)
    covered, widths = 0, []
    for _ in range(200):
        sizes = np.repeat([400.0, 978, 2000, 4000], 3)
        fit = growth(sizes, sizes**2 * np.exp(0.1 * rng.standard_normal(len(sizes))))
        covered += fit.low <= 2 <= fit.high
        widths.append(fit.high - fit.low)
    assert 0.90 < covered / 200 < 0.99
    assert np.mean(widths) < 0.3


@pytest.mark.parametrize("sizes", [[], [100], [100, 200], [100, 200, 200, 100]])
def test_fewer_than_three_sizes_have_no_growth(sizes):
    assert growth(np.array(sizes, dtype=float), np.ones(len(sizes))) is None


def test_a_cost_too_small_to_be_seen_does_not_break_the_growth():
    """Peak memory can be measured as 0 MiB."""
    fit = growth(np.array([100.0, 200, 400, 800]), np.array([0.0, 2.0, 4.0, 8.0]))
    assert fit is None or np.isfinite([fit.slope, fit.low, fit.high]).all()


def test_every_computed_metric_is_described():
    values = np.linspace(-1, 1, 10)[None]
    computed = value_metrics(values, values) | gradient_metrics(values, values) | agreement_metrics(values, values)
    assert computed.keys() <= METRICS.keys()
    assert all(metric.title and metric.better in ("lower", "higher", None) for metric in METRICS.values())
