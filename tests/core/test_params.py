"""Parameters refuse what is no temperature and say which one it was."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import EnrichmentParams, InputError, NullParams

TEMPERATURES = ["tau_rank", "tau_prefix", "tau_abs"]
POSITIVE = st.floats(min_value=1e-200, max_value=1e300)


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


@pytest.mark.parametrize("null", [NullParams(), NullParams.preset("default")])
def test_the_defaults_of_a_null_distribution(null):
    assert dataclasses.asdict(null) == {
        "permutations": 1000,
        "seed": 0,
        "trim": 0.15,
        "shrinkage": 0.10,
        "split": 0.5,
        "calibrate": False,
        "sharing": "set",
        "p_value": "fgsea",
        "fdr": "benjamini-hochberg",
        "gradient": False,
    }


def test_the_gsea_preset_is_plain_gsea():
    plain = NullParams(trim=0, shrinkage=0, split=None, p_value="gsea", fdr="gsea")
    assert NullParams.preset("gsea") == plain


def test_the_released_preset_calibrates_and_counts_all_null_values():
    assert NullParams.preset("released") == NullParams(calibrate=True, p_value="released")


def test_a_null_preset_can_be_changed():
    changed = NullParams.preset("gsea", trim=0.2, seed=3)
    assert changed == dataclasses.replace(NullParams.preset("gsea"), trim=0.2, seed=3)


def test_an_unknown_null_preset_lists_the_known_ones_and_the_nearest():
    with pytest.raises(InputError, match=r"'gsae'; known: default, gsea, released; did you mean 'gsea'\?"):
        NullParams.preset("gsae")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("permutations", value) for value in (19, 0, -5, 1.5, 100.0, True, "100", None, 2**31)),
        *(("seed", value) for value in (-1, 0.0, 1.5, True, None, "0", 2**63)),
        *(("trim", value) for value in (0.5, 0.7, -0.01, math.nan, math.inf, None, True, "0.1")),
        *(("shrinkage", value) for value in (1.1, -0.1, math.nan, math.inf, None, True)),
        *(("split", value) for value in (0, 1, 0.0, 1.0, -0.5, 1.5, math.nan, True, "half")),
        *(("calibrate", value) for value in (1, 0, None, "yes")),
        *(("gradient", value) for value in (1, None)),
        *(("sharing", value) for value in ("sets", "", None, 1)),
        *(("p_value", value) for value in ("fgsae", None)),
        *(("fdr", value) for value in ("bh", None, 0.05)),
    ],
)
def test_a_null_parameter_out_of_its_range_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=rf"^{name} is .*; (it must be|known: )"):
        NullParams(**{name: value})


@pytest.mark.parametrize(
    ("name", "word", "meant"),
    [
        ("sharing", "sise", "size"),
        ("p_value", "relased", "released"),
        ("p_value", "fgse", "fgsea"),
        ("fdr", "benjamini-hochburg", "benjamini-hochberg"),
    ],
)
def test_an_unknown_word_lists_the_known_ones_and_the_nearest(name, word, meant):
    with pytest.raises(InputError, match=rf"{name} is '{word}'; known: .*{meant}.*; did you mean '{meant}'\?"):
        NullParams(**{name: word})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("permutations", 20),
        ("seed", 2**63 - 1),
        ("trim", 0),
        ("trim", 0.4999),
        ("shrinkage", 0),
        ("shrinkage", 1),
        ("split", 1e-3),
        ("split", 0.999),
        ("split", None),
        *(("sharing", word) for word in ("set", "size")),
        *(("p_value", word) for word in ("fgsea", "gsea", "released")),
        *(("fdr", word) for word in ("benjamini-hochberg", "gsea")),
    ],
)
def test_the_ends_of_each_range_are_allowed(name, value):
    assert getattr(NullParams(**{name: value}), name) == value


def test_null_params_are_frozen_hashable_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        NullParams().permutations = 30
    with pytest.raises(TypeError, match="positional"):
        NullParams(1000)
    assert len({NullParams(), NullParams.preset("default"), NullParams(seed=1)}) == 2


@given(st.integers(20, 5000), st.floats(0.001, 0.999))
def test_split_halves_are_what_there_is_once_and_never_empty(permutations, split):
    null, each = NullParams(permutations=permutations, split=split), range(permutations)
    first, second = each[null.for_denominators(permutations)], each[null.for_p_values(permutations)]
    assert [*first, *second] == list(each)
    assert len(first) >= 1
    assert len(second) >= 1
    assert abs(len(first) - split * permutations) <= 1


def test_without_a_split_all_values_serve_both():
    null = NullParams(split=None)
    assert range(50)[null.for_denominators(50)] == range(50)[null.for_p_values(50)] == range(50)


def test_a_gradient_through_a_null_that_has_none_is_refused():
    with pytest.raises(InputError, match="calibrate divides by the classical null"):
        NullParams(calibrate=True, gradient=True)
