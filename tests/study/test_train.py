"""Training: losses by their definitions, the best epoch is what is kept, and the same seed gives the same model."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import mse_loss

import dgsea_bench as dg
from dgsea_bench.backends.straight_through import StraightThrough
from dgsea_bench.bench.training import TrainingSettings
from dgsea_bench.study.evaluate import Judge
from dgsea_bench.study.objective import PathwayTargets
from dgsea_bench.study.train import (
    Objective,
    Run,
    Samples,
    Watch,
    batches,
    make_optimizer,
    model_of,
    new_model,
    pathways_first,
    predict,
    standardisation,
    take_step,
    validation_loss,
)

GENES = [f"g{n}" for n in range(40)]
PATHWAYS = dg.Pathways.directional({"both": (GENES[:6], GENES[20:26]), "plain": GENES[30:38]}, GENES)
PARAMS = dg.EnrichmentParams.preset("training")
SETTINGS = TrainingSettings(hidden=16, batch=8, epochs=6, patience=3)
TRUE_MAP = torch.randn(5, 40, generator=torch.Generator().manual_seed(1))


def samples(count=40, seed=0, noise=0.3):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(count, 5, generator=generator)
    return Samples(features, features @ TRUE_MAP + noise * torch.randn(count, 40, generator=generator) + 3.0)


@pytest.fixture(scope="module")
def watch():
    judge = Judge.of(PATHWAYS, samples().expression, permutations=40).with_backend(dg.Fastsum())
    return Watch.of(samples(24, seed=2), judge)


def run(watch, objective=None, cost=None, **changes):
    settings = SETTINGS.model_copy(update=changes)
    model = new_model(samples(), settings, 0)
    cost = cost or validation_loss(1.0, 0.0)
    return Run(model, samples(), watch, objective or Objective(), cost, settings, 1e-2, settings.epochs, seed=0)


def with_pathways(weight=0.5, warmup_steps=0, genes=1.0, backend="fastsum"):
    targets = PathwayTargets.of(samples().expression, PATHWAYS, dg.get_backend(backend), PARAMS)
    return Objective(genes, weight, targets.loss(weight, warmup_steps), targets.scores)


def test_genes_are_standardised_by_the_training_set_and_a_constant_one_by_nothing():
    expression = samples().expression.clone()
    expression[:, 3] = 7.0
    mean, spread = standardisation(expression)
    np.testing.assert_allclose(mean, expression.numpy().mean(0), rtol=1e-5)
    np.testing.assert_allclose(spread[:3], expression.numpy().std(0)[:3], rtol=1e-4)
    assert spread[3] == 1


def test_a_model_that_says_nothing_predicts_the_mean_in_the_units_of_the_genes():
    model = new_model(samples(), SETTINGS, 0)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    predicted = predict(model, samples().features)
    torch.testing.assert_close(predicted, samples().expression.mean(0).expand(40, 40))
    assert float(model.gene_loss(predicted, samples().expression)) == pytest.approx(1.0, rel=1e-4)


def test_the_loss_on_genes_is_the_mean_square_of_standardised_expression():
    model, (mean, spread) = new_model(samples(), SETTINGS, 0), standardisation(samples().expression)
    predicted, target = samples(seed=4).expression, samples(seed=5).expression
    wanted = mse_loss((predicted - mean) / spread, (target - mean) / spread)
    torch.testing.assert_close(model.gene_loss(predicted, target), wanted)


@pytest.mark.parametrize("backend", ["exact", "fastsum", "nyswin"])
def test_the_loss_on_pathways_is_the_mean_square_of_dnes_by_that_backend(backend):
    targets = PathwayTargets.of(samples().expression, PATHWAYS, dg.get_backend(backend), PARAMS)
    predicted = samples(seed=7).expression

    def dnes(values):
        scores = dg.enrichment_score(values.double(), PATHWAYS.gene_sets, params=PARAMS, backend=backend)
        return PATHWAYS.combine(torch.where(scores >= 0, scores / targets.scales[:, 0], scores / targets.scales[:, 1]))

    wanted = mse_loss(dnes(predicted), dnes(samples().expression))
    found = targets.loss(1.0, 0)(predicted, target_scores=targets.scores)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-6)


@given(
    steps=st.integers(0, 30), warmup=st.integers(0, 20), weight=st.floats(0.01, 2), genes=st.sampled_from([0.0, 1.0])
)
def test_the_weight_of_pathways_rises_over_the_warm_up_to_what_was_asked_for(steps, warmup, weight, genes):
    objective = with_pathways(weight, warmup, genes)
    for _ in range(steps):
        objective.pathway_loss.step()
    model = new_model(samples(), SETTINGS, 0).eval()
    chosen = torch.arange(8)
    batch = Samples(samples().features[chosen], samples().expression[chosen])
    predicted = predict(model, batch.features)
    share = min(1.0, steps / warmup) if warmup else 1.0
    pathways = objective.pathway_loss(predicted, target_scores=objective.target_scores[chosen])
    wanted = genes * model.gene_loss(predicted, batch.expression) + weight * share * pathways
    torch.testing.assert_close(objective(model, batch, chosen), wanted)


def test_without_a_weight_there_is_the_loss_on_genes_alone():
    model = new_model(samples(), SETTINGS, 0).eval()
    batch, chosen = samples(8), torch.arange(8)
    loss = Objective()(model, batch, chosen)
    torch.testing.assert_close(loss, model.gene_loss(model(batch.features), batch.expression))


def test_a_step_cuts_the_gradient_and_moves_the_weights_as_adamw_of_torch():
    objective, chosen = with_pathways(), torch.arange(8)
    batch = Samples(samples().features[chosen], samples().expression[chosen])
    ours, theirs = (new_model(samples(), SETTINGS.model_copy(update={"dropout": 0.0}), 0) for _ in range(2))
    take_step(ours, make_optimizer(ours, SETTINGS, 1e-2), objective, batch, chosen, clip=0.1)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-2, weight_decay=1e-4)
    objective(theirs, batch, chosen).backward()
    norm = torch.sqrt(sum((parameter.grad**2).sum() for parameter in theirs.parameters()))
    assert norm > 0.1
    for parameter in theirs.parameters():
        parameter.grad *= 0.1 / (norm + 1e-6)
    optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


@given(count=st.integers(1, 50), seed=st.integers(0, 100))
def test_an_epoch_takes_each_sample_once(count, seed):
    found = list(batches(count, SETTINGS, torch.Generator().manual_seed(seed)))
    assert sorted(torch.cat(found).tolist()) == list(range(count))
    assert all(len(part) == 8 for part in found[:-1])


def test_training_learns_and_what_is_kept_is_the_best_epoch(watch):
    started = run(watch)
    trained = started.train()
    losses = trained.epochs["validation_gene_mse"].to_numpy()
    assert losses.min() < 0.6 * losses[0]
    kept = trained.epochs[trained.epochs["kept"]]
    assert kept["epoch"].tolist() == [losses.argmin()]
    again = watch.look(model_of(trained.state, samples(), SETTINGS))
    assert again["validation_gene_mse"] == pytest.approx(losses.min(), rel=1e-6)
    assert trained.steps == 5 * (len(losses) - 1)


def test_the_same_seed_trains_the_same_model(watch):
    first, again = (run(watch, with_pathways()).train().state for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_loss_on_pathways_brings_them_nearer(watch):
    alone = run(watch, with_pathways(genes=0.0), validation_loss(0.0, 1.0), epochs=12).train().epochs
    assert alone["validation_pathway_mse"].min() < 0.7 * alone["validation_pathway_mse"][0]


def test_training_stops_when_patience_ends_but_not_within_the_warm_up(watch):
    def never_better(_):
        return 0.0

    short = run(watch, cost=never_better, epochs=30).train()
    assert len(short.epochs) == 1 + SETTINGS.patience
    assert short.epochs["kept"].tolist() == [True, False, False, False]
    warming = run(watch, with_pathways(warmup_steps=31), never_better, epochs=30).train()
    assert len(warming.epochs) == 1 + 6 + SETTINGS.patience  # five steps an epoch: the seventh is the first idle one


@given(
    genes=st.lists(st.floats(-1, 1), min_size=1, max_size=6),
    pathways=st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), min_size=6, max_size=6),
    least=st.floats(-1, 1),
)
def test_a_hybrid_s_best_epoch_has_the_best_pathways_of_those_that_keep_the_genes(genes, pathways, least):
    cost = pathways_first(least)
    costs = [
        cost({"validation_gene_correlation": gene, "validation_trained_correlation": pathway})
        for gene, pathway in zip(genes, pathways)
    ]
    allowed = [p for g, p in zip(genes, pathways) if g >= least and not np.isnan(p)]
    if not allowed:
        assert set(costs) == {float("inf")}
    else:
        best = costs.index(min(costs))
        assert genes[best] >= least
        assert pathways[best] == max(allowed)


def test_classical_scores_can_be_trained_with_through_a_borrowed_gradient(watch):
    targets = PathwayTargets.of(samples().expression, PATHWAYS, StraightThrough(), PARAMS)
    objective = Objective(0.0, 1.0, targets.loss(1.0, 0), targets.scores)
    trained = run(watch, objective, validation_loss(0.0, 1.0), epochs=12).train().epochs
    assert trained["validation_pathway_mse"].min() < trained["validation_pathway_mse"][0]
