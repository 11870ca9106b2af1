"""Runs a program below this one as if this one were not there: same streams, signals passed on, status handed back."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gradtrace.errors import TargetError
from gradtrace.launch.session import Session, remove_old
from gradtrace.launch.settings import Settings
from gradtrace.launch.target import Target, TargetKind
from gradtrace.launch.witness import Witness

TIMED_OUT = 124
"""The status of a run that `--timeout` ended, as of timeout(1)."""

GRACE = 5.0
"""Seconds between the interrupt and the kill of a program that ran too long."""

_LOOK = 0.5
"""Seconds after which the child and the session are looked at unasked."""

_EXPRESSION_RUNNER = Path(__file__).parent.parent / "recorder" / "expression.py"
_NOTEBOOK_RUNNER = _EXPRESSION_RUNNER.with_name("notebook.py")

_STOPS_A_JOB = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


@dataclass(frozen=True, slots=True)
class Ending:
    """How the program ended: `status` is negative for a signal, `timed_out` when `--timeout` ended it."""

    status: int
    timed_out: bool = False


def run(
    target: Target,
    settings: Settings,
    session: Session,
    say: Callable[[str], None],
    meanwhile: Callable[[], None] | None = None,
) -> Ending:
    """Runs the target with recorders in every Python below, and waits for its end.

    Args:
        target: what to run.
        settings: how.
        session: where the recorders below write.
        say: tells the user a line; what recorders leave for the user in the session is passed to it, too.
        meanwhile: short work to do here while the program starts; signals are passed on after it. It is done ahead of
            time, so that what fails in it is not reported: it fails again when it is needed.

    Raises:
        TargetError: if there is no such interpreter or command.
    """
    session.configure(target, settings)
    command = _command(target, settings)
    # A signal is taken from the queue while the child lives, and not by a handler: only so is it known who sent it,
    # and one that was ignored when this process began, or that would end it, can be passed on like any other.
    watched = set[int](signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
    # The handler first: on any thread but the main one that raises, and then no signal may stay blocked.
    handler = signal.signal(signal.SIGCHLD, _note)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        with Witness(watched) as witness:
            pid = _spawn(command, session.environment(), before, divert_stdout=settings.divert_stdout)
            child = _Child(pid, watched, witness, say, settings.timeout)
            with suppress(Exception):
                remove_old(session.directory.parent)
                if meanwhile is not None:
                    meanwhile()
            ending = child.wait(session)
        for text in session.news(is_over=True):
            say(text)
        return ending
    finally:
        while _next_signal(watched, 0) is not None:
            pass  # for a program that is no more: it shall not end this process instead
        if callable(handler):  # otherwise ours stays: one that another thread is only now given must find a handler
            signal.signal(signal.SIGCHLD, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _note(_number: int, _frame: object) -> None:
    """Some systems drop a signal that nobody handles even while it is blocked; this one is wanted in the queue."""


def _command(target: Target, settings: Settings) -> list[str]:
    if target.kind is TargetKind.COMMAND:
        return list(target.words)
    python = settings.python or sys.executable
    if target.kind is TargetKind.EXPRESSION:
        return [python, "-P", str(_EXPRESSION_RUNNER)]
    if target.kind is TargetKind.NOTEBOOK:
        return [python, "-P", str(_NOTEBOOK_RUNNER), *target.words, *target.argv]
    return [python, *target.words, *target.argv]


def _spawn(
    command: list[str], environment: dict[str, str], mask: set[signal.Signals | int], *, divert_stdout: bool
) -> int:
    program = command[0]
    if shutil.which(program) is None:
        raise TargetError(f"cannot run {program}: there is no such program, or it may not be executed")
    try:
        return os.posix_spawnp(
            program,
            command,
            environment,
            file_actions=[_stdout_to_stderr()] if divert_stdout else [],
            setsigmask=mask,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # python ignores these two, and a child would inherit that
        )
    except OSError as error:
        raise TargetError(f"cannot run {program}: {error.strerror}") from error


def _stdout_to_stderr() -> tuple[int, ...] | tuple[int, int, str, int, int]:
    try:
        os.fstat(2)
    except OSError:  # closed: what the program prints goes nowhere
        return os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0
    return os.POSIX_SPAWN_DUP2, 2, 1


class _Child:
    """The program, while it runs."""

    def __init__(
        self, pid: int, watched: set[int], witness: Witness, say: Callable[[str], None], timeout: float | None
    ) -> None:
        self._pid = pid
        self._watched = watched
        self._witness = witness
        self._say = say
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._is_late = False

    def wait(self, session: Session) -> Ending:
        """Passes signals on, says what recorders leave to be said, and returns when the program has ended."""
        while True:
            remaining = _LOOK if self._deadline is None else self._deadline - time.monotonic()
            received = _next_signal(self._watched, max(0.0, min(_LOOK, remaining)))
            status = self._status()
            if status is not None:
                return Ending(os.waitstatus_to_exitcode(status), self._is_late)
            if received is not None and self._is_meant(*received):
                os.kill(self._pid, received[0])
            for text in session.news():
                self._say(text)
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._end()

    def _status(self) -> int | None:
        """How it ended; None as long as it runs. Where it was stopped as a job, this process stops with it."""
        pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED)
        if not pid:
            return None
        if not os.WIFSTOPPED(status):
            return status
        number = os.WSTOPSIG(status)
        if number in _STOPS_A_JOB:
            os.kill(os.getpid(), number)  # one with that of the terminal, if that is still in the queue
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})  # here the shell sees its job stop; until SIGCONT
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        return None

    def _is_meant(self, number: int, is_from_kernel: bool) -> bool:
        """Whether a signal has to be passed on: the program has not been sent it as well."""
        if number == signal.SIGCHLD and is_from_kernel:
            return False
        # Asked in any case, so that the witness forgets it. The kernel's are the terminal's, which it sends to the
        # group, or concern this process alone.
        return not self._witness.received(number) and not is_from_kernel

    def _end(self) -> None:
        if self._is_late:
            self._say("the program did not stop: killing it")
        else:
            self._say(f"the program ran longer than {self._timeout:g} s (--timeout): interrupting it")
        os.kill(self._pid, signal.SIGKILL if self._is_late else signal.SIGINT)
        self._is_late = True
        self._deadline = time.monotonic() + GRACE


def _next_signal(watched: set[int], patience: float) -> tuple[int, bool] | None:
    """Waits for a signal: its number, and whether the kernel sent it by itself; None if none came."""
    if sys.platform == "darwin":
        return _next_of_unknown_sender(watched, patience)
    info = signal.sigtimedwait(watched, patience)
    return None if info is None else (info.si_signo, info.si_code > 0)


def _next_of_unknown_sender(watched: set[int], patience: float) -> tuple[int, bool] | None:
    """The same where the sender is not known: in the foreground, it is taken for the terminal."""
    until = time.monotonic() + patience
    while not (pending := {*signal.sigpending()} & watched):
        if time.monotonic() >= until:
            return None
        time.sleep(_LOOK / 10)
    number = signal.sigwait(pending)
    try:
        return number, number == signal.SIGCHLD or os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return number, number == signal.SIGCHLD
