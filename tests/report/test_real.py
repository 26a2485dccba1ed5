"""The section on real scores beside synthetic ones, from rows made up."""

import re

import pytest
from synthetic_run import accuracy, cost, l1000, make_row, three_sizes, write_run
from test_report_page import NASTY, csv_of, text_of

from dgsea_bench.report import render_report


def section(path, rows):
    """The section as HTML; empty where it is not there."""
    html = render_report(write_run(path, rows, curves=False)).read_text(encoding="utf-8")
    found = re.search(r'<section id="real".*?(?=<section id="\w+" class="part|</main>)', html, re.DOTALL)
    return found.group() if found else ""


def of_file(error=0.009, seconds=1.0, genes=978, label="nyswin", spearman=0.9, **fields):
    metrics = accuracy(error) | cost(seconds) | {"es_spearman": spearman}
    return make_row(label, genes, metrics, source=l1000(**fields))


def generated(error=0.003, seconds=1.0, genes=978, label="nyswin", spearman=0.9, kind="planted", profiles=12):
    metrics = accuracy(error) | cost(seconds) | {"es_spearman": spearman}
    return make_row(label, genes, metrics, generator=kind, profiles=profiles)


FILE = "signatures.gctx × hallmark.gmt"


def test_synthetic_that_understates_an_error(tmp_path):
    text = text_of(section(tmp_path, [of_file(0.009), generated(0.003)]))
    assert (
        f"nyswin's mean error is 0.90 % on {FILE} and 0.30 % on synthetic scores: synthetic understates it 3.0-fold"
        in text
    )
    assert "Of 1 comparison synthetic understates 1." in text


def test_of_several_kinds_the_nearest_counts(tmp_path):
    rows = [of_file(0.009), generated(0.003), generated(0.0005, kind="tied")]
    text = text_of(section(tmp_path, rows))
    assert "0.05 % to 0.30 % on synthetic scores: synthetic understates it at least 3.0-fold" in text


def test_synthetic_that_overstates(tmp_path):
    text = text_of(section(tmp_path, [of_file(0.001, seconds=0.1), generated(0.004, seconds=0.5)]))
    assert "synthetic overstates it 4.0-fold" in text
    assert f"nyswin's time is 100 ms on {FILE} and 500 ms on synthetic scores: synthetic overstates it 5.0-fold" in text


def test_within_the_range_of_synthetic_scores_is_alike(tmp_path):
    rows = [of_file(0.003), generated(0.001), generated(0.009, kind="tied")]
    text = text_of(section(tmp_path, rows))
    assert "Synthetic stands for real scores: the mean error of nyswin is alike on both" in text
    assert "understates it" not in text


def test_correlations_are_compared_by_their_difference(tmp_path):
    text = text_of(section(tmp_path, [of_file(spearman=0.8), generated(spearman=0.95)]))
    assert "synthetic overstates it by 0.15" in text
    text = text_of(section(tmp_path / "alike", [of_file(spearman=0.945), generated(spearman=0.95)]))
    assert "the Spearman correlation of nyswin is alike on both" in text


def test_the_nearest_number_of_genes_is_said_aloud(tmp_path):
    rows = [of_file(0.009, genes=978), generated(0.003, genes=1000), generated(0.5, genes=4000)]
    text = text_of(section(tmp_path, rows))
    assert f"Beside {FILE} (978 genes, 20 sets, 12 profiles): planted scores of the nearest size (1,000 genes" in text
    assert "0.30 % on synthetic scores" in text
    assert "Not drawn: no synthetic scores of the same genes, gene sets and profiles" in text, "times hang on the size"


def test_of_one_number_of_genes_the_nearest_number_of_profiles(tmp_path):
    rows = [of_file(0.009), generated(0.003, profiles=1), generated(0.001, profiles=12)]
    text = text_of(section(tmp_path, rows))
    assert "scores of the same size (978 genes, 20 sets, 12 profiles)" in text
    assert "0.10 % on synthetic scores" in text


def test_what_was_measured_otherwise_does_not_stand_beside(tmp_path):
    other = generated(0.003)
    other.case["dtype"] = "float32"
    assert not section(tmp_path, [of_file(), other])


def test_not_without_both(tmp_path):
    assert not section(tmp_path, three_sizes())
    assert not section(tmp_path / "real", [of_file(), of_file(label="exact")])


def test_rounding_has_no_row_but_is_told(tmp_path):
    rows = [of_file(1e-15, label="fastsum"), generated(0.0, label="fastsum"), of_file(), generated()]
    text = text_of(section(tmp_path, rows))
    assert "No row where every error is zero or rounding, or is not known: fastsum." in text
    rows = [of_file(1e-4, label="fastsum"), generated(0.0, label="fastsum")]
    assert "synthetic understates it" in text_of(section(tmp_path / "one", rows))


def test_who_failed_is_named(tmp_path):
    rows = [of_file(), generated(), of_file(label="exact"), generated(label="exact")]
    rows[2] = make_row("exact", 978, status="out of memory", reason="why", source=l1000())
    assert f"No result: exact on {FILE} (out of memory)." in text_of(section(tmp_path, rows))


def test_the_data_have_both_sides(tmp_path):
    html = section(tmp_path, [of_file(0.009), generated(0.003), generated(0.0005, kind="tied")])
    table = csv_of(re.search(r'href="(data:text/csv[^"]*)"', html)[1])
    assert dict(zip(table["scores"], table["value_error_mean"])) == pytest.approx(
        {FILE: 0.009, "planted": 0.003, "tied": 0.0005}
    )
    assert list(table["kind"]) == ["real", "synthetic", "synthetic"]


def test_so_many_rows_are_drawn(tmp_path):
    labels = [f"nyswin[anchors={number}]" for number in range(40)]
    rows = [of_file(0.001 * (1 + number), label=label) for number, label in enumerate(labels)]
    rows += [generated(0.001, label=label) for label in labels]
    text = text_of(section(tmp_path, rows))
    assert "Drawn are the 24 that are furthest apart" in text
    assert "nyswin[anchors=39]'s mean error is 4.00 %" in text
    assert "Of 40 comparisons" in text


def test_hostile_names(tmp_path):
    name = f"{NASTY.replace('/', '')}{'x' * 300}.gctx"
    rows = [of_file(label=f"nyswin[{NASTY}]", matrix=name), generated(label=f"nyswin[{NASTY}]", kind=NASTY)]
    html = section(tmp_path, rows)
    assert "<script" not in html
    assert html.count("<svg") == 4
