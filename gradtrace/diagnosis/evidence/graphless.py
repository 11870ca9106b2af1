"""What a tensor without a graph was computed from, as far as names and source lines tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.analysis.source_slice import statements
from gradtrace.diagnosis.evidence.cut_points import losses, rootless
from gradtrace.model import BackwardPass, Bystander, BystanderKind, Location, Trace

_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor that requires no grad, and that a root without a graph was computed from."""

    name: str
    location: Location | None
    is_integer: bool = False
    is_held: bool = False
    """An attribute or an element, as what a model trains is."""


@dataclass(frozen=True, slots=True)
class Graphless:
    """A pass that failed because its root has no graph, with what the root was computed from; no cut explains it."""

    backward: BackwardPass
    inputs: tuple[Input, ...]


@once
def graphless(trace: Trace) -> Graphless | None:
    """The pass that ended the program so."""
    dead = rootless(trace)
    if dead is None or losses(trace) or trace.run.error is None:
        return None
    text = dead.location.text if dead.location is not None else ""
    names = _names_of(dead) or _read(text)
    aside = [one for one in trace.bystanders if one.process == dead.process]
    found = _inputs(names, aside)
    frozen = tuple(
        Input(leaf.name, leaf.location, is_held=True)
        for leaf in trace.leaves
        if leaf.process == dead.process and not leaf.requires_grad
    )
    return Graphless(dead, (*found, *frozen))


def _names_of(dead: BackwardPass) -> frozenset[str]:
    return frozenset(root.name for root in dead.roots if root.name)


def _inputs(names: Iterable[str], aside: list[Bystander]) -> tuple[Input, ...]:
    """From the names backwards, from assignment to assignment: tensors that nothing known was assigned to."""
    waiting, seen = list(names), set[str]()
    found: dict[str, Input] = {}
    while waiting and len(seen) < _MOST_STEPS:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        for one in aside:
            if one.name != name and not one.name.startswith((f"{name}.", f"{name}[")):
                continue
            made_from = _read(one.location.text) - {one.name} if one.location is not None and one.name == name else ()
            known = [other for other in made_from if _is_tensor(other, aside)]
            waiting += sorted(known)
            if not known:
                is_integer = one.kind is BystanderKind.INTEGERS
                found[one.name] = Input(one.name, one.location, is_integer, one.name != name or "." in one.name)
    order = {one.name: number for number, one in enumerate(aside)}
    return tuple(sorted(found.values(), key=lambda one: order[one.name]))


def _is_tensor(name: str, aside: list[Bystander]) -> bool:
    return any(one.name == name or one.name.startswith((f"{name}.", f"{name}[")) for one in aside)


def _read(text: str) -> frozenset[str]:
    """The names and attributes that a source line reads."""
    tree = statements(text)
    found = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(f"{node.value.id}.{node.attr}")
    return frozenset(found)
