"""What a training case is: which model is trained on which loss, with which data held back, and how it is judged."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dgsea_bench.core.errors import did_you_mean
from dgsea_bench.data.named_pathways import RANDOM
from dgsea_bench.data.source_parts import input_sha256, model_files
from dgsea_bench.data.sources import DIRECTIONAL

Arm = Literal["gene-mse", "dgsea", "hybrid"]
"""Loss on genes alone; on pathways alone; or both, from the best model of the first on."""


class TrainingSettings(BaseModel):
    """How models are trained; the defaults are those of Li et al. 2026 (doi 10.64898/2026.03.18.712610), where known.

    Attributes:
        hidden, dropout: width of the one hidden layer, and the share of it that is left out in training.
        batch, learning_rate, weight_decay, clip: of AdamW; the gradient's norm is cut at `clip`.
        fine_tune_learning_rate: of a hybrid, which begins where the loss on genes ended.
        epochs, fine_tune_epochs: passes through the training set, at most.
        patience: training ends after so many epochs, once the warm-up is over, that are no better on validation:
            in the loss, or of a hybrid in the correlation of pathways.
        warmup_steps: steps over which the weight of a hybrid's pathway loss rises from 0.
        weights: of the pathway loss in a hybrid (the paper's λ); one is chosen on the validation set.
        most_gene_correlation_lost: against the loss on genes, on the validation set, by a weight that may be chosen.
        validation_share, test_share: of the compounds.
        permutations: of the null distribution of classical NES. resamples: of the paired bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(1024, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    batch: int = Field(32, ge=2)
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    fine_tune_learning_rate: float = Field(3e-4, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(1e-4, ge=0, allow_inf_nan=False)
    clip: float = Field(1.0, gt=0, allow_inf_nan=False)
    epochs: int = Field(40, ge=1)
    fine_tune_epochs: int = Field(15, ge=1)
    patience: int = Field(5, ge=1)
    warmup_steps: int = Field(200, ge=0)
    weights: tuple[float, ...] = Field((0.0, 0.01, 0.03, 0.1, 0.3), min_length=1)
    most_gene_correlation_lost: float = Field(0.02, ge=0)
    validation_share: float = Field(0.15, gt=0, lt=1)
    test_share: float = Field(0.2, gt=0, lt=1)
    permutations: int = Field(1000, ge=20)
    resamples: int = Field(2000, ge=100)

    @field_validator("weights")
    @classmethod
    def _are_weights(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= weight < float("inf") for weight in weights) or len(set(weights)) < len(weights):
            raise ValueError(f"weights are {list(weights)}; they must be different finite numbers, 0 or larger")
        return weights

    @model_validator(mode="after")
    def _leave_some_to_train_on(self) -> "TrainingSettings":
        if self.validation_share + self.test_share >= 0.9:
            raise ValueError("validation_share and test_share leave less than a tenth of the compounds to train on")
        return self


class Training(TrainingSettings):
    """The training of a case.

    Attributes:
        arm: what the loss is made of.
        encoder: of SMILES, as `dgsea_bench.study.predictors.smiles.get_encoder` names them.
        pathways: what is trained with: ``"directional"``, ``"random"``, a .gmt file or the name of a dataset.
        judged_by: what every arm is judged by: the same, but for ``"random"``.
        min_size: of gene sets that come from a file, in genes that are measured.
        seed: of the split, the initial weights, the order of batches, dropout, random pathways and the bootstrap.
    """

    arm: Arm
    encoder: str = "morgan"
    pathways: str = DIRECTIONAL
    judged_by: str = DIRECTIONAL
    min_size: int = Field(5, ge=1)
    seed: int = Field(0, ge=0, lt=2**31)

    @field_validator("arm", mode="before")
    @classmethod
    def _is_known(cls, arm: object) -> object:
        if arm not in get_args(Arm):
            known = ", ".join(get_args(Arm))
            raise ValueError(f"arm is {arm!r}; known: {known}{did_you_mean(str(arm), get_args(Arm))}")
        return arm

    @field_validator("judged_by")
    @classmethod
    def _is_no_control(cls, judged_by: str) -> str:
        if judged_by == RANDOM:
            raise ValueError('judged_by is "random"; random pathways are a control to train with, not to judge by')
        return judged_by

    @property
    def files(self) -> list[str]:
        """Files of gene sets that are read."""
        return [name for name in dict.fromkeys((self.pathways, self.judged_by)) if name not in (DIRECTIONAL, RANDOM)]

    @property
    def input_hashes(self) -> dict[str, str]:
        """sha256 of each file of gene sets, and of the model that encodes SMILES where it lies in a folder.

        Raises:
            InputError: a file that is missing or cannot be read.
        """
        folder = Path(self.encoder.partition(":")[2]).expanduser()
        of_model = ":" in self.encoder and folder.is_dir()
        model = {self.encoder: sha256(model_files(folder).encode()).hexdigest()} if of_model else {}
        return {name: input_sha256(name) for name in self.files} | model

    @property
    def shared(self) -> dict[str, Any]:
        """What the model that is trained on genes alone depends on, or what arms are judged by."""
        unheeded = {"min_size"} if self.judged_by == DIRECTIONAL else set()
        return self.model_dump(mode="json", exclude={*OF_THE_ARM, *unheeded})


TRAINING_AXES = [name for name in Training.model_fields if name not in TrainingSettings.model_fields]
"""What a scenario may cross; the settings are the same for all of its cases."""
OF_THE_ARM = ("arm", "pathways", "weights", "warmup_steps", "fine_tune_epochs", "fine_tune_learning_rate",
              "most_gene_correlation_lost", "resamples")  # fmt: skip
"""What is an arm's own; see `Training.shared`."""
