"""The program cannot tell: its numbers, its random states, its output and its errors are what they are without us."""

import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent.parent / "programs"


def run(*words):
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False, timeout=300)
    theirs = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("gradtrace:")]
    return done.returncode, done.stdout, "".join(theirs)


def assert_the_same_below_us(tmp_path, script):
    """Runs it alone and recorded; returns what it said."""
    alone = run(PROGRAMS / script)
    target = tmp_path / "run.gtrace"
    assert run("-m", "gradtrace", "record", "-o", target, "--passes", "all", PROGRAMS / script) == alone
    assert target.stat().st_size > 1000
    return alone


def test_errors_and_warnings_are_the_same_to_the_byte(tmp_path):
    """Tracebacks show no frame of ours, and every warning names the line and file that it names without us."""
    status, _, errors = assert_the_same_below_us(tmp_path, "errors_and_warnings.py")

    assert status == 1
    assert errors.count("Traceback") > 10
    assert errors.count("Warning") > 5


def test_models_are_copied_pickled_and_saved_as_ever(tmp_path):
    """Nothing hangs on the user's modules, and the user's own modes and subclasses work."""
    status, output, _ = assert_the_same_below_us(tmp_path, "saved_models.py")

    assert (status, "False" in output.splitlines()[1]) == (0, False)
