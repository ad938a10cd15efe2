"""What numba compiles of UMAP, kept from one process to the next."""

import functools
import sys

_LIBRARIES = ("umap", "pynndescent")


@functools.cache
def keep_compiled() -> int:
    """Let numba keep on disk what it compiles of UMAP; how many functions that are.

    Without it every process compiles them again, for about twenty seconds before the first layout. numba chooses the
    folder: beside the library's own compiled Python, or the user's cache where that cannot be written. Call it once
    ``umap`` is imported. Where numba can write nowhere, nothing is kept and nothing fails.
    """
    from numba.core.dispatcher import Dispatcher

    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in _LIBRARIES]
    functions = {id(one): one for module in modules for one in vars(module).values() if isinstance(one, Dispatcher)}
    kept = 0
    for function in functions.values():
        try:
            function.enable_caching()
        except RuntimeError:  # no folder that can be written
            continue
        kept += 1
    return kept
