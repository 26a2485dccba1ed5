"""How loops are compiled: once, kept on disk, without the interpreter's lock."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba


def compiled(function: Callable[..., Any] | None = None, *, fast: bool = False, inline: bool = False) -> Any:
    """Decorator of a loop over numpy arrays, compiled when it is first called and kept beside its source.

    A division by zero gives infinity or NaN as in numpy: a check for it would keep loops from being vectorised.

    Args:
        function: the loop.
        fast: let sums be taken in another order and products be fused into them, so that they can be vectorised. The
            order is fixed when the loop is compiled: the same input gives the same result on the same machine.
        inline: copy it into its callers, which must be compiled: a call with arrays as arguments costs some 20 ns.
    """
    fastmath = {"reassoc", "contract", "nsz"} if fast else {"contract"}
    decorate = numba.njit(
        cache=True,
        nogil=True,
        error_model="numpy",
        fastmath=fastmath,
        forceinline=inline,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=inline,
    )
    return decorate if function is None else decorate(function)


def forget_outdated(folder: Path) -> None:
    """Remove what was compiled before the newest source in `folder` was written.

    numba compiles a function anew when its own file has changed, not when that of a function that it calls has.
    """
    newest = max((path.stat().st_mtime for path in folder.glob("*.py")), default=0.0)
    for index in (folder / "__pycache__").glob("*.nbi"):
        with suppress(OSError):  # removed by another process, or a folder that cannot be written: numba keeps out too
            if index.stat().st_mtime < newest:
                index.unlink()
