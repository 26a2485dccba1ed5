"""Loops that are copied into their callers can be called from compiled code alone: here is some."""

from collections.abc import Callable
from typing import Any

import numba


def from_python(*kernels: Callable[..., Any]) -> Any:
    """The same loops, or the one, to call from Python."""
    found = [_caller(kernel) for kernel in kernels]
    return found if len(found) > 1 else found[0]


def _caller(kernel: Callable[..., Any]) -> Callable[..., Any]:
    @numba.njit(error_model="numpy")
    def call(*arguments):
        return kernel(*arguments)

    return call
