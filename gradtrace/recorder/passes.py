"""Which pass is recorded how: in full, or only counted; and what happens around each."""

from __future__ import annotations

import itertools
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradtrace.model.blind_spot import Blind
from gradtrace.model.kinds import PassCall
from gradtrace.model.run_options import PassRanges, is_within, reaches_beyond
from gradtrace.recorder import torch_facts
from gradtrace.recorder.checkpoint import Checkpoint
from gradtrace.recorder.context import Context
from gradtrace.recorder.deep_graphs import let_go
from gradtrace.recorder.engine import Call, describe_call
from gradtrace.recorder.events import Events
from gradtrace.recorder.full_pass import FullPass
from gradtrace.recorder.grad_norms import GradNorms
from gradtrace.recorder.modes import Modes
from gradtrace.recorder.sections import Quiet
from gradtrace.recorder.step_watch import StepWatch
from gradtrace.recorder.watch import LedgerPass, Watch

if TYPE_CHECKING:
    from gradtrace.recorder.step_norms import StepNorms

_MAX_AWAITED = 3
"""So many call sites are waited for whose first pass came after those that were asked for."""
_MOST_ALONG = 64
"""So many inner passes in a row come along with the pass that fills `.grad`; more of them count themselves."""
_SMALL = 200
"""A pass of fewer nodes is small: recording some dozens more of its kind costs next to nothing."""
_PATIENCE = 20
"""After so many passes a call site is no longer waited for."""


class Ticket:
    """A pass while the engine runs it."""

    __slots__ = ("call", "counted", "full", "index")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index
        self.full: FullPass | None = None
        self.counted: LedgerPass | None = None


class Passes:
    """The passes of a process, in order.

    Args:
        announce: called once when all passes that were asked for are in, with the number of the one that begins.
    """

    def __init__(
        self,
        context: Context,
        events: Events,
        watch: Watch,
        modes: Modes,
        checkpoint: Checkpoint,
        announce: Callable[[int], None],
        steps: StepWatch | None = None,
        norms: GradNorms | None = None,
        step_norms: StepNorms | None = None,
    ) -> None:
        self._context = context
        self._config = context.config
        self._journal = context.journal
        self._failures = context.failures
        self._events = events
        self._watch = watch
        self._modes = modes
        self._checkpoint = checkpoint
        self._announce = announce
        self._steps = steps
        self._norms = norms
        self._step_norms = step_norms
        self._is_small = self._config.small_passes > 0
        """Every pass recorded in full so far had few nodes, and more of them are recorded for that."""
        self._has_announced = False
        self._is_over = False
        """No pass is asked for any more by its number."""
        self._wants_first, self._looks_closer = self._config.wants(1), self._config.looks_closer
        self._has_met_compiled = False
        self._stacks: dict[int, list[Ticket]] = {}
        """By thread the passes that run, outermost first."""
        self._threads: dict[int, int] = {}
        self._numbers = itertools.count(1)
        """Passes of several threads may begin at once: each takes the next number."""
        self._n_passes = 0
        self._n_outer = 0
        """How many passes count, of those that `--passes` speaks of: those that fill `.grad`, inside no other."""
        self._n_before = 0
        """How many of them came before a host asked for more: those that follow are counted from there, too."""
        self._asked_again: PassRanges = ()
        """Which of those that followed are to be recorded in full."""
        self._n_along = 0
        """Inner passes since the last that counts."""
        self._has_filled = False
        self._keeps_latest = self._config.passes == "last"
        """Every pass is recorded in full, in place of the one before, and counted besides."""
        self.is_on = True
        self._sites: set[int | None] = {None}
        """Call sites of which a pass was recorded in full, or of which none will be; as locations."""
        self._awaited: int | None = None
        """The call site for which passes are recorded in full until it comes again."""
        self._n_awaited = self._n_waited = 0

    def begin(self) -> None:
        """Watch the forward computation if the first pass is to be recorded in full."""
        if self._wants_first:
            self._modes.turn_on()
        if not self._wants_first or self._keeps_latest:
            self._events.is_counting = True

    @property
    def n_passes(self) -> int:
        """How many passes have begun in this stream."""
        return self._n_passes

    def ask_again(self, passes: PassRanges) -> None:
        """Record passes in full again, counted from here on; besides those that were asked for before.

        Args:
            passes: ranges in ascending order, from 1; none to ask no longer.
        """
        self._n_before, self._asked_again, self._is_over = self._n_outer, passes, False
        if passes:
            self._is_small = self._config.small_passes > 0
        if self._keeps_latest:
            return
        is_wanted = self._wants(self._n_outer + 1)
        if is_wanted and self._events.is_counting:
            self._turn_on()
        elif (
            not is_wanted and self._awaited is None and not self._events.is_counting and not any(self._stacks.values())
        ):
            self._turn_off()

    # Around the engine.

    def before_pass(
        self, frame: types.FrameType, roots: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_compiled: bool
    ) -> Ticket | None:
        """A pass is about to begin; one that is compiled, or begins in a compiled region, is only counted."""
        if not self.is_on:
            return None
        with Quiet():
            stack = self._stacks.setdefault(threading.get_ident(), [])
            depth = len(stack)
            try:
                is_compiled = is_compiled or self._modes.is_asleep or torch_facts.compiles_autograd()
                if is_compiled and not all(type(root) in torch_facts.PLAIN_TYPES for root in roots):
                    return None  # the compiler's own, over tensors that stand for others
                if is_compiled and not self._has_met_compiled:
                    self._has_met_compiled = True
                    by = "compiled autograd" if torch_facts.compiles_autograd() else "a compiled function"
                    self._journal.blind(Blind.COMPILED_REGION, f"the backward pass ran in {by}")
                return self._begin_pass(frame, roots, args, kwargs, is_compiled=is_compiled)
            except BaseException as error:
                while len(stack) > depth:
                    self._context.leaves.engine_ends(stack.pop().index)
                if not self._failures.absorb("the beginning of a pass", error):
                    raise
        return None

    def _begin_pass(
        self, frame: types.FrameType, roots: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_compiled: bool
    ) -> Ticket:
        thread = threading.get_ident()
        stack = self._stacks[thread]
        parent = stack[-1] if stack else None
        index = next(self._numbers)
        self._n_passes = max(self._n_passes, index)
        self._journal.join_world()
        if parent is None:
            let_go()
        if self._steps is not None:
            self._steps.pass_begins(frame)
        number = self._threads.setdefault(thread, len(self._threads))
        call = describe_call(frame, roots, args, kwargs, parent=None if parent is None else parent.index, thread=number)
        ticket = Ticket(call, index)
        table = self._modes.table()
        if table is not None and parent is None:
            table.begin_pass(index)
        if parent is None:
            is_wanted = self._wants(self._count(call)) or index == self._config.shown_pass
            if self._events.is_counting and (is_wanted or self._begins_badly(call, is_compiled=is_compiled)):
                self._turn_on()
        stack.append(ticket)
        is_counting = self._events.is_counting  # another thread may change it at any time
        if is_counting or is_compiled:
            self._journal.last_pass_index = index
            self._announce_if_done()
            ticket.counted = self._watch.begin(call, index)
        if not is_compiled and (self._keeps_latest or not is_counting):
            self._begin_full(ticket, parent, frame)
        full = ticket.full
        ids = frozenset(full.leaf_ids()) if full is not None else None
        if ids is not None and self._steps is not None and call.accumulates:
            self._steps.full_pass_begins(ids)
        self._context.leaves.engine_begins(index, thread, ids)
        return ticket

    def _wants(self, number: int) -> bool:
        """Whether the pass that counts as this one is to be recorded in full, as far as is known."""
        if self._is_over:
            return False
        if self._config.wants(number):
            return True
        again = number - self._n_before
        if is_within(again, self._asked_again):
            return True
        return self._is_small and (again if self._asked_again else number) <= self._config.small_passes

    def _begins_badly(self, call: Call, *, is_compiled: bool) -> bool:
        """Whether a pass is recorded in full for its root, although its forward computation was not watched."""
        is_bad = not is_compiled and self._looks_closer and self._watch.is_first_bad(call)
        if is_bad:
            self._journal.note(f"pass {self._n_passes} is recorded in full: a root is not finite")
        return is_bad

    def _count(self, call: Call) -> int:
        """The number by which `--passes` may ask for a pass: that of the pass which fills `.grad`, or will.

        Gradients that `autograd.grad` returns are inner ones where the program fills `.grad` too: they come along with
        the pass that does, and count only as long as none has, or where very many follow each other. A first step with
        more of them than were asked for is not the first that counts: nothing of it has been watched.
        """
        if not call.accumulates:
            if not self._has_filled or self._n_along >= _MOST_ALONG:
                self._n_outer += 1
                return self._n_outer
            self._n_along += 1
            return self._n_outer + 1
        self._n_along = 0
        if not self._has_filled:
            self._has_filled = True
            is_too_late = self._n_outer > 0 and self._events.is_counting and self._wants_first
            self._n_outer = -1 if is_too_late and not self._keeps_latest else 0
            self._n_before = 0
        self._n_outer += 1
        return self._n_outer

    def _begin_full(self, ticket: Ticket, parent: Ticket | None, frame: types.FrameType) -> None:
        if ticket.counted is None:
            self._events.begin_pass(ticket.index, ticket.call.place, ticket.call.name)
        if parent is not None and parent.full is not None:
            parent.full.suspend()
        try:
            ticket.full = FullPass(self._context, ticket.call, ticket.index, frame, self._is_innermost)
        except BaseException as error:
            if not self._failures.absorb("the graph of a pass", error):
                raise
            if ticket.counted is None:
                ticket.counted = self._watch.begin(ticket.call, ticket.index)

    def _is_innermost(self, index: int) -> bool:
        """Whether what runs on this thread is this pass: passes inside it, and on other threads, share its leaves."""
        stack = self._stacks.get(threading.get_ident())
        return not stack or stack[-1].index == index

    def after_pass(
        self, ticket: Ticket | None, result: Any, error: BaseException | None, frame: types.FrameType
    ) -> None:
        """A pass is over; raises what arrived for the program while hooks of ours ran."""
        if ticket is None:
            return
        with Quiet():
            try:
                self._end_pass(ticket, result, error, frame)
            except BaseException as failure:
                if not self._failures.absorb("the end of a pass", failure):
                    raise
        if error is None and ticket.full is not None and ticket.full.deferred is not None:
            raise ticket.full.deferred
        stop_after = self._config.stop_after
        is_last = stop_after is not None and self._n_outer >= stop_after and ticket.call.parent is None
        if is_last and error is None and threading.current_thread() is threading.main_thread():
            raise SystemExit(0)

    def _end_pass(self, ticket: Ticket, result: Any, error: BaseException | None, frame: types.FrameType) -> None:
        stack = self._stacks.get(threading.get_ident(), [])
        while stack and stack.pop() is not ticket:
            pass
        self._context.leaves.engine_ends(ticket.index)
        if not self.is_on:  # stopped from a hook: the engine has put the stack of modes back as it found it
            self._modes.leave()
            if ticket.full is not None:
                ticket.full.abandon()
            return
        if ticket.full is not None:
            self._finish_full(ticket.full, result, error)
        self._note_grads(ticket, error)
        self._checkpoint.pass_ended()
        if ticket.counted is not None:
            reason = self._watch.finish(ticket.counted, error)
            if reason is not None and ticket.full is None:
                if self._context.facts is not None and not reason.startswith("the pattern"):
                    self._context.facts.numbers.alarm()
                self._journal.note(f"after pass {ticket.index}: {reason}; the next pass is recorded in full")
                self._turn_on()
                return
        if ticket.call.parent is None:
            self._choose_next(ticket)
        if self._context.facts is not None and error is None:
            self._context.facts.cuts.gradients_returned(result, ticket.call.roots, frame)

    def _finish_full(self, full: FullPass, result: Any, error: BaseException | None) -> None:
        self._is_small = self._is_small and full.n_nodes < _SMALL
        try:
            full.finish(result, error)
        finally:
            full.abandon()
        table = self._modes.table()
        if table is not None:
            table.after_pass()

    def _note_grads(self, ticket: Ticket, error: BaseException | None) -> None:
        """What was left in `.grad` is known of passes recorded in full alone."""
        if self._steps is not None:
            self._steps.pass_ended()
        if self._step_norms is not None and error is None and ticket.call.accumulates:
            self._step_norms.pass_ended(ticket.call)
        if self._norms is None or not ticket.call.accumulates:
            return
        if ticket.full is None:
            self._norms.forget()
        elif not self._events.is_counting:
            self._norms.pass_ended(ticket.index, ticket.full.leaf_ids())

    # What comes next.

    def _turn_on(self) -> None:
        self._watch.pause()
        self._events.is_counting = False
        leaves = self._context.leaves
        leaves.remember_grads([state.id for state in leaves.owned(threading.get_ident())])
        self._modes.turn_on()

    def _choose_next(self, done: Ticket) -> None:
        """Whether the next pass is to be recorded in full."""
        if self._keeps_latest:
            return
        facts = self._context.facts
        wanted = self._wants(self._n_outer + 1) or self._awaits_site(done)
        wanted = wanted or self._n_passes + 1 == self._config.shown_pass
        wanted = wanted or (facts is not None and facts.numbers.is_alarmed)
        if wanted and self._events.is_counting:
            self._turn_on()
        elif not wanted and not self._events.is_counting:
            self._turn_off()

    def _turn_off(self) -> None:
        self._events.is_counting = True
        self._modes.turn_off()

    def _awaits_site(self, done: Ticket) -> bool:
        """Whether a call site that fills `.grad` came too late for the passes that were asked for from the first on.

        A step may have many passes inside it, as the inner ones of MAML, before it comes to the one that trains.
        """
        if self._has_met_compiled or not self._wants_first:
            return False
        site = self._journal.place(done.call.place) if done.call.accumulates else None
        if done.full is not None:
            self._sites.add(site)
        elif site not in self._sites and self._awaited is None and self._n_awaited < _MAX_AWAITED:
            self._awaited, self._n_waited = site, 0
            self._n_awaited += 1
        self._n_waited += 1
        if self._awaited in self._sites or self._n_waited > _PATIENCE:
            self._sites.add(self._awaited)
            self._awaited = None
        return self._awaited is not None

    def _announce_if_done(self) -> None:
        """When a pass begins that nobody asked for, all those are in which somebody did."""
        if self._is_over:
            return
        done = self._n_outer - 1
        is_over = not self._config.wants_after(done) and not self._wants(done + 1)
        is_over = is_over and self._n_passes > (self._config.shown_pass or 0)
        is_over = is_over and not reaches_beyond(done - self._n_before, self._asked_again)
        if done and self._config.announce and not self._has_announced and is_over:
            self._has_announced = True
            self._announce(done + 1)
        is_announced = self._has_announced or not self._config.announce
        self._is_over = is_over and is_announced and self._has_filled and done > 0

    def draw(self, roots: list[Any], frame: Any) -> None:
        """Describe a graph that is never run backward."""
        self._n_passes = next(self._numbers)
        call = Call(name=PassCall.NONE, place=None, roots=tuple(roots), is_drawn_only=True)
        FullPass(self._context, call, self._n_passes, frame, self._is_innermost).finish(None, None)

    def after_fork(self) -> None:
        """A child of this process counts its own passes."""
        self._stacks = {}
        self._n_passes = self._n_outer = self._n_along = self._n_before = 0
        self._numbers = itertools.count(1)
        self._has_filled = self._is_over = False
        self._sites, self._awaited = {None}, None
        self._journal.last_pass_index = 0

    def begin_stream(self) -> None:
        """The stream is a new one, and nothing in it says yet that a pass was compiled."""
        self._has_met_compiled = False
