"""Tensors that were overwritten before backward needed them, and which rule names each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.errors import Failure, called_as, failure, notes, of_pass
from gradtrace.diagnosis.evidence.shapes import is_type, targets, through_views
from gradtrace.diagnosis.evidence.timeline import same_place
from gradtrace.model import BackwardPass, Conflict, Finding, Node, Severity, Trace, Write

PATTERN = "modified by an inplace operation"
"""What torch says."""

_ACTIVATIONS = re.compile(
    r"(relu6?|elu|selu|celu|silu|mish|gelu|hardswish|hardtanh|hardsigmoid|dropout\w*|threshold)_?$"
)
_SHORTCUT = re.compile(r"shortcut|residual|identity|skip", re.IGNORECASE)
_STATE = re.compile(r"^\s*\w+(\.(?!data\b|grad\b)\w+)+(\[.*?\])?\s*([-+*/]?=[^=]|\.\w+_\()")
_WRITTEN = re.compile(r"\s*([A-Za-z_][\w.]*?)(\[.*?\])?(\s*[-+*/@]?=[^=]|\.\w+_\()")
"""The name of what a source line writes to."""

_WRITE_SHOWN = re.compile(r"\w_\(|[-+*/@]=|\]\s*=[^=]|out=")


@dataclass(frozen=True, slots=True)
class Overwrite:
    """One such tensor: the rule, what torch found, and the write that matters."""

    rule: str
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
    draft = Overwrite("", found, conflict, write, node)
    return Overwrite(_rule(trace, draft, found.backward), found, conflict, write, node)


def _rule(trace: Trace, one: Overwrite, backward: BackwardPass) -> str:
    write = one.write
    if write is not None and _is_step(write):
        return "retain-graph-stale-weights" if _is_kept(trace, one, backward) else "step-before-backward"
    text = write.location.text if write is not None and write.location is not None else ""
    is_activation = write is not None and _is_activation(write, text)
    if is_activation or (one.is_output and _SHORTCUT.search(text)):
        return "inplace-activation-residual"
    if one.is_output:
        return "inplace-saved-output"
    is_method = write is not None and write.location is not None and "." in write.location.function
    if is_method and _STATE.search(text) and "which is output" not in one.failure.message:
        return "inplace-codebook-update"
    if write is not None and write.call == "__setitem__" and "which is output" in one.failure.message:
        return "recurrence-in-buffer" if _is_repeated(one, backward, write) else "inplace-saved-input"
    return "inplace-saved-input"


def _is_repeated(one: Overwrite, backward: BackwardPass, write: Write) -> bool:
    """Whether what was saved is an element that the same line had written before: a step reads the one before it."""
    graph = backward.graph
    if graph is None or one.node is None:
        return False
    sources = (through_views(graph, below) for below in targets(graph, one.node))
    return any(is_type(below, "CopySlices") and same_place(below.location, write.location) for below in sources)


def _is_step(write: Write) -> bool:
    return write.call == "step" or write.call.endswith(".step")


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


def finding(one: Overwrite, message: str, advice: str) -> Finding:
    """The finding: it points at the write, and tells who had saved the tensor and which pass needed it."""
    place = one.write.location if one.write is not None else one.failure.place
    saver = one.node.location if one.node is not None else None
    op = called_as(one.node) if one.node is not None else "an operation"
    versions = f"version {one.conflict.expected} is needed, the tensor is at version {one.conflict.found}"
    told = notes(
        (saver, f"`{op}` saved {_saved(one)} here for its backward"),
        (one.failure.place, f"backward needs it here: {versions}"),
        *((write.location, "and written again here") for write in one.conflict.writes if write is not one.write),
    )
    related = tuple(note for note in told if note.location != place)
    return Finding(one.rule, Severity.ERROR, message, place, related, advice, (), of_pass(one.failure.backward))


def _saved(one: Overwrite) -> str:
    return "its own output" if one.is_output else one.name
