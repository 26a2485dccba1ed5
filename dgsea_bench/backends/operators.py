"""Operators of torch that are ours, with gradients written by hand.

As operators they are opaque to torch.compile and autocast. (`torch.library.custom_op` would do as well, but loads the
compiler, which takes a second, on its first call.) A second derivative is not provided: asking for it raises.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import torch

from dgsea_bench.core.errors import InputError

LIBRARY = torch.library.Library("dgsea_bench", "DEF")
ANY_DEVICE = "CompositeExplicitAutograd"
"""What torch calls an operator that does not care where its tensors are."""


def operator(schema: str, devices: str = "CPU") -> Callable[[Callable[..., Any]], Any]:
    """Decorator that makes a function the operator of that schema, on those devices."""

    def register(function: Callable[..., Any]) -> Any:
        name = schema.partition("(")[0]
        LIBRARY.define(schema)
        LIBRARY.impl(name, function, devices)
        return getattr(torch.ops.dgsea_bench, name).default

    return register


def register_gradient(name: str, backward: Callable[..., Any], context: Callable[..., None], remedy: str) -> None:
    """Say how the gradient of an operator is computed, by one named after it, which has none: `remedy` says why not."""

    def no_second_derivative(*_: Any) -> NoReturn:
        raise InputError(remedy)

    torch.library.register_autograd(f"dgsea_bench::{name}", backward, setup_context=context, lib=LIBRARY)
    torch.library.register_autograd(f"dgsea_bench::{name}_gradient", no_second_derivative, lib=LIBRARY)


def register_shapes(name: str, shapes: Callable[..., Any]) -> None:
    """Tell torch.compile the shapes of an operator's results from those of its arguments."""
    torch.library.register_fake(f"dgsea_bench::{name}", shapes, lib=LIBRARY)


def shaped_like(*places: int) -> Callable[..., Any]:
    """Shapes, for `register_shapes`, of results that are shaped like the arguments at these places."""

    def shapes(*inputs: Any) -> Any:
        results = tuple(inputs[place].new_empty(inputs[place].shape) for place in places)
        return results if len(results) > 1 else results[0]

    return shapes
