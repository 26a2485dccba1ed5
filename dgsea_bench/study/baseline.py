"""What the arms of a study share: data, the judge, and the model trained on genes alone that hybrids begin with."""

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Float32
from torch import Tensor

from dgsea_bench.backends import Fastsum
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.training import Training
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import write_whole
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.data.compounds import Compounds
from dgsea_bench.data.named_pathways import named_pathways
from dgsea_bench.study.evaluate import Judge, Judged
from dgsea_bench.study.predictors.smiles import get_encoder
from dgsea_bench.study.split import Split, split_compounds
from dgsea_bench.study.train import (
    Objective,
    Predictor,
    Run,
    Samples,
    Trained,
    Watch,
    model_of,
    new_model,
    predict,
    validation_loss,
)


@dataclass(frozen=True, eq=False)
class Study:
    """The data of a case, split, and what they are judged by.

    Attributes:
        compounds: with their signatures. features: (N, D) of their SMILES.
        split: numbers of the compounds of each part.
        judged: the pathways that every arm is judged by.
    """

    training: Training
    device: str
    compounds: Compounds
    features: Float32[Tensor, "compounds features"]
    split: Split
    judged: Pathways

    @classmethod
    def of(cls, case: Case) -> "Study":
        """Load, encode and split what a case trains on.

        Raises:
            InputError: data or SMILES that cannot be read, an encoder that is not installed, too few compounds, or no
                pathway with a gene that is measured.
        """
        training = training_of(case)
        encoder = get_encoder(training.encoder)
        compounds = case.source.load()
        assert isinstance(compounds, Compounds)  # noqa: S101 (for the type checker)
        split = split_compounds(compounds.smiles, training.validation_share, training.test_share, training.seed)
        judged = named_pathways(training.judged_by, compounds.genes, min_size=training.min_size, seed=training.seed)
        features = torch.from_numpy(encoder.encode(compounds.smiles))
        return cls(training, case.device, compounds, features, split, judged)

    @cached_property
    def train(self) -> Samples:
        """What is trained on, on the device."""
        return self._part(self.split.train)

    @cached_property
    def validation(self) -> Samples:
        """What training is stopped by, and weights are chosen by, on the device."""
        return self._part(self.split.validation)

    @cached_property
    def test(self) -> Samples:
        """What arms are judged on, on the device."""
        return self._part(self.split.test)

    def _part(self, chosen: Tensor) -> Samples:
        expression = torch.from_numpy(self.compounds.signatures)[chosen]
        return Samples(self.features[chosen].to(self.device), expression.to(self.device))

    def judge(self, pathways: Pathways | None = None) -> Judge:
        """The judge that the training set makes, of these pathways or of those that every arm is judged by."""
        return Judge.of(pathways or self.judged, self.train.expression.cpu(), self.training.permutations)

    def watch(self, judge: Judge, trained_with: Judge | None = None) -> Watch:
        """What is told of the validation set after each epoch: dNES by `fastsum`, equal to exact ones to rounding.

        `trained_with` is a judge by the pathways that are trained with, where those are others.
        """
        others = trained_with.with_backend(Fastsum()) if trained_with else None
        return Watch.of(self.validation, judge.with_backend(Fastsum()), others)


def training_of(case: Case) -> Training:
    """The settings of a case of the task ``"training"``."""
    assert case.training is not None  # noqa: S101 (of this task)
    return case.training


@dataclass(frozen=True, eq=False)
class Baseline:
    """The best model of the loss on genes alone, and how it is judged.

    Attributes:
        trained: the model. judge: by which scores are taken.
        validation, test: of its predictions.
    """

    trained: Trained
    judge: Judge
    validation: Judged
    test: Judged

    @classmethod
    def of(cls, study: Study) -> "Baseline":
        """Train it."""
        training, judge = study.training, study.judge()
        model = new_model(study.train, training, training.seed).to(study.device)
        run = Run(
            model,
            study.train,
            study.watch(judge),
            Objective(),
            validation_loss(1.0, 0.0),
            training,
            training.learning_rate,
            training.epochs,
            training.seed,
        )
        trained = run.train()
        model.load_state_dict(trained.state)
        parts = []
        for samples in (study.validation, study.test):
            expression = samples.expression.cpu()
            found = predict(model, samples.features).cpu()
            parts.append(Judged.of(judge, found, expression, judge.scores(expression)))
        return cls(trained, judge, *parts)

    def model(self, study: Study) -> Predictor:
        """A copy of the model."""
        return model_of(self.trained.state, study.train, study.training).to(study.device)

    def save(self, path: Path) -> None:
        """Write it as tensors, renamed into place when complete."""
        epochs = {str(name): torch.tensor(column.to_numpy(float)) for name, column in self.trained.epochs.items()}
        content = {
            "state": {name: value.cpu() for name, value in self.trained.state.items()},
            "epochs": epochs,
            "steps": self.trained.steps,
            "scales": self.judge.scales,
            "validation": _to_tensors(self.validation),
            "test": _to_tensors(self.test),
        }
        written = io.BytesIO()
        torch.save(content, written)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, written.getvalue())

    @classmethod
    def load(cls, path: Path, study: Study, called: str) -> "Baseline":
        """Read what `save` wrote: tensors alone, whatever is in the file, which messages name as it is `called`.

        Raises:
            InputError: the file is something else, or damaged.
        """
        try:
            content = torch.load(path, weights_only=True)
            epochs = pd.DataFrame({name: column.numpy() for name, column in content["epochs"].items()})
            trained = Trained(content["state"], epochs.assign(kept=epochs["kept"] > 0), int(content["steps"]))
            judge = Judge.with_scales(study.judged, content["scales"], study.training.permutations)
            parts = [_from_tensors(content[name]) for name in ("validation", "test")]
        except Exception as error:
            problem = f"is no model that this program saved ({type(error).__name__})"
            raise InputError(f"{called}: {problem}; remove that file and train with --retry failed") from None
        return cls(trained, judge, *parts)


def _to_tensors(found: Judged) -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in found.arrays().items()}


def _from_tensors(content: dict[str, Tensor]) -> Judged:
    return Judged.from_arrays({name: value.numpy() for name, value in content.items()})
