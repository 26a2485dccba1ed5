"""Scoring someone's own ranking: the table holds what the backends say, and what would take too long is left out."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import scoring
from dgsea_bench.backends import Hard, Nyswin
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.sources import SyntheticSource, read_problem
from dgsea_bench.normalized_enrichment import normalized_enrichment_score
from dgsea_bench.scoring import (
    DEFAULT_BACKENDS,
    check_table,
    describe_null,
    describe_problem,
    duration,
    score_problem,
    write_table,
)
from dgsea_bench.significance import smallest_p_value

NULL = NullParams(permutations=60)
NUMBERS = {"ES": "es", "NES": "nes", "NOM p-val": "p_value", "FDR q-val": "fdr"}


@dataclass(frozen=True, kw_only=True)
class Slow(Hard):
    """Takes a while for every permutation."""

    name: ClassVar[str] = "slow"
    seconds: float = 0.01

    def null_scores(self, ranking, gene_sets, permutations):
        time.sleep(self.seconds * len(permutations))
        return super().null_scores(ranking, gene_sets, permutations)


@dataclass(frozen=True, kw_only=True)
class SlowWithMany(Hard):
    """Takes a while for every gene and permutation, and must not be asked for more than a sample of them."""

    name: ClassVar[str] = "slow-with-many"
    most: int = 10**9

    def null_scores(self, ranking, gene_sets, permutations):
        genes = ranking.scores.shape[1]
        assert genes <= self.most
        time.sleep(3e-6 * genes * len(permutations))
        return super().null_scores(ranking, gene_sets, permutations)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads wait for one another where a machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def problem():
    return SyntheticSource(genes=300, sets=12, set_size="15-60").load()


@pytest.fixture(scope="module")
def scored(problem):
    return score_problem(problem, ["hard", "exact"], null=NULL)


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["hard", "exact"])
def test_each_backend_has_in_the_table_what_it_says_alone(problem, scored, backend):
    alone = normalized_enrichment_score(problem.scores, problem.gene_sets, null=NULL, backend=backend)
    table = scored.table().set_index("Term").loc[list(problem.gene_sets.names)]
    for column, attribute in NUMBERS.items():
        np.testing.assert_array_equal(table[f"{backend} {column}"], getattr(alone, attribute)[0])
    edges = [";".join(edge) for edge in alone.leading_edge[0]]
    assert table[f"{backend} Lead_genes"].tolist() == edges
    members = table[f"{backend} Tag %"] / 100 * table["Size"]
    np.testing.assert_allclose(members, [len(edge) for edge in alone.leading_edge[0]])
    assert table[f"{backend} Gene %"].between(0, 100).all()


def test_a_set_is_a_row_and_the_first_backend_orders_them(problem, scored):
    table = scored.table()
    assert sorted(table["Term"]) == sorted(problem.gene_sets.names)
    assert dict(zip(table["Term"], table["Size"])) == dict(
        zip(problem.gene_sets.names, problem.gene_sets.sizes.tolist())
    )
    assert table["hard NES"].abs().is_monotonic_decreasing
    swapped = score_problem(problem, ["exact", "hard"], null=NULL).table()
    assert swapped["exact NES"].abs().is_monotonic_decreasing
    pd.testing.assert_frame_equal(swapped.set_index("Term"), table.set_index("Term"), check_like=True)


def test_what_is_long_comes_last(scored):
    columns = list(scored.table().columns)
    assert columns[:2] == ["Term", "Size"]
    assert [column for column in columns if column.endswith(("Lead_genes", "Reason"))] == columns[-4:]


def test_parameters_reach_the_backends(problem):
    params = EnrichmentParams(exponent=0)
    table = score_problem(problem, ["exact"], params=params, null=NULL).table().set_index("Term")
    alone = normalized_enrichment_score(problem.scores, problem.gene_sets, params=params, null=NULL, backend="exact")
    np.testing.assert_array_equal(table.loc[list(problem.gene_sets.names), "exact NES"], alone.nes[0])


def test_missing_numbers_come_last_and_say_why():
    genes = [f"g{number}" for number in range(100)]
    with TemporaryDirectory() as folder:
        ranking, gene_sets = Path(folder) / "a.rnk", Path(folder) / "a.gmt"
        ranking.write_text("".join(f"{gene}\t{1 / (1 + place)}\n" for place, gene in enumerate(genes)))
        sets = {"bottom": genes[10:], "top": genes[:12], "odd": genes[1::2]}
        gene_sets.write_text("".join("\t".join([name, "", *members]) + "\n" for name, members in sets.items()))
        problem = read_problem(ranking, gene_sets, min_size=5)
    scored = score_problem(problem, ["hard"], null=NULL)
    last = scored.table().iloc[-1]
    assert last["Term"] == "bottom"
    assert math.isnan(last["hard NES"])
    assert last["hard Reason"].startswith("no negative null score to normalise by")
    (line,) = scored.gaps()
    assert line.startswith("hard, 1 gene set ('bottom'): no negative null score")


def test_the_defaults_are_classical_and_soft():
    assert DEFAULT_BACKENDS[0] == "hard"
    assert len(DEFAULT_BACKENDS) == 2


# --- refused ----------------------------------------------------------------------------------------------------------


def test_several_profiles_are_refused():
    with pytest.raises(InputError, match="one profile; there are 2"):
        score_problem(SyntheticSource(genes=40, sets=1, set_size=5, profiles=2).load())


@pytest.mark.parametrize(
    ("backends", "complaint"),
    [(["hard", "absent"], "unknown backend"), ([Nyswin(), Nyswin(anchors=9)], "given twice"), ([], "no backend")],
)
def test_backends_that_cannot_be_meant_are_refused(problem, backends, complaint):
    with pytest.raises(InputError, match=complaint):
        score_problem(problem, backends)


# --- too long ---------------------------------------------------------------------------------------------------------


def test_a_backend_that_would_take_long_is_left_out_soon(problem, monkeypatch):
    monkeypatch.setattr(scoring, "ENOUGH", 0.1)
    slow = Slow(seconds=0.3)  # 300 s in all
    start = time.perf_counter()
    scored = score_problem(problem, ["hard", slow, "nyswin"], time_limit=60)
    assert time.perf_counter() - start < 20
    assert list(scored.results) == ["hard", "nyswin"]
    assert list(scored.left_out) == ["slow"]
    assert scored.left_out["slow"].startswith("would take about ")
    assert not any("slow" in column for column in scored.table().columns)


@pytest.mark.parametrize(("backends", "limit"), [(["hard", Slow(seconds=0.001)], math.inf), ([Slow(seconds=0.001)], 0)])
def test_what_was_asked_for_or_is_first_runs(problem, backends, limit):
    scored = score_problem(problem, backends, null=NULL, time_limit=limit)
    assert "slow" in scored.results
    assert scored.left_out == {}


def test_nothing_is_concluded_from_the_first_moments(problem):
    """A hiccup at the start is no estimate: of less than two seconds of work nothing is foretold."""
    scored = score_problem(problem, ["hard", Slow(seconds=0.005)], null=NULL, time_limit=1.9)
    assert scored.left_out == {}


def test_with_many_genes_a_sample_of_them_tells():
    """3 ms a permutation with 1,000 genes, 24 ms with 8,000: the whole is never begun."""
    problem = SyntheticSource(genes=8000, sets=2, set_size=30).load()
    method = SlowWithMany(most=max(scoring.SAMPLES))
    scored = score_problem(problem, ["hard", method], time_limit=5)
    assert list(scored.left_out) == ["slow-with-many"]
    run = scoring._Run(problem, method, EnrichmentParams(), NullParams())
    assert 8 < run.forecast() < 200  # 24 s on a quiet machine


def test_what_is_fast_with_many_genes_is_not_left_out():
    problem = SyntheticSource(genes=8000, sets=2, set_size=30).load()
    assert list(score_problem(problem, ["hard", Slow(seconds=0)], time_limit=30).results) == ["hard", "slow"]


def test_few_genes_need_no_sample(problem):
    assert scoring._Run(problem, Hard(), EnrichmentParams(), NULL).forecast() is None


@given(st.integers(10, 200), st.integers(1, 9))
def test_a_sample_keeps_the_range_of_scores_and_the_sets(count, largest):
    problem = SyntheticSource(genes=250, sets=5, set_size=f"1-{20 * largest}").load()
    sample = scoring._sample(problem, count)
    assert sample.scores.shape == (1, count)
    assert sample.scores.max() == problem.scores.max()
    assert sample.scores.min() == problem.scores.min()
    assert sample.gene_sets.sizes.tolist() == problem.gene_sets.sizes.clamp_max(count // 2).tolist()
    assert sample.gene_sets.indices.max() < count


def test_progress_is_told_and_can_end_the_work(problem):
    seen = []
    score_problem(problem, ["hard", "exact"], null=NULL, watcher=lambda *told: seen.append(told))
    for name in ("hard", "exact"):
        shares = [share for told, share, _ in seen if told == name]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)
    assert [told for told, *_ in seen] == sorted((told for told, *_ in seen), reverse=True)  # hard, then exact

    def stop(name, share, left):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_problem(problem, ["hard"], null=NULL, watcher=stop)


# --- files ------------------------------------------------------------------------------------------------------------


def written(table, name):
    """A table through a file of that name and back."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        check_table(path)
        assert list(path.parent.iterdir()) == []
        write_table(table, path)
        assert list(path.parent.iterdir()) == [path]
        return pd.read_csv(path, sep="," if name.endswith(".csv") else "\t", keep_default_na=False, dtype={"Term": str})


@pytest.mark.parametrize("name", ["table.tsv", "table.csv", "TABLE.CSV", "table"])
def test_a_table_comes_back_from_its_file(scored, name):
    table = scored.table()
    back = written(table, name if name != "TABLE.CSV" else "table.csv")
    assert list(back.columns) == list(table.columns)
    for column in table.columns:
        if table[column].dtype.kind == "f":
            np.testing.assert_allclose(back[column].astype(float), table[column], rtol=1e-5)
        else:
            assert back[column].tolist() == table[column].tolist()


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1), min_size=1))
def test_names_survive_whatever_is_in_them(names):
    for name in ("table.tsv", "table.csv"):
        assert written(pd.DataFrame({"Term": names, "Size": 1}), name)["Term"].tolist() == names


def test_a_table_that_cannot_be_written_leaves_the_earlier_one(tmp_path, scored, monkeypatch):
    path = tmp_path / "table.tsv"
    path.write_text("earlier")

    def fill_the_disk(self, file, **options):
        Path(file).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fill_the_disk)
    with pytest.raises(InputError, match="No space left on device"):
        write_table(scored.table(), path)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.tsv").write_text("earlier")
    (tmp_path / "link.tsv").symlink_to("real.tsv")
    write_table(pd.DataFrame({"Term": ["a"]}), tmp_path / "link.tsv")
    assert (tmp_path / "link.tsv").is_symlink()
    assert (tmp_path / "real.tsv").read_text() == "Term\na\n"


def test_places_where_no_table_can_be_are_refused(tmp_path):
    ranking = tmp_path / "mine.rnk"
    ranking.write_text("A\t1\nB\t2\n")
    for path, complaint in (
        (tmp_path, "is not a file"),
        (Path("/dev/null"), "is not a file"),
        (tmp_path / "absent" / "table.tsv", "No such file or directory"),
        (ranking / "table.tsv", "Not a directory"),
        (tmp_path / "table.xlsx", "let the name end in .tsv or .csv"),
        (tmp_path / "." / "mine.rnk", "is what is to be read"),
    ):
        with pytest.raises(InputError, match=complaint):
            check_table(path, sparing=[ranking])
    assert list(tmp_path.iterdir()) == [ranking]


def test_scores_that_are_all_equal_are_refused(tmp_path):
    (tmp_path / "flat.rnk").write_text("".join(f"g{number}\t2.5\n" for number in range(30)))
    (tmp_path / "sets.gmt").write_text("set\t\t" + "\t".join(f"g{number}" for number in range(20)) + "\n")
    with pytest.raises(InputError, match=r"flat\.rnk: the scores of all 30 genes are 2\.5"):
        read_problem(tmp_path / "flat.rnk", tmp_path / "sets.gmt")


def test_a_real_ranking_is_read_and_described(data):
    problem = read_problem(data / "fgsea" / "naive.vs.th1.rnk", data / "fgsea" / "mouse.reactome.gmt")
    spread = f"{problem.scores.std():.2g}"
    assert describe_problem(problem) == [
        "12,000 genes, 0.0% of them tied",
        "586 gene sets used",
        f"standard deviation of the scores {spread}: dGSEA depends on it, as tau_rank is in its units",
        "830 left out: fewer than 15 genes in the ranking",
        "4 left out: more than 500 genes in the ranking",
        "37 left out: no gene in the ranking",
    ]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (45, "45 s"),
        (100, "2 min"),
        (720, "12 min"),
        (12600, "3.5 hours"),
        (36000, "10 hours"),
        (4e5, "4.6 days"),
    ],
)
def test_durations_are_told_in_a_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 1e9))
def test_a_duration_is_short(seconds):
    assert len(duration(seconds)) <= len("11574 days")


@pytest.mark.parametrize("p_value", ["fgsea", "gsea", "released"])
def test_the_null_distribution_is_described(p_value):
    null = NullParams(permutations=401, seed=7, sharing="size", p_value=p_value)
    text = "\n".join(describe_null(null))
    assert "401 permutations of the genes, seed 7, shared by sets of the same size" in text
    assert "the first 200 normalise ES, the other 201 give p" in text
    assert f"about {smallest_p_value(null):.2g}, less or more as" in text
    assert "normalise" not in "\n".join(describe_null(NullParams(split=None)))
