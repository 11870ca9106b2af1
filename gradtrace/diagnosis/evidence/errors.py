"""The exception that ended the program, and where in the user's source it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.model import BackwardPass, Finding, Graph, Location, Node, PassError, RelatedLocation, Severity, Trace

_LIBRARY = re.compile(r"/lib/python3[^/]*/|/site-packages/|^<")
_MAX_SIMILAR = 120


@dataclass(frozen=True, slots=True)
class Failure:
    """What the program died of: torch's words, the user's line, and the pass and the node when it died in a pass."""

    message: str
    place: Location | None
    backward: BackwardPass | None = None
    graph: Graph | None = None
    error: PassError | None = None

    @property
    def node(self) -> Node | None:
        """The node at which the pass failed."""
        if self.graph is None or self.error is None or self.error.node is None:
            return None
        return self.graph.nodes[self.error.node]


def failure(trace: Trace, pattern: str) -> Failure | None:
    """The exception that ended the program, when its text matches; an exception that the program caught is not one."""
    error = trace.run.error
    if error is None or not re.search(pattern, error.message):
        return None
    place = innermost(error.frames)
    for backward in reversed(trace.passes):
        if backward.error is not None and _is_same(backward.error.message, error.message):
            return Failure(error.message, backward.location or place, backward, backward.graph, backward.error)
    return Failure(error.message, place)


def _is_same(one: str, other: str) -> bool:
    return one[:_MAX_SIMILAR].strip() == other[:_MAX_SIMILAR].strip()


def innermost(frames: tuple[Location, ...]) -> Location | None:
    """The user's last frame: calls inside libraries are not to be changed by the user."""
    own = [frame for frame in frames if not _LIBRARY.search(frame.file)]
    return next(reversed(own or frames), None)


def failing(trace: Trace, rule: str, pattern: str, message: str, advice: str) -> Iterator[Finding]:
    """A finding at the user's line for an exception whose text says it all."""
    found = failure(trace, pattern)
    if found is not None:
        yield Finding(rule, Severity.ERROR, message, found.place, (), advice, (), of_pass(found.backward))


def of_pass(backward: BackwardPass | None) -> tuple[int, ...]:
    """The index of a pass, for a finding."""
    return () if backward is None else (backward.index,)


def notes(*told: tuple[Location | None, str]) -> tuple[RelatedLocation, ...]:
    """Related places, without those that are not known and those told already."""
    found: dict[tuple[str, int, int], RelatedLocation] = {}
    for place, message in told:
        if place is not None:
            found.setdefault((place.file, place.line, place.column), RelatedLocation(place, message))
    return tuple(found.values())


def node_name(node: Node | None, default: str = "A tensor") -> str:
    """What a person would call a node's value: its name, else the function that made it; fit to begin a sentence."""
    if node is None:
        return default
    name = node.name or next((output.name for output in node.outputs if output.name), None)
    return name or f"The result of {called_as(node)}"


def called_as(node: Node) -> str:
    """The function that a person called to make it (`linear`), else the operation (`addmm`)."""
    is_known = node.call is not None and node.call.isidentifier() and node.call not in {"wrapped", "forward", "apply"}
    return node.call if is_known and node.call is not None else node.op
