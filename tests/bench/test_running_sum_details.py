"""Which running sums are kept of a case, and at which positions."""

import numpy as np
import pandas as pd
import pytest

from dgsea_bench.bench.case import Case
from dgsea_bench.bench.measure import CURVE_POINTS, measure_case
from dgsea_bench.bench.reference import compute_reference


def curves(path, backend="exact", options=None, **sizes):
    case = Case.model_validate(
        {
            "source": {"kind": "synthetic", "set_size": "5-15", "profiles": 2} | sizes,
            "params": {},
            "backend": backend,
            "options": options or {},
            "measure": {"timed": False},
        }
    )
    measure_case(case, compute_reference(case), path)
    return pd.read_parquet(path / "curves.parquet")


@pytest.mark.parametrize("sets", [1, 2, 3])
def test_few_sets_are_each_kept_once(tmp_path, sets):
    found = curves(tmp_path, genes=60, sets=sets)
    assert found["gene_set"].nunique() == sets
    assert not found.duplicated(["gene_set", "position"]).any()
    assert found["profile"].eq(0).all()


def test_long_running_sums_are_thinned_at_the_same_positions_for_all_backends(tmp_path):
    genes = 3 * CURVE_POINTS + 1
    exact = curves(tmp_path / "exact", genes=genes, sets=4)
    window = curves(tmp_path / "window", "nyswin", options={"window": "fixed"}, genes=genes, sets=4)
    for (name, all_of_it), (same, part) in zip(exact.groupby("gene_set"), window.groupby("gene_set"), strict=True):
        assert name == same
        assert len(all_of_it) == CURVE_POINTS
        assert all_of_it["position"].iloc[[0, -1]].tolist() == [1, genes]
        assert 10 < len(part) < CURVE_POINTS
        assert set(part["position"]) < set(all_of_it["position"])
        assert np.diff(part["position"]).max() > genes / 2
