"""Every public file is read, each with the oddities that it is known for; the truth is plain h5py and plain text."""

import csv
import re
from importlib.resources import files

import h5py
import numpy as np
import pytest
from matrix_files import GENES, MATRIX, SAMPLES

from dgsea_bench.data.formats import open_matrix, read_matrix

GCTX = ["full_12328x25", "landmark_978x377_level4", "level5_s2n_lm_n5x978", "modzs_gct_n3x978", "modzs_n25x50"]


@pytest.fixture
def l1000(data):
    return data / "l1000"


def texts(dataset):
    return [item.decode("latin-1").strip() for item in dataset[()]]


@pytest.mark.parametrize("name", GCTX)
def test_the_values_and_ids_of_a_gctx_are_those_that_h5py_reads(l1000, name):
    read = read_matrix(l1000 / f"{name}.gctx")
    with h5py.File(l1000 / f"{name}.gctx") as file:
        np.testing.assert_array_equal(read.values, file[MATRIX][()], strict=True)
        assert read.genes.index.tolist() == texts(file[f"{GENES}/id"])
        assert read.samples.index.tolist() == texts(file[f"{SAMPLES}/id"])


@pytest.mark.parametrize("name", GCTX)
def test_the_metadata_of_a_gctx_are_those_that_h5py_reads(l1000, name):
    read = read_matrix(l1000 / f"{name}.gctx")
    with h5py.File(l1000 / f"{name}.gctx") as file:
        for group, frame in ((GENES, read.genes), (SAMPLES, read.samples)):
            assert set(frame) == set(file[group]) - {"id"}
            for field in frame:
                stored = file[f"{group}/{field}"]
                plain = texts(stored) if stored.dtype.kind == "S" else [float(str(number)) for number in stored[()]]
                assert_same_but_for_missing(frame[field], plain)


def assert_same_but_for_missing(column, plain):
    for value, stored in zip(column.isna().tolist(), plain, strict=True):
        assert value == bool(re.fullmatch(r"-666(\.0*)?|na|", str(stored)))
    for value, stored in zip(column.tolist(), plain, strict=True):
        if re.fullmatch(r"-666(\.0*)?|na|", str(stored)):
            continue
        assert (value == stored.replace("<b5>", "µ")) if isinstance(value, str) else (value == float(stored))


def test_the_full_matrix_has_entrez_ids_and_nothing_else(l1000):
    with open_matrix(l1000 / "full_12328x25.gctx") as file:
        assert file.shape == (25, 12_328)
        assert file.gene_fields == file.sample_fields == ()
        assert file.gene_metadata().shape == (12_328, 0)
        assert file.gene_ids.str.fullmatch(r"\d+").all()


def test_what_is_missing_on_the_landmark_plate_is_missing(l1000):
    read = read_matrix(l1000 / "landmark_978x377_level4.gctx")
    assert read.values.shape == (377, 978)
    vehicles = read.samples[read.samples["pert_type"] == "ctl_vehicle"]
    assert len(vehicles) == 26
    assert vehicles[["pert_dose", "pert_dose_unit", "pert_idose"]].isna().all(axis=None)
    assert read.samples["pert_vehicle"].isna().any()
    assert read.genes["pr_gene_symbol"].tolist()[:3] == ["PSME1", "CISD1", "VDAC1"]
    assert read.genes["pr_gene_id"].dtype == "int64"


def test_whole_numbers_that_are_stored_as_float32_become_integers(l1000):
    read = read_matrix(l1000 / "level5_s2n_lm_n5x978.gctx")
    assert read.genes["pr_gene_id"].astype(str).tolist() == read.genes.index.tolist()
    assert read.samples["num_a"].dtype == read.samples["num_b"].dtype == "int64"
    assert set(read.genes["pr_is_lmark"]) == {"Y"}
    assert read.genes["pr_model_id"].isna().all()


def test_numbers_that_are_stored_as_text_become_numbers_unless_one_is_none(l1000):
    samples = read_matrix(l1000 / "modzs_gct_n3x978.gctx").samples
    np.testing.assert_array_equal(samples["distil_cc_max"], [np.nan, 0.38, 0.14])
    assert samples["pert_time"].tolist() == [3, 3, 3]
    assert samples["pert_dose"].tolist() == [39.6, 41, 20.6843]
    assert samples["count_cv"].tolist() == ["26", "25|26", "25|27"]
    assert samples["distil_tas"].isna().tolist() == [True, False, False]
    assert samples["x_smiles"].iloc[0] == r"CN\C(NCCSCc1nc[nH]c1C)=N/C#N"


def test_an_older_gct_has_descriptions_and_trailing_tabs(l1000):
    read = read_matrix(l1000 / "older_version_v1_2.gct")
    assert read.samples.index.tolist() == ["DLBCL.205", "DLBCL.206", "DLBCL.232"]
    assert read.genes.index.tolist() == ["1007_s_at", "1053_at", "117_at", "121_at", "1320_at"]
    assert read.genes["Description"].iloc[1] == "M87338 /FEATURE= /DEFINITION=HUMA"
    assert read.values[:, 0].tolist() == [280.53, 271.48, 113.57]
    assert read.samples.shape == (3, 0)


def test_a_small_gct_has_metadata_on_both_sides(l1000):
    read = read_matrix(l1000 / "mini_gctoo_for_testing.gct")
    lines = [line.split("\t") for line in (l1000 / "mini_gctoo_for_testing.gct").read_text().splitlines()]
    assert list(read.samples) == [line[0] for line in lines[3:8]]
    assert list(read.genes) == lines[2][1:6]
    assert read.samples.index.tolist() == lines[2][6:]
    np.testing.assert_array_equal(read.values.T, np.array([line[6:] for line in lines[8:]], float))
    assert read.samples["distil_nsample"].tolist() == [int(text) for text in lines[4][6:]]
    assert read.genes["mfc_plate_id"].isna().all()


def test_a_gct_with_fewer_fields_of_samples_than_it_says_is_read_with_a_warning(l1000):
    with pytest.warns(UserWarning, match=r"modzs_n25x50\.gct: line 2 says 15 fields of samples, and 1 are there"):
        text = read_matrix(l1000 / "modzs_n25x50.gct")
    assert list(text.samples) == ["brew_prefix"]


@pytest.mark.filterwarnings("ignore:.*line 2 says 15 fields")
def test_the_same_matrix_as_gct_and_as_gctx_is_the_same(l1000):
    text, binary = read_matrix(l1000 / "modzs_n25x50.gct"), read_matrix(l1000 / "modzs_n25x50.gctx")
    assert text.values.shape == binary.values.shape == (25, 50)
    np.testing.assert_allclose(text.values, binary.values, rtol=0, atol=0.005 + 1e-12)
    assert set(text.genes) == set(binary.genes)
    for one, other in ((text.genes, binary.genes), (text.samples, binary.samples)):
        assert one.index.tolist() == other.index.tolist()
        assert all(one[field].equals(other[field]) for field in one)


def test_ten_micromolar_is_read_from_the_bytes_that_r_left(l1000):
    samples = read_matrix(l1000 / "modzs_n25x50.gctx").samples
    assert set(samples["pert_idose"].dropna()) >= {"10 µM", "500 nM"}


def test_the_h5ad_of_compound_responses_is_what_h5py_reads(l1000):
    read = read_matrix(l1000 / "prnet_demo_681x978.h5ad")
    assert read.values.shape == (681, 978)
    assert read.samples["SMILES"].nunique() == 355
    assert (read.samples["control"] == 1).sum() == 20
    with h5py.File(l1000 / "prnet_demo_681x978.h5ad") as file:
        np.testing.assert_array_equal(read.values, file["X"][()])
        assert read.samples.index.tolist() == file["obs/index"].asstr()[()].tolist()
        names = file["obs/SMILES/categories"].asstr()[()][file["obs/SMILES/codes"][()]]
        assert read.samples["SMILES"].tolist() == names.tolist()
        assert list(read.samples) == file["obs"].attrs["column-order"].tolist()
        assert read.genes["pr_gene_title"].tolist() == file["var/pr_gene_title"].asstr()[()].tolist()


def test_the_landmark_genes_are_the_same_everywhere(l1000):
    with (files("dgsea_bench.data") / "tables" / "landmark_genes.tsv").open(encoding="utf-8") as file:
        table = {row["probe"]: row for row in csv.DictReader(file, delimiter="\t")}
    with (l1000 / "row_meta_n978.txt").open(encoding="utf-8") as file:
        described = {row["rid"]: row for row in csv.DictReader(file, delimiter="\t")}
    entrez = {row["entrez"] for row in table.values()}
    assert len(table) == len(entrez) == 978
    assert set((l1000 / "landmark_gene_ids_n978.grp").read_text().split()) == entrez
    assert {row["pr_gene_id"] for row in described.values()} == entrez
    assert set(read_matrix(l1000 / "level5_s2n_lm_n5x978.gctx").genes.index) == entrez
    with open_matrix(l1000 / "full_12328x25.gctx") as everything:
        assert entrez < set(everything.gene_ids)
