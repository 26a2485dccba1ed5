"""The section on strong and weak signatures, and real scores beside generated ones, from rows made up."""

import re

import numpy as np
import pytest
from synthetic_run import accuracy, cost, l1000, make_row, of_signatures, write_run
from test_report_page import NASTY, only_ours_runs, parsed, text_of
from test_significance_sections import agreement
from test_significance_sections import row as significance_row

from dgsea_bench.report import render_report
from dgsea_bench.report.canvas import BLUE, Look, Point, Series
from dgsea_bench.report.scatter import Cloud, clouds

TITLE = "Strong and weak signatures"
STRENGTHS = np.array([400, 10, 20, 160, 30, 200, 320, 40, 240, 80, 280, 120])
WEAK, STRONG = STRENGTHS <= 40, STRENGTHS >= 240


def by_strength(weak, middle, strong):
    """A value for each profile: of the weak third, of the middle and of the strong third, each spread a little."""
    values = np.where(WEAK, weak, np.where(STRONG, strong, middle))
    return values * (1 + 0.001 * np.arange(len(values)))


def errors(weak=0.004, strong=0.001, **columns):
    middle = (weak + strong) / 2
    columns = {"value_error_scaled": by_strength(0.01, 0.01, 0.01), "es_spearman": 0.9} | columns
    return of_signatures(
        STRENGTHS,
        value_error_mean=by_strength(weak, middle, strong),
        gradient_error=by_strength(2 * weak, 2 * middle, 2 * strong),
        **columns,
    )


def exact():
    return errors(0.0, 0.0, value_error_scaled=0.0)


def compared(weak=0.91, strong=0.97):
    return of_signatures(STRENGTHS, spearman=by_strength(weak, weak, strong), slope=1.2, top_ten=0.8)


def write(path, pairs):
    rows = [one for one, _ in pairs]
    tables = {one.case_id: table for one, table in pairs if table is not None}
    return write_run(path, rows, profiles=tables)


def render(path, pairs):
    return render_report(write(path, pairs)).read_text(encoding="utf-8")


def part(html, anchor="strength"):
    """The text of a section, without tables and figures' drawings; empty where it is not there."""
    found = re.search(
        rf'<section id="{anchor}" class="part.*?(?=<section id="\w+" class="part|</main>)', html, re.DOTALL
    )
    return text_of(found.group()) if found else ""


def drawings(html):
    found = re.search(r'<section id="strength".*?(?=<section id="\w+" class="part|</main>)', html, re.DOTALL)
    return re.findall(r"<svg.*?</svg>", found.group(), re.DOTALL)


def dots_of(svg):
    """How many dots each backend has: lines without length."""
    paths = re.findall(r'<path d="((?:M (\S+ \S+)\s+L \2\s+)+)"', svg)
    return [path.count("M ") for path, _ in paths]


def enrichment_pairs(source=None):
    source = source or l1000()
    return [
        (make_row("exact", source=source), exact()),
        (make_row("fastsum", metrics=accuracy(1e-14) | cost(0.001), source=source), errors(1e-14, 1e-14)),
        (make_row("nyswin", metrics=accuracy(0.002) | cost(0.02), source=source), errors()),
        (make_row("hard", source=source), errors(0.5, 0.5)),
    ]


def significance_pairs(**fields):
    source = fields.pop("source", None) or l1000()
    return [
        (significance_row("exact", agreement(0.95), source=source), compared(**fields)),
        (significance_row("nyswin", agreement(0.94), source=source), compared(0.5, 0.5)),
        (
            significance_row("hard", {"null_seconds": 0.1}, source=source),
            compared().assign(spearman=np.nan, slope=np.nan, top_ten=np.nan),
        ),
        (significance_row("gseapy", agreement(0.99), source=source), compared(0.99, 0.99)),
    ]


def test_errors_on_strong_and_on_weak_signatures(tmp_path):
    html = render(tmp_path, enrichment_pairs())
    text = part(html)
    assert text.startswith(
        f"{TITLE} The mean error of nyswin is larger on weak signatures (0.40 %) than on strong ones (0.10 %). "
        "The gradient error of nyswin is larger on weak signatures (0.80 %) than on strong ones (0.20 %). "
        "dES of exact follows classical ES as well on weak signatures (0.900) as on strong ones (0.900). "
    )
    assert "genes respond (10 to 40), strong ones the third in which the most do (240 to 400)" in text
    assert "abs(score) is at least 2:" in text
    assert "doi 10.1016/j.cell.2017.10.049" in text
    assert "nyswin weak 4 10 to 40 0.40 % 0.80 % 1.00 % 0.900 nyswin strong 4 240 to 400 0.10 % 0.20 %" in re.sub(
        r" [\d.]+ % to [\d.]+ %", "", text
    )
    assert " hard " not in text, "errors of classical scores are against another truth"
    parsed(html)


def test_what_a_figure_shows_and_what_it_leaves_out(tmp_path):
    html = render(tmp_path, enrichment_pairs())
    text = part(html)
    assert len(drawings(html)) == 2
    for svg in drawings(html):
        assert "nyswin" in svg
        assert "fastsum" not in svg
        assert "exact" not in svg
        assert "genes with abs(score) ≥ 2 (logarithmic)" in svg, "10 to 400 are more than ten times"
        assert dots_of(svg) == [12]
    assert (
        "Not drawn, as a logarithmic axis has no zero: exact (it is the truth). Left out as rounding: fastsum." in text
    )
    (words,) = (a for a in re.findall(r'aria-label="([^"]*)"', html) if "Scatter plot. The mean error" in a)
    assert "Medians: nyswin 0.40" in words
    assert "at 20 responding genes" in words
    assert "at 360" in words


def test_a_profile_without_error_is_left_out_and_said(tmp_path):
    pairs = enrichment_pairs()
    table = errors()
    table.loc[3, "value_error_mean"] = 0.0
    text = part(render(tmp_path, [*pairs[:2], (pairs[2][0], table)]))
    assert text.count("Left out: 1 profile on which nyswin has no error.") == 1


def test_rounding_alone_is_not_drawn(tmp_path):
    html = render(tmp_path, enrichment_pairs()[:2])
    text = part(html)
    assert "The mean error of every backend is zero or rounding, on weak signatures and strong." in text
    assert text.count("Not drawn: no backend has an error that is more than rounding.") == 2
    assert not drawings(html)


def test_without_a_truth_only_agreement_is_told(tmp_path):
    table = of_signatures(
        STRENGTHS, value_error_mean=np.nan, gradient_error=np.nan, es_spearman=by_strength(0.8, 0.85, 0.9)
    )
    text = part(render(tmp_path, [(make_row("fastsum", source=l1000()), table)]))
    assert "dES of fastsum follows classical ES better on strong signatures (0.9" in text
    assert "The mean error" not in text
    assert text.count("Not drawn: no backend has an error other than zero here, or the truth is not known.") == 2


@pytest.mark.parametrize(
    ("weak", "strong", "sentence"),
    [
        (0.91, 0.97, "better on strong signatures (0.9"),
        (0.97, 0.91, "better on weak signatures (0.9"),
        (0.94, 0.94, "with 0.94"),
    ],
)
def test_agreement_on_strong_and_on_weak_signatures(tmp_path, weak, strong, sentence):
    html = render(tmp_path, significance_pairs(weak=weak, strong=strong))
    text = part(html)
    assert text.startswith(f"{TITLE} dNES of exact follows NES {sentence}")
    assert "hard" not in text, "NES is not compared with itself"
    (svg,) = drawings(html)
    assert "gseapy" in svg
    assert "Spearman correlation of dNES with NES across sets" in svg
    assert "Lines of backends that agree cover one another." in text
    assert "exact weak 4 10 to 40" in text


def test_a_difference_within_noise_is_none(tmp_path):
    noisy = of_signatures(STRENGTHS, spearman=np.tile([0.9, 0.95, 0.99], 4), slope=1.2, top_ten=0.8)
    text = part(render(tmp_path, [(significance_row("exact", agreement(0.95), source=l1000()), noisy)]))
    assert "0.950 on weak signatures and 0.925 on strong ones, which may be chance" in text


def test_both_tasks_share_the_section(tmp_path):
    html = render(tmp_path, [*enrichment_pairs(), *significance_pairs()])
    text = part(html)
    assert html.count('id="strength"') == 1
    assert "The mean error of nyswin" in text
    assert "dNES of exact follows NES" in text
    assert "Errors on strong and weak signatures" in text
    assert "Agreement on strong and weak signatures" in text
    parsed(html)


def test_a_backend_has_its_colour_in_every_part_of_the_page(tmp_path):
    pairs = [*enrichment_pairs(), *significance_pairs()]
    html = render(tmp_path, [pairs[1], pairs[0], *pairs[2:]])
    errors_svg, *_, agreement_svg = drawings(html)
    assert "var(--green)" in errors_svg, "the colour of nyswin, whichever backends were measured first"
    assert "var(--green)" in agreement_svg
    assert "var(--vermilion)" not in errors_svg, "a colour of backends without one of their own"


def test_several_problems_are_told_apart(tmp_path):
    sources = [l1000(), l1000(gene_sets="directional"), l1000(transform="center")]
    pairs = [
        (make_row("nyswin", metrics=accuracy(0.002) | cost(0.02), source=source), table)
        for source, table in zip(sources, (errors(), errors(), errors(0.001, 0.004)), strict=True)
    ]
    pairs.append(
        (make_row("nyswin", metrics=accuracy(0.1) | cost(1), generator="l1000-simulated", profiles=12), errors())
    )
    html = render(tmp_path, pairs)
    text = part(html)
    assert "On 3 of 4 problems the mean error of nyswin is larger on weak signatures (0.40 %)" in text
    assert (
        "; on signatures.gctx (center) × hallmark.gmt it is larger on strong signatures (0.40 %) than on weak" in text
    )
    assert "signatures.gctx × directional: the mean error of nyswin" in text
    assert len(drawings(html)) == 6
    assert "l1000-simulated: the" not in text, "real signatures are drawn first"
    assert "Errors on 1 more problem in the table only." in text
    assert "signatures.gctx × hallmark.gmt: the mean error of nyswin" in text


@pytest.mark.parametrize(
    ("responding", "shown"),
    [
        (STRENGTHS[:8], True),
        (STRENGTHS[:7], False),
        (np.r_[np.full(4, 100), np.full(4, 120), np.full(4, 149)], False),
        (np.r_[np.full(4, 100), np.full(4, 120), np.full(4, 151)], True),
        (np.r_[np.full(4, 10), np.full(4, 15), np.full(4, 22)], False),  # as counts that chance alone makes differ
        (np.r_[np.zeros(8, int), np.full(4, 60)], True),
    ],
)
def test_only_where_strengths_differ_materially(tmp_path, responding, shown):
    table = of_signatures(responding, spearman=np.linspace(0.9, 0.95, len(responding)), slope=1.2, top_ten=0.8)
    html = render(tmp_path, [(significance_row("exact", agreement(0.9)), table)])
    assert (TITLE in text_of(html)) == shown


def test_profiles_in_which_no_gene_responds_have_a_place(tmp_path):
    responding = np.r_[np.zeros(4, int), np.full(4, 30), np.full(4, 300)]
    table = of_signatures(responding, spearman=np.linspace(0.9, 0.95, 12), slope=1.2, top_ten=0.8)
    (svg,) = drawings(render(tmp_path, [(significance_row("exact", agreement(0.9)), table)]))
    assert ">0</text>" in svg
    assert "(logarithmic)" in svg
    assert dots_of(svg) == [12]


def test_where_only_one_of_two_problems_is_known_it_is_named(tmp_path):
    few_sets = errors(es_spearman=np.nan)
    pairs = [
        (make_row("nyswin", metrics=accuracy(0.002) | cost(0.02), source=l1000(gene_sets=name)), table)
        for name, table in (("hallmark", errors()), ("directional", few_sets))
    ]
    text = part(render(tmp_path, pairs))
    assert "On signatures.gctx × hallmark dES of nyswin follows classical ES as well" in text
    assert "On all 2 problems the mean error of nyswin is larger on weak" in text


def test_profiles_of_all_seeds_count(tmp_path):
    pairs = []
    for seed, half in enumerate((slice(0, 6), slice(6, 12))):
        one = significance_row("exact", agreement(0.9), profiles=6, seed=seed)
        pairs.append((one, compared().iloc[half]))
    assert "dNES of exact follows NES better on strong signatures" in part(render(tmp_path, pairs))


def test_what_is_not_known_is_said_of_signatures_alone(tmp_path):
    real = [(make_row("exact", source=l1000()), None)]
    assert "Not known: the details of this run do not hold how many genes respond" in part(render(tmp_path / "l", real))
    older = [(make_row("exact", source=l1000()), errors().drop(columns="responding"))]
    assert "Not known" in part(render(tmp_path / "older", older))
    generated = [(make_row("exact", profiles=12), None)]
    assert part(render(tmp_path / "s", generated)) == ""
    few = [(make_row("exact", source=l1000(profiles=4)), None)]
    assert part(render(tmp_path / "f", few)) == ""


def test_text_from_files_is_text(tmp_path):
    name = NASTY.replace("/", "")
    source = l1000(matrix=f"folder/{name}", gene_sets=name, select={NASTY: [NASTY, "b"]})
    html = render(tmp_path, enrichment_pairs(source))
    assert only_ours_runs(html)
    assert name in part(html)
    parsed(html)


def test_real_scores_stand_beside_generated_ones(tmp_path):
    rows = [make_row("exact", genes) for genes in (400, 978)]
    rows += [make_row("nyswin", genes, accuracy(0.001) | cost(0.01)) for genes in (400, 978)]
    for source in (l1000(), l1000(transform="zscore"), l1000(gene_sets="directional")):
        rows.append(make_row("exact", 978, source=source))
        rows.append(make_row("nyswin", 978, accuracy(0.004) | cost(0.05), source=source))
    html = render_report(write_run(tmp_path, rows)).read_text()
    text = part(html, "kinds")
    assert "All at 978 genes, 20 sets." in text
    assert "Times and memory are those of all profiles of a problem together." in text
    for subject in ("mean error is", "gradient error is", "Time of", "Peak memory of"):
        assert subject in text
    drawn = "".join(
        re.findall(r"<text.*?</text>", html[html.index('id="kinds"') : html.index('id="curves"')], re.DOTALL)
    )
    for name in (
        "planted, 1 profile",
        "signatures.gctx ×, hallmark.gmt, 12 profiles",
        "(zscore), 12 profiles",
        "directional, 12 profiles",
    ):
        assert name in drawn or all(word in drawn for word in name.split(", "))
    whole = text_of(html)
    (kinds,) = re.findall(r"kinds of scores \(([^.]*\.gctx.*?\.gmt)\)", whole)
    assert {"planted", "signatures.gctx × hallmark.gmt"} <= set(re.split(", | and ", kinds)), kinds
    assert "data/signatures.gctx, data/hallmark.gmt profiles: pert_type trt_cp" in whole
    assert "978 × 20 × 12 signatures.gctx × " in whole


def test_two_matrices_for_which_the_same_is_recommended_share_a_line(tmp_path):
    rows = []
    for name in ("one", "two"):
        made = make_row("exact", 978, source=l1000(matrix=f"data/{name}.gctx"))
        inputs = {f"data/{name}.gctx": f"{name}0123456789", "data/hallmark.gmt": "abcdef"}
        rows.append(made.model_copy(update={"inputs": inputs}))
    text = text_of(render_report(write_run(tmp_path, rows)).read_text())
    assert "978 genes × 20 sets × 12 profiles one.gctx × hallmark.gmt and two.gctx × hallmark.gmt scores exact" in text
    assert "matrix one.gctx" not in text, "the kind of scores says it"


def test_of_many_problems_the_usual_one_of_each_kind(tmp_path):
    rows = [
        make_row("exact", genes, generator=kind, set_size=size)
        for kind in ("planted", "null")
        for size in range(5, 13)
        for genes in (400, 978)
    ]
    rows += [make_row("exact", 978, generator=kind, set_size=30) for kind in ("planted", "null", "tied")]
    rows += [make_row("exact", 978, generator="planted", set_size=30, sets=21)]
    text = part(render_report(write_run(tmp_path, rows)).read_text(), "kinds")
    assert "over 3 problems" in text


def test_measurements_at_other_temperatures_are_not_mixed_in(tmp_path):
    rows = [make_row("exact", genes, accuracy(0.001) | cost(0.1)) for genes in (400, 978)]
    rows += [make_row("exact", 978, accuracy(0.002) | cost(0.1), source=l1000())]
    other = make_row("exact", 978, accuracy(0.9) | cost(0.1), generator="tied")
    other.case["params"]["tau_abs"] = 0.01
    text = part(render_report(write_run(tmp_path, [*rows, other])).read_text(), "kinds")
    assert "The mean error is largest on signatures.gctx × hallmark.gmt, 12 profiles: 0.20 % (exact)" in text
    assert "20 sets, tau_abs 0.6" in text


def test_selections_and_files_in_words(tmp_path):
    chosen = {"pert_type": "trt_cp", "cell_id": ["A375", "MCF7"]}
    sources = [l1000(select=chosen), l1000(select={}), l1000(matrix="other/signatures.gctx")]
    rows = [make_row("exact", 978, source=source) for source in sources]
    rows[0] = rows[0].model_copy(update={"inputs": {"data/signatures.gctx": "0123456789abcdef"}})
    text = text_of(render_report(write_run(tmp_path, rows)).read_text())
    assert "select pert_type trt_cp, cell_id A375 or MCF7" in text
    assert "select all" in text
    assert "matrix other/signatures.gctx" in text, "two files of one name"
    assert "sha256: signatures.gctx 0123456789ab" in text


@pytest.mark.parametrize("count", [10, 300])
def test_every_profile_has_its_dot(count):
    dots = tuple(Point(float(number), float(number % 7)) for number in range(1, count + 1))
    svg = clouds([Cloud(Series("exact", Look(BLUE, "o"), dots[:2]), dots)], "genes", "error", str, log=False)
    drawn = re.search(r'<path d="([^"]*)"[^>]*opacity: 0\.3', svg)
    assert drawn.group(1).count("L") == count
