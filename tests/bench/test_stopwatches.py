"""What reads the time of a call on a processor and, where there is one, on a GPU."""

import time
from types import SimpleNamespace

import pytest
import torch

from dgsea_bench.backends import Exact
from dgsea_bench.bench import measure, measure_significance, memory, stopwatches
from dgsea_bench.bench.case import Case, MeasureSettings
from dgsea_bench.bench.memory import Peak, limit_gpu_memory, peak_memory
from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.bench.reference import Reference
from dgsea_bench.bench.spec import Spec
from dgsea_bench.bench.stopwatches import GpuStopwatch, ProcessorStopwatch, is_gpu, stopwatch_for
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.sources import SyntheticSource

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


class Cuda:
    """Stands in for torch.cuda: notes what was asked of it, and has a clock that its work moves on."""

    def __init__(self):
        self.asked, self.now, self.filled = [], 0.0, []

    def get_device_properties(self, device):
        return SimpleNamespace(L2_cache_size=1000)

    def synchronize(self, device=None):
        self.asked.append("synchronize")

    def current_stream(self, device):
        return f"stream of {device}"

    def Event(self, enable_timing):  # noqa: N802 (torch's name)
        assert enable_timing
        event = SimpleNamespace(synchronize=lambda: self.asked.append("waited"))
        event.record = lambda stream: vars(event).update(stream=stream, at=self.now)
        event.elapsed_time = lambda later: later.at - event.at
        return event


@pytest.fixture
def cuda(monkeypatch):
    stand_in = Cuda()
    empty = torch.empty
    monkeypatch.setattr(stopwatches.torch, "cuda", stand_in)
    monkeypatch.setattr(stopwatches.torch, "empty", lambda size, dtype, **_: empty(size, dtype=dtype).fill_(7))
    return stand_in


def test_a_processor_reads_its_clock():
    watch = stopwatch_for("cpu")
    assert isinstance(watch, ProcessorStopwatch)
    watch.rest()
    first = watch.mark()
    time.sleep(0.01)
    assert 0.01 <= watch.seconds(first, watch.mark()) < 10


def test_devices_are_told_apart():
    assert [is_gpu(device) for device in ("cpu", "meta", "cuda", "cuda:1", torch.device("cuda", 0))] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_gpu_is_timed_by_events_on_its_own_stream_and_waited_for_at_the_end(cuda):
    watch = stopwatch_for("cuda:1")
    assert isinstance(watch, GpuStopwatch)
    first = watch.mark()
    cuda.now += 2.5
    last = watch.mark()
    assert cuda.asked == []
    assert watch.seconds(first, last) == pytest.approx(0.0025)
    assert cuda.asked == ["waited"]
    assert first.stream == "stream of cuda:1"


def test_a_gpu_rests_with_a_cache_that_was_overwritten(cuda):
    watch = GpuStopwatch("cuda")
    assert watch._filler.numel() == 2000
    assert watch._filler.min() == 7
    watch.rest()
    assert watch._filler.max() == 0
    assert cuda.asked == ["synchronize"]


def test_memory_reserved_is_told_of_gpus_alone():
    with peak_memory("cpu") as used:
        torch.ones(2**20)
    assert used.metrics("forward").keys() == {"forward_peak_mib"}
    assert Peak(3.0, 4.0).metrics("step") == {"step_peak_mib": 3.0, "step_reserved_mib": 4.0}
    assert {f"{phase}_{kind}_mib" for phase in ("forward", "step", "null") for kind in ("peak", "reserved")} <= set(
        METRICS
    )


@pytest.mark.parametrize(("device", "number"), [("cuda", 3), ("cuda:1", 1)])
def test_the_allocator_is_limited_on_the_device_that_is_meant(device, number, monkeypatch):
    limits = {}
    gib = 2**30
    stand_in = SimpleNamespace(
        current_device=lambda: 3,
        mem_get_info=lambda _: (40 * gib, 80 * gib),
        set_per_process_memory_fraction=lambda fraction, device: limits.update({device: fraction}),
    )
    monkeypatch.setattr(memory.torch, "cuda", stand_in)
    assert limit_gpu_memory(device, None, 1) == {"memory_limit_gib": 36.0}
    assert limits == {number: pytest.approx(0.45)}
    assert limit_gpu_memory(device, 8.0, 2) == {"memory_limit_gib": 8.0}
    assert limits == {number: pytest.approx(0.1)}
    assert limit_gpu_memory("cpu", 8.0, 2) == {}


def test_the_peak_of_a_gpu_is_above_what_was_there(monkeypatch):
    told = []
    stand_in = SimpleNamespace(
        memory_allocated=lambda _: 10 * 2**20,
        memory_reserved=lambda _: 20 * 2**20,
        max_memory_allocated=lambda _: 17 * 2**20,
        max_memory_reserved=lambda _: 32 * 2**20,
        **{
            name: lambda *_, name=name: told.append(name)
            for name in ("synchronize", "empty_cache", "reset_peak_memory_stats")
        },
    )
    monkeypatch.setattr(memory.torch, "cuda", stand_in)
    with peak_memory("cuda:0") as used:
        told.append("work")
    assert (used.mib, used.reserved_mib) == (7.0, 12.0)
    assert told == ["synchronize", "empty_cache", "reset_peak_memory_stats", "work", "synchronize"]


@pytest.mark.parametrize("task", ["enrichment", "significance"])
def test_a_gpu_has_done_the_whole_call_before_its_memory_is_measured(task, tmp_path, monkeypatch):
    calls = []

    class Noted(Peak):
        def metrics(self, phase):
            calls.append(phase)
            return super().metrics(phase)

    rank = Exact.rank
    monkeypatch.setattr(Exact, "rank", lambda *its: calls.append(its[1].shape[1]) or rank(*its))
    monkeypatch.setattr(memory, "Peak", Noted)
    for module in (measure, measure_significance):
        monkeypatch.setattr(module, "is_gpu", lambda _: True)
    case = Case(
        task=task,
        source=SyntheticSource(genes=150, sets=12, set_size=5),
        params=EnrichmentParams(),
        null=NullParams(permutations=20) if task == "significance" else None,
        backend="exact",
        measure=MeasureSettings(timed=False),
    )
    run = {"enrichment": measure.measure_case, "significance": measure_significance.measure_significance}[task]
    assert run(case, Reference(), tmp_path)["status"] == "done"
    first = "forward" if task == "enrichment" else "null"
    before = calls[: calls.index(first)]
    assert set(before) == {100, 150}
    # Scores: forward and both ways to warm up, forward to measure. NES: to warm up, to measure, and for its results.
    assert before.count(150) == 3


def test_a_truth_is_computed_on_the_processor_wherever_its_case_runs():
    case = Case(source=SyntheticSource(), params=EnrichmentParams(), backend="exact", device="cuda:1")
    assert [Spec(task=task, case=case).device for task in ("case", "reference")] == ["cuda:1", "cpu"]


@GPU
def test_a_gpu_measures_what_it_does():
    watch = stopwatch_for("cuda")
    with peak_memory("cuda") as used:
        values = torch.ones(2**22, device="cuda")
        watch.rest()
        first = watch.mark()
        values.sin_()
        assert 0 < watch.seconds(first, watch.mark()) < 10
    assert used.mib >= 16
    assert used.reserved_mib >= used.mib
