"""Features of compounds: fingerprints as RDKit has them, hidden states as transformers has them, kept once computed."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.study.predictors.smiles import get_encoder

SMILES = ["CCO", "c1ccccc1", "C", "CC(=O)O", "C[N+](C)(C)C", "CCO"]
LONG = "C" * 40
LIMIT = 20
"""Tokens that the small model can read, the first and last ones among them."""


def refusal(name, smiles=()):
    with pytest.raises(InputError) as error:
        get_encoder(name).encode(smiles)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_morgan_fingerprints_are_those_of_rdkit():
    chemistry = pytest.importorskip("rdkit.Chem.AllChem", reason="RDKit is not installed (the extra [smiles])")
    encoder = get_encoder("morgan")
    found = encoder.encode(SMILES)
    assert (encoder.name, encoder.features) == ("morgan", 2048)
    assert (found.shape, found.dtype) == ((6, 2048), np.float32)
    assert encoder.encode([]).shape == (0, 2048)
    generator = chemistry.GetMorganGenerator(radius=2, fpSize=2048)
    for row, text in zip(found, SMILES):
        expected = generator.GetFingerprintAsNumPy(chemistry.MolFromSmiles(text))
        assert (row == expected).all()


def test_what_is_no_smiles_is_named_and_rdkit_is_silent(capfd):
    pytest.importorskip("rdkit.Chem", reason="RDKit is not installed (the extra [smiles])")
    assert "'C1CC' is no SMILES" in refusal("morgan", ["CCO", "C1CC"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "module"), [("morgan", "rdkit"), ("chemberta:here", "transformers")])
def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert 'pip install "dgsea-bench[smiles]"' in refusal(name)


@pytest.mark.parametrize("name", ["", "morgn", "morgan:2"])
def test_unknown_encoders_are_refused(name):
    assert "known: morgan, chemberta:FOLDER-OR-NAME" in refusal(name)


@pytest.mark.parametrize("name", ["chemberta", "chemberta:"])
def test_a_language_model_needs_a_name(name):
    assert f"encoder {name!r} names no model; write chemberta: and its folder" in refusal(name)


def test_who_imports_the_study_does_not_wait_for_these_libraries():
    program = (
        "import sys, dgsea_bench.study.predictors.smiles, dgsea_bench.study.predictors.chemberta;"
        "print([name for name in ('rdkit', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="session")
def transformers():
    return pytest.importorskip("transformers", reason="transformers is not installed (the extra [smiles])")


@pytest.fixture
def model(transformers, tmp_path, cache):
    """The folder of a small model with random weights that reads single characters."""
    return write_model(transformers, tmp_path / "model")


def write_model(transformers, folder, seed=0):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    pieces = {piece: number for number, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"CNOcn()=+[]1"])}
    tokenizer = Tokenizer(models.WordLevel(pieces, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>"}
    names |= {"unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names).save_pretrained(
        folder
    )
    config = transformers.RobertaConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=LIMIT + 2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(seed)
    small = transformers.RobertaModel(config)
    with torch.no_grad():
        for weights in small.parameters():
            weights.normal_()  # the usual ones are so small that all compounds look alike
    small.save_pretrained(folder)
    return folder


def expected_features(transformers, folder, smiles):
    """One at a time, so without padding."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    small = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        found = [small(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 0] for text in smiles]
    return torch.stack(found).numpy()


def encode(folder, smiles=SMILES):
    return get_encoder(f"chemberta:{folder}").encode(smiles)


def kept(cache):
    return sorted((cache / "features").iterdir())


def test_features_are_the_hidden_state_of_the_first_token(transformers, model):
    smiles = [*SMILES, *("C" * length for length in range(1, LIMIT - 1))] * 4  # several batches
    encoder = get_encoder(f"chemberta:{model}")
    found = encoder.encode(smiles)
    assert (encoder.name, encoder.features) == (f"chemberta:{model}", 16)
    assert (found.shape, found.dtype) == ((len(smiles), 16), np.float32)
    np.testing.assert_allclose(found, expected_features(transformers, model, smiles), atol=1e-5)
    assert np.ptp(found, axis=0).max() > 0.1


def test_what_is_too_long_is_cut_and_said_each_time(model):
    with pytest.warns(UserWarning, match="1 of 7 SMILES are longer than the model can read"):
        computed = encode(model, [*SMILES, LONG])
    with pytest.warns(UserWarning, match="1 of 7 SMILES are longer than the model can read"):
        read = encode(model, [*SMILES, LONG])
    assert (read == computed).all()
    cut = "C" * (LIMIT - 2)
    np.testing.assert_allclose(computed[-1], encode(model, [cut])[0], atol=1e-5)


def test_features_are_computed_once(model, cache, transformers, monkeypatch):
    before = encode(model)
    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", lambda *_, **__: pytest.fail("loaded again"))
    assert encode(model).tobytes() == before.tobytes()
    assert len(kept(cache)) == 1


def test_other_weights_or_smiles_have_features_of_their_own(model, cache, transformers):
    before = encode(model)
    np.testing.assert_allclose(encode(model, SMILES[::-1]), before[::-1], atol=1e-5)
    write_model(transformers, model, seed=1)
    assert not np.allclose(encode(model), before)
    assert len(kept(cache)) == 3


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_of_the_cache_is_computed_anew(model, cache, data):
    before = encode(model)
    (file,) = kept(cache)
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    np.testing.assert_allclose(encode(model), before, atol=1e-6)


def test_features_that_cannot_be_kept_are_given_nevertheless(model, cache):
    cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="features cannot be kept"):
        assert encode(model).shape == (6, 16)


def test_the_state_of_random_numbers_is_left_as_it_is(transformers, model):
    """A masked language model has no pooler: one is drawn when it is loaded."""
    small = transformers.AutoModelForMaskedLM.from_pretrained(model)
    small.save_pretrained(model)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    encode(model)
    assert (torch.rand(3) == expected).all()


def test_weights_of_torch_are_read_and_pickles_are_not(transformers, model, tmp_path):
    expected = expected_features(transformers, model, SMILES)
    weights = transformers.AutoModel.from_pretrained(model).state_dict()
    (model / "model.safetensors").unlink()
    torch.save(weights, model / "pytorch_model.bin")
    np.testing.assert_allclose(encode(model), expected, atol=1e-5)
    torch.save({**weights, "more": Path("x")}, model / "pytorch_model.bin")
    assert "is no model that can be reached and used" in refusal(f"chemberta:{model}", SMILES)


def test_code_that_comes_with_a_model_is_not_run(model, tmp_path):
    ran = tmp_path / "ran"
    (model / "own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Own: pass\n")
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}}
    (model / "config.json").write_text(json.dumps(config))
    refusal(f"chemberta:{model}", SMILES)
    assert not ran.exists()


def damage(model, what):
    if what == "no weights":
        (model / "model.safetensors").unlink()
    elif what == "damaged weights":
        (model / "model.safetensors").write_bytes(b"nothing")
    elif what == "no tokenizer":
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (model / name).unlink()
    elif what == "not JSON":
        (model / "config.json").write_text("{")
    elif what == "no config":
        (model / "config.json").unlink()
    else:
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))


@pytest.mark.parametrize(
    "what", ["no weights", "damaged weights", "no tokenizer", "not JSON", "no config", "a layer without weights"]
)
def test_what_is_no_model_is_told_in_a_line_and_nothing_else_is_printed(model, what, capfd):
    damage(model, what)
    capfd.readouterr()
    assert refusal(f"chemberta:{model}", SMILES).startswith(f"chemberta:{model}: ")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("where", ["./nowhere", "/nowhere", "~/nowhere"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(transformers, where):
    assert "no such folder" in refusal(f"chemberta:{where}")


def test_a_hub_that_cannot_be_reached_is_one_line(transformers, here, monkeypatch, capfd):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    found = refusal("chemberta:nobody/nothing")
    assert found.startswith("chemberta:nobody/nothing: is neither a folder nor a model on the Hugging Face hub")
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("transformers").level != logging.CRITICAL


@pytest.fixture
def hub(transformers, tmp_path, cache, monkeypatch):
    """Makes a commit the newest of a model in the hub's cache: its features, and those expected."""
    import huggingface_hub

    home = tmp_path / "hub" / "models--some--model"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home.parent))
    monkeypatch.setattr("transformers.utils.hub.TRANSFORMERS_CACHE", str(home.parent), raising=False)  # before 5
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def encoded(commit, seed):
        folder = home / "snapshots" / commit
        if not folder.exists():
            write_model(transformers, folder, seed)
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / "main").write_text(commit)
        return encode("some/model"), expected_features(transformers, folder, SMILES)

    return encoded


def test_a_model_of_the_hub_is_known_by_its_commit(hub, cache):
    first, second = "a" * 40, "b" * 40
    for commit, seed, files in ((first, 0, 1), (second, 1, 2), (first, 0, 2)):
        found, expected = hub(commit, seed)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert len(kept(cache)) == files
