"""A browser that opens pages as a reader does, without a network."""

import os
import shutil
from importlib.util import find_spec

import pytest
from synthetic_run import three_sizes, write_run

from dgsea_bench.report import render_report


def why_not():
    """Why there is no browser to test in; empty where there is one."""
    if find_spec("playwright") is None:
        return "playwright is not installed: pip install -e '.[test]'"
    return "" if shutil.which("chromium") else "there is no chromium on the path: apt-get install chromium"


@pytest.fixture(scope="module")  # not longer: while it is open, its event loop is the thread's
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

    def ask(self, **fields):
        """Fill in the panel, and read the answer and the table, a dictionary of texts by backend."""
        form = self.page.locator(".panel form")
        for name, value in fields.items():
            field = form.locator(f"[name={name}]")
            field.select_option(value) if name in ("tolerance", "way") else field.fill(str(value))
        rows = self.page.locator(".panel tbody tr").all()
        cells = [[" ".join(cell.split()) for cell in row.locator("td").all_inner_texts()] for row in rows]
        names = ("time", "memory", "error", "gradient", "known")
        return self.text(".panel .answer"), {row[0]: dict(zip(names, row[1:])) for row in cells}


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


@pytest.fixture(scope="session")
def sizes_page(tmp_path_factory):
    return render_report(write_run(tmp_path_factory.mktemp("sizes"), three_sizes()))
