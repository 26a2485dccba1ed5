"""What people type to measure a part of a scenario, or to change it: filters, backends with knobs, values of axes."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from dgsea_bench.backends import OURS
from dgsea_bench.bench.axes import AXES, NULL_AXES, PARAMETERS, PLACES
from dgsea_bench.bench.case import Case, contestant, find_contestant
from dgsea_bench.bench.spelling import parse_label, parse_value, split_outside, unquote
from dgsea_bench.bench.training import TRAINING_AXES
from dgsea_bench.core.errors import InputError, did_you_mean, shorten
from dgsea_bench.data.profiles import in_words

SPACES = " \t\n"
KEY = re.compile(r"[A-Za-z_][\w-]*")
VALUES_SHOWN = 12
KNOBS = [knob.name for kind in OURS.values() for knob in fields(kind)]
KEYS = {"backend", "case_id", "task", "source", *itertools.chain(*AXES.values()), *NULL_AXES, *TRAINING_AXES, *KNOBS}
"""What a case may have; knobs of plug-ins come on top."""


def split_backends(text: str) -> list[str]:
    """Names and labels between commas, each once; ``nyswin[anchors=128,frac=0.2],exact`` are two.

    Raises:
        InputError: a bracket without its counterpart.
    """
    return list(dict.fromkeys(part.strip() for part in split_outside(text, ",") if part.strip()))


def parse_settings(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Axis -> values, from texts such as ``genes=512,1024``, for `Scenario.with_axes`.

    Raises:
        InputError: a text of another form, or an axis that is given twice.
    """
    settings: dict[str, list[Any]] = {}
    for text in texts:
        axis, values = _parse_condition(text, "--set", "an axis with its values, such as --set genes=512,1024")
        if axis in settings:
            raise InputError(f"--set: {axis} is given twice; write all its values at once, as --set genes=512,1024")
        for value in values:
            if more := re.search(r"\s([\w-]+)=", value if value[0] not in "\"'" else ""):
                raise InputError(f"--set {text!r} holds a second axis; give --set {more[1]}=… beside it")
        settings[axis] = [parse_value(value) for value in values]
    return settings


def select(cases: Sequence[Case], text: str) -> list[Case]:
    """The cases that meet every condition of a text such as ``backend=fastsum genes=400,978``, in their order.

    A condition is met by any of its values. They compare as values: ``1e3`` is 1000. Keys: ``backend`` (a name, or a
    label with knobs), ``source``, ``task``, ``case_id`` (how it begins), every axis, and every knob of a backend.

    Raises:
        InputError: a text of another form, a key or a value that no case has, or conditions that no case meets at once.
    """
    conditions = parse_filter(text)
    if not cases:
        return []
    candidates = [_Candidate(case, _describe(case)) for case in cases]
    left = candidates
    for condition in conditions:
        condition.check(candidates)
        met = [candidate for candidate in left if condition.holds(candidate)]
        if not met:
            raise InputError(
                f"--filter {text!r} leaves no case: none of the {len(left):,} that meet the conditions before has "
                f"{condition}; there: {_shown(condition.key, left)}"
            )
        left = met
    return [candidate.case for candidate in left]


@dataclass(frozen=True)
class _Candidate:
    """A case with all that can be asked of it."""

    case: Case
    facts: dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """``key=value,value`` as it was typed."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}={','.join(self.values)}"

    def check(self, candidates: Sequence[_Candidate]) -> None:
        """Refuse a key, or one of the values, that none of these cases has."""
        known = list(dict.fromkeys(key for candidate in candidates for key in candidate.facts))
        if self.key not in known:
            what = "none of the cases has" if self.key in KEYS else "unknown key"
            raise InputError(
                f"--filter: {what} {self.key!r}; they have: {', '.join(known)}{did_you_mean(self.key, known)}"
            )
        for value in self.values:
            if not any(Condition(self.key, (value,)).holds(candidate) for candidate in candidates):
                there = [str(candidate.facts[self.key]) for candidate in candidates if self.key in candidate.facts]
                there += [candidate.case.backend for candidate in candidates if self.key == "backend"]
                raise InputError(
                    f"--filter: none of the {len(candidates):,} cases has {self.key}={value}; there: "
                    f"{_shown(self.key, candidates)}{did_you_mean(value, dict.fromkeys(there))}"
                )

    def holds(self, candidate: _Candidate) -> bool:
        """Whether a case has one of the values."""
        if self.key not in candidate.facts:
            return False
        return any(_is(candidate.case, self.key, candidate.facts[self.key], value) for value in self.values)


def parse_filter(text: str) -> list[Condition]:
    """The conditions of ``backend=fastsum genes=400,978``.

    Raises:
        InputError: a text of another form.
    """
    expected = (
        "conditions key=value[,value…] with spaces between them, such as --filter 'backend=fastsum genes=400,978'"
    )
    parts = [part for part in split_outside(text, SPACES) if part]
    if not parts:
        raise InputError(f"--filter is empty; expected {expected}")
    return [Condition(key, tuple(values)) for key, values in (_parse_condition(p, "--filter", expected) for p in parts)]


def _parse_condition(text: str, option: str, expected: str) -> tuple[str, list[str]]:
    """Key and values as they were typed."""
    key, equals, rest = text.partition("=")
    values = [value.strip() for value in split_outside(rest, ",")]
    if not equals or not KEY.fullmatch(key.strip()) or not all(values) or rest.startswith("="):
        raise InputError(f"{option}: found {text!r}, expected {expected}; no spaces around = and ,")
    return key.strip(), values


def _describe(case: Case) -> dict[str, Any]:
    """Key -> value of all that can be asked of a case; where a knob is called like an axis, the axis is meant."""
    names = {"backend": case.label, "case_id": case.case_id, "task": case.task, "source": case.source.kind}
    source = {
        name: in_words(value) if isinstance(value, dict) else value
        for name, value in case.source.model_dump(exclude={"kind"}).items()
    }
    params = {name: getattr(case.params, name) for name in PARAMETERS}
    null = {axis: getattr(case.null, field) for axis, field in NULL_AXES.items() if case.null is not None}
    places = {name: getattr(case, name) for name in PLACES}
    trained = {axis: getattr(case.training, axis) for axis in TRAINING_AXES if case.training is not None}
    found = {**names, **source, **params, **null, **trained, **places}
    return {**found, **{knob: value for knob, value in asdict(contestant(case)).items() if knob not in found}}


def _is(case: Case, key: str, value: Any, typed: str) -> bool:
    """Whether a value of a case is what was typed."""
    if key == "case_id":
        return unquote(typed) != "" and case.case_id.startswith(unquote(typed).lower())
    if key == "backend":
        name, knobs = parse_label(unquote(typed) if typed[0] in "\"'" else typed)
        return case.backend == name and (knobs is None or contestant(case) == find_contestant(name, knobs))
    wanted = parse_value(typed)
    alike = isinstance(value, bool) == isinstance(wanted, bool)  # True is no 1
    return (alike and value == wanted) or str(value) == unquote(typed)


def _shown(key: str, candidates: Sequence[_Candidate]) -> str:
    """The values there are, the first of them."""
    found = dict.fromkeys(candidate.facts[key] for candidate in candidates if key in candidate.facts)
    return shorten(sorted(found) if all(isinstance(value, int | float) for value in found) else found, VALUES_SHOWN)
