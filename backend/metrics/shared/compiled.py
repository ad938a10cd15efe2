"""What numba compiles, of ours and of UMAP and the search that it is built on, kept from one process to the next."""

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Any


def compiled(
    function: Callable[..., Any],
    **how: Any,  # settings of numba
) -> Callable[..., Any] | None:
    """``function`` compiled by numba (which UMAP brings), without the interpreter's lock; None where numba is not there."""
    try:
        import numba
    except ImportError:
        return None
    found = numba.njit(nogil=True, **how)(function)
    with contextlib.suppress(RuntimeError):  # no folder that can be written: compiled once a process
        found.enable_caching()
    return found  # type: ignore[no-any-return]


@functools.cache
def keep_compiled(*libraries: str) -> int:
    """Let numba keep on disk what it compiles of ``libraries``, which are imported; how many functions that are.

    Without it every process compiles them again, for about twenty seconds before the first layout. numba chooses the
    folder: beside the library's own compiled Python, or the user's cache where that cannot be written. Where numba can write
    nowhere, nothing is kept and nothing fails.
    """
    from numba.core.dispatcher import Dispatcher

    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in libraries]
    functions = {id(one): one for module in modules for one in vars(module).values() if isinstance(one, Dispatcher)}
    kept = 0
    for function in functions.values():
        try:
            function.enable_caching()
        except RuntimeError:  # no folder that can be written
            continue
        kept += 1
    return kept
