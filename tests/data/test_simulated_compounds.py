"""Molecules are molecules and no two are alike; signatures are what they are said to be made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dgsea_bench import InputError
from dgsea_bench.data.compound_sources import SimulatedCompoundsSource
from dgsea_bench.data.directional import DIRECTIONAL_PATHWAYS
from dgsea_bench.data.landmarks import landmark_genes
from dgsea_bench.data.simulated_compounds import FRAGMENTS, simulate_compounds
from dgsea_bench.data.smiles import canonical_smiles, smiles_check, syntax_error

SHARES = st.floats(0, 1, exclude_min=True, exclude_max=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_molecules_are_valid_and_no_two_are_alike(seed):
    pytest.importorskip("rdkit.Chem", reason="RDKit is not installed (the extra [smiles])")
    smiles = simulate_compounds(2000, seed=seed).compounds.smiles
    check, form = smiles_check(), canonical_smiles()
    assert {check.reason(text) for text in smiles} == {None}
    assert len({form.of(text) for text in smiles}) == 2000


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.integers(10, 60), st.integers(1, 30))
def test_a_molecule_is_written_with_the_fragments_that_are_counted(seed, compounds, factors):
    made = simulate_compounds(compounds, factors=factors, seed=seed)
    assert len(set(made.compounds.smiles)) == compounds
    for text, counts in zip(made.compounds.smiles, made.fragments):
        assert syntax_error(text) is None
        assert len(text) == sum(count * len(fragment) for count, fragment in zip(counts, FRAGMENTS))
        assert all(fragment in text for count, fragment in zip(counts, FRAGMENTS) if count)
    assert made.activities.shape == (compounds, factors + 5)
    assert made.programmes[:5] == tuple(DIRECTIONAL_PATHWAYS)
    assert made.compounds.genes == tuple(landmark_genes()["symbol"])


@settings(max_examples=5)
@given(st.integers(0, 2**32), SHARES)
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(seed, signal):
    one, again = (simulate_compounds(20, seed=seed, signal=signal).compounds for _ in range(2))
    assert one.smiles == again.smiles
    assert one.signatures.tobytes() == again.signatures.tobytes()
    assert (
        one.signatures.tobytes() != simulate_compounds(20, seed=seed + 1, signal=signal).compounds.signatures.tobytes()
    )


@settings(max_examples=10)
@given(SHARES)
def test_the_share_of_signal_is_what_is_asked_for(signal):
    made = simulate_compounds(300, signal=signal)
    of_responses = np.sqrt(signal) * made.responses
    noise = made.compounds.signatures - of_responses
    assert (of_responses**2).mean() == pytest.approx(signal)
    assert (noise**2).mean() == pytest.approx(1 - signal, rel=0.02)
    assert (made.compounds.signatures**2).mean() == pytest.approx(1, rel=0.02)
    assert abs(np.corrcoef(noise.ravel(), of_responses.ravel())[0, 1]) < 0.01


def test_another_signal_leaves_molecules_activities_and_noise_as_they_are():
    quiet, loud = (simulate_compounds(50, signal=signal) for signal in (0, 1))
    assert quiet.compounds.smiles == loud.compounds.smiles
    assert (quiet.activities == loud.activities).all()
    between = simulate_compounds(50, signal=0.25).compounds.signatures
    expected = np.sqrt(0.75) * quiet.compounds.signatures + np.sqrt(0.25) * loud.compounds.signatures
    np.testing.assert_allclose(between, expected, atol=1e-5)


def test_responses_are_activities_times_loadings_weak_or_strong():
    made = simulate_compounds(200)
    plain = made.strengths[:, None] * (made.activities @ made.loadings)
    np.testing.assert_allclose(made.responses, plain * (made.responses[0, 0] / plain[0, 0]))
    assert np.quantile(made.strengths, 0.9) > 2 * np.quantile(made.strengths, 0.1)


def test_activities_are_recovered_from_signatures_by_regression():
    made = simulate_compounds()
    signatures = made.compounds.signatures / made.strengths[:, None]
    found = np.linalg.lstsq(made.loadings.T, signatures.T, rcond=None)[0].T
    correlations = [np.corrcoef(one, other)[0, 1] for one, other in zip(found.T, made.activities.T)]
    assert min(correlations[:5]) > 0.5  # of a few genes each, some of which are shared
    assert min(correlations[5:]) > 0.9


def test_genes_of_a_pathway_move_with_its_activity_in_the_direction_they_should():
    made = simulate_compounds()
    place = {gene: number for number, gene in enumerate(made.compounds.genes)}
    for name, halves in DIRECTIONAL_PATHWAYS.items():
        activity = made.activities[:, made.programmes.index(name)]
        for sign, half in zip((1, -1), halves):
            for gene in half:
                with_activity = np.corrcoef(made.compounds.signatures[:, place[gene]], activity)[0, 1]
                assert sign * with_activity > 0.15
    members = [place[gene] for halves in DIRECTIONAL_PATHWAYS.values() for half in halves for gene in half]
    assert (np.delete(made.loadings[:5], members, axis=1) == 0).all()


def test_structure_tells_a_part_of_the_activities_and_not_as_a_sum():
    """By least squares over fragments, on compounds that were not fitted."""
    made = simulate_compounds(6000)
    columns = np.column_stack([made.fragments, np.ones(6000)])
    weights = np.linalg.lstsq(columns[:3000], made.activities[:3000], rcond=None)[0]
    rest = made.activities[3000:] - columns[3000:] @ weights
    told = 1 - (rest**2).mean(0) / made.activities[3000:].var(0)
    assert (told[:5] > 0.05).all()
    assert (told[:5] < 0.3).all()  # structure tells 0.3 of them in all
    assert (told[5:] > 0.2).all()
    assert (told[5:] < 0.75).all()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"compounds": 9}, "compounds is 9; give 10 to 50,000"),
        ({"compounds": 50_001}, "compounds is 50001"),
        ({"factors": 0}, "factors is 0"),
        ({"signal": 1.5}, "signal is 1.5"),
        ({"signal": float("nan")}, "signal is nan"),
    ],
)
def test_sizes_that_cannot_be_are_refused(given, expected):
    with pytest.raises(InputError, match=expected):
        simulate_compounds(**given)
    with pytest.raises(ValidationError):
        SimulatedCompoundsSource(**given)


def test_the_source_is_the_simulator():
    source = SimulatedCompoundsSource(compounds=20, factors=3, signal=0.5, data_seed=4)
    expected = simulate_compounds(20, factors=3, signal=0.5, seed=4).compounds
    assert (source.load().signatures == expected.signatures).all()
    assert source.title == "20 simulated compounds, signal 0.5"
    assert source.input_hashes() == {}
    assert SimulatedCompoundsSource().compounds == 1200
