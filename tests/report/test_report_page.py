import base64
import hashlib
import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pandas as pd
import pytest
import seaborn
from synthetic_run import accuracy, cost, make_row, three_sizes, write_run

from dgsea_bench.core.errors import InputError
from dgsea_bench.report import canvas, render_report
from dgsea_bench.report.page import SCRIPTS, TEMPLATES

NASTY = "<script>alert(1)</script> & \"$x$\" '{{ 77777 * 77777 }}'"
VOID = {"meta", "link", "br", "input"}


class Checker(HTMLParser):
    """Collects tags, ids, references and text, and checks that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.references, self.text, self.scripts = [], [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "action", "srcset", "style"):
                self.references.append((tag, value))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)


def render(path, rows, **options):
    return render_report(write_run(path, rows, **options)).read_text(encoding="utf-8")


def parsed(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    return checker


def text_of(html):
    return " ".join(" ".join(parsed(html).text).replace("\u00a0", " ").split())


def only_ours_runs(html):
    """Whether the one script that a browser may run is the page's own, and all others are data."""
    program, *others = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert not others
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; style-src" in unescape(html)
    written = "".join((TEMPLATES / name).read_text() for name in SCRIPTS)
    assert re.sub(r"\s", "", program) == re.sub(r"\s", "", written), "nothing of a run is in the program"
    data = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, flags=re.DOTALL)
    assert html.count("<script") == 1 + len(data)
    for content in data:
        json.loads(content)
    return True


def test_a_whole_page(tmp_path):
    html = render(tmp_path, three_sizes())
    text = text_of(html)
    assert "Exact to 1e-6: use exact at 400 to 4,000 genes" in text
    assert "slope 2.00 (2.00 to 2.00)" in text
    assert "Test processor, 2 cores, 8 GiB memory" in text
    assert "9 cases: 9 done, 0 skipped, 0 failed" in text
    assert html.count("<svg") == html.count('role="img"') >= 6
    assert not list(tmp_path.glob("*.partial"))


def test_figures_are_numbered_and_have_words_for_those_who_cannot_see_them(tmp_path):
    html = render(tmp_path, three_sizes())
    assert re.findall(r"Figure (\d+)\.", html) == [str(n + 1) for n in range(html.count("<figure "))]
    alternatives = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert all(len(words) > 40 for words in alternatives)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    write_run(tmp_path, three_sizes())
    first = render_report(tmp_path).read_bytes()
    assert render_report(tmp_path).read_bytes() == first


def test_one_file_that_loads_nothing(tmp_path):
    html = render(tmp_path, three_sizes())
    checker = parsed(html)
    assert only_ours_runs(html)
    assert "base-uri 'none'; form-action 'none'" in unescape(html)
    assert not {"img", "iframe", "object", "embed", "video", "audio", "base"} & set(checker.tags)
    assert "@import" not in html
    for tag, value in checker.references:
        if tag == "link":
            assert value == "data:,"
        else:
            assert "//" not in value, (tag, value)
            assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", value))
    assert not re.search("https?:", html)


def test_ids_are_unique_and_references_lead_somewhere(tmp_path):
    checker = parsed(render(tmp_path, three_sizes()))
    assert len(checker.ids) == len(set(checker.ids))
    for _tag, value in checker.references:
        if value.startswith("#"):
            assert value.removeprefix("#") in checker.ids


def test_text_from_input_is_text(tmp_path):
    file = f"{NASTY.replace('/', '')}.rnk"
    source = {"kind": "ranking", "ranking": f"folder/{file}", "gene_sets": f"{NASTY}.gmt"}
    rows = [
        make_row(label, source=source, scenario=NASTY, dropped={NASTY: 3}) for label in ("exact", f"nyswin[{NASTY}]")
    ]
    rows[1] = rows[1].model_copy(update={"metrics": accuracy(0.01) | cost(1.0)})
    rows.append(make_row("hard", source=source, status="failed", reason=NASTY))
    rows.append(make_row("exact", generator=NASTY, metrics=accuracy(0.2) | cost(1.0)))
    html = render(tmp_path, rows, gene_set=NASTY)
    assert only_ours_runs(html)
    text = text_of(html)
    assert NASTY in text
    assert "3: <script>" in text
    assert "6049261729" not in html


def test_no_rows(tmp_path):
    with pytest.raises(InputError, match="no results there"):
        render_report(tmp_path)
    assert not (tmp_path / "index.html").exists()


def test_without_details_the_figure_says_so(tmp_path):
    html = render(tmp_path, three_sizes(), curves=False)
    assert "hold no running sums" in text_of(html)


def test_skipped_and_failed_cases_are_shown_with_their_reasons(tmp_path):
    rows = three_sizes()
    rows.append(make_row("exact", 8000, status="skipped", reason="the scenario limits exact to 4,000 genes"))
    rows.append(make_row("nyswin[anchors=128]", 8000, status="failed", reason="killed (signal 9)"))
    text = text_of(render(tmp_path, rows))
    assert "11 cases: 9 done, 1 skipped, 1 failed" in text
    assert "Skipped and failed cases" in text
    assert "exact skipped at 8,000 genes: the scenario limits exact to 4,000 genes." in text
    assert "nyswin[anchors=128] failed at 8,000 genes: killed (signal 9)." in text
    assert "no dGSEA backend finished" in text


def test_nothing_finished(tmp_path):
    rows = [make_row("exact", status="failed", reason="out of memory"), make_row("hard", status="skipped", reason="no")]
    text = text_of(render(tmp_path, rows))
    assert "Nothing can be recommended: no dGSEA backend finished: out of memory." in text
    assert "use this backend" not in text
    assert "Not drawn" not in text, "one sentence says it, not each figure"
    assert "out of memory" in text


def test_without_truth_errors_are_unknown(tmp_path):
    metrics = {key: value for key, value in (accuracy(0) | cost(1.0)).items() if "error" not in key}
    rows = [
        make_row("exact", genes, metrics, without_truth="beyond the limit of 20,000 genes") for genes in (1000, 2000)
    ]
    text = text_of(render(tmp_path, rows))
    assert "errors are unknown: beyond the limit of 20,000 genes" in text
    assert "Not drawn: no backend has an error other than zero here, or the truth is not known." in text


def test_one_real_ranking(tmp_path):
    source = {"kind": "ranking", "ranking": "data/naive.rnk", "gene_sets": "sets.gmt", "min_size": 15, "max_size": None}
    rows = [make_row(label, 12000, source=source) for label in ("exact", "hard")]
    rows.append(make_row("nyswin", 12000, accuracy(0.003) | cost(0.01), source=source))
    rows.append(make_row("fastsum", 12000, source=source, status="skipped", reason="not yet"))
    text = text_of(render(tmp_path, rows))
    assert "One number of genes was measured" in text
    assert "At 12,000 genes the mean error of nyswin is 0.30 %" in text
    rows[0] = make_row("fastsum", 12000, accuracy(0.0) | cost(0.01), source=source)
    exact_to_rounding = text_of(render(tmp_path / "more", rows[:3]))
    assert "At 12,000 genes fastsum is exact to rounding; the mean error of nyswin is 0.30 %" in exact_to_rounding
    assert "At 12,000 genes nyswin is fastest with 10.0 ms; exact takes 120 ms" in text
    assert "naive.rnk" in text
    assert "– genes" not in text, "sizes of a skipped case are known from the other cases on that file"


def test_cost_against_sets_and_profiles(tmp_path):
    rows = [make_row("exact", 1000, accuracy(0) | cost(sets / 1e3), sets=sets) for sets in (50, 200, 800)]
    rows += [make_row("exact", 1000, accuracy(0) | cost(n / 1e3), profiles=n, sets=50) for n in (4, 16)]
    rows[0].case["source"]["profiles"] = 1
    text = text_of(render(tmp_path, rows))
    assert "Cost against sets and profiles" in text
    assert "At 800 sets exact takes 800 ms" in text
    assert "At 16 profiles exact takes 16.0 ms" in text


def test_settings_that_differ_are_told(tmp_path):
    rows = [
        make_row("exact", metrics=accuracy(error) | cost(1.0), set_size=size) for size, error in ((5, 1e-3), (30, 0))
    ]
    text = text_of(render(tmp_path, rows))
    assert "set_size 5" in text
    assert "Throughout: exponent 1.0, tau_rank 1.2" in text
    assert "set_size 5, tau" not in text, "what is the same is told once, not with each problem"
    assert text.count("tau_rank 1.2") == 1


def test_the_answer_breaks_no_number_and_changes_no_name(tmp_path):
    html = render(tmp_path, [make_row("made-one-off", metrics=accuracy(1e-9) | cost(1.0))], curves=False)
    assert "<h1>Use made-one-off: exact to 1e\u20116, at 1,000 genes</h1>" in html


def test_backends_that_take_the_same_are_not_set_against_each_other(tmp_path):
    flat = accuracy(0.001) | cost(1.0) | {"step_peak_mib": 0.0}
    rows = [make_row(label, genes, flat) for label in ("exact", "fastsum") for genes in (400, 1000)]
    text = text_of(render(tmp_path, rows, curves=False))
    assert "At 1,000 genes every backend takes 0.0 MiB" in text
    assert "At 1,000 genes every backend takes 1.00 s" in text


def test_what_classical_scores_take_is_not_what_dgsea_takes(tmp_path):
    text = text_of(render(tmp_path, [make_row("hard", genes) for genes in (400, 1000)], curves=False))
    assert "Time of dGSEA: not known at any size" in text


def test_colours_are_those_that_seaborn_has_for_whoever_sees_few():
    palette = seaborn.color_palette("colorblind").as_hex()
    assert [palette[place] for place in (0, 1, 2, 3, 4, 5, 9)] == [*canvas.VARIABLES][6:13]
    assert [palette[0], palette[9]] == [canvas.BLUE, canvas.SKY]


def test_many_backends_get_a_legend(tmp_path):
    labels = ["exact", *(f"nyswin[anchors={count}]" for count in range(100, 1500, 100))]
    rows = [
        make_row(label, genes, accuracy(0.001 * number) | cost(genes / 1e5 * (1 + number)))
        for number, label in enumerate(labels)
        for genes in (400, 1000, 2000)
    ]
    text = text_of(render(tmp_path, rows, curves=False))
    assert all(label in text for label in labels)


def test_details_that_cannot_be_read_are_named(tmp_path):
    rows = three_sizes()
    write_run(tmp_path, rows)
    damaged = tmp_path / "details" / rows[-1].case_id / "curves.parquet"
    damaged.write_bytes(b"not parquet")
    with pytest.raises(InputError, match=r"curves\.parquet: cannot be read"):
        render_report(tmp_path)


def test_rows_of_several_environments_are_both_described(tmp_path):
    rows = three_sizes()
    rows[0] = rows[0].model_copy(update={"environment_id": "e2"})
    folder = write_run(tmp_path / "run", rows)
    known = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({"e1": known["e1"]}))
    text = text_of(render_report(folder).read_text())
    assert "Test processor, 2 cores, 8 GiB memory" in text
    assert "a machine that was not recorded" in text
    assert "machine e2" in text, "what was measured on another machine is told apart"


def csv_of(address):
    header, content = address.split(",", 1)
    assert header == "data:text/csv;charset=utf-8"
    return pd.read_csv(io.StringIO(unquote(content)))


def test_every_figure_has_its_data(tmp_path):
    html = render(tmp_path, three_sizes())
    addresses = [value for tag, value in parsed(html).references if value.startswith("data:text/csv")]
    assert len(addresses) == html.count("<svg")
    tables = [csv_of(address) for address in addresses]
    assert all(len(table) for table in tables)
    times = next(table for table in tables if "step_seconds" in table)
    exact = times[(times["backend"] == "exact") & (times["genes"] == 4000)]
    assert exact["step_seconds"].item() == pytest.approx(0.16)


def test_no_text_of_a_figures_data_is_a_formula(tmp_path):
    rows = [make_row("exact", generator=name, metrics=accuracy(0.1) | cost(1.0)) for name in ("=1+1", "@a", "plain")]
    html = render(tmp_path, rows)
    addresses = [value for tag, value in parsed(html).references if value.startswith("data:text/csv")]
    names = {name for address in addresses if "problem" in (table := csv_of(address)) for name in table["problem"]}
    assert names == {"'=1+1", "'@a", "plain"}


def test_thousands_of_rows_stay_one_light_page(tmp_path):
    labels = {"exact": 0.0, "fastsum": 1e-14, "nyswin[anchors=128]": 0.002, "hard": 0.0}
    rows = [
        make_row(label, genes, accuracy(error) | cost(genes / 1e5), generator=kind, seed=seed)
        for genes in (400, 978, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000)
        for kind in ("planted", "null", "tied", "heavy-tailed", "correlated")
        for seed in range(10)
        for label, error in labels.items()
    ]
    assert len(rows) == 2000
    (tmp_path / "rows.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    page = render_report(tmp_path)
    assert page.stat().st_size < 3e6
    assert page.read_text().count("<tr>") > 4000, "each row is in a table of accuracy and in one of cost"


def test_numbers_in_tables_are_there_to_be_sorted_by(tmp_path):
    html = render(tmp_path, [*three_sizes(), make_row("exact", 8000, status="failed", reason="no")])
    tables = re.findall(r'<table class="from(\d)" data-sortable>(.*?)</table>', html, flags=re.DOTALL)
    assert len(tables) >= 2
    for first, table in tables:
        for row in re.findall(r"<tr>(<td.*?)</tr>", table, flags=re.DOTALL):
            cells = re.findall(r"<td([^>]*)>(.*?)</td>", row, flags=re.DOTALL)
            assert all("data-n" in attributes or text == "–" for attributes, text in cells[int(first) :]), row


def test_nothing_is_sure_that_is_flagged(tmp_path):
    rows = [make_row("exact"), make_row("fastsum", metrics=accuracy(0.0) | cost(1e-6))]
    assert "sure: the next best, exact, takes at least" in text_of(render(tmp_path / "calm", rows))
    rows[1] = rows[1].model_copy(update={"flags": ["other programs kept 1.0 cores busy"]})
    text = text_of(render(tmp_path / "busy", rows))
    assert "sure: the next best" not in text
    assert "flagged: see All cases" in text
