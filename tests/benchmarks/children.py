"""Runs a process and says what it used."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""As for a person, whose modules are compiled once and not at every start."""


@dataclass(frozen=True)
class Used:
    """Seconds of processor and of wall clock, and the highest memory in MiB, of a process and its children."""

    cpu: float
    wall: float
    peak_mib: float
    status: int


def use(command: list[str]) -> Used:
    """Run a command in silence."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    return Used(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, child.returncode)


def ask(script: str, *arguments: str, timeout: float) -> Any:
    """What a script of this folder printed as JSON on its last line; a sentence when it failed."""
    try:
        done = subprocess.run(
            [sys.executable, str(HERE / script), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "unfinished"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode == 0 and lines:
        return json.loads(lines[-1])
    return lines[-1].partition(":")[0] if lines else f"status {done.returncode}"
