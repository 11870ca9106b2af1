"""Places in the program: from a frame to the user's call and the module that it is in.

A frame of torch's own is never the place that a person means: the innermost frame outside torch is. On the way up,
the frames of `Module._call_impl` tell which module is running, without a hook on anybody's module.
"""

from __future__ import annotations

import sys
import types
import weakref
from pathlib import Path
from typing import NamedTuple

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import is_ours
from gradtrace.recorder.looking import copied, is_module

_MAX_DEPTH = 400
_CO_OPTIMIZED = 0x1
_SNAPSHOT_LOCALS = sys.version_info < (3, 13)
_SHOWS_LOCALS = frozenset({"locals", "vars", "dir", "eval", "exec", "f_locals", "_getframe", "currentframe", "stack"})
"""Names by which a function gets at the dictionary of its variables."""
_ASSERTS = "@py_builtins"
"""Through this pytest asks for the variables of a test, when an assertion in it has failed."""
_HELD_BY_FRAME = 3
"""References to that dictionary when nobody else has one: the frame's, ours, and that of the call which counts."""

_EXPRESSION_RUNNER = str(Path(__file__).with_name("expression.py"))
"""Runs what the user typed, but is not what the user typed."""

_ours_or_torchs: dict[int, tuple[bool, types.CodeType]] = {}


class Place(NamedTuple):
    """A call in the user's source: the code, the instruction in it, and torch's function that was called there."""

    code: types.CodeType
    instruction: int
    call: str


def is_internal(code: types.CodeType) -> bool:
    """Whether a frame with this code is torch's or ours, not the user's."""
    known = _ours_or_torchs.get(id(code))
    if known is not None:
        return known[0]
    name = code.co_filename
    internal = (
        name.startswith((torch_facts.TORCH_DIRECTORY, "<frozen ", "<gradtrace"))
        or is_ours(code)
        or name == _EXPRESSION_RUNNER
        or name.endswith("contextlib.py")
    )
    if len(_ours_or_torchs) > 200_000:  # noqa: PLR2004 - a program that makes code without end
        _ours_or_torchs.clear()
    _ours_or_torchs[id(code)] = (internal, code)  # keeping the code keeps its id from being reused
    return internal


def user_frame(frame: types.FrameType | None) -> types.FrameType | None:
    """The innermost frame, from this one outwards, which is the user's."""
    while frame is not None and is_internal(frame.f_code):
        frame = frame.f_back
    return frame


def user_place(frame: types.FrameType | None, call: str) -> Place | None:
    """The user's line from which this frame was reached."""
    frame = user_frame(frame)
    return None if frame is None else Place(frame.f_code, frame.f_lasti, call)


def locals_of(frame: types.FrameType) -> dict[str, object]:
    """The variables of a frame, copied.

    Up to Python 3.12 to look at a function's variables is to write them into one dictionary, which is also what
    `locals()` gave to the program, if it asked. A function that may have asked is not looked into; in any other the
    dictionary is emptied again, so that it keeps nothing alive, unless somebody else holds it.
    """
    code = frame.f_code
    if not _SNAPSHOT_LOCALS or not code.co_flags & _CO_OPTIMIZED:
        return copied(frame.f_locals)
    if not _SHOWS_LOCALS.isdisjoint(code.co_names) and _ASSERTS not in code.co_names:
        return {}
    snapshot = frame.f_locals
    copy = dict(snapshot)
    if sys.getrefcount(snapshot) <= _HELD_BY_FRAME:
        snapshot.clear()
    return copy


def local(frame: types.FrameType, name: str) -> object:
    """One local variable of a function of torch's."""
    return locals_of(frame).get(name)


def running_module(frame: types.FrameType | None) -> torch.nn.Module | None:
    """The innermost module whose call is on the stack at or outside this frame."""
    call_impl = torch_facts.CALL_IMPL
    for _ in range(_MAX_DEPTH):
        if frame is None:
            return None
        if frame.f_code is call_impl:
            return _self_of(frame)
        frame = frame.f_back
    return None


def outermost_module(frame: types.FrameType | None) -> torch.nn.Module | None:
    """The outermost module whose call is on the stack."""
    found = None
    while frame is not None:
        if frame.f_code is torch_facts.CALL_IMPL:
            found = frame
        frame = frame.f_back
    return None if found is None else _self_of(found)


def _self_of(frame: types.FrameType) -> torch.nn.Module | None:
    module = local(frame, "self")
    return module if is_module(module) else None


class ModuleTable:
    """Small numbers for modules, without keeping them alive."""

    def __init__(self) -> None:
        self._numbers: dict[int, tuple[weakref.ref[torch.nn.Module], int]] = {}
        self.remembered: dict[int, tuple[str | None, str | None]] = {}
        """By number: path and class name, as they were last found; a module may be gone when its graph is walked."""
        self.references: list[weakref.ref[torch.nn.Module]] = []
        self.roots: dict[int, weakref.ref[torch.nn.Module]] = {}
        """Outermost modules, in order of first call."""

    def number(self, module: torch.nn.Module, frame: types.FrameType) -> int:
        """The module's number; a new one is looked up below the outermost module that is running."""
        known = self._numbers.get(id(module))
        if known is not None and known[0]() is module:
            return known[1]
        root = outermost_module(frame)
        if root is None:
            root = module
        if id(root) not in self.roots or self.roots[id(root)]() is not root:
            self.roots[id(root)] = weakref.ref(root)
        reference = weakref.ref(module)
        self.references.append(reference)
        self._numbers[id(module)] = (reference, len(self.references) - 1)
        return len(self.references) - 1
