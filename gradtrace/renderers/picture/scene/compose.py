"""From one pass of a trace to a scene."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradtrace.analysis.calls import by_call_numbered
from gradtrace.analysis.simplify import simplify
from gradtrace.analysis.view import Item, View, ViewEdge, leaf_uses
from gradtrace.model import BackwardPass, Graph, Root, Trace
from gradtrace.renderers.picture.scene.arrows import arrow
from gradtrace.renderers.picture.scene.boxes import (
    node_rows,
    node_tooltip,
    style_of,
)
from gradtrace.renderers.picture.scene.choice import Choice
from gradtrace.renderers.picture.scene.constant_boxes import ConstantBox, constants_of
from gradtrace.renderers.picture.scene.cut_boxes import cut_box, cuts_in, unreached
from gradtrace.renderers.picture.scene.finding_pins import FindingPins, finding_notes
from gradtrace.renderers.picture.scene.folded import card_rows, folded_rows, repeated_rows, rest_rows, times
from gradtrace.renderers.picture.scene.frames import Frames
from gradtrace.renderers.picture.scene.model import NO_WISHES, Arrow, Box, Labels, Scene, Span
from gradtrace.renderers.picture.scene.slide import in_two, splits, through
from gradtrace.renderers.picture.scene.tales import Tales
from gradtrace.text import wording
from gradtrace.text.chosen_pass import drawn_pass, narrowed
from gradtrace.text.escape import one_line, visible
from gradtrace.text.palette import LIGHT, scale_of
from gradtrace.text.ranks import rank_of

_MANY_USES = 3
"""A leaf with more uses than this is drawn anew, as a chip, at each: a hub with many edges tangles every layout."""
_PARALLEL = 4
"""Edges between the same two boxes up to this number are drawn one by one."""
_WITH_CONSTANTS = 25
"""With more items than this constants would hide what takes gradients."""
_FULL, _BRIEF = 45, 220
"""Up to this many items boxes tell everything; up to the second, no values."""
_TOLD = 10_000
"""With more items than this tooltips hold no numbers: they would be most of a file of a hundred megabytes."""
_LABELLED = 120
"""With more arrows than this, their gradients are only in width, colour and tooltip."""


def compose(trace: Trace, choice: Choice) -> Scene:
    """The scene of one pass.

    Raises:
        RenderError: the trace has no such pass, or nothing to draw.
    """
    backward = drawn_pass(trace, choice.pass_index)
    notes = (*finding_notes(trace, backward), *unreached(trace, backward))
    if choice.focus is not None:
        backward, note = narrowed(trace, backward, choice.focus, keeps_rest=True)
        notes = (note, *finding_notes(trace, backward))
    known = constants_of(trace, backward) if choice.compactness == 0 else {}
    if choice.fold and not choice.aten:
        backward, numbers = by_call_numbered(backward, choice.expand)
        known = {numbers[node]: boxes for node, boxes in known.items()}
    graph = backward.graph or Graph((), ())
    view = simplify(
        graph,
        depth=choice.depth,
        fold=choice.fold,
        max_items=choice.max_items,
        expand=choice.expand,
        closes_small=choice.compactness >= 2,  # noqa: PLR2004 - as `Choice` says
    )
    view = replace(view, notes=(*notes, *view.notes))
    return compose_view(trace, backward, view, choice.labels, choice.compactness, known)


def compose_view(
    trace: Trace,
    backward: BackwardPass,
    view: View,
    labels: Labels = NO_WISHES,
    compactness: int = 0,
    constants: Mapping[int, Sequence[ConstantBox]] | None = None,
) -> Scene:
    """The scene of a view of one pass.

    Args:
        trace: what was recorded.
        backward: the pass.
        view: of its graph.
        labels: as in `Choice`.
        compactness: as in `Choice`.
        constants: by node, what it took in that takes no gradient.
    """
    return _Stage(trace, backward, view, labels, compactness, constants or {}).scene()


@dataclass(slots=True)
class _Stage:
    """What the boxes and arrows of one picture are made from, and what has been made so far."""

    trace: Trace
    backward: BackwardPass
    view: View
    labels: Labels
    compactness: int = 0
    constants: Mapping[int, Sequence[ConstantBox]] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    box_of: dict[int, int] = field(default_factory=dict)
    """The box of each item."""
    chip_of: dict[tuple[int, int], int] = field(default_factory=dict)
    """The chip of each leaf item at each item that uses it."""
    operator_of: dict[int, int] = field(default_factory=dict)
    """On a slide the circle of each op whose box is that of its value."""
    taken_in: list[tuple[int, int, str]] = field(default_factory=list)
    """Items that took in a constant, the box of that, and what it is to them."""
    cuts: list[tuple[int, int]] = field(default_factory=list)
    """Items that took in a value without its history, and the box that says so."""
    frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        self.frames = Frames(self.view)

    def scene(self) -> Scene:
        graph = self.view.graph
        is_run = not self.backward.is_drawn_only
        is_measured = any(edge.sent is not None for edge in graph.edges)
        self._boxes(is_run=is_run)
        self._arrows(is_measured=is_measured)
        styles = {box.style for box in self.boxes}
        states = {one.state for one in self.arrows}
        return Scene(
            boxes=tuple(self.boxes),
            arrows=tuple(self.arrows),
            clusters=self.frames.clusters,
            title=f"{one_line(self.trace.run.target, 100)}{rank_of(self.trace)}",
            caption=self._caption(),
            notes=tuple(visible(note, 200) for note in self.view.notes),
            legend=tuple(style for style in LIGHT.boxes if style in styles),
            edge_states=tuple(
                state
                for state in ("sent", "zero", "non-finite", "none", "unknown", "carried", "constant")
                if state in states
            ),
            scale=scale_of([one.norm for one in self.arrows if one.norm is not None and one.state == "sent"]),
        )

    def _boxes(self, *, is_run: bool) -> None:
        view, nodes = self.view, self.view.graph.nodes
        uses = leaf_uses(view)
        leaves_at: defaultdict[int, list[int]] = defaultdict(list)
        chipped = {leaf for leaf, edges in uses.items() if _is_shared(view, edges)}
        for leaf in sorted(chipped):
            for user in dict.fromkeys(edge.source for edge in uses[leaf]):
                leaves_at[user].append(leaf)
        cuts = cuts_in(self.trace, self.backward, view)
        roots = {root.node: root for root in self.backward.roots if root.node is not None}
        pins = FindingPins(self.trace, self.backward)
        tales = Tales(
            self.trace, self.backward, view, pins, _TOLD, is_brief=self.compactness > 0 or self.labels.is_slide
        )
        detail = 2 if len(view.items) <= _FULL else 1 if len(view.items) <= _BRIEF else 0
        for item in view.items:
            for cut in cuts.get(item.id, ()):
                box = cut_box(cut, self.trace.leaves, self.frames.around(item.group), pins.on_line(cut.location))
                self.cuts.append((item.id, self._add(box)))
            self._take_in(item)
            for leaf in leaves_at[item.id]:
                self.chip_of[(leaf, item.id)] = self._add(_chip(view.items[leaf], self.frames.around(item.group)))
            if item.kind == "leaf":
                home = None if item.id in chipped else self.frames.around(_home(view, item, uses[item.id]))
                is_chipped = item.id in chipped
                self.box_of[item.id] = self._add(tales.box(item, home, is_chipped=is_chipped))
                continue
            if nodes[item.nodes[0]].is_rest:
                box = Box("folded", rest_rows(nodes[item.nodes[0]]), "what does not lead there")
                self.box_of[item.id] = self._add(box)
                continue
            if item.kind != "node":
                self.box_of[item.id] = self._add(self._folded(item, tales))
                continue
            box = self._op(item, pins, roots, detail=detail, is_run=is_run)
            if self.labels.is_slide and splits(item, nodes[item.nodes[0]], box):
                symbol, box = in_two(nodes[item.nodes[0]], box)
                self.operator_of[item.id] = self._add(symbol)
            self.box_of[item.id] = self._add(box)

    def _op(self, item: Item, pins: FindingPins, roots: Mapping[int, Root], *, detail: int, is_run: bool) -> Box:
        """The box of one op, or of the same op in every repetition."""
        error = self.backward.error
        members = [self.view.graph.nodes[number] for number in item.nodes]
        node = members[0]
        here = pins.at(node)
        failure = error if error is not None and error.node in item.nodes else None
        root = next((roots[number] for number in item.nodes if number in roots), None)
        style = style_of(members, is_root=is_run and root is not None, is_failed=failure is not None, has_run=is_run)
        rows = node_rows(
            node,
            detail=detail if len(members) == 1 else -1,
            root=root if is_run else None,
            error=failure,
            findings=here,
            labels=self.labels,
        )
        rows = (
            (*rows[0], *times(item.count)),
            *self.frames.instead(item.group),
            *rows[1:],
            *(repeated_rows(members) if len(members) > 1 else ()),
        )
        tooltip = node_tooltip(node, here, is_told=len(self.view.items) <= _TOLD)
        if failure is not None:
            tooltip += f"\n{one_line(failure.message, 1000)}"
        return Box(style, rows, tooltip, self.frames.around(item.group))

    def _take_in(self, item: Item) -> None:
        """Draw the constants that an op takes in."""
        if item.kind != "node" or len(item.nodes) > 1 or len(self.view.items) > _WITH_CONSTANTS:
            return
        for constant in self.constants.get(item.nodes[0], ()):
            box = replace(constant.box, cluster=self.frames.around(item.group))
            self.taken_in.append((item.id, self._add(box), constant.word))

    def _folded(self, item: Item, tales: Tales) -> Box:
        members = [self.view.graph.nodes[node] for node in item.nodes]
        leaves = [node for node in members if node.leaf is not None]
        contributions = [tales.contribution(node.leaf or 0) for node in leaves]
        ops = [node for node in members if node.leaf is None]
        if item.kind == "module" and len(ops) == 1 and len(ops[0].outputs) <= 1:
            rows = card_rows(item, ops[0], leaves, contributions, self.labels)
        else:
            rows = folded_rows(item, members, contributions)
        style = (
            "non-finite"
            if any(span.role == "alarm" and "NaN" in span.text for row in rows for span in row)
            else "folded"
        )
        kinds: dict[str, int] = {}
        for node in members:
            kinds[node.op] = kinds.get(node.op, 0) + 1
        counts = sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))
        head = f"{item.path} ({item.module_type})" if item.path and item.module_type else item.path or item.label
        tooltip = [head, *(f"{n:,} × {op}" for op, n in counts[:12])]
        return Box(style, rows, "\n".join(visible(line, 160) for line in tooltip), self.frames.around(item.group))

    def _arrows(self, *, is_measured: bool) -> None:
        view, edges = self.view, self.view.graph.edges
        bundles = [bundle for edge in view.edges for bundle in _bundles(view, edge)]
        bundles.sort(key=lambda bundle: bundle[1][0])  # by source, then slot: operands in their order
        is_labelled = len(bundles) <= _LABELLED
        is_told = len(view.items) <= _TOLD
        for edge, numbers in bundles:
            chip = self.chip_of.get((edge.target, edge.source))
            ends = (self._sender(edge.source), self.box_of[edge.target] if chip is None else chip)
            many = [edges[number] for number in numbers]
            self.arrows.append(
                arrow(view.graph, ends, many, is_measured=is_measured, is_labelled=is_labelled, is_told=is_told)
            )
        if self.compactness or self.labels.is_slide:
            self.arrows = _told_once(self.arrows, self.boxes)
        for item, operator in self.operator_of.items():
            received = view.graph.nodes[view.items[item].nodes[0]].received
            self.arrows.append(through(self.box_of[item], operator, received, is_measured=is_measured))
        for user, box, word in self.taken_in:
            label = (Span(visible(word, 20), "muted"),) if word else ()
            self.arrows.append(Arrow(self._sender(user), box, "constant", None, label, "a constant takes no gradient"))
        for user, box in self.cuts:
            self.arrows.append(Arrow(self._sender(user), box, "none", tooltip="no gradient goes on here"))
        for edge in view.carried:
            if edge.source != edge.target:
                ends = (self.box_of[edge.source], self.box_of[edge.target])
                words = (Span("to the repetition before", "muted"),) if is_labelled else ()
                self.arrows.append(Arrow(*ends, "carried", None, words, "from each repetition to the one before it"))

    def _sender(self, item: int) -> int:
        """The box from which the gradients of an item go on."""
        return self.operator_of.get(item, self.box_of[item])

    def _add(self, box: Box) -> int:
        self.boxes.append(box)
        return len(self.boxes) - 1

    def _caption(self) -> tuple[str, ...]:
        run, backward = self.trace.run, self.backward
        n = sum(one.count for one in self.trace.passes if not one.is_drawn_only)
        if backward.is_drawn_only:
            head = "the graph as it was built: no backward pass ran, so there are no gradients"
        else:
            head = f"{wording.pass_of(backward.index, n)}: {backward.call}{wording.at(backward.location)}"
            if backward.create_graph:
                head += ", create_graph=True"
        roots = [f"{root.name or 'root'} = {wording.value(root.value)}" for root in backward.roots[:3] if root.value]
        lines = [", ".join([head, *roots])]
        error = backward.error or run.error
        if error is not None:
            where = "the pass failed" if backward.error else "the program ended with an error"
            lines.append(f"{where}: {error.type}: {error.message}")
        elif not run.complete:
            lines.append("the run is incomplete: it was ended early")
        return tuple(one_line(line, 160) for line in lines)


def _is_shared(view: View, uses: Sequence[ViewEdge]) -> bool:
    """Whether a leaf is drawn as a chip at each use: used often, or in more than one module."""
    users = {edge.source for edge in uses}
    return len(users) > _MANY_USES or (len(users) > 1 and len({view.items[user].group for user in users}) > 1)


def _home(view: View, item: Item, uses: Sequence[ViewEdge]) -> int | None:
    """A leaf stands in the module that uses it."""
    return view.items[uses[0].source].group if uses else item.group


def _chip(leaf: Item, cluster: int | None) -> Box:
    text = visible(leaf.label, 40)
    return Box("leaf", ((Span(text, "strong"), *times(leaf.count)),), f"{text}: one of its uses", cluster, is_chip=True)


def _told_once(arrows: Sequence[Arrow], boxes: Sequence[Box]) -> list[Arrow]:
    """The arrows without the gradients that the box at which they arrive tells, too."""
    n_arriving = Counter(one.target for one in arrows)
    told = [{span.text for row in box.rows for span in row} for box in boxes]
    short = []
    for one in arrows:
        label = one.label
        if n_arriving[one.target] == 1 and any(span.text in told[one.target] for span in label):
            known = told[one.target]
            label = tuple(span for span in label if span.text not in known and not span.text.endswith("×"))
        short.append(replace(one, label=label))
    return short


def _bundles(view: View, edge: ViewEdge) -> list[tuple[ViewEdge, tuple[int, ...]]]:
    """A few edges between two single nodes one by one, everything else as one arrow."""
    single = all(len(view.items[end].nodes) == 1 for end in (edge.source, edge.target))
    if single and 1 < len(edge.edges) <= _PARALLEL:
        return [(edge, (number,)) for number in edge.edges]
    return [(edge, edge.edges)]
