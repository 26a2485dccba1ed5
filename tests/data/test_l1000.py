"""A preparation equals a plain group-by, says what it did, and leaves what was there before if it fails."""

import hashlib
import json
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from l1000_files import SMILES, expected_table, known, make_world, write_gctx, write_pertinfo, write_siginfo

from dgsea_bench import InputError
from dgsea_bench.data import l1000
from dgsea_bench.data.formats import hdf5, open_matrix
from dgsea_bench.data.l1000 import prepare_l1000
from dgsea_bench.data.landmarks import landmark_genes

pytest.importorskip("rdkit", reason="RDKit is not installed (the extra [smiles])")

WORLD = make_world(0)
CONDITION = ["cell_id", "pert_idose", "pert_itime"]


@pytest.fixture
def matrix(tmp_path):
    return write_gctx(tmp_path / "a.gctx", WORLD)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "table.parquet"


def spoil(path, *places, value=np.nan):
    """Put values that are no numbers into a file: (signature, landmark gene)."""
    with h5py.File(path, "r+") as file:
        for signature, symbol in places:
            file["0/DATA/0/matrix"][signature, WORLD.genes["symbol"].tolist().index(symbol)] = value


def used(world=WORLD):
    """Positions of the signatures that a preparation averages."""
    samples = world.samples.apply(known)
    kept = (samples["pert_type"] == "trt_cp") & samples["canonical_smiles"].map(SMILES).eq(True)
    return np.flatnonzero(kept & samples["pert_id"].notna())


def agree(found, expected, keys):
    """Whether two tables hold the same rows, and the first has them sorted."""
    texts = found[keys].astype(object).fillna("")
    expected = expected.sort_values(keys, ignore_index=True)
    order = texts.sort_values(keys).index
    pd.testing.assert_frame_equal(texts.loc[order].reset_index(drop=True), expected[keys], check_dtype=False)
    assert found["signatures"].loc[order].tolist() == expected["signatures"].tolist()
    symbols = expected.columns[expected.columns.get_loc("signatures") + 1 :].tolist()
    assert found.columns.tolist()[-len(symbols) :] == symbols
    assert (found[symbols].dtypes == "float32").all()
    np.testing.assert_allclose(found[symbols].loc[order], expected[symbols], rtol=1e-6, atol=1e-7)


# --- the table --------------------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000),
    average=st.sampled_from(["compound", "condition"]),
    tables=st.booleans(),
    wide=st.booleans(),
    chunks=st.sampled_from([None, (7, 11), (1, 36)]),
)
def test_it_is_what_a_plain_group_by_makes(tmp_path_factory, seed, average, tables, wide, chunks):
    world, folder = make_world(seed), tmp_path_factory.mktemp("plain")
    path = write_gctx(
        folder / "a.gctx",
        world,
        described=not tables,
        values=world.values.astype("f8" if wide else "f4"),
        chunks=chunks,
    )
    named = {
        "siginfo": write_siginfo(folder / "sig.txt.gz", world, seed),
        "pertinfo": write_pertinfo(folder / "p", world),
    }
    prepared = prepare_l1000(path, folder / "out.parquet", average=average, **(named if tables else {}))
    found = pd.read_parquet(folder / "out.parquet")
    keys = ["pert_id", "pert_iname", "smiles", *(CONDITION if average == "condition" else [])]
    assert found.columns.tolist() == [*keys, "signatures", *world.symbols]
    agree(found, expected_table(world, average), keys)
    assert found["pert_id"].is_monotonic_increasing
    assert (prepared.rows, prepared.genes) == (len(found), tuple(world.symbols))
    assert prepared.funnel[-1].signatures == found["signatures"].sum()
    assert prepared.funnel[-1].perturbagens == found["pert_id"].nunique()


def test_it_does_not_depend_on_how_much_is_in_memory_at_a_time(tmp_path, monkeypatch):
    world = make_world(3, landmarks=978, others=100)
    path = write_gctx(tmp_path / "a.gctx", world, chunks=(3, 100))
    tables = []
    for mib in (64, 2**-6, 2**-9):  # 64 KiB holds 15 signatures, a portion of the least size holds one
        monkeypatch.setattr(hdf5, "PORTION_MIB", _Mib(mib))
        prepare_l1000(path, tmp_path / "out.parquet", average="condition")
        tables.append(pd.read_parquet(tmp_path / "out.parquet"))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)


class _Mib(float):
    """A part of a MiB that can be shifted like a number of them."""

    def __lshift__(self, bits):
        return int(self * 2**bits)


def test_the_probes_of_a_file_are_symbols_in_the_table(tmp_path, out):
    prepared = prepare_l1000(_by_probes(tmp_path), out)
    assert prepared.landmarks.known_by == "ids, which are probes"
    agree(pd.read_parquet(out), expected_table(WORLD), ["pert_id", "pert_iname", "smiles"])


def _by_probes(tmp_path):
    genes = WORLD.genes.assign(probe=WORLD.genes["probe"].where(WORLD.genes["symbol"] != "", WORLD.genes["entrez"]))
    return write_gctx(
        tmp_path / "p.gctx", type(WORLD)(WORLD.values, genes, WORLD.samples, WORLD.compounds), ids="probe"
    )


def test_the_wells_of_a_real_experiment_are_averaged_as_pandas_does(data, out):
    path = data / "l1000/prnet_demo_681x978.h5ad"
    with open_matrix(path) as file:
        matrix = file.read()
    kept = (matrix.samples["pert_type"] == "trt_cp") & matrix.samples["canonical_smiles"].notna()
    scores = pd.DataFrame(matrix.values.astype("float64"), columns=matrix.genes.index, index=matrix.samples.index)[kept]
    expected = scores.groupby(matrix.samples["pert_id"][kept].astype(str)).mean()
    prepared = prepare_l1000(path, out)
    found = pd.read_parquet(out).set_index("pert_id")
    assert found.index.tolist() == expected.index.tolist()
    assert (
        found["signatures"].tolist() == matrix.samples["pert_id"][kept].astype(str).value_counts().sort_index().tolist()
    )
    table = landmark_genes()
    symbol = {**dict(zip(table["other_symbol"], table["symbol"])), **dict(zip(table["symbol"], table["symbol"]))}
    theirs = expected.rename(columns=symbol)[found.columns[3:]]
    np.testing.assert_allclose(found[found.columns[3:]], theirs, rtol=1e-6)
    assert found["smiles"].nunique() > 300
    assert any("no value is negative, as if these were expression" in remark for remark in prepared.remarks)


def test_real_signatures_with_and_without_smiles(data, out):
    path = data / "l1000/modzs_gct_n3x978.gctx"
    with open_matrix(path) as file:
        smiles = file.sample_metadata(["x_smiles"])["x_smiles"]
        matrix = file.read()
    with pytest.raises(InputError, match="disagree"):
        prepare_l1000(path, out)
    assert not out.exists()
    prepared = prepare_l1000(path, out, genes_by="id")
    found = pd.read_parquet(out)
    assert [step.signatures for step in prepared.funnel] == [3, 3, smiles.notna().sum(), smiles.notna().sum()]
    assert sorted(found["smiles"]) == sorted(smiles.dropna())
    values = pd.DataFrame(matrix.values, index=matrix.samples["pert_id"], columns=matrix.genes.index)
    probes = landmark_genes().set_index("symbol")["probe"][list(prepared.genes)]
    assert (found[list(prepared.genes)].to_numpy() == values.loc[found["pert_id"], probes].to_numpy()).all()
    assert not any("expression" in remark for remark in prepared.remarks)


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_table_says_where_it_comes_from(tmp_path, matrix, out):
    tables = {
        "siginfo": write_siginfo(tmp_path / "s.txt", WORLD),
        "pertinfo": write_pertinfo(tmp_path / "p.txt", WORLD),
    }
    prepared = prepare_l1000(matrix, out, average="condition", missing="drop-genes", **tables)
    told = json.loads(pq.read_schema(out).metadata[b"dgsea_bench"])
    assert told["made_by"].startswith("dgsea_bench ")
    assert pd.Timestamp(told["made_at"]).tzinfo is not None
    assert told["matrix"] == {"file": "a.gctx", "bytes": matrix.stat().st_size, "shape": [40, 36]}
    for name, path in tables.items():
        assert told[name] == {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert (told["average"], told["missing"]) == ("condition", "drop-genes")
    assert told["smiles_checked_by"].startswith("RDKit ")
    assert told["genes_known_by"] == "ids, which are Entrez ids"
    assert told["funnel"] == [[step.what, step.signatures, step.perturbagens] for step in prepared.funnel]
    assert told["symbols"] == list(prepared.genes)
    assert set(told["landmarks_missing"]) == set(landmark_genes()["symbol"]) - set(told["symbols"])
    assert told["remarks"] == list(prepared.remarks)


def test_compounds_whose_smiles_is_not_valid_are_listed_beside(matrix, out):
    samples = WORLD.samples.apply(known).query("pert_type == 'trt_cp'")
    broken = samples[samples["canonical_smiles"].map(SMILES).eq(False)]
    prepared = prepare_l1000(matrix, out)
    assert prepared.rejected == out.with_name("table.rejected.tsv")
    found = pd.read_csv(prepared.rejected, sep="\t")
    assert found.columns.tolist() == ["pert_id", "pert_iname", "smiles", "reason", "signatures"]
    assert dict(zip(found["pert_id"], found["smiles"])) == dict(zip(broken["pert_id"], broken["canonical_smiles"]))
    assert found["signatures"].sum() == len(broken)
    assert found["reason"].notna().all()


def test_the_list_of_an_earlier_run_goes_when_a_later_one_has_none(tmp_path, matrix, out):
    listed = prepare_l1000(matrix, out).rejected
    assert listed.exists()
    clean = WORLD.samples.assign(canonical_smiles="CCO")
    later = write_gctx(tmp_path / "b.gctx", type(WORLD)(WORLD.values, WORLD.genes, clean, WORLD.compounds))
    assert prepare_l1000(later, out).rejected is None
    assert not listed.exists()


def test_without_rdkit_it_is_said_aloud(matrix, out, monkeypatch):
    with_rdkit = prepare_l1000(matrix, out)
    monkeypatch.setitem(sys.modules, "rdkit", None)
    prepared = prepare_l1000(matrix, out)
    assert not [remark for remark in with_rdkit.remarks if "syntax" in remark]
    assert prepared.remarks[-1] == (
        "SMILES were checked by their syntax alone; for chemistry too: pip install 'dgsea-bench[smiles]'"
    )
    assert prepared.funnel[-1].what == "with a valid SMILES, by syntax alone"
    assert json.loads(pq.read_schema(out).metadata[b"dgsea_bench"])["smiles_checked_by"] == "syntax alone"


def test_values_that_are_never_negative_look_like_expression(tmp_path, matrix, out):
    assert not any("expression" in remark for remark in prepare_l1000(matrix, out).remarks)
    positive = write_gctx(tmp_path / "b.gctx", WORLD, values=np.abs(WORLD.values))
    assert any("no value is negative" in remark for remark in prepare_l1000(positive, out).remarks)


def test_progress_ends_with_all_that_is_averaged(matrix, out):
    told = []
    prepared = prepare_l1000(matrix, out, watch=lambda *state: told.append(state))
    assert told[-1] == ("averaging signatures", *[prepared.funnel[-1].signatures] * 2)
    assert {what for what, *_ in told} == {"checking SMILES", "averaging signatures"}


# --- values that are missing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_counted_and_named(matrix, out, value):
    one, two = used()[[0, 3]]
    genes = WORLD.symbols[2], WORLD.symbols[5]
    spoil(matrix, (one, genes[0]), (two, genes[0]), (two, genes[1]), value=value)
    with pytest.raises(InputError) as error:
        prepare_l1000(matrix, out)
    ids = WORLD.samples.index
    assert str(error.value) == (
        f"{matrix}: 3 values are missing (not finite numbers, or -666), in 2 signatures ({ids[one]!r}, {ids[two]!r}) "
        f"and 2 genes ({genes[0]!r}, {genes[1]!r}); leave them out with --missing drop-signatures or drop-genes"
    )
    assert list(out.parent.iterdir()) == []


def test_missing_values_of_what_is_filtered_away_do_no_harm(matrix, out):
    unused = np.setdiff1d(np.arange(40), used())
    spoil(matrix, *((signature, WORLD.symbols[0]) for signature in unused))
    prepare_l1000(matrix, out)
    agree(pd.read_parquet(out), expected_table(WORLD), ["pert_id", "pert_iname", "smiles"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_genes_with_missing_values_can_be_left_out(matrix, out, value):
    lost = [WORLD.symbols[2], WORLD.symbols[5]]
    spoil(matrix, *((signature, lost[0]) for signature in used()), value=value)
    spoil(matrix, (used()[0], lost[0]), (used()[0], lost[1]), value=-value)  # ∞ - ∞ within a compound
    prepared = prepare_l1000(matrix, out, missing="drop-genes")
    agree(pd.read_parquet(out), expected_table(WORLD).drop(columns=lost), ["pert_id", "pert_iname", "smiles"])
    assert len(prepared.genes) == 28
    assert [step.what for step in prepared.funnel][-1].startswith("with a valid SMILES")
    assert [r for r in prepared.remarks if r.startswith(f"{len(used()) + 1} values") and "2 genes were left out" in r]


def test_signatures_with_missing_values_can_be_left_out_with_the_compounds_that_lose_all(matrix, out):
    samples = WORLD.samples.iloc[used()]
    counts = samples["pert_id"].value_counts()
    all_of_one = samples.index[samples["pert_id"] == counts.index[-1]]
    all_but_one_of_another = samples.index[samples["pert_id"] == counts.index[0]][1:]
    lost = [*all_of_one, *all_but_one_of_another]
    spoil(matrix, *((WORLD.samples.index.get_loc(name), WORLD.symbols[1]) for name in lost))
    prepared = prepare_l1000(matrix, out, missing="drop-signatures")
    agree(pd.read_parquet(out), expected_table(WORLD, without=lost), ["pert_id", "pert_iname", "smiles"])
    last = prepared.funnel[-1]
    assert (last.what, last.signatures) == ("without missing values", len(samples) - len(lost))
    assert last.perturbagens == len(counts) - 1 == prepared.rows
    assert any(f"{len(lost)} signatures were left out" in remark for remark in prepared.remarks)


@pytest.mark.parametrize("missing", ["drop-genes", "drop-signatures"])
def test_where_missing_values_are_everywhere_nothing_is_left(matrix, out, missing):
    spoil(matrix, *((signature, symbol) for signature in used() for symbol in WORLD.symbols))
    with pytest.raises(InputError, match=f"nothing is left once {missing[5:]} with missing values are dropped"):
        prepare_l1000(matrix, out, missing=missing)


def test_numbers_too_large_for_the_table_are_not_made_infinite(tmp_path, out):
    values = WORLD.values.astype("float64")
    values[used()[0], WORLD.genes["symbol"].tolist().index(WORLD.symbols[0])] = 1e300
    with pytest.raises(InputError, match="1 values are missing"):
        prepare_l1000(write_gctx(tmp_path / "b.gctx", WORLD, values=values), out)


# --- whole or not at all ----------------------------------------------------------------------------------------------


def interrupted(what, done, total):
    raise KeyboardInterrupt


def after(error):
    """A preparation that fails while the table is written."""

    def means(self, groups):
        raise error

    return means


@pytest.mark.parametrize("when", ["watching", "writing", "refused"])
def test_what_fails_leaves_what_was_there(matrix, out, monkeypatch, when):
    prepare_l1000(matrix, out)
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    assert len(before) == 2
    broken = {"watching": KeyboardInterrupt, "writing": OSError, "refused": InputError}[when]
    if when == "refused":
        spoil(matrix, (used()[0], WORLD.symbols[0]))
    if when == "writing":
        monkeypatch.setattr(l1000.GroupMeans, "means", after(OSError("disk full")))
    with pytest.raises(broken):
        prepare_l1000(matrix, out, **({"watch": interrupted} if when == "watching" else {}))
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


def test_what_is_read_is_never_written_over(tmp_path, matrix):
    pertinfo = write_pertinfo(tmp_path / "a.rejected.tsv", WORLD)
    content = matrix.read_bytes(), pertinfo.read_bytes()
    with pytest.raises(InputError, match="is what is to be read"):
        prepare_l1000(matrix, matrix)
    with pytest.raises(InputError, match=r"a\.rejected\.tsv: is what is to be read"):
        prepare_l1000(matrix, tmp_path / "a.parquet", pertinfo=pertinfo)
    assert (matrix.read_bytes(), pertinfo.read_bytes()) == content


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path, matrix):
    with pytest.raises(InputError, match="cannot be written"):
        prepare_l1000(matrix, tmp_path / "absent" / "out.parquet", watch=interrupted)
    (tmp_path / "x.rejected.tsv").mkdir()
    with pytest.raises(InputError, match=r"x\.rejected\.tsv: is not a file"):
        prepare_l1000(matrix, tmp_path / "x.parquet", watch=interrupted)


def test_an_unknown_way_with_missing_values_names_the_nearest(matrix, out):
    with pytest.raises(InputError, match=r"missing is 'drop-gene'; known: error, .*; did you mean 'drop-genes'\?"):
        prepare_l1000(matrix, out, missing="drop-gene")
