"""Parameters that get gradients and that no optimizer trains: which of them belong together, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto

from gradtrace.diagnosis.evidence.ownership import called, consumers, is_named, orphans, owners, reached, received
from gradtrace.model import (
    CutKind,
    Leaf,
    LeafKind,
    Location,
    ModuleFactKind,
    OptimizerInfo,
    RelatedLocation,
    Trace,
)


class Reason(StrEnum):
    """Why no optimizer trains parameters."""

    TEMPORARY = auto()
    PLAIN_TENSOR = auto()
    LISTED = auto()
    STALE = auto()
    LEFT_OUT = auto()


@dataclass(frozen=True, slots=True)
class OrphanGroup:
    """Leaves that are left out for the same reason; `place` is where that is to be seen best."""

    reason: Reason
    leaves: tuple[Leaf, ...]
    place: Location | None
    related: tuple[RelatedLocation, ...] = ()
    name: str = ""

    @property
    def subject(self) -> str:
        """What a person calls them."""
        return self.name or called(self.leaves)


@dataclass(frozen=True, slots=True)
class _Use:
    """Where a leaf goes into the graph: the line, and whether the layer that takes it in is part of a model."""

    place: Location | None
    is_stray: bool


def orphan_groups(trace: Trace) -> Iterator[OrphanGroup]:
    """The orphans of a run, each in one group."""
    left = orphans(trace)
    rewrapped = any(cut.kind == CutKind.PARAMETER for cut in trace.cuts)
    uses = {leaf.id: _use(trace, leaf) for leaf in left}
    temporary = [] if rewrapped else _temporary(trace, left, uses)
    if temporary:
        yield OrphanGroup(Reason.TEMPORARY, tuple(temporary), uses[temporary[0].id].place)
    left = tuple(leaf for leaf in left if leaf not in temporary and len(received(trace)[leaf.id]) > 1)
    plain = tuple(leaf for leaf in left if leaf.id in _facts(trace, ModuleFactKind.PLAIN_TENSOR))
    if plain:
        name = next(f"self.{fact.attribute}" for fact in trace.module_facts if plain[0].id in fact.leaves)
        yield OrphanGroup(Reason.PLAIN_TENSOR, plain, plain[0].location or uses[plain[0].id].place, (), name)
    left = tuple(leaf for leaf in left if leaf not in plain and leaf.kind == LeafKind.PARAMETER)
    listed = _facts(trace, ModuleFactKind.UNREGISTERED_MODULES)
    stray = tuple(leaf for leaf in left if leaf.id in listed or (not is_named(leaf) and uses[leaf.id].is_stray))
    stale = _stale(trace)
    if stray:
        yield OrphanGroup(Reason.LISTED, stray, uses[stray[0].id].place, _made(trace))
    rest = tuple(leaf for leaf in left if leaf not in stray)
    if rest:
        optimizer = stale or next(iter(trace.optimizers), None)
        place = None if optimizer is None else optimizer.location
        use = uses[rest[0].id].place
        related = () if use is None else (RelatedLocation(use, f"{rest[0].name} is used here"),)
        yield OrphanGroup(Reason.STALE if stale else Reason.LEFT_OUT, rest, place, related)


def _facts(trace: Trace, kind: ModuleFactKind) -> set[int]:
    return {leaf for fact in trace.module_facts if fact.kind == kind for leaf in fact.leaves}


def _made(trace: Trace) -> tuple[RelatedLocation, ...]:
    place = trace.optimizers[0].location if trace.optimizers else None
    return () if place is None else (RelatedLocation(place, "`parameters()` does not list them"),)


def _use(trace: Trace, leaf: Leaf) -> _Use:
    backward = received(trace)[leaf.id][0]
    if backward.graph is None:
        return _Use(None, is_stray=False)
    nodes = [backward.graph.nodes[number] for number in consumers(backward, leaf.id)]
    place = next((node.location for node in nodes if node.location is not None), None)
    inside = place is not None and place.function.endswith("forward")
    return _Use(place, inside and any(node.module is None and node.module_type is not None for node in nodes))


def _temporary(trace: Trace, leaves: tuple[Leaf, ...], uses: dict[int, _Use]) -> list[Leaf]:
    """Parameters each of which serves one pass, at a line that takes another of its shape in the next pass."""
    passes = received(trace)
    once = [leaf for leaf in leaves if len(passes[leaf.id]) == 1 and leaf.kind == LeafKind.PARAMETER]
    by_line: dict[tuple[str, int, tuple[int, ...]], list[Leaf]] = {}
    for leaf in once:
        place = uses[leaf.id].place
        if place is not None:
            by_line.setdefault((place.file, place.line, leaf.shape), []).append(leaf)
    return [leaf for group in by_line.values() if len({passes[one.id][0].index for one in group}) > 1 for leaf in group]


def _stale(trace: Trace) -> OptimizerInfo | None:
    """An optimizer that holds parameters which belong to no model and which no pass reached."""
    known = reached(trace)
    owned = owners(trace)
    for optimizer in trace.optimizers:
        held = [trace.leaves[leaf] for leaf, ids in owned.items() if optimizer.id in ids]
        dead = [leaf for leaf in held if leaf.id not in known]
        if any(not is_named(leaf) for leaf in dead) or optimizer.n_params > len(held):
            return optimizer
    return None
