"""What `cuda-batched` says where it cannot run, with the remedy; a CPU run is never silent."""

import pytest
import torch

import dgsea_bench as dg
from dgsea_bench.backends import cuda_batched


@pytest.fixture(autouse=True)
def not_interpreted(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(cuda_batched, "find_spec", lambda name: name)


def card(monkeypatch, capability=(9, 0), count=1):
    """As if so many GPUs of this capability were there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so():
    assert dg.CudaBatched().unavailable("cuda") == "there is no CUDA device"
    assert "there is no CUDA device" in dg.CudaBatched().unavailable("cpu")


def test_scores_on_the_cpu_are_refused_with_the_remedy(monkeypatch):
    card(monkeypatch)
    scores, gene_sets = torch.randn(1, 5), dg.GeneSets.from_dict({"a": ["x"]}, list("xyzuv"))
    with pytest.raises(dg.InputError, match=r'the scores are on the CPU: move them with \.to\("cuda"\)'):
        dg.enrichment_score(scores, gene_sets, backend="cuda-batched")


def test_the_interpreter_is_for_a_cpu_alone(monkeypatch):
    card(monkeypatch)
    assert dg.CudaBatched().unavailable("cuda") is None
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert "unset it" in dg.CudaBatched().unavailable("cuda")
    assert dg.CudaBatched().unavailable("cpu") is None


def test_a_missing_triton_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(cuda_batched, "find_spec", lambda _: None)
    for device in ("cpu", "cuda"):
        assert "pip install 'dgsea-bench[gpu]'" in dg.CudaBatched().unavailable(device)


def test_an_old_card_and_a_card_that_is_not_there(monkeypatch):
    card(monkeypatch, capability=(7, 5))
    reason = dg.CudaBatched().unavailable("cuda:0")
    for part in ("Tesla T4", "7.5", "8.0", 'backend="exact"'):
        assert part in reason
    assert dg.CudaBatched().unavailable("cuda:3") == "there is no CUDA device 3; there are 1"


def test_other_devices_are_refused():
    assert 'backend="exact"' in dg.CudaBatched().unavailable("meta")
