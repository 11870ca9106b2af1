"""The life of one recording in a process: start, fork, stop, exit.

Installed throughout: the engine's entry, `zero_grad`, the global hook after `step`, what tells of new optimizers, of
threads and of compiled callables. Only while passes are recorded in full, `modes` adds what watches the forward
computation. Installing is all or nothing, and everything is put back by `stop`, also after a failure of ours, which
never reaches the program: word of it is left in the session's folder.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gradtrace.model.blind_spot import Blind
from gradtrace.model.kinds import EventKind, Level
from gradtrace.model.needs import Tensors
from gradtrace.recorder import compiled_regions, looking, node_hooks, notices, program_end, torch_facts
from gradtrace.recorder.births import Births
from gradtrace.recorder.bystanders import Bystanders
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.checkpoint import Checkpoint
from gradtrace.recorder.compiled_graphs import CompiledGraphs
from gradtrace.recorder.config import Config
from gradtrace.recorder.context import Context
from gradtrace.recorder.deep_graphs import let_go
from gradtrace.recorder.engine import watch_engine
from gradtrace.recorder.events import Events
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_mode import Observer
from gradtrace.recorder.grad_norms import GradNorms
from gradtrace.recorder.grad_watch import GradWatch
from gradtrace.recorder.invisible import skipped_by_warnings
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.modes import Modes, watch_thread_begin, watch_thread_end
from gradtrace.recorder.module_calls import watch_modules
from gradtrace.recorder.names import Names
from gradtrace.recorder.observed_calls import (
    outside_init,
    watch_clipping,
    watch_collective,
    watch_optimizers,
    watch_parameters,
    watch_scaler_step,
    watch_scaler_update,
    watch_total_norm,
    watch_zero_grad,
)
from gradtrace.recorder.optimizers import Optimizers, owned
from gradtrace.recorder.passes import Passes
from gradtrace.recorder.patches import Patches
from gradtrace.recorder.rejected import rejected_call
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sections import Quiet
from gradtrace.recorder.sites import ModuleTable, place_at, settle_own_folders, user_place
from gradtrace.recorder.step_watch import StepWatch
from gradtrace.recorder.watch import Watch

if TYPE_CHECKING:
    from gradtrace.recorder.fact_watches import FactWatches
    from gradtrace.recorder.step_norms import StepNorms

_current: Recorder | None = None


class Recorder:
    """Observes one process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.is_on = False
        self.n_readers = 0
        """How many hosts read what is recorded before and after something: until then the stream stays the same."""
        self._patches = Patches()
        self._between = Patches()
        """What sees the calls between passes; not there while a compiled callable runs."""
        self._has_failed = False
        settle_own_folders(config.folders)
        self.journal = Journal(config)
        self._failures = Failures(self.journal, self._give_up)
        self._compose()

    def _compose(self) -> None:
        """Give each observer what it uses."""
        config, journal = self.config, self.journal
        self.events = Events(journal)
        self._names = names = Names()
        modules = ModuleTable()
        self._births = Births()
        self.leaves = Leaves(journal, names, config.value_limit, self._births)
        self._optimizers = Optimizers(journal, self.leaves)
        self.watch = Watch(journal, self.leaves, self.events)
        self.steps = self.norms = None
        if config.level != Level.STRUCTURE:
            self.norms = GradNorms(self.events, self.leaves, self._failures, counts_rows=config.facts)
            latest = config.passes == "last"
            self.steps = StepWatch(journal, self.events, self.leaves, self._optimizers, keeps_latest=latest)
        self.facts = facts = self._watch_facts(names) if config.facts else None
        self.grads = GradWatch(journal, self.events, self.leaves, self.table, facts, self.norms)
        observers: list[Observer] = [self._births.saw, self.grads.saw, *(facts.observers if facts is not None else ())]
        kinds = CallKinds(reads_of_grad=config.facts)
        limit = config.value_limit if config.statistics(Tensors.RESULTS) else 0
        self.modes = Modes(
            limit,
            modules,
            kinds,
            tuple(observers),
            self._failures,
            self._sleep,
            self.events.is_muted,
            observers_wait=not config.facts,
            in_optimizers=self._in_optimizers,
        )
        self.context = Context(
            config=config,
            journal=journal,
            failures=self._failures,
            names=names,
            modules=modules,
            leaves=self.leaves,
            optimizers=self._optimizers,
            facts=facts,
            table=self.modes.table,
            tables=self.modes.tables,
            bystanders=Bystanders(journal, self.leaves, self._births, None if facts is None else facts.cuts, names),
            compiled=CompiledGraphs(journal),
        )
        watched = () if facts is None else facts.bounded
        self.checkpoint = Checkpoint(journal, self.grads, self.modes.tables, lambda: self.modes.n_only_placed, watched)
        self.step_norms = self._watch_norms(config.step_norms)
        self.passes = Passes(
            self.context,
            self.events,
            self.watch,
            self.modes,
            self.checkpoint,
            self._announce,
            self.steps,
            self.norms,
            self.step_norms,
        )

    def _in_optimizers(self, kind: int, args: Any) -> tuple[Observer, ...]:
        """Who wants to hear of a call by which an optimizer of torch's computes a step.

        It cuts off nothing that anybody computes on with, and makes no leaf: what it writes to is of interest, and
        where numbers break.
        """
        facts = self.facts
        numbers = (facts.numbers.saw,) if facts is not None and facts.numbers.is_looking else ()
        if kind == CallKinds.NOTHING or (facts is None and not self.grads.is_written(args, kind)):
            return numbers
        return (self.grads.saw, *numbers)

    def _watch_facts(self, names: Names) -> FactWatches:
        """What watches for a diagnosis, in modules that nothing else needs."""
        from gradtrace.recorder.fact_watches import FactWatches

        return FactWatches(self.config, self.journal, self._failures, names, self.leaves, self._optimizers, self.table)

    def _watch_norms(self, depth: int | None) -> StepNorms | None:
        """What measures every step, where that was asked for."""
        if depth is None:
            return None
        from gradtrace.recorder.step_norms import StepNorms

        return StepNorms(self.journal, self.leaves, self._optimizers, self.context.learn, depth)

    def table(self) -> Any:
        """The forward table of this thread."""
        return self.modes.table()

    # Installing and undoing.

    def install(self) -> None:
        """Begin to observe; if any part of it fails, everything is undone."""
        self.is_on = True
        try:
            self._install()
            self.passes.begin()
            self.journal.write_header()
        except BaseException:
            self.is_on = False
            self._uninstall()
            raise

    def _install(self) -> None:
        patches = self._patches
        atexit.register(self._at_exit)
        patches.add(lambda: atexit.unregister(self._at_exit))
        for owner in (torch.autograd, torch.autograd.graph):
            patches.replace(owner, "_engine_run_backward", lambda original: watch_engine(original, self.passes))
        self._install_between()
        node_hooks.watch(patches)
        if not torch_facts.SAVED_TENSORS_SHOW_DATA:
            patches.replace(torch.autograd.graph.saved_tensors_hooks, "__enter__", self._watch_saved_hooks)
        compiled_regions.watch(patches, self._enter_compiled_region, self._absorb_compiled)
        thread = threading.Thread
        if {"_set_native_id", "_delete"} <= vars(thread).keys():  # gevent brings threads of its own
            patches.replace(thread, "_set_native_id", lambda one: watch_thread_begin(one, self._thread_begins))
            patches.replace(thread, "_delete", lambda one: watch_thread_end(one, self._thread_ends))

    def _install_between(self) -> None:
        patches = self._between
        optimizer = torch.optim.Optimizer
        patches.replace(optimizer, "_patch_step_function", lambda original: watch_optimizers(original, self._made))
        patches.replace(optimizer, "zero_grad", lambda one: watch_zero_grad(one, self, of_optimizer=True))
        patches.replace(torch.nn.Module, "zero_grad", lambda one: watch_zero_grad(one, self, of_optimizer=False))
        hook = register_optimizer_step_post_hook(self._after_step())
        patches.add(hook.remove)
        if self.steps is not None or self.step_norms is not None:
            hook = register_optimizer_step_pre_hook(self._before_step(self.steps, self.step_norms))
            patches.add(hook.remove)
            scaler = torch.amp.GradScaler
            patches.replace(scaler, "step", lambda original: watch_scaler_step(original, self))
            patches.replace(scaler, "update", lambda original: watch_scaler_update(original, self))
        if self.step_norms is not None:
            for owner, prefix in ((torch.nn.utils.clip_grad, "_"), (torch.nn.utils, "")):
                if f"{prefix}clip_grads_with_norm_" in vars(owner):  # since torch 2.6
                    patches.replace(owner, f"{prefix}get_total_norm", lambda one: watch_total_norm(one, self))
                    patches.replace(owner, f"{prefix}clip_grads_with_norm_", lambda one: watch_clipping(one, self))
        if torch.distributed.is_available():
            for name in ("all_reduce", "broadcast"):
                watch = functools.partial(watch_collective, name=name, exchanging=self)
                for owner in (torch.distributed, torch.distributed.distributed_c10d):
                    patches.replace(owner, name, watch)
        if self.facts is not None:
            patches.replace(torch.nn.Parameter, "__new__", lambda original: watch_parameters(original, self._parameter))
            watch_modules(patches, self.facts)

    def _sleep(self, is_asleep: bool) -> None:
        """Compiled callables are entered and left."""
        if is_asleep:
            self._between.undo()
        elif self.is_on:
            self._install_between()

    def _thread_begins(self, thread: threading.Thread) -> None:
        with self._failures.looking("a thread"):
            self.modes.thread_begins(is_daemon=bool(looking.attributes(thread).get("_daemonic")))

    def _thread_ends(self) -> None:
        with self._failures.looking("a thread"):
            self.modes.thread_ends()

    def _absorb_compiled(self, error: BaseException) -> bool:
        return self._failures.absorb("compiled code", error)

    def _enter_compiled_region(self) -> Callable[[], None]:
        try:
            return self.modes.enter_compiled_region(sys._getframe(1))
        except BaseException as error:
            if not self._failures.absorb("a compiled callable", error):
                raise
            return lambda: None

    def _watch_saved_hooks(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        def __enter__(hooks: Any) -> None:  # noqa: N807
            self.context.saw_saved_hooks = True
            original(hooks)

        return __enter__

    def _uninstall(self) -> None:
        with contextlib.ExitStack() as undoing:  # a full disk, for one, is no reason to leave anything installed
            undoing.callback(self.journal.close)
            undoing.callback(self._patches.undo)
            undoing.callback(self._between.undo)
            undoing.callback(self.modes.turn_off)

    def stop(self) -> None:
        """Undo everything."""
        if not self.is_on:
            self.modes.turn_off()
            return
        self.is_on = self.passes.is_on = False
        with contextlib.ExitStack() as undoing:
            undoing.callback(self._uninstall)
            with Quiet():
                self.events.flush()
                self.watch.pause()
                self.checkpoint.write()
                if self.steps is not None:
                    self.steps.write_latest()
                if self.step_norms is not None:
                    self.step_norms.write()
                if self.facts is not None and self.facts.updates is not None:
                    self.facts.updates.write()
                self._failures.write()

    def _give_up(self, why: str) -> None:
        """Nothing more can be recorded: switch off, and leave word."""
        if self._has_failed:
            return
        self._has_failed = True
        for attempt in (
            self.stop,
            lambda: self.journal.blind(Blind.RECORDER_FAILED, why),
            self.journal.close,
        ):
            with contextlib.suppress(Exception):
                attempt()
        notices.leave(self.config.session, "stopped", why)

    def after_fork(self) -> None:
        """A child of this process begins, with a stream of its own."""
        self.modes.after_fork()
        self.passes.after_fork()
        self.begin_stream()

    def begin_stream(self) -> None:
        """What follows stands in a stream of its own, and nothing in it refers to the one before."""
        self.journal.begin_stream()
        self._failures.begin_stream()
        self.leaves.after_fork()
        self.context.bystanders.after_fork()
        self.context.compiled.after_fork()
        self.context.met_fake = False
        if self.facts is not None:
            self.facts.after_fork()
        self.events.after_fork()
        self._optimizers.forget_lines()
        self.watch.after_fork()
        self.grads.after_fork()
        self.checkpoint.after_fork()
        self.passes.begin_stream()
        if self.steps is not None and self.norms is not None:
            self.steps.after_fork()
            self.norms.after_fork()
        if self.step_norms is not None:
            self.step_norms.after_fork()

    def _at_exit(self) -> None:
        with Quiet():
            ends = [self._write_end, self.stop] if self.is_on else []
            for last in (*ends, self.modes.leave, let_go):
                try:
                    last()
                except BaseException as error:
                    if not self._failures.absorb("the end of the program", error):
                        raise

    def _write_end(self) -> None:
        self.journal.join_world()
        self.events.flush()
        self.watch.pause()
        program_end.write(
            self.journal,
            self.table(),
            self.checkpoint,
            self.passes.draw,
            self.look_at_variables,
            self.rejected_call,
        )
        self.journal.end()

    def look_at_variables(self, frame: Any) -> None:
        """Tell what the program's variables hold when it, or a stretch of it, has ended."""
        if self.facts is not None:
            with self._failures.looking("what variables hold"), torch.no_grad():
                scope = Scope(frame)
                self.context.bystanders.look_at_the_end(scope, self.journal.last_pass_index)
                self.facts.variables.look(scope, is_end=True)

    def rejected_call(self, error: BaseException) -> dict[str, Any] | None:
        """What is known of the call of torch's that raised what ended the program."""
        if self.facts is not None:
            with self._failures.looking("the call that failed"), torch.no_grad():
                return rejected_call(error, self.leaves, self._names)
        return None

    def _announce(self, number: int) -> None:
        notices.leave(self.config.session, "announced", str(number), once=True)

    # What the program does between passes.

    def exchanged(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], frame: types.FrameType) -> None:
        """A collective operation has written to a tensor, or will have."""
        with Quiet(), self._failures.looking("what ranks exchange"):
            self.grads.exchanged(name, args, kwargs, frame)

    def _made(self, optimizer: torch.optim.Optimizer, frame: types.FrameType | None) -> None:
        with self._failures.looking("an optimizer"):
            outside = outside_init(frame, optimizer)
            place = None if outside is None else place_at(outside, "Optimizer")
            self._optimizers.get(optimizer, place)

    def _parameter(self, data: Any, parameter: torch.Tensor, frame: types.FrameType) -> None:
        if self.facts is not None and torch_facts.tracing_state() is None:
            with self._failures.looking("a new parameter"):
                if self.modes.is_on:
                    self._births.made(parameter, frame)
                self.facts.cuts.parameter_made(data, parameter, frame)

    def begin_zeroing(self) -> None:
        """`zero_grad` begins."""
        with self._failures.looking("zero_grad"):
            self.events.mute()

    def end_zeroing(self) -> None:
        """`zero_grad` has ended."""
        with self._failures.looking("zero_grad"):
            self.events.unmute()

    def zeroed(self, owner: Any, frame: types.FrameType, *, set_to_none: bool, of_optimizer: bool) -> None:
        """`zero_grad` has run; of one inside another only the outer one is recorded."""
        with self._failures.looking("zero_grad"):
            if self.events.is_muted():
                return
            call = f"{looking.type_name(owner)}.zero_grad" if of_optimizer else "Module.zero_grad"
            place = user_place(frame, call)
            number = None
            leaves: list[int] = []
            if not self.events.is_counting:
                scope = None if self._knows_all(owner, of_optimizer=of_optimizer) else Scope(frame)
                if scope is not None:
                    self.context.learn(scope)
                if of_optimizer:
                    number = self._optimizers.number(owner, scope)
                    leaves = self._optimizers.leaves_of(owner, scope)
                else:
                    leaves = [
                        self.leaves.get(one, scope).id for _, one in looking.parameters(owner) if one.requires_grad
                    ]
            elif of_optimizer:
                number = self._optimizers.number(owner)
            self.events.add(EventKind.ZERO_GRAD, leaves, place, call=call, set_to_none=set_to_none, optimizer=number)
            if leaves:
                self.leaves.remember_grads(leaves)
            if self.norms is not None:
                self.norms.forget(leaves)

    def _knows_all(self, owner: Any, *, of_optimizer: bool) -> bool:
        """Whether the owner's tensors have their names, so that nobody needs to look for any."""
        tensors = owned(owner) if of_optimizer else [one for _, one in looking.parameters(owner)]
        states = [self.leaves.find(one) for one in tensors if one.requires_grad]
        return all(state is not None and state.is_named for state in states)

    def _before_step(
        self, steps: StepWatch | None, norms: StepNorms | None
    ) -> Callable[[torch.optim.Optimizer, Any, Any], None]:
        def before_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            has_arguments = len(args) > 1 or len(kwargs) > 0
            with self._failures.looking("an optimizer before its step"):
                if steps is not None and not steps.is_idle:
                    steps.has_stepped(optimizer)
                    steps.begins(optimizer, sys._getframe(1), has_arguments=has_arguments)
            if norms is not None:
                with self._failures.looking("the norms of gradients before a step"):
                    norms.begins(optimizer, sys._getframe(1), has_arguments=has_arguments)

        return skipped_by_warnings(before_step)

    def _after_step(self) -> Callable[[torch.optim.Optimizer, Any, Any], None]:
        def after_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001
            with self._failures.looking("step"):
                self._stepped(optimizer, sys._getframe(1))

        return skipped_by_warnings(after_step)

    def _stepped(self, optimizer: torch.optim.Optimizer, frame: types.FrameType) -> None:
        call = f"{looking.type_name(optimizer)}.step"
        place = user_place(frame, call)
        number = self._optimizers.number(optimizer)
        if self.facts is not None and self.facts.updates is not None:
            self.facts.updates.stepped(number)
        if self.steps is not None and not self.steps.is_idle:
            with self._failures.looking("what a step did"):
                self.steps.ends(optimizer, frame, call, place, number)
        if self.step_norms is not None:
            with self._failures.looking("the norms of gradients"):
                self.step_norms.ends(optimizer, frame, place, number)
        leaves = []
        if not self.events.is_counting:
            thread = threading.get_ident()
            with self.leaves.touching():
                for one in owned(optimizer):
                    state = self.leaves.find(one)
                    if state is None:
                        continue
                    may_touch = self.leaves.may_touch(state, thread)
                    if one.grad is not None if may_touch else state.has_grad:
                        leaves.append(state.id)
        self.events.add(EventKind.STEP, leaves, place, call=call, optimizer=number)
        if self.facts is not None:
            self.facts.stepped(optimizer, frame)

    def scaler_steps(self, scaler: Any, optimizer: Any) -> bool:
        """A `GradScaler` begins to step."""
        is_of_interest = False
        with self._failures.looking("a GradScaler"):
            if self.steps is not None and not self.steps.is_idle:
                is_of_interest = self.steps.scaling_begins(scaler, optimizer)
            if self.step_norms is not None:
                is_of_interest = self.step_norms.scaling_begins(scaler, optimizer) or is_of_interest
        return is_of_interest

    def scaler_has_stepped(self, scaler: Any, optimizer: Any, frame: types.FrameType, *, has_failed: bool) -> None:
        """It has stepped, or has not."""
        with self._failures.looking("a GradScaler"):
            place = user_place(frame, "GradScaler.step")
            if self.steps is not None:
                self.steps.scaling_ends(scaler, place, has_failed=has_failed)
            if self.step_norms is not None:
                self.step_norms.scaling_ends(optimizer, frame, place, has_failed=has_failed)

    def total_computed(self, total: Any, norm_type: Any) -> None:
        """Torch has computed the norm of some gradients together."""
        with self._failures.looking("a total norm"):
            if self.step_norms is not None:
                self.step_norms.total_computed(total, norm_type)

    def clipped(self, parameters: Any, total: Any) -> None:
        """Torch has scaled gradients down to a norm."""
        with self._failures.looking("a clipping"):
            if self.step_norms is not None:
                self.step_norms.clipped(parameters, total)

    def scaler_updated(self, scaler: Any, frame: types.FrameType) -> None:
        """Its scale may have changed."""
        with self._failures.looking("a GradScaler"):
            if self.steps is not None and self.steps.scalers.awaits_update:
                self.steps.scalers.updated(scaler, user_place(frame, "GradScaler.update"))


def current() -> Recorder | None:
    """The recorder of this process, if one is at work."""
    return _current if _current is not None and _current.is_on else None


def _after_fork() -> None:
    recorder = current()
    if recorder is not None:
        with recorder._failures.looking("a fork"):
            recorder.after_fork()


def _before_fork() -> None:
    recorder = current()
    if recorder is not None:
        with recorder._failures.looking("a fork"):
            recorder.checkpoint.write()


# For good: this cannot be undone, so it holds no recorder.
os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def start(config: Config) -> Recorder:
    """Begin to record this process."""
    global _current  # noqa: PLW0603 - a process has one engine, and one recorder
    if _current is not None:
        _current.stop()
    recorder = Recorder(config)
    recorder.install()
    _current = recorder
    return recorder


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
    config = Config.of(Path(folder))
    program_end.prepare(config)
    start(config)
