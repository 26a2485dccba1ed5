"""Signatures are filtered and grouped as pandas would, and what is odd about them is said."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from l1000_files import (
    FIELDS_2020,
    SMILES,
    InMemory,
    expected_table,
    known,
    make_world,
    write_gctx,
    write_pertinfo,
    write_siginfo,
    write_table,
)

from dgsea_bench import InputError
from dgsea_bench.data.formats import open_matrix
from dgsea_bench.data.signatures import choose_signatures
from dgsea_bench.data.smiles import SmilesCheck, smiles_check

BY_SYNTAX = SmilesCheck(lambda smiles: None if SMILES.get(smiles, True) else "is broken", "hand", complete=False)
WORLD = make_world(0)


def in_memory(world, **changes):
    """The signatures of a world, with some fields replaced, or left out where they are None."""
    samples = world.samples.apply(known).astype("string").assign(**changes)
    return InMemory(
        world.values, world.genes[["probe"]], samples.drop(columns=[k for k, v in changes.items() if v is None])
    )


def steps(chosen):
    return [(step.signatures, step.perturbagens) for step in chosen.funnel]


def refusal(file, **options):
    with pytest.raises(InputError) as error:
        choose_signatures(file, BY_SYNTAX, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["compound", "condition"]))
def test_each_signature_goes_where_a_plain_group_by_puts_it(seed, average):
    world = make_world(seed, landmarks=2)
    chosen = choose_signatures(in_memory(world), BY_SYNTAX, average=average)
    expected = expected_table(world, average)
    keys = [name for name in expected.columns[:6] if name in chosen.rows]
    found = chosen.rows.astype(object).fillna("").assign(signatures=np.bincount(chosen.row))
    pd.testing.assert_frame_equal(
        found[[*keys, "signatures"]].sort_values(keys, ignore_index=True),
        expected[[*keys, "signatures"]].sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    told = world.samples.iloc[chosen.positions].apply(known).fillna("")
    for key in keys:
        field = "canonical_smiles" if key == "smiles" else key
        assert (found[key].to_numpy()[chosen.row] == told[field].to_numpy()).all(), key
    assert (np.diff(chosen.positions) > 0).all()


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_the_funnel_is_what_is_counted_by_hand(seed):
    world = make_world(seed, landmarks=2)
    chosen = choose_signatures(in_memory(world), BY_SYNTAX)
    samples = world.samples.apply(known)
    kept = pd.Series(True, index=samples.index)
    by_hand = [(len(samples), samples["pert_id"].nunique())]
    for filtered in (
        (samples["pert_type"] == "trt_cp") & samples["pert_id"].notna(),
        samples["canonical_smiles"].notna(),
        samples["canonical_smiles"].map(SMILES).eq(True),
    ):
        kept &= filtered
        by_hand.append((int(kept.sum()), samples["pert_id"][kept].nunique()))
    assert steps(chosen) == by_hand
    out = samples[(samples["pert_type"] == "trt_cp") & samples["canonical_smiles"].map(SMILES).eq(False)]
    rejected = chosen.rejected.set_index("pert_id")
    assert rejected["signatures"].to_dict() == out["pert_id"].value_counts().to_dict()
    assert rejected["smiles"].to_dict() == dict(zip(out["pert_id"], out["canonical_smiles"]))
    assert (rejected["reason"] == "is broken").all()


@pytest.mark.parametrize("fields", [None, FIELDS_2020], ids=["2017", "2020"])
@pytest.mark.parametrize("name", ["sig.txt", "sig.txt.gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_tables_of_any_release_say_what_the_metadata_say(tmp_path, fields, name, encoding):
    siginfo = write_siginfo(tmp_path / name, WORLD, fields=fields, encoding=encoding)
    pertinfo = write_pertinfo(tmp_path / "pert.txt.gz", WORLD, fields)
    bare = InMemory(WORLD.values, WORLD.genes[["probe"]], WORLD.samples[[]])
    one = choose_signatures(in_memory(WORLD), BY_SYNTAX, average="condition")
    other = choose_signatures(bare, BY_SYNTAX, siginfo=siginfo, pertinfo=pertinfo, average="condition")
    pd.testing.assert_frame_equal(one.rows, other.rows)
    assert one.row.tolist() == other.row.tolist()
    assert one.positions.tolist() == other.positions.tolist()
    assert steps(one) == [steps(other)[0], *steps(other)[2:]]
    assert "µM" in "".join(other.rows["pert_idose"].dropna())


def test_signatures_that_the_table_does_not_describe_are_left_out_and_counted(tmp_path):
    siginfo = write_siginfo(tmp_path / "sig.txt", WORLD, absent=7)
    chosen = choose_signatures(
        in_memory(WORLD), BY_SYNTAX, siginfo=siginfo, pertinfo=write_pertinfo(tmp_path / "p", WORLD)
    )
    assert [step.what for step in chosen.funnel] == [
        "in the file",
        "described in sig.txt",
        "of compounds (trt_cp)",
        "with a SMILES",
        "with a valid SMILES, by hand",
    ]
    assert [step.signatures for step in chosen.funnel[:2]] == [40, 33]
    assert chosen.positions.max() < 33


def test_a_dose_in_numbers_keeps_its_unit():
    """10 nM is not 10 µM."""
    dose = {"pert_idose": None, "pert_dose": "10", "pert_itime": None, "pert_time": "6"}
    units = {"pert_dose_unit": np.resize(["nM", "µM"], 40), "pert_time_unit": "h"}
    chosen = choose_signatures(in_memory(WORLD, **dose, **units), BY_SYNTAX, average="condition")
    assert set(chosen.rows["pert_idose"]) == {"10 nM", "10 µM"}
    assert set(chosen.rows["pert_itime"]) == {"6 h"}
    plain = choose_signatures(in_memory(WORLD, **dose), BY_SYNTAX, average="condition")
    assert set(plain.rows["pert_idose"]) == {"10"}


def test_conditions_of_which_something_is_not_known_are_told():
    missing = WORLD.samples.apply(known)["cell_id"].isna()
    chosen = choose_signatures(in_memory(WORLD), BY_SYNTAX, average="condition")
    count = int(missing.iloc[chosen.positions].sum())
    assert f"{count} signatures have no cell_id; it is missing in the conditions that they make" in chosen.remarks
    assert not [remark for remark in choose_signatures(in_memory(WORLD), BY_SYNTAX).remarks if "cell_id" in remark]


def test_the_first_name_and_smiles_of_a_compound_count_and_others_are_told(tmp_path):
    samples = in_memory(WORLD).samples
    twice = np.flatnonzero(samples["pert_id"].fillna("") == samples["pert_id"].iloc[0])
    names, smiles = samples["pert_iname"].copy(), samples["canonical_smiles"].copy()
    names.iloc[twice[1]], smiles.iloc[twice[1]] = "another name", "CCCC"
    chosen = choose_signatures(
        in_memory(WORLD, pert_iname=names, canonical_smiles=smiles), BY_SYNTAX, average="condition"
    )
    mine = chosen.rows[chosen.rows["pert_id"] == samples["pert_id"].iloc[0]]
    assert set(mine["pert_iname"]) == {names.iloc[0]}
    assert set(mine["smiles"]) == {"CCO"}
    assert "1 compounds have more than one SMILES; the first valid one of each was taken" in chosen.remarks
    assert "1 compounds have more than one name; the first of each was taken" in chosen.remarks


def test_a_table_of_compounds_may_have_them_several_times_and_names_them_where_nothing_else_does(tmp_path):
    """That of LINCS 2020 has a line per target."""
    targets = pd.concat([WORLD.compounds.assign(target="A"), WORLD.compounds.assign(target="B")])
    pertinfo = write_table(tmp_path / "compoundinfo.txt", targets.rename(columns={"pert_iname": "cmap_name"}))
    chosen = choose_signatures(in_memory(WORLD, pert_iname=None, canonical_smiles=None), BY_SYNTAX, pertinfo=pertinfo)
    expected = expected_table(WORLD)
    assert chosen.rows["pert_iname"].tolist() == expected["pert_iname"].tolist()
    assert not [remark for remark in chosen.remarks if "more than one" in remark]


def test_compounds_of_the_same_smiles_keep_a_row_each_and_are_told():
    samples = in_memory(WORLD).samples
    chosen = choose_signatures(in_memory(WORLD, canonical_smiles="CCO"), BY_SYNTAX)
    compounds = set(samples["pert_id"][samples["pert_type"] == "trt_cp"].dropna())
    assert set(chosen.rows["pert_id"]) == compounds
    assert chosen.remarks == [
        f"{len(compounds)} compounds share their SMILES with another one; each keeps a row of its own"
    ]


def test_the_check_of_smiles_is_watched():
    told = []
    choose_signatures(in_memory(WORLD), BY_SYNTAX, watch=lambda *state: told.append(state))
    assert [done for _, done, _ in told] == list(range(1, len(told) + 1))
    assert {(what, total) for what, _, total in told} == {("checking SMILES", len(told))}


# --- refused ----------------------------------------------------------------------------------------------------------


def test_without_metadata_a_table_is_asked_for():
    bare = InMemory(WORLD.values, WORLD.genes[["probe"]], WORLD.samples[["cell_id"]])
    assert refusal(bare) == (
        "memory: its metadata of samples has no field pert_id, pert_type (there is: 'cell_id'); give a table of "
        "signatures: --siginfo"
    )


def test_without_smiles_a_table_of_compounds_is_asked_for():
    for none in (None, pd.NA):
        complaint = refusal(in_memory(WORLD, canonical_smiles=none))
        assert complaint == "memory: there are no SMILES beside the signatures; give a table of compounds: --pertinfo"


def test_without_compounds_it_is_said_what_there_is():
    complaint = refusal(in_memory(WORLD, pert_type="trt_sh"))
    assert complaint == "memory: no signature is of a compound: pert_type is nowhere 'trt_cp', but 'trt_sh'"
    assert refusal(in_memory(WORLD, pert_type=pd.NA)).endswith("but missing")


def test_where_a_filter_leaves_nothing_it_is_named_with_what_was_left_before():
    compounds = in_memory(WORLD).samples.query("pert_type == 'trt_cp'").dropna(subset="pert_id")
    complaint = refusal(in_memory(WORLD, canonical_smiles="C1CC"))
    assert complaint == (
        f"memory: none of {len(compounds)} signatures is with a valid SMILES, by hand; so many were left by "
        "the filter before (with a SMILES)"
    )


def test_a_condition_needs_a_cell_a_dose_and_a_time(tmp_path):
    complaint = refusal(in_memory(WORLD, pert_idose=None, cell_id=None), average="condition")
    assert "has no field cell_id or cell_iname, pert_idose or pert_dose (there is" in complaint
    table = write_siginfo(tmp_path / "sig.txt", WORLD, fields={"pert_itime": "x"})
    assert refusal(in_memory(WORLD), average="condition", siginfo=table) == (
        f"{table}: has no field pert_itime or pert_time, which conditions need"
    )


def test_an_unknown_average_names_the_nearest():
    assert refusal(in_memory(WORLD), average="compounds") == (
        "average is 'compounds'; known: compound, condition; did you mean 'compound'?"
    )


def test_tables_that_describe_something_else_show_both(tmp_path):
    other = WORLD.samples.assign(pert_id="7")
    other.index = pd.Index([f"{number}" for number in range(40)])
    siginfo = write_table(tmp_path / "sig.txt", other.reset_index(names="sig_id"))
    complaint = refusal(in_memory(WORLD), siginfo=siginfo)
    assert complaint.startswith(f"{siginfo}: describes no signature of memory: 40 signatures in the matrix ('PLATE_0:")
    pertinfo = write_table(tmp_path / "pert.txt", WORLD.compounds.assign(pert_id=[f"{n}" for n in range(9)]))
    complaint = refusal(in_memory(WORLD), pertinfo=pertinfo)
    assert complaint.startswith(f"{pertinfo}: describes none of the compounds: ")
    assert "9 in the table ('0', '1', '2', …)" in complaint


def test_a_signature_described_twice_is_refused(tmp_path):
    frame = WORLD.samples.reset_index(names="sig_id")
    siginfo = write_table(tmp_path / "sig.txt", pd.concat([frame, frame.iloc[:2]]))
    assert "2 signatures are described more than once: 'PLATE_0:" in refusal(in_memory(WORLD), siginfo=siginfo)


# --- large ------------------------------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_as_many_signatures_as_are_public_are_chosen_in_seconds(tmp_path):
    import time
    import tracemalloc

    count, rng = 473_647, np.random.default_rng(0)
    names = np.array([f"BRD-K{number:08d}" for number in range(51_219)])
    ids = [f"CPC{number:06d}:{number}" for number in range(count)]
    frame = pd.DataFrame({"sig_id": ids, "pert_id": rng.choice(names, count), "pert_iname": "x", "pert_type": "trt_cp"})
    frame["cell_id"] = rng.choice([f"CELL{number}" for number in range(76)], count)
    frame["pert_idose"], frame["pert_itime"] = rng.choice(["10 µM", "-666"], count), "24 h"
    write_table(tmp_path / "sig.txt", frame.sample(frac=1, random_state=0))
    write_table(tmp_path / "pert.txt", pd.DataFrame({"pert_id": names, "canonical_smiles": "CCO"}))
    bare = InMemory(np.zeros((1, 1)), pd.DataFrame(index=["16"]), pd.DataFrame(index=pd.Index(ids, dtype=object)))
    tracemalloc.start()
    started = time.process_time()
    chosen = choose_signatures(
        bare, smiles_check(), siginfo=tmp_path / "sig.txt", pertinfo=tmp_path / "pert.txt", average="condition"
    )
    seconds, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    peak += pa.default_memory_pool().max_memory()  # pandas keeps texts there
    tracemalloc.stop()
    print(f"{seconds:.1f} s, {peak / 2**20:.0f} MiB")  # noqa: T201
    assert len(chosen.positions) == count
    assert len(chosen.rows) == len(frame[["pert_id", "cell_id", "pert_idose"]].drop_duplicates())
    assert peak < 2**30


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "sig.txt.gz"
    path.write_bytes(gzip.compress(b"sig_id\tpert_id\tpert_type\n" + b"x\ty\tz\n" * 1000)[:60])
    assert refusal(in_memory(WORLD), siginfo=path).startswith(f"{path}: its gzip compression is damaged or cut short")


def test_a_valid_smiles_after_a_broken_one_counts(tmp_path):
    world = make_world(5, signatures=20)
    compound = next(name for name in world.samples["pert_id"] if str(name).startswith("BRD"))
    known = pd.DataFrame({"pert_id": [compound, compound], "canonical_smiles": ["C((", "CCO"]})
    pertinfo = write_table(tmp_path / "pertinfo.txt", known)
    with open_matrix(write_gctx(tmp_path / "a.gctx", world)) as file:
        chosen = choose_signatures(file, smiles_check(), pertinfo=pertinfo)
    assert chosen.rows["smiles"].tolist() == ["CCO"]
    assert chosen.rejected.empty


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("sig_id\tpert_id\tpert_type\na\tb\n", ":2: has 2 fields, and the first line 3"),
        ("sig_id\tpert_id\tpert_type\na\tb\ttrt_cp\tmore\n", ":2: has 4 fields, and the first line 3"),
        ("sig_id\tpert_id\tpert_type\na\tb\ttrt_cp\nc\td\ttrt_cp\te\n", ":3: has 4 fields, and the first line 3"),
    ],
)
def test_a_table_whose_lines_have_different_lengths_is_refused(tmp_path, content, complaint):
    (tmp_path / "sig.txt").write_text(content)
    assert refusal(in_memory(WORLD), siginfo=tmp_path / "sig.txt") == f"{tmp_path / 'sig.txt'}{complaint}"
