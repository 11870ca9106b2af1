"""The program below us runs as if we were not there."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from gradtrace.errors import TargetError
from gradtrace.launch import Ending, Session, Settings, parse_target, process, run


def _run(code, capfd, meanwhile=None, **settings):
    said = []
    with Session() as session:
        ending = run(parse_target([], code=code), Settings(**settings), session, said.append, meanwhile)
    return ending, capfd.readouterr(), said


@pytest.fixture
def ready(tmp_path):
    """Code that says how far a program is, and what waits for it here: its time runs out no sooner."""
    file = tmp_path / "ready"

    def wait():
        for _ in range(600):
            if file.exists():
                return
            time.sleep(0.1)

    return f"open({str(file)!r}, 'w').close()\n", wait


def test_streams_and_status_are_the_programs(capfd):
    """Its output is on our streams, its status is ours."""
    ending, streams, said = _run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", capfd)

    assert (ending, streams.out, streams.err, said) == (Ending(3), "out\n", "err\n", [])


def test_a_signal_is_a_negative_status(capfd):
    """As subprocess says it."""
    ending, _, _ = _run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", capfd)

    assert ending == Ending(-signal.SIGKILL)


def test_stdout_can_be_sent_to_stderr(capfd):
    """When ours carries a document."""
    _, streams, _ = _run("print('chatter')", capfd, divert_stdout=True)

    assert (streams.out, streams.err) == ("", "chatter\n")


def test_the_program_may_ignore_what_we_pass_on():
    """A signal that only we got reaches it, and it decides; ours are as before afterwards."""
    code = (
        "import signal, os, time\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('got it', flush=True) or os._exit(4))\n"
        "os.kill(os.getppid(), signal.SIGUSR1)\n"
        "time.sleep(60)"
    )

    launcher = (  # a process with one thread: that of a worker of pytest-xdist which reads may take the signal, and die
        "import signal, sys\n"
        "from gradtrace.launch import Session, Settings, parse_target, run\n"
        "with Session() as session:\n"
        "    print(run(parse_target([], code=sys.argv[1]), Settings(), session, print).status)\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    )
    done = subprocess.run([sys.executable, "-c", launcher, code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("got it\n4\nset()\n", "")


def test_the_program_inherits_no_blocked_signals(capfd):
    """Though we block ours while it runs."""
    _, streams, _ = _run("import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))", capfd)

    assert streams.out == "set()\n"


def test_a_program_that_runs_too_long_is_interrupted(capfd, ready):
    """It may clean up; that it ran too long is said and known."""
    at_work, wait = ready
    code = f"import time\ntry:\n    {at_work}    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('cleaned')"

    ending, streams, said = _run(code, capfd, wait, timeout=1.0)

    assert (ending, streams.out) == (Ending(0, timed_out=True), "cleaned\n")
    assert said == ["the program ran longer than 1 s (--timeout): interrupting it"]


def test_the_end_is_seen_when_another_thread_takes_the_signal(capfd, monkeypatch):
    """In a process with threads the news that the program ended may go to any of them."""
    next_signal = process._next_signal

    def late(watched, patience):
        time.sleep(0.3)  # meanwhile the program ends, and only the other thread is there to be told
        return next_signal(watched, patience)

    monkeypatch.setattr(process, "_next_signal", late)
    idle = threading.Event()
    other = threading.Thread(target=idle.wait)
    other.start()
    try:
        ending, _, _ = _run("pass", capfd)
    finally:
        idle.set()
        other.join()

    assert ending == Ending(0)


@pytest.mark.parametrize(("before", "after"), [("signal.SIG_DFL", "_note"), ("other", "other")])
def test_a_signal_that_reaches_another_thread_late_finds_a_handler(before, after):
    """The kernel may give a thread the news of an end after the run is over; without a handler Python complains."""
    launcher = (
        "import signal\n"
        "from gradtrace.launch import Session, Settings, parse_target, run\n"
        "def other(number, frame): pass\n"
        f"signal.signal(signal.SIGCHLD, {before})\n"
        "with Session() as session:\n"
        "    run(parse_target([], code='pass'), Settings(), session, print)\n"
        "print(signal.getsignal(signal.SIGCHLD).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", launcher], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (f"{after}\n", "")


def test_a_thread_that_cannot_run_anything_keeps_its_signals():
    """Only the main thread may handle signals."""
    masks = []

    def elsewhere():
        with Session() as session, pytest.raises(ValueError, match="main thread"):
            run(parse_target([], code="pass"), Settings(), session, print)
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    thread = threading.Thread(target=elsewhere)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    thread.start()
    thread.join()

    assert masks == [before]


def test_what_fails_ahead_of_time_leaves_the_program_alone(ready):
    """Work that is done here while it starts has no part in it, and its time is none of the program's."""
    at_work, wait = ready

    def fail():
        wait()
        time.sleep(0.5)
        raise ImportError("sympy")

    code = f"{at_work}import time; time.sleep(60)"
    with Session() as session:
        began = time.monotonic()
        ending = run(parse_target([], code=code), Settings(timeout=0.4), session, lambda _: None, fail)

    assert ending == Ending(-signal.SIGINT, timed_out=True)
    assert 0.5 <= time.monotonic() - began < 60


def test_a_program_that_does_not_stop_is_killed(capfd, monkeypatch, ready):
    """After a grace."""
    monkeypatch.setattr(process, "GRACE", 0.2)
    at_work, wait = ready
    code = f"import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{at_work}time.sleep(60)"

    ending, _, said = _run(code, capfd, wait, timeout=1.0)

    assert ending == Ending(-signal.SIGKILL, timed_out=True)
    assert said[-1] == "the program did not stop: killing it"


@pytest.mark.parametrize("settings", [Settings(python="/no/such/python"), Settings(python=__file__)])
def test_an_interpreter_that_is_none_is_told(settings):
    """Before anything runs."""
    with Session() as session, pytest.raises(TargetError, match="cannot run"):
        run(parse_target([], code="pass"), settings, session, lambda _: None)


def test_a_command_that_is_not_there_is_told():
    """By its name."""
    with Session() as session, pytest.raises(TargetError, match="cannot run no-such-command"):
        run(parse_target([], program_argv=["no-such-command"]), Settings(), session, lambda _: None)


def test_the_session_leaves_nothing_behind():
    """Unless it is asked to."""
    with Session() as session:
        directory = session.directory
        assert directory.stat().st_mode & 0o077 == 0
    assert not directory.exists()


def test_other_interpreters_are_used(capfd):
    """--python names the interpreter that runs the program."""
    ending, streams, _ = _run("import sys; print(sys.executable)", capfd, python=sys.executable)

    assert (ending, streams.out) == (Ending(0), f"{sys.executable}\n")
