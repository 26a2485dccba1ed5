"""The verdict in words: what to use, how sure that is, and what to know beside it."""

from collections.abc import Sequence

from dgsea_bench.report import wording
from dgsea_bench.report.rows import Result, Run, sizes_in_words
from dgsea_bench.report.verdict import EXACT, Recommendation


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
        told = wording.listed(parts) if len(parts) < 4 else f"{most} mostly, others at some sizes"
        return f"{wording.capital(need.title)}, use {told}"
    label = next(iter(by_label))
    against = _against_exact(label, chosen, results)
    if label == "exact":
        return f"Use exact: nothing faster is {need.accuracy}, at {sizes_in_words([i.problem for i in chosen])}"
    sizes = sizes_in_words([item.problem for item in chosen])
    return f"Use {label}: {need.accuracy}{f' and {against}' if against else ''}, at {sizes}"


def sentences(recommendations: Sequence[Sequence[Recommendation]], results: Sequence[Result]) -> list[str]:
    """The verdict in words, one sentence or two per need."""
    if not any(item.chosen for each in recommendations for item in each):
        return [f"Nothing can be recommended: {_why(recommendations)}."]
    first, *others = [each for each in recommendations if any(item.measured for item in each)]
    same = [each for each in others if not each[0].need.on_gpu and _same(first, each)]
    better = ["takes less memory" if each[0].need.least == "step_peak_mib" else "is faster" for each in same]
    nothing = f" Nothing that is only {same[0][0].need.accuracy} {wording.listed(better, 'or')}." if same else ""
    found = [f"{_of_need(first, results)}{nothing}"]
    found += [_of_need(each, results) for each in others if each not in same]
    if not any(item.need.on_gpu and item.measured for each in recommendations for item in each):
        found.append("On a GPU nothing was measured.")
    unknown = [item.problem for item in first if item.errors_unknown]
    if unknown:
        place = sizes_in_words(unknown)
        found.append(f"At {place} there is no truth, so errors are unknown and nothing is recommended.")
    return found


def _same(mine: Sequence[Recommendation], others: Sequence[Recommendation]) -> bool:
    return all(a.chosen is b.chosen for a, b in zip(mine, others, strict=True))


def _why(recommendations: Sequence[Sequence[Recommendation]]) -> str:
    """The reasons, that nothing was measured on a GPU among them only if there is no other."""
    items = [item for each in recommendations for item in each]
    told = [item.why for item in items if item.measured] or [item.why for item in items]
    return "; ".join(dict.fromkeys(told))


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
        return f"No backend measured here is {need.title}."
    parts = [
        f"{label} {_place(items, recommendations)}{_told(label, items, results)}" for label, items in by_label.items()
    ]
    without = sum(1 for item in recommendations if not item.chosen and item.measured and not item.errors_unknown)
    rest = f" On {wording.plural(without, 'problem')} no backend meets this." if without else ""
    return f"{wording.capital(need.title)}: use {'; '.join(parts)}.{rest}"


def _place(items: Sequence[Recommendation], everything: Sequence[Recommendation]) -> str:
    """``at 400 to 4,000 genes``; with the kinds of scores where other kinds of these sizes have another answer."""
    sizes, mine = {item.problem.genes for item in items}, {item.problem for item in items}
    shared = any(item.problem.genes in sizes and item.problem not in mine for item in everything)
    kinds = wording.listed(list(dict.fromkeys(item.problem.scores for item in items)))
    return f"at {sizes_in_words([item.problem for item in items])}" + (f" on {kinds} scores" if shared else "")


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
            *(item.margin.rival.label for item in tied if item.margin),
        ]
        names = wording.listed(list(dict.fromkeys(rivals)), "or")
        where = "" if len(tied) == len(items) else f" on {len(tied)} of {len(items)} problems"
        return f"within noise of {names}{where}" if time else f"{names} takes as little{where}"
    nearest = min(margins, key=lambda margin: margin.low)
    factor = wording.times(nearest.low)
    names = wording.listed(list(dict.fromkeys(margin.rival.label for margin in margins)), "or")
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
    return (
        f"{told} times as fast as the exact backend" if least == "step_seconds" else f"exact takes {told} times as much"
    )
