"""Training: a predictor of expression from features of compounds, on genes, on pathways, or on both."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from dgsea_bench.bench.training import TrainingSettings
from dgsea_bench.loss import EnrichmentLoss
from dgsea_bench.study.evaluate import Judge, over_pathways, row_correlations

State = dict[str, Tensor]


class Predictor(torch.nn.Module):
    """Features → Linear → ReLU → Dropout → Linear → expression, as Li et al. 2026 have it behind a frozen encoder.

    The network's own output is standardised: of each gene (expression - mean) / spread of the training set.

    Args:
        features, genes: of the input and of the output.
        settings: width and dropout of the hidden layer.
        mean, spread: (G,) of the training set.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, settings: TrainingSettings, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(features, settings.hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(settings.dropout),
            torch.nn.Linear(settings.hidden, len(mean)),
        )
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, features: Float[Tensor, "samples features"]) -> Float[Tensor, "samples genes"]:
        """Expression in its own units, (B, G)."""
        standardised: Tensor = self.layers(features)
        return standardised * self.spread + self.mean

    def gene_loss(
        self, predicted: Float[Tensor, "samples genes"], target: Float[Tensor, "samples genes"]
    ) -> Float[Tensor, ""]:
        """Mean square of the difference of standardised expression."""
        return ((predicted - target) / self.spread).square().mean()


def standardisation(expression: Float[Tensor, "samples genes"]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each gene, 1 where that is 0."""
    spread = expression.std(0, correction=0)
    return expression.mean(0), torch.where(spread > 0, spread, torch.ones_like(spread))


@dataclass(frozen=True, eq=False)
class Samples:
    """What a model is trained on or watched by.

    Attributes:
        features: (N, D). expression: (N, G) true signatures.
    """

    features: Float32[Tensor, "samples features"]
    expression: Float32[Tensor, "samples genes"]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Objective:
    """What is minimised: `genes` times the loss on genes, and `weight` times that on pathways, where there is one.

    Attributes:
        pathway_loss: fitted, with `weight` as its own full weight, and with a warm-up.
        target_scores: (N, Q) of the training samples.
    """

    genes: float = 1.0
    weight: float = 0.0
    pathway_loss: EnrichmentLoss | None = None
    target_scores: Float[Tensor, "samples pathways"] | None = None

    def __call__(self, model: Predictor, batch: Samples, chosen: Tensor) -> Float[Tensor, ""]:
        """The loss of a batch of these training samples."""
        predicted = model(batch.features)
        total: Tensor = predicted.new_zeros(())
        if self.genes:
            total = total + self.genes * model.gene_loss(predicted, batch.expression)
        if self.pathway_loss is not None and self.target_scores is not None and self.weight:
            pathways: Tensor = self.pathway_loss(predicted, target_scores=self.target_scores[chosen])
            total = total + self.pathway_loss.weight * pathways
        return total

    @property
    def warmup_steps(self) -> int:
        """Steps before the loss is what is asked for."""
        return self.pathway_loss.warmup_steps if self.pathway_loss is not None else 0


@dataclass(frozen=True, eq=False)
class Watch:
    """What is told of validation samples after each epoch, by one judge for all arms.

    Attributes:
        true: (N, Q) dNES of the samples.
        trained_with: the same for the pathways that are trained with, where those are others.
    """

    samples: Samples
    judge: Judge
    true: Float[np.ndarray, "samples pathways"]
    trained_with: "Watch | None" = None

    @classmethod
    def of(cls, samples: Samples, judge: Judge, trained_with: Judge | None = None) -> "Watch":
        """The true scores of samples are taken once."""
        others = cls.of(samples, trained_with) if trained_with else None
        return cls(samples, judge, judge.dnes(samples.expression.cpu()), others)

    def look(self, model: Predictor) -> dict[str, float]:
        """Loss on genes, correlation over genes, and error and correlation of dNES."""
        predicted = predict(model, self.samples.features)
        with torch.no_grad():
            gene_mse = model.gene_loss(predicted, self.samples.expression)
        pathways = self._of_pathways(predicted.cpu())
        found, target = (values.double().cpu().numpy() for values in (predicted, self.samples.expression))
        of_trained = pathways if self.trained_with is None else self.trained_with._of_pathways(predicted.cpu())
        return {
            "validation_gene_mse": float(gene_mse),
            "validation_gene_correlation": float(row_correlations(found, target).mean()),
            **{f"validation_pathway_{name}": pathways[name] for name in ("mse", "correlation")},
            **{f"validation_trained_{name}": of_trained[name] for name in ("mse", "correlation")},
        }

    def _of_pathways(self, predicted: Tensor) -> dict[str, float]:
        found = over_pathways(self.judge.dnes(predicted), self.true, np.ones((1, len(predicted))))
        return {name: float(value[0]) for name, value in found.items()}


@dataclass(frozen=True, eq=False)
class Trained:
    """A model after training.

    Attributes:
        state: of the best epoch; the first of equals, epoch 0 being the start.
        epochs: a row per epoch: ``epoch``, ``train_loss``, what `Watch.look` tells, ``seconds``, ``kept``.
        steps: of the optimizer.
    """

    state: State
    epochs: pd.DataFrame
    steps: int


Cost = Callable[[Mapping[str, float]], float]
"""What an epoch is worth by what `Watch.look` tells, the smaller the better."""


def validation_loss(genes: float, weight: float) -> Cost:
    """The loss with the full weight of pathways, whose scores are those of the judge of all arms, not of training."""

    def cost(found: Mapping[str, float]) -> float:
        pathways = weight * found["validation_trained_mse"] if weight else 0.0
        return genes * found["validation_gene_mse"] + pathways

    return cost


def pathways_first(least_gene_correlation: float) -> Cost:
    """The correlation of the pathways that are trained with, while genes do not fall below theirs."""

    def cost(found: Mapping[str, float]) -> float:
        kept = found["validation_gene_correlation"] >= least_gene_correlation
        value = -found["validation_trained_correlation"] if kept else math.inf
        return math.inf if math.isnan(value) else value

    return cost


@dataclass
class Run:
    """One training: from a model to the best of its epochs.

    Attributes:
        cost: by which epochs are compared.
        learning_rate, epochs: which of the settings count here.
    """

    model: Predictor
    samples: Samples
    watch: Watch
    objective: Objective
    cost: Cost
    settings: TrainingSettings
    learning_rate: float
    epochs: int
    seed: int
    steps: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)

    def train(self) -> Trained:
        """Train until `patience` epochs after the warm-up have brought nothing better, or for all epochs."""
        optimizer = make_optimizer(self.model, self.settings, self.learning_rate)
        if self.objective.pathway_loss is not None:
            self.objective.pathway_loss.follow(optimizer)
        generator = torch.Generator().manual_seed(self.seed)
        torch.manual_seed(self.seed)  # of dropout
        best, best_state, kept, idle = self._look(0, math.nan, 0.0), self._state(), 0, 0
        for epoch in range(1, self.epochs + 1):
            start = time.perf_counter()
            losses = [self._step(optimizer, chosen) for chosen in batches(len(self.samples), self.settings, generator)]
            seconds = time.perf_counter() - start
            found = self._look(epoch, float(np.mean(losses)), seconds)
            if found < best:
                best, best_state, kept, idle = found, self._state(), epoch, 0
            elif self.steps >= self.objective.warmup_steps:
                idle += 1
            if idle >= self.settings.patience:
                break
        table = pd.DataFrame(self.rows)
        return Trained(best_state, table.assign(kept=table["epoch"] == kept), self.steps)

    def _step(self, optimizer: torch.optim.Optimizer, chosen: Tensor) -> float:
        batch = Samples(self.samples.features[chosen], self.samples.expression[chosen])
        loss = take_step(self.model, optimizer, self.objective, batch, chosen, self.settings.clip)
        self.steps += 1
        return loss

    def _look(self, epoch: int, train_loss: float, seconds: float) -> float:
        found = self.watch.look(self.model)
        self.rows.append({"epoch": epoch, "train_loss": train_loss, **found, "seconds": seconds})
        return self.cost(found)

    def _state(self) -> State:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}


def take_step(
    model: Predictor,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    batch: Samples,
    chosen: Tensor,
    clip: float,
) -> float:
    """One step of the optimizer; the loss before it."""
    model.train()
    optimizer.zero_grad()
    loss = objective(model, batch, chosen)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return float(loss.detach())


def make_optimizer(model: Predictor, settings: TrainingSettings, learning_rate: float) -> torch.optim.AdamW:
    """AdamW in one pass over the weights."""
    return torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=settings.weight_decay, fused=True)


def batches(count: int, settings: TrainingSettings, generator: torch.Generator) -> Iterator[Tensor]:
    """Numbers of samples in a random order; the last batch may be smaller."""
    yield from torch.randperm(count, generator=generator).split(settings.batch)


def predict(model: Predictor, features: Float[Tensor, "samples features"]) -> Float[Tensor, "samples genes"]:
    """Expression without dropout and without a gradient."""
    model.eval()
    with torch.no_grad():
        found: Tensor = model(features)
    return found


def new_model(samples: Samples, settings: TrainingSettings, seed: int) -> Predictor:
    """A model with initial weights of that seed, for training samples."""
    torch.manual_seed(seed)
    return Predictor(samples.features.shape[1], settings, *standardisation(samples.expression))


def model_of(state: State, samples: Samples, settings: TrainingSettings) -> Predictor:
    """A model with these weights."""
    model = new_model(samples, settings, 0)
    model.load_state_dict(state)
    return model
