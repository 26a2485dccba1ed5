"""The GPU backend on a CPU, in Triton's interpreter: against the dense sums, and inside torch.

No test here needs a GPU. What only one can show is left to ``benchmarks/scripts/gpu.py``.
"""

import json
import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dgsea_bench as dg
from dgsea_bench.backends import cuda_batched, cuda_entries, cuda_operators
from dgsea_bench.core.permutations import draw_permutations


@pytest.fixture
def unchecked(monkeypatch):
    """The checks of annotations, which only tests have, cannot be traced."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


pytestmark = [
    pytest.mark.usefixtures("interpreted"),
    pytest.mark.skipif(
        cuda_batched.find_spec("triton") is None, reason="Triton is not installed: it is for Linux only"
    ),
]

SMALL_BLOCKS = dg.CudaBatched(positions_at_once=16)


def problem_of(genes, sizes, profiles=2, seed=0):
    rng = np.random.default_rng(seed)
    names = [f"gene{number}" for number in range(genes)]
    members = (rng.choice(genes, size, replace=False) for size in sizes)
    sets = {f"set{n}": [names[i] for i in some] for n, some in enumerate(members)}
    return torch.from_numpy(rng.standard_normal((profiles, genes))), dg.GeneSets.from_dict(sets, names)


def value_and_gradient(scores, gene_sets, backend, params=None):
    leaf = scores.clone().requires_grad_()
    value = dg.enrichment_score(leaf, gene_sets, params=params, backend=backend)
    weights = torch.linspace(-1, 1, value.numel(), dtype=torch.float64).view(value.shape)
    value.backward(weights.to(value))
    return value.detach().double(), leaf.grad.double()


def assert_as_exact(scores, gene_sets, backend, params=None, value_bound=1e-10, gradient_bound=1e-10):
    value, gradient = value_and_gradient(scores, gene_sets, backend, params)
    truth, true_gradient = value_and_gradient(scores.double(), gene_sets, "exact", params)
    assert (value - truth).abs().max() <= value_bound * truth.abs().max()
    assert (gradient - true_gradient).norm() <= gradient_bound * true_gradient.norm() + 1e-12


@settings(max_examples=8)
@given(
    st.integers(2, 70),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
    st.integers(0, 10**6),
    st.sampled_from([0.3, 1, 3]),
)
def test_values_and_gradients_are_those_of_the_dense_sums(genes, shares, seed, factor):
    sizes = [1 + int(share * (genes - 2)) for share in shares]
    scores, gene_sets = problem_of(genes, sizes, profiles=1, seed=seed)
    params = dg.EnrichmentParams(tau_rank=1.2 * factor, tau_prefix=1.0 * factor, tau_abs=0.6 * factor)
    assert_as_exact(scores, gene_sets, SMALL_BLOCKS, params)


@pytest.mark.parametrize(
    "params",
    [
        dg.EnrichmentParams(tau_prefix=0.01),
        dg.EnrichmentParams(tau_prefix=9.0),
        dg.EnrichmentParams(tau_abs=1e-3),
        dg.EnrichmentParams(tau_abs="adaptive"),
        dg.EnrichmentParams(exponent=0.0),
        dg.EnrichmentParams(exponent=2.0, tau_rank=0.05),
    ],
    ids=str,
)
def test_several_blocks_at_any_temperature(params):
    scores, gene_sets = problem_of(40, [3, 28], profiles=1)
    assert_as_exact(scores, gene_sets, SMALL_BLOCKS, params, gradient_bound=1e-9)


def test_more_entries_and_blocks_than_are_prepared_at_once(monkeypatch):
    for module in (cuda_entries, cuda_operators):
        monkeypatch.setattr(module, "ENTRIES", 8)
        monkeypatch.setattr(module, "COUNTED_BLOCKS", 2)
    scores, gene_sets = problem_of(70, [11, 50], profiles=1)
    assert_as_exact(scores, gene_sets, SMALL_BLOCKS)


def test_single_precision_on_as_many_genes_as_are_measured():
    scores, gene_sets = problem_of(978, [15, 60], profiles=1, seed=4)
    assert_as_exact(scores.float(), gene_sets, dg.CudaBatched(), None, 5e-7, 1e-6)
    curve, truth = (dg.running_sum(scores.float(), gene_sets, backend=name) for name in ("cuda-batched", "exact"))
    assert (curve - truth).abs().max() <= 2e-7


def test_a_training_step_launches_fifteen_kernels(monkeypatch):
    launched, real = [], cuda_entries.launch

    def launch(kernel, *arguments, **constants):
        launched.append(kernel)
        real(kernel, *arguments, **constants)

    monkeypatch.setattr(cuda_entries, "launch", launch)
    monkeypatch.setattr(cuda_operators, "launch", launch)
    value_and_gradient(*problem_of(12, [2, 5]), dg.CudaBatched())
    assert len(launched) == 15


def test_half_precision_is_computed_in_single_precision():
    scores, gene_sets = problem_of(40, [5, 12])
    for dtype in (torch.bfloat16, torch.float16):
        value = dg.enrichment_score(scores.to(dtype), gene_sets, backend="cuda-batched")
        truth = dg.enrichment_score(scores.to(dtype).double(), gene_sets, backend="exact")
        assert value.dtype == dtype
        torch.testing.assert_close(value, truth.to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


def test_a_set_whose_genes_all_have_a_score_of_zero():
    scores, gene_sets = problem_of(30, [4, 25], seed=1)
    scores[:, gene_sets.indices[:4]] = 0.0
    assert_as_exact(scores, gene_sets, SMALL_BLOCKS)


def test_running_sums_and_their_gradient():
    scores, gene_sets = problem_of(45, [6, 30])
    curves, gradients = [], []
    for backend in (SMALL_BLOCKS, "exact"):
        leaf = scores.clone().requires_grad_()
        curve = dg.running_sum(leaf, gene_sets, backend=backend)
        (gradient,) = torch.autograd.grad(curve.square().sum(), leaf)
        curves.append(curve.detach())
        gradients.append(gradient)
    torch.testing.assert_close(curves[0], curves[1], rtol=0, atol=1e-12)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("sharing", ["set", "size"])
def test_normalised_scores_are_those_of_exact(sharing):
    scores, gene_sets = problem_of(30, [4, 20], profiles=1)
    null = dg.NullParams(permutations=20, sharing=sharing)
    found, truth = (
        dg.normalized_enrichment_score(scores, gene_sets, null=null, backend=name) for name in ("cuda-batched", "exact")
    )
    torch.testing.assert_close(found.nes, truth.nes, rtol=1e-9, atol=0, equal_nan=True)
    torch.testing.assert_close(found.p_value, truth.p_value, equal_nan=True)


def test_the_gradient_flows_through_null_scores():
    scores, gene_sets = problem_of(30, [4, 20], profiles=1)
    permutations, gradients = draw_permutations(30, 0, 3), []
    for backend in (SMALL_BLOCKS, dg.Exact()):
        leaf = scores.clone().requires_grad_()
        null = backend.null_scores(backend.rank(leaf, dg.EnrichmentParams()), gene_sets, permutations)
        (gradient,) = torch.autograd.grad(null.square().sum(), leaf)
        gradients.append(gradient)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-12)


def test_results_are_bitwise_the_same_in_each_run_and_torch_knows_it():
    scores, gene_sets = problem_of(40, [5, 30], profiles=1)
    first = value_and_gradient(scores.float(), gene_sets, SMALL_BLOCKS)
    torch.use_deterministic_algorithms(True)  # raises for operations that are not
    try:
        again = value_and_gradient(scores.float(), gene_sets, SMALL_BLOCKS)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(one, other) for one, other in zip(first, again))


def test_autocast_changes_nothing():
    scores, gene_sets = problem_of(40, [5, 12])
    plain = value_and_gradient(scores.float(), gene_sets, "cuda-batched")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = value_and_gradient(scores.float(), gene_sets, "cuda-batched")
    assert all(torch.equal(one, other) for one, other in zip(plain, under))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_compiled_training_step_is_the_eager_one(unchecked):
    scores, gene_sets = problem_of(30, [3, 8])
    linear = torch.nn.Linear(4, 30, dtype=torch.float64)
    loss = dg.EnrichmentLoss(gene_sets, backend="cuda-batched")

    def step(inputs):
        return loss(linear(inputs), scores) + linear(inputs).square().mean()

    torch.compiler.reset()
    inputs, results = torch.randn(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), []
    for function in (step, torch.compile(step, backend="aot_eager")):
        linear.zero_grad()
        value = function(inputs)
        value.backward()
        results.append((value.detach(), linear.weight.grad.clone()))
    torch.compiler.reset()
    torch.testing.assert_close(results[1], results[0])


def test_operators_say_what_torch_wants_to_know():
    scores, gene_sets = problem_of(20, [3, 12])
    backend = SMALL_BLOCKS
    ranking = backend.rank(scores, dg.EnrichmentParams())
    arguments = backend._arguments(ranking, gene_sets, draw_permutations(20, 0, 3))
    tensors = [
        item.detach().requires_grad_(item.is_floating_point()) if torch.is_tensor(item) else item for item in arguments
    ]
    taus = torch.full((2, 2, 3), 0.6, dtype=torch.float64)
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    for operator, inputs in (
        (cuda_operators.rank, (scores.clone().requires_grad_(), 1.2, 2.0**28)),
        (cuda_operators.running_sum, tensors),
        (cuda_operators.score, (*tensors, 1 / taus, False)),
    ):
        assert set(torch.library.opcheck(operator, tuple(inputs), test_utils=tests).values()) == {"SUCCESS"}


def out_of_memory_at_first(times, monkeypatch):
    """Let the device run out of memory so many times, and note the bytes that were tried."""
    tried, real = [], cuda_entries.Inputs.portions

    def portions(self, memory):
        tried.append(memory)
        if len(tried) <= times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")
        return real(self, memory)

    monkeypatch.setattr(cuda_entries.Inputs, "portions", portions)
    return tried


def test_smaller_portions_are_tried_when_memory_runs_out(monkeypatch):
    scores, gene_sets = problem_of(40, [5, 12, 30])
    ranking = SMALL_BLOCKS.rank(scores, dg.EnrichmentParams())
    plain = SMALL_BLOCKS.enrichment_score(ranking, gene_sets)
    tried = out_of_memory_at_first(2, monkeypatch)
    again = SMALL_BLOCKS.enrichment_score(ranking, gene_sets)
    torch.testing.assert_close(again, plain, rtol=0, atol=1e-14)
    assert tried[0] > tried[1] > tried[2]


def test_when_nothing_fits_the_message_says_what_was_asked_for_and_what_to_do(monkeypatch):
    scores, gene_sets = problem_of(40, [5, 12])
    ranking = SMALL_BLOCKS.rank(scores, dg.EnrichmentParams())
    out_of_memory_at_first(1000, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        SMALL_BLOCKS.enrichment_score(ranking, gene_sets)
    for part in ("2 profiles of 40 genes", "memory_mib", "Tried to allocate 3.00 GiB"):
        assert part in str(caught.value)


def test_tensors_on_different_devices_are_refused():
    scores, gene_sets = problem_of(20, [3])
    ranking = SMALL_BLOCKS.rank(scores, dg.EnrichmentParams())
    with pytest.raises(
        dg.InputError, match=r"the scores are on cpu, the gene sets on meta; move them with \.to\('cpu'\)"
    ):
        SMALL_BLOCKS.enrichment_score(ranking, gene_sets.to("meta"))


@pytest.mark.parametrize("block", [0, 8, 100, 8192])
def test_blocks_are_powers_of_two(block):
    with pytest.raises(dg.InputError, match="positions_at_once"):
        dg.CudaBatched(positions_at_once=block)


COMPILE = """
import json, re, subprocess, sys, tempfile
from pathlib import Path
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from dgsea_bench.kernels import triton_sets

ptxas = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas"
for name, types, constants, warps in json.load(sys.stdin):
    kernel = getattr(triton_sets, name)
    assert all(item.is_constexpr or item.do_not_specialize for item in kernel.params), name
    signature = dict(zip(kernel.arg_names, types)) | dict.fromkeys(constants, "constexpr")
    for capability in (80, 90):
        source, target = ASTSource(kernel, signature, constants), GPUTarget("cuda", capability, 32)
        made = triton.compile(source, target=target, options={"num_warps": warps})
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
            Path(file.name).write_text(made.asm["ptx"])
            gpu = f"sm_{capability}" + "a" * (capability == 90)
            command = [ptxas, "-v", f"--gpu-name={gpu}", file.name, "-o", "/dev/null"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        registers = re.search(r"Used (\\d+) registers", told)[1]
        spilled = re.search(r"(\\d+) bytes spill stores", told)[1]
        print(json.dumps([name, capability, int(registers), int(spilled)]))
"""
TYPES = {torch.float32: "*fp32", torch.float64: "*fp64", torch.int32: "*i32", torch.int64: "*i64"}


def test_every_kernel_compiles_for_a100_and_h100_without_spilling_registers(monkeypatch):
    launched, real = {}, cuda_entries.launch

    def launch(kernel, programs, *arguments, warps=4, **constants):
        types = [TYPES[item.dtype] if torch.is_tensor(item) else "i32" for item in arguments]
        launch_of = [kernel.fn.__name__, types, constants, warps]
        launched[json.dumps(launch_of)] = launch_of
        real(kernel, programs, *arguments, warps=warps, **constants)

    monkeypatch.setattr(cuda_entries, "launch", launch)
    monkeypatch.setattr(cuda_operators, "launch", launch)
    scores, gene_sets = problem_of(12, [2], profiles=1)
    for dtype, tau in ((torch.float32, 0.6), (torch.float64, 0.6), (torch.float32, 1e-3)):
        value_and_gradient(scores.to(dtype), gene_sets, dg.CudaBatched(), dg.EnrichmentParams(tau_abs=tau))
    monkeypatch.delenv("TRITON_INTERPRET")
    ran = subprocess.run(
        [sys.executable, "-c", COMPILE], input=json.dumps(list(launched.values())), capture_output=True, text=True,
        check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    compiled = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {name for name, *_ in compiled} == {
        *("fill_entries", "fill_blocks", "trace_sets", "score_sets", "differentiate_sets"),
        *("sum_blocks", "finish_gradients"),
    }
    assert [row for row in compiled if row[3] > 0] == []
