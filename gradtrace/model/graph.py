"""The backward graph of one pass: nodes, edges, and what was measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradtrace.model.compiled import CompiledRegion, Recomputed
from gradtrace.model.kinds import LeafKind
from gradtrace.model.location import Location
from gradtrace.model.tensors import NestedValue, TensorStats


class Kept:
    """What elements are taken from when they are first asked for."""

    __slots__ = ("_whole",)

    _whole: TensorStats


@dataclass(frozen=True, slots=True)
class SavedTensor(Kept):
    """A tensor that a node keeps for its backward.

    Attributes:
        name: torch's argument name: `self`, `other`, `result`, `mat2`.
        bytes: of the whole storage that it keeps: more than its own where it is a part of another tensor, less where
            it is expanded. Of a packed one 0: nobody looked into it.
        shared: its storage was already counted at an earlier node or belongs to a leaf.
        leaf: id of the leaf which it is, if it is one.
        packed: held by a saved-tensor hook (checkpoint, offloading); then shape and dtype are unknown.
        value: all elements when there are at most 16.
        stats: what was measured of it, where a diagnosis asked for that.
        owner: what the program calls a tensor of this storage that no operation of the graph made: an input, a frozen
            parameter, a buffer. It is said where the storage is first met.
        owner_kind: what that is.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str | None
    bytes: int
    device: str = "cpu"
    shared: bool = False
    leaf: int | None = None
    packed: bool = False
    value: NestedValue = None
    stats: TensorStats | None = None
    owner: str | None = None
    owner_kind: LeafKind | None = None

    def __getattr__(self, name: str) -> Any:
        """The elements, which are not set yet."""
        if name != "value":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        object.__setattr__(self, name, self._whole.value)
        return self._whole.value


@dataclass(frozen=True, slots=True)
class NodeOutput:
    """One output of the forward op, that is: one place at which a gradient arrives at the node.

    Attributes:
        index: torch's output number (`input_nr` of an edge that arrives here).
        received: what the node worked with: the sum of what arrived, after hooks; None when nothing arrived.
        arrived: the sum before tensor hooks rewrote it; None when no hook was there.
        hooks: where the hooks that may rewrite it were registered.
        value: the forward result, when it was seen.
        name: the user's variable bound to this output, for nodes with several.
        retains_grad: the user asked for `.grad` here by `retain_grad()`.
    """

    index: int
    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    received: TensorStats | None = None
    arrived: TensorStats | None = None
    hooks: tuple[Location, ...] = ()
    value: TensorStats | None = None
    name: str | None = None
    retains_grad: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A `grad_fn` object.

    Attributes:
        id: position in `Graph.nodes`; discovery order, the same from run to run.
        type: torch's class name: `MulBackward0`, `AccumulateGrad`, `MyFunctionBackward`.
        op: a human name: `mul`; for a leaf `leaf`.
        name: what the user calls the value (`loss`, `h`), else None.
        module: dotted path of the innermost module that made it (`net.fc1`), else None.
        module_type: that module's class name.
        call: the torch function whose call made it (`torch.nn.functional.linear`, `Tensor.mul`), when seen.
        location: where the user's source called for it.
        leaf: id of the leaf, for an AccumulateGrad.
        outputs: where gradients arrive, by output number; those of which nothing is known are absent.
        saved: tensors kept for backward.
        order: position in the order in which the engine ran the nodes, from 0; None: not run in this pass.
        is_custom: a user's `torch.autograd.Function`; then `backward_location` is its `backward`.
        made_after: index of the last pass that had begun when the node was made (0: before the first), when facts were
            asked for; a node of an earlier step than its pass has a smaller one than its neighbours.
        cuts: ids of the cuts (`Trace.cuts`) whose value this node took in, as a constant.
        freed_by: index of an earlier pass that ran this node without `retain_graph` and so freed what it had saved.
        call_number: the same for all nodes that one call of torch made, and no others; 0: made while a backward pass
            ran, by no call of the program's; None: not known.
        arguments: non-tensor arguments kept by the node (`dim`, `keepdim`), as text.
        region: what torch.compile made of the part of the program that the node stands for, if it stands for one.
        recomputed: what was found inside of it, where that was asked for.
    """

    id: int
    type: str
    op: str
    name: str | None = None
    module: str | None = None
    module_type: str | None = None
    call: str | None = None
    location: Location | None = None
    leaf: int | None = None
    outputs: tuple[NodeOutput, ...] = ()
    saved: tuple[SavedTensor, ...] = ()
    order: int | None = None
    is_custom: bool = False
    backward_location: Location | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    made_after: int | None = None
    freed_by: int | None = None
    cuts: tuple[int, ...] = ()
    call_number: int | None = None
    region: CompiledRegion | None = None
    recomputed: Recomputed | None = None

    @property
    def is_rest(self) -> bool:
        """Whether it stands for all nodes that were left out of a part of a graph, and hands nothing on to it."""
        return not self.type

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the forward result (and so of the gradient that arrives), of the first output."""
        return self.outputs[0].shape if self.outputs else None

    @property
    def dtype(self) -> str | None:
        """Its dtype."""
        return self.outputs[0].dtype if self.outputs else None

    @property
    def received(self) -> TensorStats | None:
        """The gradient that arrived at the first output at which any arrived."""
        return next((output.received for output in self.outputs if output.received is not None), None)

    @property
    def value(self) -> TensorStats | None:
        """The forward value of the first output, when it was seen."""
        return self.outputs[0].value if self.outputs else None


@dataclass(frozen=True, slots=True)
class Edge:
    """From a node to one it feeds in the backward direction.

    Attributes:
        source: id of the node that sends.
        target: id of the node that receives.
        slot: which of the source's gradients (position in `next_functions`).
        output: which output of the target it arrives at (torch's `input_nr`).
        input: torch's name of the source op's argument (`self`, `other`, `mat1`), when known.
        sent: what was sent; None when nothing (undefined gradient, or the pass did not run it).
    """

    source: int
    target: int
    slot: int
    output: int = 0
    input: str | None = None
    sent: TensorStats | None = None


@dataclass(frozen=True, slots=True)
class Storages:
    """Which saved tensors lie in one storage, by numbers that mean nothing outside of the graph.

    Attributes:
        saved: a number for each saved tensor, in order of the nodes; 0 for a packed one.
        leaves: by node, that of a leaf.
        makers: by node and position, the node whose output a custom function has saved.
    """

    saved: Sequence[int]
    leaves: Mapping[int, int]
    makers: Mapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Graph:
    """Flat tuples; `nodes[i].id == i`; edges in order of source, then slot.

    Attributes:
        storages: what its saved tensors lie in; None for a part of a graph, and where a recording does not say it.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    storages: Storages | None = field(default=None, compare=False, repr=False)
