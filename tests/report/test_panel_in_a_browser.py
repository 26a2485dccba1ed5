"""The panel for a problem of the reader's own, held to the rows, in a browser."""

from synthetic_run import accuracy, cost, make_row, three_sizes, write_run

from dgsea_bench.report import render_report


def test_the_panel_answers_with_the_rows(visit, sizes_page):
    reader = visit(sizes_page)
    for genes, exact in ((400, "1.60 ms"), (1000, "10.0 ms"), (4000, "160 ms")):
        answer, rows = reader.ask(genes=genes, tolerance="1e-6")
        assert rows["exact"]["time"] == exact
        assert rows["exact"]["known"] == "measured"
        assert answer.startswith(f"Use exact: about {exact} a step")
    answer, rows = reader.ask(tolerance="1e-2")
    assert answer.startswith("Use nyswin[anchors=128]: about 80.0 ms a step")
    assert "The next, exact, takes 2.00 times as long." in answer
    assert rows["nyswin[anchors=128]"]["error"] == "0.20 %"
    assert rows["nyswin[anchors=128]"]["gradient"] == "0.80 %"
    assert "hard" not in rows, "classical GSEA is no contender"


def test_the_panel_interpolates_and_says_when_it_extrapolates(visit, sizes_page):
    reader = visit(sizes_page)
    _, rows = reader.ask(genes=2000)
    assert rows["exact"]["time"] == "40.0 ms", "a power law is a straight line on logarithmic axes"
    assert rows["exact"]["known"] == "interpolated"
    answer, rows = reader.ask(genes=12000)
    assert rows["exact"]["time"].startswith("1.44 s")
    assert rows["exact"]["known"] == "extrapolated 3.00 × beyond 4,000 genes"
    assert "Caution: extrapolated 3.00 × beyond 4,000 genes." in answer
    answer, _ = reader.ask(genes=1000, sets=500)
    assert answer.startswith("Not known; on what was measured use exact: about 10.0 ms a step")
    assert "Caution: gene sets were not varied (20)." in answer
    answer, rows = reader.ask(genes="")
    assert answer == "genes: a whole number from 1 to 100,000,000 is wanted."
    assert rows == {} or not reader.page.locator(".panel tbody").is_visible()


def test_the_panel_knows_of_failures_and_of_all_axes(visit, tmp_path):
    rows = three_sizes()
    rows.append(make_row("exact", 8000, status="out of memory", reason="more than 20 GiB"))
    rows.append(make_row("nyswin[anchors=128]", 8000, accuracy(0.002, 0.008) | cost(0.32)))
    rows += [make_row("exact", 1000, accuracy(0) | cost(0.01 * sets / 20), sets=sets) for sets in (40, 80)]
    reader = visit(render_report(write_run(tmp_path, rows)))
    answer, told = reader.ask(genes=9000, sets=20, tolerance="Infinity")
    assert answer.startswith("Use nyswin[anchors=128]")
    assert told["exact"]["known"] == "out of memory at 8,000 genes, 20 sets, 1 profile: more than 20 GiB"
    answer, told = reader.ask(genes=9000, tolerance="1e-6")
    assert answer == "No backend measured here is within 1e-6 on this problem."
    _, told = reader.ask(genes=1000, sets=80)
    assert told["exact"]["time"] == "40.0 ms"


def test_the_panel_says_what_it_does_not_know(visit, tmp_path):
    untold = {key: value for key, value in (accuracy(0) | cost(1.6)).items() if "error" not in key}
    rows = [*three_sizes(), make_row("exact", 40000, untold, without_truth="beyond the limit")]
    rows += [make_row("exact", 1000, accuracy(0) | cost(0.01 * sets / 20), sets=sets) for sets in (40, 80)]
    rows += [make_row("exact", 1000, accuracy(0) | cost(0.01 * profiles), profiles=profiles) for profiles in (2, 4)]
    reader = visit(render_report(write_run(tmp_path, rows)))
    answer, told = reader.ask(genes=40000, tolerance="1e-6")
    assert told["exact"]["known"] == "error taken as at 4,000 genes, the most measured", "the time alone is measured"
    assert "Caution: error taken as at 4,000 genes" in answer
    _, told = reader.ask(genes=1000, profiles=4)
    assert told["exact"]["known"] == "measured"
    _, told = reader.ask(genes=1000, profiles=4, sets=80)
    assert told["exact"]["time"] == "160 ms"
    assert told["exact"]["known"] == "interpolated", "each was measured, not both at once"


def test_the_panel_judges_as_the_verdict_does(visit, tmp_path):
    rows = [make_row("exact", genes, accuracy(0) | cost(1.0)) for genes in (400, 1000, 4000)]
    flat = {name: value for name, value in (accuracy(0) | cost(0.1)).items() if not name.startswith("gradient")}
    rows += [make_row("nyswin", genes, flat) for genes in (400, 1000, 4000)]
    flagged = {"flags": ["unstable"]}
    rows += [make_row("fastsum", genes, accuracy(0) | cost(0.01)).model_copy(update=flagged) for genes in (400, 4000)]
    rows += [make_row("fastsum", 1000, status="failed", reason="a bad day")]
    reader = visit(render_report(write_run(tmp_path, rows)))
    answer, told = reader.ask(genes=1000)
    assert answer.startswith("Use exact"), "nyswin has no gradient, and fastsum failed there"
    assert told["fastsum"]["known"] == "failed at 1,000 genes, 20 sets, 1 profile: a bad day"
    answer, told = reader.ask(genes=4000)
    assert answer.startswith("Use fastsum"), "larger ones finished"
    assert told["fastsum"]["known"] == "measured, but flagged: see All cases"
