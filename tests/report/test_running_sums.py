"""The figures of running sums, from rows and curves made up."""

import re

import numpy as np
import pandas as pd
import pytest
from synthetic_run import accuracy, cost, make_row, write_details, write_run
from test_report_page import NASTY, csv_of, only_ours_runs, parsed
from test_strength_section import part

from dgsea_bench.report import render_report

PEAKS = {"UP": 0.6, "DOWN": -0.4, "WEAK": 0.1}
POSITIONS = np.arange(1, 401)


def curves(peaks=PEAKS, off=0.0, positions=POSITIONS, spike=0.0):
    """Half a wave for each set, whose peak is that; `off` by so much, and at one position by a `spike` more."""
    frames = []
    for name, peak in peaks.items():
        wave = peak * np.sin(np.pi * positions / 400) + off
        wave[7] += spike
        frames.append(pd.DataFrame({"gene_set": name, "profile": 0, "position": positions, "running_sum": wave}))
    return pd.concat(frames)


def row(label):
    return make_row(label, 400, accuracy(0.0 if label == "exact" else 0.01) | cost(1.0))


def render(path, tables):
    """The page of a run in which each backend has these curves."""
    rows = [row(label) for label in tables]
    write_run(path, rows, curves=False)
    for one, table in zip(rows, tables.values(), strict=True):
        if table is not None:
            write_details(path, one.case_id, curves=table)
    return render_report(path).read_text(encoding="utf-8")


def figures(html):
    """Heading and data of each figure of the section."""
    section = re.search(r'<section id="curves".*?(?=<section id="\w+" class="part|</main>)', html, re.DOTALL).group()
    headings = re.findall(r"<h3><span.*?</span> (.*?)</h3>", section)
    addresses = [value for _, value in parsed(section).references if value.startswith("data:text/csv")]
    return list(zip(headings, [csv_of(address) for address in addresses], strict=True))


def test_a_figure_for_each_set(tmp_path):
    html = render(tmp_path, {"exact": curves(), "nyswin": curves(off=0.01), "hard": curves(off=0.3)})
    found = figures(html)
    assert [heading for heading, _ in found] == [
        f"{name} peaks at {peak}: nyswin strays from exact by 0.01 on average, 0.01 at most"
        for name, peak in (("UP", "0.600"), ("DOWN", "−0.400"), ("WEAK", "0.100"))
    ]
    text = part(html, "curves")
    assert "no backend strays from exact by more than 10.0 % of a set's peak, as nyswin does on WEAK" in text
    assert "Three gene sets of the first profile" in text
    assert "Dotted: its peak, at position 200" in text


def test_the_data_are_what_is_drawn(tmp_path):
    html = render(tmp_path, {"exact": curves(), "nyswin": curves(off=0.01), "hard": curves(off=0.3)})
    for (_, data), name in zip(figures(html), PEAKS, strict=True):
        assert data["gene_set"].eq(name).all()
        assert data.groupby("backend").size().to_dict() == {"exact": 250, "nyswin": 250, "hard": 250}
        apart = data.set_index("backend")["minus_exact"]
        np.testing.assert_allclose(apart["nyswin"], 0.01, atol=2e-6)
        assert apart[["exact", "hard"]].isna().all()


def test_a_run_that_kept_one_set_has_one_figure(tmp_path):
    one = {"UP": 0.6}
    html = render(tmp_path, {"exact": curves(one), "nyswin": curves(one, off=0.01)})
    ((heading, _),) = figures(html)
    assert heading.startswith("UP peaks at 0.600")
    text = part(html, "curves")
    assert "classical ES is furthest from zero" in text
    assert "same scales" not in text


def test_sets_that_most_backends_have(tmp_path):
    """Where no classical scores are known, each backend keeps sets of its own choice."""
    shared, more = {"UP": 0.6, "DOWN": -0.4}, {"OWN": 0.2}
    tables = {"exact": curves(more | shared), "nyswin": curves(shared), "fastsum": curves(shared), "hard": None}
    found = figures(render(tmp_path, tables))
    assert [data["gene_set"][0] for _, data in found] == ["UP", "DOWN"]
    assert all(set(data["backend"]) == {"exact", "nyswin", "fastsum"} for _, data in found)


def test_backends_that_agree(tmp_path):
    html = render(tmp_path, {"exact": curves(), "fastsum": curves(off=1e-15)})
    assert all(heading.endswith("all backends agree with exact to rounding") for heading, _ in figures(html))
    assert "On none of these sets does a backend stray" in part(html, "curves")


def test_without_exact_there_is_nothing_to_compare_with(tmp_path):
    html = render(tmp_path, {"nyswin": curves(), "fastsum": curves()})
    assert figures(html)[0][0] == "The running sum of UP peaks at 0.600"
    text = part(html, "curves")
    assert "differs by from exact" not in text
    assert "broad band" not in text


def test_a_window_is_no_error_where_it_has_no_positions(tmp_path):
    ends = np.concatenate([POSITIONS[:100], POSITIONS[-100:]])
    html = render(tmp_path, {"exact": curves(), "nyswin": curves(positions=ends)})
    heading, data = figures(html)[0]
    assert heading == "The running sum of UP peaks at 0.600; nyswin leaves out a stretch of positions"
    assert not data[data["backend"] == "nyswin"]["position"].between(101, 299).any()


@pytest.mark.parametrize(("spike", "told"), [(0.3, True), (0.0, False)])
def test_a_spike_does_not_hide_the_rest(tmp_path, spike, told):
    html = render(tmp_path, {"exact": curves(), "nyswin": curves(off=0.002, spike=spike)})
    assert ("logarithmic beyond ±0.001" in html) == told
    assert f"on average, {0.002 + spike:.2g} at most" in figures(html)[0][0]


def test_a_flat_running_sum(tmp_path):
    found = figures(render(tmp_path, {"exact": curves({"FLAT": 0.0}), "nyswin": curves({"FLAT": 0.0})}))
    assert [heading for heading, _ in found] == ["FLAT peaks at 0.000: all backends agree with exact to rounding"]


@pytest.mark.parametrize("name", [NASTY, "SET" * 100, "מסלול = 'א'", "=cmd()"])
def test_any_name(tmp_path, name):
    html = render(tmp_path, {"exact": curves({name: 0.5}), "nyswin": curves({name: 0.5}, off=0.01)})
    assert only_ours_runs(html)
    ((heading, data),) = figures(html)
    assert len(heading) < 400
    assert data["gene_set"][0].removeprefix("'") == name
