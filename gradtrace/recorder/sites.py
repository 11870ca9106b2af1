"""Places in the program: from a frame to the user's call and the module that it is in.

A frame of torch's own is never the place that a person means, nor one of a library: the innermost frame of a file of
the program's own is, and the library's place is kept beside it. On the way up, the frames of `Module._call_impl` tell
which module is running, without a hook on anybody's module.
"""

from __future__ import annotations

import dis
import functools
import os
import site
import sys
import sysconfig
import types
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import is_ours
from gradtrace.recorder.kernel_cells import is_cell
from gradtrace.recorder.looking import copied, is_module

_MAX_DEPTH = 400
_CO_OPTIMIZED = 0x1
_SNAPSHOT_LOCALS = sys.version_info < (3, 13)
_FRAMES = frozenset({"f_locals", "_getframe", "currentframe"})
_ASKS_LOCALS = frozenset({"locals", "vars", "dir", "eval", "exec", "stack"})
"""Functions by which another gets at the dictionary of its variables."""
_SHOWS_LOCALS = _FRAMES | _ASKS_LOCALS
_HOMES = frozenset({"builtins", "__builtins__", "inspect"})
"""Modules of these: `model.eval()` and `torch.stack` are something else."""
_ASSERTS = "@py_builtins"
"""Through this pytest asks for the variables of a test, when an assertion in it has failed."""
_HELD_BY_FRAME = 3
"""References to that dictionary when nobody else has one: the frame's, ours, and that of the call which counts."""

_RUNNERS = frozenset(str(Path(__file__).with_name(name)) for name in ("expression.py", "notebook.py"))
"""Run what the user wrote, but are not what the user wrote."""

_SEPARATORS = tuple({os.sep, os.altsep or os.sep})
_PATHS = sysconfig.get_paths()
_STANDARD = tuple({_PATHS["stdlib"] + os.sep, _PATHS["platstdlib"] + os.sep})
_INSTALLED = tuple(
    {folder + os.sep for folder in (*site.getsitepackages(), site.getusersitepackages(), _PATHS["purelib"])}
    | {_PATHS["platlib"] + os.sep, _PATHS["scripts"] + os.sep}
)
"""Where packages lie, and the commands that they bring."""
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_OF_EXEC = "<string>"
"""The code of `python -c`, and of `exec` and `eval`."""
_TYPED = (
    "<expression",
    "<program>",
    _OF_EXEC,
    "<stdin>",
    "<console>",
    "<ipython-input",
    "<doctest",
    "<timed ",
    "<magic-timeit",
)
"""How code is called that a person typed and that lies in no file."""
_DISPATCHED = frozenset({"__torch_function__", "__torch_dispatch__"})
"""Through these torch calls a class of the program's; who called torch stands further out."""

_ours_or_torchs: dict[int, tuple[bool, types.CodeType]] = {}
_owns: dict[int, tuple[bool, types.CodeType]] = {}
_own_folders: tuple[str, ...] = ()
_is_typed = True
"""The program lies in no file, so that code which does not either may be it."""


class Place(NamedTuple):
    """A call in the user's source: the code, the instruction in it, and torch's function that was called there.

    `via` is the place of a library's from which torch was called, where it was not from the user's own line.
    """

    code: types.CodeType
    instruction: int
    call: str
    via: Place | None = None

    @property
    def key(self) -> tuple[int, ...]:
        """Tells places apart, as long as their code is kept."""
        own = (id(self.code), self.instruction)
        return own if self.via is None else (*own, id(self.via.code), self.via.instruction)


def is_internal(code: types.CodeType) -> bool:
    """Whether a frame with this code is torch's or ours, not the user's."""
    known = _ours_or_torchs.get(id(code))
    if known is not None:
        return known[0]
    name = code.co_filename
    internal = (
        name.startswith((torch_facts.TORCH_DIRECTORY, "<frozen ", "<gradtrace"))
        or is_ours(code)
        or name in _RUNNERS
        or name.endswith("contextlib.py")
        or code.co_name in _DISPATCHED
    )
    if len(_ours_or_torchs) > 200_000:  # noqa: PLR2004 - a program that makes code without end
        _ours_or_torchs.clear()
    _ours_or_torchs[id(code)] = (internal, code)  # keeping the code keeps its id from being reused
    return internal


def settle_own_folders(others: Iterable[str] = ()) -> None:
    """Know in which folders the program's own files lie: that of its script, the one it was started in, and others."""
    global _own_folders, _is_typed
    try:
        folders = {os.getcwd(), *others}  # noqa: PTH109 - nothing more than the words
    except OSError:  # it was removed
        folders = set(others)
    is_typed = True
    for name in ("__main__", "__mp_main__"):
        main = sys.modules.get(name)
        file = vars(main).get("__file__") if type(main) is types.ModuleType else None
        if type(file) is str:
            folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - a Path would resolve nothing more
            folders |= {folder, os.path.realpath(folder)}
            is_typed = False
    found = tuple(sorted(folder.rstrip(os.sep) + os.sep for folder in folders))
    if (found, is_typed) != (_own_folders, _is_typed):
        _own_folders, _is_typed = found, is_typed
        _owns.clear()


def is_own(code: types.CodeType) -> bool:
    """Whether a frame with this code is of a file of the program's own: no library's, nor the standard library's."""
    known = _owns.get(id(code))
    if known is not None:
        return known[0]
    own = not is_internal(code) and _is_own_file(code)
    if len(_owns) > 200_000:  # noqa: PLR2004 - as above
        _owns.clear()
    _owns[id(code)] = (own, code)
    return own


def has_own_names(code: types.CodeType) -> bool:
    """Whether the program named the variables of a frame with this code: also where it gave it to `exec`."""
    return is_own(code) or (code.co_filename == _OF_EXEC and not _is_made_by_dataclasses(code))


def _is_made_by_dataclasses(code: types.CodeType) -> bool:
    return code.co_qualname.startswith("__create_fn__")


def _is_own_file(code: types.CodeType) -> bool:
    name = code.co_filename
    if name.startswith("<"):
        if name == _OF_EXEC and not _is_typed:  # a script gave it to `exec`, from a line that can be shown
            return False
        return name.startswith(_TYPED) and not _is_made_by_dataclasses(code)
    if is_cell(name):
        return True
    path = os.path.abspath(name)  # noqa: PTH100 - without following links: these are looked at below
    if _is_library(path):
        return False
    return path.startswith(_own_folders) or os.path.realpath(path).startswith(_own_folders)


def _is_library(path: str) -> bool:
    if path.startswith((*_STANDARD, *_INSTALLED)):
        return True
    return any(f"{separator}{folder}{separator}" in path for folder in _PACKAGE_FOLDERS for separator in _SEPARATORS)


def user_frame(frame: types.FrameType | None) -> types.FrameType | None:
    """The innermost frame, from this one outwards, which is neither torch's nor ours."""
    while frame is not None and is_internal(frame.f_code):
        frame = frame.f_back
    return frame


def skip_internal(frame: types.FrameType) -> types.FrameType | None:
    """The innermost frame, from this one outwards, which is neither torch's nor ours."""
    outer: types.FrameType | None = frame
    while outer is not None:
        code = outer.f_code
        known = _ours_or_torchs.get(id(code))
        if not (is_internal(code) if known is None else known[0]):
            break
        outer = outer.f_back
    return outer


def own_frame(frame: types.FrameType | None) -> types.FrameType | None:
    """The innermost frame, from this one outwards, which is of a file of the program's own."""
    while frame is not None and not is_own(frame.f_code):
        frame = frame.f_back
    return frame


def frames_of(error: BaseException) -> Iterator[tuple[types.FrameType, int]]:
    """The frames that an exception went through, outermost first, each with the instruction at which it was left."""
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def user_place(frame: types.FrameType | None, call: str) -> Place | None:
    """The user's line from which this frame was reached."""
    frame = user_frame(frame)
    return None if frame is None else place_at(frame, call)


def place_at(frame: types.FrameType, call: str) -> Place:
    """The user's line that a frame outside torch runs or was reached from; a library's, if no file is the user's."""
    own = own_frame(frame)
    if own is None or own is frame:
        return Place(frame.f_code, frame.f_lasti, call)
    via: types.FrameType | None = frame
    while via is not None and via is not own and _is_passed_through(via.f_code):
        via = via.f_back
    by_way_of = None if via is None or via is own else Place(via.f_code, via.f_lasti, call)
    return Place(own.f_code, own.f_lasti, call, by_way_of)


def _is_passed_through(code: types.CodeType) -> bool:
    """Whether a frame with this code is torch's, ours or the standard library's, which nobody wants to hear of."""
    name = code.co_filename
    return is_internal(code) or (name.startswith(_STANDARD) and not name.startswith(_INSTALLED))


def locals_of(frame: types.FrameType) -> dict[str, object]:
    """The variables of a frame, copied.

    Up to Python 3.12 to look at a function's variables is to write them into one dictionary, which is also what
    `locals()` gave to the program, if it asked. A function that may have asked is not looked into; in any other the
    dictionary is emptied again, so that it keeps nothing alive, unless somebody else holds it.
    """
    code = frame.f_code
    if not _SNAPSHOT_LOCALS or not code.co_flags & _CO_OPTIMIZED:
        return copied(frame.f_locals)
    if not _SHOWS_LOCALS.isdisjoint(code.co_names) and _ASSERTS not in code.co_names and _may_ask(code):
        return {}
    snapshot = frame.f_locals
    copy = dict(snapshot)
    if sys.getrefcount(snapshot) <= _HELD_BY_FRAME:
        snapshot.clear()
    return copy


@functools.lru_cache(maxsize=1024)
def _may_ask(code: types.CodeType) -> bool:
    """Whether a code that names such a function may mean it, and not a method of the same name."""
    if not _FRAMES.isdisjoint(code.co_names) or not _HOMES.isdisjoint(code.co_names):
        return True
    asked = (one for one in dis.get_instructions(code) if one.argval in _ASKS_LOCALS)
    return any(one.opname in _GLOBAL for one in asked)


_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FAST"})


def local(frame: types.FrameType, name: str) -> object:
    """One local variable of a function of torch's."""
    return locals_of(frame).get(name)


_PASSED_THROUGH = frozenset(
    {
        *("forward", "multi_head_attention_forward", "inner", "fn", "wrapped", "wrapper", "decorate_context"),
        *("handle_torch_function", "has_torch_function"),
    }
)
"""Functions that stand around what a person calls: of a module, which has a name of its own (`inner` calls one that
has hooks), of decorators, and of torch's dispatch to classes."""


def called_function(frame: types.FrameType | None) -> types.FrameType | None:
    """The outermost public function of torch's around this frame, within the innermost module; None where none is."""
    found = None
    while frame is not None and is_internal(frame.f_code) and frame.f_code is not torch_facts.CALL_IMPL:
        name = frame.f_code.co_name
        if not name.startswith(("_", "<")) and name not in _PASSED_THROUGH:
            found = frame
        frame = frame.f_back
    return found


def running_module(frame: types.FrameType | None) -> torch.nn.Module | None:
    """The innermost module whose call is on the stack at or outside this frame."""
    call_impl = torch_facts.CALL_IMPL
    for _ in range(_MAX_DEPTH):
        if frame is None:
            return None
        if frame.f_code is call_impl:
            outer = frame.f_back  # knows the module too, and has so few variables that to ask for one is cheaper
            return called_module(outer if outer is not None and outer.f_code is torch_facts.OUTER_CALL else frame)
        frame = frame.f_back
    return None


def outermost_module(frame: types.FrameType | None) -> torch.nn.Module | None:
    """The outermost module whose call is on the stack."""
    found = None
    while frame is not None:
        if frame.f_code is torch_facts.CALL_IMPL:
            found = frame
        frame = frame.f_back
    return None if found is None else called_module(found)


def called_module(frame: types.FrameType) -> torch.nn.Module | None:
    """The module of a frame of a module's call, which is torch's and asks for no `locals()`."""
    snapshot = frame.f_locals
    module = snapshot.get("self")
    if _SNAPSHOT_LOCALS and sys.getrefcount(snapshot) <= _HELD_BY_FRAME:
        snapshot.clear()
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
