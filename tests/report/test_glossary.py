"""What the names on a page mean."""

from synthetic_run import make_row, write_run
from test_report_page import render, text_of

from dgsea_bench.report import render_index


def test_every_name_is_explained(tmp_path):
    labels = ("hard", "nyswin[anchors=64]", "nyswin", "exact", "of-mine")
    rows = [make_row(label, generator=kind) for label in labels for kind in ("planted", "tied")]
    html = render(tmp_path, rows)
    text = text_of(html)
    assert '<a href="#names">What the names mean</a>' in html
    part = text[text.index("Names on this page") :]
    assert part.index("exact every pair summed") < part.index("hard classical GSEA")
    assert part.count("nyswin Nyström ranks") == 1, "a backend is explained once, whatever its settings"
    assert "of-mine a backend from elsewhere" in part
    assert "tied synthetic: as planted, then a fifth of the scores set to zero" in part
    assert "tau_abs how soft the peak of the running sum is" in part
    assert "permutations random" not in part, "only names that are on the page"


def test_an_index_has_no_such_section(tmp_path):
    write_run(tmp_path / "run", [make_row()])
    assert "#names" not in render_index(tmp_path).read_text(encoding="utf-8")
