"""How our frames stay out of the program's sight.

A wrapper around the program's call to torch would show in three places; each has its remedy here.

Tracebacks. A bare `raise` in an `except` block restores the exception's own `__traceback__` without adding the frame
that raises. So `except BaseException as error: hide(error); raise` leaves a traceback in which the wrapper never was.

Warnings that count stack levels. `warnings.warn(stacklevel=2)` skips frames whose file name contains both `importlib`
and `_bootstrap` (CPython's own import machinery). `skipped_by_warnings` gives our wrappers such a file name.

Warnings that torch raises from C++ belong to the innermost Python frame. `Impersonator` calls the operation from a
frame that bears file, line and globals of the caller.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

OUR_FILE_NAME = "<frozen importlib._bootstrap> gradtrace"

_F = TypeVar("_F", bound=Callable[..., Any])

_TEMPLATE = (lambda func, args, kwargs: func(*args, **kwargs)).__code__


def skipped_by_warnings(function: _F) -> _F:
    """Mark a wrapper as ours: warnings do not count its frame, `hide` removes it."""
    code = function.__code__.replace(co_filename=OUR_FILE_NAME)
    function.__code__ = code
    return function


def hide(error: BaseException) -> None:
    """Take our frames off the head of the exception's traceback; a bare `raise` must follow."""
    traceback = error.__traceback__
    while traceback is not None and is_ours(traceback.tb_frame.f_code):
        traceback = traceback.tb_next
    error.__traceback__ = traceback


def is_ours(code: types.CodeType) -> bool:
    """Whether a frame with this code belongs to a wrapper of ours or to an impersonator."""
    return code.co_filename == OUR_FILE_NAME or code.co_name == _IMPERSONATOR_NAME


_IMPERSONATOR_NAME = "<gradtrace call>"


def impersonator(frame: types.FrameType) -> Callable[[Any, Any, Any], Any]:
    """A function `call(func, args, kwargs)` whose frame looks, to warnings, like the line which `frame` is at."""
    code = _TEMPLATE.replace(
        co_filename=frame.f_code.co_filename,
        co_firstlineno=frame.f_lineno or 1,
        co_name=_IMPERSONATOR_NAME,
        co_qualname=_IMPERSONATOR_NAME,
    )
    return types.FunctionType(code, frame.f_globals)
