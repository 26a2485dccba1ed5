"""Samples are selected by what is known of them, genes go by the names of the sets, scores are as numpy has them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from l1000_files import InMemory, of_genes, write_table

from dgsea_bench import InputError
from dgsea_bench.data import profiles
from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.landmarks import landmark_genes
from dgsea_bench.data.profiles import (
    in_words,
    merge_repeated,
    name_genes,
    read_values,
    responding_genes,
    select_samples,
    spread_over_strengths,
    to_scores,
    without_missing,
)

SAMPLES = pd.DataFrame(
    {
        "cell_id": pd.array(["A375", "MCF7", "A375", pd.NA, "PC3", "MCF7"], dtype="string"),
        "pert_time": pd.array([6, 24, 24, 6, pd.NA, 24], dtype="Int64"),
        "pert_dose": [0.5, 10.0, 10.0, np.nan, 0.1, 10.0],
        "is_gold": [1, 0, 1, 1, 0, 0],
    },
    index=pd.Index([f"plate:{number}" for number in range(6)], dtype=object),
)
TABLE = landmark_genes()


def matrix(samples=SAMPLES, values=None):
    genes = pd.DataFrame(index=pd.Index(["AARS", "TP53"], dtype=object))
    return InMemory(np.zeros((len(samples), 2)) if values is None else values, genes, samples)


def refusal(function, *arguments, **options):
    with pytest.raises(InputError) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- which samples ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"cell_id": "A375"}, [0, 2]),
        ({"cell_id": ["PC3", "A375"]}, [0, 2, 4]),
        ({"pert_time": 24}, [1, 2, 5]),
        ({"pert_time": "24"}, [1, 2, 5]),
        ({"pert_time": [6, 24.0]}, [0, 1, 2, 3, 5]),
        ({"pert_dose": 10}, [1, 2, 5]),
        ({"pert_dose": [0.1, 0.5]}, [0, 4]),
        ({"is_gold": True}, [0, 2, 3]),
        ({"cell_id": "A375", "pert_time": 24}, [2]),
        ({"id": ["plate:5", "plate:1"]}, [1, 5]),
        ({"id": ["plate:5", "plate:1"], "is_gold": 0}, [1, 5]),
    ],
)
def test_samples_that_have_one_of_the_values_in_every_field_are_selected(select, expected):
    assert select_samples(matrix(), select).tolist() == expected


@given(
    st.dictionaries(
        st.sampled_from(["cell_id", "is_gold"]), st.lists(st.sampled_from(["A375", "MCF7", 0, 1]), min_size=1)
    )
)
def test_a_selection_is_what_pandas_selects(select):
    texts = SAMPLES.astype("string")
    kept = pd.Series(True, index=SAMPLES.index)
    for name, wanted in select.items():
        kept &= texts[name].isin([str(value) for value in wanted]).astype(bool)
    nowhere = any(not (texts[name] == str(value)).any() for name, wanted in select.items() for value in wanted)
    if kept.any() and not nowhere:
        assert select_samples(matrix(), select).tolist() == np.flatnonzero(kept).tolist()
    else:
        refusal(select_samples, matrix(), select)


def test_a_real_plate_has_the_wells_that_its_metadata_say(data):
    with open_matrix(data / "l1000/landmark_978x377_level4.gctx") as file:
        found = select_samples(file, {"pert_type": ["trt_cp", "trt_poscon"], "pert_dose": 10})
        told = file.sample_metadata(["pert_type", "pert_dose"]).iloc[found]
        controls = select_samples(file, {"pert_iname": "DMSO"})
    assert len(controls) == 26
    assert len(found) > 0
    assert set(told["pert_type"]) == {"trt_cp", "trt_poscon"}
    assert (told["pert_dose"] == 10).all()


@pytest.mark.parametrize("name", ["sig.txt", "sig.txt.gz"])
def test_a_table_of_samples_selects_as_metadata_in_the_file_do(tmp_path, name):
    texts = SAMPLES.astype("string").fillna("-666").reset_index(names="sig_id")
    more = texts.iloc[:1].assign(sig_id="elsewhere:1")
    table = write_table(tmp_path / name, pd.concat([more, texts.iloc[::-1]]))
    bare = matrix(SAMPLES[[]])
    for select in ({"cell_id": "A375"}, {"pert_dose": 10}, {"pert_time": [6]}, {"id": "plate:3", "is_gold": 1}):
        assert select_samples(bare, select, str(table)).tolist() == select_samples(matrix(), select).tolist()


def test_samples_that_a_table_does_not_describe_are_not_selected(tmp_path):
    texts = SAMPLES.astype("string").fillna("-666").reset_index(names="sig_id")
    table = write_table(tmp_path / "sig.txt", texts.iloc[:2])
    assert select_samples(matrix(SAMPLES[[]]), {"cell_id": ["A375", "MCF7"]}, str(table)).tolist() == [0, 1]


def test_an_unknown_field_names_the_nearest(tmp_path):
    assert refusal(select_samples, matrix(), {"cell": "A375"}) == (
        "memory: samples have no 'cell'; their fields: 'cell_id', 'pert_time', 'pert_dose', 'is_gold'; "
        "did you mean 'cell_id'?"
    )
    table = write_table(tmp_path / "sig.txt", SAMPLES.astype("string").fillna("").reset_index(names="sig_id"))
    complaint = refusal(select_samples, matrix(), {"cell": "A375"}, str(table))
    assert complaint.startswith(f"{table}: has no field cell; its fields")
    assert "'cell_id'" in complaint


def test_what_no_sample_has_is_told_beside_what_there_is():
    assert refusal(select_samples, matrix(), {"cell_id": "MCF"}) == (
        "memory: no sample has cell_id MCF; there is 'A375', 'MCF7', 'PC3'; did you mean 'MCF7'?"
    )
    assert refusal(select_samples, matrix(), {"cell_id": "A375", "pert_time": [48, 72]}) == (
        "memory: no sample with cell_id A375 has pert_time 48 or 72; there is 6, 24"
    )
    assert "there is 0, 1" in refusal(select_samples, matrix(), {"is_gold": "yes"})


def test_a_table_of_other_samples_shows_both(tmp_path):
    table = write_table(tmp_path / "sig.txt", pd.DataFrame({"sig_id": ["x"], "cell_id": ["A375"]}))
    complaint = refusal(select_samples, matrix(), {"cell_id": "A375"}, str(table))
    assert complaint.startswith(f"{table}: describes no sample of memory: 6 samples in the matrix ('plate:0',")


def test_a_selection_in_words():
    assert in_words({"pert_type": "trt_cp", "cell_id": ["A375", "MCF7"], "dose": 10}) == (
        "pert_type trt_cp, cell_id A375 or MCF7, dose 10"
    )


# --- names of genes ---------------------------------------------------------------------------------------------------

FIRST = TABLE.head(4)
PROBES = of_genes(FIRST["probe"], pr_gene_id=FIRST["entrez"].to_numpy(), pr_gene_symbol=FIRST["symbol"].to_numpy())
IDS = of_genes([*FIRST["entrez"].astype(str), "1"])


@pytest.mark.parametrize("kind", ["symbol", "entrez", "probe"])
def test_genes_go_by_what_the_sets_have(kind):
    wanted = FIRST[kind].astype(str).tolist()
    assert name_genes(PROBES, wanted[:2]) == wanted


def test_a_field_can_be_named():
    assert name_genes(PROBES, ["AARS"], "pr_gene_symbol") == FIRST["symbol"].tolist()
    assert name_genes(PROBES, [*FIRST["symbol"], FIRST["probe"][0]], "id") == FIRST["probe"].tolist()


def test_landmark_genes_have_symbols_that_no_file_needs_to_bring():
    assert name_genes(IDS, ["AARS"], "landmark") == [*FIRST["symbol"], "1"]


def test_a_table_of_genes_brings_symbols(tmp_path):
    table = pd.DataFrame({"pr_gene_id": ["1", "16"], "pr_gene_symbol": ["A1BG", "AARS"]})
    path = str(write_table(tmp_path / "genes.txt", table))
    expected = ["AARS", *FIRST["entrez"].astype(str)[1:], "A1BG"]
    assert name_genes(IDS, ["A1BG"], "auto", path) == expected
    assert name_genes(IDS, ["A1BG"], "gene_info", path) == expected
    twice = str(write_table(tmp_path / "twice.txt", pd.concat([table, table.assign(pr_gene_symbol="other")])))
    assert "2 ids of genes are there more than once" in refusal(name_genes, IDS, ["A1BG"], "auto", twice)
    complaint = refusal(name_genes, of_genes(["ENSG1"]), ["TP53"], "auto", path)
    assert complaint.startswith(f"{path}: describes no gene of memory: 1 genes in the matrix ('ENSG1')")


def test_genes_and_sets_of_different_kinds_are_both_shown():
    complaint = refusal(name_genes, IDS, ["AARS", "TP53"])
    assert "5 genes in the matrix, by id ('16', '23', '25', …); 2 genes in the gene sets ('AARS', 'TP53')" in complaint
    assert "look like Entrez ids" in complaint
    assert 'gene_info = "gse92742-geneinfo"' in complaint
    assert 'names = "landmark"' in complaint
    assert "landmark" not in refusal(name_genes, IDS, ["ENSG01", "ENSG02"])


def test_an_unknown_name_space_names_the_nearest():
    assert refusal(name_genes, PROBES, ["AARS"], "pr_gene_symbl") == (
        "memory: names is 'pr_gene_symbl'; known: auto, id, landmark, pr_gene_id, pr_gene_symbol; "
        "did you mean 'pr_gene_symbol'?"
    )


# --- values -----------------------------------------------------------------------------------------------------------


def test_values_are_those_of_the_samples_and_genes():
    values = np.arange(12.0, dtype="float32").reshape(6, 2)
    found = read_values(matrix(values=values), np.array([0, 2, 3, 5]), np.array([1, 0]))
    assert found.dtype == np.float64
    assert (found == values[[0, 2, 3, 5]][:, [1, 0]]).all()


def test_more_than_fits_into_memory_is_refused_with_its_size(monkeypatch):
    file = matrix(SAMPLES.iloc[:0])
    samples, genes = np.arange(473_647), np.arange(12_328)
    assert refusal(read_values, file, samples, genes) == (
        f"memory: 473,647 samples × 12,328 genes would take 43.5 GiB, and at most {profiles.LARGEST_GIB} may be taken; "
        'select fewer, such as select = { cell_id = "MCF7" }'
    )


BAD = np.array([[1.0, 2, 3], [np.nan, 5, 6], [7, 8, 9], [np.inf, 11, 12]])
NAMED = (["w", "x", "y", "z"], ["A", "B", "C"])


def test_missing_values_are_refused_with_names_and_the_ways_out():
    assert refusal(without_missing, BAD, *NAMED, "error", "m.gctx") == (
        "m.gctx: 2 values are missing (not finite numbers, or -666), in 2 signatures ('x', 'z') and 1 genes ('A'); "
        'leave them out with missing = "drop-profiles" or "drop-genes"'
    )


def test_samples_or_genes_with_missing_values_can_be_left_out():
    rows, columns = without_missing(BAD, *NAMED, "drop-profiles", "m")
    assert (rows.tolist(), columns.tolist()) == ([True, False, True, False], [True] * 3)
    rows, columns = without_missing(BAD, *NAMED, "drop-genes", "m")
    assert (rows.tolist(), columns.tolist()) == ([True] * 4, [False, True, True])
    rows, columns = without_missing(BAD[:, 1:], NAMED[0], NAMED[1][1:], "error", "m")
    assert rows.all()
    assert columns.all()


@pytest.mark.parametrize("missing", ["drop-profiles", "drop-genes"])
def test_where_nothing_is_left_it_is_said(missing):
    assert "m: nothing is left" in refusal(without_missing, np.full((4, 3), np.nan), *NAMED, missing, "m")


EXPRESSION = st.integers(2, 12).flatmap(
    lambda samples: st.lists(st.lists(st.floats(4, 15), min_size=samples, max_size=samples), min_size=2, max_size=6)
)


@given(EXPRESSION)
def test_scores_are_relative_to_the_mean_of_the_samples(genes):
    values = np.array(genes).T
    frame = pd.DataFrame(values)
    np.testing.assert_allclose(to_scores(values, "center", "m"), frame - frame.mean(), atol=1e-12)
    spread = frame.std()
    wide = (spread > 1e-9).to_numpy()
    found = to_scores(values, "zscore", "m")
    np.testing.assert_allclose(
        found[:, wide], ((frame - frame.mean()) / spread).to_numpy()[:, wide], rtol=1e-6, atol=1e-9
    )
    assert to_scores(values, "none", "m") is values


@given(st.floats(-1e6, 1e6), st.integers(2, 50), st.sampled_from(["center", "zscore"]))
def test_a_gene_that_never_changes_has_the_score_0(value, samples, how):
    """Also where the mean of equal numbers is, to rounding, another one."""
    values = np.stack([np.full(samples, value), np.arange(samples, dtype=float)], axis=1)
    found = to_scores(values, how, "m")
    assert (found[:, 0] == 0).all()
    assert np.isfinite(found).all()


def test_one_sample_has_nothing_to_be_relative_to():
    complaint = refusal(to_scores, np.zeros((1, 3)), "zscore", "m.gctx")
    assert complaint == "m.gctx: transform = 'zscore' needs two samples at least; 1 is selected"


@given(st.data())
def test_genes_of_the_same_name_are_merged_as_numpy_does(data):
    names = data.draw(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=9))
    values = np.array(
        data.draw(
            st.lists(st.lists(st.floats(-9, 9), min_size=len(names), max_size=len(names)), min_size=1, max_size=4)
        )
    )
    unique = list(dict.fromkeys(names))
    groups = [values[:, [place for place, other in enumerate(names) if other == name]] for name in unique]
    merged, kept = merge_repeated(values, names, "mean", "m")
    assert kept == unique
    np.testing.assert_allclose(merged, np.stack([group.mean(1) for group in groups], 1), atol=1e-12)
    merged, kept = merge_repeated(values, names, "max-abs", "m")
    assert kept == unique
    assert (merged == [[max(row, key=abs) for row in rows] for rows in zip(*groups)]).all()
    if len(unique) == len(names):
        assert merge_repeated(values, names, "error", "m")[0] is values
    else:
        assert "names of genes are there more than once: " in refusal(merge_repeated, values, names, "error", "m")


# --- spread over strengths --------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 100))
def test_profiles_are_spread_from_the_weakest_to_the_strongest(count, wanted, seed):
    scores = np.random.default_rng(seed).normal(size=(count, 30)) * np.linspace(0.2, 4, count)[:, None]
    strength = (np.abs(scores) >= 2).sum(1)
    assert responding_genes(scores).tolist() == strength.tolist()
    found = spread_over_strengths(scores, wanted)
    assert len(found) == min(wanted, count)
    assert (np.diff(found) > 0).all()
    assert found.tolist() == spread_over_strengths(scores.copy(), wanted).tolist()
    if wanted > 1:
        assert strength[found].min() == strength.min()
        assert strength[found].max() == strength.max()
        even = np.linspace(0, count - 1, len(found)).round().astype(int)
        assert np.sort(strength[found]).tolist() == np.sort(strength)[even].tolist()


def test_one_profile_is_neither_the_weakest_nor_the_strongest():
    scores = np.array([[9.0] * 5, [0.0] * 5, [9.0, 9, 0, 0, 0]])
    assert spread_over_strengths(scores, 1).tolist() == [2]


def test_without_a_number_all_profiles_are_taken():
    assert spread_over_strengths(np.zeros((7, 2)), None).tolist() == list(range(7))


@given(st.integers(0, 2**20), st.integers(1, 12))
def test_which_profiles_are_taken_does_not_depend_on_the_order_of_the_file(seed, profiles):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, rng.uniform(0.1, 2), (12, 8))  # in many of them no gene responds
    order = rng.permutation(12)
    taken = set(spread_over_strengths(scores, profiles).tolist())
    assert {int(order[place]) for place in spread_over_strengths(scores[order], profiles)} == taken


def test_minus_666_in_a_matrix_is_missing():
    values = np.array([[1.0, -666.0], [2.0, 3.0], [0.5, 1.0]])
    assert "1 values are missing" in refusal(without_missing, values, ["x", "y", "z"], ["A", "B"], "error", "m.gctx")
    samples, genes = without_missing(values, ["x", "y", "z"], ["A", "B"], "drop-profiles", "m.gctx")
    assert samples.tolist() == [False, True, True]
    assert genes.all()
