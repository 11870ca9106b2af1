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
from typing import TYPE_CHECKING, Any

import torch

from gradtrace.recorder import torch_facts

if TYPE_CHECKING:
    from gradtrace.recorder.engine import Call
    from gradtrace.recorder.session import Recorder

_SETTLED = 3
"""A pattern that has held for so many passes is the program's habit; a change of it is news."""
_MAX_TRIPS = 3
_MAX_ALIVE = 8
_SAMPLE = 4096
_SHARE = 0.005
"""The share of a pass's time that may go into looking for non-finite gradients."""

_CREATED, _ACCUMULATED, _UNCHANGED = "created", "accumulated", "unchanged"


class LedgerPass:
    """A pass that is only looked at: what each leaf had before."""

    __slots__ = ("before", "call", "index", "leaves", "started")

    def __init__(self, call: Call, index: int, leaves: list[tuple[int, torch.Tensor]]) -> None:
        self.call = call
        self.index = index
        self.leaves = leaves
        self.before = [None if tensor.grad is None else tensor.grad._version for _, tensor in leaves]
        self.started = time.perf_counter()


class Watch:
    """Counts passes, and says when one should be looked at closely."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._pattern: tuple[Any, ...] | None = None
        self._first = 0
        self._pending = 0
        self._written = 0
        self._held_for = 0
        self._trips: dict[str, int] = {}
        self._roots: deque[weakref.ref[Any]] = deque(maxlen=_MAX_ALIVE)
        self._device_flag: torch.Tensor | None = None
        self._cursor = 0

    def begin(self, call: Call, index: int) -> LedgerPass:
        """Before the engine runs."""
        leaves = []
        for state in list(self._recorder.leaves.states.values()):
            tensor = state.reference()
            if tensor is not None:
                leaves.append((state.id, tensor))
        return LedgerPass(call, index, leaves)

    def finish(self, done: LedgerPass, error: BaseException | None) -> str | None:
        """After the engine has run; returns why a closer look is due, or None."""
        spent = time.perf_counter() - done.started
        effects = []
        for (number, tensor), before in zip(done.leaves, done.before, strict=True):
            grad = tensor.grad
            if grad is None:
                continue
            if before is None:
                effects.append((number, _CREATED))
            elif grad._version != before:
                effects.append((number, _ACCUMULATED))
        call = done.call
        place = self._recorder.journal.place(call.place)
        pattern = (
            call.name,
            place,
            call.retain_graph,
            call.create_graph,
            call.thread,
            None if error is None else type(error).__name__,
            tuple(self._recorder.events.pattern),
            tuple(effects),
        )
        self._recorder.events.pattern.clear()
        changed = self._count(pattern, done.index)
        reason = (
            self._non_finite(done, spent)
            or ("the pattern of the passes changed" if changed else None)
            or self._old_graphs(call)
        )
        if error is not None:
            return None
        return self._trip(reason)

    def _count(self, pattern: tuple[Any, ...], index: int) -> bool:
        """Count a pass; True when it broke a habit."""
        if pattern == self._pattern:
            self._pending += 1
            self._held_for += 1
            if self._pending >= max(1, self._written):
                self.flush()
            return False
        broke = self._held_for >= _SETTLED and self._pattern is not None
        self.flush()
        self._pattern, self._first, self._pending, self._held_for, self._written = pattern, index, 1, 1, 0
        self.flush()
        return broke

    def flush(self) -> None:
        """Write down the passes that have only been counted."""
        if self._pattern is None or not self._pending:
            return
        name, place, retain, create, thread, error, events, effects = self._pattern
        count, index = self._pending, self._first + self._written
        write = self._recorder.journal.write
        for kind, location, set_to_none, optimizer, call in events:
            event = {
                "kind": kind,
                "location": location,
                "set_to_none": set_to_none,
                "optimizer": optimizer,
                "call": call,
            }
            write({"t": "event", "pass_index": index - 1, "leaves": [], "count": count, **event})
        write({"t": "event", "kind": "backward", "pass_index": index, "location": place, "call": name, "count": count})
        flags = {
            "retain_graph": retain,
            "create_graph": create,
            "recorded": "ledger",
            "location": place,
            "thread": thread,
        }
        write({"t": "pass", "index": index, "call": name, "roots": [], "count": count, **flags})
        rows = [[number, None, None, None, effect] for number, effect in effects]
        write({"t": "accumulations", "index": index, "rows": rows})
        write({"t": "pass_end", "index": index, "error": None if error is None else [error, ""]})
        self._written += count
        self._pending = 0

    def pause(self) -> None:
        """Passes are recorded in full for a while: write what was counted, and count afresh afterwards."""
        self.flush()
        self.flush_events()
        self._pattern = None

    def flush_events(self) -> None:
        """Write the events that followed the last pass, as themselves."""
        events = self._recorder.events
        index = self._recorder.journal.last_pass_index
        for kind, location, set_to_none, optimizer, call in events.pattern:
            event = {
                "kind": kind,
                "location": location,
                "set_to_none": set_to_none,
                "optimizer": optimizer,
                "call": call,
            }
            self._recorder.journal.write({"t": "event", "pass_index": index, "leaves": [], **event})
        events.pattern.clear()

    def _non_finite(self, done: LedgerPass, spent: float) -> str | None:
        with torch_facts.DisableTorchFunction(), torch.no_grad():
            for root in done.call.roots:
                if isinstance(root, torch.Tensor) and root.numel() == 1 and type(root) in torch_facts.PLAIN_TYPES:
                    if root.device.type != "cpu":
                        late = self._device_flag
                        self._device_flag = torch.isfinite(root.detach())
                        if late is not None and not bool(late):
                            return "a root is not finite"
                    elif not _is_finite(root.item()):
                        return "a root is not finite"
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
            _, tensor = done.leaves[self._cursor % n_leaves]
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
                    return "a gradient is not finite"
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
        return reason


def _is_finite(number: complex) -> bool:
    return math.isfinite(number.real) and math.isfinite(number.imag)
