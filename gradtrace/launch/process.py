"""Runs a program below this one as if this one were not there: same streams, signals passed on, status handed back."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gradtrace.errors import TargetError
from gradtrace.launch.session import Session
from gradtrace.launch.settings import Settings
from gradtrace.launch.target import Target, TargetKind

TIMED_OUT = 124
"""The status of a run that `--timeout` ended, as of timeout(1)."""

GRACE = 5.0
"""Seconds between the interrupt and the kill of a program that ran too long."""

_LOOK = 1.0
"""Seconds after which the child is looked at unasked: another thread of this process may have taken its SIGCHLD."""

_EXPRESSION_RUNNER = Path(__file__).parent.parent / "recorder" / "expression.py"

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


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
        say: tells the user a line.
        meanwhile: short work to do here while the program starts; signals are passed on after it.

    Raises:
        TargetError: if there is no such interpreter or command.
    """
    session.configure(target, settings)
    command = _command(target, settings)
    # A signal is taken from the queue while the child lives, and not by a handler: only so is it known who sent it.
    watched: set[int] = {
        number for number in (*_PASSED_ON, signal.SIGALRM) if signal.getsignal(number) is not signal.SIG_IGN
    }
    watched.add(signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    handler = signal.signal(signal.SIGCHLD, _note)
    try:
        pid = _spawn(command, session.environment(), before, divert_stdout=settings.divert_stdout)
        if meanwhile is not None:
            meanwhile()
        return _wait(pid, watched, settings.timeout, say)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
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
            file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)] if divert_stdout else [],
            setsigmask=mask,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # python ignores these two, and a child would inherit that
        )
    except OSError as error:
        raise TargetError(f"cannot run {program}: {error.strerror}") from error


def _wait(pid: int, watched: set[int], timeout: float | None, say: Callable[[str], None]) -> Ending:
    deadline = None if timeout is None else time.monotonic() + timeout
    timed_out = False
    if timeout is not None:
        signal.setitimer(signal.ITIMER_REAL, max(timeout, 1e-6))
    while True:
        number, is_from_terminal = _next_signal(watched)
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return Ending(os.waitstatus_to_exitcode(status), timed_out)
        elif number == signal.SIGALRM and deadline is not None and time.monotonic() >= deadline:
            if timed_out:
                say("the program did not stop: killing it")
            else:
                say(f"the program ran longer than {timeout:g} s (--timeout): interrupting it")
            os.kill(pid, signal.SIGKILL if timed_out else signal.SIGINT)
            timed_out = True
            signal.setitimer(signal.ITIMER_REAL, GRACE)
        elif not is_from_terminal:  # what the terminal sends, it sends to the program as well
            os.kill(pid, number)


def _next_signal(watched: set[int]) -> tuple[int, bool]:
    """Waits for a signal; says whether the kernel sent it on behalf of the terminal."""
    if sys.platform == "darwin":  # there the sender is not told: in the foreground, take it for the terminal
        number = signal.sigwait(watched)
        try:
            return number, os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return number, False
    info = signal.sigtimedwait(watched, _LOOK)
    if info is None:
        return signal.SIGCHLD, False
    return info.si_signo, info.si_code > 0
