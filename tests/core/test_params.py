"""Parameters refuse what is no temperature and say which one it was."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import EnrichmentParams, InputError

TEMPERATURES = ["tau_rank", "tau_prefix", "tau_abs"]
POSITIVE = st.floats(min_value=1e-300, max_value=1e300)


@given(POSITIVE, POSITIVE, st.one_of(POSITIVE, st.just("adaptive")), st.floats(min_value=0, max_value=1e6))
def test_every_finite_positive_temperature_is_kept_as_given(tau_rank, tau_prefix, tau_abs, exponent):
    params = EnrichmentParams(tau_rank=tau_rank, tau_prefix=tau_prefix, tau_abs=tau_abs, exponent=exponent)
    assert dataclasses.asdict(params) == {
        "exponent": exponent,
        "tau_rank": tau_rank,
        "tau_prefix": tau_prefix,
        "tau_abs": tau_abs,
    }


@pytest.mark.parametrize("name", TEMPERATURES)
@pytest.mark.parametrize("value", [0, 0.0, -1, -1e-9, math.nan, math.inf, -math.inf])
def test_a_temperature_that_is_not_finite_and_positive_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=rf"{name} is .*; a temperature must be a finite number above 0"):
        EnrichmentParams(**{name: value})


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_an_exponent_below_zero_or_not_finite_is_refused(value):
    with pytest.raises(InputError, match=r"exponent is .*; it must be a finite number, 0 or larger"):
        EnrichmentParams(exponent=value)


def test_exponent_zero_is_allowed():
    assert EnrichmentParams(exponent=0).exponent == 0


def test_only_tau_abs_may_be_adaptive():
    assert EnrichmentParams(tau_abs="adaptive").tau_abs == "adaptive"
    with pytest.raises(InputError, match='or "adaptive"'):
        EnrichmentParams(tau_abs=-1)


def test_the_defaults_are_the_recommended_preset():
    assert EnrichmentParams() == EnrichmentParams.preset("recommended")
    assert EnrichmentParams() == EnrichmentParams(exponent=1, tau_rank=1.2, tau_prefix=1.0, tau_abs=0.6)


def test_the_training_preset_has_the_temperatures_of_the_release():
    assert EnrichmentParams.preset("training") == EnrichmentParams(tau_rank=0.8, tau_prefix=1.1, tau_abs=0.7)


def test_an_unknown_preset_lists_the_known_ones_and_the_nearest():
    with pytest.raises(InputError, match=r"'trainning'; known: recommended, training; did you mean 'training'\?"):
        EnrichmentParams.preset("trainning")


def test_params_are_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EnrichmentParams().exponent = 2.0
    with pytest.raises(TypeError, match="positional"):
        EnrichmentParams(1.0)


def test_equal_params_hash_alike():
    assert len({EnrichmentParams(), EnrichmentParams.preset("recommended"), EnrichmentParams(exponent=2)}) == 2
