"""Several numbers that a processor adds and multiplies at once, held in its registers.

Compilers find such numbers in long loops over arrays, but not in a loop over twenty powers of one number inside a loop
over genes. `Lanes` say it outright: made by `load`, `splat` and `powers`, combined by ``+`` and ``*``, and taken apart
by `store` and `total`, in compiled code alone. How many they are is a constant, a power of two.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

DOUBLE = ir.DoubleType()
FUSED = ("contract",)


class Lanes(types.Type):
    """So many float64 at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Lanes({count})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, ir.VectorType(DOUBLE, kind.count))


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, start: Any, count: int) -> Any:
    """To the lanes that begin at place `start` of an array that lies in one piece."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start]), ir.VectorType(DOUBLE, count).as_pointer())


@intrinsic(prefer_literal=True)
def load(typing: Any, array: Any, start: Any, count: Any) -> Any:  # noqa: ARG001
    """The `count` numbers of a contiguous array from place `start` on."""
    lanes = Lanes(count.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], lanes.count)
        return builder.load(pointer, align=8)

    return lanes(array, types.intp, count), generate


@intrinsic
def store(typing: Any, lanes: Any, array: Any, start: Any) -> Any:  # noqa: ARG001
    """Set so many numbers of a contiguous array from place `start` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[1], arguments[1], arguments[2], lanes.count)
        builder.store(arguments[0], pointer, align=8)
        return context.get_dummy_value()

    return types.void(lanes, array, types.intp), generate


@intrinsic(prefer_literal=True)
def splat(typing: Any, value: Any, count: Any) -> Any:  # noqa: ARG001
    """The same number in all lanes."""
    lanes = Lanes(count.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return _splat(builder, arguments[0], lanes.count)

    return lanes(types.float64, count), generate


@intrinsic(prefer_literal=True)
def powers(typing: Any, value: Any, count: Any) -> Any:  # noqa: ARG001
    """The powers z, z², z³ … of a number."""
    lanes = Lanes(count.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        found, highest, width = _splat(builder, arguments[0], 1), arguments[0], 1
        while width < lanes.count:
            higher = builder.fmul(found, _splat(builder, highest, width))
            found = builder.shuffle_vector(found, higher, _places(range(2 * width)))
            highest, width = builder.fmul(highest, highest), 2 * width
        return found

    return lanes(types.float64, count), generate


@intrinsic
def total(typing: Any, lanes: Any) -> Any:  # noqa: ARG001
    """The sum of all lanes, by halves."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        (found,), width = arguments, lanes.count
        while width > 1:
            width //= 2
            low, high = (builder.shuffle_vector(found, found, _places(range(s, s + width))) for s in (0, width))
            found = builder.fadd(low, high)
        return builder.extract_element(found, _index(0))

    return types.float64(lanes), generate


@intrinsic
def _add(typing: Any, first: Any, second: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fadd(*arguments, flags=FUSED)

    return first(first, second), generate


@intrinsic
def _multiply(typing: Any, first: Any, second: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fmul(*arguments, flags=FUSED)

    return first(first, second), generate


@overload(operator.add, strict=False)
def _added(first: Any, second: Any) -> Any:
    if isinstance(first, Lanes) and first == second:
        return lambda first, second: _add(first, second)
    return None


@overload(operator.mul, strict=False)
def _multiplied(first: Any, second: Any) -> Any:
    if isinstance(first, Lanes) and first == second:
        return lambda first, second: _multiply(first, second)
    return None


def _index(place: int) -> ir.Constant:
    return ir.Constant(ir.IntType(32), place)


def _places(places: range) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))


def _splat(builder: Any, value: Any, count: int) -> Any:
    one = builder.insert_element(ir.Constant(ir.VectorType(DOUBLE, count), ir.Undefined), value, _index(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))
