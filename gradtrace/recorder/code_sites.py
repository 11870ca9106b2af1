"""What the program's code would do, by its instructions: where it calls a method of something, and loops over it."""

from __future__ import annotations

import dis
import functools
import re
import sys
import types
from collections.abc import Sequence

from gradtrace.recorder.sites import Place
from gradtrace.recorder.stores import LOADS

_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_NAMES = re.compile(r"[^\W\d]\w*$")


def called_by(codes: Sequence[types.CodeType], path: str, method: str) -> Place | None:
    """The first place in these codes that asks what a path ends in for a method: `step` of `self.optimizer`."""
    found = _NAMES.search(path)
    if found is None:
        return None
    for code in codes:
        if method not in code.co_names:
            continue
        before: dis.Instruction | None = None
        for one in dis.get_instructions(code):
            if one.argval == method and before is not None and _is_called(one):
                is_named = before.opname in LOADS or before.opname in _ATTRIBUTES
                if is_named and before.argval == found[0]:
                    return Place(code, one.offset, method)
            before = one
    return None


def _is_called(attribute: dis.Instruction) -> bool:
    """Whether what an instruction loads is called: `optimizer.step` without parentheses is not."""
    if attribute.opname == "LOAD_METHOD":
        return True
    return attribute.opname == "LOAD_ATTR" and sys.version_info >= (3, 12) and bool((attribute.arg or 0) & 1)


@functools.lru_cache(maxsize=1024)
def loops_over(code: types.CodeType, name: str, offset: int) -> int | None:
    """The offset at which a code begins to loop over a variable once more, after a loop over it that runs now.

    None where nothing of the kind is said, or the variable is given another value.
    """
    loops: list[int] = []
    before: dis.Instruction | None = None
    for one in dis.get_instructions(code):
        if one.opname.startswith("STORE_") and one.argval == name and one.offset > 0 and loops:
            return None
        if one.opname == "GET_ITER" and before is not None and before.opname in LOADS and before.argval == name:
            loops.append(before.offset)
        before = one
    earlier = [one for one in loops if one <= offset]
    later = [one for one in loops if one > offset]
    return later[0] if len(earlier) == 1 and later else None


@functools.lru_cache(maxsize=1024)
def assigned_in_vain(code: types.CodeType, offset: int) -> str | None:
    """The variable whose `.grad` is read at an offset, if the statement gives it a value that nothing reads.

    That is a loop's own variable, which the loop assigns anew: `for f in params: f = f - lr * f.grad`.
    """
    instructions = list(dis.get_instructions(code))
    at = next((position for position, one in enumerate(instructions) if one.offset == offset), None)
    if not at:
        return None
    read = _loads(instructions[at - 1])
    name = read[-1] if read else None
    line = instructions[at].positions
    stored = next((at + n for n, one in enumerate(instructions[at:]) if _stores(one) or one.opname == "POP_TOP"), None)
    if name is None or stored is None or _stores(instructions[stored])[:1] != (name,):
        return None
    place = instructions[stored].positions
    if line is None or place is None or line.lineno is None or place.lineno is None or place.lineno > line.lineno:
        return None
    return name if _is_overwritten(instructions, stored, name) else None


def _is_overwritten(instructions: list[dis.Instruction], stored: int, name: str) -> bool:
    """Whether the loop around a store comes to another store to the variable before it reads it."""
    if name in _loads(instructions[stored]):
        return False
    by_offset = {one.offset: position for position, one in enumerate(instructions)}
    position, n_jumps = stored + 1, 0
    while position < len(instructions):
        one = instructions[position]
        if name in _loads(one):
            return False
        if n_jumps and name in _stores(one):
            return True
        if one.opname.startswith("JUMP_BACKWARD"):
            n_jumps += 1
            if n_jumps > 1 or one.argval not in by_offset:
                return False
            position = by_offset[one.argval]
        else:
            position += 1
    return False


def _loads(one: dis.Instruction) -> tuple[str, ...]:
    """The variables that an instruction reads."""
    if one.opname in LOADS:
        return (one.argval,)
    both = one.argval if type(one.argval) is tuple else ()
    if one.opname == "STORE_FAST_LOAD_FAST":
        return both[1:]
    return both if one.opname.startswith("LOAD_FAST") else ()


def _stores(one: dis.Instruction) -> tuple[str, ...]:
    """The variables that an instruction assigns."""
    if one.opname in {"STORE_NAME", "STORE_FAST", "STORE_GLOBAL", "STORE_DEREF"}:
        return (one.argval,)
    both = one.argval if type(one.argval) is tuple else ()
    if one.opname == "STORE_FAST_LOAD_FAST":
        return both[:1]
    return both if one.opname == "STORE_FAST_STORE_FAST" else ()
