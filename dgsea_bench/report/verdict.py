"""Which backend to use, from the rows alone: for each problem and need the fastest one that is accurate enough."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dgsea_bench.report import wording
from dgsea_bench.report.rows import Problem, Result, Run, sizes_in_words


@dataclass(frozen=True)
class Need:
    """How wrong a result may be.

    Attributes:
        value: bounds largest error / largest true score. gradient: bounds the relative L2 error of the gradient.
    """

    title: str
    value: float
    gradient: float | None = None


EXACT = Need("exact to 1e-6", 1e-6, 1e-6)
CLOSE = Need("within 1 %", 1e-2, 1e-2)
NEEDS = (EXACT, CLOSE)


@dataclass(frozen=True)
class Recommendation:
    """The backend to use for a problem and a need.

    Attributes:
        chosen: the fastest that meets the need, of several within noise the most accurate; None, with `why`, if none.
        rivals: others that meet it and are as fast within noise: their quartiles overlap.
        alone: nothing else meets the need. errors_unknown: there is no truth to choose by.
    """

    problem: Problem
    need: Need
    chosen: Result | None
    rivals: tuple[Result, ...] = ()
    why: str = ""
    alone: bool = False
    errors_unknown: bool = False


def recommend(results: Sequence[Result], need: Need) -> list[Recommendation]:
    """One recommendation per problem, smallest problem first."""
    by_problem: dict[Problem, list[Result]] = {}
    for result in results:
        by_problem.setdefault(result.problem, []).append(result)
    ordered = sorted(by_problem, key=lambda problem: problem.order)
    return [_for_problem(problem, by_problem[problem], need) for problem in ordered]


def contenders(results: Sequence[Result]) -> list[Result]:
    """Backends that compute dGSEA, finished on every seed, with errors against a truth and a timed gradient."""
    needed = ("value_error_scaled", "step_seconds")
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
    rivals = contenders(results)
    if not rivals:
        why, unknown = _why_no_contender(results)
        return Recommendation(problem, need, None, why=why, errors_unknown=unknown)
    gradient_known = any(result.values("gradient_error") for result in rivals)
    accurate = [result for result in rivals if meets(result, need, gradient_known=gradient_known)]
    if not accurate:
        return Recommendation(problem, need, None, why=f"no backend measured here is {need.title}")
    fastest = min(accurate, key=lambda result: _time(result, "step_seconds"))
    reach = _time(fastest, "step_seconds_q3")
    as_fast = [result for result in accurate if result is fastest or _time(result, "step_seconds_q1") <= reach]
    chosen, *rivals = sorted(as_fast, key=_inaccuracy)
    return Recommendation(problem, need, chosen, tuple(rivals), alone=len(accurate) == 1)


def _inaccuracy(result: Result) -> tuple[float, float, float]:
    """Among backends that are as fast as one another the most accurate one is the one to use."""
    value, gradient = result.worst("value_error_scaled"), result.worst("gradient_error")
    return (value or 0.0, gradient or 0.0, _time(result, "step_seconds"))


def _why_no_contender(results: Sequence[Result]) -> tuple[str, bool]:
    """The reason, and whether it is that errors are unknown."""
    rows = [row for result in results if result.target == "dgsea" for row in result.done]
    if not rows:
        reasons = {row.reason for result in results if result.target == "dgsea" for row in result.rows}
        shared = f": {reasons.pop()}" if len(reasons) == 1 and all(reasons) else ""
        return f"no dGSEA backend finished{shared}", False
    if not any("value_error_scaled" in row.metrics for row in rows):
        reason = next((row.without_truth for row in rows if row.without_truth), None)
        return f"errors are unknown: {reason or 'there is no truth'}", True
    return "no dGSEA backend finished with both errors and times", False


def _time(result: Result, name: str) -> float:
    """Seconds; a quartile that was not recorded is taken for the median."""
    value = result.typical(name)
    return value if value is not None else _time(result, "step_seconds")


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


def sentences(recommendations: Sequence[Sequence[Recommendation]], results: Sequence[Result]) -> list[str]:
    """The verdict in words, one sentence or two per need."""
    if not any(item.chosen for each in recommendations for item in each):
        reasons = list(dict.fromkeys(item.why for each in recommendations for item in each))
        return [f"Nothing can be recommended: {'; '.join(reasons)}."]
    found = [_of_need(recommendations[0], results)]
    for each in recommendations[1:]:
        same = all(mine.chosen is other.chosen for mine, other in zip(recommendations[0], each, strict=True))
        nothing_faster = f"Nothing measured that is only {each[0].need.title} is faster."
        found.append(nothing_faster if same else _of_need(each, results))
    unknown = [item.problem for item in recommendations[0] if item.errors_unknown]
    if unknown:
        place = sizes_in_words(unknown)
        found.append(f"At {place} there is no truth, so errors are unknown and nothing is recommended.")
    return found


def growth_sentence(run: Run) -> str:
    """How time grows with genes, on the lines with most sizes."""
    families = sorted(run.lines("genes").values(), key=lambda lines: -max(len(line.results) for line in lines))
    fitted = [
        (f"{growth.slope:.2f} for {line.label}", growth)
        for line in (families[0] if families else [])
        if line.results[0].target == "dgsea" and (growth := line.growth("step_seconds"))
    ]
    if not fitted:
        return ""
    low, high = min(item.sizes[0] for _, item in fitted), max(item.sizes[1] for _, item in fitted)
    powers = wording.listed([text for text, _ in fitted])
    where = f" on {dict(families[0][0].family.settings)['machine']}" if "machine" in run.varying else ""
    return f"From {low:,.0f} to {high:,.0f} genes, time grows{where} as the number of genes to the power of {powers}."


def flags_sentence(run: Run) -> str:
    """How many results are not to be believed without a look."""
    done = [row for row in run.rows if row.status == "done"]
    flagged = sum(bool(row.flags) for row in done)
    return f"{flagged:,} of {wording.plural(len(done), 'finished case')} are flagged: see All cases." if flagged else ""


def window_sentence(run: Run) -> str:
    """At which share of positions each backend takes the running sum: what its window, if it has one, saves."""
    by_share: dict[str, list[str]] = {}
    for label in run.labels:
        kept = [value for item in run.results if item.label == label for value in item.values("positions_kept")]
        if kept:
            by_share.setdefault(wording.span(kept, lambda share: f"{100 * (share or 0.0):.0f} %"), []).append(label)
    if not by_share:
        return ""
    parts = [f"{share} of positions by {wording.listed(labels)}" for share, labels in by_share.items()]
    return f"The running sum is taken at {'; at '.join(parts)}."


def _of_need(recommendations: Sequence[Recommendation], results: Sequence[Result]) -> str:
    by_label: dict[str, list[Recommendation]] = {}
    for item in recommendations:
        if item.chosen:
            by_label.setdefault(item.chosen.label, []).append(item)
    need = recommendations[0].need
    if not by_label:
        return f"No backend measured here is {need.title}."
    parts = [
        f"{label} {_place(items, recommendations)}{_told(label, items, results)}" for label, items in by_label.items()
    ]
    without = sum(1 for item in recommendations if not item.chosen and not item.errors_unknown)
    rest = f" On {wording.plural(without, 'problem')} no backend meets this." if without else ""
    return f"{need.title[:1].upper()}{need.title[1:]}: use {'; '.join(parts)}.{rest}"


def _place(items: Sequence[Recommendation], everything: Sequence[Recommendation]) -> str:
    """``at 400 to 4,000 genes``; with the kinds of scores where other kinds of these sizes have another answer."""
    sizes, mine = {item.problem.genes for item in items}, {item.problem for item in items}
    shared = any(item.problem.genes in sizes and item.problem not in mine for item in everything)
    kinds = wording.listed(list(dict.fromkeys(item.problem.scores for item in items)))
    return f"at {sizes_in_words([item.problem for item in items])}" + (f" on {kinds} scores" if shared else "")


def _told(label: str, items: Sequence[Recommendation], results: Sequence[Result]) -> str:
    """`` (1.2 to 1.6 times as fast as exact; its gradient is off by up to 3 %)``."""
    chosen = [item.chosen for item in items if item.chosen]
    remarks = [_against_exact(label, chosen, results)]
    gradient = max((value for item in chosen if (value := item.worst("gradient_error")) is not None), default=0.0)
    if gradient > EXACT.value:
        remarks.append(f"its gradient is off by up to {wording.error(gradient)}")
    if all(item.alone for item in items):
        remarks.append("nothing else measured is as accurate")
    elif label == "exact":
        remarks.append("no approximation is faster")
    told = "; ".join(remark for remark in remarks if remark)
    return f" ({told})" if told else ""


def _against_exact(label: str, chosen: Sequence[Result], results: Sequence[Result]) -> str:
    """How many times as fast as the exact backend, where both were measured."""
    exact = {result.problem: result.typical("step_seconds") for result in results if result.label == "exact"}
    pairs = [(exact.get(item.problem), item.typical("step_seconds")) for item in chosen]
    ratios = [slow / fast for slow, fast in pairs if slow and fast]
    if label == "exact" or not ratios:
        return ""
    return f"{wording.span(ratios, lambda ratio: wording.times(ratio or 0.0))} times as fast as exact"
