"""The section on where approximations go wrong, from rows and errors of sets made up."""

import re

import numpy as np
import pandas as pd
import pytest
from synthetic_run import accuracy, cost, l1000, make_row, write_details, write_run
from test_report_page import NASTY, csv_of, only_ours_runs, parsed
from test_strength_section import part

from dgsea_bench.core.errors import InputError
from dgsea_bench.report import render_report

TITLE = "Where do approximations go wrong?"
PROFILES, SETS = 12, 40
STRENGTHS = np.geomspace(0.01, 0.5, SETS)
SIZES = np.resize([30, 5, 200, 12, 80], SETS) + np.resize([0, 1, 2, 3, 4, 5, 6], SETS)


def noise(seed, shape):
    return np.random.default_rng(seed).lognormal(0, 0.3, shape)


def table(error, *, sizes=SIZES, names=None, profiles=PROFILES, strengths=STRENGTHS):
    """`error` is that of each profile and set, or what makes it of strengths and sizes (profiles, sets)."""
    count = len(strengths)
    strength = np.stack([np.roll(strengths, 7 * profile) for profile in range(profiles)])
    size = np.broadcast_to(sizes, strength.shape)
    wrong = error(strength, size) if callable(error) else np.broadcast_to(error, strength.shape)
    truth = strength * np.resize([1, -1], count)
    return pd.DataFrame(
        {
            "profile": np.repeat(np.arange(profiles), count),
            "gene_set": np.tile(names or [f"SET{number}" for number in range(count)], profiles),
            "size": size.ravel(),
            "planted": False,
            "value": (truth * (1 + wrong)).ravel(),
            "truth": truth.ravel(),
            "classical": truth.ravel(),
        }
    )


def weak_sets(strength, size):
    """An error that falls with strength: 1 % at 0.01, 0.14 % at 0.5."""
    return 0.001 / np.sqrt(strength)


def anywhere(strength, size):
    return 0.004 * noise(1, strength.shape)


def row(label="nyswin", error=0.01, **fields):
    return make_row(label, metrics=accuracy(error) | cost(1.0), **{"profiles": PROFILES, "sets": SETS} | fields)


def write(path, pairs):
    write_run(path, [one for one, _ in pairs], curves=False)
    for one, errors in pairs:
        if errors is not None:
            write_details(path, one.case_id, sets=errors)
    return path


def render(path, pairs):
    return render_report(write(path, pairs)).read_text(encoding="utf-8")


def section(html):
    found = re.search(r'<section id="where".*?(?=<section id="\w+" class="part|</main>)', html, re.DOTALL)
    return found.group() if found else ""


def headings(html):
    return re.findall(r"<h3><span.*?</span> (.*?)</h3>", section(html).replace("\u00a0", " "))


def data(html):
    return [csv_of(value) for _, value in parsed(section(html)).references if value.startswith("data:text/csv")]


def test_errors_that_are_larger_on_weak_sets(tmp_path):
    html = render(tmp_path, [(row("exact", 0.0), table(0.0)), (row(), table(weak_sets)), (row("hard"), table(0.5))])
    strength, size = headings(html)
    found = re.fullmatch(
        r"The error of nyswin is larger on weak sets: (.*) % in the weakest fifth, (.*) % in the strongest "
        r"\((.*) times, Spearman −1.00\)",
        strength,
    )
    weak, strong, factor = map(float, found.groups())
    frame = table(weak_sets)
    errors, strengths = 100 * weak_sets(frame["truth"].abs(), None), frame["truth"].abs()
    assert weak == pytest.approx(errors[strengths <= strengths.quantile(0.2)].median(), abs=0.006)
    assert strong == pytest.approx(errors[strengths >= strengths.quantile(0.8)].median(), abs=0.006)
    assert factor == pytest.approx(weak / strong, abs=0.06)
    assert "no pattern with set size" in size
    text = part(html, "where")
    assert TITLE in text
    assert "Relative errors of gene sets are larger on weak sets; they show no pattern with set size." in text
    assert "abs(dES − truth), which is divided by the strength, is 0.00012 and 0.00059" in text
    assert not any("hard" in str(frame["backend"].unique()) for frame in data(html)), "it has another truth"


def test_errors_that_have_no_pattern(tmp_path):
    html = render(tmp_path, [(row(), table(anywhere))])
    assert ["no pattern" in heading for heading in headings(html)] == [True, True]
    assert "Relative errors of gene sets show no pattern with the strength of enrichment; they show" in part(
        html, "where"
    )


def test_errors_that_are_larger_on_large_sets(tmp_path):
    html = render(tmp_path, [(row(), table(lambda _, size: 1e-4 * size * noise(2, size.shape)))])
    strength, size = headings(html)
    assert "no pattern with the strength of enrichment" in strength
    assert size.startswith("The error of nyswin is larger on large sets: ")


def test_many_profiles_of_the_same_sets_are_no_more_sets(tmp_path):
    """A correlation that chance brings about in one profile is none of many that share its sets."""
    of_sets = 0.004 * noise(3, SETS)
    sizes = SIZES[np.argsort(SIZES)][np.argsort(np.argsort(of_sets * noise(4, SETS) ** 2.5))]
    assert 0.25 < np.corrcoef(*(np.argsort(np.argsort(each)) for each in (sizes, of_sets)))[0, 1] < 0.38
    html = render(tmp_path, [(row(profiles=100), table(of_sets, sizes=sizes, profiles=100))])
    assert "no pattern with set size" in headings(html)[1]


def test_a_difference_that_does_not_matter(tmp_path):
    html = render(tmp_path, [(row(), table(lambda strength, _: 0.01 * strength**-0.01))])
    assert "no pattern with the strength of enrichment (Spearman −1.00)" in headings(html)[0]


def test_backends_that_go_wrong_in_other_ways(tmp_path):
    others = {"a": weak_sets, "b": lambda strength, _: 0.003 * strength, "c": anywhere, "d": anywhere}
    pairs = [(row(f"nyswin[{name}]"), table(error)) for name, error in others.items()]
    html = render(tmp_path, [(row("nyswin[worst]"), table(lambda *at: 3 * weak_sets(*at))), *pairs])
    heading = headings(html)[0]
    assert heading.startswith("The error of nyswin[worst] is larger on weak sets")
    told = "; so it is for nyswin[a]; the other way round for nyswin[b]; no pattern for nyswin[c] and nyswin[d]"
    assert heading.endswith(told)
    assert "larger on weak sets in 2 of 5 cases and on strong sets in 1 of 5 cases" in part(html, "where")
    assert "Left out, with smaller errors: nyswin[b]." in part(html, "where"), "from the table of sets"


def test_too_few_sets_to_tell(tmp_path):
    html = render(tmp_path, [(row(sets=7), table(weak_sets, strengths=STRENGTHS[::6], sizes=SIZES[:7]))])
    assert "cannot be told (7 sets of a profile)" in headings(html)[0]
    assert len(data(html)) == 2, "it is drawn nevertheless"


def test_sets_of_one_size(tmp_path):
    html = render(tmp_path, [(row(), table(weak_sets, sizes=30))])
    assert "Not drawn: set size is the same for all sets, 30." in part(html, "where")
    assert "they may or may not go with set size, which cannot be told here" in part(html, "where")


def test_the_data_are_quantiles_of_groups(tmp_path):
    strength, size = data(render(tmp_path, [(row(), table(weak_sets))]))
    assert strength["pairs"].sum() == size["pairs"].sum() == PROFILES * SETS
    assert len(strength) == 8
    assert strength["strength"].is_monotonic_increasing
    np.testing.assert_allclose(strength["median"], weak_sets(strength["strength"], None), rtol=0.01)
    for _, group in strength.iterrows():
        assert group["quartile_1"] < group["median"] < group["quartile_3"] < group["percentile_95"]


def test_the_sets_with_the_largest_errors(tmp_path):
    of_sets = 0.001 + 0.0001 * np.arange(SETS)
    text = part(render(tmp_path, [(row(), table(of_sets))]), "where")
    shown = re.findall(r"\bSET\d+", text)
    assert shown == [f"SET{number}" for number in range(39, 29, -1)]
    assert "40 sets: 0.10 % to 0.49 %" in text
    assert re.search(rf"SET39 {SIZES[39]} 0\.\d+ 0.49 % 0.49 % {PROFILES}\b", text)


def test_without_errors_there_is_no_section(tmp_path):
    pairs = [(row("exact", 0.0), table(0.0)), (row("fastsum", 1e-14), table(1e-14)), (row("hard", 0.3), table(0.3))]
    assert section(render(tmp_path, pairs)) == ""


def test_errors_whose_details_are_missing(tmp_path):
    assert "Not known: the details of this run do not hold the errors" in part(
        render(tmp_path, [(row(), None)]), "where"
    )


def test_a_truth_of_zero_or_none_is_left_out(tmp_path):
    errors = table(weak_sets)
    errors.loc[:19, "truth"] = 0.0
    errors.loc[20:39, "truth"] = np.nan
    assert data(render(tmp_path, [(row(), errors)]))[0]["pairs"].sum() == (PROFILES - 1) * SETS


def test_real_scores_come_first_and_what_is_not_shown_is_not_read(tmp_path):
    real = row(source=l1000(), sets=7)
    pairs = [(row(generator=name), table(weak_sets)) for name in ("planted", "correlated", "heavy-tailed")]
    write(tmp_path, [*pairs, (real, table(anywhere, strengths=STRENGTHS[:7], sizes=SIZES[:7]))])
    for one, _ in pairs[1:]:
        (tmp_path / "details" / one.case_id / "sets.parquet").write_bytes(b"not parquet")
    html = render_report(tmp_path).read_text()
    places = [heading.partition(":")[0] for heading in headings(html)]
    assert [place.partition(" ")[0].removesuffix(",") for place in places] == [
        *["signatures.gctx"] * 2, *["planted"] * 2,
    ]  # fmt: skip
    assert "errors on 2 more problems (correlated and heavy-tailed scores)" in part(html, "where")
    (tmp_path / "details" / pairs[0][0].case_id / "sets.parquet").write_bytes(b"not parquet")
    with pytest.raises(InputError, match=r"sets\.parquet: cannot be read"):
        render_report(tmp_path)


def test_problems_with_most_sets_and_profiles_come_first(tmp_path):
    counts = {"planted": 10, "null": 14, "correlated": 12}
    pairs = [(row(generator=name, profiles=n), table(weak_sets, profiles=n)) for name, n in counts.items()]
    html = render(tmp_path, pairs)
    assert [heading.partition(":")[0] for heading in headings(html)[::2]] == [
        "null, 14 profiles",
        "correlated, 12 profiles",
    ]


def test_seeds_are_taken_together(tmp_path):
    pairs = [(row(seed=seed), table(weak_sets)) for seed in (0, 1)]
    strength, _ = data(render(tmp_path, pairs))
    assert strength["pairs"].sum() == 2 * PROFILES * SETS


def test_any_name(tmp_path):
    names = [NASTY, "SET" * 100, "מסלול = 'א'", "=cmd()", *[f"SET{number}" for number in range(SETS - 4)]]
    html = render(tmp_path, [(row(), table(np.geomspace(0.1, 0.001, SETS), names=names))])
    assert only_ours_runs(html)
    text = part(html, "where")
    assert "מסלול = 'א'" in text
    assert "=cmd()" in text
    assert "SET" * 100 not in text
    assert "<script>alert(1)</script>" in text
