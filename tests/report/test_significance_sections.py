"""The sections on significance, from rows and details made up so that the answer is known."""

import re

import numpy as np
import pandas as pd
import pytest
from synthetic_run import make_row, write_run
from test_report_page import NASTY, parsed, text_of

from dgsea_bench.bench.results import Row
from dgsea_bench.report import render_report

NULL = {"permutations": 1000, "seed": 0, "trim": 0.15, "shrinkage": 0.1, "split": 0.5, "calibrate": False}
NULL |= {"sharing": "set", "p_value": "fgsea", "fdr": "benjamini-hochberg", "gradient": False}


def agreement(spearman, slope=1.2):
    metrics = {"nes_spearman": spearman, "nes_spearman_lowest": spearman - 0.1, "nes_slope": slope}
    metrics |= {"nes_spearman_q1": spearman - 0.01, "nes_spearman_q3": spearman + 0.01, "top_ten_overlap": 0.8}
    metrics |= {"es_spearman": 0.9, "es_sign_agreement": 0.95, "nes_missing": 0.0}
    return metrics | {"null_seconds": 0.5, "null_seconds_q1": 0.4, "null_seconds_q3": 0.6, "null_peak_mib": 10.0}


def gradient(tau_abs):
    return {"gradient_share": min(1.0, 0.5 + tau_abs), "gradient_norm": 1 / tau_abs, "gradient_repeatability": tau_abs}


def p_values(share):
    metrics = {"p_below": share, "p_below_low": share - 0.005, "p_below_high": share + 0.005, "p_attainable": 0.048}
    metrics |= {"p_below_released": 2 * share, "p_below_released_low": 2 * share - 0.01}
    return metrics | {"p_below_released_high": 2 * share + 0.01, "p_distance": 0.02}


def row(label, metrics, params=None, **fields) -> Row:
    """A row of significance."""
    fields.setdefault("profiles", 40)
    made = make_row(label, metrics=metrics, scenario=fields.pop("scenario", "agreement"), **fields)
    case = made.case | {"null": NULL, "params": made.case["params"] | (params or {}), "task": "significance"}
    target = "gsea" if label in ("hard", "gseapy") else "dgsea"
    name = f"s{made.case_id}{'-'.join(str(value) for value in (params or {}).values())}"
    return made.model_copy(update={"task": "significance", "case": case, "target": target, "case_id": name})


def write(path, rows, *, details=True):
    write_run(path, rows, curves=False)
    for one in rows if details else ():
        folder = path / "details" / one.case_id
        folder.mkdir(parents=True)
        middle = one.metrics.get("nes_spearman", np.nan)
        spread = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
        profiles = {"profile": range(5), "spearman": middle + spread, "slope": 1.2 + spread, "top_ten": 0.8}
        pd.DataFrame(profiles).to_parquet(folder / "profiles.parquet")
        p = np.arange(1, 101) / 101
        pd.DataFrame({"p_value": p, "p_released": p / 2}).to_parquet(folder / "sets.parquet")
    return path


def render(path, rows, **options):
    return render_report(write(path, rows, **options)).read_text(encoding="utf-8")


def agreement_rows():
    rows = []
    for generator, spearman in (("planted", 0.98), ("null", 0.94)):
        calibrated = p_values(0.047) if generator == "null" else {}
        rows.append(row("exact", agreement(spearman) | calibrated | {"null_seconds": 2.0}, generator=generator))
        rows.append(
            row(
                "nyswin",
                agreement(spearman - 0.003) | {"nes_error_mean": 0.002, "null_seconds": 1.0},
                generator=generator,
            )
        )
        rows.append(row("hard", {"null_seconds": 0.1, "null_peak_mib": 1.0} | calibrated, generator=generator))
        rows.append(row("gseapy", agreement(0.995, 0.98), generator=generator))
    return rows


def map_rows():
    return [
        row("exact", agreement(1 - 0.1 * rank * absolute) | gradient(absolute), {"tau_rank": rank, "tau_abs": absolute})
        for rank in (0.1, 0.6, 1.2)
        for absolute in (0.01, 0.6)
    ]


def test_the_question_is_answered_first(tmp_path):
    html = render(tmp_path, agreement_rows())
    text = text_of(html)
    assert "agreement: does dNES rank pathways as GSEA does?" in text
    assert "Spearman correlation of 0.937 to 0.980" in text
    assert "the lowest of any profile is 0.837" in text
    assert "nyswin moves the median correlation by at most 0.0030 (its dNES is off by 0.20 %)" in text
    assert "gseapy, classical GSEA with permutations of its own, has a correlation of 0.995" in text
    assert "Agreement of dNES with NES: 0.940 to 0.980 (exact)" in text
    assert "nyswin is fastest in both problems; the next takes 2.0 times as long" in text
    assert "leanest" not in text, "of times the least is the fastest"
    assert "which dGSEA backend to use" not in text
    assert "Nothing can be recommended" not in text
    parsed(html)


def test_p_values_beside_the_definition_of_the_release(tmp_path):
    text = text_of(render(tmp_path, agreement_rows()))
    assert "Are p-values what they say, where nothing is enriched?" in text
    assert "4.7 % are below 0.05" in text
    assert "so many permutations can give 4.8 %" in text
    assert "The 95 % interval holds that for exact and hard." in text
    assert "it is 9.4 %" in text
    assert "exact, release’s definition".replace("’", "'") in text


def test_a_share_that_is_off_is_marked(tmp_path):
    html = render(tmp_path, [row("exact", agreement(0.9) | p_values(0.095), generator="null")])
    assert "It does not for exact." in text_of(html)
    assert re.search(r'class="[^"]*warn"[^>]*>9.5', html.replace("\u00a0", " "))


def test_the_map_over_temperatures(tmp_path):
    html = render(tmp_path, map_rows())
    text = text_of(html)
    assert "Agreement of dNES with NES: 0.928 at 1.2 / 0.6" in text
    assert (
        "At the recommended (tau_rank 1.2, tau_abs 0.6) the correlation is 0.928; 100 % of genes receive a gradient"
        in text
    )
    assert "At the highest of the map (tau_rank 0.1, tau_abs 0.01)" in text
    assert "The correlation changes by up to 0.071 with tau_abs, and by up to 0.066 with tau_rank" in text
    assert html.count("Map of ") == 4
    assert "dNES is closest to NES at tau_rank 0.1 and tau_abs 0.01 (Spearman 1 − 1.0e-4, 0.928 as recommended)" in text
    assert "but there its gradient repeats less (cosine 0.010, 0.600 as recommended)" in text
    assert "5 more problems in the table only" not in text  # as few as these are all drawn


def test_the_answer_says_of_which_map_it_is(tmp_path):
    (one,) = re.findall("<h1>(.*?)</h1>", render(tmp_path / "one", map_rows()))
    assert "tau_abs 0.01 (Spearman 1 − 1.0e\u20114, 0.928 as recommended)" in one
    assert one.endswith("repeats less (cosine 0.010, 0.600 as recommended)"), "what the gradient loses there"
    other = [row("exact", agreement(0.5), generator="null", params=item.case["params"]) for item in map_rows()]
    (two,) = re.findall("<h1>(.*?)</h1>", render(tmp_path / "two", [*map_rows(), *other]))
    assert two == one.replace("tau_abs 0.01 ", "tau_abs 0.01 on planted scores ")


def test_no_map_where_only_one_temperature_was_varied(tmp_path):
    rows = [row("exact", agreement(0.9) | gradient(0.6), {"tau_rank": rank}) for rank in (0.1, 1.2)]
    assert "What the temperatures change" not in text_of(render(tmp_path, rows))


def test_scores_and_significance_share_a_page(tmp_path):
    text = text_of(render(tmp_path, [make_row("exact"), make_row("hard"), *agreement_rows()]))
    assert "which dGSEA backend to use" in text
    assert text.index("Verdict") < text.index("Does it still rank pathways as GSEA does?")
    assert "Accuracy of every finished case" in text
    assert "Significance in every finished case" in text


def test_without_details_the_page_says_so(tmp_path):
    text = text_of(render(tmp_path, agreement_rows(), details=False))
    assert "the details of this run hold no profiles" in text
    assert "the details of this run hold no p-values" in text


def test_names_from_files_stay_text(tmp_path):
    source = {"kind": "ranking", "ranking": NASTY, "gene_sets": NASTY}
    html = render(tmp_path, [row("exact", agreement(0.9) | p_values(0.05), source=source, scenario=NASTY)])
    assert "<script>alert" not in html
    parsed(html)


def test_failed_and_skipped_cases_have_their_reasons(tmp_path):
    rows = [*agreement_rows(), row("plain", None, status="failed", reason="out of memory", generator="tied")]
    text = text_of(render(tmp_path, rows))
    assert "out of memory" in text


@pytest.mark.parametrize("rows", [agreement_rows, map_rows])
def test_the_same_rows_give_the_same_bytes(tmp_path, rows):
    assert render(tmp_path / "one", rows()) == render(tmp_path / "two", rows())


def test_few_profiles_say_nothing_of_p_values(tmp_path):
    text = text_of(render(tmp_path, [row("exact", agreement(0.9) | p_values(0.095), generator="null", profiles=6)]))
    assert "Measured on 6 profiles a problem; it takes 20 to say anything of p-values." in text
    assert "are below 0.05" not in text


def test_another_definition_of_p_is_named(tmp_path):
    one = row("exact", agreement(0.9) | p_values(0.095), generator="null")
    one.metrics.pop("p_attainable")
    one.case["null"] = NULL | {"p_value": "released"}
    text = text_of(render(tmp_path, [one]))
    assert "Of p-values by the definition of the paper's release" in text
    assert text.count("paper's release") == 1 + text.count("the same by the definition of the paper's release")
    assert "can give" not in text.partition("Share of p-values")[0]


def test_faint_dots_are_faint_one_by_one(tmp_path):
    html = render(tmp_path, agreement_rows())
    section = html[html.index('id="ranking"') :]
    faint = re.findall(r"<use [^>]*opacity: 0\.28[^>]*>", section)
    assert len(faint) > 10, "a group that is faint as one would hide that dots cover one another"
    assert not re.search(r"<g [^>]*style=\"[^\"]*opacity", section)
