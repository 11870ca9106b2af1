"""Our own stretches of code in the program's process.

In a section nothing of the program's watches: its trace and profile functions, its torch function and dispatch modes,
its profiler and the compiler's frame evaluation are off, and back on when the section ends. And a section keeps apart
whose exception it is that arrives: what our code raised ends an observation; what came from elsewhere while our code
happened to run (a signal handler's exception, Ctrl-C, one that another thread sent) goes on to the program.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from pathlib import Path
from queue import Empty
from signal import getsignal, valid_signals
from types import CodeType, FrameType, FunctionType, MethodType, TracebackType
from typing import Any

from torch import is_grad_enabled

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
_SILENT = frozenset({AssertionError, NotImplementedError, MemoryError, StopIteration, EOFError, SyntaxError, Empty})
"""What the interpreter, the library and torch do raise without a word."""

_set_eval_frame = torch_facts.set_eval_frame
_dispatch_stack_length = torch_facts.dispatch_stack_length
_profiler_enabled = torch_facts.profiler_enabled
_DisableTorchFunction = torch_facts.DisableTorchFunction
_gettrace, _getprofile = sys.gettrace, sys.getprofile


def put_grad_mode_back(enabled: bool) -> None:
    """Let grad mode be what it was when our code began.

    An exception of a signal's handler may arrive in `no_grad` itself, before that has switched grad mode on again.
    """
    if is_grad_enabled() is not enabled:
        with _DisableTorchFunction():
            torch_facts.set_grad_enabled(enabled)


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
        self._function = function = _DisableTorchFunction()
        function.__enter__()
        self._dispatch = None
        if _dispatch_stack_length():
            self._dispatch = torch_facts.DisableTorchDispatch()
            self._dispatch.__enter__()  # type: ignore[no-untyped-call]
        self._records = _profiler_enabled()
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
    return _gettrace() is not None or _getprofile() is not None or _dispatch_stack_length() > 0 or _profiler_enabled()


def is_foreign(error: BaseException) -> bool:
    """Whether an exception that arrived in our code comes from elsewhere, and belongs to the program.

    A handler of a signal may run between any two instructions of ours: its frame tells it. What another thread sent has
    no frame but ours; it is of a class that nothing we call would raise, or made of a class alone, without a word.
    """
    if not isinstance(error, Exception) or isinstance(error, _NEVER_OURS):
        return True
    is_known = True
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if not (frame.f_code.co_filename.startswith(_PACKAGE) or is_ours(frame.f_code)):
            if _handles_signal(frame):
                return True
            is_known = is_known and _is_known(frame.f_code)
        traceback = traceback.tb_next
    if not is_known:
        return False
    is_silent = not BaseException.args.__get__(error) and type(error) not in _SILENT  # type: ignore[attr-defined]
    return is_silent or type(error).__module__.partition(".")[0] not in _KNOWN_MODULES


def _handles_signal(frame: FrameType) -> bool:
    """Whether a frame was called as Python calls a signal's handler: with the frame that was interrupted, its caller.

    A handler may have dropped its arguments by now; then it is known by its code.
    """
    code, found = frame.f_code, frame.f_locals
    n_named = code.co_argcount + code.co_kwonlyargcount
    given = [found.get(name) for name in code.co_varnames[:n_named]]
    if code.co_flags & _CO_VARARGS:
        rest = found.get(code.co_varnames[n_named])
        given += rest if type(rest) is tuple else ()
    if frame.f_back is not None and any(one is frame.f_back for one in given):
        return True
    return any(_code_of(getsignal(number)) is code for number in valid_signals())


def _code_of(handler: Any) -> CodeType | None:
    """The code that a signal's handler runs, if it is written in Python."""
    while type(handler) in (functools.partial, MethodType):
        handler = handler.func if type(handler) is functools.partial else handler.__func__
    return handler.__code__ if type(handler) is FunctionType else None


def _is_known(code: CodeType) -> bool:
    """Whether this is our code, torch's, or of the standard library which both call."""
    name = code.co_filename
    if name.startswith((_PACKAGE, torch_facts.TORCH_DIRECTORY, "<frozen ", "<string>")) or is_ours(code):
        return True
    return name.startswith(_LIBRARY) and not name.startswith(_SITE)


def leave_no_trace(error: BaseException) -> None:
    """Take our frames out of a foreign exception's traceback, so that it shows what it would show without us."""
    kept: list[Any] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not (code.co_filename.startswith(_PACKAGE) or is_ours(code)):
            kept.append(traceback)
        traceback = traceback.tb_next
    for one, following in zip(kept, [*kept[1:], None], strict=False):
        one.tb_next = following
    error.__traceback__ = kept[0] if kept else None
