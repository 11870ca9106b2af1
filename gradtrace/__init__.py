"""gradtrace shows where every gradient comes from.

Importing this package imports nothing heavy: the public verbs are loaded when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gradtrace.version import __version__

if TYPE_CHECKING:
    from gradtrace.api import (
        Diagnosis,
        Difference,
        check,
        diff,
        explain,
        load,
        memory,
        norms,
        page,
        record,
        render,
        to_graphviz,
        watch,
        why,
    )
    from gradtrace.api.recording import Recording


__all__ = [
    "Diagnosis",
    "Difference",
    "Recording",
    "__version__",
    "check",
    "diff",
    "explain",
    "load",
    "memory",
    "norms",
    "page",
    "record",
    "render",
    "to_graphviz",
    "watch",
    "why",
]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("gradtrace.api"), name)


def load_ipython_extension(shell: Any) -> None:
    """Load the magics `%gradtrace` and `%%gradtrace` into IPython, and begin to record: `%load_ext gradtrace`."""
    importlib.import_module("gradtrace.integrations.ipython_extension").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Undo `load_ipython_extension`: `%unload_ext gradtrace`."""
    importlib.import_module("gradtrace.integrations.ipython_extension").unload(shell)
