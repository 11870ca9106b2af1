"""No failure inside the recorder reaches the program, and none goes unsaid."""

import re
import subprocess
import sys
from pathlib import Path

HARNESS = Path(__file__).parent.parent / "injected_failures.py"


def test_functions_of_the_recorder_may_fail():
    """Every fifth one raises in place of its first call: the program prints what it prints alone, and we say so.

    All of them are tried by `tests/soak/run.sh`.
    """
    done = subprocess.run([sys.executable, HARNESS, "--every", "5"], capture_output=True, text=True, check=False)
    *wrong, numbers = done.stdout.splitlines()

    assert (wrong, done.returncode) == ([], 0)
    n_functions, n_failures = map(int, re.findall(r"(\d+) (?:functions|failures)", numbers))
    assert n_functions > 300
    assert n_failures > n_functions / 10
