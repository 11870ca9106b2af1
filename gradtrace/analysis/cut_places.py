"""Where values that had left the graph came back into it, as constants."""

from __future__ import annotations

from gradtrace.model import BackwardPass, Cut, Trace


def cut_places(trace: Trace, backward: BackwardPass) -> dict[int, list[Cut]]:
    """The cuts whose values came back into the graph of a pass, by the node that took them in."""
    if backward.graph is None or not trace.cuts:
        return {}
    cuts = {cut.id: cut for cut in trace.cuts}
    return {node.id: [cuts[one] for one in node.cuts if one in cuts] for node in backward.graph.nodes if node.cuts}
