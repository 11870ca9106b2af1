"""The program cannot tell: its numbers, its random states, its output and its errors are what they are without us."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent.parent / "programs"

TRAININGS = (
    "dropout",
    "batch_norm",
    "mixed_precision",
    "checkpointed",
    "double_backward",
    "custom_function",
    "two_optimizers",
    "recurrent",
    "compiled",
    "threads",
)


def run(*words):
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False, timeout=300)
    theirs = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("gradtrace:")]
    ours = [line for line in done.stderr.splitlines() if line.startswith("gradtrace:")]
    return (done.returncode, done.stdout, "".join(theirs)), ours


def assert_the_same_below_us(tmp_path, script, *words, options=()):
    """Runs it alone and recorded; returns what it said, and what we said."""
    alone, _ = run(PROGRAMS / script, *words)
    target = tmp_path / "run.gtrace"
    recorded, ours = run("-m", "gradtrace", "record", "-o", target, *options, PROGRAMS / script, "--", *words)
    assert recorded == alone
    assert target.stat().st_size > 1000
    return alone, ours


@pytest.mark.parametrize("name", TRAININGS)
def test_training_ends_in_the_same_bits(name, tmp_path):
    """Parameters, optimizer states, random states and compiled graphs; three passes in full, then passes counted."""
    (status, output, _), ours = assert_the_same_below_us(tmp_path, "training.py", name)

    assert (status, output.count("\n") >= 2) == (0, True)
    assert [line for line in ours if "failed" in line or "not recorded" in line] == []


@pytest.mark.parametrize("name", ["dropout", "checkpointed", "compiled"])
def test_training_ends_in_the_same_bits_when_every_pass_is_recorded(name, tmp_path):
    """With every statistic taken."""
    options = ("--passes", "all", "--level", "full")
    (status, _, _), ours = assert_the_same_below_us(tmp_path, "training.py", name, options=options)

    assert status == 0
    assert [line for line in ours if "failed" in line] == []


def test_errors_and_warnings_are_the_same_to_the_byte(tmp_path):
    """Tracebacks show no frame of ours, and every warning names the line and file that it names without us."""
    (status, _, errors), _ = assert_the_same_below_us(tmp_path, "errors_and_warnings.py", options=("--passes", "all"))

    assert status == 1
    assert errors.count("Traceback") > 10
    assert errors.count("Warning") > 5


def test_models_are_copied_pickled_and_saved_as_ever(tmp_path):
    """Nothing hangs on the user's modules, and the user's own modes and subclasses work."""
    (status, output, _), _ = assert_the_same_below_us(tmp_path, "saved_models.py", options=("--passes", "all"))

    assert (status, "False" in output.splitlines()[1]) == (0, False)
