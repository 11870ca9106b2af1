"""Endings as a shell sees them: the status, and why it could not look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

GRADTRACE = [sys.executable, "-m", "gradtrace"]

CAREFUL = """\
import torch
w = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for step in range(4):
    opt.zero_grad()
    loss = (w * w).sum()
    loss.backward()
    opt.step()
"""

BROKEN = """\
import sys


class Breaks:
    '''Makes the recorder fail at its {where}, once torch has been imported.'''

    def find_spec(self, name, path=None, target=None):
        if name != "gradtrace.recorder.session":
            return None
        sys.meta_path.remove(self)
        from gradtrace.recorder import {module}

        def fail(*words, **named):
            raise {error}("on purpose")

        {module}.{name} = fail
        return None


sys.meta_path.insert(0, Breaks())
"""


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gradtrace(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GRADTRACE, *words], capture_output=True, text=True, check=False, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


def script(text: str, name: str = "train.py") -> str:
    Path(name).write_text(text, "utf-8")
    return name


def broken(where: str, module: str, name: str, error: str = "ValueError") -> dict[str, str]:
    """The environment of a user whose own sitecustomize breaks the recorder."""
    folder = Path("site")
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(BROKEN.format(where=where, module=module, name=name, error=error), "utf-8")
    path = os.pathsep.join(filter(None, (str(folder.absolute()), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def test_a_recorder_that_fails_is_no_clean_bill() -> None:
    """Every command says so: check by its status and its last line, the others as they go."""
    environment = broken("first pass", "journal", "Journal.write_pass", "OSError")
    script(CAREFUL)

    checked = gradtrace("check", "-o", "found.sarif", "train.py", env=environment)
    recorded = gradtrace("record", "--facts", "train.py", env=environment)
    read = gradtrace("check", "train.gtrace")
    told = gradtrace("explain", "train.gtrace")

    reason = "the recorder failed at pass 1 (OSError: on purpose); what came after was not seen"
    assert (checked.returncode, recorded.returncode, read.returncode, told.returncode) == (2, 0, 2, 2)
    (invocation,) = json.loads(Path("found.sarif").read_text("utf-8"))["runs"][0]["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 0)
    assert notification["message"]["text"].startswith(reason)
    assert f"gradtrace: {reason}" in recorded.stderr
    assert " ".join(read.stdout.split()).startswith(f"Could not look: {reason}.")
    assert told.stderr.startswith(f"gradtrace: error: nothing to show: {reason}")


def test_a_recorder_that_sees_no_pass_is_no_clean_bill() -> None:
    """It goes on, and counts the passes; what it could not see is said."""
    done = gradtrace("check", script(CAREFUL), env=broken("passes", "full_pass", "FullPass.__init__"))

    assert done.returncode == 2
    assert "the graph of a pass (ValueError: on purpose)" in " ".join(done.stdout.split())
    assert "nothing wrong" not in done.stdout


def test_a_recorder_that_cannot_start_is_no_clean_bill() -> None:
    """The program runs on; its status does not hide that nobody looked."""
    done = gradtrace("check", script(CAREFUL), env=broken("start", "program_end", "prepare"))

    assert done.returncode == 2
    assert done.stdout == "Could not look: the recorder could not start (ValueError: on purpose).\n"


def test_a_program_that_fails_before_torch_was_not_looked_at() -> None:
    """Its own status would be that of findings."""
    done = gradtrace("check", "-f", "concise", script("import no_such_module\n"))

    assert done.returncode == 2
    assert done.stdout == (
        "error[could-not-look]: the program ended with status 1 before it imported torch; "
        "if an import failed, --python PATH runs another interpreter\n"
    )


def test_an_interpreter_without_torch_is_named() -> None:
    """With the option that names another; each command says it."""
    venv.create("bare", with_pip=False, symlinks=True)
    python = str(Path("bare/bin/python").absolute())
    script(CAREFUL)

    checked, told = (gradtrace(command, "--python", python, "train.py") for command in ("check", "explain"))

    said = f"there is no torch for {python}"
    assert (checked.returncode, told.returncode) == (2, 1)
    assert checked.stdout.replace("\n", " ").startswith("Could not look: there is no torch for ")
    assert f"gradtrace: nothing to show: {said}; --python PATH names one that has it\n" in told.stderr


def test_a_failing_program_keeps_its_status_and_is_no_clean_bill() -> None:
    """An exception is a finding; an exit status and a signal are said."""
    raised = gradtrace("check", script(f"{CAREFUL}raise LookupError('x')\n"))
    exited = gradtrace("check", script(f"{CAREFUL}raise SystemExit(7)\n"))
    killed = gradtrace("check", script(f"{CAREFUL}import os\nos.kill(os.getpid(), 9)\n"))

    assert (raised.returncode, exited.returncode, killed.returncode) == (1, 7, -9)
    assert "error[program-failed]: The program ended with LookupError; no rule explains it" in raised.stdout
    assert exited.stdout == "No finding in 4 passes, but the program ended with status 7.\n"
    assert " ".join(killed.stdout.split()).startswith(
        "Found nothing in 4 passes, but could not look at everything: the program was ended by SIGKILL;"
    )


def test_a_recording_that_was_cut_is_no_clean_bill() -> None:
    """Nothing that was cut off can be found."""
    script(CAREFUL)
    gradtrace("record", "--facts", "-q", "train.py")
    whole = gradtrace("check", "train.gtrace")
    lines = Path("train.gtrace").read_bytes().splitlines(keepends=True)
    Path("train.gtrace").write_bytes(b"".join(lines[:-1]))
    cut = gradtrace("check", "train.gtrace")

    assert (whole.returncode, whole.stdout) == (0, "Found nothing wrong in 4 passes.\n")
    assert cut.returncode == 2
    assert "the recording has no end" in " ".join(cut.stdout.split())
