"""Pages as a reader meets them: in Debian's chromium, from a file, without a network."""

import csv
import io
import os
import re
import shutil

import pytest
from synthetic_run import accuracy, cost, make_row, three_sizes, write_run
from test_report_page import NASTY

from dgsea_bench.report import render_index, render_report

LONG = "long_name_" * 30
FROM_RIGHT = "مجموعة \u202eجينات"
HOSTILE = (NASTY, "<img src=x onerror=window.broken=1>", LONG, FROM_RIGHT, "</script><script>window.broken=1</script>")


def why_not():
    """Why there is no browser to test in; empty where there is one."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install -e '.[test]'"
    return "" if shutil.which("chromium") else "there is no chromium on the path: apt-get install chromium"


@pytest.fixture(scope="module")
def browser():
    reason = why_not()
    if reason and os.environ.get("DGSEA_BENCH_BROWSER") == "required":
        pytest.fail(f"DGSEA_BENCH_BROWSER=required, but {reason}")
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield chromium
        chromium.close()


class Reader:
    """A page that is open, and everything that the browser complained about."""

    def __init__(self, page):
        self.page, self.complaints, self.requests = page, [], []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def text(self, selector):
        return " ".join(self.page.locator(selector).inner_text().split())

    def column(self, table, number):
        """Visible texts of a column, small print left out."""
        script = """(table, number) => [...table.tBodies[0].rows].filter((row) => !row.hidden && row.cells.length > 1)
            .map((row) => [...row.cells[number].childNodes].filter((node) => node.nodeName !== "SMALL")
            .map((node) => node.textContent).join(""))"""
        return table.evaluate(f"(table) => ({script})(table, {number})")


@pytest.fixture
def visit(browser):
    """Open a file; at the end nothing may have been asked for but the file, and nothing complained about."""
    opened = []

    def visit(file, *, width=1280, scheme="light", anchor=""):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        reader = Reader(context.new_page())
        opened.append((context, reader))
        reader.page.goto(f"{file.as_uri()}{anchor}")
        return reader

    yield visit
    for context, reader in opened:
        context.close()
        assert reader.complaints == []
        assert {url.partition("#")[0].partition(":")[0] for url in reader.requests} <= {"file", "data", "blob"}
        assert len([url for url in reader.requests if url.startswith("file")]) <= 2  # once more where it is reloaded


@pytest.fixture(scope="module")
def sizes_page(tmp_path_factory):
    return render_report(write_run(tmp_path_factory.mktemp("sizes"), three_sizes()))


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    rows = []
    for number, name in enumerate(HOSTILE):
        file = name.replace("/", "")
        source = {"kind": "ranking", "ranking": f"folder/{file}.rnk", "gene_sets": f"{file}.gmt"}
        rows += [make_row(label, 900 + number, source=source, scenario=name) for label in ("exact", f"nyswin[{name}]")]
        rows.append(make_row("fastsum", 900 + number, source=source, status="failed", reason=name))
    return render_report(write_run(tmp_path_factory.mktemp("hostile"), rows, gene_set=NASTY))


def violations(page):
    """What axe-core finds serious or critical, each with the elements."""
    from axe_playwright_python.sync_playwright import Axe

    # Read by us and not added by the page, whose policy lets no other script run.
    found = Axe().run(page).response["violations"]
    return [
        (item["id"], [node["html"][:200] for node in item["nodes"]])
        for item in found
        if item["impact"] in ("serious", "critical")
    ]


def test_it_opens_without_a_network(visit, sizes_page):
    reader = visit(sizes_page)
    assert reader.text("h1").startswith("Use exact")
    assert reader.page.locator("figure svg").count() >= 6
    assert reader.page.locator(".panel form").is_visible()


@pytest.mark.parametrize("width", [400, 700, 1000, 1280, 1600])
def test_no_width_scrolls_sideways(visit, sizes_page, hostile_page, width):
    for page in (sizes_page, hostile_page):
        reader = visit(page, width=width)
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_narrow_verdict_shows_its_labels_whole(visit, sizes_page):
    reader = visit(sizes_page, width=400)
    starts = """(cells) => cells.map((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        const indent = parseFloat(getComputedStyle(cell).textIndent);
        return Math.min(range.getBoundingClientRect().left, cell.getBoundingClientRect().left + indent);
    })"""
    edge = reader.page.locator(".verdict .stacked").first.bounding_box()["x"]
    found = reader.page.locator(".stacked td").evaluate_all(starts)
    assert found
    assert min(found) >= edge


@pytest.mark.parametrize("width", [400, 1280])
def test_no_spot_is_cut_off(visit, tmp_path, width):
    flagged = make_row().model_copy(update={"flags": ["other programs kept the machine busy"]})
    reader = visit(render_report(write_run(tmp_path, [flagged, make_row("hard")])), width=width)
    for box in reader.page.locator(".stacked .scroll").all():
        for spot in box.locator("td > i").all():
            assert spot.bounding_box()["x"] >= box.bounding_box()["x"]


def test_reasons_are_readable_on_a_narrow_screen(visit, tmp_path):
    rows = [make_row(), make_row("nyswin", status="failed", reason="a long story of what went wrong " * 5)]
    rows.append(make_row("hard").model_copy(update={"flags": ["other programs kept the machine busy " * 5]}))
    reader = visit(render_report(write_run(tmp_path, rows)), width=400)
    for text in ("a long story", "other programs"):
        assert reader.page.locator("td", has_text=text).bounding_box()["width"] > 300


def test_an_index_shows_all_its_columns(visit, tmp_path):
    for name in ("first", "second"):
        write_run(tmp_path / name, three_sizes())
    reader = visit(render_index(tmp_path))
    box = reader.page.locator(".stacked .scroll")
    assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0
    assert reader.page.locator("td:nth-child(6)").first.evaluate("(td) => getComputedStyle(td).textAlign") == "right"


def test_tables_are_sorted_by_number_and_by_name(visit, sizes_page):
    reader = visit(sizes_page)
    box = reader.page.locator(".table", has_text="Cost of every finished case")
    table = box.locator("table")
    before = reader.column(table, 1)
    box.get_by_role("button", name="step seconds", exact=True).click()
    assert box.locator("th[aria-sort=ascending]").inner_text().startswith("step seconds")
    times = reader.column(table, 4)
    assert times == [
        "800\u00a0µs",
        "1.60\u00a0ms",
        "5.00\u00a0ms",
        "10.0\u00a0ms",
        "80.0\u00a0ms",
        "160\u00a0ms",
        *["–"] * 3,
    ]
    box.get_by_role("button", name="step seconds", exact=True).press("Enter")
    assert reader.column(table, 4) == [*times[:6][::-1], *["–"] * 3], "what is not known comes last either way"
    box.get_by_role("button", name="backend", exact=True).click()
    assert reader.column(table, 1) == sorted(before)
    box.get_by_role("button", name="genes × sets × profiles", exact=True).click()
    assert reader.column(table, 0)[0].startswith("400 × 20 × 1")
    assert reader.column(table, 0)[-1].startswith("4,000 × 20 × 1")


def test_tables_are_filtered(visit, sizes_page):
    reader = visit(sizes_page)
    box = reader.page.locator(".table", has_text="Cost of every finished case")
    box.get_by_role("searchbox").fill("NYSWIN 4,000")
    assert reader.column(box.locator("table"), 1) == ["nyswin[anchors=128]"]
    assert box.locator(".count").inner_text() == "1 of 9 rows"
    box.get_by_role("searchbox").fill("nothing like that")
    assert reader.column(box.locator("table"), 1) == []
    box.get_by_role("searchbox").fill("")
    assert box.locator(".count").inner_text() == "9 rows"


def test_a_backend_is_hidden_everywhere(visit, sizes_page):
    reader = visit(sizes_page)
    chip = reader.page.locator(".chips").get_by_role("button", name="nyswin[anchors=128]")
    mark = reader.page.locator('#growth .drawing [style*="var(--green)"]').first
    assert mark.evaluate("(mark) => getComputedStyle(mark).opacity") == "1"
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert float(mark.evaluate("(mark) => getComputedStyle(mark).opacity")) < 0.1
    box = reader.page.locator(".table", has_text="Cost of every finished case")
    assert set(reader.column(box.locator("table"), 1)) == {"exact", "hard"}
    chip.click()
    assert "nyswin[anchors=128]" in reader.column(box.locator("table"), 1)
    reader.page.locator(".chips").get_by_role("button", name="exact").click()
    verdict = reader.page.locator(".verdict .stacked table")
    assert len(reader.column(verdict, 0)) == 3, "what to use does not depend on what is looked at"


def saved(reader, title):
    """What a table is saved as: a dictionary for each row."""
    with reader.page.expect_download() as download:
        reader.page.locator(".table", has_text=title).get_by_role("button", name="Save CSV").click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text())))


def ask(reader, **fields):
    """Fill in the panel, and read the answer and the table, a dictionary of texts by backend."""
    form = reader.page.locator(".panel form")
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        field.select_option(value) if name in ("tolerance", "way") else field.fill(str(value))
    rows = reader.page.locator(".panel tbody tr").all()
    cells = [[" ".join(cell.split()) for cell in row.locator("td").all_inner_texts()] for row in rows]
    names = ("time", "memory", "error", "gradient", "known")
    return reader.text(".panel .answer"), {row[0]: dict(zip(names, row[1:])) for row in cells}


def test_the_panel_answers_with_the_rows(visit, sizes_page):
    reader = visit(sizes_page)
    for genes, exact in ((400, "1.60 ms"), (1000, "10.0 ms"), (4000, "160 ms")):
        answer, rows = ask(reader, genes=genes, tolerance="1e-6")
        assert rows["exact"]["time"] == exact
        assert rows["exact"]["known"] == "measured"
        assert answer.startswith(f"Use exact: about {exact} a step")
    answer, rows = ask(reader, tolerance="1e-2")
    assert answer.startswith("Use nyswin[anchors=128]: about 80.0 ms a step")
    assert "The next, exact, takes 2.00 times as long." in answer
    assert rows["nyswin[anchors=128]"]["error"] == "0.20 %"
    assert rows["nyswin[anchors=128]"]["gradient"] == "0.80 %"
    assert "hard" not in rows, "classical GSEA is no contender"


def test_the_panel_interpolates_and_says_when_it_extrapolates(visit, sizes_page):
    reader = visit(sizes_page)
    _, rows = ask(reader, genes=2000)
    assert rows["exact"]["time"] == "40.0 ms", "a power law is a straight line on logarithmic axes"
    assert rows["exact"]["known"] == "interpolated"
    answer, rows = ask(reader, genes=12000)
    assert rows["exact"]["time"].startswith("1.44 s")
    assert rows["exact"]["known"] == "extrapolated 3.00 × beyond 4,000 genes"
    assert "Caution: extrapolated 3.00 × beyond 4,000 genes." in answer
    answer, _ = ask(reader, genes=1000, sets=500)
    assert answer.startswith("Not known; on what was measured use exact: about 10.0 ms a step")
    assert "Caution: gene sets were not varied (20)." in answer
    answer, rows = ask(reader, genes="")
    assert answer == "genes: a whole number from 1 to 100,000,000 is wanted."
    assert rows == {} or not reader.page.locator(".panel tbody").is_visible()


def test_the_panel_knows_of_failures_and_of_all_axes(visit, tmp_path):
    rows = three_sizes()
    rows.append(make_row("exact", 8000, status="out of memory", reason="more than 20 GiB"))
    rows.append(make_row("nyswin[anchors=128]", 8000, accuracy(0.002, 0.008) | cost(0.32)))
    rows += [make_row("exact", 1000, accuracy(0) | cost(0.01 * sets / 20), sets=sets) for sets in (40, 80)]
    reader = visit(render_report(write_run(tmp_path, rows)))
    answer, told = ask(reader, genes=9000, sets=20, tolerance="Infinity")
    assert answer.startswith("Use nyswin[anchors=128]")
    assert told["exact"]["known"] == "out of memory at 8,000 genes, 20 sets, 1 profile: more than 20 GiB"
    answer, told = ask(reader, genes=9000, tolerance="1e-6")
    assert answer == "No backend measured here is within 1e-6 on this problem."
    _, told = ask(reader, genes=1000, sets=80)
    assert told["exact"]["time"] == "40.0 ms"


def test_the_panel_says_what_it_does_not_know(visit, tmp_path):
    untold = {key: value for key, value in (accuracy(0) | cost(1.6)).items() if "error" not in key}
    rows = [*three_sizes(), make_row("exact", 40000, untold, without_truth="beyond the limit")]
    rows += [make_row("exact", 1000, accuracy(0) | cost(0.01 * sets / 20), sets=sets) for sets in (40, 80)]
    rows += [make_row("exact", 1000, accuracy(0) | cost(0.01 * profiles), profiles=profiles) for profiles in (2, 4)]
    reader = visit(render_report(write_run(tmp_path, rows)))
    answer, told = ask(reader, genes=40000, tolerance="1e-6")
    assert told["exact"]["known"] == "error taken as at 4,000 genes, the most measured", "the time alone is measured"
    assert "Caution: error taken as at 4,000 genes" in answer
    _, told = ask(reader, genes=1000, profiles=4)
    assert told["exact"]["known"] == "measured"
    _, told = ask(reader, genes=1000, profiles=4, sets=80)
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
    answer, told = ask(reader, genes=1000)
    assert answer.startswith("Use exact"), "nyswin has no gradient, and fastsum failed there"
    assert told["fastsum"]["known"] == "failed at 1,000 genes, 20 sets, 1 profile: a bad day"
    answer, told = ask(reader, genes=4000)
    assert answer.startswith("Use fastsum"), "larger ones finished"
    assert told["fastsum"]["known"] == "measured, but flagged: see All cases"


def test_the_theme_is_kept(visit, sizes_page):
    reader = visit(sizes_page, scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = reader.page.evaluate(paper)
    reader.page.get_by_role("button", name="Light theme").click()
    light = reader.page.evaluate(paper)
    assert dark != light
    reader.page.reload()
    assert reader.page.evaluate(paper) == light
    assert reader.page.get_by_role("button", name="Dark theme").is_visible()
    reader.page.emulate_media(media="print")
    assert not reader.page.locator("nav").is_visible()
    size = "(element) => getComputedStyle(element).fontSize"
    table = reader.page.locator(".wide table").first
    assert table.locator("th button").first.evaluate(size) == table.locator("td").first.evaluate(size)


def test_figures_and_tables_are_saved_and_copied(visit, sizes_page):
    reader = visit(sizes_page)
    with reader.page.expect_download() as download:
        reader.page.locator("#growth figcaption a").first.click()
    assert download.value.suggested_filename == "figure-1.csv"
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {line["backend"] for line in lines} == {"nyswin[anchors=128]"}
    box = reader.page.locator(".table", has_text="Cost of every finished case")
    exact = [line for line in saved(reader, "Cost of every finished case") if line["backend"] == "exact"]
    assert [float(line["step seconds"]) for line in exact] == pytest.approx([0.0016, 0.01, 0.16])
    box.get_by_role("button", name="Copy").click()
    reader.page.wait_for_function("document.body.textContent.includes('Copied')")
    copied = reader.page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[0].startswith("genes × sets × profiles\tbackend\tforward seconds")
    assert len(copied.splitlines()) == 10


def test_what_is_more_than_a_number_is_saved_as_it_reads(visit, sizes_page):
    reader = visit(sizes_page)
    assert {line["exact to 1e-6"] for line in saved(reader, "For this problem and need")} == {"exact"}
    assert {line["genes per set"] for line in saved(reader, "What was measured on")} == {"15 to 200"}


def test_backends_of_one_colour_are_hidden_together(visit, tmp_path):
    labels = ["exact", *(f"nyswin[anchors={number}]" for number in range(8))]
    reader = visit(render_report(write_run(tmp_path, [make_row(label) for label in labels], curves=False)))
    chips = reader.page.locator(".chips button")
    assert chips.count() == len({chip.locator("i").get_attribute("class") for chip in chips.all()}) < len(labels)
    chip = reader.page.locator(".chips button", has_text="nyswin[anchors=1]")
    hidden = chip.inner_text().split(", ")
    assert len(hidden) > 1
    chip.click()
    table = reader.page.locator(".table", has_text="Cost of every finished case").locator("table")
    assert set(reader.column(table, 1)) == set(labels) - set(hidden)


def test_hiding_a_backend_hides_no_answer(visit, sizes_page):
    reader = visit(sizes_page)
    table = reader.page.locator(".verdict table").first
    before = reader.column(table, 0)
    reader.page.locator(".chips").get_by_role("button", name="exact").click()
    assert reader.column(table, 0) == before


def test_no_text_that_is_copied_is_a_formula(visit, tmp_path):
    rows = [make_row("exact", generator=name) for name in ("plain", '=HYPERLINK("x")')]
    reader = visit(render_report(write_run(tmp_path, rows, curves=False)))
    reader.page.get_by_role("button", name="Copy: What was measured on").click()
    reader.page.wait_for_function("document.body.textContent.includes('Copied')")
    copied = reader.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(copied) == 3
    assert not any(line.startswith("=") for line in copied)


def test_a_keyboard_is_enough(visit, sizes_page):
    reader = visit(sizes_page)
    reader.page.keyboard.press("Tab")
    assert reader.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reader.page.keyboard.press("Enter")
    assert reader.page.url.endswith("#main")


def test_links_lead_to_sections_and_figures(visit, sizes_page):
    reader = visit(sizes_page, anchor="#cases")
    assert abs(reader.page.locator("#cases h2").bounding_box()["y"]) < 200
    current = reader.page.locator("nav a[aria-current]")
    current.wait_for()
    assert current.inner_text() == "All cases"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_seriously_inaccessible(visit, sizes_page, scheme):
    reader = visit(sizes_page, scheme=scheme)
    assert violations(reader.page) == []


def test_hostile_names_do_no_harm(visit, hostile_page):
    reader = visit(hostile_page)
    assert reader.page.evaluate("window.broken") is None
    assert reader.page.locator("img").count() == 0
    ask(reader, genes=901)
    for button in reader.page.locator("th button").all()[:8]:
        button.click()
    assert reader.page.evaluate("window.broken") is None
    assert violations(reader.page) == []
    assert re.search(r"<script>alert", reader.page.locator("body").inner_text())
