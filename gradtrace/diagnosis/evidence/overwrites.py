"""Tensors that were overwritten before backward needed them, and by what."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.errors import Failure, called_as, failure, notes, of_pass
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


class Reason(StrEnum):
    """What overwrote a tensor that backward needed."""

    KEPT_GRAPH = auto()
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
    if write is not None and _is_step(write):
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
        return Reason.RECURRENCE
    return Reason.INPUT


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


def finding(rule: str, one: Overwrite, message: str, advice: str) -> Finding:
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
    return Finding(rule, Severity.ERROR, message, place, related, advice, (), of_pass(one.failure.backward))


def _saved(one: Overwrite) -> str:
    return "its own output" if one.is_output else one.name
