"""Puts our mode on each thread while passes are recorded, and takes everything of ours out of compiled regions."""

from __future__ import annotations

import functools
import threading
import types
from collections import deque
from collections.abc import Callable
from typing import Any

from gradtrace.recorder import override_checks, torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.custom_functions import CustomFunctions
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_mode import ForwardMode, Observer
from gradtrace.recorder.forward_table import ForwardTable, Origin
from gradtrace.recorder.invisible import skipped_by_warnings
from gradtrace.recorder.patches import Patches
from gradtrace.recorder.sites import ModuleTable, Place, user_place

_MAX_ENDED = 16


class Modes:
    """The modes of all threads, on or off together.

    Args:
        observers: what looks at each call besides the table of intervals.
        is_muted, observers_wait, in_optimizers: as in `ForwardMode`.
        sleep: called when the first thread enters a compiled callable, and when the last has left it.
    """

    def __init__(
        self,
        value_limit: int,
        modules: ModuleTable,
        kinds: CallKinds,
        observers: tuple[Observer, ...],
        failures: Failures,
        sleep: Callable[[bool], None],
        is_muted: Callable[[], bool],
        *,
        observers_wait: bool,
        in_optimizers: Callable[[int, Any], tuple[Observer, ...]],
    ) -> None:
        self._value_limit = value_limit
        self._modules = modules
        self._kinds = kinds
        self._observers = observers
        self._failures = failures
        self._sleep = sleep
        self._is_muted = is_muted
        self._observers_wait = observers_wait
        self._in_optimizers = in_optimizers
        self._n_ended = 0
        self._modes: dict[int, ForwardMode] = {}
        self._ended_tables: deque[ForwardTable] = deque(maxlen=_MAX_ENDED)
        """Of threads that have ended: their graphs may be run elsewhere."""
        self._patches = Patches()
        self._checks = override_checks.Checks()
        self._asleep: dict[int, int] = {}
        """Threads inside compiled callables, and how deep."""
        self._lock = threading.RLock()
        self.is_on = False

    # The tables.

    def here(self) -> ForwardMode | None:
        """The mode of this thread."""
        return self._modes.get(threading.get_ident())

    def table(self) -> ForwardTable | None:
        """The table of this thread."""
        mode = self.here()
        return None if mode is None else mode.table

    def tables(self) -> list[ForwardTable]:
        """The tables of all threads, that of this one first."""
        here = self.here()
        others = [mode.table for mode in self._modes.copy().values() if mode is not here]
        return [*([] if here is None else [here.table]), *others, *self._ended_tables]

    @property
    def n_only_placed(self) -> int:
        """Calls of torch of which no observer was notified."""
        return self._n_ended + sum(mode.n_only_placed for mode in self._modes.copy().values())

    # On and off.

    def turn_on(self) -> None:
        """Watch the forward computation from here on."""
        with self._lock:
            if not self.is_on:
                self.is_on = True
                CustomFunctions(self.here, self._failures).watch(self._patches)
                override_checks.answer_for(self._mode_is_ours, self._failures)
                if not self._asleep:
                    self._checks.put()
            for mode in self._modes.copy().values():
                mode.is_active = True
            if threading.get_ident() not in self._asleep:
                self._push()

    def turn_off(self) -> None:
        """Stop watching; of other threads' modes nothing is left but that calls pass through them."""
        with self._lock:
            for mode in self._modes.copy().values():
                mode.is_active = False
            if not self.is_on or self._is_inside_call():
                return
            self.is_on = False
            self._patches.undo()
            self._checks.take_away()
            self._pop()

    def _mode_is_ours(self) -> bool:
        return self.is_on and torch_facts.stack_length() == 1 and type(torch_facts.mode_at(0)) is ForwardMode

    def _is_inside_call(self) -> bool:
        """Whether this thread's mode is at work, and so off the stack: torch will put it back when it is done."""
        mode = self.here()
        is_awake = self.is_on and threading.get_ident() not in self._asleep
        return mode is not None and mode.is_pushed and is_awake and not _is_on_stack(mode)

    def _push(self) -> None:
        thread = threading.get_ident()
        mode = self._modes.get(thread)
        if mode is None:
            table = ForwardTable(self._value_limit)
            mode = self._modes[thread] = ForwardMode(
                table,
                self._modules,
                self._kinds,
                self._observers,
                self._failures,
                self._is_muted,
                observers_wait=self._observers_wait,
                in_optimizers=self._in_optimizers,
            )
        if not _is_on_stack(mode):
            _put_below(mode)
        mode.is_pushed = True

    def _pop(self) -> None:
        """Take our mode off this thread's stack, wherever it lies."""
        mine = self.here()
        if mine is not None:
            mine.is_pushed = False
        above: list[Any] = []
        while torch_facts.stack_length():
            mode = torch_facts.pop_mode()
            if type(mode) is not ForwardMode:
                above.append(mode)
        for mode in reversed(above):
            torch_facts.push_mode(mode)

    # Threads.

    def thread_begins(self, *, is_daemon: bool) -> None:
        """This thread has begun."""
        # A mode that is on the stack when its thread ends is freed without the interpreter's lock, and a daemon may
        # end while the interpreter does: that aborts the process. So daemons go without a mode.
        if self.is_on and not is_daemon:
            self._push()

    def thread_ends(self) -> None:
        """This thread is about to end, and the next one may get its number."""
        mode = self._modes.pop(threading.get_ident(), None)
        if mode is not None:
            mode.is_active = False
            self._pop()
            self._ended_tables.append(mode.table)
            self._n_ended += mode.n_only_placed

    @property
    def is_asleep(self) -> bool:
        """Whether this thread is inside something that torch compiles, traces or has compiled."""
        return threading.get_ident() in self._asleep

    def after_fork(self) -> None:
        """Of a process's threads only one is left in its child."""
        self._lock = threading.RLock()
        mode = self.here()
        if mode is not None:
            mode.table.after_fork()
        self._modes = {} if mode is None else {threading.get_ident(): mode}
        self._asleep = {thread: depth for thread, depth in self._asleep.items() if thread == threading.get_ident()}

    def leave(self) -> None:
        """Nothing of ours stays on this thread's stack."""
        self._pop()

    # Compiled regions.

    def enter_compiled_region(self, frame: types.FrameType | None) -> Callable[[], None]:
        """A compiled callable is entered on this thread: nothing of ours is in its way until it is left.

        Returns:
            what is to be called when it is left. The nodes that it made come from the place that called it.
        """
        thread = threading.get_ident()
        with self._lock:
            if self._is_inside_call():
                return _nothing  # torch has taken the mode off for the call, and will put it back
            is_outermost = thread not in self._asleep
            if not self._asleep:
                self._sleep(True)
                self._checks.take_away()
            self._asleep[thread] = self._asleep.get(thread, 0) + 1
            if is_outermost:
                self._pop()
        place = user_place(frame, "compiled") if is_outermost and self.is_on else None
        return functools.partial(self._leave_compiled_region, thread, place, torch_facts.sequence_number())

    def _leave_compiled_region(self, thread: int, place: Place | None, before: int) -> None:
        with self._lock:
            depth = self._asleep.pop(thread, 1) - 1
            if depth:
                self._asleep[thread] = depth
                return
            if not self._asleep:
                self._sleep(False)
                if self.is_on:
                    self._checks.put()
            if self.is_on and threading.get_ident() == thread:
                self.thread_begins(is_daemon=threading.current_thread().daemon)
        after, table = torch_facts.sequence_number(), self.table()
        if table is not None and place is not None and after > before:
            origin = Origin(place, -1, is_direct=True)
            key = (id(place.code), place.instruction, -1, True)
            table.add(before, after, table.origin_number(origin, key))


def _nothing() -> None:
    return None


def _put_below(mode: ForwardMode) -> None:
    """Put our mode below those of the program, which takes off the topmost when it leaves one.

    Only the mode of the default device stays below ours: torch looks for it there.
    """
    above = [torch_facts.pop_mode() for _ in range(torch_facts.stack_length())]
    if above and type(above[-1]) is torch_facts.DeviceContext:
        torch_facts.push_mode(above.pop())
    torch_facts.push_mode(mode)
    for one in reversed(above):
        torch_facts.push_mode(one)


def _is_on_stack(mode: ForwardMode) -> bool:
    return any(torch_facts.mode_at(position) is mode for position in range(torch_facts.stack_length()))


def watch_thread_begin(
    original: Callable[[Any], None], begins: Callable[[threading.Thread], None]
) -> Callable[[Any], None]:
    """Wrap `Thread._set_native_id`, which has returned before the thread's own code runs."""

    def _set_native_id(thread: threading.Thread) -> None:
        original(thread)
        begins(thread)

    return skipped_by_warnings(_set_native_id)


def watch_thread_end(original: Callable[[Any], None], ends: Callable[[], None]) -> Callable[[Any], None]:
    """Wrap `Thread._delete`, which runs after the thread's own code."""

    def _delete(thread: threading.Thread) -> None:
        ends()
        original(thread)

    return skipped_by_warnings(_delete)
