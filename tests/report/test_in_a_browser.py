"""Pages as a reader meets them: in Debian's chromium, from a file, without a network."""

import csv
import io
import re

import pytest
from synthetic_run import make_row, three_sizes, write_run
from test_report_page import NASTY

from dgsea_bench.report import render_index, render_report

LONG = "long_name_" * 30
FROM_RIGHT = "مجموعة \u202eجينات"
HOSTILE = (NASTY, "<img src=x onerror=window.broken=1>", LONG, FROM_RIGHT, "</script><script>window.broken=1</script>")


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
    reader.ask(genes=901)
    for button in reader.page.locator("th button").all()[:8]:
        button.click()
    assert reader.page.evaluate("window.broken") is None
    assert violations(reader.page) == []
    assert re.search(r"<script>alert", reader.page.locator("body").inner_text())
