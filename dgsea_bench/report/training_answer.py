"""What training with dGSEA gains, in a sentence: whether approximations or temperatures change the conclusion."""

from collections.abc import Callable, Sequence

from dgsea_bench.report import wording
from dgsea_bench.report.rows import Run
from dgsea_bench.report.training_check import ON_GENES, Conclusion, Outcome, conclude
from dgsea_bench.report.training_rows import (
    GENE,
    GENES_ALONE,
    HYBRID,
    OWN,
    PATHWAY,
    PATHWAYS_ALONE,
    TASK,
    Estimate,
    Experiment,
    Settings,
    Study,
    Variant,
    are_one_model,
    difference,
    finished,
    in_seeds,
    shared_seeds,
    studies,
)

CHECK = "the check of the paper's conclusion"
INTERVAL = "95 % interval"


def training_answer(run: Run) -> str:
    """The answer of the first study in one sentence, without a full stop; empty without rows of training."""
    found = studies(run.of_task(TASK))
    if not found:
        return ""
    if not finished(found):
        return _nothing_trained(found)
    study = next(each for each in found if each.trained)
    reference = study.reference
    if reference is None:
        return _nothing_trained(found)
    others = [text for each in found if each is not study and (text := _elsewhere(each))]
    return "; ".join([_of_reference(reference), *_of_others(study, reference), *others])


def _nothing_trained(found: Sequence[Study]) -> str:
    if any(study.baseline for study in found):
        return (
            "Whether dGSEA as an auxiliary loss helps is not known: of all models only those trained on genes alone "
            "finished"
        )
    reasons = {row.reason for study in found for each in study.experiments for row in each.unfinished}
    reason = reasons.pop() if len(reasons) == 1 else None
    return (
        f"Whether dGSEA as an auxiliary loss helps is not known: no model was trained{f' ({reason})' if reason else ''}"
    )


def subject(experiment: Experiment) -> str:
    """What was trained with: ``dGSEA as an auxiliary loss``."""
    variant = experiment.variant
    what = {HYBRID: "dGSEA as an auxiliary loss", PATHWAYS_ALONE: "dGSEA as the only loss"}.get(
        variant.arm, f"dGSEA ({variant.arm})"
    )
    if experiment.label.partition("[")[0] == "straight-through":
        what = f"{what.replace('dGSEA', 'classical ES')} (straight-through)"
    return what if variant.pathways == experiment.judged_by else f"{what} on {pathways_in_words(variant.pathways)}"


def pathways_in_words(name: str) -> str:
    """What a model is trained with, as a part of a sentence."""
    return "random gene sets of the same sizes" if name == "random" else f"the pathways {name}"


def verdict_in_words(conclusion: Conclusion, check: str = "the check") -> str:
    """``passes the check``, ``fails the check on gain in pathway correlation``, and whether that is certain."""
    if conclusion.passes is None:
        return f"cannot be checked ({_titles(conclusion.unknown)} not known)"
    uncertain = "" if conclusion.certain else ", though not for certain"
    if conclusion.passes:
        return f"passes {check}{uncertain}"
    return f"fails {check}{uncertain and f'{uncertain},'} on {_titles(conclusion.failing)}"


def _titles(outcomes: Sequence[Outcome]) -> str:
    return wording.listed([outcome.criterion.title for outcome in outcomes])


def _of_reference(reference: Experiment) -> str:
    """The first part of the answer: what became of the reference, with the interval of its gain."""
    conclusion = conclude(reference)
    what = wording.capital(subject(reference)) if not subject(reference).startswith("dGSEA") else subject(reference)
    if conclusion.passes and conclusion.certain:
        said = f"{what} improves pathway agreement without hurting gene-level accuracy"
    elif conclusion.passes:
        said = f"{what} seems to improve pathway agreement without hurting gene-level accuracy, not for certain"
    elif conclusion.passes is None:
        said = f"{what} {verdict_in_words(conclusion, CHECK)}"
    else:
        said = f"{what} {_falls_short(conclusion)}{'' if conclusion.certain else ', though not for certain'}"
    gain = reference.gain(PATHWAY)
    over = f"with {reference.label}, {_over(reference)}"
    if gain is None:
        return f"{said} ({over})"
    return f"{said} (pathway correlation {unbracketed(gain, INTERVAL)}, {over})"


def _falls_short(conclusion: Conclusion) -> str:
    """What is amiss, in words: too small a gain on pathways, a loss on genes, or both."""
    on_genes = [outcome.criterion.metric in ON_GENES for outcome in conclusion.failing]
    if all(on_genes):
        return "improves pathway agreement but hurts gene-level accuracy"
    if any(on_genes):
        return "does not improve pathway agreement enough and hurts gene-level accuracy"
    return "does not improve pathway agreement enough"


def _over(experiment: Experiment) -> str:
    return "1 seed" if len(experiment.seeds) == 1 else f"{len(experiment.seeds)} seeds"


def gained(gain: Estimate, name: str = "", form: Callable[[float | None], str] = wording.change) -> str:
    """``+0.049 (+0.041 to +0.057)``, or without an interval why there is none."""
    ends = wording.interval(gain.low, gain.high, form)
    if not ends:
        return f"{form(gain.value)} (no interval{f': {gain.why}' if gain.why else ''})"
    return f"{form(gain.value)} ({f'{name} ' if name else ''}{ends})"


def unbracketed(gain: Estimate, name: str = "") -> str:
    """The same within brackets: ``+0.049, +0.041 to +0.057``."""
    return gained(gain, name).replace(" (", ", ", 1).removesuffix(")")


def _of_others(study: Study, reference: Experiment) -> list[str]:
    """What other backends and temperatures change, each a part of the answer."""
    backends = [each for each in study.of_variant(reference.variant) if each is not reference and not each.is_foil]
    said = [_changes(reference, backends, "no other backend changes that", _by_label)] if backends else []
    if not backends:
        said.append("no other backend was trained")
    for each in (reference, *backends):
        if others := temperature_pairs(study, each):
            whose = "changes that" if each is reference else f"changes what {each.label} comes to"
            whose = (
                "does either" if whose == "changes that" and said[0].startswith(f"no other backend {whose}") else whose
            )
            return [*said, _changes(each, others, f"no other temperature {whose}", _by_temperature, brief=True)]
    return said


def _by_label(each: Experiment, _: Experiment) -> str:
    return f"with {each.label}"


def _by_temperature(each: Experiment, reference: Experiment) -> str:
    return f"with {each.label} at {differing(each.variant.temperatures, reference.variant.temperatures)}"


def _changes(
    reference: Experiment,
    others: Sequence[Experiment],
    nothing: str,
    name: Callable[[Experiment, Experiment], str],
    *,
    brief: bool = False,
) -> str:
    """``no other backend changes that (largest difference +0.002, …, with nyswin)``, or which ones do."""
    judged = {each: _agreement(reference, each) for each in others}
    known = [each for each in others if judged[each] is not None]
    turned = [each for each in others if judged[each] is False or _turns_over_all_seeds(reference, each)]
    largest = "" if brief else _largest(reference, others)
    open_question = nothing.replace("no other", "whether another", 1).replace("does either", "changes that")
    if all(are_one_model(each, reference) for each in others) and not turned:
        return f"{open_question} is not told: validation chose λ 0, at which all are one model"
    if turned:
        told = wording.listed([f"{name(each, reference)} it {_turned(each, reference)}" for each in turned])
        return f"{told}{largest}"
    if not known:
        return f"{open_question} is not known{largest}"
    unknown = [each for each in others if judged[each] is None]
    rest = f", but {wording.listed([name(each, reference) for each in unknown])} that is not known" if unknown else ""
    return f"{nothing}{largest}{rest}"


def _largest(reference: Experiment, others: Sequence[Experiment]) -> str:
    """`` (largest difference +0.002, −0.001 to +0.004)``: of gains in pathway correlation, from the reference."""
    apart = [found for each in others if (found := difference(each, reference)) is not None]
    if not apart:
        return ""
    return f" ({'largest ' if len(apart) > 1 else ''}difference {unbracketed(max(apart, key=lambda e: abs(e.value)))})"


def _agreement(reference: Experiment, other: Experiment) -> bool | None:
    """Whether the two come to the same conclusion over the seeds that both have; None if that is not known."""
    seeds = shared_seeds(reference, other)
    mine, theirs = (conclude(each, seeds).passes for each in (reference, other))
    return None if not seeds or mine is None or theirs is None else mine is theirs


def _turns_over_all_seeds(reference: Experiment, other: Experiment) -> bool:
    """Whether a backend with more seeds comes to another conclusion over all of them."""
    more = set(other.seeds) - set(reference.seeds)
    verdicts = conclude(reference).passes, conclude(other).passes
    return bool(more) and None not in verdicts and verdicts[0] is not verdicts[1]


def _turned(each: Experiment, reference: Experiment) -> str:
    """What an experiment that comes to another conclusion does, and over which seeds."""
    seeds = shared_seeds(reference, each)
    over_shared = _agreement(reference, each) is False
    conclusion = conclude(each, seeds if over_shared else None)
    certain = "" if conclusion.certain else ", not for certain"
    used = seeds if over_shared else each.seeds
    over = "" if used == reference.seeds else f" over {in_seeds(used)}"
    return f"{'passes' if conclusion.passes else 'fails'}{over}{certain}"


def _elsewhere(study: Study) -> str:
    """The conclusion of another study, in a few words."""
    if study.reference is None:
        return ""
    passes = conclude(study.reference).passes
    told = {True: "passes", False: "fails", None: "is not known"}[passes]
    return f"with {study.name} the check {told}"


def differing(temperatures: Settings, usual: Settings) -> str:
    """The temperatures that are not those: ``tau_rank 0.3, tau_abs 0.6``."""
    known = dict(usual)
    return ", ".join(f"{name} {value}" for name, value in temperatures if known.get(name) != value)


def temperature_pairs(study: Study, reference: Experiment) -> list[Experiment]:
    """Experiments that differ from the reference in their temperatures alone."""
    mine = reference.variant
    return [
        each
        for each in study.trained
        if each.label == reference.label
        and each.variant.temperatures != mine.temperatures
        and _beside_temperatures(each.variant) == _beside_temperatures(mine)
    ]


def _beside_temperatures(variant: Variant) -> tuple[object, ...]:
    return variant.arm, variant.pathways, variant.own


def variant_name(each: Experiment, main: Variant) -> str:
    """What a model was trained with in a few words: ``hybrid, random gene sets, tau_rank 0.3``."""
    variant = each.variant
    if variant.arm == GENES_ALONE:
        return "genes alone"
    parts = [{HYBRID: "hybrid", PATHWAYS_ALONE: "dGSEA alone"}.get(variant.arm, variant.arm)]
    if variant.pathways != each.judged_by:
        parts.append("random gene sets" if variant.pathways == "random" else f"pathways {variant.pathways}")
    parts.append(differing(variant.temperatures, main.temperatures))
    if variant.arm == main.arm:
        parts.append(differing(variant.own, main.own))
    return ", ".join(part for part in parts if part)


def own_gain(each: Experiment) -> str:
    """What a model gained on the pathways that it was trained with, where these are others."""
    gain = each.gain(OWN)
    return f" On the gene sets that it was trained with it gains {gained(gain)}." if gain else ""


def gene_change(each: Experiment) -> str:
    """What became of the correlation over genes, as the end of a sentence."""
    gain = each.gain(GENE)
    return f"gene correlation changes by {gained(gain)}" if gain else "gene correlation is not known"
