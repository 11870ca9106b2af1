"""Findings in a picture: a badge at the op whose line is wrong, else at the leaves concerned, and a line below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gradtrace.model import BackwardPass, Finding, Location, Node, Trace
from gradtrace.renderers.picture.scene.model import Row, Span
from gradtrace.text import wording
from gradtrace.text.escape import one_line, visible

_MOST_BADGES = 3
_MOST_NOTES = 4
_LONGEST_RULE = 48
_LONGEST_MESSAGE = 150


class FindingPins:
    """Which findings stand at which ops and leaves of one pass.

    A finding stands at the ops and cuts of its line; where its line made none of them, at its leaves.
    """

    def __init__(self, trace: Trace, backward: BackwardPass) -> None:
        nodes = backward.graph.nodes if backward.graph is not None else ()
        places = [node.location for node in nodes] if trace.findings else []
        places += [cut.location for cut in trace.cuts if backward.index in cut.passes]
        lines = {place.source_line for place in places if place is not None}
        self._by_line: defaultdict[tuple[str, int], list[Finding]] = defaultdict(list)
        self._by_leaf: defaultdict[int, list[Finding]] = defaultdict(list)
        for finding in trace.findings:
            if _is_elsewhere(finding, backward):
                continue
            if finding.location is not None and finding.location.source_line in lines:
                self._by_line[finding.location.source_line].append(finding)
                continue
            for leaf in finding.leaves:
                self._by_leaf[leaf].append(finding)

    def at(self, node: Node) -> list[Finding]:
        """Those that stand at an op or a leaf."""
        if node.leaf is not None:
            return self._by_leaf.get(node.leaf, [])
        return self.on_line(node.location)

    def on_line(self, place: Location | None) -> list[Finding]:
        """Those that stand at what a line did."""
        return self._by_line.get(place.source_line, []) if place is not None else []


def badges(findings: list[Finding]) -> tuple[Row, ...]:
    """A line for each finding of a box, up to a few."""
    names = dict.fromkeys(finding.rule for finding in findings)
    return tuple((Span(visible(f"! {name}", _LONGEST_RULE), "badge"),) for name in list(names)[:_MOST_BADGES])


def told(findings: list[Finding]) -> list[str]:
    """The lines of a tooltip."""
    return [f"{finding.severity}: {finding.message}" for finding in findings]


def finding_notes(trace: Trace, backward: BackwardPass) -> Iterator[str]:
    """What stands below the picture: every finding with its place, also those of other passes."""
    for finding in trace.findings[:_MOST_NOTES]:
        elsewhere = ""
        if _is_elsewhere(finding, backward):
            elsewhere = _elsewhere(finding, trace)
        message = one_line(finding.message, _LONGEST_MESSAGE)
        yield f"! {finding.rule}{wording.at(finding.location)}: {message}{elsewhere}"
    hidden = len(trace.findings) - _MOST_NOTES
    if hidden > 0:
        yield f"! {wording.count(hidden, 'more finding')}: gradtrace check lists all"


def _is_elsewhere(finding: Finding, backward: BackwardPass) -> bool:
    return bool(finding.passes) and backward.index not in finding.passes


def _elsewhere(finding: Finding, trace: Trace) -> str:
    drawable = {one.index for one in trace.passes if one.graph is not None}
    index = next((index for index in finding.passes if index in drawable), None)
    return f", in pass {finding.passes[0]}" if index is None else f", in pass {index} (--pass {index} draws it)"
