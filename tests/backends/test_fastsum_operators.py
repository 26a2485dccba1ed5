"""`fastsum` inside torch: threads, saved tensors, second derivatives, torch.compile, autocast, other processes."""

import shutil
import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset

import dgsea_bench as dg
from dgsea_bench.core.permutations import draw_permutations
from dgsea_bench.data.sources import SyntheticSource

BACKEND = dg.Fastsum()


@pytest.fixture
def set_threads():
    """torch.set_num_threads, undone after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def problem_of(profiles, genes=300, sets=200):
    problem = SyntheticSource(genes=genes, sets=sets, set_size=f"1-{genes // 2}", profiles=profiles, seed=1).load()
    return problem.scores, problem.gene_sets


def score(scores, gene_sets):
    return dg.enrichment_score(scores, gene_sets, backend=BACKEND)


def running_sum(scores, gene_sets):
    return dg.running_sum(scores, gene_sets, backend=BACKEND)


def null_scores(scores, gene_sets):
    permutations = draw_permutations(scores.shape[1], 0, 3, seed=0)
    return BACKEND.null_scores(BACKEND.rank(scores, dg.EnrichmentParams()), gene_sets, permutations)


def adaptive_score(scores, gene_sets):
    return dg.enrichment_score(scores, gene_sets, params=dg.EnrichmentParams(tau_abs="adaptive"), backend=BACKEND)


def soft_rank(scores, gene_sets):
    return dg.soft_rank(scores, backend=BACKEND)


FUNCTIONS = [score, adaptive_score, running_sum, null_scores, soft_rank]
by_name = {"ids": lambda function: function.__name__}


@pytest.mark.parametrize("function", FUNCTIONS, **by_name)
@pytest.mark.parametrize("profiles", [1, 3])
def test_results_and_gradients_are_bitwise_equal_for_any_number_of_threads(profiles, function, set_threads):
    scores, gene_sets = problem_of(profiles)
    results = []
    for threads in (1, 2, 4):
        set_threads(threads)
        leaf = scores.clone().requires_grad_()
        value = function(leaf, gene_sets)
        (value * torch.linspace(-1, 1, value.numel()).view_as(value)).sum().backward()
        results.append((value.detach(), leaf.grad))
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0])
        assert torch.equal(gradient, results[0][1])


@pytest.mark.parametrize("function", [score, adaptive_score, null_scores], **by_name)
def test_nothing_of_size_sets_times_genes_is_saved(function):
    scores, gene_sets = problem_of(profiles=1, genes=600, sets=100)
    saved = []

    def remember(tensor):
        saved.append(tensor.untyped_storage().nbytes() // 8)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        value = function(scores.requires_grad_(), gene_sets)
    members = len(gene_sets.indices)
    assert max(saved) <= max(members, value.numel(), 2 * 600) < 100 * 600
    assert sum(saved) <= 2 * members + 4 * value.numel() + 12 * 600


@pytest.mark.parametrize("function", FUNCTIONS, **by_name)
def test_a_second_derivative_is_refused_with_a_plain_message(function):
    scores, gene_sets = problem_of(profiles=2, genes=30, sets=3)
    value = function(scores.requires_grad_(), gene_sets).square().sum()
    (gradient,) = torch.autograd.grad(value, scores, create_graph=True)
    with pytest.raises(dg.InputError, match='no second derivative; take backend="exact"'):
        gradient.square().sum().backward()


@pytest.mark.parametrize("function", FUNCTIONS, **by_name)
def test_autocast_changes_nothing(function):
    scores, gene_sets = problem_of(profiles=2, genes=50, sets=4)
    results = []
    for enabled in (False, True):
        leaf = scores.float().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            value = function(leaf, gene_sets)
        value.square().sum().backward()
        results.append((value.detach(), leaf.grad))
    assert results[0][0].dtype == results[1][0].dtype
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


class CallsOfOperators(TorchDispatchMode):
    """Sees the operators that are called, and with what."""

    def __init__(self):
        super().__init__()
        self.calls = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.namespace == "dgsea_bench":
            self.calls[function] = [a.detach().clone() if isinstance(a, torch.Tensor) else a for a in args]
        return function(*args, **(kwargs or {}))


def rows_apart(scores):
    """The same scores in another layout in memory: as the transpose of a matrix."""
    return scores.t().contiguous().t()


@pytest.mark.parametrize("layout", [torch.clone, rows_apart], **by_name)
def test_operators_are_what_torch_expects_of_them(layout):
    scores, gene_sets = problem_of(profiles=2, genes=30, sets=3)
    with CallsOfOperators() as seen:
        leaf = layout(scores.float()).requires_grad_()
        (score(leaf, gene_sets).square().sum() + running_sum(leaf, gene_sets).square().sum()).backward()
    assert {str(operator).split(".")[1] for operator in seen.calls} == {
        *("rank", "score", "running_sum"),
        *("rank_gradient", "score_gradient", "running_sum_gradient"),
    }
    for operator, arguments in seen.calls.items():
        if "gradient" not in str(operator):
            asks = (torch.is_tensor(argument) and argument.is_floating_point() for argument in arguments)
            arguments = [a.requires_grad_() if asked else a for a, asked in zip(arguments, asks)]
        torch.library.opcheck(operator, tuple(arguments))


def training_step(model, loss, gene_sets, inputs, targets):
    predicted = model(inputs)
    score = dg.enrichment_score(predicted, gene_sets)
    return (predicted - targets).square().mean() + loss(predicted, targets) + score.square().mean()


@pytest.fixture
def unchecked(monkeypatch):
    """The checks of annotations, which only tests have, cannot be traced."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def assert_compiled_step_is_the_eager_one(layout, **options):
    scores, gene_sets = problem_of(profiles=6, genes=40, sets=3)
    generator = torch.Generator().manual_seed(0)
    linear, loss = torch.nn.Linear(8, 40), dg.EnrichmentLoss(gene_sets)
    model = torch.nn.Sequential(linear) if layout is torch.clone else lambda inputs: layout(linear(inputs))
    torch.compiler.reset()
    compiled = torch.compile(training_step, **options)
    for profiles in (6, 4):
        inputs = torch.randn(profiles, 8, generator=generator)
        results = []
        for step in (training_step, compiled):
            linear.zero_grad()
            value = step(model, loss, gene_sets, inputs, scores[:profiles].float())
            value.backward()
            results.append((value.detach(), linear.weight.grad.clone()))
        torch.testing.assert_close(results[1], results[0], rtol=1e-6, atol=1e-7)
    torch.compiler.reset()


# torch looks at the attribute itself where it resumes after a break in the graph
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("options", [{"backend": "eager"}, {"backend": "aot_eager", "dynamic": True}], ids=str)
def test_a_compiled_training_step_is_the_eager_one(options, unchecked):
    assert_compiled_step_is_the_eager_one(torch.clone, **options)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # what the compiler tells of its own parts
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("layout", [torch.clone, rows_apart], **by_name)
def test_a_training_step_compiled_to_machine_code_is_the_eager_one(layout, unchecked):
    assert_compiled_step_is_the_eager_one(layout, backend="inductor", dynamic=True)


class Scored(Dataset):
    """Items that are scored in the process that loads them."""

    def __init__(self):
        self.scores, self.gene_sets = problem_of(profiles=6, genes=60, sets=20)

    def __len__(self):
        return len(self.scores)

    def __getitem__(self, number):
        leaf = self.scores[number : number + 1].clone().requires_grad_()
        value = score(leaf, self.gene_sets)
        value.square().sum().backward()
        return value.detach()[0], leaf.grad[0]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # of fork, in Python 3.12
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_data_loader_score_as_their_parent_after_it_had_threads(method, set_threads):
    set_threads(2)
    items = Scored()
    expected = [torch.stack(column) for column in zip(*(items[number] for number in range(len(items))))]
    loader = DataLoader(items, batch_size=2, num_workers=2, multiprocessing_context=method, timeout=60)
    found = [torch.cat(column) for column in zip(*loader)]
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


DISTRIBUTED = """
import os
import sys
import time
import torch
import torch.distributed
import dgsea_bench as dg

folder, rank = sys.argv[1], int(sys.argv[2])
given = torch.load(f"{folder}/given.pt", weights_only=False)
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
linear = torch.nn.Linear(8, 40)
linear.load_state_dict(given["state"])
model = torch.nn.parallel.DistributedDataParallel(linear)
part = slice(4 * rank, 4 * rank + 4)
dg.EnrichmentLoss(given["gene_sets"])(model(given["inputs"][part]), given["targets"][part]).backward()
torch.save(linear.weight.grad, f"{folder}/gradient{rank}.pt")
while not os.path.exists(f"{folder}/gradient{1 - rank}.pt"):
    time.sleep(0.01)
os._exit(0)
"""
"""Neither process waits for gloo to end its threads: in one run of ten that aborts, with a loss of torch's own too."""


def test_distributed_training_averages_the_gradients_of_its_shards(tmp_path):
    targets, gene_sets = problem_of(profiles=8, genes=40, sets=3)
    targets, inputs = targets.float(), torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    linear, loss = torch.nn.Linear(8, 40), dg.EnrichmentLoss(gene_sets)
    given = {"state": linear.state_dict(), "gene_sets": gene_sets, "inputs": inputs, "targets": targets}
    torch.save(given, tmp_path / "given.pt")
    (tmp_path / "train.py").write_text(DISTRIBUTED)
    run = [sys.executable, str(tmp_path / "train.py"), str(tmp_path)]
    root = Path(dg.__file__).parents[1]
    processes = [subprocess.Popen([*run, str(rank)], cwd=root, stderr=subprocess.PIPE, text=True) for rank in range(2)]
    for process in processes:
        assert process.wait(timeout=120) == 0, process.stderr.read()
        process.stderr.close()
    shards = []
    for part in (slice(0, 4), slice(4, 8)):
        (gradient,) = torch.autograd.grad(loss(linear(inputs[part]), targets[part]), linear.weight)
        shards.append(gradient)
    for rank in range(2):
        gradient = torch.load(tmp_path / f"gradient{rank}.pt")
        torch.testing.assert_close(gradient, (shards[0] + shards[1]) / 2, rtol=1e-5, atol=1e-8)


def test_scores_in_any_layout_and_incoming_gradients_of_any_kind_are_the_same():
    scores, gene_sets = problem_of(profiles=3, genes=50, sets=4)
    results = []
    for layout in (torch.clone, rows_apart, lambda values: values.repeat_interleave(2, 1)[:, ::2]):
        leaf = scores.clone().requires_grad_()
        value = score(layout(leaf), gene_sets)
        value.sum().backward()  # an incoming gradient that is one number, expanded
        results.append((value.detach(), leaf.grad))
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0])
        assert torch.equal(gradient, results[0][1])
    assert np.isfinite(results[0][1].numpy()).all()
