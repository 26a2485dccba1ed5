"""Is `cuda-batched` right, how fast is it, and how near to what the card can do? Needs a GPU.

Run with ``python benchmarks/scripts/gpu.py``. Errors against float64 `exact`, computed on the processor, come first:
where one is above what the backend promises nothing is timed. Then what the card can do is measured, and the scenario
``gpu`` is swept, whose rows ``python -m dgsea_bench report`` and ``compare`` read. If it is stopped, the same command
goes on. Times are medians of calls that begin on a card at rest with an empty cache, launches included; floors are
those of `dgsea_bench.bench.roofline`.

Exit code 1 if an error is above its promise or a case of `cuda-batched` fails, 2 without a GPU. Bars are only printed.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from dgsea_bench.backends import Exact, get_backend
from dgsea_bench.bench.metrics import gradient_metrics, value_metrics
from dgsea_bench.bench.reference import value_and_gradient
from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.bench.roofline import Shape, forward_work, step_work
from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.bench.sweep import Observer, plan_sweep, run_plan
from dgsea_bench.core.params import EnrichmentParams
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.testing import check_backend

OURS, NAIVE = "cuda-batched", ("exact", "nyswin")
PARAMETERS = {
    "recommended": EnrichmentParams(),
    "training": EnrichmentParams.preset("training"),
    "sharp": EnrichmentParams(tau_rank=0.1, tau_prefix=0.25, tau_abs=0.1),
    "adaptive": EnrichmentParams(exponent=1.5, tau_abs="adaptive"),
}
CHECKED = (
    SyntheticSource(genes=978, set_size="15-200", profiles=3),
    SyntheticSource(generator="tied", genes=978, set_size="15-200", profiles=3),
    SyntheticSource(generator="l1000-simulated", set_size="10-60", profiles=3),
    SyntheticSource(generator="heavy-tailed", genes=977, set_size="1-900", profiles=3),
    SyntheticSource(genes=6000, set_size="15-200"),
)
"""Problems whose truth the processor has in a second or two."""
HEADER = (
    "profiles   genes    sets   forward ms      step ms   allocated MiB   reserved MiB   of roofline: forward   step"
    "     exact    nyswin"
)


@dataclass(frozen=True)
class Bar:
    """What was hoped for, beside what was measured; None where it was not."""

    title: str
    measured: float | None
    limit: float
    unit: str
    at_most: bool = True

    def line(self) -> str:
        wanted = f"{'at most' if self.at_most else 'at least'} {self.limit:g} {self.unit}"
        if self.measured is None:
            return f"  not measured  {self.title}: {wanted}"
        met = self.measured <= self.limit if self.at_most else self.measured >= self.limit
        return f"  {'met' if met else 'not met':12}  {self.title}: {self.measured:.3g} {self.unit}, {wanted}"


def errors(method, source, params, dtype, device):
    """(value, gradient) errors as a backend promises them, against float64 `exact` on the processor."""
    problem = source.load()
    scores = problem.scores.to(dtype)
    truth, true_gradient, _ = value_and_gradient(Exact(), scores.double(), problem.gene_sets, params)
    value, gradient, _ = value_and_gradient(method, scores.to(device), problem.gene_sets.to(device), params)
    of_gradient = gradient_metrics(gradient, true_gradient).get("gradient_error", 0.0)
    return value_metrics(value, truth)["value_error_scaled"], of_gradient


def is_right(method, device, problems=CHECKED, parameters=PARAMETERS):
    """Whether all errors are within what a backend promises; each is printed."""
    right = True
    for dtype in (torch.float32, torch.float64):
        promised = method.tolerance(dtype)
        say(f"errors in {dtype}; promised: scores {promised.value:.0e}, gradient {promised.gradient:.0e}")
        for source in problems:
            for name, params in parameters.items():
                of_value, of_gradient = errors(method, source, params, dtype, device)
                within = of_value <= promised.value and of_gradient <= promised.gradient
                right = right and within
                what = f"{source.generator}, {source.genes:,} genes, {name} temperatures"
                say(f"  {what}: scores {of_value:.1e}, gradient {of_gradient:.1e}{'' if within else '  TOO LARGE'}")
    return right


class Teller(Observer):
    """Prints a line for each row as it comes."""

    def finished(self, row):
        source = row.case["source"]
        size = f"{source['profiles']:,} x {source['genes']:,} x {source['sets']:,}"
        say(f"  {row.task} {size}, {row.label}: {row.status}{f', {row.reason}' if row.reason else ''}")


def shape_of(row):
    """What the roofline needs to know of a row's problem."""
    source = SyntheticSource.model_validate(row.case["source"])
    return Shape(
        profiles=source.profiles,
        genes=source.genes,
        sets=source.sets,
        members=int(source.draw_sizes().sum()),
        dtype=row.case["dtype"],
        tau_prefix=row.case["params"]["tau_prefix"],
    )


def by_point(rows, task):
    """(profiles, genes, sets), backend -> row, of the grid of sizes of a task."""
    found = {}
    for row in rows:
        source = row.case["source"]
        if row.task == task and source["generator"] == "planted" and row.case["dtype"] == "float32":
            found[(source["profiles"], source["genes"], source["sets"]), row.case["backend"]] = row
    return found


def seconds(row, phase):
    """The median of a phase; None if the row has none."""
    return None if row is None or row.status != "done" else row.metrics.get(f"{phase}_seconds")


def share_of_roofline(row, phase, ceilings):
    """The floor of a phase over its time; None if it was not measured."""
    took = seconds(row, phase)
    work = {"forward": forward_work, "step": step_work}[phase]
    return None if took is None else ceilings.floor(work(shape_of(row))) / took


def speed_up(found, point, naive, phase="step"):
    """How many times as long a naive backend takes; None if either was not measured."""
    ours, theirs = (seconds(found.get((point, name)), phase) for name in (OURS, naive))
    return None if ours is None or theirs is None else theirs / ours


def table(rows, ceilings):
    """A line per size: times, memory, shares of the roofline, and how many times as long the naive backends take."""
    found = by_point(rows, "enrichment")
    lines = [HEADER]
    for point, name in found:
        if name == OURS:
            lines.append(_line(found, point, ceilings))
    return lines + _why_not(found)


def _line(found, point, ceilings):
    row = found[point, OURS]
    times = [_number(seconds(row, phase), 1e3, ".3f") for phase in ("forward", "step")]
    memory = [_number(row.metrics.get(f"step_{kind}_mib"), 1, ",.0f") for kind in ("peak", "reserved")]
    shares = [_number(share_of_roofline(row, phase, ceilings), 1, ".1%") for phase in ("forward", "step")]
    faster = [_number(speed_up(found, point, naive), 1, ",.0f", " x") for naive in NAIVE]
    profiles, genes, sets = point
    return (
        f"{profiles:8,} {genes:7,} {sets:7,} {times[0]:>12} {times[1]:>12} {memory[0]:>15} {memory[1]:>14} "
        f"{shares[0]:>22} {shares[1]:>6} {faster[0]:>9} {faster[1]:>9}"
    )


def _number(value, factor, form, unit=""):
    return "-" if value is None else f"{value * factor:{form}}{unit}"


def _why_not(found):
    """What has no numbers, and why."""
    return [
        f"{' x '.join(f'{size:,}' for size in point)}, {name}: {row.status}, {row.reason}"
        for (point, name), row in found.items()
        if row.status != "done"
    ]


def nulls(rows):
    """A line per number of genes: time and memory of NES with its null distribution."""
    found = by_point(rows, "significance")
    lines = []
    for (point, name), row in found.items():
        if name == OURS and row.status == "done":
            faster = [f"{naive} {_number(speed_up(found, point, naive, 'null'), 1, ',.0f', ' x')}" for naive in NAIVE]
            memory = [_number(row.metrics.get(f"null_{kind}_mib"), 1, ",.0f") for kind in ("peak", "reserved")]
            lines.append(
                f"dNES, {row.case['null']['permutations']:,} permutations x {point[2]} sets x {point[1]:,} genes: "
                f"{seconds(row, 'null') * 1e3:.1f} ms, allocated {memory[0]} MiB, reserved {memory[1]} MiB; "
                f"{', '.join(faster)}"
            )
    return lines + _why_not(found)


def bars(rows, ceilings):
    """What was hoped for, beside what was measured."""
    found, null = by_point(rows, "enrichment"), by_point(rows, "significance")

    def milliseconds(point, phase):
        took = seconds(found.get((point, OURS)), phase)
        return None if took is None else took * 1e3

    largest = (256, 20_000, 10_000)
    shares = {phase: share_of_roofline(found.get((largest, OURS)), phase, ceilings) for phase in ("forward", "step")}
    ratios = [ratio for point, name in found if name == OURS if (ratio := speed_up(found, point, "exact")) is not None]
    return [
        Bar("training step, 32 x 978 x 50", milliseconds((32, 978, 50), "step"), 0.5, "ms"),
        Bar("training step, 32 x 20,000 x 50", milliseconds((32, 20_000, 50), "step"), 5, "ms"),
        Bar("scores, 1 x 20,000 x 10,000", milliseconds((1, 20_000, 10_000), "forward"), 20, "ms"),
        Bar("scores and gradient, 1 x 20,000 x 10,000", milliseconds((1, 20_000, 10_000), "step"), 20, "ms"),
        Bar("1,000 permutations x 50 x 20,000", seconds(null.get(((1, 20_000, 50), OURS)), "null"), 0.2, "s"),
        *(
            Bar(f"largest shape, {phase}", share and share * 100, 30, "% of its roofline", at_most=False)
            for phase, share in shares.items()
        ),
        Bar("step beside naive exact, where it is nearest", min(ratios, default=None), 100, "times", at_most=False),
    ]


def say(text):
    print(text, flush=True)


def sweep(arguments):
    """Measure what is not measured yet; all rows in the folder."""
    plan = plan_sweep(
        arguments.scenario,
        axes={"device": [arguments.device]},
        where=arguments.filter,
        out=arguments.out,
        limits={} if arguments.time_limit is None else {"time_limit": arguments.time_limit},
    )
    say(f"{len(plan.pending)} of {len(plan.cases)} cases to measure; results in {arguments.out}")
    run_plan(plan, observer=Teller())
    return RunDirectory(arguments.out).latest_rows()


def ceilings_of(arguments):
    """What the card can do, kept beside the rows."""
    from gpu_ceilings import measure_ceilings, told  # loads Triton, which is not everywhere

    ceilings = measure_ceilings(arguments.device)
    say(told(ceilings))
    torch.cuda.empty_cache()  # the cases have processes of their own
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "ceilings.json").write_text(json.dumps(asdict(ceilings), indent=1))
    return ceilings


def show(rows, ceilings):
    """Everything that was measured."""
    for line in (*table(rows, ceilings), *nulls(rows), "bars:", *(bar.line() for bar in bars(rows, ceilings))):
        say(line)


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("reports/gpu"), help="folder for the rows")
    parser.add_argument("--device", default="cuda", help="such as cuda:1")
    parser.add_argument("--scenario", default="gpu", help="a name or a file")
    parser.add_argument("--filter", help="as that of sweep: 'backend=cuda-batched genes=978'")
    parser.add_argument("--time-limit", type=float, help="seconds for a case")
    arguments = parser.parse_args(words)
    missing = Exact().unavailable(arguments.device)
    method = None if missing else get_backend(OURS)
    missing = missing or method.unavailable(arguments.device)
    if missing:
        say(f"{missing}: nothing is measured")
        return 2
    say(f"contract kept on {arguments.device}: {', '.join(check_backend(method, device=arguments.device))}")
    if not is_right(method, arguments.device):
        say(f"{OURS} is not as near to the truth as it promises: nothing is timed")
        return 1
    ceilings = ceilings_of(arguments)
    rows = sweep(arguments)
    show(rows, ceilings)
    say(f"python -m dgsea_bench report {arguments.out} draws the report")
    return 1 if any(row.status in FAILURES and row.case["backend"] == OURS for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
