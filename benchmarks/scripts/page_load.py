"""How large a report of 2,000 rows is, and how soon a browser has it.

Run with ``python benchmarks/scripts/page_load.py``, with the extra ``[test]`` and a chromium on the path. The rows are
those of ``reports/reference``, copied under other seeds, so that figures and tables hold what they usually do. Printed
are the time to draw the page, its size, and what a browser says of loading it: when the page could be used, when all
of it was there, and when the first of it was seen; medians, in milliseconds after the browser began to read it.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from dgsea_bench.report import render_report

REFERENCE = Path(__file__).parents[2] / "reports" / "reference"
ROWS = 2000
LOADS = 9
TIMES = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const seen = performance.getEntriesByName("first-contentful-paint")[0];
  return [page.domInteractive, page.loadEventEnd, seen ? seen.startTime : NaN];
}"""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no chromium on the path; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        count = copy_rows(Path(folder))
        start = time.perf_counter()
        page = render_report(Path(folder))
        print(f"{count:,} rows: drawn in {time.perf_counter() - start:.1f} s, {page.stat().st_size / 1e6:.2f} MB")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            found = []
            for _ in range(LOADS):
                window = browser.new_context(offline=True).new_page()
                window.goto(page.as_uri())
                window.wait_for_function("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
                found.append(window.evaluate(TIMES))
                window.close()
    usable, there, seen = (median(values) for values in zip(*found, strict=True))
    print(f"usable after {usable:.0f} ms, all there after {there:.0f} ms, first seen after {seen:.0f} ms")


def copy_rows(folder: Path) -> int:
    """The reference's rows again and again under other seeds; how many that are."""
    shutil.copy(REFERENCE / "environment.json", folder)
    rows = [json.loads(line) for line in (REFERENCE / "rows.jsonl").read_text().splitlines()]
    copies = -(-ROWS // len(rows))
    with (folder / "rows.jsonl").open("w") as file:
        for seed in range(copies):
            for row in rows:
                source = row["case"]["source"] | {"seed": seed}
                case_id = f"{int(row['case_id'], 16) ^ seed:016x}"
                file.write(json.dumps(row | {"case_id": case_id, "case": row["case"] | {"source": source}}) + "\n")
    return copies * len(rows)


if __name__ == "__main__":
    main()
