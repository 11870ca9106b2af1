"""Variables that keep more and more graphs alive, and passes that walk through ever more of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import pairwise

from gradtrace.analysis.once import once
from gradtrace.analysis.training_steps import inner
from gradtrace.diagnosis.evidence.lineage import crossings
from gradtrace.model import BackwardPass, Graph, Holder, HolderKind, Node, Trace

_FEWEST = 3
"""Counts that have to rise one after the other."""

_FACTOR = re.compile(
    r"decay|momentum|alpha|beta|lerp|\b0?\.\d+ *\*|\* *0?\.\d+|\(?1(\.0)? *- *\w+\)? *\*", re.IGNORECASE
)
"""What the source of a running average looks like."""

_AVERAGE = re.compile(r"ema|avg|average|shadow|momentum|teacher|running", re.IGNORECASE)
"""What running averages are called."""

_SUM = re.compile(r"\+=|\b([\w.]+) *= *(\1 *\+|.*\+ *\1 *$)")
"""What the source of a running total looks like."""


class Reason(StrEnum):
    """What kind of variable keeps graphs."""

    HISTORY = auto()
    AVERAGE = auto()
    TOTAL = auto()


@dataclass(frozen=True, slots=True)
class Growth:
    """A variable, of what kind it is, and the first and the last count of what it keeps."""

    reason: Reason
    first: Holder
    last: Holder

    @property
    def n_passes(self) -> int:
        """From how many passes the graphs are that it keeps in the end."""
        return min(self.last.n_passes, self.last.pass_index)


@once
def growths(trace: Trace) -> tuple[Growth, ...]:
    """Every variable that keeps graphs of more rounds at each count; where passes walk through these, see `walks`.

    Graphs that a loss takes in are kept for it.
    """
    if longest_walk(trace) is not None:
        return ()
    counts: dict[tuple[int, str], list[Holder]] = {}
    inside = inner(trace)
    for holder in trace.holders:
        if holder.kind == HolderKind.VARIABLE and holder.pass_index + 1 not in inside:
            counts.setdefault((holder.process, holder.name), []).append(holder)
    found = []
    for held in counts.values():
        rising = _rising([holder for holder in held if _is_of_several_rounds(trace, holder)])
        if rising is not None and not _is_taken_in(trace, rising[-1]):
            found.append(Growth(_reason(rising[0], rising[-1]), rising[0], rising[-1]))
    return tuple(_without_duplicates(found))


def _is_of_several_rounds(trace: Trace, holder: Holder) -> bool:
    """Whether so many passes, the last before the count, cannot all be of one round and the one before."""
    first = max(1, holder.pass_index - holder.n_passes + 1)
    inside = inner(trace)
    n_inner = sum(index in inside for index in range(first, holder.pass_index + 1))
    return not n_inner or holder.n_passes - n_inner >= _FEWEST - 1


def _is_taken_in(trace: Trace, holder: Holder) -> bool:
    """Whether a pass began at something that was computed from what the variable had kept since earlier passes."""
    place = holder.location
    return place is not None and (holder.process, place.file, place.line) in _taken_in(trace)


@once
def _taken_in(trace: Trace) -> frozenset[tuple[int, str, int]]:
    """Lines whose results, made before different passes, are in the graph of one pass."""
    found = set()
    for backward in trace.passes:
        made: dict[tuple[int, str, int], int] = {}
        for node in backward.graph.nodes if backward.graph is not None else ():
            if node.location is None or node.made_after is None:
                continue
            line = (backward.process, node.location.file, node.location.line)
            if made.setdefault(line, node.made_after) != node.made_after:
                found.add(line)
    return frozenset(found)


def _rising(held: list[Holder]) -> list[Holder] | None:
    """The longest stretch of counts in which passes are added one by one, if it is long enough."""
    best: list[Holder] = []
    stretch: list[Holder] = []
    for holder in held:
        if stretch and (holder.n_passes, holder.n_nodes) == (stretch[-1].n_passes, stretch[-1].n_nodes):
            continue  # nothing was stored since: a validation comes after many passes
        if stretch and not (holder.n_passes > stretch[-1].n_passes and holder.n_nodes > stretch[-1].n_nodes):
            stretch = []
        stretch.append(holder)
        if len(stretch) > len(best):
            best = list(stretch)
    return best if len(best) >= _FEWEST else None


def _reason(first: Holder, last: Holder) -> Reason:
    if last.n_tensors > first.n_tensors:
        return Reason.HISTORY
    text = _text(last) or _text(first)
    is_average = _FACTOR.search(text) or (_AVERAGE.search(last.name) and not _SUM.search(text))
    return Reason.AVERAGE if is_average else Reason.TOTAL


def _text(holder: Holder) -> str:
    return holder.location.text if holder.location is not None else ""


def _without_duplicates(found: list[Growth]) -> list[Growth]:
    """One finding for each place: a list that is held under two names is one list."""
    kept: dict[object, Growth] = {}
    for one in found:
        place = one.first.location or one.last.location
        key = (one.reason, place.file, place.line) if place is not None else (one.reason, one.last.name)
        if key not in kept or len(one.last.name) < len(kept[key].last.name):
            kept[key] = one
    return list(kept.values())


@dataclass(frozen=True, slots=True)
class Walk:
    """Passes at one line, each through more nodes than the one before; `carried` leads to the old ones."""

    first: BackwardPass
    last: BackwardPass
    n_first: int
    n_last: int
    carried: Node | None


@once
def longest_walk(trace: Trace) -> Walk | None:
    """Passes with `retain_graph=True` at one line whose graphs grow each time, into what earlier passes kept."""
    lines: dict[tuple[str, int], list[tuple[BackwardPass, Graph]]] = {}
    for backward in trace.passes:
        place, graph = backward.location, backward.graph
        if backward.index in inner(trace) or graph is None or place is None:
            continue
        if backward.retain_graph and not backward.create_graph:
            lines.setdefault(place.source_line, []).append((backward, graph))
    for passes in lines.values():
        if len(passes) <= _FEWEST:
            continue
        sizes = [len(graph.nodes) for _, graph in passes]
        last, graph = passes[-1]
        newest = max((node.made_after or 0 for node in graph.nodes), default=0)
        edges = crossings(graph, newest)
        if edges and all(one < other for one, other in pairwise(sizes)):
            return Walk(passes[0][0], last, sizes[0], sizes[-1], _carrier(graph, edges[0].source, edges[0].target))
    return None


def _carrier(graph: Graph, source: int, target: int) -> Node:
    """What was carried over: the old value that the new part reads, or its reader when the old one has no place."""
    node = graph.nodes[target]
    return node if node.location is not None else graph.nodes[source]
