"""Draws the committed reports again from their rows, and from the first of them the README's pictures.

Run with ``python benchmarks/scripts/reference_pages.py``, with the extra ``[test]`` and a chromium on the path
(Debian: ``apt-get install chromium``). Nothing is measured: rows stay as they are. Then it prints, for each page, its
size and how long a browser takes until the page is there, the median of several loads.
"""

import shutil
import sys
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from dgsea_bench.report import render_report

REFERENCE = Path(__file__).parents[2] / "reports" / "reference"
FOLDERS = (".", "agreement", "temperature", "scaling", "l1000-landmark", "training-simulated", "training-prnet")
SCREEN = {"width": 1280, "height": 1000}
THEMES = {"light": "report.png", "dark": "report-dark.png"}
LOADS = 5
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no chromium on the path, which takes the pictures; on Debian: apt-get install chromium")
    pages = [render_report(REFERENCE / folder) for folder in FOLDERS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for theme, name in THEMES.items():
            opened(browser, pages[0], color_scheme=theme).screenshot(path=REFERENCE / name)
            print(f"{REFERENCE / name}")
        for page in pages:
            times = [opened(browser, page).evaluate(LOADED) for _ in range(LOADS)]
            print(f"{page}: {page.stat().st_size / 1e6:.2f} MB, loaded in {median(times):.0f} ms (median of {LOADS})")


def opened(browser: Browser, page: Path, **options: Any) -> Any:
    """A page in a window of its own, without a network."""
    window = browser.new_context(viewport=SCREEN, offline=True, **options).new_page()
    window.goto(page.resolve().as_uri())
    window.wait_for_function(f"{LOADED} > 0")
    return window


if __name__ == "__main__":
    main()
