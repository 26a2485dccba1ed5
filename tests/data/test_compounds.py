"""A matrix becomes compounds: replicates averaged, controls of the same plate subtracted, what is unusable told."""

import hashlib
import sys

import numpy as np
import pandas as pd
import pytest
from matrix_files import fixed, make_gctx
from pydantic import ValidationError

from dgsea_bench import InputError
from dgsea_bench.data.compound_sources import CompoundsSource
from dgsea_bench.data.directional import DIRECTIONAL_PATHWAYS
from dgsea_bench.data.landmarks import landmark_genes
from dgsea_bench.data.prepared import write_prepared

pytest.importorskip("rdkit.Chem", reason="RDKit is not installed (the extra [smiles])")

TABLE = landmark_genes()
GENES = TABLE["symbol"].isin([gene for halves in DIRECTIONAL_PATHWAYS.values() for half in halves for gene in half])
ENTREZ, SYMBOLS = TABLE["entrez"][GENES].tolist(), TABLE["symbol"][GENES].tolist()
ALKANES = ["C" * length for length in range(1, 13)]
SELECT, CONTROLS = {"pert_type": "trt_cp"}, {"pert_type": "ctl_vehicle"}
RELATIVE = {"select": SELECT, "controls": CONTROLS, "plate": "rna_plate"}


def samples_of(smiles, plates=("a", "b")):
    """Two wells of each compound and two controls on each plate."""
    rows = [(text, "trt_cp", plate, f"drug {number}") for plate in plates for number, text in enumerate(smiles)]
    rows += [("CS(C)=O", "ctl_vehicle", plate, "DMSO") for plate in plates for _ in range(2)]
    return pd.DataFrame(rows, columns=["canonical_smiles", "pert_type", "rna_plate", "pert_iname"])


@pytest.fixture
def matrix(tmp_path):
    """Writes a matrix of these samples: (its path, its values)."""

    def matrix(samples, values=None):
        if values is None:
            values = np.random.default_rng(0).normal(8, 2, (len(samples), len(ENTREZ))).astype("float32")
        fields = {name: fixed(samples[name].tolist()) for name in samples}
        path = make_gctx(tmp_path / "a.gctx", values, samples=fields, gene_ids=fixed(map(str, ENTREZ)))
        return str(path), values

    return matrix


def refusal(source):
    with pytest.raises(InputError) as error:
        source.load()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_wells_of_a_compound_are_averaged_however_its_smiles_are_written(matrix):
    samples = samples_of([*ALKANES, "OCC", "CCO", "C(O)C"])
    path, values = matrix(samples)
    found = CompoundsSource(matrix=path, select=SELECT).load()
    assert found.smiles == (*ALKANES, "CCO")
    assert found.names == tuple(f"drug {number}" for number in range(13))
    assert found.genes == tuple(SYMBOLS)
    forms = samples["canonical_smiles"].replace({"OCC": "CCO", "C(O)C": "CCO"})[samples["pert_type"] == "trt_cp"]
    expected = pd.DataFrame(values.astype(float)).loc[forms.index].groupby(forms.to_numpy()).mean()
    np.testing.assert_allclose(found.signatures, expected.loc[list(found.smiles)], rtol=1e-6)
    assert found.signatures.dtype == np.float32
    assert any("30 samples of 13 compounds: 13 compounds have several" in remark for remark in found.remarks)
    assert any("as if these were expression" in remark for remark in found.remarks)


def test_signatures_are_relative_to_controls_of_the_same_plate(matrix):
    samples = samples_of(ALKANES)
    path, values = matrix(samples)
    found = CompoundsSource(matrix=path, **RELATIVE).load()
    frame = pd.DataFrame(values.astype(float))
    mean = frame[samples["pert_type"] == "ctl_vehicle"].groupby(samples["rna_plate"]).mean()
    relative = frame - mean.loc[samples["rna_plate"]].to_numpy()
    treated = samples["pert_type"] == "trt_cp"
    expected = relative[treated].groupby(samples["canonical_smiles"][treated]).mean()
    np.testing.assert_allclose(found.signatures, expected.loc[ALKANES], atol=1e-5)
    assert not any("expression" in remark for remark in found.remarks)


def test_what_a_plate_adds_to_all_its_wells_changes_no_signature(matrix):
    samples = samples_of(ALKANES)
    path, values = matrix(samples)
    before = CompoundsSource(matrix=path, **RELATIVE).load().signatures
    shift = np.where(samples["rna_plate"] == "a", 3, -1).astype("float32")[:, None]
    after = CompoundsSource(matrix=matrix(samples, values + shift)[0], **RELATIVE).load().signatures
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_controls_are_never_compounds(matrix):
    found = CompoundsSource(matrix=matrix(samples_of(ALKANES))[0], controls=CONTROLS, plate="rna_plate").load()
    assert found.smiles == tuple(ALKANES)


def test_unusable_smiles_are_left_out_counted_and_named(matrix):
    samples = samples_of([*ALKANES, "-666", "", "C1CC", "CN(C)(C)C"])
    found = CompoundsSource(matrix=matrix(samples)[0], select=SELECT).load()
    assert found.smiles == tuple(ALKANES)
    missing, unusable = found.remarks[:2]
    assert missing == "4 of 32 samples have no SMILES and were left out: 's12', 's13', 's28', …"
    assert unusable.startswith("2 SMILES cannot be used, and their samples were left out: 'C1CC': ring 1 is not closed")
    assert unusable.endswith("'CN(C)(C)C': no possible molecule (valence)")


def test_too_few_compounds_are_refused_with_the_reasons(matrix):
    path, _ = matrix(samples_of([*ALKANES[:9], "C1CC"]))
    found = refusal(CompoundsSource(matrix=path, select=SELECT))
    assert found.startswith(f"{path}: 9 compounds are left (1 SMILES cannot be used")
    assert found.endswith("select 10 at least")


def test_plates_without_controls_are_named(matrix):
    samples = samples_of(ALKANES, plates=("a", "b", "c"))
    path, _ = matrix(samples[(samples["pert_type"] == "trt_cp") | (samples["rna_plate"] == "b")])
    found = refusal(CompoundsSource(matrix=path, **RELATIVE))
    assert "2 of 3 plates have no control: 'a', 'c'" in found


def test_samples_of_unknown_plates_are_refused(matrix):
    samples = samples_of(ALKANES)
    samples.loc[3, "rna_plate"] = ""
    assert "the plate of 1 samples is not known" in refusal(CompoundsSource(matrix=matrix(samples)[0], **RELATIVE))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({**RELATIVE, "plate": "rna_plat"}, "samples have no 'rna_plat'"),
        ({"smiles": "canonical_smile"}, "did you mean 'canonical_smiles'?"),
        ({"select": {"pert_type": "trt_pc"}}, "did you mean 'trt_cp'?"),
        ({**RELATIVE, "controls": {"pert_type": "DMSO"}}, "no sample has pert_type DMSO"),
        ({"names": "symbol"}, "names is 'symbol'"),
    ],
)
def test_what_is_not_there_is_named(matrix, settings, expected):
    assert expected in refusal(CompoundsSource(matrix=matrix(samples_of(ALKANES))[0], **settings))


def test_a_matrix_without_smiles_is_refused(matrix):
    path, _ = matrix(samples_of(ALKANES).drop(columns="canonical_smiles"))
    assert "samples have no SMILES (canonical_smiles or " in refusal(CompoundsSource(matrix=path))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"controls": CONTROLS}, "controls needs plate"),
        ({"plate": "rna_plate"}, "plate is of use with controls alone"),
        ({"controls": {}, "plate": "rna_plate"}, "controls is empty"),
        ({"controls": "ctl_vehicle", "plate": "rna_plate"}, "write such as controls = {"),
        ({"controls": {"pert_type": []}, "plate": "rna_plate"}, "controls: pert_type is an empty list"),
        ({"profiles": 3}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, expected):
    with pytest.raises(ValidationError, match=expected.replace("{", r"\{")):
        CompoundsSource(matrix="a.gctx", **settings)


def test_missing_values_are_refused_or_left_out(matrix):
    samples = samples_of(ALKANES)
    _, values = matrix(samples)
    values[0, 4] = np.nan
    values[-1, 5] = np.nan  # of a control
    path, _ = matrix(samples, values)
    assert "2 values are missing" in refusal(CompoundsSource(matrix=path, **RELATIVE))
    genes = CompoundsSource(matrix=path, **RELATIVE, missing="drop-genes").load()
    assert genes.genes == tuple(symbol for place, symbol in enumerate(SYMBOLS) if place not in (4, 5))
    assert np.isfinite(genes.signatures).all()
    found = CompoundsSource(matrix=path, **RELATIVE, missing="drop-profiles").load()
    control = values[(samples["pert_type"] == "ctl_vehicle") & (samples["rna_plate"] == "b")][:1]
    alone = values[samples.index[(samples["canonical_smiles"] == "C") & (samples["rna_plate"] == "b")]]
    np.testing.assert_allclose(found.signatures[found.smiles.index("C")], (alone - control)[0], atol=1e-5)


def test_a_compound_all_of_whose_samples_are_left_out_is_none(matrix):
    samples = samples_of(ALKANES)
    _, values = matrix(samples)
    values[samples["canonical_smiles"] == "CC", 0] = np.inf
    found = CompoundsSource(matrix=matrix(samples, values)[0], select=SELECT, missing="drop-profiles").load()
    assert found.smiles == tuple(text for text in ALKANES if text != "CC")
    assert "drug 1" not in found.names


def test_signatures_that_rank_nothing_are_refused(matrix):
    samples = samples_of(ALKANES)
    _, values = matrix(samples)
    values[samples["canonical_smiles"] == "CC"] = 1
    assert "the scores of all" in refusal(CompoundsSource(matrix=matrix(samples, values)[0], select=SELECT))


def test_without_rdkit_compounds_are_told_apart_by_their_text(matrix, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    found = CompoundsSource(matrix=matrix(samples_of([*ALKANES, "OCC", "CCO"]))[0], select=SELECT).load()
    assert found.smiles == (*ALKANES, "OCC", "CCO")
    assert any("told apart by the text alone" in remark for remark in found.remarks)


def test_what_a_preparation_wrote_is_read(tmp_path):
    values = np.random.default_rng(1).standard_normal((12, len(SYMBOLS))).astype(np.float32)
    names = [f"B{number}" for number in range(12)]
    table = pd.DataFrame({"pert_id": names, "pert_iname": names, "smiles": ALKANES})
    path = tmp_path / "a.parquet"
    write_prepared(path, table, SYMBOLS, lambda start, stop: values[start:stop], {})
    source = CompoundsSource(matrix=str(path))
    found = source.load()
    assert (found.smiles, found.names, found.genes) == (tuple(ALKANES), tuple(names), tuple(SYMBOLS))
    assert (found.signatures == values).all()
    assert found.remarks == ()
    assert source.input_hashes() == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def test_responses_of_cells_of_a_public_file(data):
    source = CompoundsSource(matrix="prnet-demo", **RELATIVE)
    found = source.load()
    assert repr(found) == "Compounds(354 compounds × 978 genes)"
    assert source.title == "prnet-demo, pert_type trt_cp"
    assert set(found.genes) == set(TABLE["symbol"])
    assert 0.8 < found.signatures.std() < 1
    assert len(set(found.smiles)) == 354
