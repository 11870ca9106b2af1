"""Which of the places where values leave the graph cost a leaf its gradient, and what each does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from gradtrace.analysis.once import once
from gradtrace.analysis.source_slice import assigned, function_of, goes_to, is_shown, span_of, takes_in
from gradtrace.diagnosis.evidence.ownership import called, is_named, lost, reached
from gradtrace.diagnosis.evidence.roots import root_name
from gradtrace.diagnosis.evidence.shapes import outgoing
from gradtrace.diagnosis.evidence.switched_off import also_here, switched_here
from gradtrace.formulas import traits
from gradtrace.model import (
    BackwardPass,
    Cut,
    CutKind,
    Finding,
    Leaf,
    LeafKind,
    Location,
    RelatedLocation,
    Severity,
    SwitchKind,
    Trace,
)
from gradtrace.model.location import same_place

NO_GRAPH = "does not require grad and does not have a grad_fn"
"""What torch says when backward starts at a result without a graph."""


class Reason(StrEnum):
    """What a cut does to a value."""

    DETACHED = auto()
    DATA = auto()
    NUMBER = auto()
    PYTHON_VALUES = auto()
    REMADE = auto()
    REWRAPPED = auto()
    NO_GRAD = auto()
    GRADIENT = auto()
    PICKED = auto()
    THRESHOLD = auto()
    SAMPLED = auto()
    CUSTOM_FUNCTION = auto()
    MODE_LEFT_OFF = auto()
    CHECKPOINTED = auto()
    RENAMED = auto()
    """Its name went from a leaf to what was computed from it."""


_REASONS = {
    CutKind.DETACH: Reason.DETACHED,
    CutKind.DATA: Reason.DATA,
    CutKind.ITEM: Reason.NUMBER,
    CutKind.NUMBER: Reason.NUMBER,
    CutKind.TOLIST: Reason.PYTHON_VALUES,
    CutKind.NUMPY: Reason.PYTHON_VALUES,
    CutKind.NEW_TENSOR: Reason.REMADE,
    CutKind.PARAMETER: Reason.REWRAPPED,
    CutKind.NO_GRAD: Reason.NO_GRAD,
    CutKind.INFERENCE_MODE: Reason.NO_GRAD,
    CutKind.GRADIENT: Reason.GRADIENT,
}
_RENAMING = frozenset({CutKind.NO_GRAD, CutKind.DETACH, CutKind.DATA})
_NUMBERS = frozenset({CutKind.ITEM, CutKind.NUMBER})
_VALUES = _NUMBERS | {CutKind.GRADIENT}
"""Values that are nearly always made to be looked at."""
_LEAVING = frozenset({CutKind.TOLIST, CutKind.NUMPY, CutKind.NEW_TENSOR, CutKind.DETACH, CutKind.DATA})
"""Ways on which a value leaves torch, or may be on its way out: nobody sees it come back."""
_CONSTRUCTOR = re.compile(r"\b(torch\.tensor|(torch\.)?(Float|Double)?Tensor)\(")
_SAMPLES = re.compile(r"\.sample(_n)?\(")
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Loss:
    """Leaves that get no gradient because of a cut, and the pass that failed for want of a graph, if one did.

    `others` are cuts for which the same thing switched gradients off.
    """

    reason: Reason
    cut: Cut
    leaves: tuple[Leaf, ...]
    backward: BackwardPass | None = None
    others: tuple[Cut, ...] = ()


@once
def losses(trace: Trace) -> tuple[Loss, ...]:
    """Every cut that cost some leaf its gradient."""
    dead = rootless(trace)
    if dead is not None:
        cut = _cut_of_root(trace, dead)
        if cut is None:
            return ()
        return (Loss(_reason(trace, cut, is_root=True), cut, tuple(trace.leaves[leaf] for leaf in cut.leaves), dead),)
    if all(is_forced(one) for one in trace.passes if not one.is_drawn_only):
        return ()
    found = [
        Loss(_reason(trace, cut, is_root=False), cut, leaves) for cut, leaves in _by_cut(trace, lost(trace)).values()
    ]
    return tuple(_by_switch(loss for loss in (*found, *_unowned(trace)) if loss.leaves))


def _by_switch(found: Iterable[Loss]) -> Iterator[Loss]:
    """The losses, as one where the same thing switched gradients off."""
    groups: dict[object, list[Loss]] = {}
    for loss in found:
        switch = loss.cut.switch
        known = switch is not None and switch.location is not None
        groups.setdefault((loss.reason, switch) if known else loss.cut.id, []).append(loss)
    for group in groups.values():
        leaves = {leaf.id: leaf for loss in group for leaf in loss.leaves}
        ordered = tuple(leaves[number] for number in sorted(leaves))
        yield replace(group[0], leaves=ordered, others=tuple(loss.cut for loss in group[1:]))


def _unowned(trace: Trace) -> Iterator[Loss]:
    """Parameters that something uses behind autograd's back, whoever is to train them: no optimizer was seen."""
    if trace.optimizers:
        return
    known = reached(trace)
    for cut in trace.cuts:
        leaves = tuple(
            trace.leaves[leaf]
            for leaf in cut.leaves
            if leaf not in known and trace.leaves[leaf].kind == LeafKind.PARAMETER and trace.leaves[leaf].requires_grad
        )
        reason = _reason(trace, cut, is_root=False) if cut.passes and leaves and cut.kind == CutKind.NO_GRAD else None
        if reason in {Reason.CUSTOM_FUNCTION, Reason.CHECKPOINTED}:
            yield Loss(reason, cut, leaves)


def _by_cut(trace: Trace, leaves: tuple[Leaf, ...]) -> dict[int, tuple[Cut, tuple[Leaf, ...]]]:
    """The cuts that explain the leaves, each with those that it explains."""
    found: dict[int, tuple[Cut, tuple[Leaf, ...]]] = {}
    for leaf in leaves:
        cuts = [cut for cut in trace.cuts if cut.kind != CutKind.GRADIENT and _concerns(trace, cut, leaf)]
        chosen = [cut for cut in cuts if cut.passes] or [
            cut for cut in cuts if cut.kind in _LEAVING and cut.count > 1 and not cut.is_of_leaves
        ]
        chosen = chosen or [cut for cut in cuts if _is_list(trace, cut)]
        for cut in chosen:
            held = found.get(cut.id, (cut, ()))[1]
            found[cut.id] = (cut, (*held, leaf))
    return found


def _concerns(trace: Trace, cut: Cut, leaf: Leaf) -> bool:
    """A cut lies above the leaf; one inside torch's distributions knows only a tensor in between."""
    if leaf.id in cut.leaves:
        return True
    return (
        is_sample(cut)
        and bool(cut.leaves)
        and all(not is_named(trace.leaves[one]) and trace.leaves[one].kind == LeafKind.TENSOR for one in cut.leaves)
    )


def _is_list(trace: Trace, cut: Cut) -> bool:
    """Whether the numbers of a value were taken one by one, several in each pass, to be kept under a name."""
    place, n_passes = cut.location, max(1, len(trace.passes))
    if cut.kind not in _NUMBERS or place is None or cut.is_of_leaves or cut.count < _SEVERAL * n_passes:
        return False
    return bool(goes_to(place)) and not is_shown(place)


def is_sample(cut: Cut) -> bool:
    """A draw from a distribution of torch, by `sample()`."""
    return cut.kind == CutKind.NO_GRAD and cut.location is not None and bool(_SAMPLES.search(cut.location.text))


def rootless(trace: Trace) -> BackwardPass | None:
    """The pass that failed because its root has no graph; none if the program caught that and went on."""
    error = trace.run.error
    if trace.run.status == 0 or (error is not None and NO_GRAPH not in error.message):
        return None
    return next((one for one in trace.passes if one.error is not None and NO_GRAPH in one.error.message), None)


def is_forced(backward: BackwardPass) -> bool:
    """A pass whose roots are leaves themselves: nothing is above them."""
    graph = backward.graph
    return (
        backward.error is None
        and graph is not None
        and bool(backward.roots)
        and all(root.node is not None and graph.nodes[root.node].leaf is not None for root in backward.roots)
    )


def root_leaf(backward: BackwardPass) -> int:
    """The leaf at which a forced pass starts; -1 when there is none."""
    for root in backward.roots:
        if backward.graph is not None and root.node is not None:
            leaf = backward.graph.nodes[root.node].leaf
            if leaf is not None:
                return leaf
    return -1


def _cut_of_root(trace: Trace, backward: BackwardPass) -> Cut | None:
    """The cut below which the root of a failed pass lies: by its name, else the last that is no look at a value."""
    cuts = [cut for cut in trace.cuts if not cut.passes and cut.process == backward.process]
    cuts.sort(key=lambda cut: cut.count > 0)  # those of an earlier stretch of a session first
    names = {root.name for root in backward.roots if root.name}
    named = [cut for cut in cuts if cut.name in names and cut.kind not in _VALUES]
    real = [cut for cut in cuts if cut.kind not in _VALUES]
    rewrapped = [cut for cut in cuts if _reason(trace, cut, is_root=True) is Reason.REMADE]
    gradients = [cut for cut in cuts if cut.kind == CutKind.GRADIENT]
    return next(iter(reversed(named or real or rewrapped or gradients or cuts)), None)


def _reason(trace: Trace, cut: Cut, *, is_root: bool) -> Reason:
    if cut.kind == CutKind.NUMBER and cut.location is not None and _CONSTRUCTOR.search(cut.location.text):
        return Reason.REMADE
    if not cut.passes and not is_root and _is_list(trace, cut):
        return Reason.PYTHON_VALUES
    if cut.kind == CutKind.NOT_DIFFERENTIABLE:
        return Reason.PICKED if is_root or traits.called(cut.call).gives_indices else Reason.THRESHOLD
    if is_sample(cut):
        return Reason.SAMPLED
    if cut.kind == CutKind.NO_GRAD and _is_inside_function(trace, cut):
        return Reason.NO_GRAD if is_root and starts_inside(trace, cut) else Reason.CUSTOM_FUNCTION
    if cut.switch is not None and cut.switch.kind is SwitchKind.CHECKPOINT:
        return Reason.CHECKPOINTED
    if cut.kind in _RENAMING and cut.name in {trace.leaves[leaf].name for leaf in cut.leaves}:
        return Reason.RENAMED
    is_statement = cut.switch is not None and cut.switch.kind is SwitchKind.CALL and cut.reentry is None
    is_off = cut.kind in {CutKind.NO_GRAD, CutKind.INFERENCE_MODE}
    if is_off and (is_statement or (is_root and cut.switch is None and _made_graph_before(trace, cut))):
        return Reason.MODE_LEFT_OFF
    return _REASONS.get(cut.kind, Reason.DETACHED)


def _is_inside_function(trace: Trace, cut: Cut) -> bool:
    """The cut happened in the `forward` of a user's `autograd.Function`, where gradients are always off."""
    if cut.switch is not None:
        return cut.switch.kind is SwitchKind.FUNCTION
    if cut.location is None:
        return False
    function = cut.location.function
    return any(
        node.is_custom and function.endswith(f"{node.type.removesuffix('Backward')}.forward")
        for backward in trace.passes
        if backward.graph is not None
        for node in backward.graph.nodes
    )


def starts_inside(trace: Trace, cut: Cut) -> bool:
    """Whether the pass that ended the program began inside what had switched gradients off for a cut."""
    error, switch = trace.run.error, cut.switch
    if error is None or switch is None or switch.location is None:
        return False
    switched = switch.location
    if switch.kind in {SwitchKind.FUNCTION, SwitchKind.DECORATOR}:
        return any((one.file, one.function) == (switched.file, switched.function) for one in error.frames)
    if switch.kind is SwitchKind.WITH:
        return any(_is_below(one, switched) for one in error.frames)
    return switch.kind is SwitchKind.BACKWARD


def _is_below(place: Location, block: Location) -> bool:
    """Whether a line stands under the `with` of another, as far as their margins tell."""
    is_later = (place.file, place.function) == (block.file, block.function) and place.line > block.line
    return is_later and _margin(place) > _margin(block)


def _margin(place: Location) -> int:
    return len(place.text) - len(place.text.lstrip())


def _made_graph_before(trace: Trace, cut: Cut) -> bool:
    """Whether the line of the cut made nodes of a graph in an earlier pass."""
    place = cut.location
    return place is not None and any(
        node.location is not None and node.location.source_line == place.source_line
        for backward in trace.passes
        if backward.graph is not None and backward.error is None
        for node in backward.graph.nodes
    )


def finding(rule: str, loss: Loss, severity: Severity, message: str, advice: str) -> Finding:
    """The finding for a cut: it points at the cut, at where the value came back, and at the pass that failed."""
    related = []
    if loss.cut.switch is not None and loss.cut.switch.location is not None:
        related += switched_here(loss.cut.switch)
        related += also_here(loss.others)
    if loss.cut.reentry is not None and loss.backward is None:
        related.append(RelatedLocation(loss.cut.reentry, "the value comes back here, as a constant"))
    if loss.backward is not None and loss.backward.location is not None:
        related.append(RelatedLocation(loss.backward.location, "backward finds no graph here"))
    passes = loss.cut.passes or ((loss.backward.index,) if loss.backward is not None else ())
    return Finding(
        rule,
        Severity.ERROR if loss.backward is not None else severity,
        message,
        loss.cut.location,
        tuple(related),
        advice,
        tuple(leaf.id for leaf in loss.leaves),
        passes,
    )


def added(trace: Trace, backward: BackwardPass, cut: Cut) -> Iterator[Location]:
    """Where a scalar in the graph of this pass is a value with a history plus what came out of the cut.

    What came out is followed by the source, from assignment to assignment, and to calls of a function that returns it;
    into other functions and attributes only where the very number was seen to come back too.
    """
    place, graph = cut.location, backward.graph
    names = goes_to(place) if place is not None else frozenset()
    if graph is None or place is None:
        return
    for node in graph.nodes:
        line, operands = node.location, outgoing(graph, node) if node.type == "AddBackward0" else []
        if node.shape != () or len(operands) != 1 or line is None:
            continue
        tensor = graph.nodes[operands[0].target].name
        if same_place(line, place):
            is_added = takes_in(line, frozenset(), span_of(place), tensor)
        elif same_place(line, cut.reentry):
            is_added = takes_in(line, names, None, tensor)
        else:
            is_here = (line.file, function_of(line)) == (place.file, function_of(place))
            known = frozenset(
                name
                for name in names
                if name.endswith("()") or (is_here and name.isidentifier() and _stays(trace, name, place, line))
            )
            is_added = takes_in(line, known, None, tensor)
        if is_added:
            yield line


def _stays(trace: Trace, name: str, place: Location, line: Location) -> bool:
    """Whether no line that is known gives the name another value on the way, round a loop where the line is above."""
    others = _assignments(trace).get((place.file, function_of(place), name), set()) - {place.line}
    if place.line < line.line:
        return not any(place.line < other < line.line for other in others)
    return not any(other > place.line or other < line.line for other in others)


@once
def _assignments(trace: Trace) -> dict[tuple[str, str, str], set[int]]:
    """By file, function and name: the lines that made a tensor or a number and assigned it."""
    graphs = (backward.graph for backward in trace.passes if backward.graph is not None)
    places = {node.location for graph in graphs for node in graph.nodes if node.location is not None}
    places.update(cut.location for cut in trace.cuts if cut.location is not None)
    found: dict[tuple[str, str, str], set[int]] = {}
    for place in places:
        for name in assigned(place.text):
            found.setdefault((place.file, function_of(place), name), set()).add(place.line)
    return found


def returned(backward: BackwardPass, cut: Cut) -> Location | None:
    """Where what came out of the cut was added, by itself, to a scalar with a history."""
    graph = backward.graph
    if graph is None:
        return None
    sums = (node for node in graph.nodes if node.type == "AddBackward0" and node.shape == ())
    found = (node for node in sums if node.location == cut.reentry and len(outgoing(graph, node)) == 1)
    return next((node.location for node in found), None)


def complaint(loss: Loss) -> str:
    """Who gets no gradient: the leaves, or the root that has no graph at all."""
    if loss.backward is not None:
        return f"{root_name(loss.backward)} has no graph"
    return f"no gradient reaches {called(loss.leaves)}"


def value(loss: Loss, default: str = "the value") -> str:
    """What the value that was cut off is called."""
    return loss.cut.source or loss.cut.name or default
