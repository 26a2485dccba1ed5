"""The registry of backends: ours by name, anyone's by the entry point group ``dgsea_bench.backends``."""

from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from dgsea_bench.backends.base import Backend, Ranking, Tolerance
from dgsea_bench.backends.cuda_batched import CudaBatched
from dgsea_bench.backends.exact import Exact
from dgsea_bench.backends.fastsum import Fastsum
from dgsea_bench.backends.hard import Hard
from dgsea_bench.backends.nyswin import Nyswin
from dgsea_bench.core.errors import InputError, did_you_mean

__all__ = [
    "DEFAULT_BACKEND",
    "Backend",
    "CudaBatched",
    "Exact",
    "Fastsum",
    "Hard",
    "Nyswin",
    "Ranking",
    "Tolerance",
    "backends",
    "get_backend",
]

DEFAULT_BACKEND = "fastsum"
ENTRY_POINTS = "dgsea_bench.backends"
OURS: Mapping[str, type[Backend]] = {
    "hard": Hard,
    "fastsum": Fastsum,
    "exact": Exact,
    "nyswin": Nyswin,
    "cuda-batched": CudaBatched,
}


def backends() -> Mapping[str, type[Backend]]:
    """Name -> class of every backend: ours, then those that installed packages register as entry points.

    Raises:
        InputError: a package registers a name that is taken, or something that is not a backend.
    """
    known = dict(OURS)
    for point in entry_points(group=ENTRY_POINTS):
        loaded = _load(point)
        if point.name in known:
            raise InputError(f"{_where(point)}: there is a backend of that name already")
        known[point.name] = loaded
    return MappingProxyType(known)


def _load(point: EntryPoint) -> type[Backend]:
    try:
        loaded = point.load()
    except Exception as error:  # whatever another package does wrong is told as that package's
        raise InputError(f"{_where(point)} cannot be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Backend)):
        raise InputError(f"{_where(point)} is {loaded!r}; it must be a subclass of dgsea_bench.Backend")
    if getattr(loaded, "name", None) != point.name:
        raise InputError(f"{_where(point)} must be of a backend whose name is {point.name!r}")
    return loaded


def _where(point: EntryPoint) -> str:
    return f"entry point {point.name!r} of {point.dist.name if point.dist else 'an unknown package'}"


def get_backend(backend: str | Backend, **options: Any) -> Backend:
    """The backend of that name with these options; an instance is returned as it is.

    Raises:
        InputError: an unknown name or option, with the known ones; or options beside an instance.
    """
    if isinstance(backend, Backend):
        if options:
            raise InputError("options go with a backend's name, not with an instance")
        return backend
    if not isinstance(backend, str):
        made = f"{backend.__name__}()" if isinstance(backend, type) else "get_backend(name)"
        raise InputError(f"backend is {backend!r}; give a name, or an instance such as {made}")
    known = OURS if backend in OURS else backends()  # a broken plug-in does not keep ours from working
    if backend not in known:
        raise InputError(f"unknown backend {backend!r}; known: {', '.join(known)}{did_you_mean(backend, known)}")
    knobs = [knob.name for knob in fields(known[backend])]
    for option in options:
        if option not in knobs:
            raise InputError(
                f"backend {backend!r} has no option {option!r}; it has: {', '.join(knobs)}{did_you_mean(option, knobs)}"
            )
    return known[backend](**options)
