"""What figures write where there is no result, from rows made up, and where their axes have ticks."""

import re

import pytest
from synthetic_run import accuracy, cost, make_row, write_run
from test_report_page import NASTY, csv_of, text_of

from dgsea_bench.report import render_report
from dgsea_bench.report.quantities import ERROR
from dgsea_bench.report.ticks import MEBIBYTES, SECONDS, ticks_for


def line(label, *sizes, **unfinished):
    """Rows of a backend at these sizes; ``at_2000="failed"`` is a size without a result."""
    rows = [make_row(label, genes, accuracy(0.001) | cost(1e-6 * genes)) for genes in sizes]
    for name, status in unfinished.items():
        genes = int(name.removeprefix("at_"))
        rows.append(make_row(label, genes, status=status.replace("_", " "), reason=f"why at {genes}"))
    return rows


def figures(path, rows):
    """The figures on cost or error as HTML, by a part of their heading."""
    html = render_report(write_run(path, rows, curves=False)).read_text(encoding="utf-8")
    return re.findall(r"<figure .*?</figure>", html, re.DOTALL)


def times(path, rows):
    return next(found for found in figures(path, rows) if "time of forward and backward pass" in found)


def labels(figure):
    """Texts in the drawing."""
    return [text.replace("\u00a0", " ") for text in re.findall(r"<text[^>]*>([^<]*)</text>", figure)]


def table(figure):
    return csv_of(re.search(r'href="(data:text/csv[^"]*)"', figure)[1])


def crosses(figure):
    """Places of crosses: what is missing in the data, by backend."""
    found = table(figure)
    if "missing" not in found:
        return []
    gaps = found[found["missing"].notna()]
    return [(row.backend, int(row.genes), row.missing) for row in gaps.itertuples()]


def test_a_line_says_where_and_why_it_ends(tmp_path):
    rows = line("exact", 400, 1000, 4000, at_64000="out_of_memory", at_128000="skipped")
    rows += line("fastsum", 400, 1000, 4000, 64000, 128000)
    figure = times(tmp_path, rows)
    assert "out of memory at 64,000" in labels(figure)
    assert not any("128,000" in text and "skipped" in text for text in labels(figure)), "the first of them ends it"
    assert crosses(figure) == [("exact", 64000, "out of memory")]
    assert "✕ marks a size without a result" in text_of(figure)


def test_a_size_that_failed_in_the_middle_is_told_too(tmp_path):
    rows = [*line("exact", 400, 4000, 8000, at_1000="failed"), *line("fastsum", 400, 1000, 4000, 8000)]
    figure = times(tmp_path, rows)
    assert "failed at 1,000" in labels(figure)
    assert crosses(figure) == [("exact", 1000, "failed")]
    rows += line("nyswin", 400, at_1000="failed", at_4000="out_of_time", at_8000="skipped")
    figure = times(tmp_path / "end", rows)
    assert "failed at 1,000" in labels(figure), "the end of a line is at the smallest size after its last result"
    assert not any("out of time at" in text for text in labels(figure))


def test_both_a_failure_in_the_middle_and_the_end(tmp_path):
    rows = line("exact", 400, 2000, at_1000="failed", at_4000="out_of_memory", at_8000="skipped")
    figure = times(tmp_path, [*rows, *line("fastsum", 400, 8000)])
    assert {"failed at 1,000", "out of memory at 4,000"} <= set(labels(figure))
    assert crosses(figure) == [("exact", 1000, "failed"), ("exact", 4000, "out of memory")]


def test_several_failures_in_the_middle_are_counted(tmp_path):
    rows = line("exact", 400, 4000, at_1000="failed", at_2000="out_of_memory")
    figure = times(tmp_path, [*rows, *line("fastsum", 400, 4000)])
    assert "no result at 2 sizes" in labels(figure)


def test_no_cross_where_all_is_there(tmp_path):
    figure = times(tmp_path, line("exact", 400, 4000))
    assert not crosses(figure)
    assert "✕" not in figure


def test_a_line_that_ends_for_want_of_a_truth_has_no_cross(tmp_path):
    rows = line("nyswin", 400, 1000, at_8000="out_of_memory")
    rows.append(make_row("nyswin", 4000, cost(0.01), without_truth="too large"))
    drawn = figures(tmp_path, rows)
    errors = next(found for found in drawn if "mean relative error" in found)
    assert not crosses(errors)
    assert crosses(next(found for found in drawn if "time of forward" in found)) == [("nyswin", 8000, "out of memory")]


def test_a_size_at_which_all_failed_is_on_the_axis(tmp_path):
    figure = times(tmp_path, line("exact", 400, 4000, at_1000000="out_of_memory"))
    assert "1,000,000" in labels(figure)


def kinds(*rows):
    """Rows of one size on several kinds of scores: (label, kind, status)."""
    return [
        make_row(label, generator=kind, metrics=accuracy(0.01) | cost(1.0))
        if status == "done"
        else make_row(label, generator=kind, status=status, reason="why")
        for label, kind, status in rows
    ]


def test_a_row_of_dots_says_what_failed_there(tmp_path):
    rows = kinds(("exact", "tied", "out of memory"), ("exact", "heavy-tailed", "done"), ("nyswin", "tied", "done"))
    figure = times(tmp_path, [*rows, *kinds(("nyswin", "heavy-tailed", "failed"))])
    assert {"exact: out of memory", "nyswin: failed"} <= set(labels(figure))
    assert "✕: no result; All cases says why." in text_of(figure)
    assert dict(table(figure).dropna(subset="missing")[["backend", "problem"]].to_numpy()) == {
        "exact": "tied", "nyswin": "heavy-tailed",
    }  # fmt: skip


def test_a_backend_that_failed_everywhere_has_its_row(tmp_path):
    figure = times(tmp_path, kinds(("exact", "heavy-tailed", "done"), ("nyswin", "heavy-tailed", "out of memory")))
    assert {"nyswin", "out of memory"} <= set(labels(figure))


def test_nothing_finished_draws_nothing(tmp_path):
    rows = kinds(("exact", "heavy-tailed", "failed"), ("nyswin", "heavy-tailed", "out of memory"))
    assert not any("<svg" in figure for figure in figures(tmp_path, rows))


def test_an_error_that_is_not_known_is_told_in_its_row(tmp_path):
    unknown = make_row("exact", 4000, cost(1.0), generator="heavy-tailed", without_truth="too large")
    rows = [unknown, *kinds(("nyswin", "tied", "done"))]
    rows[1] = make_row("nyswin", 4000, accuracy(0.01) | cost(1.0), generator="tied")
    figure = next(found for found in figures(tmp_path, rows) if "mean relative error" in found)
    assert "exact: not known" in labels(figure)


def test_hostile_names_stay_text(tmp_path):
    label = f"nyswin[{NASTY}{'x' * 300}]"
    rows = [*line(label, 400, 1000, at_4000="failed"), *line("exact", 400, 4000)]
    figure = times(tmp_path, rows)
    assert "<script" not in figure
    assert "failed at 4,000" in labels(figure)
    figure = times(tmp_path / "dots", kinds((label, "tied", "failed"), ("exact", "tied", "done"), (label, "a", "done")))
    assert "<script" not in figure


@pytest.mark.parametrize("low", [1e-7, 3e-6, 1e-4, 0.02, 1.0, 50.0])
@pytest.mark.parametrize("times", [3, 50, 1e4, 1e9])
def test_ticks_of_time_are_round_in_their_unit(low, times):
    texts = [SECONDS(tick) for tick in ticks_for(SECONDS, low, low * times)]
    assert 1 <= len(texts) <= 7
    assert len(set(texts)) == len(texts)
    for text in texts:
        number, unit = text.split("\u00a0")
        digits = number.replace(",", "").replace(".", "").strip("0")
        assert digits in {"1", "15", "2", "3", "4", "5", "6", "8"}, text
        assert float(number.replace(",", "")) < {"min": 60, "s": 60, "h": 1e9}.get(unit, 1000)


def test_ticks_of_memory_are_round_in_their_unit():
    for low in (0.001, 0.02, 0.7, 30, 900):
        for times in (3, 60, 1e4):
            texts = [MEBIBYTES(tick) for tick in ticks_for(MEBIBYTES, low, low * times)]
            assert not any("," in text for text in texts), "1 MiB, and not 1,000 KiB"
            assert len(set(texts)) == len(texts)
    assert [MEBIBYTES(tick) for tick in ticks_for(MEBIBYTES, 0.05, 2000)] == [
        "100\u00a0KiB", "1\u00a0MiB", "10\u00a0MiB", "100\u00a0MiB", "1\u00a0GiB",
    ]  # fmt: skip


def test_ticks_of_errors_say_where_they_are():
    assert ERROR.tick(1.5e-6) == "1.5e-6"
    assert ERROR.tick(2e-6) == "2e-6"
