"""What a page needs to tell of a problem that was not measured: each backend's costs and errors along sizes."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import ge

from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.report import plots, wording
from dgsea_bench.report.canvas import VARIABLES
from dgsea_bench.report.rows import AXES, Axis, Line, Problem, Result, Run

QUANTITIES = {
    "time": "step_seconds",
    "memory": "step_peak_mib",
    "error": "value_error_scaled",
    "gradient": "gradient_error",
}
"""Name -> metric. Costs are medians over seeds, errors the worst."""
COSTS = ("time", "memory")
MOST_WAYS = 24
"""Of more ways of measuring, those with most problems are there to choose from."""
STEEPEST = 4.0
"""No exponent beyond this is taken for real: few sizes and noise can give any."""

Node = tuple[float, float, float, float]
"""Size, value, and the ends of its interval."""


def growth_model(run: Run) -> dict[str, object] | None:
    """The numbers that the panel reckons with, or None where no backend was timed.

    For each way of measuring (kind of scores and settings) the sizes, and for each backend a curve along each axis,
    all through one base: the sizes that the line along genes shares. A curve has nodes (size, value, low, high) and,
    of costs, the exponent with which it goes on beyond the last: fitted to the last three sizes, with the 95 %
    interval of that of all sizes.
    """
    families: dict[Problem, list[Result]] = {}
    for result in run.results:
        if result.target == "dgsea" and result.problem.genes is not None:
            families.setdefault(_family(result.problem), []).append(result)
    timed = {family: results for family, results in families.items() if any(r.values("step_seconds") for r in results)}
    ordered = sorted(
        timed, key=lambda family: (-len({r.problem for r in timed[family]}), not family.real, family.order)
    )[:MOST_WAYS]
    if not ordered:
        return None
    colours = {label: VARIABLES[look.colour] for label, look in plots.look_of(run).items()}
    names = _names(run, ordered)
    return {"ways": [_way(name, timed[family], colours) for name, family in zip(names, ordered, strict=True)]}


def _family(problem: Problem) -> Problem:
    for axis in AXES:
        problem = problem.without(axis)
    return problem


def _names(run: Run, families: Sequence[Problem]) -> list[str]:
    named = [", ".join(filter(None, (f"{each.scores} scores", each.differing(run.varying)))) for each in families]
    return [wording.shortened(name, 90) for name in named]


def _way(name: str, results: Sequence[Result], colours: Mapping[str, str]) -> dict[str, object]:
    base = _base(results)
    lines = {axis: [item for item in results if _on_line(item.problem, base, axis)] for axis in AXES}
    sizes = {axis: sorted({getattr(item.problem, axis) for item in lines[axis] if item.done}) for axis in AXES}
    labels = list(dict.fromkeys(item.label for item in results))
    backends = [
        _backend(label, colours[label], base, {axis: _of_label(lines[axis], label, axis) for axis in AXES}, results)
        for label in labels
    ]
    at = {axis: getattr(base, axis) for axis in AXES}
    return {"name": name, "base": at, "sizes": sizes, "backends": [each for each in backends if each["curves"]]}


def _base(results: Sequence[Result]) -> Problem:
    """Where lines along most sizes cross; of such problems one that most backends finished, the largest."""
    done = Counter(item.problem for item in results if item.done)

    def merit(problem: Problem) -> tuple[int, int, int, int]:
        along = [len({getattr(p, axis) for p in done if _on_line(p, problem, axis)}) for axis in AXES]
        return along[0], along[1] + along[2], done[problem], problem.genes or 0

    return max(done, key=merit)


def _on_line(problem: Problem, base: Problem, axis: Axis) -> bool:
    return all(getattr(problem, other) == getattr(base, other) for other in AXES if other != axis)


def _of_label(results: Sequence[Result], label: str, axis: Axis) -> tuple[Result, ...]:
    mine = [item for item in results if item.label == label]
    return tuple(sorted(mine, key=lambda item: getattr(item.problem, axis)))


def _backend(
    label: str, colour: str, base: Problem, lines: Mapping[Axis, tuple[Result, ...]], results: Sequence[Result]
) -> dict[str, object]:
    curves: dict[str, Mapping[Axis, Mapping[str, object]]] = {}
    for name in QUANTITIES:
        along = {axis: _curve(lines[axis], axis, name, base) for axis in AXES}
        if along["genes"]["nodes"]:
            curves[name] = along
    mine = [item for item in results if item.label == label]
    flagged = [_sizes(item.problem) for item in mine if any(row.flags for row in item.done)]
    found = {"curves": curves if "time" in curves else {}, "ends": _ends(mine), "flagged": flagged}
    return {"label": label, "colour": colour, **found}


def _ends(results: Sequence[Result]) -> list[dict[str, object]]:
    """Where a backend failed, on any seed; `outlived` where it finished a larger problem. Left out is not failed."""
    found: list[dict[str, object]] = []
    finished = [_sizes(item.problem) for item in results if all(row.status == "done" for row in item.rows)]
    for item in results:
        row = next((row for row in item.rows if row.status in FAILURES), None)
        if row and None not in (item.problem.sets, item.problem.profiles):
            sizes = _sizes(item.problem)
            outlived = any(all(map(ge, larger, sizes)) for larger in finished)
            found.append({"sizes": sizes, "status": row.status, "reason": row.reason or "", "outlived": outlived})
    return found


def _sizes(problem: Problem) -> list[int]:
    return [getattr(problem, axis) for axis in AXES]


def _curve(results: Sequence[Result], axis: Axis, name: str, base: Problem) -> dict[str, object]:
    """Along sets and profiles only where it goes through the base, from which factors count."""
    metric = QUANTITIES[name]
    pick: Callable[[Result, str], float | None] = Result.typical if name in COSTS else Result.worst
    nodes: list[Node] = []
    for item in results:
        value = pick(item, metric)
        if value is not None:
            low, high = item.interval(metric) if name in COSTS else (value, value)
            nodes.append((getattr(item.problem, axis), value, low, high))
    if axis != "genes" and nodes and not nodes[0][0] <= getattr(base, axis) <= nodes[-1][0]:
        nodes = []
    slope = _slope(results, axis, metric, nodes) if name in COSTS else None
    return {"nodes": [[size, *map(_short, values)] for size, *values in nodes], "slope": slope}


def _slope(results: Sequence[Result], axis: Axis, metric: str, nodes: Sequence[Node]) -> list[float] | None:
    """Exponent beyond the last size, and the ends of its interval."""
    seen = [(math.log(size), math.log(value)) for size, value, _, _ in nodes[-3:] if value > 0]
    if len(seen) < 2:
        return None
    centre = [sum(values) / len(seen) for values in zip(*seen, strict=True)]
    spread = sum((size - centre[0]) ** 2 for size, _ in seen)
    slope = sum((size - centre[0]) * (value - centre[1]) for size, value in seen) / spread
    fitted = Line("", axis, results[0].problem, tuple(results)).growth(metric)
    found = [slope, min(slope, fitted.low) if fitted else slope, max(slope, fitted.high) if fitted else slope]
    return [_short(min(max(each, 0.0), STEEPEST)) for each in found]


def _short(number: float) -> float:
    return float(f"{number:.4g}")
