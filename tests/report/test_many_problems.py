"""Figures of dots over very many problems, from rows made up."""

import re

from synthetic_run import accuracy, cost, make_row, write_run
from test_report_page import csv_of, text_of

from dgsea_bench.report import render_report


def kind(number, label="nyswin"):
    """A row on scores of their own kind; the error and the time tell which."""
    metrics = accuracy(1e-4 * (1 + number)) | cost(0.01 * (1 + number))
    return make_row(label, metrics=metrics, generator=f"kind{number:03}")


def of_file(number):
    source = {"kind": "ranking", "ranking": f"file{number:03}.rnk", "gene_sets": "sets.gmt"}
    return make_row("nyswin", metrics=accuracy(0.005 + 1e-5 * number) | cost(1.0), source=source)


def first_figure(path, rows):
    html = render_report(write_run(path, rows, curves=False)).read_text(encoding="utf-8")
    return next(found for found in re.findall(r"<figure .*?</figure>", html, re.DOTALL) if "mean relative" in found)


def problems(figure):
    return list(csv_of(re.search(r'href="(data:text/csv[^"]*)"', figure)[1])["problem"])


def test_the_extremes_are_drawn_and_the_rest_is_counted(tmp_path):
    figure = first_figure(tmp_path, [kind(number) for number in range(100)])
    assert problems(figure) == [f"kind{number:03}" for number in [*range(12), *range(88, 100)]]
    text = text_of(figure)
    assert "Drawn are 24 of 100 problems: those where the largest mean error of a backend is highest or lowest" in text
    assert "76 more are in the tables." in text


def test_the_takeaway_is_over_all(tmp_path):
    rows = [kind(number) for number in range(60)]
    html = render_report(write_run(tmp_path, rows, curves=False)).read_text(encoding="utf-8")
    assert "The mean error is largest on kind059: 0.60 % (nyswin)" in text_of(html)
    assert "Spearman correlation of 0.900" in text_of(html)
    assert "over 60 problems" in text_of(html)


def test_real_ones_come_first(tmp_path):
    figure = first_figure(tmp_path, [kind(number) for number in range(100)] + [of_file(number) for number in range(3)])
    shown = problems(figure)
    assert len(shown) == 24
    assert [name for name in shown if "file" in name] == ["file000.rnk", "file001.rnk", "file002.rnk"]
    assert "real ones first" in text_of(figure)


def test_real_ones_take_half_where_there_are_many_of_both(tmp_path):
    rows = [kind(number) for number in range(40)] + [of_file(number) for number in range(40)]
    shown = problems(first_figure(tmp_path, rows))
    real = [name for name in shown if "file" in name]
    assert len(shown) == 24
    assert len(real) >= 12
    assert {"kind000", "kind039", "file000.rnk", "file039.rnk"} <= set(shown)


def test_as_many_as_can_be_drawn_are(tmp_path):
    figure = first_figure(tmp_path, [kind(number) for number in range(24)])
    assert len(problems(figure)) == 24
    assert "Drawn are" not in text_of(figure)
