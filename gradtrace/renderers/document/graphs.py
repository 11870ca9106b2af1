"""The backward graph of a pass."""

from collections.abc import Sequence
from itertools import zip_longest

from msgspec import UNSET, UnsetType

from gradtrace.model import CompiledRegion as SeenRegion
from gradtrace.model import Edge as SeenEdge
from gradtrace.model import Graph as SeenGraph
from gradtrace.model import Node as SeenNode
from gradtrace.model import NodeOutput as SeenOutput
from gradtrace.model import Recomputed
from gradtrace.model import SavedTensor as SeenSaved
from gradtrace.renderers.document.layout import Part, Rows, Section
from gradtrace.renderers.document.tensors import Location, Statistics, Values, location, locations, statistics
from gradtrace.text.strict_json import values


class SavedTensor(Part, frozen=True, kw_only=True):
    """A tensor that a node keeps for its backward.

    Attributes:
        name: torch's name of it: `self`, `other`, `result`.
        shape: its shape; null where it is packed.
        dtype: its dtype; null where it is packed.
        bytes: of the whole storage that it keeps alive; 0 where it is packed.
        device: where it lives.
        shared: its storage was counted at an earlier node, or belongs to a leaf.
        leaf: id of the leaf that it is, or null.
        packed: a saved-tensor hook holds it (checkpoint, offloading), so nobody looked into it.
        value: all elements, where there are at most 16, else null.
        stats: what was measured of it, where a diagnosis asked for that.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str | None
    bytes: int
    device: str
    shared: bool
    leaf: int | None
    packed: bool
    value: Values | None
    stats: Statistics | None


class Argument(Part, frozen=True, kw_only=True):
    """An argument that is no tensor and that the node keeps, such as `dim`.

    Attributes:
        name: torch's name of it.
        text: its value as Python writes it.
    """

    name: str
    text: str


class NodeOutput(Part, frozen=True, kw_only=True):
    """One output of the forward op: a place at which a gradient arrives at the node.

    Attributes:
        index: torch's number of it, from 0.
        name: the variable bound to it, or null.
        shape: its shape.
        dtype: its dtype.
        device: where it lives.
        received: the gradient that the node worked with: the sum of what arrived, after hooks.
        arrived: the sum before tensor hooks rewrote it; null where there was no hook.
        hooks: where the hooks that may rewrite it were registered.
        value: the forward result, when it was seen.
        retains_grad: the program asked for its `.grad` by `retain_grad()`.
    """

    index: int
    name: str | None
    shape: tuple[int, ...]
    dtype: str
    device: str
    received: Statistics | None
    arrived: Statistics | None
    hooks: list[Location]
    value: Statistics | None
    retains_grad: bool


class CompiledOp(Part, frozen=True, kw_only=True):
    """A call in the backward graph of a compiled region, before the backend fuses them.

    Attributes:
        op: torch's name: `aten.mm.default`.
        shape: shape of its result, where it has one; an extent that varies is a text such as `s0`.
        dtype: its dtype, or null.
        location: the line of the forward computation that it comes from, or null.
        module: path of the module that it comes from, within what was compiled, or null.
        output: which of several results it is; absent for the only one.
        is_forward: it works out a forward value again, without any gradient.
        recomputed: its result, where it was run a second time, by itself; else absent.
    """

    op: str
    shape: tuple[int | str, ...] | None
    dtype: str | None
    location: Location | None
    module: str | None
    is_forward: bool
    output: int | UnsetType = UNSET
    recomputed: Statistics | UnsetType = UNSET


class GraphBreak(Part, frozen=True, kw_only=True):
    """Where torch.compile had to stop a graph.

    Attributes:
        reason: why, in torch's words.
        location: the line, or null.
    """

    reason: str
    location: Location | None


class CompiledRegion(Part, frozen=True, kw_only=True):
    """What torch.compile made of a part of the program.

    Attributes:
        id: the same for all nodes that one compiled graph made.
        backend: what compiled it, or null.
        ops: its backward graph, in order; null where it came from a cache, so that nobody saw it.
        breaks: graph breaks that the compiler met before it.
        results: of each gradient that it sends, by slot, the position of the op that makes it, or null.
        not_recomputed: why not all ops were run a second time; absent where all were, and where none was to be.
    """

    id: int
    backend: str | None
    ops: list[CompiledOp] | None
    breaks: list[GraphBreak]
    results: tuple[int | None, ...]
    not_recomputed: str | UnsetType = UNSET


class Node(Part, frozen=True, kw_only=True):
    """A `grad_fn` object. Keys that may be absent say nothing where they are.

    Attributes:
        id: its position in the list.
        type: torch's class name: `MulBackward0`.
        op: a name for people: `mul`; `leaf` for an `AccumulateGrad`.
        name: what the program calls the value, or null.
        module: dotted path of the innermost module that made it, or null.
        location: where the program called for it, or null.
        leaf: id of the leaf, for an `AccumulateGrad`, else null.
        shape: shape of the forward result, of the first output; -1, here and in all shapes, stands for an extent
            that differs between the rows of a nested tensor.
        dtype: its dtype.
        received: the gradient that arrived, at the first output at which any did.
        saved: the tensors that it keeps for backward.
        value: the forward result of the first output, when it was seen.
        module_type: that module's class, or null.
        call: the function whose call made it: `torch.nn.functional.linear`.
        order: its position in the order in which the engine ran the nodes, from 0; null when it did not run.
        is_custom: it is a `torch.autograd.Function` of the program's.
        backward_location: where the `backward` of a custom function is defined, or null.
        arguments: arguments that are no tensors.
        outputs: its outputs, where it has several, or hooks on one; else absent.
        cuts: ids of the cuts whose value it took in as a constant; absent where there are none.
        made_after: the last pass that had begun when it was made, recorded with facts; else absent.
        freed_by: the earlier pass that freed what it had saved; absent where none did.
        call_number: the same for all nodes that one call of torch made, and no others; 0 where a backward pass made it;
            absent where that is not known.
        region: what torch.compile made of the part of the program that it stands for; absent for all others.
    """

    id: int
    type: str
    op: str
    name: str | None
    module: str | None
    location: Location | None
    leaf: int | None
    shape: tuple[int, ...] | None
    dtype: str | None
    received: Statistics | None
    saved: list[SavedTensor]
    value: Statistics | None
    module_type: str | None
    call: str | None
    order: int | None
    is_custom: bool
    backward_location: Location | None
    arguments: list[Argument]
    outputs: list[NodeOutput] | UnsetType = UNSET
    cuts: tuple[int, ...] | UnsetType = UNSET
    made_after: int | UnsetType = UNSET
    freed_by: int | UnsetType = UNSET
    call_number: int | UnsetType = UNSET
    region: CompiledRegion | UnsetType = UNSET


class Edge(Part, frozen=True, kw_only=True):
    """From a node to one that it feeds in the backward direction.

    Attributes:
        source: id of the node that sends.
        target: id of the node that receives.
        slot: which of the source's gradients it is.
        output: at which output of the target it arrives.
        input: torch's name of that argument of the source's op: `self`, `other`, `mat1`; null when not known.
        sent: the gradient that was sent; null when none was.
    """

    source: int
    target: int
    slot: int
    output: int
    input: str | None
    sent: Statistics | None


class Graph(Section, frozen=True, kw_only=True):
    """The graph of a pass.

    Attributes:
        nodes: in order of discovery.
        edges: in order of source, then slot.
    """

    nodes: Sequence[Node]
    edges: Sequence[Edge]


def graph(one: SeenGraph) -> Graph:
    """A graph of a trace; its rows are made when they are written."""
    return Graph(nodes=Rows(_node, one.nodes), edges=Rows(_edge, one.edges))


def _node(one: SeenNode) -> Node:
    outputs = one.outputs
    first = outputs[0] if outputs else None
    is_special = len(outputs) > 1 or any(map(_is_special, outputs))
    return Node(
        id=one.id,
        type=one.type,
        op=one.op,
        name=one.name,
        module=one.module,
        location=location(one.location),
        leaf=one.leaf,
        shape=None if first is None else first.shape,
        dtype=None if first is None else first.dtype,
        received=statistics(one.received),
        saved=[_saved(each) for each in one.saved],
        value=None if first is None else statistics(first.value),
        module_type=one.module_type,
        call=one.call,
        order=one.order,
        is_custom=one.is_custom,
        backward_location=location(one.backward_location),
        arguments=[Argument(name=name, text=text) for name, text in one.arguments],
        outputs=[_output(each) for each in outputs] if is_special else UNSET,
        cuts=one.cuts or UNSET,
        made_after=UNSET if one.made_after is None else one.made_after,
        freed_by=UNSET if one.freed_by is None else one.freed_by,
        call_number=UNSET if one.call_number is None else one.call_number,
        region=UNSET if one.region is None else _region(one.region, one.recomputed),
    )


def _region(one: SeenRegion, recomputed: Recomputed | None) -> CompiledRegion:
    ops, values = one.ops, () if recomputed is None else recomputed.values
    reason = None if recomputed is None else recomputed.reason
    return CompiledRegion(
        id=one.id,
        backend=one.backend,
        ops=None
        if ops is None
        else [
            CompiledOp(
                op=op.op,
                shape=op.shape,
                dtype=op.dtype,
                location=location(op.location),
                module=op.module,
                is_forward=op.is_forward,
                output=UNSET if op.output is None else op.output,
                recomputed=statistics(value) or UNSET,
            )
            for op, value in zip_longest(ops, values)
        ],
        breaks=[GraphBreak(reason=each.reason, location=location(each.location)) for each in one.breaks],
        results=one.results,
        not_recomputed=reason or UNSET,
    )


def _is_special(output: SeenOutput) -> bool:
    return output.index > 0 or output.arrived is not None or bool(output.hooks) or output.retains_grad


def _output(one: SeenOutput) -> NodeOutput:
    return NodeOutput(
        index=one.index,
        name=one.name,
        shape=one.shape,
        dtype=one.dtype,
        device=one.device,
        received=statistics(one.received),
        arrived=statistics(one.arrived),
        hooks=locations(one.hooks),
        value=statistics(one.value),
        retains_grad=one.retains_grad,
    )


def _saved(one: SeenSaved) -> SavedTensor:
    return SavedTensor(
        name=one.name,
        shape=one.shape,
        dtype=one.dtype,
        bytes=one.bytes,
        device=one.device,
        shared=one.shared,
        leaf=one.leaf,
        packed=one.packed,
        value=values(one.value),
        stats=statistics(one.stats),
    )


def _edge(one: SeenEdge) -> Edge:
    return Edge(
        source=one.source,
        target=one.target,
        slot=one.slot,
        output=one.output,
        input=one.input,
        sent=statistics(one.sent),
    )
