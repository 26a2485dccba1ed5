"""What the script for GPUs prints of rows, and that its kernels and its comparison with the truth are right."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.scripts import gpu
from dgsea_bench.backends import Fastsum, Nyswin
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.results import Row
from dgsea_bench.bench.roofline import Ceilings
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.data.sources import SyntheticSource

SCRIPTS = Path(__file__).parents[1] / "benchmarks" / "scripts"
CEILINGS = Ceilings(moved=1e12, sigmoids=1e12, exponentials=1e12)
MEMORY = {"step_peak_mib": 1234.5, "step_reserved_mib": 2000.0}


def make_row(backend, size, metrics, *, null=None, status="done", reason=None, **changes):
    """A row of the size (profiles, genes, sets); a backend that may not be there yet is `exact` to the program."""
    source = dict(zip(("profiles", "genes", "sets"), size), set_size=107, **changes)
    case = Case(
        task="significance" if null else "enrichment",
        source=SyntheticSource(**source),
        params=EnrichmentParams(),
        null=null,
        backend="exact",
        dtype="float32",
        device="cuda",
    )
    return Row(
        case_id=f"{backend} {size} {bool(null)}",
        scenario="gpu",
        task=case.task,
        label=backend,
        cost="",
        target="dgsea",
        case={**case.model_dump(mode="json"), "backend": backend},
        status=status,
        reason=reason,
        metrics=metrics,
        environment_id="",
    )


def times(forward, step):
    return {"forward_seconds": forward, "step_seconds": step, **MEMORY}


LARGEST = (256, 20_000, 10_000)
ROWS = [
    make_row(gpu.OURS, (32, 978, 50), times(1e-4, 4e-4)),
    make_row("exact", (32, 978, 50), times(0.02, 0.06)),
    make_row("nyswin", (32, 978, 50), {}, status="failed", reason="RuntimeError: a test"),
    make_row(gpu.OURS, LARGEST, times(0.2, 1.0)),
    make_row("exact", LARGEST, {}, status="out of time", reason="stopped after the time limit of 120 s"),
    make_row(gpu.OURS, (1, 20_000, 50), {"null_seconds": 0.3, "null_peak_mib": 5.0}, null={"permutations": 1000}),
    make_row(gpu.OURS, (32, 978, 50), times(1.0, 1.0), generator="tied"),
]


def test_a_line_for_each_size_and_what_has_no_numbers_says_why():
    header, first, second, *rest = gpu.table(ROWS, CEILINGS)
    assert header == gpu.HEADER
    assert first.split() == ["32", "978", "50", "0.100", "0.400", "1,234", "2,000", "8.7%", "4.4%", "150", "x", "-"]
    assert second.split()[:5] == ["256", "20,000", "10,000", "200.000", "1000.000"]
    assert rest == [
        "32 x 978 x 50, nyswin: failed, RuntimeError: a test",
        "256 x 20,000 x 10,000, exact: out of time, stopped after the time limit of 120 s",
    ]
    (null,) = gpu.nulls(ROWS)
    assert null.startswith("dNES, 1,000 permutations x 50 sets x 20,000 genes: 300.0 ms, allocated 5 MiB, ")
    assert null.endswith("; exact -, nyswin -")


def test_bars_are_met_or_not_or_not_measured():
    lines = [bar.line() for bar in gpu.bars(ROWS, CEILINGS)]
    assert lines == [
        "  met           training step, 32 x 978 x 50: 0.4 ms, at most 0.5 ms",
        "  not measured  training step, 32 x 20,000 x 50: at most 5 ms",
        "  not measured  scores, 1 x 20,000 x 10,000: at most 20 ms",
        "  not measured  scores and gradient, 1 x 20,000 x 10,000: at most 20 ms",
        "  not met       1,000 permutations x 50 x 20,000: 0.3 s, at most 0.2 s",
        "  met           largest shape, forward: 31 % of its roofline, at least 30 % of its roofline",
        "  not met       largest shape, step: 12.4 % of its roofline, at least 30 % of its roofline",
        "  met           step beside naive exact, where it is nearest: 150 times, at least 100 times",
    ]
    assert all("not measured" in bar.line() for bar in gpu.bars([], CEILINGS))


def test_what_is_right_passes_and_what_is_not_as_near_as_it_promises_does_not(capsys):
    small = (SyntheticSource(genes=60, sets=4, set_size=8, profiles=2),)
    parameters = {"recommended": EnrichmentParams()}
    assert gpu.is_right(Fastsum(), "cpu", small, parameters)
    assert "TOO LARGE" not in capsys.readouterr().out

    class Boastful(Nyswin):
        def tolerance(self, dtype):
            return Fastsum().tolerance(dtype)

    assert not gpu.is_right(Boastful(), "cpu", small, parameters)
    assert capsys.readouterr().out.count("TOO LARGE") == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path):
    command = [sys.executable, str(SCRIPTS / "gpu.py"), "--out", str(tmp_path / "rows")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == "there is no CUDA device: nothing is measured\n"
    assert not list(tmp_path.iterdir())


INTERPRETED = """
import json, sys, torch
sys.path.insert(0, sys.argv[1])
import gpu_ceilings as ceilings

watch = ceilings.stopwatch_for("cpu")
start = torch.linspace(-1, 1, 2 * ceilings.BLOCK)
found = {name: ceilings.repeated(name, start, 3)[::64].tolist() for name in ceilings.KERNELS}
rates = [ceilings.evaluations_per_second(name, "cpu", watch, ceilings.BLOCK, 2) for name in ceilings.KERNELS]
print(json.dumps([found, [*rates, ceilings.copied_per_second("cpu", watch, 2**20)]]))
"""


def test_the_kernels_that_measure_a_card_evaluate_what_they_say():
    pytest.importorskip("triton")
    command = [sys.executable, "-c", INTERPRETED, str(SCRIPTS)]
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found, rates = json.loads(done.stdout)
    functions = {"sigmoids": lambda x: 1 / (1 + torch.exp2(-x)), "exponentials": lambda x: torch.exp2(-x)}
    for name, function in functions.items():
        wanted = function(function(function(torch.linspace(-1, 1, 2048))))[::64]
        torch.testing.assert_close(torch.tensor(found[name]), wanted)
    assert all(rate > 0 for rate in rates)
