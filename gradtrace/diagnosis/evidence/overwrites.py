"""Tensors that were overwritten before backward needed them, and by what."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from gradtrace.analysis.once import once
from gradtrace.analysis.source_slice import statements
from gradtrace.diagnosis.evidence.errors import Failure, called_as, failure, notes, of_pass
from gradtrace.diagnosis.evidence.ownership import owners, received
from gradtrace.diagnosis.evidence.shapes import adjacency, is_type, targets, through_views
from gradtrace.model import BackwardPass, Conflict, Finding, Leaf, Location, Node, Severity, Trace, Write
from gradtrace.model.location import same_place

RENORM = "embedding_renorm_"
"""What a lookup does first where rows are kept within `max_norm`."""

PATTERN = "modified by an inplace operation"
"""What torch says."""

_ACTIVATIONS = re.compile(
    r"(relu6?|elu|selu|celu|silu|mish|gelu|hardswish|hardtanh|hardsigmoid|dropout\w*|threshold)_?$"
)
_SHORTCUT = re.compile(r"shortcut|residual|identity|skip", re.IGNORECASE)
_STATE = re.compile(r"^\s*\w+(\.(?!data\b|grad\b)\w+)+(\[.*?\])?\s*([-+*/]?=[^=]|\.\w+_\()")
_WRITTEN = re.compile(r"\s*([A-Za-z_][\w.]*?)(\[.*?\])?(\s*[-+*/@]?=[^=]|\.\w+_\()")
"""The name of what a source line writes to."""

_LONGEST = 60
"""Characters of source text that are fit to be proposed."""

_WRITE_SHOWN = re.compile(r"\w_\(|[-+*/@]=|\]\s*=[^=]|out=")


class Reason(StrEnum):
    """What overwrote a tensor that backward needed."""

    KEPT_GRAPH = auto()
    WALKED_AGAIN = auto()
    LOOKUP = auto()
    STEP = auto()
    ACTIVATION = auto()
    OUTPUT = auto()
    MODULE_STATE = auto()
    RECURRENCE = auto()
    INPUT = auto()


@dataclass(frozen=True, slots=True)
class Overwrite:
    """One such tensor: by what, what torch found, and the write that matters."""

    reason: Reason
    failure: Failure
    conflict: Conflict
    write: Write | None
    node: Node | None

    @property
    def name(self) -> str:
        """What the tensor is called."""
        if self.conflict.name:
            return self.conflict.name
        if self.is_output and self.node:
            return f"the output of {called_as(self.node)}"
        written = _WRITTEN.match(self.write.location.text) if self.write and self.write.location else None
        return written.group(1) if written else "a tensor"

    @property
    def subject(self) -> str:
        """What overwrote it, at the place that the finding points at."""
        return "This line" if self.write is not None else "A write that was not seen"

    @property
    def updater(self) -> str:
        """What changed a parameter: `step()`, `first_step()` of an optimizer of the program's, or this line."""
        if self.write is not None and _is_step(self.write):
            return "step()"
        place = self.write.location if self.write is not None else None
        owner, _, method = place.function.rpartition(".") if place is not None else ("", "", "")
        return f"{method}()" if owner and method.isidentifier() and not owner.endswith("<locals>") else "This update"

    @property
    def writes_what_it_reads(self) -> bool:
        """Whether the line that saved the tensor is the one that overwrites it: `x[0] = x[0] * s`."""
        return self.write is not None and self.node is not None and same_place(self.write.location, self.node.location)

    @property
    def is_output(self) -> bool:
        """Whether an operation had kept its own output."""
        return self.conflict.saved_name in {"result", "output", "grad_input"}


@once
def overwrite(trace: Trace) -> Overwrite | None:
    """The tensor whose overwriting ended the program."""
    found = failure(trace, PATTERN)
    if found is None or found.error is None or found.error.conflict is None or found.backward is None:
        return None
    conflict = found.error.conflict
    node = found.graph.nodes[conflict.saved_by] if found.graph is not None and conflict.saved_by is not None else None
    write = next((one for one in conflict.writes if _is_step(one)), None) or next(iter(conflict.writes), None)
    draft = Overwrite(Reason.INPUT, found, conflict, write, node)
    return replace(draft, reason=_reason(trace, draft, found.backward))


def _reason(trace: Trace, one: Overwrite, backward: BackwardPass) -> Reason:
    write = one.write
    if write is not None and write.call == RENORM:
        return Reason.LOOKUP
    if write is not None and (_is_step(write) or _updates_a_parameter(trace, one)):
        if retained(trace, backward) is not None:
            return Reason.WALKED_AGAIN
        return Reason.KEPT_GRAPH if _is_kept(trace, one, backward) else Reason.STEP
    text = write.location.text if write is not None and write.location is not None else ""
    is_activation = write is not None and _is_activation(write, text)
    if is_activation or (one.is_output and _SHORTCUT.search(text)):
        return Reason.ACTIVATION
    if one.is_output:
        return Reason.OUTPUT
    is_method = write is not None and write.location is not None and "." in write.location.function
    if is_method and _STATE.search(text) and "which is output" not in one.failure.message:
        return Reason.MODULE_STATE
    if write is not None and write.call == "__setitem__" and "which is output" in one.failure.message:
        return Reason.RECURRENCE if _is_repeated(one, backward, write) else Reason.INPUT
    return Reason.INPUT


def _is_repeated(one: Overwrite, backward: BackwardPass, write: Write) -> bool:
    """Whether what was saved is an element that the same line had written before: a step reads the one before it."""
    graph = backward.graph
    if graph is None or one.node is None:
        return False
    sources = (through_views(graph, below) for below in targets(graph, one.node))
    return any(is_type(below, "CopySlices") and same_place(below.location, write.location) for below in sources)


def _is_step(write: Write) -> bool:
    return write.call == "step" or write.call.endswith(".step")


def _updates_a_parameter(trace: Trace, one: Overwrite) -> bool:
    """Whether the write changed a leaf that is trained, and was no part of a module's forward: an update by hand."""
    place = one.write.location if one.write is not None else None
    leaf = overwritten_leaf(trace, one)
    if leaf is None or (place is not None and place.function.endswith(".forward")):
        return False
    return leaf.requires_grad and (leaf.id in owners(trace) or leaf.id in received(trace))


def overwritten_leaf(trace: Trace, one: Overwrite) -> Leaf | None:
    """The leaf that was overwritten, if it was one."""
    process = one.failure.backward.process if one.failure.backward is not None else 0
    return next((leaf for leaf in trace.leaves if leaf.name == one.conflict.name and leaf.process == process), None)


def retained(trace: Trace, backward: BackwardPass) -> BackwardPass | None:
    """The latest pass that walked through the same graph, from the same roots, and kept it by `retain_graph=True`."""
    graph = backward.graph
    if graph is None:
        return None
    newest = max((node.made_after or 0 for node in graph.nodes), default=0)
    roots = _roots(backward)
    return next(
        (
            earlier
            for earlier in reversed(trace.passes)
            if newest < earlier.index < backward.index and earlier.retain_graph and _roots(earlier) == roots
        ),
        None,
    )


def _roots(backward: BackwardPass) -> set[tuple[str, Location | None]]:
    nodes = backward.graph.nodes if backward.graph is not None else ()
    return {(nodes[root.node].type, nodes[root.node].location) for root in backward.roots if root.node is not None}


def _is_activation(write: Write, text: str) -> bool:
    """An activation did it: by name, or a module whose call shows no write in the source."""
    if _ACTIVATIONS.search(write.call):
        return True
    return write.call == "forward" and not _WRITE_SHOWN.search(text)


def _is_kept(trace: Trace, one: Overwrite, backward: BackwardPass) -> bool:
    """The node stems from an earlier round of a loop whose graphs `retain_graph=True` keeps."""
    rounds = [
        earlier
        for earlier in trace.passes
        if earlier.index < backward.index and earlier.retain_graph and same_place(earlier.location, backward.location)
    ]
    graph = backward.graph
    if not rounds or graph is None or one.node is None or not graph.nodes:
        return False
    newest = max((node.made_after or 0 for node in graph.nodes), default=0)
    return one.node.made_after is not None and one.node.made_after < newest


def finding(
    rule: str, one: Overwrite, message: str, advice: str, also: tuple[tuple[Location | None, str], ...] = ()
) -> Finding:
    """The finding: it points at the write, and tells who had saved the tensor and which pass needed it."""
    place = one.write.location if one.write is not None else one.failure.place
    saver = one.node.location if one.node is not None else None
    op = called_as(one.node) if one.node is not None else "an operation"
    versions = f"version {one.conflict.expected} is needed, the tensor is at version {one.conflict.found}"
    told = notes(
        *also,
        (saver, f"`{op}` saved {_saved(one)} here for its backward"),
        (_caller(one), "and its result is used here"),
        (one.failure.place, f"backward needs it here: {versions}"),
        *((write.location, "and written again here") for write in one.conflict.writes if write is not one.write),
    )
    related = tuple(note for note in told if note.location != place)
    return Finding(rule, Severity.ERROR, message, place, related, advice, (), of_pass(one.failure.backward))


def _caller(one: Overwrite) -> Location | None:
    """Where the function that runs the pass used what another function had saved, if it was another one."""
    place, graph, node = one.failure.place, one.failure.graph, one.node
    if place is None or graph is None or node is None or node.location is None:
        return None
    home = (place.file, place.function)
    if (node.location.file, node.location.function) == home:
        return None
    seen, waiting = {node.id}, [node.id]
    for number in waiting:
        for position in adjacency(graph).arriving_at(number):
            above = graph.nodes[graph.edges[position].source]
            if above.location is not None and (above.location.file, above.location.function) == home:
                return above.location
            if above.id not in seen:
                seen.add(above.id)
                waiting.append(above.id)
    return None


def _saved(one: Overwrite) -> str:
    return "its own output" if one.is_output else one.name


def _statement(one: Overwrite) -> ast.stmt | None:
    text = one.write.location.text if one.write is not None and one.write.location is not None else ""
    tree = statements(text)
    return tree.body[0] if tree is not None and tree.body else None


def _assignment(one: Overwrite) -> str:
    """The assignment that makes a new tensor where a name is changed in place (`x *= m`); empty for other lines."""
    written = _statement(one)
    if not isinstance(written, ast.AugAssign) or not isinstance(written.target, ast.Name | ast.Attribute):
        return ""
    name = ast.unparse(written.target)
    value = ast.unparse(ast.BinOp(ast.Name(name), written.op, written.value))
    if len(value) <= _LONGEST:
        return f"Write `{name} = {value}`, which makes a new tensor, instead of changing `{name}` itself."
    return f"Assign the result to `{name}`, which makes a new tensor, instead of changing `{name}` itself."


def new_tensor(one: Overwrite) -> str:
    """What to write instead of the line that overwrites, so that a new tensor is made."""
    if proposed := _assignment(one):
        return proposed
    written = _statement(one)
    if one.writes_what_it_reads and isinstance(written, ast.Assign | ast.AugAssign):
        target = written.target if isinstance(written, ast.AugAssign) else written.targets[0]
        read = ast.unparse(target)
        return f"Read a copy there (`{read}.clone()`), or build the result with `torch.cat` or `torch.where`."
    item = written.targets[0] if isinstance(written, ast.Assign) else getattr(written, "target", None)
    is_item_of_it = any(write.call == "__setitem__" for write in one.conflict.writes)  # not of a list that holds it
    if is_item_of_it and isinstance(item, ast.Subscript) and isinstance(item.value, ast.Name | ast.Attribute):
        name = ast.unparse(item.value)
        return f"Put `{name} = {name}.clone()` before this line, so that it writes into a copy."
    return "Build a new tensor (`torch.cat`, `torch.where`) instead, or write into `x.clone()`."
