"""A matrix becomes a problem: the samples wanted as profiles, matched with sets whatever genes are called by."""

import hashlib

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from l1000_files import make_world, write_gctx, write_table
from pydantic import ValidationError

from dgsea_bench import InputError
from dgsea_bench.data.formats import read_gmt
from dgsea_bench.data.l1000 import prepare_l1000
from dgsea_bench.data.landmarks import landmark_genes
from dgsea_bench.data.sources import L1000Source

WORLD = make_world(0)
SYMBOLS = WORLD.symbols


@pytest.fixture
def matrix(tmp_path):
    return str(write_gctx(tmp_path / "a.gctx", WORLD))


@pytest.fixture
def sets(tmp_path):
    """Three sets of symbols; returns a way to write others."""

    def sets(members=None):
        members = members or {"a": SYMBOLS[:10], "b": [*SYMBOLS[5:12], "elsewhere"], "small": SYMBOLS[:2]}
        lines = ("\t".join([name, "", *genes]) for name, genes in members.items())
        (tmp_path / "a.gmt").write_text("\n".join(lines) + "\n")
        return str(tmp_path / "a.gmt")

    return sets


def source(matrix, gene_sets, **settings):
    return L1000Source(**{"matrix": matrix, "gene_sets": gene_sets, "names": "landmark", "min_size": 3, **settings})


def refusal(source):
    with pytest.raises(InputError) as error:
        source.load()
    assert "\n" not in str(error.value)
    return str(error.value)


def members(problem):
    """Name of a set -> its genes."""
    found = problem.gene_sets
    bounds = found.offsets.tolist()
    genes = np.asarray(found.genes, dtype=object)
    return {
        name: set(genes[found.indices.numpy()[low:high]]) for name, low, high in zip(found.names, bounds, bounds[1:])
    }


def test_profiles_are_the_samples_with_their_ids(matrix, sets):
    problem = source(matrix, sets()).load()
    assert problem.profiles == tuple(WORLD.samples.index)
    assert problem.scores.dtype == torch.float64
    assert (problem.scores.numpy() == WORLD.values).all()
    assert members(problem) == {"a": set(SYMBOLS[:10]), "b": set(SYMBOLS[5:12])}
    assert set(problem.gene_sets.dropped) == {"small"}


def test_selected_samples_over_landmark_genes_alone(matrix, sets):
    chosen = WORLD.samples["cell_id"].isin(["A375", "MCF7"]) & (WORLD.samples["pert_itime"] == "24 h")
    select = {"cell_id": ["A375", "MCF7"], "pert_itime": "24 h"}
    problem = source(matrix, sets(), select=select, only_landmarks=True).load()
    assert problem.profiles == tuple(WORLD.samples.index[chosen])
    assert tuple(problem.gene_sets.genes) == tuple(SYMBOLS)
    assert (problem.scores.numpy() == WORLD.scores()[chosen].to_numpy()).all()


@pytest.mark.parametrize("how", ["center", "zscore"])
def test_scores_are_relative_to_the_samples_selected(matrix, sets, how):
    chosen = WORLD.scores()[WORLD.samples["cell_id"] == "A375"]
    expected = (chosen - chosen.mean()) / (chosen.std() if how == "zscore" else 1)
    problem = source(matrix, sets(), select={"cell_id": "A375"}, only_landmarks=True, transform=how).load()
    np.testing.assert_allclose(problem.scores, expected, rtol=1e-9, atol=1e-12)


def test_a_number_of_profiles_is_taken_after_the_transform_with_the_weakest_and_the_strongest(matrix, sets):
    scores = WORLD.scores() - WORLD.scores().mean()
    strength = (scores.abs() >= 2).sum(axis=1)
    problem = source(matrix, sets(), only_landmarks=True, transform="center", profiles=5).load()
    assert len(problem.profiles) == 5
    assert {strength.min(), strength.max()} <= set(strength[list(problem.profiles)])
    np.testing.assert_allclose(problem.scores, scores.loc[list(problem.profiles)], atol=1e-12)
    assert (
        problem.profiles == source(matrix, sets(), only_landmarks=True, transform="center", profiles=5).load().profiles
    )


@pytest.mark.parametrize("missing", ["drop-profiles", "drop-genes"])
def test_missing_values_are_left_out_as_asked(matrix, sets, missing):
    gene = WORLD.genes["symbol"].tolist().index(SYMBOLS[0])
    with h5py.File(matrix, "r+") as file:
        file["0/DATA/0/matrix"][3, gene] = np.nan
    complaint = refusal(source(matrix, sets(), only_landmarks=True))
    assert (
        f"1 values are missing (not finite numbers, or -666), in 1 signatures ({WORLD.samples.index[3]!r}) and 1 genes "
        f"({SYMBOLS[0]!r})" in complaint
    )
    problem = source(matrix, sets(), only_landmarks=True, missing=missing).load()
    expected = WORLD.scores()
    expected = expected.drop(columns=SYMBOLS[0]) if missing == "drop-genes" else expected.drop(index=expected.index[3])
    assert problem.profiles == tuple(expected.index)
    assert tuple(problem.gene_sets.genes) == tuple(expected.columns)
    assert (problem.scores.numpy() == expected.to_numpy()).all()


def test_genes_of_the_same_symbol_are_merged_as_asked(tmp_path, matrix, sets):
    table = pd.DataFrame(
        {"pr_gene_id": WORLD.genes["entrez"], "pr_gene_symbol": WORLD.genes["symbol"].replace("", "same")}
    )
    info = str(write_table(tmp_path / "genes.txt", table))
    given = {"names": "auto", "gene_info": info}
    assert "1 names of genes are there more than once: 'same'" in refusal(source(matrix, sets(), **given))
    problem = source(matrix, sets(), duplicates="mean", **given).load()
    place = tuple(problem.gene_sets.genes).index("same")
    expected = WORLD.values[:, (WORLD.genes["symbol"] == "").to_numpy()].astype("float64").mean(1)
    np.testing.assert_allclose(problem.scores[:, place], expected, rtol=1e-12)
    assert source(matrix, sets(), duplicates="mean", **given).count_genes() == problem.scores.shape[1] == 31


def test_genes_are_counted_without_reading_values(matrix, sets):
    assert source(matrix, sets()).count_genes() == 36
    assert source(matrix, sets(), only_landmarks=True).count_genes() == 30


def test_sets_of_another_name_space_show_both_and_the_way_out(matrix, sets):
    complaint = refusal(source(matrix, sets(), names="auto"))
    assert complaint.startswith(f"{matrix}: no gene of the gene sets is there: 36 genes in the matrix, by id (")
    assert "look like Entrez ids" in complaint
    assert 'names = "landmark" knows those of the landmark genes' in complaint
    by_id = sets({"a": WORLD.genes["entrez"].astype(str).tolist()[:5]})
    assert source(matrix, by_id, names="auto").load().gene_sets.names == ("a",)


def test_directional_pathways_need_no_file_of_sets(tmp_path):
    world = make_world(1, landmarks=978, signatures=12)
    path = str(write_gctx(tmp_path / "b.gctx", world))
    by_entrez = source(path, "directional", names="auto", min_size=1).load()
    by_symbol = source(path, "directional", only_landmarks=True, min_size=1).load()
    assert by_entrez.gene_sets.sizes.tolist() == by_symbol.gene_sets.sizes.tolist() == [6, 1, 1, 4, 4, 4, 2]
    symbol = landmark_genes().set_index(landmark_genes()["entrez"].astype(str))["symbol"]
    named = {name: set(symbol[list(genes)]) for name, genes in members(by_entrez).items()}
    assert named == members(by_symbol)


def test_a_prepared_table_is_a_matrix_too(matrix, sets, tmp_path):
    prepare_l1000(matrix, tmp_path / "a.parquet")
    table = pd.read_parquet(tmp_path / "a.parquet")
    problem = source(str(tmp_path / "a.parquet"), sets(), names="auto", select={"smiles": "CCO"}).load()
    expected = table[table["smiles"] == "CCO"]
    assert problem.profiles == tuple(expected["pert_id"])
    assert (problem.scores.numpy() == expected[SYMBOLS].to_numpy()).all()


def test_metadata_that_disagree_with_ids_are_decided_by_the_source(data):
    path = str(data / "l1000/modzs_gct_n3x978.gctx")
    settings = {"names": "landmark", "only_landmarks": True, "min_size": 1}
    assert "--genes-by id or metadata (in a scenario: genes_by)" in refusal(source(path, "directional", **settings))
    by_id = source(path, "directional", genes_by="id", **settings).load()
    by_metadata = source(path, "directional", genes_by="metadata", **settings).load()
    assert by_id.gene_sets.names == by_metadata.gene_sets.names
    assert not torch.equal(by_id.scores, by_metadata.scores)


def test_real_signatures_meet_hallmark_sets(data):
    settings = {"select": {"pert_type": "trt_cp"}, "profiles": 6, "min_size": 5}
    plate = L1000Source(matrix="l1000-plate", gene_sets="hallmark", **settings)
    problem = plate.load()
    assert problem.scores.shape == (6, 978) == (6, plate.count_genes())
    hallmark = read_gmt(data / "gene_sets/h.all.v7.0.symbols.gmt")
    genes = set(problem.gene_sets.genes)
    assert members(problem) == {name: set(hallmark[name]) & genes for name in problem.gene_sets.names}
    assert set(problem.gene_sets.names) == {name for name, those in hallmark.items() if len(set(those) & genes) >= 5}


def test_what_is_hashed_is_every_file_that_is_read(matrix, sets, tmp_path):
    info = str(write_table(tmp_path / "info.txt", pd.DataFrame({"sig_id": ["x"]})))
    hashes = source(matrix, sets(), sample_info=info).input_hashes()
    assert set(hashes) == {matrix, sets(), info}
    for path, found in hashes.items():
        with open(path, "rb") as file:  # noqa: PTH123 (a plain second way)
            assert found == hashlib.sha256(file.read()).hexdigest()
    assert set(source(matrix, "directional").input_hashes()) == {matrix}


def test_a_file_that_is_changed_has_another_hash(matrix):
    before = source(matrix, "directional").input_hashes()
    with h5py.File(matrix, "r+") as file:
        file["0/META/COL/more"] = np.zeros(40)
    assert source(matrix, "directional").input_hashes() != before


def test_the_title_says_files_and_selection(matrix):
    plain, selected = source("a", "b"), source("a", "b", select={"cell_id": ["A375", "MCF7"], "pert_itime": "6 h"})
    assert plain.title == "a × b"
    assert selected.title == "a × b, cell_id A375 or MCF7, pert_itime 6 h"


@pytest.mark.parametrize(
    "wrong",
    [
        {"profiles": 0},
        {"transform": "log"},
        {"missing": "drop-signatures"},
        {"genes_by": "symbol"},
        {"select": 3},
        {"min_size": 0},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        source("a", "b", **wrong)


def test_one_selection_is_one_problem_however_it_is_written(matrix, sets):
    path = sets()
    one, other = (source(matrix, path, select={"cell_id": wanted}) for wanted in ("A375", ["A375", "A375"]))
    assert one == other
    two = [source(matrix, path, select={"cell_id": wanted}) for wanted in (["PC3", "A375"], ["A375", "PC3"])]
    assert two[0] == two[1]
    with pytest.raises(ValidationError, match="cell_id is an empty list"):
        source(matrix, path, select={"cell_id": []})


def test_a_profile_of_equal_scores_is_refused(tmp_path, sets):
    world = make_world(2, signatures=6)
    world.values[2] = 1.5
    path = str(write_gctx(tmp_path / "equal.gctx", world))
    assert "nothing is ranked" in refusal(source(path, sets({"a": world.symbols[:10]})))
