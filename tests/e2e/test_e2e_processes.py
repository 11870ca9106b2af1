"""Signals, forks, kills, descriptors and streams: the program's are its own, and nothing that it did is lost."""

import collections
import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gradtrace.recording import load

GRADTRACE = (sys.executable, "-m", "gradtrace")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Writes a program into an own directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def program(text):
        (tmp_path / "program.py").write_text(textwrap.dedent(text))

    return program


def record(*options):
    return subprocess.run(
        [*GRADTRACE, "record", "-o", "x.gtrace", *options, "program.py"], capture_output=True, text=True, check=False
    )


def trace():
    return load(Path("x.gtrace"))


def counts():
    """How many passes each process ran, and how many steps of an optimizer."""
    found = collections.defaultdict(lambda: [0, 0])
    for one in trace().passes:
        found[one.process][0] += one.count
    for event in trace().events:
        found[event.process][1] += event.count if event.kind == "step" else 0
    return dict(found)


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["alone", "group"])
def test_every_signal_reaches_the_program_once(program, send):
    """Sent to gradtrace alone or to the whole group, and although some were ignored when it began."""
    program("""
        import os, signal, time
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, lambda number, _: os.write(1, b"%d\\n" % number))
        os.write(1, b"ready\\n")
        until = time.monotonic() + 60
        while time.monotonic() < until and not os.path.exists("over"):
            time.sleep(0.01)
        raise SystemExit(9)
    """)
    sent = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})

    def in_the_background():
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    command = [*GRADTRACE, "record", "-q", "-o", "x.gtrace", "program.py"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=in_the_background,  # noqa: PLW1509
    ) as running:
        assert running.stdout.readline() == "ready\n"
        received = []
        for number in sent:
            send(running.pid, number)
            received.append(int(running.stdout.readline()))
        time.sleep(0.2)  # for a second one of the last
        with open("over", "w"):  # noqa: PTH123
            pass
        rest = running.stdout.read()

    assert (received, rest, running.returncode) == (sent, "", 9)


def test_a_job_is_stopped_and_goes_on(program):
    """Ctrl-Z in a shell stops it, twice; fg and Ctrl-C find it again, and the program is interrupted once."""
    program("""
        import time
        number = 0
        try:
            while True:
                print("at", number, flush=True)
                number += 1
                time.sleep(0.1)
        except KeyboardInterrupt:
            print("saved", flush=True)
    """)
    pid, terminal = pty.fork()
    if not pid:
        os.execvp("bash", ["bash", "--norc", "-i"])
    seen = ""

    def type_and_see(typed, expected):
        nonlocal seen
        os.write(terminal, typed.encode())
        start, until = len(seen), time.monotonic() + 60
        while expected not in seen[start:]:
            assert time.monotonic() < until, seen
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace")

    type_and_see(f"{' '.join(GRADTRACE)} record -q -o x.gtrace program.py\n", "at 3")
    type_and_see("\x1a", "Stopped")
    type_and_see("fg\n", "at 8")
    type_and_see("\x1a", "Stopped")
    type_and_see("fg\n", "at 13")
    type_and_see("\x03", "saved")
    type_and_see("echo status $?\n", "status 0")
    os.write(terminal, b"exit\n")
    os.waitpid(pid, 0)
    os.close(terminal)

    assert seen.count("saved") == 1


def test_processes_that_end_without_an_end_lose_nothing(program):
    """`os._exit`, SIGKILL, workers of a pool: every pass and step is there, the last ones too."""
    program("""
        import multiprocessing, os, signal, torch

        def train(steps):
            w = torch.ones(2, requires_grad=True)
            optimizer = torch.optim.SGD([w], lr=0.1)
            for number in range(steps):
                optimizer.zero_grad()
                (w * number).sum().backward()
                optimizer.step()

        def in_child(steps, end):
            pid = os.fork()
            if not pid:
                train(steps)
                end()
            os.waitpid(pid, 0)

        if __name__ == "__main__":
            train(20)
            in_child(30, lambda: os._exit(0))
            in_child(40, lambda: os.kill(os.getpid(), signal.SIGKILL))
            with multiprocessing.get_context("fork").Pool(1) as pool:
                pool.map(train, [50])
            os.kill(os.getpid(), signal.SIGKILL)
    """)

    assert record("-q").returncode == -signal.SIGKILL
    assert counts() == {0: [20, 20], 1: [30, 30], 2: [40, 40], 3: [50, 50]}


def test_facts_are_kept_when_the_program_is_killed(program):
    """Where values left the graph, how often, and how many operations were seen."""
    program("""
        import os, signal, torch
        w = torch.ones(2, requires_grad=True)
        for number in range(5):
            (w * w.detach()).sum().backward()
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    record("-q", "--facts", "--passes", "all")

    (cut,) = trace().cuts
    assert (cut.kind, cut.count, cut.passes) == ("detach", 5, (1, 2, 3, 4, 5))
    assert {one.kind: one.count for one in trace().run.observations}["ops_with_graph"] > 0


def test_a_program_that_replaces_itself_is_two(program):
    """One process number, two stories, in their order."""
    program("""
        import os, sys, torch
        name = sys.argv[1] if len(sys.argv) > 1 else "first"
        vars()[name] = torch.ones(3 if name == "first" else 1, requires_grad=True)
        for number in range(10):
            vars()[name].sum().backward()
        if name == "first":
            os.execv(sys.executable, [sys.executable, __file__, "second"])
    """)
    record("-q")

    assert [(leaf.process, leaf.shape) for leaf in trace().leaves] == [(0, (3,)), (1, (1,))]
    assert counts() == {0: [10, 0], 1: [10, 0]}


def test_descriptors_are_the_programs_own(program):
    """It closes what it does not know, puts files over it, lowers its limit: it sees what it would see alone."""
    program("""
        import os, resource, torch
        w = torch.ones(3, requires_grad=True)

        def step():
            (w * 2).sum().backward()

        def ours():
            return [n for n in map(int, os.listdir("/proc/self/fd")) if n > 40 and os.path.exists(f"/proc/self/fd/{n}")]

        step()
        os.closerange(3, 65536)
        for number in range(4):
            step()
        file = open("data", "w+")
        print(file.fileno())
        for number in ours():
            os.dup2(file.fileno(), number)
        for number in range(4):
            file.write(f"line {number}\\n")
            file.flush()
            step()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True:
                held.append(open("data"))
        except OSError as error:
            print(len(held), error.strerror)
        step()
        print(resource.getrlimit(resource.RLIMIT_NOFILE), open("data").read() if held.pop() else "")
    """)
    bare = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, check=False)
    done = record("-q")

    assert (done.stdout, done.stderr, done.returncode) == (bare.stdout, bare.stderr, 0)
    assert counts() == {0: [10, 0]}


def test_a_recorder_that_cannot_write_is_off_and_the_launcher_says_it(program):
    """The program is undisturbed; what was recorded up to there is kept."""
    program("""
        import resource, torch
        w = torch.ones(3, requires_grad=True)
        (w * 2).sum().backward()
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        for number in range(50):
            (w * 2).sin().sum().backward()
        print(w.grad.tolist())
    """)
    done = record("--passes", "all")

    assert (done.returncode, done.stdout[:1]) == (0, "[")
    assert "gradtrace: the recorder failed and has switched itself off (OSError: [Errno 27]" in done.stderr
    assert 1 <= sum(one.count for one in trace().passes) < 51


def test_the_launcher_speaks_and_the_program_does_not(program):
    """That the asked-for passes are in is said while the program runs, on a stderr which is not the program's."""
    program("""
        import os, time, torch
        w = torch.ones(3, requires_grad=True)
        for number in range(4):
            w.sum().backward()
        time.sleep(2)
        print(os.fstat(2).st_size, flush=True)
    """)
    command, script = (
        [*GRADTRACE, "record", "--passes", "1-3", "-o", "x.gtrace", "--", "bash", "-c"],
        f"exec {sys.executable} program.py 2>errors",
    )
    done = subprocess.run([*command, script], capture_output=True, text=True, check=False)

    assert done.stdout == "0\n"
    assert done.stderr.startswith("gradtrace: the asked-for passes are recorded; the program goes on, at pass 4")


def test_a_recording_that_the_program_removed_is_said_to_be_lost(program):
    """And not that the program never imported torch."""
    program("""
        import os, shutil, torch
        w = torch.ones(3, requires_grad=True)
        for number in range(6):
            w.sum().backward()
            if number == 1:
                shutil.rmtree(os.environ["GRADTRACE_SESSION"])
        print(w.grad.tolist())
    """)
    done = record()

    assert (done.returncode, done.stdout) == (2, "[6.0, 6.0, 6.0]\n")
    assert done.stderr.startswith("gradtrace: error: the recording is lost: the program removed ")


def test_what_pytest_shows_did_not_end_the_program(program):
    """A failing test leaves its exception where the interpreter leaves one that ended a program."""
    program("""
        import torch

        def test_fails():
            torch.ones(1, requires_grad=True).sum().backward()
            raise AssertionError("on purpose")
    """)
    command = [*GRADTRACE, "record", "-q", "-o", "x.gtrace", "-m", "pytest", "--", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "program.py"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, "")
    assert trace().run.error is None
