"""The verdict in words: what to use, how sure that is, and what to know beside it."""

import math
from collections import Counter
from collections.abc import Sequence

from dgsea_bench.report import wording
from dgsea_bench.report.rows import AXES, Problem, Result, Run, sizes_in_words
from dgsea_bench.report.verdict import EXACT, Recommendation

MOST_VALUES = 3
"""Of a setting, by which problems are told apart in a sentence."""


def answer(recommendations: Sequence[Sequence[Recommendation]], results: Sequence[Result]) -> str:
    """The verdict in one line, of the strictest need that any backend meets."""
    for each in recommendations:
        chosen = [item for item in each if item.chosen]
        if chosen:
            break
    else:
        return f"Nothing can be recommended: {_why(recommendations)}"
    by_label = _by_label(chosen)
    need = each[0].need
    if len(by_label) > 1:
        most = max(by_label, key=lambda label: len(by_label[label]))
        parts = [f"{label} {_place(items, each)}" for label, items in by_label.items()]
        if len(parts) < 4:
            return f"{wording.capital(need.title)}, use {wording.listed(parts)}"
        if 2 * len(by_label[most]) <= len(chosen):
            return f"{wording.capital(need.title)}, what to use differs from problem to problem"
        return f"{wording.capital(need.title)}, use {most} mostly, others on some problems"
    label, where = next(iter(by_label)), " on a GPU" if need.on_gpu else ""
    against = _against_exact(label, chosen, results)
    if label == "exact":
        less = clearly("faster" if need.least == "step_seconds" else "leaner", chosen)
        return f"Use exact{where}: nothing {less} is {need.accuracy}, {_place(chosen, each)}"
    return f"Use {label}{where}: {need.accuracy}{f' and {against}' if against else ''}, {_place(chosen, each)}"


def sentences(recommendations: Sequence[Sequence[Recommendation]], results: Sequence[Result]) -> list[str]:
    """The verdict in words, one sentence or two per need."""
    if not any(item.chosen for each in recommendations for item in each):
        return [f"Nothing can be recommended: {_why(recommendations)}."]
    first, *others = [each for each in recommendations if any(item.measured for item in each)]
    same = [each for each in others if not each[0].need.on_gpu and _same(first, each)]
    better = [
        f"takes {clearly('less', each)} memory"
        if each[0].need.least == "step_peak_mib"
        else f"is {clearly('faster', each)}"
        for each in same
    ]
    nothing = f" Nothing that is only {same[0][0].need.accuracy} {wording.listed(better, 'or')}." if same else ""
    told = [_of_need(each, results) for each in others if each not in same]
    found = list(dict.fromkeys([f"{_of_need(first, results)}{nothing}", *told]))
    if not any(item.need.on_gpu and item.measured for each in recommendations for item in each):
        found.append("On a GPU nothing was measured.")
    unknown = [item for item in first if item.errors_unknown]
    if unknown:
        place = wording.capital(_place(unknown, first))
        found.append(f"{place} there is no truth, so errors are unknown and nothing is recommended.")
    return found


def _same(mine: Sequence[Recommendation], others: Sequence[Recommendation]) -> bool:
    """Whether there is an answer, and it is the same one."""
    pairs = [(a.chosen, b.chosen) for a, b in zip(mine, others, strict=True)]
    return any(a for a, _ in pairs) and all(a is b for a, b in pairs)


def clearly(less: str, items: Sequence[Recommendation]) -> str:
    """``faster``, or ``clearly faster`` where something is so, by no more than noise."""
    return f"clearly {less}" if any(item.margin and item.margin.factor < 1 for item in items) else less


def _why(recommendations: Sequence[Sequence[Recommendation]]) -> str:
    """The reasons, that nothing was measured on a GPU among them only if there is no other."""
    items = [item for each in recommendations for item in each]
    told = [item.why for item in items if item.measured] or [item.why for item in items]
    return "; ".join(dict.fromkeys(told))


def growth_sentence(run: Run) -> str:
    """How time grows with genes, on the lines with most sizes."""
    families = sorted(run.lines("genes").values(), key=lambda lines: -max(len(line.results) for line in lines))
    fitted = [
        (f"{f'{growth.slope:.2f}'.replace('-', '−')} for {line.label}", growth)
        for line in (families[0] if families else [])
        if line.results[0].target == "dgsea" and (growth := line.growth("step_seconds"))
    ]
    if not fitted:
        return ""
    ranges = {text: f"{growth.sizes[0]:,.0f} to {growth.sizes[1]:,.0f}" for text, growth in fitted}
    usual = Counter(ranges.values()).most_common(1)[0][0]
    powers = wording.listed([f"{text}{'' if over == usual else f' ({over})'}" for text, over in ranges.items()])
    where = f" on {dict(families[0][0].family.settings)['machine']}" if "machine" in run.varying else ""
    return f"From {usual} genes, time grows{where} as the number of genes to the power of {powers}."


def flags_sentence(run: Run) -> str:
    """How many results are not to be believed without a look."""
    done = [row for row in run.rows if row.status == "done"]
    flagged = sum(bool(row.flags) for row in done)
    are = "is" if flagged == 1 else "are"
    return (
        f"{flagged:,} of {wording.plural(len(done), 'finished case')} {are} flagged: see All cases." if flagged else ""
    )


def window_sentence(run: Run) -> str:
    """At which share of positions each backend takes the running sum: what its window, if it has one, saves."""
    by_share: dict[str, list[str]] = {}
    for label in run.labels:
        kept = [value for item in run.results if item.label == label for value in item.values("positions_kept")]
        if kept:
            by_share.setdefault(wording.span(kept, lambda share: f"{100 * (share or 0.0):.0f} %"), []).append(label)
    if not by_share:
        return ""
    if list(by_share) == ["100 %"]:
        return "Every backend takes the running sum at all positions: no window saves anything here."
    parts = [f"{share} of positions by {wording.listed(labels)}" for share, labels in by_share.items()]
    return f"The running sum is taken at {'; at '.join(parts)}."


def _by_label(items: Sequence[Recommendation]) -> dict[str, list[Recommendation]]:
    found: dict[str, list[Recommendation]] = {}
    for item in items:
        if item.chosen:
            found.setdefault(item.chosen.label, []).append(item)
    return found


def _of_need(recommendations: Sequence[Recommendation], results: Sequence[Result]) -> str:
    by_label = _by_label(recommendations)
    need = recommendations[0].need
    if not by_label:
        why = _why([recommendations])
        return f"On a GPU {why}." if need.on_gpu else f"{wording.capital(why)}."
    parts = [
        f"{label} {_place(items, recommendations)}{_told(label, items, results)}" for label, items in by_label.items()
    ]
    without = sum(1 for item in recommendations if not item.chosen and item.measured and not item.errors_unknown)
    rest = f" On {wording.plural(without, 'problem')} no backend meets this." if without else ""
    return f"{wording.capital(need.title)}: use {'; '.join(parts)}.{rest}"


def _place(items: Sequence[Recommendation], everything: Sequence[Recommendation]) -> str:
    """``at 400 to 4,000 genes``; with what tells them from others of these sizes that have another answer."""
    mine = [item.problem for item in items]
    known, sizes = set(mine), {problem.genes for problem in mine}
    others = [item.problem for item in everything if item.problem not in known]
    alike = [problem for problem in others if problem.genes in sizes]
    return f"at {sizes_in_words(mine, others=others)}{_told_apart(mine, alike)}"


def _told_apart(mine: Sequence[Problem], others: Sequence[Problem]) -> str:
    """What no other one has in common with them: `` on tied scores``, `` with 50 sets``, `` with tau_rank 0.3``."""
    if not others:
        return ""
    kinds = list(dict.fromkeys(problem.scores for problem in mine))
    if set(kinds).isdisjoint(problem.scores for problem in others):
        return f" on {wording.listed(kinds)} scores"
    for axis in AXES[1:]:
        if {getattr(problem, axis) for problem in mine}.isdisjoint(getattr(problem, axis) for problem in others):
            return f" with {sizes_in_words(mine, axis, others)}"
    for name, _ in mine[0].settings:
        values, theirs = (
            list(dict.fromkeys(dict(problem.settings).get(name, "none") for problem in each)) for each in (mine, others)
        )
        if set(values).isdisjoint(theirs) and len(values) <= MOST_VALUES:
            return f" {'on' if name == 'machine' else f'with {name}'} {wording.listed(values)}"
    return ", on some of the problems"


def _told(label: str, items: Sequence[Recommendation], results: Sequence[Result]) -> str:
    """`` (1.2 to 1.6 times as fast as the exact backend; its gradient is off by up to 3 %)``."""
    chosen = [item.chosen for item in items if item.chosen]
    remarks = [_against_exact(label, items, results)]
    gradient = max((value for item in chosen if (value := item.worst("gradient_error")) is not None), default=0.0)
    if gradient > EXACT.value:
        remarks.append(f"its gradient is off by up to {wording.error(gradient)}")
    if _all_alone(items):
        remarks.append("nothing else measured is as accurate")
    else:
        remarks.append(how_sure(items))
    told = "; ".join(remark for remark in remarks if remark)
    return f" ({told})" if told else ""


def how_sure(items: Sequence[Recommendation]) -> str:
    """Whether another one would do as well: ``the next best takes at least 1.2 times as long``."""
    margins = [item.margin for item in items if item.margin]
    if not margins:
        return "nothing else measured is as accurate"
    tied = [item for item in items if item.rivals or (item.margin and item.margin.low <= 1)]
    time = items[0].need.least == "step_seconds"
    if tied:
        rivals = [
            *(rival.label for item in tied for rival in item.rivals),
            *(item.margin.rival.label for item in tied if item.margin and item.margin.low <= 1),
        ]
        names = wording.listed(list(dict.fromkeys(rivals)), "or")
        where = "" if len(tied) == len(items) else f" on {len(tied)} of {len(items)} problems"
        return f"within noise of {names}{where}" if time else f"{names} takes as little{where}"
    nearest = min(margins, key=lambda margin: margin.low)
    names = wording.listed(list(dict.fromkeys(margin.rival.label for margin in margins)), "or")
    if math.isinf(nearest.low):
        return f"too little to be measured; the next best, {names}, takes more"
    factor = wording.times(nearest.low)
    return f"the next best, {names}, takes at least {factor} times {'as long' if time else 'as much'}"


def _all_alone(items: Sequence[Recommendation]) -> bool:
    return all(item.alone for item in items)


def _against_exact(label: str, items: Sequence[Recommendation], results: Sequence[Result]) -> str:
    """How many times as fast, or as lean, as the exact backend, where both were measured."""
    least = items[0].need.least
    exact = {result.problem: result.typical(least) for result in results if result.label == "exact"}
    pairs = [(exact.get(item.chosen.problem), item.chosen.typical(least)) for item in items if item.chosen]
    ratios = [slow / fast for slow, fast in pairs if slow and fast]
    if label == "exact" or not ratios:
        return ""
    told = wording.span(ratios, lambda ratio: wording.times(ratio or 0.0))
    where = " where both were measured" if len(ratios) < len(pairs) else ""
    return (
        f"{told} times as fast as the exact backend{where}"
        if least == "step_seconds"
        else f"exact takes {told} times as much{where}"
    )
