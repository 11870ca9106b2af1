"""Recordings and outputs that are not what they seem: nothing is run, waited for, filled up, shown or lost."""

import contextlib
import os
import resource
import shutil
import stat
from pathlib import Path

import pytest
from faulty_programs import FAULTS, GRADTRACE, bare, gradtrace, run

from gradtrace.errors import GradtraceError
from gradtrace.recording import load


@pytest.fixture(autouse=True)
def _beside_the_programs(tmp_path, monkeypatch):
    shutil.copytree(FAULTS, tmp_path / "faults")
    monkeypatch.chdir(tmp_path / "faults")


@pytest.fixture(name="recording")
def _recording():
    gradtrace(
        "record", "-q", "-o", "a.gtrace", "-c", "import torch; torch.ones(1, requires_grad=True).sum().backward()"
    )
    return Path("a.gtrace")


@pytest.mark.parametrize("kind", ["device", "fifo", "secret"])
@pytest.mark.parametrize("command", ["explain", "check"])
def test_a_recording_that_names_a_strange_file_as_its_source(kind, command):
    """It is not read: no memory is filled, nobody waits, and nothing of it is shown."""
    os.mkfifo("pipe")
    Path("passwords").write_text("hunter2\n")
    Path("passwords").chmod(0o600)
    file = {"device": "/dev/zero", "fifo": str(Path("pipe").resolve()), "secret": str(Path("passwords").resolve())}[
        kind
    ]
    bare("device_zero.py", "x.gtrace", file)
    done = gradtrace(command, "x.gtrace", timeout=60)

    assert done.returncode in {0, 1, 2}
    assert "hunter2" not in done.stdout + done.stderr


def test_a_pipe_with_the_name_of_a_recording_is_refused():
    """Nobody waits for what may never come."""
    os.mkfifo("x.gtrace")
    done = gradtrace("explain", "x.gtrace", timeout=60)

    assert (done.returncode, done.stdout) == (2, "")


def test_a_recording_is_known_by_its_first_bytes(recording):
    """Whatever it is called, it is not run as a program."""
    shutil.copy(recording, "a.json")
    done = gradtrace("explain", "a.json")

    assert (done.returncode, done.stdout) == (0, gradtrace("explain", recording).stdout)


def test_a_recording_is_for_its_owner():
    """It holds arguments, values and source lines."""
    gradtrace(
        "record", "-q", "-o", "x.gtrace", "-c", "import torch; torch.ones(1, requires_grad=True).sum().backward()"
    )

    assert stat.S_IMODE(Path("x.gtrace").stat().st_mode) == 0o600


def test_a_full_disk_keeps_the_picture_that_was_there(recording):
    """A new one is written beside it, and takes its place when it is whole."""
    Path("old.html").write_text("OLD")

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = gradtrace("render", recording, "-o", "old.html", preexec_fn=small_files)

    assert (done.returncode, Path("old.html").read_text()) == (2, "OLD")


def test_output_that_cannot_be_written_is_an_error(recording):
    """Stdout is closed."""
    done = run("bash", "-c", '"$@" >&-', "bash", *GRADTRACE, "explain", recording)

    assert done.returncode != 0


def test_a_lost_line_is_noticed():
    """A recording with a line fewer is refused, or is said to be damaged."""
    gradtrace("record", "-q", "-o", "x.gtrace", "multitask.py")
    lines = Path("x.gtrace").read_bytes().splitlines(keepends=True)
    unnoticed = []
    for number in range(1, len(lines) - 1, max(1, len(lines) // 40)):
        Path("y.gtrace").write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        with contextlib.suppress(GradtraceError):
            if load(Path("y.gtrace")).run.complete:
                unnoticed.append(lines[number][:60])

    assert unnoticed == []
