"""The figure of fitted exponents, from rows made up."""

import re

import numpy as np
import pytest
from synthetic_run import accuracy, cost, make_row, write_run
from test_report_page import NASTY, csv_of, text_of

from dgsea_bench.report import render_report


def power(label, exponent, sizes=(400, 1000, 4000), noise=(1.0,)):
    """Rows of a backend whose time grows with genes to that power, times what disturbs it at each size."""
    disturbed = np.resize(noise, len(sizes))
    return [
        make_row(label, genes, accuracy(0.001) | cost(1e-6 * genes**exponent * factor))
        for genes, factor in zip(sizes, disturbed)
    ]


def render(path, rows):
    return render_report(write_run(path, rows, curves=False)).read_text(encoding="utf-8")


def figures(html):
    """Figures of exponents, as HTML."""
    return [found for found in re.findall(r"<figure .*?</figure>", html, re.DOTALL) if "xponent" in found]


def figure(html):
    (found,) = (found for found in figures(html) if "Exponents k of cost" in found)
    return found


def test_who_grows_slowest_and_who_fastest(tmp_path):
    html = render(tmp_path, [*power("exact", 2.0), *power("fastsum", 1.0), *power("nyswin", 1.5)])
    text = text_of(figure(html))
    assert "From 400 to 4,000 genes time grows slowest for fastsum, exponent 1.00 (1.00 to 1.00)" in text
    assert "fastest for exact, 2.00 (2.00 to 2.00)" in text
    assert "O(G²·P)" in text, "the order that is claimed stands in the row"
    assert "linear" in text
    assert "Arrows" not in text


def test_what_intervals_do_not_tell_apart_is_called_alike(tmp_path):
    noise = (1.0, 1.3, 1.0)
    rows = [*power("exact", 1.1, noise=noise), *power("fastsum", 1.0, noise=noise)]
    text = text_of(figure(render(tmp_path, rows)))
    assert "exponents of time are alike within their intervals" in text
    assert "slowest" not in text
    rows += power("nyswin", 4.0)
    text = text_of(figure(render(tmp_path / "third", rows)))
    assert re.search(
        r"slowest for fastsum and exact, alike within their intervals: .*; fastest for nyswin, 4\.00", text
    )


def test_the_data_have_time_and_memory(tmp_path):
    html = figure(render(tmp_path, [*power("exact", 2.0), *power("hard", 1.0)]))
    table = csv_of(re.search(r'href="(data:text/csv[^"]*)"', html)[1])
    found = {(row.backend, row.cost): row.exponent for row in table.itertuples()}
    assert found["exact", "step_seconds"] == pytest.approx(2.0)
    assert found["exact", "step_peak_mib"] == pytest.approx(2.0)
    assert found["hard", "step_seconds"] == pytest.approx(1.0), "the classical baseline's forward pass"
    assert set(table["largest size"]) == {4000}


def test_intervals_that_are_too_wide_end_in_an_arrow(tmp_path):
    text = text_of(figure(render(tmp_path, [*power("exact", 2.0), *power("nyswin", 1.0, noise=(1, 30, 1))])))
    assert "Arrows: the interval goes beyond the axis (time of nyswin, " in text
    assert "time of exact" not in text


def test_too_few_sizes_are_told(tmp_path):
    rows = [*power("fastsum", 1.0), *power("exact", 2.0, (400, 1000))]
    rows.append(make_row("exact", 4000, status="out of memory", reason="needs 90 GiB"))
    text = text_of(figure(render(tmp_path, rows)))
    assert "time of fastsum grows with an exponent of 1.00" in text
    assert "no fit for time" in text
    assert "A fit needs three sizes" in text
    rows = [row for row in rows if row.label == "exact"]
    text = text_of(render(tmp_path / "none", rows))
    assert "How time grows with genes is not known" in text
    assert "Not drawn: a fit needs three sizes" in text


def test_two_sizes_have_no_such_figure(tmp_path):
    assert not figures(render(tmp_path, power("exact", 2.0, (400, 1000))))


def test_the_other_axes_have_one_too(tmp_path):
    rows = [make_row("exact", 1000, accuracy(0) | cost(sets / 1e3), sets=sets) for sets in (50, 200, 800)]
    text = text_of(render(tmp_path, rows))
    assert "From 50 to 800 sets time of exact grows with an exponent of 1.00" in text


def test_ranges_that_differ_are_told(tmp_path):
    rows = [*power("fastsum", 1.0, (400, 1000, 4000, 16000)), *power("exact", 2.0)]
    text = text_of(figure(render(tmp_path, rows)))
    assert "Fitted over 400 to 16,000 for fastsum; 400 to 4,000 for exact." in text


def test_hostile_names(tmp_path):
    html = figure(render(tmp_path, power(f"nyswin[{NASTY}{'x' * 300}]", 2.0)))
    assert "<script" not in html
    assert "<svg" in html
