"""Which tensors of a run are meant by a name, a pattern, or a place in the source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gradtrace.analysis.topology import Adjacency
from gradtrace.errors import UnknownNameError
from gradtrace.model import (
    BackwardPass,
    Bystander,
    Cut,
    Graph,
    Leaf,
    Location,
    ModuleFact,
    Node,
    Trace,
    Variable,
    VariableKind,
)
from gradtrace.suggest import did_you_mean

_SUGGESTIONS = 4
_SHOWN = 12
_LIBRARIES = ("/lib/python", "site-packages", "\\Lib\\")
_ITEM = re.compile(r"(.+)\[(-?\d{1,4})\]$")
_PLACE = re.compile(r"(?P<file>.*[^:]):(?P<line>\d+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """A result that is part of the graph of a pass."""

    name: str
    backward: BackwardPass
    graph: Graph
    node: Node
    output: int


@dataclass(frozen=True, slots=True)
class Meant:
    """Everything that a name may stand for."""

    leaves: tuple[Leaf, ...] = ()
    values: tuple[Value, ...] = ()
    cuts: tuple[Cut, ...] = ()
    error: Location | None = None
    bystanders: tuple[Bystander, ...] = ()
    variables: tuple[Variable, ...] = ()

    def __bool__(self) -> bool:
        """Whether it stands for anything."""
        return bool(self.leaves or self.values or self.cuts or self.error or self.bystanders or self.variables)


def meant_by(trace: Trace, asked: str) -> Meant:
    """What a name stands for: an exact name before a pattern, before a module, before a part of a longer name.

    Raises:
        UnknownNameError: when it stands for nothing; says which names come close, or which there are.
    """
    name = asked.strip().removesuffix(".grad")
    place = _PLACE.match(name)
    if place is not None and not any(leaf.name == name for leaf in trace.leaves):
        found = _at_line(trace, place["file"], int(place["line"]))
        if found:
            return found
        raise UnknownNameError(_no_such_line(trace, name, place["file"]))
    for fits in (_is_exact, _is_pattern, _is_inside, _is_part):
        found = _named(trace, name, fits)
        if found:
            return found
    found = _in_module(trace, name) or _item(trace, name) or _by_its_end(trace, name)
    if found:
        return found
    error = _error_at(trace, name)
    if error is not None:
        return Meant(error=error)
    raise UnknownNameError(_no_such_name(trace, name))


def _is_exact(own: str, name: str) -> bool:
    return own == name


def _is_pattern(own: str, name: str) -> bool:
    return fnmatchcase(own, name) if any(sign in name for sign in "*?[") else False


def _is_inside(own: str, name: str) -> bool:
    own, name = own.removeprefix("self."), name.removeprefix("self.")
    return own.startswith((f"{name}.", f"{name}["))


def _by_its_end(trace: Trace, name: str) -> Meant:
    """What an object holds of which nobody knows what it is: `trainer.model.fc1` of `fc1.weight`."""
    steps = name.split(".")[1:]
    while steps:
        found = _named(trace, ".".join(steps), _is_exact) or _named(trace, ".".join(steps), _is_inside)
        if found:
            return found
        steps = steps[1:]
    return Meant()


def _item(trace: Trace, name: str) -> Meant:
    """A leaf that a list holds: `params[0]`."""
    asked = _ITEM.match(name)
    for one in trace.variables if asked is not None else ():
        if asked is not None and one.name == asked[1] and one.kind == VariableKind.OTHER:
            number = int(asked[2])
            if -len(one.leaves) <= number < len(one.leaves):
                return Meant((trace.leaves[one.leaves[number]],))
    return Meant()


def _in_module(trace: Trace, name: str) -> Meant:
    """A part of a model that a variable holds: `net.fc1`, `net[0]` where the leaves are called `fc1.weight`."""
    for one in trace.variables:
        rest = name.removeprefix("self.").removeprefix(one.name.removeprefix("self."))
        if one.kind != VariableKind.MODULE or rest == name or rest[:1] not in (".", "["):
            continue
        path = rest.replace("[", ".").replace("]", "").lstrip(".")
        held = [leaf for leaf in trace.leaves if leaf.id in set(one.leaves)]
        leaves = tuple(leaf for leaf in held if leaf.name.startswith(f"{path}.") or fnmatchcase(leaf.name, path))
        if leaves:
            return Meant(leaves)
    return Meant()


def _is_part(own: str, name: str) -> bool:
    """`net.fc1.weight` for `fc1.weight` and the other way round, `net.maps` for `self.maps`."""
    own, name = own.removeprefix("self."), name.removeprefix("self.")
    return own == name or own.endswith(f".{name}") or name.endswith(f".{own}")


def _named(trace: Trace, name: str, fits: Callable[[str, str], bool]) -> Meant:
    held = {
        leaf for fact in trace.module_facts if any(fits(own, name) for own in _holders(fact)) for leaf in fact.leaves
    }
    leaves = tuple(leaf for leaf in trace.leaves if leaf.id in held or fits(leaf.name, name))
    values: dict[object, Value] = {}
    for value in _values(trace):
        if fits(value.name, name):
            values.setdefault(_identity(value), value)
    cuts = tuple(cut for cut in trace.cuts if cut.name is not None and fits(cut.name, name))
    if leaves or values:
        cuts = ()
    if leaves and not any(leaf.name == name for leaf in leaves):
        values = {}  # a pattern or a module means its parameters
    bystanders = tuple(one for one in trace.bystanders if fits(one.name, name))
    if leaves or values or cuts:
        bystanders = ()  # of the same name, in another pass or another function
    if leaves or values or cuts or bystanders:
        return Meant(leaves, tuple(values.values()), cuts, bystanders=bystanders)
    return _of_variables(trace, tuple(one for one in trace.variables if fits(one.name, name)))


def _of_variables(trace: Trace, found: tuple[Variable, ...]) -> Meant:
    """What a name stands for that is no tensor of a graph itself: a module and another name of a leaf mean leaves."""
    held = {leaf for one in found for leaf in one.leaves}
    leaves = tuple(leaf for leaf in trace.leaves if leaf.id in held)
    return Meant(leaves, variables=() if leaves else found)


def _holders(fact: ModuleFact) -> tuple[str, ...]:
    """What modules in a plain list may be called: they have no path of their own."""
    path = f"{fact.module}.{fact.attribute}" if fact.module else fact.attribute
    return (path, f"self.{fact.attribute}", *(f"{path}.{i}" for i in range(fact.count)))


def _identity(value: Value) -> object:
    """The same in every pass: a variable that a loop computes again and again is told once."""
    place = value.node.location
    return (value.name, value.node.module, place and (place.file, place.line, place.column))


def _values(trace: Trace) -> Iterator[Value]:
    """Every result with a name, the last that bears it first: that is the one a person sees after the program."""
    for one in trace.passes:
        if one.graph is None:
            continue
        latest: dict[tuple[str, str | None], Value] = {}
        for node in one.graph.nodes:
            if node.leaf is not None:
                continue
            names = {output.index: output.name for output in node.outputs if output.name}
            if not names and node.name:
                names = {node.outputs[0].index if node.outputs else 0: node.name}
            for output, name in names.items():
                # Ops inside a call on one line bear the name of what the line assigns: the first found is the result.
                latest.setdefault((name, _line(node.location)), Value(name, one, one.graph, node, output))
        yield from latest.values()


def _line(place: Location | None) -> str | None:
    return None if place is None else f"{place.file}:{place.line}"


def _at_line(trace: Trace, file: str, line: int) -> Meant:
    leaves = tuple(leaf for leaf in trace.leaves if _is_there(leaf.location, file, line))
    cuts = tuple(cut for cut in trace.cuts if _is_there(cut.location, file, line))
    values: dict[object, Value] = {}
    for one in trace.passes:
        if one.graph is None:
            continue
        for node in _results_there(one.graph, file, line):
            output = node.outputs[0].index if node.outputs else 0
            value = Value(node.name or node.op, one, one.graph, node, output)
            values.setdefault(_identity(value), value)
    error = next((frame for frame in reversed(_frames(trace)) if _is_there(frame, file, line)), None)
    bystanders = tuple(one for one in trace.bystanders if _is_there(one.location, file, line))
    if leaves or values or cuts:
        error, bystanders = None, ()
    return Meant(leaves, tuple(values.values()), cuts, error, () if error else bystanders)


def _results_there(graph: Graph, file: str, line: int) -> Iterator[Node]:
    """The last ops of the line: those whose results are used elsewhere."""
    here = {node.id for node in graph.nodes if node.leaf is None and _is_there(node.location, file, line)}
    if not here:
        return
    adjacency = Adjacency(graph)
    for node in sorted(here):
        users = [graph.edges[position].source for position in adjacency.arriving_at(node)]
        if not users or any(user not in here for user in users):
            yield graph.nodes[node]


def _is_there(place: Location | None, file: str, line: int) -> bool:
    return place is not None and _is_file(place.file, file) and place.line <= line <= max(place.line, place.end_line)


def _is_file(own: str, asked: str) -> bool:
    own, asked = own.replace("\\", "/"), asked.replace("\\", "/").removeprefix("./")
    return own == asked or own.endswith(f"/{asked.lstrip('/')}") or asked.endswith(f"/{own}")


def _frames(trace: Trace) -> tuple[Location, ...]:
    """Where the program ended, without the frames of libraries."""
    frames = trace.run.error.frames if trace.run.error is not None else ()
    return tuple(frame for frame in frames if not any(part in frame.file for part in _LIBRARIES))


def _error_at(trace: Trace, name: str) -> Location | None:
    """The line at which the program ended, if it was about this name."""
    first = re.split(r"[.\[]", name.removeprefix("self."))[0]
    word = re.compile(rf"\b{re.escape(first)}\b")
    return next((frame for frame in reversed(_frames(trace)) if first and word.search(frame.text)), None)


def _no_such_name(trace: Trace, name: str) -> str:
    known = list(dict.fromkeys(_known_names(trace)))
    if not known:
        why = "the recording knows no tensor by name"
        if not trace.passes:
            why += ": the program ran no backward pass"
        return f"nothing in the run is called {name!r}: {why}"
    meant = did_you_mean(name, known, _SUGGESTIONS, 0.5)
    if meant:
        return f"nothing in the run is called {name!r}; {meant}"
    more = f" and {len(known) - _SHOWN:,} more" if len(known) > _SHOWN else ""
    return f"nothing in the run is called {name!r}; there are {', '.join(known[:_SHOWN])}{more}"


def _known_names(trace: Trace) -> Iterator[str]:
    yield from (leaf.name for leaf in trace.leaves)
    yield from (value.name for value in _values(trace))
    yield from (_holders(fact)[0] for fact in trace.module_facts)
    yield from (cut.name for cut in trace.cuts if cut.name is not None)
    yield from (one.name for one in trace.bystanders)
    yield from (one.name for one in trace.variables if one.kind in (VariableKind.MODULE, VariableKind.LEAF))


def _no_such_line(trace: Trace, name: str, file: str) -> str:
    places = [place for place in _known_places(trace) if _is_file(place.file, file)]
    if not places:
        files = sorted({place.file.replace("\\", "/").rpartition("/")[2] for place in _known_places(trace)})
        known = f"; tensors were made in {', '.join(files[:_SHOWN])}" if files else ""
        return f"no tensor that matters to a gradient was seen at {name}{known}"
    lines = sorted({place.line for place in places})
    shown = ", ".join(map(str, lines[:_SHOWN])) + (" …" if len(lines) > _SHOWN else "")
    return f"no tensor that matters to a gradient was seen at {name}; in that file there are some at lines {shown}"


def _known_places(trace: Trace) -> Iterator[Location]:
    found: list[Iterable[Location | None]] = [
        (leaf.location for leaf in trace.leaves),
        (cut.location for cut in trace.cuts),
        (node.location for one in trace.passes if one.graph is not None for node in one.graph.nodes),
    ]
    for places in found:
        yield from (place for place in places if place is not None)
