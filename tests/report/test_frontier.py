"""The section on time against error, from rows made up."""

import re

import pytest
from synthetic_run import accuracy, cost, l1000, make_row, three_sizes, write_run
from test_report_page import NASTY, csv_of, only_ours_runs, parsed, text_of

from dgsea_bench.report import render_report, tradeoff
from dgsea_bench.report.canvas import BLUE, GREY, VERMILION, Look, canvas


def render(path, rows):
    return render_report(write_run(path, rows, curves=False)).read_text(encoding="utf-8")


def section(html):
    """The section as HTML; empty where it is not there."""
    found = re.search(r'<section id="frontier".*?(?=<section id="\w+" class="part|</main>)', html, re.DOTALL)
    return found.group() if found else ""


def at(genes=1000, **measured):
    """Rows of one size: backend -> (error, seconds), or with the spread of the time."""
    return [
        make_row(label.replace("_", "-"), genes, accuracy(error) | cost(seconds, *spread))
        for label, (error, seconds, *spread) in measured.items()
    ]


def data(html):
    return [csv_of(value) for _, value in parsed(section(html)).references if value.startswith("data:text/csv")]


def test_one_backend_dominates(tmp_path):
    html = render(tmp_path, at(exact=(0, 1.0), fastsum=(1e-14, 0.01), nyswin=(0.01, 0.5)))
    text = text_of(section(html))
    assert "At 1,000 genes fastsum dominates: nothing measured is faster or more accurate" in text
    assert "exact to rounding" in text, "errors of zero have a place of their own"
    (table,) = data(html)
    assert dict(zip(table["backend"], table["standing"])) == {
        "exact": "dominated by fastsum", "fastsum": "on the frontier", "nyswin": "dominated by fastsum",
    }  # fmt: skip


def test_what_is_faster_but_less_accurate_is_on_the_frontier_too(tmp_path):
    rows = at(exact=(0, 1.0), nyswin=(0.01, 0.5), slow=(0.01, 2.0), vague=(0.5, 0.9))
    text = text_of(section(render(tmp_path, rows)))
    assert "At 1,000 genes exact and nyswin are on the frontier" in text
    assert "slow and vague are dominated by nyswin" in text
    assert "On the frontier:" not in text, "of one problem the heading says it"


def test_what_is_slower_within_noise_is_not_called_dominated(tmp_path):
    measured = {"exact": (0, 1.0, 0.2), "fastsum": (0, 0.9, 0.2), "nyswin": (0.01, 3.0)}
    text = text_of(section(render(tmp_path, at(**measured) + at(2000, **measured))))
    assert "On the frontier: fastsum in all 2 problems. Off it within noise: exact in 2." in text
    assert "At 1,000 genes fastsum dominates, but exact is behind within noise" in text


def test_the_interval_of_the_median_counts_before_the_quartiles(tmp_path):
    rows = at(exact=(0, 1.0, 0.2), fastsum=(0, 0.9, 0.2))
    for row in rows:
        seconds = row.metrics["step_seconds"]
        row.metrics.update(step_seconds_low=0.99 * seconds, step_seconds_high=1.01 * seconds)
    text = text_of(section(render(tmp_path, rows)))
    assert "fastsum dominates: nothing measured" in text
    assert "the 95 % interval of the median time" in text


def test_errors_that_read_alike_are_alike(tmp_path):
    text = text_of(section(render(tmp_path, at(exact=(2.0001e-8, 1.0), fastsum=(2.0002e-8, 0.1)))))
    assert "fastsum dominates" in text


def test_the_smallest_the_middle_and_the_largest_size_and_what_is_left_out(tmp_path):
    rows = [row for genes in (400, 1000, 2000, 4000, 8000) for row in at(genes, exact=(0, 1.0), nyswin=(0.01, 0.5))]
    rows += at(16000, nyswin=(0.01, 0.5))
    rows.append(make_row("exact", 16000, status="out of time", reason="stopped after the time limit of 120 s"))
    html = render(tmp_path, rows)
    headings = re.findall(r"At ([\d,]+) genes exact and nyswin", text_of(section(html)))
    assert list(dict.fromkeys(headings)) == ["400", "2,000", "8,000"]
    assert "2 more problems with errors and times in the tables only." in text_of(section(html))


def test_who_is_not_there_is_named_with_the_reason(tmp_path):
    rows = at(exact=(0, 1.0), nyswin=(0.01, 0.5), fastsum=(0, 0.1))
    rows += [make_row("hard"), make_row("cuda-batched", status="skipped", reason="no GPU <here>")]
    text = text_of(section(render(tmp_path, rows)))
    assert "Not here: hard (classical GSEA, which has no gradient)." in text
    assert "Not here: cuda-batched (skipped: no GPU <here>)." in text


def test_real_scores_come_first(tmp_path):
    rows = three_sizes()
    for label, error in (("exact", 0.0), ("nyswin[anchors=128]", 0.01)):
        rows.append(make_row(label, 978, accuracy(error) | cost(1.0), source=l1000()))
    text = text_of(section(render(tmp_path, rows)))
    assert text.index("On signatures.gctx × hallmark.gmt") < text.index("On planted")


@pytest.mark.parametrize("other", [0.34, 0.3, 0.45])
def test_a_name_stands_beside_its_own_mark(other):
    labels = {"nyswin[anchors=512]": (0.0012, 0.35), "nyswin[anchors=128]": (0.004, other), "exact": (None, 0.46)}
    looks = dict(zip(labels, (Look(BLUE, "o"), Look(VERMILION, "s"), Look(GREY, "D")), strict=True))
    marks = [
        tradeoff.Mark(label, looks[label], label[:6], error, error, seconds, seconds, seconds, label == "exact")
        for label, (error, seconds) in labels.items()
    ]
    with canvas(tradeoff.HEIGHT) as figure:
        axes, places = tradeoff._fill(figure, marks, tradeoff.Titles("error", "time", str, str), 0)
        boxes = tradeoff._spots(axes, marks, places)
        centres = axes.transData.transform([(places[mark.label], mark.time) for mark in marks])
    for number, (left, bottom, right, top) in enumerate(boxes):
        gaps = [max(left - x, x - right, 0) + max(bottom - y, y - top, 0) for x, y in centres]
        assert gaps.index(min(gaps)) == number
        assert min(gaps) < tradeoff.BESIDE


def test_none_where_nothing_can_be_compared(tmp_path):
    assert not section(render(tmp_path, at(exact=(0, 1.0))))
    rows = [make_row(label, metrics=cost(1.0), without_truth="too large") for label in ("exact", "nyswin")]
    assert not section(render(tmp_path / "unknown", rows))


@pytest.mark.parametrize("count", [3, 30])
def test_hostile_names_and_many_of_them(tmp_path, count):
    labels = [f"nyswin[{NASTY}{'x' * 300}{number}]" for number in range(count)]
    rows = [
        make_row(label, metrics=accuracy(0.001 * (1 + number)) | cost(1.0 / (1 + number)))
        for number, label in enumerate(labels)
    ]
    html = render(tmp_path, rows)
    assert only_ours_runs(html)
    assert section(html).count("<svg") == 1
    assert f"{count - 3} more are on the frontier" in text_of(section(html)) or count == 3
