"""Our own stretches of code in the program's process.

In a section nothing of the program's watches: its trace and profile functions, its torch function and dispatch modes,
its profiler and the compiler's frame evaluation are off, and back on when the section ends. And a section keeps apart
whose exception it is that arrives: what our code raised ends an observation; what came from elsewhere while our code
happened to run (a signal handler's exception, Ctrl-C, one that another thread sent) goes on to the program.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import sysconfig
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType, TracebackType

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import is_ours

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_LIBRARY = sysconfig.get_paths()["stdlib"] + os.sep
_SITE = tuple(
    folder + os.sep for name in ("purelib", "platlib") if (folder := sysconfig.get_paths()[name]).startswith(_LIBRARY)
)
_KNOWN_MODULES = ("builtins", "torch", "json", "gradtrace", "re", "_queue")
_CO_VARARGS = 0x4
_NEVER_OURS = (TimeoutError, InterruptedError)

_set_eval_frame = torch_facts.set_eval_frame
_gettrace, _getprofile = sys.gettrace, sys.getprofile


class Quiet:
    """Switches off what would watch our code, on this thread, and back on."""

    __slots__ = ("_dispatch", "_eval_frame", "_function", "_profile", "_records", "_trace")

    def __enter__(self) -> None:
        """Switch off."""
        self._trace = _gettrace()
        if self._trace is not None:
            sys.settrace(None)
        self._profile = _getprofile()
        if callable(self._profile):
            sys.setprofile(None)
        self._eval_frame = _set_eval_frame(None)
        self._function = torch_facts.DisableTorchFunction()
        self._function.__enter__()
        self._dispatch = None
        if torch_facts.dispatch_stack_length():
            self._dispatch = torch_facts.DisableTorchDispatch()
            self._dispatch.__enter__()  # type: ignore[no-untyped-call]
        self._records = torch_facts.profiler_enabled()
        if self._records:
            torch_facts.enable_record_function(False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Switch on again what was on."""
        if self._records:
            torch_facts.enable_record_function(True)
        if self._dispatch is not None:
            self._dispatch.__exit__(None, None, None)
        self._function.__exit__(None, None, None)
        _set_eval_frame(self._eval_frame)
        if callable(self._profile):  # cProfile's is no function: it goes on, for it could not be set again
            sys.setprofile(self._profile)
        if self._trace is not None:
            sys.settrace(self._trace)


def is_watched() -> bool:
    """Whether something of the program's would see what our code does, and `Quiet` is needed."""
    return (
        _gettrace() is not None
        or _getprofile() is not None
        or torch_facts.dispatch_stack_length() > 0
        or torch_facts.profiler_enabled()
    )


def is_foreign(error: BaseException) -> bool:
    """Whether an exception that arrived in our code comes from elsewhere, and belongs to the program.

    A handler of a signal may run between any two instructions of ours, and be anybody's: one of its frames is of a
    function that is registered, or was given the signal's number and the frame that was interrupted. What another
    thread sent has no frame but ours and is of a class that nothing we call would raise.
    """
    if not isinstance(error, Exception) or isinstance(error, _NEVER_OURS):
        return True
    handlers = set(_handlers())
    is_known = True
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code in handlers or (not _is_of_ours(frame.f_code) and _has_handler_s_arguments(frame)):
            return True
        is_known = is_known and _is_known(frame.f_code)
        traceback = traceback.tb_next
    return is_known and type(error).__module__.partition(".")[0] not in _KNOWN_MODULES


def _handlers() -> Iterator[CodeType]:
    """The code of the functions that are registered as handlers of signals."""
    for number in signal.valid_signals():
        handler: object = signal.getsignal(number)
        while type(handler) is functools.partial:
            handler = handler.func
        if type(handler) is MethodType:
            handler = handler.__func__
        if type(handler) is FunctionType:
            yield handler.__code__


def _has_handler_s_arguments(frame: FrameType) -> bool:
    """Whether a function was called as Python calls a signal's handler: with a number and a frame, one after another.

    There may be others around them: what a method is of, what `functools.partial` adds, defaults.
    """
    code = frame.f_code
    found = frame.f_locals
    given = [found.get(name) for name in code.co_varnames[: code.co_argcount]]
    if code.co_flags & _CO_VARARGS:
        rest = found.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
        given += rest if type(rest) is tuple else ()
    return any(
        issubclass(type(number), int) and type(interrupted) is FrameType for number, interrupted in pairwise(given)
    )


def _is_of_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_PACKAGE) or is_ours(code)


def _is_known(code: CodeType) -> bool:
    """Whether this is our code, torch's, or of the standard library which both call."""
    name = code.co_filename
    if _is_of_ours(code) or name.startswith((torch_facts.TORCH_DIRECTORY, "<frozen ", "<string>")):
        return True
    return name.startswith(_LIBRARY) and not name.startswith(_SITE)


def leave_no_trace(error: BaseException) -> None:
    """Take our frames out of a foreign exception's traceback, so that it shows what it would show without us."""
    kept: list[TracebackType] = []
    traceback = error.__traceback__
    while traceback is not None:
        if not _is_of_ours(traceback.tb_frame.f_code):
            kept.append(traceback)
        traceback = traceback.tb_next
    following = None
    for one in reversed(kept):
        one.tb_next = following
        following = one
    error.__traceback__ = following
