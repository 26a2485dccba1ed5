"""The page on the tracked benchmarks: what it says and draws, that input stays text, and that it stays readable."""

import io
import re
from html import unescape
from itertools import pairwise
from urllib.parse import unquote

import pandas as pd
import pytest
from asv_suite import FAILED, SKIPPED, Suite, benchmark, commit
from test_report_page import NASTY, only_ours_runs, parsed, text_of

from dgsea_bench.bench.history import read_history
from dgsea_bench.report.history_page import MOST_FIGURES, render_history

TIME = "suite.time_forward"


def page_of(suite, **options):
    """(HTML, its text) of the history of a suite."""
    html = render_history(read_history(suite.config, **options))
    return html, text_of(html).replace("\u00a0", " ")


def data_of(html):
    """The tables that figures offer for download."""
    found = re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)
    return [pd.read_csv(io.StringIO(unquote(unescape(each)))) for each in found]


@pytest.fixture
def suite(tmp_path):
    """Twelve commits; at the sixth, exact takes twice as long with 1000 genes, and fastsum half as long."""
    suite = Suite(tmp_path, benchmark(TIME, backend=["exact", "fastsum"], genes=[100, 1000]))
    for number in range(12):
        late = number >= 6
        suite.add(number, {TIME: [0.008, 0.002 * (1 + late), 0.003, 0.001 / (1 + late)]}, spread=0.01)
    return suite


def test_the_verdict_comes_first(suite):
    html, text = page_of(suite)
    title = f"Of 4 tracked numbers over 12 commits, 1 got worse since {commit(6)[:8]}, 1 got better"
    assert f"<h1>{title}</h1>" in html
    assert "4 curves with values: 1 worse, 1 better, 2 without a step." in text
    row = f"time_forward suite, backend exact, genes 1000 {commit(6)[:8]} 2026-01-07 2.00 ms 4.00 ms 2.00"
    assert text.index("What got worse and stayed so") < text.index(row) < text.index("Figure 1.")
    assert "4 curves of 1 benchmark over 12 commits, 2026-01-01 to 2026-01-12." in text


def test_a_figure_has_levels_marks_and_its_numbers(suite):
    html, text = page_of(suite)
    assert html.count("<svg") == 1
    assert f"Figure 1. {TIME}: 1 of 4 worse since {commit(6)[:8]}, 1 better" in text
    assert "Dots: values, with their 99 % intervals; thick lines: levels; " in text
    assert "filled triangle: worse from there on; hollow triangle: better." in text
    (alternative,) = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert f"exact, 1000 2.00 ms at {commit(0)[:8]}, 4.00 ms at {commit(11)[:8]}; worse" in alternative.replace(
        "\u00a0", " "
    )
    for drawn in ("exact, 1000", "fastsum, 100", commit(6)[:8], "backend, genes"):
        assert f">{drawn}<" in html
    (data,) = data_of(html)
    assert list(data.columns) == [
        *("backend", "genes", "commit", "date", "outcome", "seconds", "low", "high", "level", "step"),
    ]
    assert len(data) == 4 * 12
    slower = data[(data.backend == "exact") & (data.genes == 1000)]
    assert list(slower.seconds) == list(slower.level) == [0.002] * 6 + [0.004] * 6
    assert [commit(6)] == list(slower.commit[slower.step == "worse"])
    assert (data.low < data.seconds).all()
    assert (data.seconds < data.high).all()


def test_every_value_is_in_a_table(suite):
    _, text = page_of(suite)
    assert f"{TIME} · seconds, lower is better" in text
    assert (
        f"exact, 1000 2.00 ms 4.00 ms 2.00 ms {commit(0)[:8]} 2.00 ▁▁▁▁▁▁██████ worse {commit(6)[:8]} 2.00 ms" in text
    )
    assert f"{commit(6)[:8]} 2026-01-07 1 1 0 worse 2.00 ms → 4.00 ms {TIME}" in text


def test_what_came_back_is_no_regression(tmp_path):
    html, text = page_of(Suite(tmp_path, benchmark()).series([1.0] * 6 + [3.0] * 6 + [1.0] * 6))
    assert "<h1>None of 1 tracked number got worse over 18 commits</h1>" in html
    assert "1 moved and came back" in text
    assert "no step that stayed, 1 came back" in text
    assert "What got worse and stayed so" not in text


def test_what_stepped_back_by_half_got_worse(tmp_path):
    _, text = page_of(Suite(tmp_path, benchmark()).series([1.0] * 6 + [3.0] * 6 + [2.0] * 6))
    assert "1 got worse" in text


def test_what_fails_now_is_a_regression_and_drawn(tmp_path):
    suite = Suite(tmp_path, benchmark(genes=[1, 2, 3]))
    suite.series([[1.0, FAILED, SKIPPED]] * 4 + [[FAILED, FAILED, SKIPPED]] * 2)
    html, text = page_of(suite)
    assert f"<h1>Of 2 tracked numbers over 6 commits, 1 fails now since {commit(4)[:8]}</h1>" in html
    assert f"time_forward suite, genes 1 {commit(4)[:8]} 2026-01-05 1.00 s failed –" in text
    assert "cross: failed" in text
    assert "1 curve never had a value: suite.time_forward(genes=2)" in text
    assert list(data_of(html)[0].outcome) == ["measured"] * 4 + ["failed"] * 2


def test_places_are_never_mixed(tmp_path):
    suite = Suite(tmp_path, benchmark()).series([1.0] * 6 + [2.0] * 6, machine="laptop", cpu="Fast", num_cpu="2")
    suite.series([5.0] * 12, machine="server")
    html, text = page_of(suite)
    for name in ("laptop", "server"):
        assert f"How they went on {name}" in text
        assert f"All values on {name}" in text
    assert html.count("<svg") == 2
    assert [sorted(set(data.seconds)) for data in data_of(html)] == [[1.0, 2.0], [5.0]]
    assert "time_forward suite, laptop" in text
    assert "Machine: laptop (Fast, 2 cores) and server." in text
    assert "cpu Fast –" in text


def test_many_benchmarks_parameters_and_commits(tmp_path):
    names = [f"suite.time_{number:02}" for number in range(20)]
    axes = {"backend": ["exact", *[f"nyswin[anchors={number}]" for number in range(8)]], "genes": list(range(12))}
    suite = Suite(tmp_path, *[benchmark(name, **axes) for name in names])
    for number in range(8):
        suite.add(number, {name: [1.0 + (number >= 4 and name == names[17])] * 108 for name in names})
    html, text = page_of(suite)
    assert html.count("<svg") == MOST_FIGURES
    assert f"Figure 1. {names[17]}: 108 of 108 worse since {commit(4)[:8]}" in text
    assert "8 benchmarks that changed less in the tables only." in text
    assert "In the table only: 60 curves that moved less." in text
    assert all(name in text for name in names)


def test_hundreds_of_commits_have_few_names_on_the_axis(tmp_path):
    suite = Suite(tmp_path, benchmark()).series([1.0] * 100 + [2.0] * 100)
    html, _ = page_of(suite)
    named = [number for number in range(200) if f">{commit(number)[:8]}</text>" in html]
    assert 100 in named
    assert 2 <= len(named) <= 6
    assert len(html) < 200_000


@pytest.mark.parametrize("values", [[0.0, 0.0, 1.0, 1.0], [-1.0, 2.0], [1e-12, 1e12], [5.0], [3.0] * 8])
@pytest.mark.parametrize("unit", ["seconds", "bytes", "unit", "apples"])
def test_whatever_the_values_something_is_drawn(tmp_path, values, unit):
    html, _ = page_of(Suite(tmp_path, benchmark(unit=unit)).series(values))
    assert html.count("<svg") == 1
    assert len(data_of(html)[0]) == len(values)


def test_nothing_but_rounding_is_not_drawn(tmp_path):
    errors = "suite.track_gradient_error"
    html, text = page_of(Suite(tmp_path, benchmark(errors, unit="unit")).series([1e-14, 9e-14], errors))
    assert "<svg" not in html
    assert "same to rounding" in text


def test_text_from_input_is_text(tmp_path):
    described = {**benchmark(f"suite.{NASTY}", backend=[NASTY, "b"]), "pretty_name": NASTY, "unit": NASTY}
    described["param_names"] = [NASTY]
    suite = Suite(tmp_path, described)
    for number in range(12):
        suite.add(number, {f"suite.{NASTY}": [1.0, 1.0 + (number > 5)]}, machine="a b", cpu=NASTY)
    html, text = page_of(suite)
    assert only_ours_runs(html)
    assert "6049261729" not in html
    assert NASTY in text


def test_one_file_that_loads_nothing_and_is_the_same_each_time(suite):
    html, _ = page_of(suite)
    checker = parsed(html)
    assert only_ours_runs(html)
    assert not {"img", "iframe", "object", "embed", "base"} & set(checker.tags)
    assert not re.search("https?:", html)
    assert len(checker.ids) == len(set(checker.ids))
    assert page_of(suite)[0] == html


def test_names_of_values_on_an_axis_do_not_run_into_each_other(tmp_path):
    html, _ = page_of(Suite(tmp_path, benchmark(genes=[1, 2, 3])).series([[0.0005, 0.001, 0.0021]] * 8))
    heights = sorted(map(float, re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>\d+\u00a0[µm]s<', html)))
    assert len(heights) >= 2
    assert min(high - low for low, high in pairwise(heights)) > 12
