"""Small programs at which a recorder failed once: they end as they end alone, and what is said of them is true."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from bare_and_traced import FULL, Program, differences
from faulty_programs import FAULTS, GRADTRACE, bare, gradtrace, run

from gradtrace.recording import load


@pytest.fixture(autouse=True)
def _beside_the_programs(tmp_path, monkeypatch):
    shutil.copytree(FAULTS, tmp_path / "faults")
    monkeypatch.chdir(tmp_path / "faults")


def torchrun(*words):
    return ("--", sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words)


UNMEASURED = {"vmap_fails"}
"""Programs whose gradients cannot be measured: that nothing was found is no clean bill."""


def rules_found(name, *words):
    """The rules of which `check` found something; the program must be well otherwise."""
    done = gradtrace("check", "-f", "json", "-o", "found.json", f"{name}.py", "--", *words)
    could_look = name not in UNMEASURED
    assert done.returncode in ({0, 1} if could_look else {2}), done.stderr
    return {finding["rule"] for finding in json.loads(Path("found.json").read_text("utf-8"))["findings"]}


def assert_nobody_can_tell(names, depth, folder):
    found = differences([Program(FAULTS / f"{name}.py", {}) for name in names], depth, folder=folder)
    assert not found, "".join(f"\n{name}\n{text}" for name, text in found.items())


# The program dies, hangs, or its data is wrong.


@pytest.mark.parametrize("depth", [(), FULL], ids=["default", "full"])
def test_programs_that_a_recorder_disturbed_are_the_same_in_forks(depth, tmp_path):
    """Scripting, tracing, locals(), modes, subclasses, lazy and nested tensors, and vmap."""
    names = [
        "jit_script",
        "jit_trace",
        "locals_emptied",
        "mode_not_asked",
        "dispatch_mode",
        "lazy",
        "vmap_fails",
        "nested_tensor",
    ]
    assert_nobody_can_tell([*names, "user_subclass_called", "recorder_failed_check"], depth, tmp_path)


@pytest.mark.parametrize("name", ["stack_limit", "fd_reused"])
def test_programs_that_look_at_their_process_are_the_same_alone(name, tmp_path):
    """The limit of the stack, and what a descriptor that was closed is used for next."""
    assert_nobody_can_tell([name], (), tmp_path)


def test_compiled_programs_are_the_same(tmp_path):
    """Numbers, frames, graphs and breaks of compiled modules and steps."""
    assert_nobody_can_tell(["compile_module", "compile_step", "compiled_step", "compiled_autograd"], (), tmp_path)


@pytest.mark.parametrize("how", ["script", "trace"])
def test_torchscript(how):
    """A model scripted or traced with gradtrace trains as without."""
    alone = bare("torchscript.py", how)
    below = gradtrace("record", "-q", "-o", "x.gtrace", "torchscript.py", "--", how)

    assert (below.returncode, below.stdout, below.stderr) == (alone.returncode, alone.stdout, alone.stderr)


@pytest.mark.parametrize("depth", [(), ("--passes", "all"), FULL], ids=["default", "all", "full"])
def test_four_threads_that_train_survive(depth):
    """Nobody touches the gradients of a thread whose engine runs."""
    done = gradtrace("record", "-o", "x.gtrace", *depth, "threads_segfault.py")

    assert (done.returncode, done.stdout) == (0, "4\n")


def test_a_time_limit_that_raises_ends_the_program():
    """An exception out of a signal handler reaches the program, wherever it was raised."""
    done = gradtrace("record", "-o", "x.gtrace", *FULL, "timeout_swallowed.py")

    assert (done.returncode, done.stdout) == (0, "timed out\n")


def test_a_trace_function_that_fills_a_list_does_not_run_for_ever():
    """Our code is not traced, and does not walk what the program lets grow."""
    done = gradtrace("record", "-o", "x.gtrace", "settrace_list.py", timeout=60)

    assert (done.returncode, done.stdout) == (0, "[2.0, 2.0, 2.0] True\n")


def test_what_finishes_when_it_dies_is_complete(tmp_path):
    """An unclosed gzip and zip can be read, a temporary file is gone, `__del__` has run."""
    seen = []
    for number, start in enumerate([(sys.executable,), (*GRADTRACE, "record", "-q", "-o", tmp_path / "x.gtrace")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        words = (folder,) if start[1:] == () else ("--", folder)
        done = run(*start, "lost_at_exit.py", *words)
        names = sorted(re.sub("temporary-.*", "temporary", path.name) for path in folder.iterdir())
        with contextlib.suppress(OSError, EOFError, zipfile.BadZipFile):
            names.append(gzip.decompress((folder / "log.gz").read_bytes()))
            names += [zipfile.ZipFile(folder / "out.zip").namelist(), (folder / "plain.txt").read_text()]
        seen.append((done.returncode, done.stdout, done.stderr, names))

    assert seen[1] == seen[0]
    assert len(seen[0][3]) == 6  # three files and what is in them; the temporary one is gone


def test_ctrl_c_interrupts_once():
    """Of a whole group of processes, as a terminal does it."""
    for start in ((sys.executable,), (*GRADTRACE, "record", "-q", "-o", "x.gtrace")):
        with subprocess.Popen(
            [*start, "ctrl_c_saves.py"], stdout=subprocess.PIPE, text=True, process_group=0
        ) as running:
            for line in running.stdout:
                if line == "step 3\n":
                    os.killpg(running.pid, signal.SIGINT)
                    break
            rest = running.stdout.read()
        assert (running.returncode, rest.splitlines()[-2:]) == (0, ["saving", "saved"])
        assert rest.count("saving") == 1


def test_signals_reach_the_program():
    """Each that can be handled, sent to gradtrace alone; also those that were ignored when it began."""
    names = "INT QUIT HUP USR1 USR2 XCPU VTALRM PROF IO PWR TRAP WINCH PIPE URG CONT ALRM"
    sent = [f"SIG{name}" for name in names.split()]

    def in_the_background():
        for one in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(one, signal.SIG_IGN)

    command = [*GRADTRACE, "record", "-q", "-o", "x.gtrace", "all_signals.py"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=in_the_background,  # noqa: PLW1509  no threads here
        process_group=0,
    ) as running:
        assert running.stdout.readline() == "ready\n"
        for name in [*sent, "SIGTERM"]:
            running.send_signal(signal.Signals[name])
            time.sleep(0.2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        arrived = running.stdout.read().split()
    assert (arrived, running.returncode) == ([*sent, "SIGTERM"], 9)


def test_a_test_that_captures_its_output_passes():
    """What gradtrace has to say, the parent says: nothing comes out of the program that it did not write."""
    done = gradtrace("record", "-o", "x.gtrace", "-m", "pytest", "--", "-q", "-p", "no:cacheprovider", "test_capfd.py")

    assert (done.returncode, "1 passed" in done.stdout) == (0, True)


def test_a_stack_in_a_hook_shows_at_most_one_frame_more():
    """It bears torch's name, and none stands in a thread."""
    alone, below = bare("stack_in_hook.py"), gradtrace("record", "-q", "-o", "x.gtrace", "stack_in_hook.py")
    frames = {text: re.findall(r'File "(.*)", line \d+, in (.*)', text) for text in (alone.stdout, below.stdout)}
    ours = ("<frozen importlib._bootstrap>", "_engine_run_backward")  # a name of a file that warnings do not count
    theirs = [one for one in frames[below.stdout] if one != ours]

    assert theirs == frames[alone.stdout]
    assert len(frames[below.stdout]) - len(theirs) <= 1
    assert "gradtrace" not in below.stdout + below.stderr


# The recorder stops on ordinary torch.


@pytest.mark.parametrize("width", [16, 64])
def test_fsdp_on_two_ranks(width):
    """Sharded parameters have storages without memory, which nobody may measure."""
    done = gradtrace("record", "-o", "x.gtrace", *torchrun("fsdp2.py", str(width)))

    assert (done.returncode, done.stdout.count("loss")) == (0, 6)
    assert len(load(Path("x.gtrace")).passes) >= 6


def test_gevent_is_recorded_wholly_or_not_at_all():
    """Patched threads are no reason to install a half."""
    pytest.importorskip("gevent", reason="only those who have gevent can meet this")
    done = gradtrace("explain", "gevent_half.py")

    assert done.returncode == 0


# What is said is false.


def test_a_fault_beside_a_lazy_layer_is_found():
    """What cannot be measured of one parameter does not hide what is seen of the others."""
    assert "zero-grad-forgotten" in rules_found("recorder_failed_check")


@pytest.mark.parametrize("name", ["vmap_fails", "compile_module", "jacobian_trace", "multitask"])
def test_nothing_is_found_where_nothing_is_wrong(name):
    """Per-sample gradients, a compiled module, a divergence in the loss, three heads with a loss each."""
    assert rules_found(name) == set()


@pytest.mark.parametrize("how", ["assign", "mul", "fill"])
def test_gradients_cleared_by_hand_are_cleared(how):
    """A pass that finds zeros was zeroed."""
    assert rules_found("zeroed_by_assignment", how) == set()


def test_a_gradient_that_is_zero_by_itself_was_not_zeroed():
    """The first pass adds zeros; nobody clears anything."""
    done = gradtrace("explain", "never_zeroed.py")

    assert "never zeroed" in done.stdout
    assert "zeroed" not in re.sub("never zeroed|not zeroed|never_zeroed.py|zeroed by +nobody", "", done.stdout)


def test_a_killed_program_is_not_said_to_be_here_whole():
    """It ran 500 passes: either they are here, or what is missing is said."""
    done = gradtrace("explain", "killed_in_ledger.py")

    assert done.returncode == -signal.SIGKILL
    assert "500" in done.stdout + done.stderr or "until then is here" not in done.stdout + done.stderr


def test_two_programs_in_one_process_are_two():
    """A program that replaces itself has not one story."""
    gradtrace("record", "-q", "-o", "x.gtrace", "exec_again.py")
    shapes = {leaf.name: leaf.shape for leaf in load(Path("x.gtrace")).leaves}

    assert (tuple(shapes["alpha"]), tuple(shapes["beta"])) == ((3,), (1,))


def test_gradients_of_two_ranks_are_said_to_be_reduced():
    """Not to come out of nowhere."""
    done = gradtrace("record", "-q", "-o", "x.gtrace", *torchrun("ddp.py"))
    assert done.returncode == 0
    told = gradtrace("explain", "x.gtrace").stdout

    assert "None + " not in told
    assert "2 ranks" in told


def test_the_outer_pass_of_maml_is_recorded():
    """The first passes of each call site are asked for, not the first of all."""
    gradtrace("record", "-q", "-o", "x.gtrace", "maml.py")

    assert [one.call for one in load(Path("x.gtrace")).passes if one.graph and one.call == "Tensor.backward"] != []


def test_a_recording_that_was_lost_is_said_to_be_lost():
    """The program removes the folder of temporary files."""
    Path("vanish.py").write_text(
        "import shutil, tempfile, torch\nw = torch.ones(3, requires_grad=True)\nfor i in range(5):\n"
        "    (w * i).sum().backward()\n    if i == 1:\n        shutil.rmtree(tempfile.gettempdir())\n"
    )
    Path("gone").mkdir()
    environment = os.environ | {"TMPDIR": str(Path("gone").resolve())}
    done = gradtrace("explain", "vanish.py", env=environment)

    assert "never imported torch" not in done.stdout + done.stderr


def test_a_long_recurrence_is_checked():
    """Every rule goes over the nodes once; 800 steps of it once took a quarter of a minute, 999 no end."""
    done = gradtrace("check", "long_recurrence.py", "--", "999", timeout=100)

    assert done.returncode in {0, 1}
