"""numba's compiler, with its results kept on disk where there is a place for them."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def jit(**options: Any) -> Callable[[Function], Function]:
    """Compile a function at its first call, and keep the machine code for the next process.

    Multiply-adds may be contracted; nothing is reordered, and NaN stays NaN.
    """
    options = {"nogil": True, "fastmath": {"contract"}, **options}

    def compiled(function: Function) -> Function:
        try:
            made = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's cache can be written
            made = numba.njit(**options)(function)
        return made

    return compiled
