"""What happened to `.grad` between passes, told by what the passes found there and not by how the program wrote it.

`p.grad *= 0` and `p.grad.copy_(zeros)` are seen as changes, `p.grad = torch.zeros_like(p)` as an assignment, and some
ways of clearing are not seen at all. A gradient was cleared if a pass found None or zeros where an earlier one had left
something else. And nothing can have changed a gradient that is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from gradtrace.analysis.moments import moments
from gradtrace.analysis.once import once
from gradtrace.model import CLEARING, STORED, Accumulation, BackwardPass, Effect, Event, EventKind, Recorded, Trace
from gradtrace.model.location import Line, source_line


def found_empty(one: BackwardPass, row: Accumulation) -> bool | None:
    """Whether a pass found None or zeros in a leaf's `.grad`; None when that was not measured."""
    if row.effect == Effect.CREATED:
        return True
    if row.before is None:
        return True if row.effect == Effect.UNCHANGED and one.recorded == Recorded.FULL else None
    return None if row.before.norm is None else row.before.norm == 0


def empties_in_place(event: Event) -> bool:
    """Whether the tensor itself was set to zeros: who holds it under another name sees that too."""
    return event.kind in CLEARING and event.set_to_none is False and not event.is_assignment


def concerned(trace: Trace, event: Event) -> tuple[int, ...]:
    """The leaves of an event; those of its optimizer where only that was noted (passes not recorded in full)."""
    if event.leaves or event.optimizer is None:
        return event.leaves
    return _held(trace).get(event.optimizer, ())


@once
def _held(trace: Trace) -> dict[int, tuple[int, ...]]:
    """By optimizer: its leaves."""
    held: dict[int, list[int]] = {}
    for leaf, optimizers in enumerate(owners(trace)):
        for optimizer in optimizers:
            held.setdefault(optimizer, []).append(leaf)
    return {optimizer: tuple(leaves) for optimizer, leaves in held.items()}


@once
def owners(trace: Trace) -> tuple[tuple[int, ...], ...]:
    """By leaf: the optimizers that hold it; those that stepped it, where all of them have gone."""
    gone: dict[int, dict[int, None]] = {leaf.id: {} for leaf in trace.leaves if not leaf.optimizers}
    for event in trace.events:
        if event.kind == EventKind.STEP and event.optimizer is not None:
            for leaf in event.leaves:
                if leaf in gone:
                    gone[leaf][event.optimizer] = None
    return tuple(leaf.optimizers or tuple(gone[leaf.id]) for leaf in trace.leaves)


@once
def by_value(trace: Trace) -> Trace:
    """The trace with the events that the measured values bear out."""
    tale = _Tale(trace)
    for moment in moments(trace):
        if isinstance(moment, BackwardPass):
            tale.passed(moment)
        else:
            tale.happened(moment)
    tale.settle()
    return replace(trace, events=tuple(tale.events())) if tale.corrected or tale.unseen else trace


@dataclass(slots=True)
class _Grad:
    """One leaf's `.grad` on its way through the run.

    Attributes:
        is_none: it is None, as the last pass left it or something has set it since.
        left: whether the last pass left something other than zeros; None when that was not measured.
        since: what touched it since that pass.
        changes: all changes of the run that may turn out to have cleared it.
        ways: calls that a pass proved to have cleared it, by name and place; False once one did not.
    """

    is_none: bool = False
    left: bool | None = None
    thread: int = 0
    since: list[Event] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    ways: dict[tuple[str, Line], bool] = field(default_factory=dict)


class _Tale:
    """One walk over a run: what each event really was for each leaf, and what nobody saw."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._grads: dict[int, _Grad] = {}
        self._outer = {one.index: {row.leaf for row in one.accumulations} for one in trace.passes}
        self.corrected: dict[int, dict[int, EventKind | None]] = {}
        """By order of the event and leaf."""
        self.unseen: dict[int, dict[bool, list[int]]] = {}
        """By the index of the pass before which it happened, and by whether None was left: the leaves."""

    def happened(self, event: Event) -> None:
        """Something touched the `.grad` of leaves between passes."""
        if event.kind not in CLEARING and event.kind != EventKind.GRAD_MODIFIED:
            return
        for leaf in concerned(self._trace, event):
            grad = self._grads.setdefault(leaf, _Grad())
            if event.kind in CLEARING:
                grad.is_none = bool(event.set_to_none)
            elif event.is_assignment:
                grad.is_none = False
            elif grad.is_none:
                self._correct(event, leaf, None)
                continue
            grad.since.append(event)
            if event.kind == EventKind.GRAD_MODIFIED:
                grad.changes.append(event)

    def passed(self, one: BackwardPass) -> None:
        """A pass looked at the `.grad` of its leaves."""
        around = self._outer.get(one.parent, set()) if one.parent is not None else set()
        for row in one.accumulations:
            if row.effect == Effect.NOT_STORED or row.leaf in around:  # the pass around it measures the same
                continue
            grad = self._grads.setdefault(row.leaf, _Grad(thread=one.thread))
            is_empty = found_empty(one, row)
            if grad.thread == one.thread and is_empty is not None:
                self._compare(one, row, grad, is_empty=is_empty)
            grad.thread, grad.since = one.thread, []
            grad.is_none = row.effect == Effect.UNCHANGED and bool(is_empty) and row.before is None
            if row.effect in STORED:
                measured = row.after.norm if row.after is not None else None
                grad.left = None if measured is None else measured != 0
                if row.after is None and one.recorded != Recorded.FULL:
                    grad.left = True  # of a counted pass no more is known than that it left a tensor
            elif is_empty is not None:
                grad.left = not is_empty

    def _compare(self, one: BackwardPass, row: Accumulation, grad: _Grad, *, is_empty: bool) -> None:
        """Set what this pass found against what the last one had left."""
        changes = [event for event in grad.since if event.kind not in CLEARING]
        if not is_empty:
            grad.ways.update(((event.call, source_line(event.location)), False) for event in changes)
            return
        is_none = row.before is None
        if is_none and grad.is_none:
            return
        if len(changes) < len(grad.since) or not (grad.left or (is_none and grad.left is not None)):
            return
        if changes and not is_none:
            # `p.grad *= 0` is two events at one place, a write and an assignment: one act, named by the first.
            act = [event for event in changes if source_line(event.location) == source_line(changes[-1].location)]
            for event in act:
                self._correct(event, row.leaf, EventKind.GRAD_CLEARED if event is act[0] else None)
                grad.ways.setdefault((event.call, source_line(event.location)), True)
        else:
            self.unseen.setdefault(one.index, {}).setdefault(is_none, []).append(row.leaf)

    def settle(self) -> None:
        """What cleared a leaf whenever a pass looked did so after the last pass too."""
        for leaf, grad in self._grads.items():
            told: set[tuple[int, Line]] = set()
            for event in grad.changes:
                line = source_line(event.location)
                if leaf not in self.corrected.get(event.order, {}) and grad.ways.get((event.call, line)):
                    act = (event.pass_index, line)
                    self._correct(event, leaf, None if act in told else EventKind.GRAD_CLEARED)
                    told.add(act)

    def _correct(self, event: Event, leaf: int, kind: EventKind | None) -> None:
        self.corrected.setdefault(event.order, {})[leaf] = kind

    def events(self) -> Iterator[Event]:
        """All events, corrected and in order."""
        counts = {one.index: one for one in self._trace.passes}
        found: list[Event] = []
        for event in self._trace.events:
            if event.kind == EventKind.BACKWARD:
                found += self._unseen_before(counts.get(event.pass_index))
                self.unseen.pop(event.pass_index, None)
            found += self._parts(event)
        for index in list(self.unseen):  # a pass without an event of its own
            found += self._unseen_before(counts.get(index))
        return (replace(event, order=order) for order, event in enumerate(found))

    def _unseen_before(self, one: BackwardPass | None) -> Iterator[Event]:
        if one is None:
            return
        for is_none, leaves in self.unseen.get(one.index, {}).items():
            index, process = one.index - 1, one.process
            yield Event(
                0, EventKind.GRAD_CLEARED, index, tuple(leaves), set_to_none=is_none, count=one.count, process=process
            )

    def _parts(self, event: Event) -> Iterator[Event]:
        kinds = self.corrected.get(event.order)
        if kinds is None:
            yield event
            return
        same = tuple(leaf for leaf in event.leaves if leaf not in kinds)
        cleared = tuple(leaf for leaf in event.leaves if kinds.get(leaf) == EventKind.GRAD_CLEARED)
        if same:
            yield replace(event, leaves=same)
        if cleared:
            yield replace(event, kind=EventKind.GRAD_CLEARED, leaves=cleared, set_to_none=False)
