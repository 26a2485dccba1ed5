"""What is kept of each profile of a case: its name, how many genes respond, and errors of its own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from dgsea_bench.backends import get_backend
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.measure import measure_case
from dgsea_bench.bench.reference import compute_reference, value_and_gradient
from dgsea_bench.data.sources import SyntheticSource


def test_profiles_have_their_names_and_errors_of_their_own(tmp_path, monkeypatch):
    case = Case.model_validate(
        {
            "source": {"kind": "synthetic", "genes": 60, "sets": 12, "set_size": "5-15", "profiles": 3},
            "params": {},
            "backend": "nyswin",
            "measure": {"timed": False},
        }
    )
    problem = case.source.load()
    scores = problem.scores * torch.tensor([[0.1], [1.0], [10.0]], dtype=torch.float64)
    named = replace(problem, scores=scores, profiles=("weak", "usual", "strong"))
    monkeypatch.setattr(SyntheticSource, "load", lambda self: named if self.profiles == 3 else problem)
    reference = compute_reference(case)
    metrics = measure_case(case, reference, tmp_path)["metrics"]
    table = pd.read_parquet(tmp_path / "profiles.parquet")
    assert table["name"].tolist() == ["weak", "usual", "strong"]
    assert table["responding"].tolist() == (scores.abs() >= 2).sum(1).tolist()
    assert table["responding"].is_monotonic_increasing
    sets = pd.read_parquet(tmp_path / "sets.parquet")
    relative = ((sets["value"] - sets["truth"]).abs() / sets["truth"].abs()).groupby(sets["profile"]).mean()
    np.testing.assert_allclose(table["value_error_mean"], relative)
    assert metrics["value_error_scaled"] <= table["value_error_scaled"].max()
    backend = get_backend("nyswin")
    _, gradient, _ = value_and_gradient(backend, scores, problem.gene_sets, case.params)
    apart = np.linalg.norm(gradient - reference.gradient, axis=1) / np.linalg.norm(reference.gradient, axis=1)
    np.testing.assert_allclose(table["gradient_error"], apart)
