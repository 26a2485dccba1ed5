"""Which backend to use, from the rows alone: for each problem and need the best one that is accurate enough."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dgsea_bench.report.rows import Problem, Result, by_problem

Cost = Literal["step_seconds", "step_peak_mib"]
OF_A_MACHINE = ("device", "threads", "machine")
"""Settings in which a problem on a processor and the same one on a GPU may differ."""
MATERIAL = 1.05
"""Memory is measured once: peaks closer than this ratio are taken for equal."""


@dataclass(frozen=True)
class Need:
    """What a user asks for.

    Attributes:
        accuracy: how wrong a result may be, in words.
        value: bounds largest error / largest true score. gradient: bounds the relative L2 error of the gradient.
        least: the metric of which the least is best. on_gpu: whether it is to run on a GPU, or on a processor.
    """

    title: str
    accuracy: str
    value: float
    gradient: float | None = None
    least: Cost = "step_seconds"
    on_gpu: bool = False


EXACT = Need("exact to 1e-6", "exact to 1e-6", 1e-6, 1e-6)
CLOSE = Need("within 0.1 %", "within 0.1 %", 1e-3, 1e-3)
LEAN = replace(CLOSE, title="least memory, within 0.1 %", least="step_peak_mib")
GPU = replace(CLOSE, title="on a GPU, within 0.1 %", on_gpu=True)
NEEDS = (EXACT, CLOSE, LEAN, GPU)


@dataclass(frozen=True)
class Margin:
    """By which factor the next best is slower, or takes more memory, with the interval of that factor."""

    rival: Result
    factor: float
    low: float
    high: float


@dataclass(frozen=True)
class Recommendation:
    """The backend to use for a problem and a need.

    Attributes:
        chosen: the best that meets the need, of several within noise the most accurate; None, with `why`, if none.
        rivals: others that meet it and are as good within noise: of times the quartiles overlap.
        margin: how far the next best is; None if nothing else meets the need.
        errors_unknown: there is no truth to choose by. measured: whether anything was, on such a device.
    """

    problem: Problem
    need: Need
    chosen: Result | None
    rivals: tuple[Result, ...] = ()
    margin: Margin | None = None
    why: str = ""
    errors_unknown: bool = False
    measured: bool = True

    @property
    def alone(self) -> bool:
        """Whether nothing else that was measured meets the need."""
        return self.chosen is not None and self.margin is None

    @property
    def flagged(self) -> bool:
        """Whether there is something to know before believing the number that it was chosen by."""
        return self.chosen is not None and any(row.flags for row in self.chosen.done)


def recommend(results: Sequence[Result], need: Need) -> list[Recommendation]:
    """One recommendation per problem, smallest first; a problem on a GPU counts with the same one on a processor."""
    measured = by_problem(results)
    gpu: dict[Problem, list[Result]] = {}
    for result in (result for result in results if is_on_gpu(result.problem)):
        gpu.setdefault(wherever(result.problem), []).append(result)
    found = []
    for problem in _places(measured):
        here = [] if is_on_gpu(problem) else measured[problem]
        found.append(_for_problem(problem, gpu.get(wherever(problem), []) if need.on_gpu else here, need))
    return found


def is_on_gpu(problem: Problem) -> bool:
    """Whether it was computed on a GPU."""
    return not dict(problem.settings).get("device", "cpu").startswith("cpu")


def wherever(problem: Problem) -> Problem:
    """The same, on whatever machine."""
    return replace(problem, settings=tuple(item for item in problem.settings if item[0] not in OF_A_MACHINE))


def _places(problems: Iterable[Problem]) -> list[Problem]:
    """Problems on processors, and those that were measured on GPUs only, once; smallest first."""
    ordered = sorted(problems, key=lambda problem: (is_on_gpu(problem), problem.order))
    known = {wherever(problem) for problem in ordered if not is_on_gpu(problem)}
    kept = []
    for problem in ordered:
        if not is_on_gpu(problem) or wherever(problem) not in known:
            known.add(wherever(problem))
            kept.append(problem)
    return sorted(kept, key=lambda problem: problem.order)


def contenders(results: Sequence[Result], least: Cost = "step_seconds") -> list[Result]:
    """Backends that compute dGSEA, finished on every seed, with errors against a truth and a known cost."""
    needed = ("value_error_scaled", least)
    return [
        result
        for result in results
        if result.target == "dgsea" and all(len(result.values(name)) == len(result.rows) for name in needed)
    ]


def meets(result: Result, need: Need, *, gradient_known: bool) -> bool:
    """Is a contender within the need on every seed? No gradient error where others have one counts as not met."""
    value, gradient = result.worst("value_error_scaled"), result.worst("gradient_error")
    if value is None or value > need.value:
        return False
    if need.gradient is None or not gradient_known:
        return True
    return gradient is not None and gradient <= need.gradient


def _for_problem(problem: Problem, results: Sequence[Result], need: Need) -> Recommendation:
    if not results:
        return Recommendation(problem, need, None, why=f"no {_device(need)} was measured", measured=False)
    rivals = contenders(results, need.least)
    if not rivals:
        why, unknown = _why_no_contender(results, need)
        return Recommendation(problem, need, None, why=why, errors_unknown=unknown)
    gradient_known = any(result.values("gradient_error") for result in rivals)
    accurate = [result for result in rivals if meets(result, need, gradient_known=gradient_known)]
    if not accurate:
        return Recommendation(problem, need, None, why=f"no backend measured here is {need.accuracy}")
    fastest = min(accurate, key=lambda result: _cost(result, need.least)).problem
    here = [result for result in accurate if result.problem == fastest]  # of several GPUs that one: they do not compare
    chosen, *as_good = _best(here, need.least)
    others = [result for result in here if result is not chosen]
    margin = min((_margin(chosen, other, need.least) for other in others), key=_factor, default=None)
    return Recommendation(problem, need, chosen, tuple(as_good), margin)


def _device(need: Need) -> str:
    return "GPU" if need.on_gpu else "processor"


def _best(accurate: Sequence[Result], least: Cost) -> list[Result]:
    """The best and those that are as good within noise, the most accurate of them first."""
    best = min(accurate, key=lambda result: _cost(result, least))
    if least == "step_seconds":
        reach = _cost(best, "step_seconds_q3")
        as_good = [result for result in accurate if result is best or _cost(result, "step_seconds_q1") <= reach]
    else:
        as_good = [result for result in accurate if _cost(result, least) <= MATERIAL * _cost(best, least)]
    return sorted(as_good, key=_inaccuracy)


def _margin(chosen: Result, rival: Result, least: Cost) -> Margin:
    """The ratio of two costs; of times, with each at the ends of its own interval."""
    if least == "step_peak_mib":
        factor = _ratio(_cost(rival, least), _cost(chosen, least))
        return Margin(rival, factor, factor, factor)
    (mine_low, mine_high), (low, high) = chosen.interval(least), rival.interval(least)
    factor = _ratio(_cost(rival, least), _cost(chosen, least))
    return Margin(rival, factor, _ratio(low, mine_high), _ratio(high, mine_low))


def _factor(margin: Margin) -> float:
    return margin.factor


def _ratio(more: float, less: float) -> float:
    return more / less if less else float("inf") if more else 1.0


def _inaccuracy(result: Result) -> tuple[float, float, float]:
    """Among backends that are as good as one another the most accurate one is the one to use."""
    value, gradient = result.worst("value_error_scaled"), result.worst("gradient_error")
    return (value or 0.0, gradient or 0.0, result.typical("step_seconds") or 0.0)


def _why_no_contender(results: Sequence[Result], need: Need) -> tuple[str, bool]:
    """The reason, and whether it is that errors are unknown."""
    soft = [result for result in results if result.target == "dgsea"]
    if not soft:
        return "no dGSEA backend was measured", False
    rows = [row for result in soft for row in result.done]
    if not rows:
        reasons = {row.reason for result in soft for row in result.rows}
        shared = f": {reasons.pop()}" if len(reasons) == 1 and all(reasons) else ""
        return f"no dGSEA backend finished{shared}", False
    if not any("value_error_scaled" in row.metrics for row in rows):
        reason = next((row.without_truth for row in rows if row.without_truth), None)
        return f"errors are unknown: {reason or 'there is no truth'}", True
    known = "times" if need.least == "step_seconds" else "peaks of memory"
    return f"no dGSEA backend finished with both errors and {known}", False


def _cost(result: Result, name: str) -> float:
    """Seconds or MiB; a quartile that was not recorded is taken for the median."""
    value = result.typical(name)
    return value if value is not None else _cost(result, "step_seconds")


@dataclass(frozen=True)
class Group:
    """Kinds of scores of one size for which the same backends are recommended: lines of the verdict's table."""

    problem: Problem
    kinds: tuple[str, ...]
    by_need: tuple[tuple[Recommendation, ...], ...]


def grouped(recommendations: Sequence[Sequence[Recommendation]]) -> list[Group]:
    """Recommendations of each need, joined over kinds of scores that agree."""
    groups: dict[tuple[object, ...], list[tuple[Recommendation, ...]]] = {}
    for each in zip(*recommendations, strict=True):
        problem = replace(each[0].problem, scores="", settings=each[0].problem.settings_beside_scores)
        answer = tuple(item.chosen.label if item.chosen else item.why for item in each)
        groups.setdefault((problem, answer), []).append(each)
    return [
        Group(
            members[0][0].problem,
            tuple(dict.fromkeys(member[0].problem.scores for member in members)),
            tuple(zip(*members, strict=True)),
        )
        for members in groups.values()
    ]
