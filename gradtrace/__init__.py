"""gradtrace shows where every gradient comes from.

Importing this package imports nothing heavy: the public verbs are loaded when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gradtrace.version import __version__

if TYPE_CHECKING:
    from gradtrace.api import Diagnosis, Recording, check, explain, load, memory, record, render, to_graphviz, why


__all__ = [
    "Diagnosis",
    "Recording",
    "__version__",
    "check",
    "explain",
    "load",
    "memory",
    "record",
    "render",
    "to_graphviz",
    "why",
]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("gradtrace.api"), name)
