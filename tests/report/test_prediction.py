"""What the panel for a problem of one's own reckons with."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import accuracy, cost, make_row, three_sizes, write_run

from dgsea_bench.report import render_report
from dgsea_bench.report.prediction import MOST_WAYS, growth_model
from dgsea_bench.report.rows import Run


def model_of(rows, tmp_path="unused"):
    from pathlib import Path

    return growth_model(Run(Path(tmp_path), tuple(rows), {"e1": {}}))


def curve(model, label, name, axis="genes", way=0):
    backend = next(each for each in model["ways"][way]["backends"] if each["label"] == label)
    return backend["curves"][name][axis]


def test_nodes_are_what_was_measured():
    model = model_of(three_sizes())
    sizes, times = zip(*[node[:2] for node in curve(model, "exact", "time")["nodes"]], strict=True)
    assert sizes == (400, 1000, 4000)
    assert times == pytest.approx((1.6e-3, 1e-2, 0.16))
    errors = [node[1] for node in curve(model, "nyswin[anchors=128]", "error")["nodes"]]
    assert errors == pytest.approx([0.002] * 3)
    labels = [backend["label"] for backend in model["ways"][0]["backends"]]
    assert labels == ["exact", "nyswin[anchors=128]"], "classical GSEA is no contender"


def test_sizes_are_not_rounded():
    (node,) = curve(model_of([make_row("exact", 131072)]), "exact", "time")["nodes"]
    assert node[0] == 131072


@given(st.floats(0.2, 3.0), st.sampled_from([(400, 1000), (400, 1000, 4000), (400, 1000, 4000, 16000)]))
def test_a_power_law_goes_on_with_its_exponent(exponent, sizes):
    rows = [make_row("exact", genes, accuracy(0) | cost(1e-6 * genes**exponent)) for genes in sizes]
    slope, low, high = curve(model_of(rows), "exact", "time")["slope"]
    assert slope == pytest.approx(exponent, rel=1e-3)
    assert low <= slope <= high


def test_costs_are_typical_and_errors_the_worst_of_all_seeds():
    rows = [
        make_row("x", seed=seed, metrics=accuracy(e) | cost(t))
        for seed, e, t in ((0, 0.1, 1), (1, 0.3, 2), (2, 0.2, 9))
    ]
    model = model_of(rows)
    assert curve(model, "x", "time")["nodes"][0][1] == 2
    assert curve(model, "x", "error")["nodes"][0][1] == pytest.approx(0.3)


def test_lines_cross_where_most_was_measured():
    rows = [make_row("exact", genes, sets=50) for genes in (400, 1000, 4000)]
    rows += [make_row("exact", 1000, sets=sets) for sets in (100, 200)]
    way = model_of(rows)["ways"][0]
    assert way["base"] == {"genes": 1000, "sets": 50, "profiles": 1}
    assert way["sizes"] == {"genes": [400, 1000, 4000], "sets": [50, 100, 200], "profiles": [1]}


def test_what_did_not_finish_is_told():
    rows = [*three_sizes(), make_row("exact", 8000, status="out of memory", reason="20 GiB")]
    rows += [make_row("exact", 1000, status="failed", reason="no", seed=1)]
    rows += [make_row("nyswin[anchors=128]", 8000, status="skipped", reason="too large")]
    exact, nyswin = (backend["ends"] for backend in model_of(rows)["ways"][0]["backends"])
    assert exact == [
        {"sizes": [1000, 20, 1], "status": "failed", "reason": "no", "outlived": True},
        {"sizes": [8000, 20, 1], "status": "out of memory", "reason": "20 GiB", "outlived": False},
    ]
    assert nyswin == [], "to be left out is no failure"


def test_factors_count_from_the_base():
    rows = [make_row("exact", genes, sets=50) for genes in (400, 1000, 4000)]
    rows += [make_row("exact", 1000, sets=sets) for sets in (100, 200)]
    rows += [make_row("fastsum", 400, sets=50), make_row("fastsum", 1000, sets=200)]
    model = model_of(rows)
    assert [node[0] for node in curve(model, "exact", "time", "sets")["nodes"]] == [50, 100, 200]
    assert curve(model, "fastsum", "time", "sets") == {"nodes": [], "slope": None}, "it has no time at the base"


def test_ways_of_measuring_are_not_mixed():
    rows = [make_row("exact", genes, generator=kind) for kind in ("planted", "null") for genes in (400, 1000)]
    rows += [make_row("exact", 4000)]
    names = [way["name"] for way in model_of(rows)["ways"]]
    assert names == ["planted scores", "null scores"], "that with most problems first"
    many = [make_row("exact", set_size=size) for size in range(5, 5 + 2 * MOST_WAYS)]
    assert len(model_of(many)["ways"]) == MOST_WAYS


def test_no_panel_where_nothing_was_timed(tmp_path):
    assert model_of([make_row("exact", status="failed", reason="no")]) is None
    assert model_of([make_row("hard")]) is None
    rows = [make_row("exact", metrics=accuracy(0.0))]
    assert 'id="growth-model"' not in render_report(write_run(tmp_path, rows)).read_text()


def test_no_name_ends_the_script_that_holds_it(tmp_path):
    name = "</script><!-- & <script>"
    rows = [make_row(f"nyswin[{name}]", metrics=accuracy(0.1) | cost(1.0), generator=name)]
    html = render_report(write_run(tmp_path, rows)).read_text()
    (content,) = re.findall(r'<script type="application/json" id="growth-model">(.*?)</script>', html, re.DOTALL)
    (way,) = json.loads(content)["ways"]
    assert way["name"] == f"{name} scores"
    assert way["backends"][0]["label"] == f"nyswin[{name}]"
