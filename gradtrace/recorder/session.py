"""The recorder: what it installs in the process, and how all of it is undone.

Installed while passes are to be recorded in full: one mode on each thread (source lines), our checks in place of
`has_torch_function*`. Installed throughout: the engine's entry, `zero_grad`, the global hook after `step`, and
`Optimizer.__init__`. Everything is put back by `stop`, also after a failure of ours, which is said once on stderr and
never reaches the program.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import torch

from gradtrace.recorder import program_end, torch_facts
from gradtrace.recorder.config import Config
from gradtrace.recorder.cuts import CutWatch
from gradtrace.recorder.engine import Call, describe_call, watch_engine
from gradtrace.recorder.events import Events
from gradtrace.recorder.forward import ForwardMode, ForwardTable, custom_function_watch, python_override_check
from gradtrace.recorder.full_pass import FullPass
from gradtrace.recorder.grad_watch import GradWatch
from gradtrace.recorder.invisible import skipped_by_warnings
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.models import ModelWatch
from gradtrace.recorder.names import Names, Scope
from gradtrace.recorder.numbers import NumberWatch
from gradtrace.recorder.optimizers import (
    Optimizers,
    user_place,
    watch_init,
    watch_parameters,
    watch_steps,
    watch_zero_grad,
)
from gradtrace.recorder.sites import ModuleTable, Place
from gradtrace.recorder.stream import plain_text
from gradtrace.recorder.watch import LedgerPass, Watch
from gradtrace.recorder.writes import Writes

Ticket = FullPass | LedgerPass | None

_MAX_ENDED = 16

_current: Recorder | None = None


_F = TypeVar("_F", bound=Callable[..., Any])


def unseen(method: _F) -> _F:
    """Keep what a method of ours asks of torch from being recorded as if the program had asked it."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        with torch_facts.DisableTorchFunction():
            return method(*args, **kwargs)

    return cast("_F", skipped_by_warnings(call))


class Recorder:
    """Observes one process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.is_on = False
        self.first_without_grad: Place | None = None
        self.saw_saved_hooks = False
        self._modes: dict[int, ForwardMode] = {}
        self._ended_tables: deque[ForwardTable] = deque(maxlen=_MAX_ENDED)
        """Of threads that have ended: their graphs may be run elsewhere."""
        self._undo: list[Callable[[], None]] = []
        self._undo_forward: list[Callable[[], None]] = []
        self._stacks: dict[int, list[int]] = {}
        self._full_passes: dict[int, FullPass] = {}
        """Full passes that run, by index: another pass may begin inside them."""
        self._threads: dict[int, int] = {}
        self._n_passes = 0
        self._n_outer = 0
        self._has_announced = False
        self._keeps_latest = config.passes == "last"
        """Every pass is recorded in full, in place of the one before, and counted besides."""
        self._has_failed = False
        self._begin()

    def _begin(self) -> None:
        self.journal = Journal(self.config)
        self.events = Events(self.journal)
        self.names = Names()
        self.modules = ModuleTable()
        self.leaves = Leaves(self.journal, self.names, self.config.value_limit)
        self.optimizers = Optimizers(self)
        self.grads = GradWatch(self)
        self.cuts = CutWatch(self) if self.config.facts else None
        self.numbers = NumberWatch(self) if self.config.facts else None
        self.writes = Writes(self) if self.config.facts else None
        self.models = ModelWatch(self) if self.config.facts else None
        self.watch = Watch(self)

    # Installing and undoing.

    def install(self) -> None:
        """Begin to observe."""
        self.is_on = True
        self.journal.write_header()
        self._patch(torch.autograd, "_engine_run_backward", lambda original: watch_engine(original, self))
        self._patch(torch.autograd.graph, "_engine_run_backward", lambda original: watch_engine(original, self))
        optimizer = torch.optim.Optimizer
        self._patch(optimizer, "__init__", lambda original: watch_init(original, self))
        self._patch(optimizer, "zero_grad", lambda original: watch_zero_grad(original, self, of_optimizer=True))
        if self.cuts is not None:
            self._patch(torch.nn.Parameter, "__new__", lambda original: watch_parameters(original, self, self.cuts))
        self._patch(torch.nn.Module, "zero_grad", lambda original: watch_zero_grad(original, self, of_optimizer=False))
        self._undo.append(watch_steps(self).remove)
        if not torch_facts.SAVED_TENSORS_SHOW_DATA:
            self._patch(torch.autograd.graph.saved_tensors_hooks, "__enter__", self._watch_saved_hooks)
        self._patch(threading.Thread, "_bootstrap_inner", self._watch_thread)
        if self.config.wants(1):
            self._forward_on()
        if not self.config.wants(1) or self._keeps_latest:
            self.events.is_counting = True
        atexit.register(self._at_exit)

    def _patch(
        self, owner: Any, name: str, wrap: Callable[[Any], Any], undo: list[Callable[[], None]] | None = None
    ) -> None:
        original = owner.__dict__[name]
        wrapper = wrap(original)
        setattr(owner, name, wrapper)

        def restore() -> None:
            if owner.__dict__.get(name) is wrapper:
                setattr(owner, name, original)

        (self._undo if undo is None else undo).append(restore)

    def _forward_on(self) -> None:
        """Watch the forward computation from here on."""
        if self._undo_forward:
            return
        for kind, builtin in torch_facts.HAS_TORCH_FUNCTION.items():
            check = python_override_check(builtin, kind, self._only_ours)
            for module in list(sys.modules.values()):
                inside = getattr(module, "__name__", "")
                if not isinstance(module, types.ModuleType) or not inside.startswith("torch."):
                    continue
                if inside == "torch.overrides" and kind != "has_torch_function":
                    continue  # torch.compile looks these two up there
                if vars(module).get(kind) is builtin:
                    self._patch(module, kind, lambda _, check=check: check, self._undo_forward)  # type: ignore[misc]
        self._patch(
            torch._functorch.utils,
            "unwrap_dead_wrappers",
            lambda original: custom_function_watch(original, self.mode_here),
            self._undo_forward,
        )
        self._enter_mode()
        for mode in list(self._modes.values()):
            mode.is_active = True

    def _forward_off(self) -> None:
        """Stop watching the forward computation. What torch.compile has seen stays: its guards would fail."""
        for mode in list(self._modes.values()):
            mode.is_active = False
        if torch_facts.dynamo_has_compiled() or self._is_inside_mode():
            return
        while self._undo_forward:
            self._undo_forward.pop()()
        self._leave_mode()

    def _is_inside_mode(self) -> bool:
        """Whether this thread's mode is at work, and so off the stack: torch will put it back when it is done."""
        mode = self.mode_here()
        return mode is not None and bool(self._undo_forward) and not any(one is mode for one in _stack())

    def _enter_mode(self) -> None:
        thread = threading.get_ident()
        mode = self._modes.get(thread)
        if mode is None:
            mode = self._modes[thread] = ForwardMode(ForwardTable(self.config.value_limit), self)
        if not any(one is mode for one in _stack()):
            torch_facts.push_mode(mode)

    def _leave_mode(self) -> None:
        """Take our mode off this thread's stack, wherever it lies; on other threads it lets everything pass."""
        above: list[Any] = []
        while torch_facts.stack_length():
            mode = torch_facts.pop_mode()
            if not isinstance(mode, ForwardMode):
                above.append(mode)
        for mode in reversed(above):
            torch_facts.push_mode(mode)

    def _only_ours(self) -> bool:
        return torch_facts.stack_length() == 1 and threading.get_ident() in self._modes

    def mode_here(self) -> ForwardMode | None:
        """The mode of this thread."""
        return self._modes.get(threading.get_ident())

    def _watch_thread(self, original: Callable[..., None]) -> Callable[..., None]:
        recorder = self

        def _bootstrap_inner(thread: threading.Thread) -> None:
            with recorder.guard():
                # A mode that is on the stack when its thread ends is freed without the interpreter's lock, and a daemon
                # may end while the interpreter does: that aborts the process. So daemons go without a mode.
                if recorder.is_on and recorder._undo_forward and not thread.daemon:
                    recorder._enter_mode()
            try:
                original(thread)
            finally:
                mode = recorder._modes.pop(threading.get_ident(), None)  # the next thread may get the same number
                if mode is not None:
                    mode.is_active = False
                    recorder._leave_mode()
                    recorder._ended_tables.append(mode.table)

        return _bootstrap_inner

    def _watch_saved_hooks(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        def __enter__(hooks: Any) -> None:  # noqa: N807
            self.saw_saved_hooks = True
            original(hooks)

        return __enter__

    def stop(self) -> None:
        """Undo everything."""
        if not self.is_on:
            self._forward_off()
            return
        self.is_on = False
        with contextlib.ExitStack() as undoing:  # a full disk, for one, is no reason to leave anything installed
            undoing.callback(self.journal.close)
            undoing.callback(atexit.unregister, self._at_exit)
            for undo in self._undo:
                undoing.callback(undo)
            undoing.callback(self._forward_off)
            self._undo.clear()
            self.events.flush()
            self.watch.pause()

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """A failure of ours inside ends the recorder, not the program."""
        try:
            yield
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Switch off, and say so once."""
        if self._has_failed:
            return
        self._has_failed = True
        what = f"{type(error).__name__}: {error}"
        text = f"the recorder failed and has switched itself off ({what}); the program goes on"
        if os.environ.get("GRADTRACE_DEBUG"):
            import traceback

            traceback.print_exception(error)
        with contextlib.suppress(Exception):
            self.stop()
        with contextlib.suppress(Exception):
            self.journal.blind("recorder_failed", what)
        with contextlib.suppress(Exception):
            self.journal.close()
        with contextlib.suppress(Exception):
            say(text)

    def after_fork(self) -> None:
        """A child of this process begins, with a stream of its own."""
        if not self.is_on:
            return
        with self.guard():
            mode = self.mode_here()
            self._modes = {} if mode is None else {threading.get_ident(): mode}
            self.journal.begin_stream()
            self.events = Events(self.journal)
            self.leaves = Leaves(self.journal, self.names, self.config.value_limit)
            self.optimizers.forget_lines()
            self._n_passes = self._n_outer = 0
            self.journal.last_pass_index = 0
            self.watch = Watch(self)

    @unseen
    def _at_exit(self) -> None:
        if self.is_on:
            with self.guard():
                program_end.write(self)
            with self.guard():
                self.stop()
        self._leave_mode()  # also where `stop` leaves it, for what torch.compile has seen

    # What the watchers ask for.

    def table(self) -> ForwardTable | None:
        """The table of this thread."""
        mode = self.mode_here()
        return None if mode is None else mode.table

    def tables(self) -> list[ForwardTable]:
        """The tables of all threads."""
        return [*(mode.table for mode in list(self._modes.values())), *self._ended_tables]

    def learn(self, scope: Scope) -> None:
        """Take in the models that can be seen now."""
        called = [module for reference in self.modules.roots.values() if (module := reference()) is not None]
        self.names.learn(scope, called)
        self.leaves.name_unnamed(scope)
        if self.models is not None:
            self.models.learn(scope)

    @unseen
    def zeroed(self, owner: Any, frame: types.FrameType, *, set_to_none: bool, of_optimizer: bool) -> None:
        """`zero_grad` has run."""
        call = f"{type(owner).__name__}.zero_grad" if of_optimizer else "Module.zero_grad"
        place = user_place(frame, call)
        number = None
        leaves: list[int] = []
        if not self.events.is_counting:
            scope = Scope(frame)
            self.learn(scope)
            if of_optimizer:
                number = self.optimizers.number(owner, scope)
                leaves = self.optimizers.leaves_of(owner, scope)
            else:
                leaves = [self.leaves.get(one, scope).id for one in owner.parameters() if one.requires_grad]
        elif of_optimizer:
            number = self.optimizers.number(owner)
        self.events.add("zero_grad", leaves, place, call=call, set_to_none=set_to_none, optimizer=number)
        if not self.events.is_counting:
            self.leaves.remember_grads()

    @unseen
    def stepped(self, optimizer: torch.optim.Optimizer, frame: types.FrameType) -> None:
        """`step` has run."""
        call = f"{type(optimizer).__name__}.step"
        place = user_place(frame, call)
        number = self.optimizers.number(optimizer)
        leaves = []
        if not self.events.is_counting:
            for group in optimizer.param_groups:
                for one in group["params"]:
                    state = self.leaves.find(one)
                    if state is not None and one.grad is not None:
                        leaves.append(state.id)
        self.events.add("step", leaves, place, call=call, optimizer=number)

    # Passes.

    def running(self, thread: int) -> int | None:
        """The pass that runs on a thread, by its index: the innermost one."""
        stack = self._stacks.get(thread)
        return stack[-1] if stack else None

    @unseen
    def before_pass(self, frame: types.FrameType, roots: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ticket:
        """A pass is about to begin."""
        if not self.is_on:
            return None
        try:
            thread = threading.get_ident()
            stack = self._stacks.setdefault(thread, [])
            parent = stack[-1] if stack else None
            self._n_passes += 1
            if parent is None:
                self._n_outer += 1
            index = self._n_passes
            number = self._threads.setdefault(thread, len(self._threads))
            call = describe_call(frame, roots, args, kwargs, parent=parent, thread=number)
            self.events.flush()
            stack.append(index)
            table = self.table()
            if table is not None and parent is None:
                table.begin_pass(index)
            if parent is None and self._turn_needed(self._n_outer):
                self._turn_on()
            if self.events.is_counting:
                self.journal.last_pass_index = index
                self._announce()
                counted = self.watch.begin(call, index)
                return FullPass(self, call, index, frame, counted) if self._keeps_latest else counted
            self.events.add("backward", [], call.place, call=call.name)
            self.journal.last_pass_index = index
            self.events._held["pass_index"] = index  # type: ignore[index]
            self.events.flush()
            return self._begin_full(call, index, frame)
        except Exception as error:
            self.fail(error)
            return None

    def _begin_full(self, call: Call, index: int, frame: types.FrameType) -> FullPass:
        outer = self._full_passes.get(call.parent or 0)
        if outer is not None:
            outer.suspend()
        self._full_passes[index] = FullPass(self, call, index, frame)
        return self._full_passes[index]

    def _turn_needed(self, outer: int) -> bool:
        return self.events.is_counting and self.config.wants(outer) and not self._keeps_latest

    def _turn_on(self) -> None:
        self.watch.pause()
        self.events.is_counting = False
        self._forward_on()

    @unseen
    def after_pass(self, ticket: Ticket, result: Any, error: BaseException | None) -> None:
        """A pass is over."""
        if ticket is None:
            return
        try:
            self._stacks[threading.get_ident()].pop()
            self._full_passes.pop(ticket.index, None)
            if isinstance(ticket, FullPass):
                if not self.is_on:
                    ticket.abandon()
                    return
                self._finish(ticket, result, error)
            elif self.is_on:
                reason = self.watch.finish(ticket, error)
                if reason is not None:
                    self.journal.note(f"after pass {ticket.index}: {reason}; the next pass is recorded in full")
                    self._turn_on()
                    return
            if self.is_on and ticket.call.parent is None:
                self._choose_next()
        except Exception as failure:
            self.fail(failure)
        if self.config.stop_after is not None and self._n_outer >= self.config.stop_after and not ticket.call.parent:
            self._end_program(error)

    def _finish(self, ticket: FullPass, result: Any, error: BaseException | None) -> None:
        ticket.finish(result, error)
        if ticket.counted is not None:
            self.watch.finish(ticket.counted, error)
        self.leaves.remember_grads()
        table = self.table()
        if table is not None:
            table.after_pass()

    def _choose_next(self) -> None:
        """Whether the next pass is to be recorded in full."""
        if self._keeps_latest:
            return
        wanted = self.config.wants(self._n_outer + 1)
        if wanted and self.events.is_counting:
            self._turn_on()
        elif not wanted and not self.events.is_counting:
            self.events.is_counting = True
            self._forward_off()

    def _announce(self) -> None:
        """Say, when a pass begins that nobody asked for, that all those are in which somebody did."""
        done = self._n_outer - 1
        if done and self.config.announce and not self._has_announced and not self.config.wants_after(done):
            self._has_announced = True
            say(f"the asked-for passes are recorded; the program goes on, at pass {done + 1} (Ctrl-C shows them now)")

    def _end_program(self, error: BaseException | None) -> None:
        if error is None and threading.current_thread() is threading.main_thread():
            raise SystemExit(0)

    def end_pass(
        self, index: int, error: BaseException | None, node: int | None, conflict: dict[str, Any] | None
    ) -> None:
        """Write the last line of a full pass."""
        described = None if error is None else [type(error).__name__, plain_text(str(error))[:4000]]
        record = {"t": "pass_end", "index": index, "error": described, "error_node": node, "conflict": conflict}
        self.journal.write_pass(record)
        self.journal.end_pass()

    def draw(self, roots: list[torch.Tensor], frame: types.FrameType | None) -> None:
        """Describe a graph that is never run backward."""
        self._n_passes += 1
        call = Call(name="none", place=None, roots=tuple(roots), is_drawn_only=True)
        FullPass(self, call, self._n_passes, frame).finish(None, None)


def _stack() -> list[Any]:
    return [torch._C._get_function_stack_at(position) for position in range(torch_facts.stack_length())]


def say(text: str) -> None:
    """One line on stderr."""
    os.write(2, f"gradtrace: {plain_text(text)}\n".encode("utf-8", "backslashreplace"))


def current() -> Recorder | None:
    """The recorder of this process, if one is at work."""
    return _current if _current is not None and _current.is_on else None


def _after_fork() -> None:
    recorder = current()
    if recorder is not None:
        recorder.after_fork()


os.register_at_fork(after_in_child=_after_fork)  # for good: this cannot be undone, so it holds no recorder


def start(config: Config) -> Recorder:
    """Begin to record this process."""
    global _current  # noqa: PLW0603 - a process has one engine, and one recorder
    if _current is not None:
        _current.stop()
    _current = Recorder(config)
    _current.install()
    return _current


def stop() -> None:
    """End the recording, undoing everything."""
    if _current is not None:
        _current.stop()


def name_leaf(tensor: torch.Tensor, name: str) -> None:
    """Say what a leaf is called, before its first pass."""
    recorder = current()
    if recorder is not None:
        recorder.leaves.name(tensor, name)


def start_from_environment() -> None:
    """Begin as the launcher asked, if it did: `GRADTRACE_SESSION` names the folder with `config.json`."""
    folder = os.environ.get("GRADTRACE_SESSION")
    if not folder or current() is not None:
        return
    config = Config.read(Path(folder))
    program_end.prepare(config)
    start(config)
