"""Where a tensor is stored: the line that appends it to a list, puts it into a dictionary, or to an attribute.

Nobody sees that happen; but the code that runs, the functions beside it and the methods of the program's classes are
there, and their instructions say which of them store into something of this name. Where several do, and nothing tells
which of them did, nothing is said.
"""

from __future__ import annotations

import dis
import re
import types
from collections.abc import Iterator
from typing import NamedTuple

from gradtrace.recorder import torch_facts
from gradtrace.recorder.journal import positions
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.sites import Place, is_internal, locals_of

LOADS = frozenset(
    {"LOAD_NAME", "LOAD_FAST", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_CLASSDEREF"}
)
"""Instructions that put a variable on the stack."""
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_VARIABLES = frozenset({"STORE_NAME", "STORE_FAST", "STORE_GLOBAL", "STORE_DEREF", "STORE_FAST_STORE_FAST"})
_ADDING = frozenset({"append", "appendleft", "extend", "extendleft", "insert", "add", "update", "setdefault"})
_BUILDS = frozenset({"BUILD_LIST", "BUILD_MAP", "BUILD_TUPLE"})
_STEPS = re.compile(r"\.([^\W\d]\w*)|\[")

_known: dict[int, tuple[types.CodeType, tuple[_Site, ...]]] = {}


class _Site(NamedTuple):
    """An instruction that stores something."""

    name: str
    """The variable or the attribute that is assigned, or whose value takes it in."""
    is_attribute: bool
    is_item: bool
    offset: int
    starts_empty: bool
    """A constant or an empty container is assigned: so it begins, and no tensor is stored."""


class Target(NamedTuple):
    """What is stored into, as a path says it: `losses[3]` is an item of the variable `losses`."""

    name: str
    is_attribute: bool
    is_item: bool

    @classmethod
    def of(cls, path: str) -> Target:
        """The last name before an item is taken, or at the end."""
        name, is_attribute = re.match(r"\w*", path)[0], False  # type: ignore[index] # it always matches
        for step in _STEPS.finditer(path):
            if step[1] is None:
                return cls(name, is_attribute, is_item=True)
            name, is_attribute = step[1], True
        return cls(name, is_attribute, is_item=False)


def stored_by(codes: list[types.CodeType], path: str) -> Place | None:
    """The one place in these codes that stores into what a path says."""
    target = Target.of(path)
    found = [
        Place(code, site.offset, target.name) for code in codes for site in _sites(code) if _stores_into(site, target)
    ]
    return found[0] if len(found) == 1 else None


def stores(place: Place, path: str) -> bool:
    """Whether the line of a place, at which a tensor was made, stores into what a path says as well."""
    target, line = Target.of(path), positions(place.code, place.instruction)[0]
    return any(_stores_into(one, target) and positions(place.code, one.offset)[0] == line for one in _sites(place.code))


def stored_at(frame: types.FrameType | None, codes: list[types.CodeType], path: str) -> Place | None:
    """The same; of several places the first in a frame that runs which takes in a result with a graph.

    Args:
        frame: the innermost of the frames that run.
        codes: where to look besides.
        path: how the tensor is reached: `losses[3]`, `self.history['loss']`, `self.last`.
    """
    target = Target.of(path)
    while frame is not None:
        if not is_internal(frame.f_code) and any(_stores_into(site, target) for site in _sites(frame.f_code)):
            found = locals_of(frame)
            names = {name for name, value in found.items() if is_tensor(value) and not torch_facts.is_leaf(value)}
            place = _taking(frame.f_code, target, names)
            if place is not None:
                return place
        frame = frame.f_back
    return stored_by(codes, path)


def _stores_into(site: _Site, target: Target) -> bool:
    return site[:3] == target and not site.starts_empty


def _sites(code: types.CodeType) -> tuple[_Site, ...]:
    known = _known.get(id(code))
    if known is None:
        if len(_known) > 2_000:  # noqa: PLR2004 - a program that makes code without end
            _known.clear()
        known = _known[id(code)] = (code, tuple(_find_sites(list(dis.get_instructions(code)))))
    return known[1]


def _find_sites(instructions: list[dis.Instruction]) -> Iterator[_Site]:
    receivers: dict[tuple[int | None, int | None], tuple[str, bool]] = {}
    adding: set[tuple[int | None, int | None]] = set()
    for position, one in enumerate(instructions):
        start = _start(one)
        if one.opname in LOADS:
            receivers[start] = (one.argval, False)
            adding.discard(start)
        elif one.opname in _ATTRIBUTES and one.argval in _ADDING:
            adding.add(start)
        elif one.opname in _ATTRIBUTES:
            receivers[start] = (one.argval, True)
        elif one.opname in _VARIABLES or one.opname == "STORE_ATTR":
            is_attribute = one.opname == "STORE_ATTR"
            starts_empty = _is_empty(instructions, position, is_attribute=is_attribute)
            for name in one.argval if type(one.argval) is tuple else (one.argval,):
                yield _Site(name, is_attribute, False, one.offset, starts_empty)
        elif one.opname == "STORE_SUBSCR" or (one.opname == "CALL" and start in adding) or _is_in_place(one):
            adding.discard(start)
            if start in receivers:
                yield _Site(*receivers[start], True, one.offset, False)


def _is_empty(instructions: list[dis.Instruction], position: int, *, is_attribute: bool) -> bool:
    """Whether what is assigned is a constant or an empty container; an attribute's object stands after its value."""
    start, before = _start(instructions[position]), position - 1
    while is_attribute and before > 0 and _start(instructions[before]) == start:
        before -= 1
    one = instructions[before]
    return one.opname == "LOAD_CONST" or (one.opname in _BUILDS and not one.arg)


def _is_in_place(one: dis.Instruction) -> bool:
    return one.opname == "BINARY_OP" and one.argrepr.endswith("=") and one.argrepr not in ("==", "<=", ">=", "!=")


def _taking(code: types.CodeType, target: Target, names: set[str]) -> Place | None:
    """The first store into the target whose text has one of these names."""
    instructions = list(dis.get_instructions(code))
    by_offset = {one.offset: one for one in instructions}
    taken = [one for one in instructions if one.opname in LOADS and one.argval in names]
    for site in _sites(code):
        one = by_offset[site.offset]
        is_assignment = one.opname.startswith("STORE_")
        if _stores_into(site, target) and any(_lies_in(value, one, is_assignment=is_assignment) for value in taken):
            return Place(code, one.offset, target.name)
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


def assigned_attribute(codes: list[types.CodeType], name: str) -> Place | None:
    """The first place in these codes that assigns an attribute of this name, whatever of."""
    for code in codes:
        for site in _sites(code):
            if site.name == name and site.is_attribute and not site.is_item:
                return Place(code, site.offset, name)
    return None


def is_result_dropped(place: Place) -> bool:
    """Whether what a call gives back is not used: it is a statement of its own."""
    instructions = [one for one in dis.get_instructions(place.code) if one.opname not in ("CACHE", "EXTENDED_ARG")]
    position = next((at for at, one in enumerate(instructions) if one.offset == place.instruction), len(instructions))
    return position + 1 < len(instructions) and instructions[position + 1].opname == "POP_TOP"
