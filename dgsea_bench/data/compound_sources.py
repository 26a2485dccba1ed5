"""The sources of training scenarios, each of which becomes `Compounds`."""

import itertools
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from dgsea_bench.data.compounds import (
    AUTO,
    LEAST_COMPOUNDS,
    Compounds,
    Treated,
    average_compounds,
    less_controls,
    treated_samples,
)
from dgsea_bench.data.directional import directional_members
from dgsea_bench.data.formats import Duplicates, MatrixFile
from dgsea_bench.data.landmarks import GenesBy, find_landmarks
from dgsea_bench.data.places import locate
from dgsea_bench.data.prepared import open_scores
from dgsea_bench.data.profiles import (
    OF_LANDMARKS,
    MissingScores,
    in_words,
    merge_repeated,
    name_genes,
    read_values,
    select_samples,
    unknown_field,
    without_missing,
)
from dgsea_bench.data.simulated_compounds import (
    DEFAULT_SIGNAL,
    LARGEST_COMPOUNDS,
    SimulatedCompounds,
    simulate_compounds,
)
from dgsea_bench.data.source_parts import Selection, SourceModel, input_sha256, refuse_equal


class CompoundsSource(SourceModel):
    """A matrix whose samples have SMILES; the samples of each compound are averaged.

    Attributes:
        matrix: a GCT, GCTX, h5ad or prepared parquet file, or the name of a dataset.
        select: field of the samples' metadata -> value, or values, wanted. Controls are never among them.
        smiles: the field with the SMILES; ``"auto"``: the first of those that public files have.
        controls: what controls are known by, as `select`; signatures are then relative to the mean of those of the same
            plate. None: values are signatures as they are.
        plate: the field that names the plate of a sample, such as ``"rna_plate"``; given with `controls`.
        names: what genes are called by: ``"landmark"``, symbols of landmark genes, others keep their ids; or as
            `name_genes` takes it.
        genes_by: what landmark genes are known by where ids and metadata of the file disagree.
        only_landmarks: leave out all but the 978 landmark genes.
        missing: what to do with values that are not finite numbers.
        duplicates: what to do with genes of one name.
    """

    kind: Literal["compounds"] = "compounds"
    matrix: str
    select: Selection = Field(default={})
    smiles: str = AUTO
    controls: Selection | None = None
    plate: str | None = None
    names: str = OF_LANDMARKS
    genes_by: GenesBy = "auto"
    only_landmarks: bool = False
    missing: MissingScores = "error"
    duplicates: Duplicates = "error"

    @model_validator(mode="after")
    def _both_or_none(self) -> "CompoundsSource":
        if self.controls == {}:
            raise ValueError('controls is empty; write such as controls = { pert_type = "ctl_vehicle" }')
        if self.controls is not None and self.plate is None:
            raise ValueError('controls needs plate, the field that names the plate of a sample, such as "rna_plate"')
        if self.controls is None and self.plate is not None:
            raise ValueError('plate is of use with controls alone, such as controls = { pert_type = "ctl_vehicle" }')
        return self

    @property
    def title(self) -> str:
        """The file, and what is selected."""
        return ", ".join([self.matrix, *([in_words(self.select)] if self.select else [])])

    def load(self) -> Compounds:
        """Read, select, subtract controls and average.

        Raises:
            InputError: a file that is missing or malformed, a selection that fits nothing, no SMILES, a plate without
                controls, values that are missing, or fewer than 10 compounds.
        """
        with open_scores(locate(self.matrix)) as file:
            samples, control = self._samples(file)
            treated = treated_samples(file, samples[~control], self.smiles)
            used = np.union1d(treated.positions, samples[control])
            genes = find_landmarks(file, self.genes_by).positions if self.only_landmarks else np.arange(file.shape[1])
            names = name_genes(file, directional_members(), self.names, genes_by=self.genes_by)
            values = read_values(file, used, genes)
            plates = self._plates(file, used)
        own = [names[gene] for gene in genes]
        rows, columns = without_missing(values, file.sample_ids[used].tolist(), own, self.missing, self.matrix)
        if not (rows.all() and columns.all()):
            values, used = values[np.ix_(rows, columns)], used[rows]
            own, plates = list(itertools.compress(own, columns)), list(itertools.compress(plates, rows))
        values, own = merge_repeated(values, own, self.duplicates, self.matrix)
        if self.controls is not None:
            values = less_controls(values, plates, np.isin(used, samples[control]), self.matrix)
        return self._averaged(values, used, treated, own)

    def _samples(self, file: MatrixFile) -> tuple[np.ndarray, np.ndarray]:
        """Ascending positions of the samples and controls, and which of them are controls."""
        samples = select_samples(file, self.select)
        if self.controls is None:
            return samples, np.zeros(len(samples), dtype=bool)
        controls = select_samples(file, self.controls)
        both = np.union1d(samples, controls)
        return both, np.isin(both, controls)

    def _plates(self, file: MatrixFile, samples: np.ndarray) -> list[str]:
        """Of the samples; nothing where there are no controls.

        Raises:
            InputError: no such field.
        """
        if self.plate is None:
            return [""] * len(samples)
        if self.plate not in file.sample_fields:
            raise unknown_field(file, self.plate)
        column = file.sample_metadata([self.plate])[self.plate].iloc[samples]
        return column.astype("string").fillna("").tolist()

    def _averaged(self, values: np.ndarray, used: np.ndarray, treated: Treated, genes: list[str]) -> Compounds:
        rest = treated.among(np.isin(treated.positions, used))
        found = average_compounds(values[np.searchsorted(used, rest.positions)], rest, genes, self.matrix)
        refuse_equal(found.signatures, found.names, self.matrix)
        return found

    def input_hashes(self) -> dict[str, str]:
        """sha256 of the file.

        Raises:
            InputError: a file that is missing or cannot be read.
        """
        return {self.matrix: input_sha256(self.matrix)}


class SimulatedCompoundsSource(SourceModel):
    """Compounds whose signatures follow from their structure by a known rule, and 978 landmark genes.

    Attributes:
        compounds: how many.
        factors: programmes of genes beside the five directional pathways.
        signal: share of the variance of the signatures that is not noise.
        data_seed: of all that is drawn; ``seed`` of a scenario is that of the training.
    """

    kind: Literal["simulated-compounds"] = "simulated-compounds"
    compounds: int = Field(1200, ge=LEAST_COMPOUNDS, le=LARGEST_COMPOUNDS)
    factors: int = Field(20, ge=1)
    signal: float = Field(DEFAULT_SIGNAL, ge=0, le=1)
    data_seed: int = Field(0, ge=0)

    @property
    def title(self) -> str:
        """What is simulated."""
        return f"{self.compounds:,} simulated compounds, signal {self.signal:g}"

    def load(self) -> Compounds:
        """Simulate them."""
        return self.simulate().compounds

    def simulate(self) -> SimulatedCompounds:
        """The same with all that they were made of."""
        return simulate_compounds(self.compounds, factors=self.factors, signal=self.signal, seed=self.data_seed)

    def input_hashes(self) -> dict[str, str]:
        """No files are read."""
        return {}
