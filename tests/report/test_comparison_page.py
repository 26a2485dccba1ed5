"""The page on two runs: what it says, that input stays text, and that it stays readable with many cases."""

import re

import pytest
from synthetic_run import ENVIRONMENT, accuracy, cost, make_row
from test_report_page import NASTY, only_ours_runs, parsed, text_of

from dgsea_bench.bench.compare import Side, compare_runs
from dgsea_bench.report.comparison import MOST_FIGURES, MOST_ROWS, Names, render_comparison, summary, verdict_sentence
from dgsea_bench.report.wording import ratio

LABELS = ("exact", "nyswin")


def run(name, rows, environment=ENVIRONMENT):
    return Side(name, tuple(rows), {"e1": environment})


def rows_of(factor=1.0, sizes=(400, 1000), labels=LABELS, error=0.01):
    """Rows whose times are those of another call times `factor`."""
    return [
        make_row(label, genes, accuracy(error) | cost(factor * genes / 1e5, spread=0.01))
        for label in labels
        for genes in sizes
    ]


def names_of(comparison):
    sides = (comparison.before, comparison.after)
    return Names(
        "planted", {row.case_id: f"{row.case['source']['genes']} genes" for side in sides for row in side.rows}
    )


def page_of(before, after, **options):
    """(HTML, its text) of the comparison of two runs."""
    comparison = compare_runs(before, after, **options)
    html = render_comparison(comparison, names_of(comparison))
    return html, text_of(html)


def test_the_verdict_comes_first():
    after = rows_of(2.0, labels=("exact",)) + rows_of(labels=("nyswin",), error=0.03)
    html, text = page_of(run("old", rows_of()), run("new", after))
    assert "<h1>4 regressions in 4 cases: 2 error worse, 2 slower</h1>" in html
    assert "4 cases in both runs: 2 slower, 0 faster, 2 same within noise, 2 error worse" in text
    assert "Before: old, 4 cases. After: new, 4 cases." in text
    assert "1.00 % → 3.00 %" in text
    assert text.index("Regressions, the worst first") < text.index("Figure 1.")


def test_figures_show_the_ratios_with_a_heading_that_counts():
    html, text = page_of(
        run("old", rows_of()), run("new", rows_of(2.0, labels=("exact",)) + rows_of(labels=("nyswin",)))
    )
    assert "Figure 1. exact: 2 slower" in text
    assert "Figure 2. nyswin: 2 same within noise" in text
    alternatives = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert "400 genes 2.00; 1000 genes 2.00" in alternatives[0]


def test_one_file_that_loads_nothing_and_runs_nothing():
    html, _ = page_of(run("old", rows_of()), run("new", rows_of(2.0)))
    checker = parsed(html)
    assert only_ours_runs(html)
    assert not {"img", "iframe", "object", "embed", "base"} & set(checker.tags)
    assert not re.search("https?:", html)
    assert len(checker.ids) == len(set(checker.ids))


def test_the_same_comparison_gives_the_same_bytes():
    pages = {page_of(run("old", rows_of()), run("new", rows_of(2.0)))[0] for _ in range(2)}
    assert len(pages) == 1


def test_text_from_input_is_text():
    label = f"nyswin[{NASTY}]"
    before = [make_row(label), make_row("exact"), make_row("hard")]
    after = [make_row(label), make_row("exact", status="failed", reason=NASTY), make_row("hard", genes=2)]
    sides = (
        run(NASTY, before, {**ENVIRONMENT, "processor": NASTY}),
        run(f"{NASTY}2", after, {"processor": NASTY, "a": NASTY}),
    )
    comparison = compare_runs(*sides)
    names = Names(NASTY, {row.case_id: NASTY for side in sides for row in side.rows})
    html = render_comparison(comparison, names)
    assert only_ours_runs(html)
    assert f"now fails {NASTY}" in text_of(html)
    assert "49" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)


def test_nothing_changed():
    html, text = page_of(run("old", rows_of()), run("new", rows_of()))
    assert "<h1>No regression in 4 cases</h1>" in html
    assert "Regressions, the worst first" not in text
    assert "No difference." in text


def test_what_differs_between_the_environments_is_marked():
    newer = {**ENVIRONMENT, "packages": {"numpy": "3.0"}}
    _, text = page_of(run("old", rows_of()), run("new", rows_of(), newer))
    assert "numpy ≠ 2.0 3.0" in text
    assert "cores 2 2" in text
    assert "marked with ≠" in text


def test_another_machine_leaves_no_times_to_draw():
    html, text = page_of(run("old", rows_of()), run("new", rows_of(9.0), {**ENVIRONMENT, "cores": 64}))
    assert "No regression in 4 cases, but no times could be compared" in text
    assert "4 not comparable (another machine)" in text
    assert "cores ≠ 2 64" in text
    assert "<svg" not in html


def test_cases_in_one_run_alone_are_listed():
    _, text = page_of(run("old", rows_of(sizes=(400, 1000))), run("new", rows_of(sizes=(1000, 4000))))
    assert "2 only in old, 2 only in new" in text
    assert "Cases in one run alone" in text


@pytest.mark.parametrize(("kinds", "sizes"), [(1, range(100, 500)), (40, range(100, 110))])
def test_of_hundreds_of_cases_those_that_changed_most_are_drawn(kinds, sizes):
    labels = [f"nyswin[anchors={number}]" for number in range(kinds)]
    after = rows_of(1.01, sizes, labels)
    after[7] = rows_of(3.0, sizes, labels)[7]
    html, text = page_of(run("old", rows_of(1.0, sizes, labels)), run("new", after))
    assert html.count("<svg") <= MOST_FIGURES
    assert "whose time changed less" in text
    assert f"{MOST_ROWS} of " in text
    assert any("3.00" in figure for figure in re.findall(r'aria-label="(Forest[^"]*)"', html))


def test_figures_are_by_problem_where_there_are_more_backends():
    labels = [f"nyswin[anchors={number}]" for number in range(5)]
    _, text = page_of(run("old", rows_of(labels=labels)), run("new", rows_of(labels=labels)))
    assert "Figure 2. 1000 genes: 5 same within noise" in text


def test_long_names_are_told_apart_in_figures():
    comparison = compare_runs(run("old", rows_of()), run("new", rows_of()))
    common = "a long description of what is the same"
    names = Names("", {row.case_id: f"{row.case['source']['genes']} genes, {common}" for row in comparison.after.rows})
    html = render_comparison(comparison, names)
    drawn = re.findall(r"<text[^>]*>([^<]*genes[^<]*)</text>|<tspan[^>]*>([^<]*genes[^<]*)</tspan>", html)
    assert any("1000 genes" in part for parts in drawn for part in parts)


def test_an_endless_interval_does_not_hide_the_others():
    wild = [make_row("exact", 1000, accuracy(0) | cost(1.0, spread=0.999999))]
    html, _ = page_of(run("old", wild), run("new", wild))
    assert html.count("<svg") == 1


def test_the_sentences_of_what_improved():
    comparison = compare_runs(run("old", rows_of(2.0)), run("new", rows_of(1.0)))
    assert verdict_sentence(comparison) == "No regression in 4 cases: 4 faster"
    assert summary(comparison) == "4 cases in both runs: 0 slower, 4 faster, 0 same within noise"


@pytest.mark.parametrize(("value", "text"), [(1.043, "1.04"), (12.34, "12.3"), (0.97, "0.97"), (0.0123, "0.012")])
def test_ratios_are_read_closely(value, text):
    assert ratio(value) == text
