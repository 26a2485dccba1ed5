"""The scenario on real data from end to end: 12,000 genes, 586 gene sets, every backend. Minutes long."""

import pytest

from dgsea_bench.bench.sweep import run_sweep
from dgsea_bench.report import render_report


@pytest.mark.nightly
def test_the_real_ranking_is_measured_and_reported(data, tmp_path):
    assert (data / "fgsea").is_dir()
    frame = run_sweep("real-ranking", out=tmp_path).set_index("label")
    assert set(frame["status"]) == {"done"}
    assert set(frame["problem.sets"]) == {586}
    assert frame.loc["exact", "metrics.gradient_error"] < 1e-9
    assert frame.loc["hard", "metrics.value_error_max"] < 1e-9
    assert frame.loc["nyswin[anchors=512]", "metrics.positions_kept"] == 1
    assert frame.loc["nyswin[window=fixed]", "metrics.positions_kept"] == pytest.approx(0.2)
    assert frame.loc["nyswin[window=fixed]", "metrics.value_error_mean"] > 0.1
    assert "naive.vs.th1" in render_report(tmp_path).read_text(encoding="utf-8")
