"""What switched gradients off where an operation ran without them: the `with` block, the decorator, the checkpoint.

torch's grad mode is a flag whose changes nothing reports. So where an operation ran without gradients, the frames are
looked through from it outwards, once for each place: whether one stands in a `with` block of a switch, or is a function
of torch's that runs code of the program's without gradients.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from gradtrace.model.kinds import SwitchKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.custom_functions import is_forward
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import attributes, class_attribute, module_of, type_name
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place, is_own, locals_of, own_frame, user_frame, user_place

_MAX_DEPTH = 400
_MAX_HANDLERS = 50
_CO_GENERATOR = 0x20
_NO_GRAD, _INFERENCE, _SET, _ENABLE = (
    one.__name__ for one in (torch.no_grad, torch.inference_mode, torch.set_grad_enabled, torch.enable_grad)
)
_OFF = frozenset({_NO_GRAD, _INFERENCE, _SET})
_SWITCHES = _OFF | {_ENABLE}
_DECORATED = torch_facts.TORCH_DIRECTORY + "utils/_contextlib.py"
_CHECKPOINT = torch_facts.TORCH_DIRECTORY + "utils/checkpoint.py"
_ENGINE = "_engine_run_backward"
_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


class Switch(NamedTuple):
    """What switched gradients off, and where."""

    kind: SwitchKind
    call: str
    place: Place | None

    def record(self, journal: Journal) -> dict[str, Any]:
        """Its fields in the stream."""
        return {"kind": self.kind, "call": self.call, "location": journal.place(self.place)}


class _Block(NamedTuple):
    """A `with` block of some code: its handler, and what the source says of its manager."""

    handler: int
    entered: int
    """Offset of the instruction that makes its manager: the `with` itself spans the whole block."""
    names: tuple[str, ...]
    constants: tuple[Any, ...]


class _Blocks(NamedTuple):
    code: types.CodeType
    ranges: tuple[tuple[int, int, int], ...]
    """Start, end and target of the entries of the exception table."""
    blocks: dict[int, _Block]


_known: dict[int, _Blocks] = {}


def switched_off_by(frame: types.FrameType | None) -> Switch | None:
    """What switched gradients off for a call from this frame; None where that is not known."""
    start, inner = frame, None
    for _ in range(_MAX_DEPTH):
        if frame is None:
            break
        found = _by_torch(frame, inner)
        if found is not None:
            return found
        for block in _around(frame):
            name = _switch_of(block, frame)
            if name == _ENABLE:
                return None  # switched on again; who switched it off inside of that, no frame tells
            if name is not None:
                return _with(frame, block, name)
        if is_forward(frame.f_code):
            name = ".".join(frame.f_code.co_qualname.rpartition("<locals>.")[2].split(".")[-2:])
            return Switch(SwitchKind.FUNCTION, name, _definition(frame, "forward"))
        inner, frame = frame, frame.f_back
    return _by_statement(start)


def _by_torch(frame: types.FrameType, inner: types.FrameType | None) -> Switch | None:
    """A frame of torch's that runs the frame inside it without gradients."""
    code = frame.f_code
    if code.co_name == _ENGINE:
        return Switch(SwitchKind.BACKWARD, "backward", user_place(frame, "backward"))
    if code.co_filename == _DECORATED and inner is not None:
        factory = locals_of(frame).get("ctx_factory")
        manager = factory.__self__ if type(factory) is types.MethodType else None
        name = type_name(manager)
        if name in _OFF and attributes(manager).get("mode") is not (name != _INFERENCE):
            return Switch(SwitchKind.DECORATOR, f"torch.{name}", _definition(inner, name))
    if code.co_filename == _CHECKPOINT and any(_switch_of(block, frame) == _NO_GRAD for block in _around(frame)):
        return Switch(SwitchKind.CHECKPOINT, "checkpoint", user_place(frame, "checkpoint"))
    return None


def _with(frame: types.FrameType, block: _Block, name: str) -> Switch:
    call = f"torch.{name}" if name in _OFF else name
    here = Place(frame.f_code, block.entered, name)
    return Switch(SwitchKind.WITH, call, _by_way_of(frame, here))


def _definition(frame: types.FrameType, call: str) -> Place | None:
    """Where the function of a frame is defined, with its decorators."""
    return _by_way_of(frame, Place(frame.f_code, 0, call))


def _by_way_of(frame: types.FrameType, place: Place) -> Place | None:
    """A place in this frame, or the user's own line that led to it, with this one beside it."""
    if is_own(frame.f_code):
        return place
    own = own_frame(frame)
    if own is None:
        return place if user_frame(frame) is frame else user_place(frame, place.call)
    return Place(own.f_code, own.f_lasti, place.call, place)


# Blocks.


def _blocks_of(code: types.CodeType) -> _Blocks:
    known = _known.get(id(code))
    if known is None:
        if len(_known) > 1_000:  # noqa: PLR2004 - a program that makes code without end
            _known.clear()
        ranges = tuple(_exception_table(code))
        known = _known[id(code)] = _Blocks(code, ranges, {one.handler: one for one in _find_blocks(code, ranges)})
    return known


def _exception_table(code: types.CodeType) -> Iterator[tuple[int, int, int]]:
    """Start, end and target of each entry, as CPython packs them into bytes of six bits."""
    packed = iter(code.co_exceptiontable)

    def number() -> int:
        byte = next(packed)
        value = byte & 63
        while byte & 64:
            byte = next(packed)
            value = value << 6 | byte & 63
        return value

    while True:
        try:
            start = number() * 2
        except StopIteration:
            return
        length, target = number() * 2, number() * 2
        number()  # depth of the stack
        yield start, start + length, target


def _find_blocks(code: types.CodeType, ranges: tuple[tuple[int, int, int], ...]) -> Iterator[_Block]:
    instructions = list(dis.get_instructions(code))
    at = {one.offset: position for position, one in enumerate(instructions)}
    entries = [position for position, one in enumerate(instructions) if _enters(one)]
    for handler in {target for _, _, target in ranges}:
        position = at.get(handler)
        if position is None or not any(
            one.opname == "WITH_EXCEPT_START" for one in instructions[position : position + 3]
        ):
            continue
        start = min(start for start, _, target in ranges if target == handler)
        before = [entry for entry in entries if instructions[entry].offset < start]
        if before:
            entry = before[-1]
            written = list(_expression(instructions, entry))
            names = tuple(one.argval for one in written if one.opname in _LOADS + _ATTRIBUTES)
            constants = tuple(one.argval for one in written if one.opname == "LOAD_CONST")
            yield _Block(handler, instructions[entry - 1].offset, names, constants)


def _enters(one: dis.Instruction) -> bool:
    return one.opname == "BEFORE_WITH" or (one.opname == "LOAD_SPECIAL" and "__exit__" in one.argrepr)


def _expression(instructions: list[dis.Instruction], entry: int) -> Iterator[dis.Instruction]:
    """The instructions that make the manager: those just before it is entered, within the text of the last of them."""
    whole = instructions[entry - 1].positions
    if whole is None or whole.lineno is None:
        return
    begin, end = (whole.lineno, whole.col_offset or 0), (whole.end_lineno or 0, whole.end_col_offset or 0)
    first = entry
    while first and _lies_within(instructions[first - 1], begin, end):
        first -= 1
    yield from instructions[first:entry]


def _lies_within(one: dis.Instruction, begin: tuple[int, int], end: tuple[int, int]) -> bool:
    place = one.positions
    if place is None or place.lineno is None:
        return one.opname in ("PRECALL", "CACHE", "EXTENDED_ARG")
    inside = (place.lineno, place.col_offset or 0) >= begin
    return inside and (place.end_lineno or 0, place.end_col_offset or 0) <= end


def _around(frame: types.FrameType) -> Iterator[_Block]:
    """The `with` blocks in which a frame stands, innermost first."""
    return _enclosing(frame.f_code, frame.f_lasti)


def blocks_at(code: types.CodeType, offset: int) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """The `with` blocks around an instruction, innermost first: where each begins, and the names of its manager."""
    for block in _enclosing(code, offset):
        yield Place(code, block.entered, ""), block.names


def _enclosing(code: types.CodeType, offset: int) -> Iterator[_Block]:
    known = _blocks_of(code)
    for _ in range(_MAX_HANDLERS):
        target = next((target for start, end, target in known.ranges if start <= offset < end), None)
        if target is None or target == offset:
            return
        block = known.blocks.get(target)
        if block is not None:
            yield block
        offset = target


# What a manager does, as far as its name and its code tell.


def _switch_of(block: _Block, frame: types.FrameType) -> str | None:
    """The switch that a block enters, or the program's own manager that is one; None for any other."""
    for name in block.names:
        if name in _SWITCHES:
            return _ENABLE if _switches_on(name, block.constants) else name
    if not block.names:
        return None
    value = _value(block.names, frame)
    if value is None:
        return None
    kind = type_name(value)
    if kind in _SWITCHES and module_of(type(value)).startswith("torch."):
        return _ENABLE if _switches_on(kind, (attributes(value).get("mode"),)) else kind
    code = _entering_code(value)
    return None if code is None or _OFF.isdisjoint(code.co_names) else block.names[-1]


def _switches_on(name: str, constants: tuple[Any, ...]) -> bool:
    """Whether its argument, if that is written out, makes it switch gradients on."""
    argument = constants[0] if constants else None
    return (name == _SET and argument is True) or (name == _INFERENCE and argument is False)


def _value(names: tuple[str, ...], frame: types.FrameType) -> Any:
    """What stands behind a variable, or behind a method or attribute of `self`."""
    found = locals_of(frame).get(names[0])
    if found is None and type(frame.f_globals) is dict:
        found = frame.f_globals.get(names[0])
    if len(names) == 1:
        return found
    if names[0] != "self" or found is None:
        return None
    own = attributes(found)
    return own[names[1]] if names[1] in own else class_attribute(type(found), names[1])


def _entering_code(value: Any) -> types.CodeType | None:
    """The code that runs when it is entered: a generator function's, or that of `__enter__`."""
    if type(value) is types.FunctionType:
        inner = value.__dict__.get("__wrapped__", value)
        return inner.__code__ if type(inner) is types.FunctionType else None
    kind = value if issubclass(type(value), type) else type(value)
    enter = class_attribute(kind, "__enter__")
    return enter.__code__ if type(enter) is types.FunctionType else None


# Statements.


def _by_statement(frame: types.FrameType | None) -> Switch | None:
    """`torch.set_grad_enabled(False)` on its own, before the call, in a function that runs."""
    start = frame
    for _ in range(_MAX_DEPTH):
        if frame is None:
            break
        if is_own(frame.f_code) and _SET in frame.f_code.co_names:
            last = None
            for offset, is_on in _statements(frame.f_code):
                if offset < frame.f_lasti and is_on is not None:
                    last = None if is_on else offset
            if last is not None:
                place = Place(frame.f_code, last, _SET)
                return Switch(SwitchKind.CALL, "torch.set_grad_enabled", place)
        frame = frame.f_back
    return _by_an_earlier_call(start)


def _by_an_earlier_call(frame: types.FrameType | None) -> Switch | None:
    """Such a statement in a function that has ended: the only one in the program's code that can be seen from here."""
    found = [
        Place(code, last, _SET)
        for code in Scope(frame).codes()
        if _SET in code.co_names and not _is_manager(code) and (last := _left_off(code)) is not None
    ]
    return Switch(SwitchKind.CALL, "torch.set_grad_enabled", found[0]) if len(found) == 1 else None


def _left_off(code: types.CodeType) -> int | None:
    """The offset of the last such statement of some code, if it switches them off."""
    last = None
    for offset, is_on in _statements(code):
        last = offset if is_on is False else None
    return last


def _is_manager(code: types.CodeType) -> bool:
    """Whether it is what a `with` enters, which has another part that switches back: a method, or a generator."""
    return code.co_name == "__enter__" or bool(code.co_flags & _CO_GENERATOR)


def _statements(code: types.CodeType) -> Iterator[tuple[int, bool | None]]:
    """The calls whose result nobody takes: their offsets, and what they set, None if that is not written out."""
    awaited, constant = False, None
    call = 0
    for one in dis.get_instructions(code):
        if one.opname in _LOADS + _ATTRIBUTES and one.argval == _SET:
            awaited, constant = True, None
        elif awaited and one.opname == "LOAD_CONST":
            constant = one.argval
        elif awaited and one.opname.startswith("CALL"):
            call = one.offset
        elif awaited and one.opname == "POP_TOP" and call:
            yield call, constant if type(constant) is bool else None
            awaited, call = False, 0
        elif one.opname == "BEFORE_WITH":
            awaited, call = False, 0
