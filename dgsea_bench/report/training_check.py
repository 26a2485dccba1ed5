"""The paper's check of its conclusion, on means over seeds, and the paper's numbers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dgsea_bench.report.training_rows import GENE, PATHWAY, Estimate, Experiment

ROUNDING = 1e-12
PAPER: Mapping[str, tuple[float, float]] = {
    PATHWAY: (0.257, 0.306),
    "pathway_sign_accuracy": (0.620, 0.641),
    "pathway_mse": (1.784, 1.610),
    GENE: (0.449, 0.452),
    "gene_rmse": (0.420, 0.418),
}
"""Baseline and hybrid, from the README of the release LeeShuaiyu/dgsea-paper-code (Li et al. 2026)."""
PAPER_SOURCE = "README of the release LeeShuaiyu/dgsea-paper-code (Li et al. 2026, doi 10.64898/2026.03.18.712610)"


@dataclass(frozen=True)
class Criterion:
    """A bound on a gain: ``sign · gain >= bound``.

    Attributes:
        title: what is asked for, in a few words. needs: the bound in words, of the gain as it is shown.
    """

    title: str
    metric: str
    sign: int
    bound: float
    needs: str

    def holds(self, gain: float) -> bool:
        """Whether a gain meets the bound; rounding does not decide."""
        return self.sign * gain >= self.bound - ROUNDING


CRITERIA = (
    Criterion("gain in pathway correlation", PATHWAY, 1, 0.01, "at least +0.010"),
    Criterion("gain in pathway sign accuracy", "pathway_sign_accuracy", 1, 0.002, "at least +0.002"),
    Criterion("change of pathway MSE", "pathway_mse", -1, 0.05, "−0.050 or less"),
    Criterion("change of gene correlation", GENE, 1, -0.01, "not below −0.010"),
    Criterion("change of top-50 gene correlation", "top_gene_correlation", 1, -0.02, "not below −0.020"),
)


ON_GENES = (GENE, "top_gene_correlation")
"""Metrics of the criteria that ask for no loss on genes; the others ask for a gain on pathways."""


@dataclass(frozen=True)
class Outcome:
    """A criterion with the gain that it is held against; `holds` is None where that is not known."""

    criterion: Criterion
    gain: Estimate | None

    @property
    def holds(self) -> bool | None:
        """Whether the mean over seeds meets it."""
        return None if self.gain is None else self.criterion.holds(self.gain.value)

    @property
    def certain(self) -> bool:
        """Whether both ends of the interval say the same."""
        if self.gain is None or self.gain.low is None or self.gain.high is None:
            return False
        return all(self.criterion.holds(end) is self.holds for end in (self.gain.low, self.gain.high))


@dataclass(frozen=True)
class Conclusion:
    """All criteria of an experiment."""

    outcomes: tuple[Outcome, ...]

    @property
    def failing(self) -> tuple[Outcome, ...]:
        """The criteria that are not met."""
        return tuple(each for each in self.outcomes if each.holds is False)

    @property
    def unknown(self) -> tuple[Outcome, ...]:
        """Those of which nothing is known."""
        return tuple(each for each in self.outcomes if each.holds is None)

    @property
    def passes(self) -> bool | None:
        """Whether all are met; None where none fails and some are not known."""
        return False if self.failing else None if self.unknown else True

    @property
    def certain(self) -> bool:
        """A pass if all criteria are certain, a failure if one that fails is."""
        if self.passes is None:
            return False
        return all(each.certain for each in self.outcomes) if self.passes else any(e.certain for e in self.failing)

    @property
    def open(self) -> tuple[Outcome, ...]:
        """The criteria by which an uncertain answer might turn out the other way."""
        if self.certain:
            return ()
        return tuple(each for each in (self.outcomes if self.passes else self.failing) if not each.certain)


def conclude(experiment: Experiment, seeds: Collection[int] | None = None) -> Conclusion:
    """The check of an experiment, over all of its seeds or over these."""
    return Conclusion(tuple(Outcome(each, experiment.gain(each.metric, seeds)) for each in CRITERIA))


def paper_gain(metric: str) -> float | None:
    """What the paper's hybrid gained."""
    return PAPER[metric][1] - PAPER[metric][0] if metric in PAPER else None
