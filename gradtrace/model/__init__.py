"""What was observed: numbers and text, never a tensor.

Frozen dataclasses from the standard library alone, shared by the recorder (which fills them), the recording
(which stores them) and everything that analyses or shows them. To add a fact, add a field with a default here,
fill it in the recorder and read it where it is shown. Words are those of `docs/glossary.md`.

To make the classes takes longer than to record a small program. What runs inside the program, or before it is started,
therefore imports from the module that it needs; the first name taken from here loads `everything`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradtrace.model.everything import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("gradtrace.model.everything"), name)
