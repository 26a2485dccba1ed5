"""The registry of backends: ours by name, anyone's by the entry point group ``dgsea_bench.backends``."""

from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.exact import Exact
from dgsea_bench.backends.hard import Hard
from dgsea_bench.backends.nyswin import Nyswin
from dgsea_bench.core.errors import InputError, did_you_mean

__all__ = ["DEFAULT_BACKEND", "Backend", "Exact", "Hard", "Nyswin", "Ranking", "Tolerance", "backends", "get_backend"]

DEFAULT_BACKEND = "exact"
ENTRY_POINTS = "dgsea_bench.backends"
OURS: Mapping[str, type[Backend]] = {"hard": Hard, "exact": Exact, "nyswin": Nyswin}


def backends() -> Mapping[str, type[Backend]]:
    """Name -> class of every backend: ours, then those that installed packages register as entry points.

    Raises:
        InputError: a package registers a name that is taken, or something that is not a backend.
    """
    known = dict(OURS)
    for point in entry_points(group=ENTRY_POINTS):
        loaded = point.load()
        where = f"entry point {point.name!r} of {point.dist.name if point.dist else 'an unknown package'}"
        if not (isinstance(loaded, type) and issubclass(loaded, Backend)):
            raise InputError(f"{where} is {loaded!r}; it must be a subclass of dgsea_bench.Backend")
        if loaded.name != point.name:
            raise InputError(f"{where} names a backend that calls itself {loaded.name!r}; the names must agree")
        if point.name in known:
            raise InputError(f"{where}: there is a backend of that name already")
        known[point.name] = loaded
    return MappingProxyType(known)


def get_backend(backend: str | Backend, **options: Any) -> Backend:
    """The backend of that name with these options; an instance is returned as it is.

    Raises:
        InputError: an unknown name or option, with the known ones; or options beside an instance.
    """
    if isinstance(backend, Backend):
        if options:
            raise InputError("options go with a backend's name, not with an instance")
        return backend
    known = backends()
    if backend not in known:
        raise InputError(f"unknown backend {backend!r}; known: {', '.join(known)}{did_you_mean(backend, known)}")
    knobs = {knob.name: knob for knob in fields(known[backend])}
    for option, value in options.items():
        if option not in knobs:
            raise InputError(
                f"backend {backend!r} has no option {option!r}; it has: {', '.join(knobs)}{did_you_mean(option, knobs)}"
            )
        _check_type(backend, option, value, knobs[option].default)
    return known[backend](**options)


def _check_type(backend: str, option: str, value: object, default: object) -> None:
    """An option has the type of its default; whole numbers will do for fractions."""
    accepted: tuple[type, ...] = (float, int) if isinstance(default, float) else (type(default),)
    if not isinstance(value, accepted) or (isinstance(value, bool) and not isinstance(default, bool)):
        raise InputError(f"backend {backend!r}: {option} is {value!r}; it must be of type {accepted[0].__name__}")
