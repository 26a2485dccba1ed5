"""The arms of a study: what is trained on pathways alone, or from the loss on genes on, and which weight is chosen."""

import math
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from dgsea_bench.backends import Fastsum
from dgsea_bench.bench.case import Case, case_backend
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.data.named_pathways import named_pathways
from dgsea_bench.study.baseline import Baseline, Study
from dgsea_bench.study.evaluate import Judge, Judged, Scores
from dgsea_bench.study.objective import PathwayTargets
from dgsea_bench.study.train import (
    Cost,
    Objective,
    Predictor,
    Run,
    Samples,
    Trained,
    Watch,
    new_model,
    pathways_first,
    predict,
    validation_loss,
)

ALL_LOSE = "every weight loses more gene correlation than it may: the one that loses least is taken"


@dataclass(frozen=True, eq=False)
class Setup:
    """What the runs of an arm share.

    Attributes:
        baseline: where hybrids begin, with the judge of every arm.
        pathways: what is trained with.
    """

    case: Case
    study: Study
    baseline: Baseline
    pathways: Pathways

    @classmethod
    def of(cls, case: Case, study: Study, baseline: Baseline) -> "Setup":
        """Find the pathways that a case trains with.

        Raises:
            InputError: none of them has a gene that is measured.
        """
        training, genes = study.training, study.compounds.genes
        pathways = named_pathways(training.pathways, genes, min_size=training.min_size, seed=training.seed)
        return cls(case, study, baseline, pathways)

    @cached_property
    def judge_of_trained(self) -> Judge:
        """By the pathways that are trained with: the judge of every arm, where these are the ones judged by."""
        same = self.study.training.pathways == self.study.training.judged_by
        return self.baseline.judge if same else self.study.judge(self.pathways)

    @property
    def trained_are_judged(self) -> bool:
        """Whether the pathways that are trained with are those that arms are judged by."""
        return self.judge_of_trained is self.baseline.judge

    @cached_property
    def targets(self) -> PathwayTargets:
        """True scores of the training set, by the backend of the case."""
        return PathwayTargets.of(self.study.train.expression, self.pathways, case_backend(self.case), self.case.params)

    def objective(self, *, genes: float, weight: float, warmup_steps: int) -> Objective:
        """The loss of a run; without a weight for pathways, that on genes."""
        if not weight:
            return Objective(genes=genes)
        return Objective(genes, weight, self.targets.loss(weight, warmup_steps), self.targets.scores)

    @cached_property
    def watch(self) -> Watch:
        """What is told of the validation set after each epoch."""
        return self.study.watch(self.baseline.judge, None if self.trained_are_judged else self.judge_of_trained)

    @property
    def least_gene_correlation(self) -> float:
        """What a hybrid must keep on the validation set."""
        before = float(self.baseline.validation.measures()["gene_correlation"][0])
        return before - self.study.training.most_gene_correlation_lost

    def run(self, model: Predictor, objective: Objective, cost: Cost, learning_rate: float, epochs: int) -> Trained:
        """Train a model in place; it ends with the weights of its best epoch."""
        training, samples = self.study.training, self.study.train
        run = Run(model, samples, self.watch, objective, cost, training, learning_rate, epochs, training.seed)
        trained = run.train()
        model.load_state_dict(trained.state)
        return trained

    def judged_on_test(self, model: Predictor) -> Judged:
        """A model by the judge of every arm."""
        return judge_model(self.baseline.judge, model, self.study.test, self.baseline.test.true)


def judge_model(judge: Judge, model: Predictor, samples: Samples, true: Scores) -> Judged:
    """What a model predicts of samples whose true scores are known."""
    return Judged.of(judge, predict(model, samples.features).cpu(), samples.expression.cpu(), true)


@dataclass(frozen=True, eq=False)
class Arm:
    """An arm after training.

    Attributes:
        model: the one that is judged. test: of its predictions.
        epochs: of all runs, with their ``weight``. steps: of the optimizer, in all.
        weight: that was chosen, NaN where there was none to choose.
        candidates: a row per weight and part of the data; None without a choice. See `Candidates`.
    """

    model: Predictor
    test: Judged
    epochs: pd.DataFrame
    steps: int
    weight: float = math.nan
    candidates: pd.DataFrame | None = None
    flags: tuple[str, ...] = ()


def train_arm(setup: Setup) -> Arm:
    """Train what the case asks for. The loss on genes alone is trained already."""
    arm = setup.study.training.arm
    if arm == "gene-mse":
        trained = setup.baseline.trained
        return Arm(setup.baseline.model(setup.study), setup.baseline.test, _of_weight(trained, math.nan), trained.steps)
    return _best_hybrid(setup) if arm == "hybrid" else _on_pathways_alone(setup)


def _of_weight(trained: Trained, weight: float) -> pd.DataFrame:
    return trained.epochs.assign(weight=weight)


def _on_pathways_alone(setup: Setup) -> Arm:
    training = setup.study.training
    model = new_model(setup.study.train, training, training.seed).to(setup.study.device)
    objective = setup.objective(genes=0.0, weight=1.0, warmup_steps=0)
    cost = validation_loss(0.0, 1.0)
    trained = setup.run(model, objective, cost, training.learning_rate, training.epochs)
    return Arm(model, setup.judged_on_test(model), _of_weight(trained, math.nan), trained.steps)


def _best_hybrid(setup: Setup) -> Arm:
    """From the loss on genes on, once with each weight; the best epoch and weight by validation, both in one way."""
    training = setup.study.training
    candidates = Candidates(setup)
    models, runs = [], []
    for weight in training.weights:
        model = setup.baseline.model(setup.study)
        objective = setup.objective(genes=1.0, weight=weight, warmup_steps=training.warmup_steps)
        cost = pathways_first(setup.least_gene_correlation)
        runs.append(setup.run(model, objective, cost, training.fine_tune_learning_rate, training.fine_tune_epochs))
        models.append(model)
        candidates.look_at(model, weight)
    table, weight = candidates.choose()
    model = models[training.weights.index(weight)]
    epochs = pd.concat([_of_weight(run, each) for run, each in zip(runs, training.weights)], ignore_index=True)
    flags = () if table["eligible"].any() else (ALL_LOSE,)
    return Arm(model, setup.judged_on_test(model), epochs, sum(run.steps for run in runs), weight, table, flags)


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the data, with its true scores by the pathways that arms are judged by, and by those trained with."""

    name: str
    judge: Judge
    judge_of_trained: Judge
    samples: Samples
    true: Scores
    true_of_trained: Scores

    @classmethod
    def of(cls, name: str, judge: Judge, judge_of_trained: Judge, samples: Samples, true: Scores) -> "Part":
        """The true scores by the pathways that are trained with are taken once."""
        return cls(name, judge, judge_of_trained, samples, true, judge_of_trained.scores(samples.expression.cpu()))


class Candidates:
    """The weights of a hybrid, from which one is chosen on the validation set, by `exact`.

    A row of the table is a weight and a part of the data (``split``): the measures, those of pathways being by exact
    dNES; on the test set by `fastsum`, which is as good to look at, as nothing is chosen there. ``trained_correlation``
    is on the pathways that are trained with; ``eligible``, ``chosen``.
    """

    def __init__(self, setup: Setup) -> None:
        """Of the runs of an arm."""
        self._setup = setup
        self._rows: list[dict[str, float | str]] = []
        study, judges = setup.study, (setup.baseline.judge, setup.judge_of_trained)
        seen = Part.of("validation", *judges, study.validation, setup.baseline.validation.true)
        shown = judges[0].with_backend(Fastsum()), judges[1].with_backend(Fastsum())
        self._parts = (seen, Part.of("test", *shown, study.test, setup.baseline.test.true))

    def look_at(self, model: Predictor, weight: float) -> None:
        """Add a weight, with the model that was trained with it."""
        for part in self._parts:
            found = judge_model(part.judge, model, part.samples, part.true)
            measures = {name: float(value[0]) for name, value in found.measures().items()}
            if not self._setup.trained_are_judged:
                found = judge_model(part.judge_of_trained, model, part.samples, part.true_of_trained)
            trained = float(found.measures()["pathway_correlation"][0])
            self._rows.append({"weight": weight, "split": part.name, **measures, "trained_correlation": trained})

    def choose(self) -> tuple[pd.DataFrame, float]:
        """The table, and the weight that is chosen."""
        table = pd.DataFrame(self._rows)
        seen = table[table["split"] == "validation"]
        chosen, eligible = choose_weight(seen, self._setup.least_gene_correlation)
        return table.assign(eligible=table["weight"].isin(eligible), chosen=table["weight"] == chosen), chosen


def choose_weight(seen: pd.DataFrame, least_gene_correlation: float) -> tuple[float, list[float]]:
    """The weight with the best ``trained_correlation``, and those that might be chosen.

    Those lose no more ``gene_correlation`` than they may; of equals the smallest weight is taken. If all lose more, it
    is the one with the best gene correlation.
    """
    ordered = seen.sort_values("weight", kind="stable")
    eligible = ordered[ordered["gene_correlation"] >= least_gene_correlation]
    wanted = "gene_correlation" if eligible.empty else "trained_correlation"
    left = ordered if eligible.empty else eligible
    best = left[wanted].fillna(-math.inf).to_numpy().argmax()
    return float(left["weight"].to_numpy()[best]), [float(weight) for weight in eligible["weight"]]
