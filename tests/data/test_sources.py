"""Sources: set sizes as asked, files found where documented, and errors that name the field."""

import hashlib

import pytest
import torch
from pydantic import ValidationError

from dgsea_bench import InputError
from dgsea_bench.data.places import DATA_VARIABLE, locate
from dgsea_bench.data.sources import RankingSource, SyntheticSource
from dgsea_bench.data.synthetic import FIXED_GENES, GENERATORS


@pytest.mark.parametrize("generator", GENERATORS)
def test_every_generator_can_be_named(generator):
    genes = FIXED_GENES.get(generator, 60)
    problem = SyntheticSource(generator=generator, genes=genes, sets=4, set_size=10, profiles=2).load()
    assert problem.scores.shape == (2, genes)
    assert problem.gene_sets.sizes.tolist() == [10] * 4


@pytest.mark.parametrize(("size", "low", "high"), [(30, 30, 30), ("30", 30, 30), ("15-40", 15, 40), ("7-7", 7, 7)])
def test_set_sizes_stay_within_the_range(size, low, high):
    sizes = SyntheticSource(genes=100, sets=400, set_size=size).load().gene_sets.sizes
    assert (sizes.min(), sizes.max()) == (low, high)


def test_set_sizes_follow_from_the_seed_alone():
    source = SyntheticSource(genes=100, sets=20, set_size="5-50", seed=3)
    sizes = source.load().gene_sets.sizes
    assert torch.equal(sizes, source.load().gene_sets.sizes)
    assert torch.equal(sizes, source.model_copy(update={"generator": "null", "profiles": 4}).load().gene_sets.sizes)
    assert not torch.equal(sizes, source.model_copy(update={"seed": 4}).load().gene_sets.sizes)


@pytest.mark.parametrize("size", [0, -3, "0", "0-5", "40-15", "-5", "5-", "a-b", "5-10-20", "", "1.5", "5 10"])
def test_a_set_size_that_is_no_range_is_refused(size):
    with pytest.raises(ValidationError, match="it must be a number from 1, or a range such as"):
        SyntheticSource(set_size=size)


@pytest.mark.parametrize("size", [50, "10-50", "60"])
def test_a_set_that_does_not_fit_into_the_ranking_is_refused(size):
    with pytest.raises(ValidationError, match="does not fit into a ranking of 50"):
        SyntheticSource(genes=50, set_size=size)


def test_an_unknown_generator_names_the_nearest():
    with pytest.raises(ValidationError, match=r"unknown generator 'heavy_tailed'.*did you mean 'heavy-tailed'"):
        SyntheticSource(generator="heavy_tailed")


@pytest.mark.parametrize("wrong", [{"genes": 2}, {"sets": 0}, {"profiles": 0}, {"planted_share": 1.5}, {"seed": -1}])
def test_a_number_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SyntheticSource(**wrong)


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="gens"):
        SyntheticSource(gens=50)


@pytest.mark.parametrize(("share", "planted"), [(0, 0), (0.001, 1), (0.2, 1), (0.5, 3), (1, 6)])
def test_planted_sets_hold_at_most_their_share_of_genes_but_there_is_one(share, planted):
    problem = SyntheticSource(genes=60, sets=20, set_size=10, planted_share=share).load()
    assert len(problem.planted) == planted


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A working directory `here` and a data folder `there`, which DGSEA_BENCH_DATA names."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv(DATA_VARIABLE, str(there))
    return here, there


def test_the_file_itself_comes_before_the_one_among_the_data(files):
    here, there = files
    (there / "a.rnk").write_text("there")
    assert locate("a.rnk").read_text() == "there"
    (here / "a.rnk").write_text("here")
    assert locate("a.rnk").read_text() == "here"


def test_an_absolute_path_is_taken_as_it_is(files, tmp_path):
    (tmp_path / "a.rnk").write_text("content")
    assert locate(str(tmp_path / "a.rnk")) == tmp_path / "a.rnk"


def test_a_folder_is_not_a_file(files):
    here, there = files
    (here / "a").mkdir()
    (there / "a").write_text("there")
    assert locate("a").read_text() == "there"


def test_a_file_in_neither_place_says_where_it_was_looked_for(files):
    with pytest.raises(
        InputError, match=r"no such file, neither here nor in .*there, the folder that DGSEA_BENCH_DATA names"
    ):
        locate("a.rnk")


def test_without_the_variable_the_error_says_to_set_it(files, monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE)
    with pytest.raises(InputError, match=f"set {DATA_VARIABLE} to their folder"):
        locate("a.rnk")


@pytest.fixture
def own(tmp_path):
    """A ranking of 10 genes and three sets of 2, 4 and 9 of them."""
    ranking, gene_sets = tmp_path / "own.rnk", tmp_path / "own.gmt"
    ranking.write_text("".join(f"g{number}\t{5 - number}\n" for number in range(10)))
    sets = {"two": 2, "four": 4, "nine": 9}
    lines = ("\t".join([name, "", *(f"g{number}" for number in range(size))]) for name, size in sets.items())
    gene_sets.write_text("\n".join(lines))
    return str(ranking), str(gene_sets)


def test_a_ranking_becomes_one_profile_with_the_sets_of_allowed_size(own):
    ranking, gene_sets = own
    problem = RankingSource(ranking=ranking, gene_sets=gene_sets, min_size=3, max_size=5).load()
    assert problem.scores.tolist() == [[5.0 - number for number in range(10)]]
    assert problem.gene_sets.names == ("four",)
    assert set(problem.gene_sets.dropped) == {"two", "nine"}
    assert (problem.shifts, problem.planted) == (None, ())


def test_the_default_size_limits_are_those_of_gsea(own):
    ranking, gene_sets = own
    source = RankingSource(ranking=ranking, gene_sets=gene_sets)
    assert (source.min_size, source.max_size) == (15, 500)
    with pytest.raises(InputError, match=r"none of the 3 gene sets can be used.*fewer than 15 genes"):
        source.load()


def test_input_hashes_are_those_of_the_bytes(own):
    hashes = RankingSource(ranking=own[0], gene_sets=own[1]).input_hashes()
    with open(own[0], "rb") as file:  # noqa: PTH123 (a plain second way)
        assert hashes[own[0]] == hashlib.sha256(file.read()).hexdigest()
    assert set(hashes) == set(own)
    assert SyntheticSource().input_hashes() == {}


def test_duplicates_are_merged_as_the_source_says(tmp_path, own):
    ranking = tmp_path / "twice.rnk"
    ranking.write_text("g0\t1\ng1\t2\ng0\t-4\ng2\t0\ng3\t0\ng4\t0\n")
    source = RankingSource(ranking=str(ranking), gene_sets=own[1], min_size=1, duplicates="max-abs")
    assert source.load().scores[0, 0] == -4
    with pytest.raises(InputError, match=r"twice.rnk:3: gene g0 was there before"):
        source.model_copy(update={"duplicates": "error"}).load()
