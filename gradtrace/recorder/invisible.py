"""How our frames stay out of the program's sight.

A wrapper around the program's call to torch would show in three places; each has its remedy here.

Tracebacks. A bare `raise` in an `except` block restores the exception's own `__traceback__` without adding the frame
that raises. So `except BaseException as error: hide(error); raise` leaves a traceback in which the wrapper never was.

Warnings that count stack levels. `warnings.warn(stacklevel=2)` skips frames whose file name contains both `importlib`
and `_bootstrap` (CPython's own import machinery). `skipped_by_warnings` gives our wrappers such a file name.

Warnings that torch raises from C++ belong to the innermost Python frame. A function
made of `impersonating_code` calls the operation from a frame that has file, line and globals of the caller.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

OUR_FILE_NAME = "<frozen importlib._bootstrap>"

_F = TypeVar("_F", bound=Callable[..., Any])

_made: dict[tuple[int, str, int], tuple[types.CodeType, types.CodeType]] = {}
_our_codes: set[int] = set()

_TEMPLATE = (lambda func, args, kwargs: func(*args, **kwargs)).__code__


def _bearing(code: types.CodeType, file: str, line: int) -> types.CodeType:
    """Code of ours that names another file and line; the same code again each time, for wrappers come and go."""
    key = (id(code), file, line)
    known = _made.get(key)
    if known is None:
        known = _made[key] = (code.replace(co_filename=file, co_firstlineno=line), code)
        _our_codes.add(id(known[0]))
    return known[0]


def skipped_by_warnings(function: _F) -> _F:
    """Mark a wrapper as ours: warnings do not count its frame, `hide` removes it."""
    code = function.__code__
    function.__code__ = _bearing(code, OUR_FILE_NAME, code.co_firstlineno)
    return function


def disguised(wrapper: _F, original: Callable[..., Any]) -> _F:
    """Give a wrapper the file and line of what it wraps, for `inspect`; `hide` still knows it as ours."""
    code = getattr(original, "__code__", None)
    if isinstance(code, types.CodeType):
        wrapper.__code__ = _bearing(wrapper.__code__, code.co_filename, code.co_firstlineno)
    return wrapper


def hide(error: BaseException) -> None:
    """Take our frames off the head of the exception's traceback; a bare `raise` must follow."""
    traceback = error.__traceback__
    while traceback is not None and is_ours(traceback.tb_frame.f_code):
        traceback = traceback.tb_next
    error.__traceback__ = traceback


def is_ours(code: types.CodeType) -> bool:
    """Whether a frame with this code belongs to a wrapper of ours or to an impersonator."""
    return code.co_name == _IMPERSONATOR_NAME or id(code) in _our_codes


def plain_call(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Call from a frame that is only skipped, for when none could be made in the program's name."""
    return func(*args, **kwargs)


skipped_by_warnings(plain_call)

_IMPERSONATOR_NAME = "<gradtrace call>"


def impersonating_code(frame: types.FrameType) -> types.CodeType:
    """The code of a function `call(func, args, kwargs)` whose frame looks, to warnings, like the line of `frame`.

    The function itself must be made for each call, with the globals of the frame, and dropped after it: kept, it would
    keep the namespace of the program alive beyond its end.
    """
    return _TEMPLATE.replace(
        co_filename=frame.f_code.co_filename,
        co_firstlineno=frame.f_lineno or 1,
        co_name=_IMPERSONATOR_NAME,
        co_qualname=_IMPERSONATOR_NAME,
    )


def is_our_line(line: object) -> bool:
    """Whether a line of a formatted stack is of a frame of ours around an operation."""
    if type(line) is not str:
        return False
    return f", in {_IMPERSONATOR_NAME}" in line or (OUR_FILE_NAME in line and ", in __torch_function__" in line)
