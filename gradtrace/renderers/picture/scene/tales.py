"""The box of a leaf in one picture: how much of its story there is room for."""

from collections import defaultdict

from gradtrace.analysis.ledger import History, ledger
from gradtrace.analysis.view import Item, View
from gradtrace.model import BackwardPass, Edge, TensorStats, Trace
from gradtrace.renderers.picture.scene.boxes import is_bad, statistics
from gradtrace.renderers.picture.scene.finding_pins import FindingPins, badges, told
from gradtrace.renderers.picture.scene.folded import contribution_rows, times
from gradtrace.renderers.picture.scene.leaf_boxes import leaf_rows, leaf_steps, short_story
from gradtrace.renderers.picture.scene.model import Box, Span, Step
from gradtrace.text import wording
from gradtrace.text.escape import one_line, visible


class Tales:
    """Boxes of leaves: with their whole ledger where there are few, in one line where there are many."""

    def __init__(
        self, trace: Trace, backward: BackwardPass, view: View, pins: FindingPins, most_told: int, *, is_brief: bool
    ) -> None:
        self._trace = trace
        self._backward = backward
        self._nodes = view.graph.nodes
        self._histories: tuple[History, ...] = ledger(trace).histories
        self._by_leaf = {one.leaf: one.contribution for one in backward.accumulations}
        self._incoming: defaultdict[int, list[Edge]] = defaultdict(list)
        for edge in view.graph.edges:
            if self._nodes[edge.target].leaf is not None:
                self._incoming[edge.target].append(edge)
        self._pins = pins
        self._is_told = len(view.items) <= most_told
        n = sum(item.kind == "leaf" for item in view.items)
        self._limit = 0 if is_brief else 6 if n <= 8 else 3 if n <= 30 else 0  # noqa: PLR2004 - passes told in a box

    def contribution(self, leaf: int) -> TensorStats | None:
        """What the drawn pass added to a leaf."""
        return self._by_leaf.get(leaf)

    def box(self, item: Item, cluster: int | None, *, is_chipped: bool) -> Box:
        """The box of one leaf, or of the same leaf in every repetition."""
        node = self._nodes[item.nodes[0]]
        leaf = self._trace.leaves[node.leaf or 0]
        contributions = [self.contribution(self._nodes[one].leaf or 0) for one in item.nodes]
        rows = leaf_rows(leaf, n_uses=len(self._incoming[node.id]) if is_chipped else 0)
        steps: tuple[Step, ...] = ()
        if len(item.nodes) > 1:
            rows = ((Span(visible(item.label, 40), "title"), *times(item.count)), rows[1][:1])
            rows += tuple(contribution_rows(contributions)) if not self._backward.is_drawn_only else ()
        elif self._limit:
            steps = leaf_steps(self._histories[leaf.id], self._backward.index, self._incoming[node.id], self._limit)
        elif not self._backward.is_drawn_only:
            rows = (*rows, short_story(self._histories[leaf.id], self._backward.index))
        findings = self._pins.at(node)
        rows += badges(findings)
        style = "non-finite leaf" if any(map(is_bad, contributions)) else "leaf"
        tooltip = [f"{leaf.name}: {leaf.kind} {wording.spec(leaf.shape, leaf.dtype, leaf.device)}"]
        if leaf.location is not None:
            tooltip += [wording.location(leaf.location), leaf.location.text]
        if contributions[0] is not None and self._is_told:
            tooltip.append(f"this pass adds {statistics(contributions[0])}")
        tooltip += told(findings)
        return Box(style, rows, "\n".join(one_line(line, 160) for line in tooltip if line), cluster, steps)
