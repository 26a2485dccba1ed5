"""The landmark genes are those that public files list, and are found however a file calls its genes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from l1000_files import of_genes

from dgsea_bench import InputError
from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.landmarks import find_landmarks, landmark_genes

TABLE = landmark_genes()
MATRICES = {
    "l1000/landmark_978x377_level4.gctx": 978,
    "l1000/level5_s2n_lm_n5x978.gctx": 978,
    "l1000/prnet_demo_681x978.h5ad": 978,
    "l1000/full_12328x25.gctx": 978,
    "l1000/modzs_n25x50.gctx": 50,
}


def names_of(kind):
    """What genes are called by, in the order of the table."""
    return [str(name) for name in TABLE[kind]]


# --- the table --------------------------------------------------------------------------------------------------------


def test_there_are_978_each_with_a_probe_an_entrez_id_and_a_symbol_of_its_own():
    assert len(TABLE) == 978
    for name in ("probe", "entrez", "symbol"):
        assert TABLE[name].is_unique
        assert TABLE[name].astype(str).str.fullmatch(r"\S+").all()
    assert TABLE["entrez"].is_monotonic_increasing


def test_other_symbols_are_those_of_no_other_gene():
    others = TABLE["other_symbol"][TABLE["other_symbol"] != ""]
    assert len(others) > 0
    assert pd.concat([TABLE["symbol"], others]).is_unique


def test_they_are_those_that_cmap_lists(data):
    listed = pd.read_csv(data / "l1000/landmark_gene_ids_n978.grp", header=None, comment="#")[0]
    assert sorted(listed) == TABLE["entrez"].tolist()


def test_probe_entrez_id_and_symbol_belong_together_as_in_the_annotation_of_cmap(data):
    listed = pd.read_csv(data / "l1000/row_meta_n978.txt", sep="\t", keep_default_na=False).set_index("pr_gene_id")
    ours = TABLE.set_index("entrez").loc[listed.index]
    assert (ours["probe"] == listed["rid"]).all()
    symbols = listed["pr_gene_symbol"]
    assert ((ours["symbol"] == symbols) | (ours["other_symbol"] == symbols)).all()


# --- real files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "count"), MATRICES.items())
def test_real_files_have_them(data, path, count):
    with open_matrix(data / path) as file:
        found = find_landmarks(file)
        fields = file.gene_metadata(["pr_gene_id", "pr_gene_symbol"]).iloc[found.positions]
    assert len(found.positions) == len(found.symbols) == count
    assert len(found.missing) == 978 - count
    assert {*found.symbols, *found.missing} == set(TABLE["symbol"])
    ours = TABLE.set_index("symbol", drop=False).loc[found.symbols]
    assert ours["entrez"].is_monotonic_increasing
    if "pr_gene_id" in fields:
        assert fields["pr_gene_id"].tolist() == ours["entrez"].tolist()
    if "pr_gene_symbol" in fields:
        theirs = fields["pr_gene_symbol"].to_numpy(object)
        assert ((ours["symbol"] == theirs) | (ours["other_symbol"] == theirs)).all()


def test_ids_that_are_sorted_beside_metadata_that_are_not_are_refused_until_somebody_decides(data):
    with open_matrix(data / "l1000/modzs_gct_n3x978.gctx") as file:
        with pytest.raises(
            InputError, match=r"ids of genes and pr_gene_id in the metadata disagree for 97\d of 978"
        ) as e:
            find_landmarks(file)
        assert "--genes-by id or metadata" in str(e.value)
        by_id, by_metadata = find_landmarks(file, "id"), find_landmarks(file, "metadata")
        fields = file.gene_metadata(["pr_gene_id"])["pr_gene_id"]
        ids = file.gene_ids
    assert (by_id.known_by, by_metadata.known_by) == ("ids, which are probes", "pr_gene_id in the metadata")
    assert ids[by_id.positions].tolist() == TABLE["probe"].tolist()
    assert fields.iloc[by_metadata.positions].tolist() == TABLE["entrez"].tolist()


# --- any names --------------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(["probe", "entrez", "symbol", "metadata"]))
def test_any_subset_in_any_order_among_other_genes_is_found(data, kind):
    rows = data.draw(st.lists(st.integers(0, 977), min_size=1, max_size=30, unique=True))
    strangers = data.draw(st.integers(0, 5))
    order = np.asarray(data.draw(st.permutations(range(len(rows) + strangers))))
    place = {row: int(np.flatnonzero(order == position)[0]) for position, row in enumerate(rows)}
    if kind == "metadata":
        entrez = np.array([*TABLE["entrez"].iloc[rows], *range(10**8, 10**8 + strangers)])[order]
        file = of_genes([f"row {number}" for number in range(len(entrez))], pr_gene_id=entrez)
    else:
        ids = np.array([*(names_of(kind)[row] for row in rows), *(f"stranger {n}" for n in range(strangers))], object)
        file = of_genes(ids[order])
    found = find_landmarks(file)
    assert found.positions.tolist() == [place[row] for row in sorted(rows)]
    assert found.symbols == TABLE["symbol"].iloc[sorted(rows)].tolist()
    assert set(found.missing) == set(TABLE["symbol"].drop(rows))


def test_genes_are_known_by_their_older_and_newer_symbols_too():
    called = TABLE["other_symbol"].where(TABLE["other_symbol"] != "", TABLE["symbol"])
    found = find_landmarks(of_genes(called))
    assert found.symbols == TABLE["symbol"].tolist()
    assert found.known_by == "ids, which are symbols"


def test_a_gene_under_both_its_symbols_is_there_twice_and_refused():
    with pytest.raises(InputError, match=r"2 landmark genes are there more than once, by ids.*symbols: 976, 1514"):
        find_landmarks(of_genes(["CD97", "ADGRE5", "CTSL", "CTSL1", "AARS"]))


def test_an_entrez_id_that_is_there_twice_is_refused():
    with pytest.raises(
        InputError, match="1 landmark genes are there more than once, by pr_gene_id in the metadata: 16"
    ):
        find_landmarks(of_genes(["a", "b", "c"], pr_gene_id=[16, 16, 23]))


def test_further_probes_of_a_gene_do_not_hide_its_own():
    """Older matrices have all 22,268 probes of a chip, several to a gene."""
    ids = [*TABLE["probe"], *(f"{number}_x_at" for number in range(1000))]
    entrez = [*TABLE["entrez"], *TABLE["entrez"], *range(10**8, 10**8 + 22)]
    found = find_landmarks(of_genes(ids, pr_gene_id=entrez))
    assert found.known_by == "ids, which are probes"
    assert found.positions.tolist() == list(range(978))


def test_a_few_annotations_that_changed_are_tolerated():
    entrez = TABLE["entrez"].to_numpy().copy()
    entrez[[3, 4]] = entrez[[4, 3]]
    assert len(find_landmarks(of_genes(TABLE["probe"], pr_gene_id=entrez)).positions) == 978
    with pytest.raises(InputError, match=r"disagree for 97[78] of 978"):
        find_landmarks(of_genes(TABLE["probe"], pr_gene_id=np.roll(entrez, 1)))


def test_metadata_that_are_no_entrez_ids_are_left_alone():
    found = find_landmarks(of_genes(["AARS", "ABCF1", "x"], gene_id=pd.array(["ENSG1", "16.5", pd.NA], dtype="string")))
    assert found.symbols == ["AARS", "ABCF1"]


@pytest.mark.parametrize("genes_by", ["auto", "id"])
def test_a_file_without_any_shows_both_kinds_of_names(genes_by):
    with pytest.raises(
        InputError, match=r"no landmark gene is there: .*'ENSG000000'.*look like Ensembl ids, .* like Entrez ids"
    ):
        find_landmarks(of_genes([f"ENSG{number:06}" for number in range(9)]), genes_by)


def test_metadata_that_are_not_there_cannot_be_trusted():
    with pytest.raises(
        InputError, match=r"metadata of genes have Entrez ids of none \(pr_gene_id or .*there: 'title'\)"
    ):
        find_landmarks(of_genes(["AARS"], title=["x"]), "metadata")


def test_an_unknown_way_names_the_known_ones():
    with pytest.raises(InputError, match=r"genes_by is 'ids'; known: auto, id, metadata; did you mean 'id'\?"):
        find_landmarks(of_genes(["AARS"]), "ids")
