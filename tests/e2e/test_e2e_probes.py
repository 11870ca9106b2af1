"""The program cannot tell that it is traced."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROBES = Path(__file__).parent.parent / "probes"


@pytest.mark.parametrize("depth", [(), ("--facts", "--level", "full")], ids=["default", "in depth"])
def test_programs_see_the_same_world_with_and_without_us(tmp_path, depth):
    """38 ways to look at how a program is run give the same output, errors and status below `gradtrace record`."""
    probes = shutil.copytree(PROBES, tmp_path / "probes")  # one of them makes a directory where it lies
    launcher = [sys.executable, "-m", "gradtrace", "record", "-q", *depth, "-o", "{out}", "--"]

    done = subprocess.run(
        [sys.executable, probes / "compare.py", sys.executable, *launcher], capture_output=True, text=True, check=False
    )

    assert done.stdout == "38 probes, 0 differences\n"
    assert done.returncode == 0
