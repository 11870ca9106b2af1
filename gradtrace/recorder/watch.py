"""The passes that are not recorded in full: a cheap look at each, and a count of those that repeat.

What is looked at costs about a hundred nanoseconds a leaf: is the root finite, was `.grad` there before and is it
after, which events came between. As long as that pattern repeats, passes are counted; a line is written when the
count has doubled, when the pattern changes, and at the end, so a run of days leaves a few hundred lines. When
something that matters changes, the next pass is recorded in full.
"""

from __future__ import annotations

import math
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.events import CountedEvent as _Event

if TYPE_CHECKING:
    from gradtrace.recorder.engine import Call
    from gradtrace.recorder.leaves import LeafState
    from gradtrace.recorder.session import Recorder

_SETTLED = 16
"""After so many counted passes the program has settled: a pattern that never occurred is news then."""
_MAX_KNOWN = 1_000
_MAX_CHANGES = 400
"""So often is a change of pattern written down; a longer run is then counted without distinguishing."""
_MAX_TRIPS = 3
_MAX_ALIVE = 8
_SAMPLE = 4096
_SHARE = 0.005
"""The share of a pass's time that may go into looking for non-finite gradients."""

_CREATED, _ACCUMULATED, _UNCHANGED = "created", "accumulated", "unchanged"


_BAD_ROOT = "a root is not finite"
_BAD_GRADIENT = "a gradient is not finite"
_OBSERVED = {_BAD_ROOT: "root_not_finite", _BAD_GRADIENT: "gradient_not_finite"}
"""What trips the watch, and the kind of observation that says so."""


class _Pattern(NamedTuple):
    name: str
    place: int | None
    retain_graph: bool
    create_graph: bool
    thread: int
    error: str | None
    events: tuple[_Event, ...]
    effects: tuple[tuple[int, str], ...]


class LedgerPass:
    """A pass that is only looked at: what each leaf had before."""

    __slots__ = ("before", "call", "index", "leaves", "started")

    def __init__(self, call: Call, index: int, leaves: list[tuple[LeafState, torch.Tensor]]) -> None:
        self.call = call
        self.index = index
        self.leaves = leaves
        self.before = [None if (grad := tensor.grad) is None else grad._version for _, tensor in leaves]
        self.started = time.perf_counter()


class Watch:
    """Counts passes, and says when one should be looked at closely."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._pattern: _Pattern | None = None
        self._first = 0
        self._pending = 0
        self._written = 0
        self._known: set[_Pattern] = set()
        self._n_counted = 0
        self._n_changes = 0
        self._events: dict[_Event, int] = {}
        self._trips: dict[str, int] = {}
        self._roots: deque[weakref.ref[Any]] = deque(maxlen=_MAX_ALIVE)
        self._device_flag: torch.Tensor | None = None
        self._cursor = 0

    def begin(self, call: Call, index: int) -> LedgerPass:
        """Before the engine runs."""
        states = list(self._recorder.leaves.states.values())
        leaves = [(state, tensor) for state in states if (tensor := state.reference()) is not None]
        begun = LedgerPass(call, index, leaves)
        if not any(kind == "zero_grad" for kind, *_ in self._recorder.events.pattern):
            self._note_changes(begun)
        return begun

    def _note_changes(self, begun: LedgerPass) -> None:
        """What the program did to `.grad` by itself since the last pass, told from the state alone."""
        gone, changed = [], []
        for (state, _), version in zip(begun.leaves, begun.before, strict=True):
            if not state.has_grad:
                continue
            if version is None:
                gone.append(state.id)
            elif version != state.version:
                changed.append(state.id)
        if gone:
            self._recorder.events.note_unseen("grad_cleared", gone, set_to_none=True)
        if changed:
            grads = [tensor.grad for state, tensor in begun.leaves if state.id in changed and tensor.grad is not None]
            with torch_facts.DisableTorchFunction(), torch.no_grad():
                is_zero = not bool(min(grads, key=torch.Tensor.numel).any())
            kind = "grad_cleared" if is_zero else "grad_modified"
            self._recorder.events.note_unseen(kind, changed, set_to_none=False if is_zero else None)

    def finish(self, done: LedgerPass, error: BaseException | None) -> str | None:
        """After the engine has run; returns why a closer look is due, or None."""
        spent = time.perf_counter() - done.started
        effects = []
        for (state, tensor), before in zip(done.leaves, done.before, strict=True):
            grad = tensor.grad
            state.has_grad = grad is not None
            if grad is None:
                continue
            state.version = grad._version
            if before is None:
                effects.append((state.id, _CREATED))
            elif state.version != before:
                effects.append((state.id, _ACCUMULATED))
        call = done.call
        pattern = _Pattern(
            call.name,
            self._recorder.journal.place(call.place),
            call.retain_graph,
            call.create_graph,
            call.thread,
            None if error is None else type(error).__name__,
            tuple(self._recorder.events.pattern),
            tuple(effects),
        )
        self._recorder.events.pattern.clear()
        is_news = self._count(pattern, done.index)
        reason = (
            self._non_finite(done, spent)
            or ("the pattern of the passes changed" if is_news else None)
            or self._old_graphs(call)
        )
        if error is not None:
            return None
        return self._trip(reason)

    def _count(self, pattern: _Pattern, index: int) -> bool:
        """Count a pass; True when nothing like it has been seen although the program had settled."""
        is_news = pattern not in self._known and self._n_counted >= _SETTLED
        if len(self._known) < _MAX_KNOWN:
            self._known.add(pattern)
        self._n_counted += 1
        if self._pattern is None or (pattern != self._pattern and self._n_changes < _MAX_CHANGES):
            self.flush()
            self._n_changes += 1
            self._pattern, self._first, self._written = pattern, index, 0
        elif self._n_changes >= _MAX_CHANGES and self._pattern.effects:
            self.flush()  # from here on passes are counted together, whatever their pattern
            self._pattern = self._pattern._replace(events=(), effects=())
            self._first, self._written = index, 0
        for event in pattern.events:
            self._events[event] = self._events.get(event, 0) + 1
        self._pending += 1
        if self._pending >= max(1, self._written):
            self.flush()
        return is_news

    def flush(self) -> None:
        """Write down the passes that have only been counted."""
        if self._pattern is None or not self._pending:
            return
        one = self._pattern
        count, index = self._pending, self._first + self._written
        write = self._recorder.journal.write
        for event, times in self._events.items():
            write({"t": "event", "pass_index": index - 1, "count": times, **event.fields()})
        write(
            {
                "t": "event",
                "kind": "backward",
                "pass_index": index,
                "location": one.place,
                "call": one.name,
                "count": count,
            }
        )
        flags = {"retain_graph": one.retain_graph, "create_graph": one.create_graph, "recorded": "ledger"}
        where = {"location": one.place, "thread": one.thread}
        write({"t": "pass", "index": index, "call": one.name, "roots": [], "count": count, **flags, **where})
        rows = [[number, None, None, None, effect] for number, effect in one.effects]
        write({"t": "accumulations", "index": index, "rows": rows})
        write({"t": "pass_end", "index": index, "error": None if one.error is None else [one.error, ""]})
        self._written += count
        self._pending = 0
        self._events.clear()

    def pause(self) -> None:
        """Passes are recorded in full for a while: write what was counted, and count afresh afterwards."""
        self.flush()
        self.flush_events()
        self._pattern = None

    def flush_events(self) -> None:
        """Write the events that followed the last pass, as themselves."""
        index = self._recorder.journal.last_pass_index
        for event in self._recorder.events.pattern:
            self._recorder.journal.write({"t": "event", "pass_index": index, **event.fields()})
        self._recorder.events.pattern.clear()

    def _non_finite(self, done: LedgerPass, spent: float) -> str | None:
        with torch_facts.DisableTorchFunction(), torch.no_grad():
            for root in done.call.roots:
                if isinstance(root, torch.Tensor) and root.numel() == 1 and type(root) in torch_facts.PLAIN_TYPES:
                    if root.device.type != "cpu":
                        late = self._device_flag
                        self._device_flag = torch.isfinite(root.detach())
                        if late is not None and not bool(late):
                            return _BAD_ROOT
                    elif not _is_finite(root.item()):
                        return _BAD_ROOT
            if done.leaves and done.leaves[0][1].device.type == "cpu":
                return self._sample(done, spent)
        return None

    def _sample(self, done: LedgerPass, spent: float) -> str | None:
        """Look through some gradients, in turn, for as long as is allowed."""
        until = time.perf_counter() + _SHARE * spent
        n_leaves = len(done.leaves)
        for _ in range(n_leaves):
            if time.perf_counter() > until:
                return None
            tensor = done.leaves[self._cursor % n_leaves][1]
            self._cursor += 1
            grad = tensor.grad
            if grad is not None and type(grad) in torch_facts.PLAIN_TYPES and grad.layout is torch.strided:
                # A sum tells of any NaN. Of a large tensor a part must do: gradients that break do so everywhere.
                part = (
                    grad
                    if grad.numel() <= _SAMPLE
                    else grad.reshape(-1)[:_SAMPLE]
                    if grad.is_contiguous()
                    else grad[:1]
                )
                if not _is_finite(part.sum().item()):
                    return _BAD_GRADIENT
        return None

    def _old_graphs(self, call: Call) -> str | None:
        for root in call.roots:
            if isinstance(root, torch.Tensor) and root.grad_fn is not None:
                alive = sum(1 for reference in self._roots if reference() is not None)
                self._roots.append(weakref.ref(root))
                return "graphs of earlier passes stay alive" if alive == _MAX_ALIVE else None
        return None

    def _trip(self, reason: str | None) -> str | None:
        if reason is None:
            return None
        times = self._trips.get(reason, 0)
        limit = _MAX_TRIPS if reason.startswith("the pattern") else 1
        if times >= limit:
            return None
        self._trips[reason] = times + 1
        kind = _OBSERVED.get(reason)
        if kind is not None:
            text = f"in pass {self._recorder.journal.last_pass_index}"
            self._recorder.journal.write({"t": "observation", "kind": kind, "count": 1, "location": None, "text": text})
        return reason


def _is_finite(number: complex) -> bool:
    return math.isfinite(number.real) and math.isfinite(number.imag)
