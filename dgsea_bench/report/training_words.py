"""The section on training in sentences: the check, other backends, temperatures, controls, what was not trained."""

from collections.abc import Sequence

from dgsea_bench.report import wording
from dgsea_bench.report.training_answer import (
    CHECK,
    INTERVAL,
    differing,
    gained,
    gene_change,
    own_gain,
    pathways_in_words,
    subject,
    temperature_pairs,
    variant_name,
    verdict_in_words,
)
from dgsea_bench.report.training_check import conclude
from dgsea_bench.report.training_rows import (
    HYBRID,
    PATHWAY,
    PATHWAYS_ALONE,
    Estimate,
    Experiment,
    Study,
    are_one_model,
    continued,
    difference,
    in_seeds,
    shared_seeds,
)


def study_sentences(study: Study) -> list[str]:
    """All that is to be said of a study, a sentence or two for each comparison."""
    reference = study.reference
    if reference is None:
        return [_without_a_model(study), *not_trained(study)]
    said = [
        _check_sentence(reference),
        *_continued_sentences(study, reference),
        *_backend_sentences(study, reference),
        *_temperature_sentences(study, reference),
        *_control_sentences(study),
        *_alone_sentences(study),
        *_foil_sentences(study, reference),
    ]
    return [f"{_prefix(study)}{said[0]}", *said[1:], *not_trained(study)]


def _continued_sentences(study: Study, reference: Experiment) -> list[str]:
    """What a hybrid gains by training on and by the choice of an epoch alone, without a pathway loss: at λ 0."""
    said = []
    for each in (reference, *[other for other in study.of_variant(reference.variant) if other is not reference]):
        found = continued(each)
        gain = each.gain(PATHWAY, tuple(found)) if found else None
        if gain is not None and not each.is_foil:
            alone = sum(found.values()) / len(found)
            said.append(
                f"{wording.change(alone)}, to which dGSEA adds {wording.change(gain.value - alone)}, with {each.label} "
                f"({wording.plural(len(found), 'seed')})"
            )
    without = "Training on for as long without the pathway loss (λ 0) changes pathway correlation by"
    return [f"{without} {'; by '.join(said)}. Test compounds, no interval."] if said else []


def _prefix(study: Study) -> str:
    return f"{wording.capital(study.name)}: " if study.name else ""


def _without_a_model(study: Study) -> str:
    if study.baseline is None:
        return wording.capital(f"{_prefix(study)}no model finished.")
    gene, pathway = (study.baseline.mean(name) for name in ("gene_correlation", PATHWAY))
    return wording.capital(
        f"{_prefix(study)}only the model of genes alone finished ({in_seeds(study.baseline.seeds)}): gene correlation "
        f"{wording.share(gene)}, pathway correlation {wording.share(pathway)}."
    )


def _check_sentence(reference: Experiment) -> str:
    """What the check says of the reference, and what it rests on."""
    conclusion = conclude(reference)
    count = len(reference.seeds)
    over = f"over {wording.plural(count, 'seed')}" if count > 1 else f"over {in_seeds(reference.seeds)} alone"
    text = f"With {reference.label}, {over}, {subject(reference)} {verdict_in_words(conclusion, CHECK)}"
    gain = reference.gain(PATHWAY)
    if gain is None:
        return f"{text}; its gain in pathway correlation is not known."
    text += f": pathway correlation changes by {gained(gain, INTERVAL)}, {_in_seeds_above(gain)}; "
    text += f"{gene_change(reference)}."
    if conclusion.open:
        needs = [f"{each.criterion.title} ({each.criterion.needs})" for each in conclusion.open if each.gain]
        known = all(each.gain and each.gain.low is not None for each in conclusion.open)
        why = "The interval reaches across the bound of" if known else "Without an interval on one side of its bound is"
        text += f" {why} {'; '.join(needs)}." if needs else ""
    if reference.label != "exact":
        text += (
            f" exact was not trained so; {reference.label} stands for it here."
            if not (reference.is_foil)
            else " No backend that computes dGSEA was trained so."
        )
    return text


def _in_seeds_above(gain: Estimate) -> str:
    """In how many seeds a gain is one."""
    return f"above 0 in {gain.above_zero} of {wording.plural(len(gain.by_seed), 'seed')}"


def _backend_sentences(study: Study, reference: Experiment) -> list[str]:
    """A sentence on each other backend in the place of the reference."""
    others = [each for each in study.of_variant(reference.variant) if each is not reference and not each.is_foil]
    if not others:
        told = f"No other backend than {reference.label} was trained: whether the backend matters is not known."
        return [] if reference.is_foil else [told]
    return [_beside(each, reference, each.label, reference.label) for each in others]


def _beside(each: Experiment, reference: Experiment, name: str, other: str) -> str:
    """Whether two come to the same conclusion, over which seeds, and how their gains differ."""
    seeds = shared_seeds(each, reference)
    alone = _alone(each)
    if not seeds:
        return f"{wording.capital(name)} and {other} have no seed in common, so they are not compared.{alone}"
    mine, theirs = conclude(each, seeds), conclude(reference, seeds)
    which = f"over {in_seeds(seeds)}, which both have" if each.seeds != reference.seeds else "over the same seeds"
    if mine.passes is None or theirs.passes is None:
        text = f"{name}, {which}: {verdict_in_words(mine)}"
    else:
        same = "comes to the same conclusion as" if mine.passes is theirs.passes else "comes to another conclusion than"
        unsure = [whose for whose, its in ((name, mine), (other, theirs)) if not its.certain]
        doubt = f", not for certain with {wording.listed(unsure)}" if unsure else ""
        passes = "passes" if mine.passes else "fails"
        text = f"{name} {same} {other} {which}: the check {passes}{doubt}"
    found = difference(each, reference)
    if found is None:
        return f"{text}; the difference of their gains is not known.{alone}"
    more = alone if each.seeds != seeds else ""
    if are_one_model(each, reference):
        return f"{text}. Validation chose λ 0 for both, at which they are one model.{more}"
    return f"{text}. Its gain in pathway correlation {differs(found)}.{more}"


def differs(found: Estimate, other: str = "") -> str:
    """``differs from that of exact by +0.01 (…)``, only where the paired interval excludes 0."""
    if found.low is None:
        return f"less that of {other or 'the latter'} is {gained(found)}"
    whose = f" from that of {other}" if other else ""
    if found.side:
        return f"differs{whose} by {gained(found)}"
    return f"does not clearly differ{whose}: {gained(found)}"


def _alone(each: Experiment) -> str:
    """What an experiment with seeds of its own gains over all of them."""
    gain = each.gain(PATHWAY)
    if gain is None:
        return ""
    return (
        f" Over all its {wording.plural(len(each.seeds), 'seed')} it {verdict_in_words(conclude(each))}: "
        f"{gained(gain)}, {_in_seeds_above(gain)}."
    )


def _temperature_sentences(study: Study, reference: Experiment) -> list[str]:
    """A sentence for each other temperature, of the backend that has most of them."""
    compared = [each for each in study.of_variant(reference.variant) if temperature_pairs(study, each)]
    said = []
    for each in compared:
        for other in temperature_pairs(study, each):
            at = differing(other.variant.temperatures, each.variant.temperatures)
            usual = differing(each.variant.temperatures, other.variant.temperatures)
            said.append(_beside(other, each, f"{other.label} at {at}", f"{each.label} at {usual}"))
    return said


def _control_sentences(study: Study) -> list[str]:
    """What training with other gene sets than those that are judged gains, beside those."""
    said = []
    for each in study.trained:
        if each.variant.pathways != each.judged_by and not each.is_foil:
            gain = each.gain(PATHWAY)
            what = wording.capital(pathways_in_words(each.variant.pathways))
            gains = "gain" if each.variant.pathways == "random" else "as training target gain"
            if gain is None:
                said.append(f"{what} ({_as(study, each)}): what they gain is not known.")
                continue
            partner = _partner(study, each)
            found = difference(each, partner) if partner else None
            seeds = f", over {in_seeds(shared_seeds(each, partner))}" if partner and found else ""
            text = f"{what} {gains} {gained(gain)} in pathway correlation ({_as(study, each)})"
            text += f", which {_control_differs(found, each.judged_by)}{seeds}" if found else ""
            said.append(f"{text}.{own_gain(each)}")
    return said


def _control_differs(found: Estimate, judged_by: str) -> str:
    pathways = f"the pathways that are judged ({judged_by})"
    if found.side:
        return f"is {'more' if found.side > 0 else 'less'} than with {pathways}: {gained(found)}"
    if found.low is None:
        return f"less that with {pathways} is {gained(found)}"
    return f"does not clearly differ from that with {pathways}: {gained(found)}"


def _as(study: Study, each: Experiment) -> str:
    """How it was trained, in brackets."""
    main = study.main or each.variant
    return f"{variant_name(each, main)}, {each.label}, {wording.plural(len(each.seeds), 'seed')}"


def _partner(study: Study, each: Experiment) -> Experiment | None:
    """The same with the pathways that are judged."""
    mine = each.variant
    return next(
        (
            other
            for other in study.trained
            if other.label == each.label
            and other.variant.pathways == each.judged_by
            and (other.variant.arm, other.variant.temperatures, other.variant.own)
            == (mine.arm, mine.temperatures, mine.own)
        ),
        None,
    )


def _alone_sentences(study: Study) -> list[str]:
    """What dGSEA as the only loss does, where the study is about more than that."""
    if study.main is None or study.main.arm == PATHWAYS_ALONE:
        return []
    said = []
    for each in study.trained:
        if each.variant.arm == PATHWAYS_ALONE and each.variant.pathways == each.judged_by and not each.is_foil:
            gain = each.gain(PATHWAY)
            told = f"changes pathway correlation by {gained(gain)}" if gain else "has an unknown gain"
            said.append(f"dGSEA as the only loss ({_as(study, each)}) {told}; {gene_change(each)}.")
    return said


def _foil_sentences(study: Study, reference: Experiment) -> list[str]:
    """What straight-through gradients through classical ES gain."""
    said = []
    for each in study.trained:
        if each.is_foil and each is not reference and each.variant.arm == HYBRID:
            gain = each.gain(PATHWAY)
            told = f"gains {gained(gain)} in pathway correlation" if gain else "has an unknown gain"
            found = difference(each, reference) if each.variant == reference.variant else None
            apart = f", which {differs(found, reference.label)}" if found else ""
            said.append(
                f"For comparison, {each.label}, no way of computing dGSEA, {told}{apart}; it "
                f"{verdict_in_words(conclude(each))}."
            )
    return said


def not_trained(study: Study) -> list[str]:
    """Experiments without a number, with their seeds and reasons."""
    said: dict[tuple[str, str], list[str]] = {}
    for each in study.experiments:
        by_reason: dict[tuple[str, str], list[int]] = {}
        for row in each.unfinished:
            seed = int(row.case.get("training", {}).get("seed", 0))
            by_reason.setdefault((row.status, row.reason or "no reason was given"), []).append(seed)
        for outcome, seeds in by_reason.items():
            name = variant_name(each, study.main or each.variant)
            label = name if each.label == "none" else f"{each.label} ({name})"
            said.setdefault(outcome, []).append(f"{label} at {in_seeds(sorted(set(seeds)))}")
    return [f"{wording.capital(status)}: {listed(names)}: {reason}." for (status, reason), names in said.items()]


def listed(names: Sequence[str]) -> str:
    """Names that may hold commas."""
    return "; ".join(names)


def settled() -> str:
    """What the check asks for, in a sentence."""
    return (
        f"{wording.capital(CHECK)} asks of the means over seeds for a gain in pathway correlation of 0.01, in sign "
        "accuracy of 0.002, for a pathway MSE that is lower by 0.05, and for no loss of more than 0.01 in gene "
        "correlation and 0.02 in that of the 50 strongest genes. Intervals are over test compounds, not over seeds."
    )
