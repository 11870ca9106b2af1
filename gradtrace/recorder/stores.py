"""Where in the code that runs a result is handed to the variable that keeps it."""

from __future__ import annotations

import dis
import types

from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.sites import Place, is_internal, locals_of

_LOADS = frozenset({"LOAD_NAME", "LOAD_FAST", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"})
_STORES = ("CALL", "STORE_SUBSCR", "BINARY_OP", "INPLACE")


def stored_at(frame: types.FrameType | None, root: str) -> Place | None:
    """The call or the assignment that begins with a name and takes in a result with a graph: `losses.append(loss)`."""
    while frame is not None:
        if not is_internal(frame.f_code) and root in (found := locals_of(frame)):
            names = {name for name, value in found.items() if is_tensor(value) and not value.is_leaf}
            place = _site(frame.f_code, root, names)
            if place is not None:
                return place
        frame = frame.f_back
    return None


def _site(code: types.CodeType, root: str, names: set[str]) -> Place | None:
    instructions = list(dis.get_instructions(code))
    starts = {_start(one) for one in instructions if one.opname in _LOADS and one.argval == root}
    taken = [one for one in instructions if one.opname in _LOADS and one.argval in names]
    for one in instructions:
        if one.opname.startswith(_STORES) and _start(one) in starts:
            is_assignment = one.opname == "STORE_SUBSCR"
            if any(_lies_in(value, one, is_assignment=is_assignment) for value in taken):
                return Place(code, one.offset, root)
    return None


def _start(one: dis.Instruction) -> tuple[int | None, int | None]:
    place = one.positions
    return (None, None) if place is None else (place.lineno, place.col_offset)


def _lies_in(value: dis.Instruction, whole: dis.Instruction, *, is_assignment: bool) -> bool:
    """Within the source text of an instruction; the value of an assignment stands on the same line, after it."""
    inner, outer = value.positions, whole.positions
    if inner is None or outer is None or inner.lineno is None or outer.lineno is None or outer.end_lineno is None:
        return False
    if is_assignment:
        return inner.lineno == outer.end_lineno and (inner.col_offset or 0) >= (outer.end_col_offset or 0)
    begins = (inner.lineno, inner.col_offset or 0) > (outer.lineno, outer.col_offset or 0)
    return begins and (inner.end_lineno or 0, inner.end_col_offset or 0) <= (
        outer.end_lineno,
        outer.end_col_offset or 0,
    )
