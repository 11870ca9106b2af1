"""Where functions stand whose code a shell of IPython has replaced while it runs.

`%autoreload` compiles a function that has changed from a text of its own, without comments and empty lines, so that its
lines are counted from its `def`: of such code the line of the `def` is known, and no other.
"""

from __future__ import annotations

import linecache
import re
import sys
import types

_SHELL = "IPython.core.interactiveshell"
_RELOADER = "IPython.extensions.deduperreload"
_WRAPPER = "__autoreload_class__."
"""How a method is called that was compiled alone."""
_TIMEIT, _INNER = "<magic-timeit>", "inner"
"""How code is called that `%timeit` repeats, and the function that it puts around it."""


def reloaded(code: types.CodeType, span: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Line, column, end line and end column of what is meant, in the file as it is now.

    Args:
        code: where it is.
        span: the same as the code has it.
    """
    if _SHELL not in sys.modules or code.co_filename.startswith("<"):
        return span
    linecache.checkcache(code.co_filename)  # the file may have been changed and loaded again
    if _RELOADER not in sys.modules or code.co_name == "<module>":
        return span
    outermost = code.co_qualname.partition(".<locals>")[0]
    name = re.escape(outermost.rpartition(".")[2])
    is_definition = re.compile(rf"\s*(?:async\s+)?def\s+{name}\b").match
    lines = linecache.getlines(code.co_filename)
    found = [number for number, line in enumerate(lines, 1) if is_definition(line)]
    first = code.co_firstlineno
    is_in_place = first in found or (0 < first <= len(lines) and lines[first - 1].lstrip().startswith("@"))
    if outermost != code.co_qualname:
        is_in_place = any(number <= first for number in found)
    if len(found) != 1 or (is_in_place and not code.co_qualname.startswith(_WRAPPER)):
        return span
    return found[0], -1, found[0], -1


def function_name(code: types.CodeType) -> str:
    """The name of a function as its file or cell has it, without what IPython puts around it."""
    if code.co_filename == _TIMEIT:
        return "<module>" if code.co_qualname == _INNER else code.co_qualname.removeprefix(f"{_INNER}.<locals>.")
    return code.co_qualname.removeprefix(_WRAPPER)
