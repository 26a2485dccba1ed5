"""Simulated L1000 scores beside the real plate, by figures of it that are kept here and by the plate itself."""

from dataclasses import fields

import h5py
import numpy as np
import pytest
from scipy import stats

import dgsea_bench as dg
from dgsea_bench import InputError
from dgsea_bench.data.simulated_l1000 import TABLE, PlateModel, fit, simulate, stored_model
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.data.synthetic import Layout, generate

PLATE = {
    "scores": (-17.67, -5.52, -1.60, 0.19, 0.86, 1.53, 3.50, 7.79, 17.92),
    "repeated": (22, 35, 46),
    "responding": (47, 71, 121, 279, 477),
    "deviations": (1.29, 1.67, 2.03, 2.53, 3.35),
    "means": (0.81, 0.89, 0.93),
    "correlations": (-0.50, -0.36, -0.15, 0.00, 0.16, 0.37, 0.52),
    "eigenvalues": (183.0, 72.2, 54.1, 43.5, 33.5, 29.8),
}
"""Figures of the real plate, as `figures` computes them."""
SPREAD = (0.05, 0.25, 0.5, 0.75, 0.95)


def correlations(scores):
    """(G, G) of ranks over profiles: scores have tails that would decide any other."""
    return np.corrcoef(stats.rankdata(scores, axis=0).T)


def off_diagonal(table):
    return table[np.triu_indices(len(table), 1)]


def figures(scores):
    """Quantiles of all scores; over profiles, of values that another gene has too, of genes beyond 2, of standard
    deviations and of means; over pairs of genes, of correlations; the leading eigenvalues of these.
    """
    table = correlations(scores)
    repeated = [len(profile) - len(np.unique(profile)) for profile in scores]
    return {
        "scores": np.quantile(scores, [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999]),
        "repeated": np.quantile(repeated, [0.25, 0.5, 0.75]),
        "responding": np.quantile((np.abs(scores) >= 2).sum(1), SPREAD),
        "deviations": np.quantile(scores.std(1), SPREAD),
        "means": np.quantile(scores.mean(1), [0.05, 0.5, 0.95]),
        "correlations": np.quantile(off_diagonal(table), [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]),
        "eigenvalues": np.linalg.eigvalsh(table)[:-7:-1],
    }


@pytest.fixture(scope="module")
def simulated():
    """As many profiles as the plate has, three times."""
    return [stored_model().draw(np.random.default_rng(seed), 377) for seed in range(3)]


@pytest.fixture(scope="module")
def found(simulated):
    """Figures of the simulated plates, averaged."""
    each = [figures(scores) for scores in simulated]
    return {name: np.mean([one[name] for one in each], axis=0) for name in PLATE}


@pytest.fixture(scope="module")
def plate(data):
    with h5py.File(data / "l1000" / "landmark_978x377_level4.gctx") as file:
        return file["/0/DATA/0/matrix"][:]


# --- against figures of the plate -------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_plate(plate):
    for name, values in figures(plate).items():
        assert values == pytest.approx(PLATE[name], abs=0.006, rel=0.003), name


def test_scores_have_the_quantiles_of_the_plate(found):
    assert found["scores"] == pytest.approx(PLATE["scores"], rel=0.1, abs=0.03)


def test_ties_are_as_many_as_on_the_plate(found):
    low, _, high = PLATE["repeated"]
    assert low < found["repeated"][1] < high
    assert found["repeated"] == pytest.approx(PLATE["repeated"], abs=5)


def test_profiles_are_weak_and_strong_as_on_the_plate(found):
    """The quietest profiles are not as quiet as real ones: 67 genes beyond 2 in the place of 47."""
    ratio = found["responding"] / PLATE["responding"]
    assert ratio[:2].max() < 1.5
    assert ratio[2:] == pytest.approx(1, abs=0.27)
    assert found["responding"][4] > 6 * found["responding"][0]
    assert found["deviations"] == pytest.approx(PLATE["deviations"], rel=0.2)


def test_profiles_have_nearly_one_mean(found):
    assert found["means"] == pytest.approx(PLATE["means"], abs=0.03)


def test_genes_are_correlated_as_on_the_plate(found):
    assert found["correlations"] == pytest.approx(PLATE["correlations"], abs=0.03)
    assert found["eigenvalues"] == pytest.approx(PLATE["eigenvalues"], rel=0.3)
    assert found["eigenvalues"].sum() == pytest.approx(sum(PLATE["eigenvalues"]), rel=0.06)


# --- against the plate itself -----------------------------------------------------------------------------------------


def test_each_gene_has_its_distribution_on_the_plate(simulated, plate):
    ours, theirs = np.rint(np.concatenate(simulated) * 1e4), np.rint(plate.astype(float) * 1e4)
    distances = [stats.ks_2samp(*pair, method="asymp").statistic for pair in zip(ours.T, theirs.T)]
    assert np.median(distances) < 0.045
    assert max(distances) < 0.12


def test_each_pair_of_genes_is_correlated_as_on_the_plate(simulated, plate):
    """Two halves of the plate agree to 0.89; here no more of chance is left than in one plate."""
    ours, theirs = (off_diagonal(correlations(scores)) for scores in (np.concatenate(simulated), plate))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.96
    assert np.polyfit(ours, theirs, 1)[0] == pytest.approx(1, abs=0.05)


def test_the_table_is_what_the_plate_gives(plate):
    again, kept = fit(plate), stored_model()
    assert (again.offset, again.step) == (kept.offset, kept.step)
    for name in ("quantiles", "shared"):
        assert np.array_equal(getattr(again, name), getattr(kept, name)), name
    for name in ("spans", "loadings", "centres", "spreads", "noise"):
        assert getattr(again, name) == pytest.approx(getattr(kept, name), abs=2e-3), name


def test_sets_are_as_coherent_as_the_hallmark_sets_on_the_plate(data, plate):
    """Median and quartiles of the mean correlation within sets of the same sizes."""
    with h5py.File(data / "l1000" / "landmark_978x377_level4.gctx") as file:
        genes = [name.decode("latin-1") for name in file["/0/META/ROW/pr_gene_symbol"]]
    hallmark = dg.GeneSets.from_dict(dg.read_gmt(data / "gene_sets" / "h.all.v7.0.symbols.gmt"), genes, min_size=10)
    table = correlations(plate)
    theirs = [off_diagonal(table[np.ix_(chosen, chosen)]).mean() for chosen in members(hallmark)]
    sizes = tuple(hallmark.sizes.tolist()) * 20
    _, ours = simulate(np.random.default_rng(0), 1, sizes)
    coherence = [off_diagonal(table[np.ix_(chosen, chosen)]).mean() for chosen in ours]
    assert np.quantile(coherence, [0.25, 0.5, 0.75]) == pytest.approx(np.quantile(theirs, [0.25, 0.5, 0.75]), abs=0.015)


def members(gene_sets):
    return [chosen.nonzero()[:, 0].numpy() for chosen in gene_sets.membership()]


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_is_small_and_holds_no_profile():
    assert TABLE.stat().st_size < 200_000
    model = stored_model()
    for name in (field.name for field in fields(model)):
        assert 377 not in np.shape(getattr(model, name)), name
    assert model.quantiles.shape == (978, 49)  # of 377 scores


def test_the_table_is_made_of_unit_variances():
    model = stored_model()
    assert 1 - (model.loadings**2).sum(1).max() > 0.01
    assert (model.centres**2 + model.spreads**2).mean(0) == pytest.approx(1, abs=1e-5)
    assert model.centres.mean(0) == pytest.approx(0, abs=1e-5)
    assert (model.noise**2).mean() == pytest.approx(1, abs=1e-5)


# --- the generator ----------------------------------------------------------------------------------------------------


def test_a_problem_is_neither_planted_nor_null():
    problem = SyntheticSource(generator="l1000-simulated", sets=7, set_size="10-60", profiles=3).load()
    assert problem.scores.shape == (3, 978)
    assert (problem.shifts, problem.planted) == (None, ())
    assert len(problem.gene_sets) == 7


def test_members_of_a_set_are_distinct_whatever_its_size():
    sizes = (1, 2, 3, 500, 977)
    _, found = simulate(np.random.default_rng(0), 1, sizes)
    assert tuple(len(set(chosen.tolist())) for chosen in found) == sizes


def test_a_set_of_all_genes_is_refused():
    with pytest.raises(InputError, match="a set of 978 genes does not fit into a ranking of 978"):
        simulate(np.random.default_rng(0), 1, (10, 978))


@pytest.mark.parametrize("genes", [100, 977, 979])
def test_another_number_of_genes_is_refused(genes):
    with pytest.raises(ValueError, match=f"genes is {genes}; l1000-simulated has exactly 978"):
        SyntheticSource(generator="l1000-simulated", genes=genes)
    with pytest.raises(InputError, match=f"l1000-simulated has 978 genes, not {genes}"):
        generate("l1000-simulated", Layout(1, genes, (5,), 0), seed=0)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_share_to_plant_is_refused(share):
    with pytest.raises(ValueError, match=r"planted_share is .*; l1000-simulated plants nothing: leave it out"):
        SyntheticSource(generator="l1000-simulated", planted_share=share)


# --- the summary of any plate -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_up():
    """A plate of 300 profiles × 120 genes: two factors, weak and strong profiles, a median that genes share."""
    rng = np.random.default_rng(1)
    strength = np.repeat([0.6, 1.5], 150)[:, None]
    factors = rng.standard_normal((300, 2)) @ rng.normal(0, 0.6, (2, 120))
    scores = np.round(strength * (factors + rng.standard_normal((300, 120))), 2) * np.linspace(0.5, 5, 120)
    scores -= np.median(scores, axis=0)
    scores[rng.random(scores.shape) < 0.05] = 0
    return np.round(scores, 4) + 0.3


def test_a_summary_draws_plates_like_the_one_that_it_is_of(made_up):
    drawn = fit(made_up, factors=2, classes=4).draw(np.random.default_rng(2), 2000)
    distances = [
        stats.ks_2samp(*pair, method="asymp").statistic
        for pair in zip(np.rint(drawn.T * 1e4), np.rint(made_up.T * 1e4))
    ]
    assert max(distances) < 0.1
    ours, theirs = (off_diagonal(correlations(scores)) for scores in (drawn, made_up))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.93
    assert (drawn == 0.3).mean() == pytest.approx((made_up == 0.3).mean(), abs=0.004)
    strengths = [np.quantile(scores.std(1), [0.1, 0.9]) for scores in (drawn, made_up)]
    assert strengths[0] == pytest.approx(strengths[1], rel=0.3)


def test_scores_stay_within_those_of_the_plate_and_on_its_decimals(made_up):
    drawn = fit(made_up, factors=2, classes=4).draw(np.random.default_rng(3), 500)
    assert (drawn >= made_up.min(0) - 1e-9).all()
    assert (drawn <= made_up.max(0) + 1e-9).all()
    multiples = (drawn - 0.3) * 1e4
    assert multiples == pytest.approx(np.rint(multiples), abs=1e-6)


def test_a_summary_is_read_as_it_was_written(made_up, tmp_path):
    one = fit(made_up, factors=3, classes=4)
    one.save(tmp_path / "plate.npz")
    two = PlateModel.load(tmp_path / "plate.npz")
    for name in (field.name for field in fields(PlateModel)):
        assert getattr(two, name) == pytest.approx(getattr(one, name), abs=1e-3), name
    assert isinstance(two.offset, float)
    two.save(tmp_path / "again.npz")
    three = PlateModel.load(tmp_path / "again.npz")
    draws = [model.draw(np.random.default_rng(4), 5) for model in (two, three)]
    assert np.array_equal(*draws)


def test_a_plate_that_cannot_be_summed_up_is_refused(made_up):
    broken = made_up.copy()
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match="not finite"):
        fit(broken)
    still = made_up.copy()
    still[:, 4] = 1.5
    with pytest.raises(InputError, match="1 genes whose scores are all equal"):
        fit(still)
    with pytest.raises(InputError, match="the plate has 10 profiles of 120 genes"):
        fit(made_up[:10])
    with pytest.raises(InputError, match="20 factors more genes"):
        fit(made_up[:, :20])
