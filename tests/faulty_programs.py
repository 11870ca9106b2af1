"""Runs the programs of `tests/faults` alone and below gradtrace, with bounds on memory and time."""

import re
import resource
import subprocess
import sys
from pathlib import Path

FAULTS = Path(__file__).parent / "faults"
GRADTRACE = (sys.executable, "-m", "gradtrace")
ROOMY = 8 << 30
"""Bytes of address space: a command that fills the memory is stopped before the machine is."""


def limited():
    """Bound the memory of a process that is about to begin."""
    resource.setrlimit(resource.RLIMIT_AS, (ROOMY, ROOMY))


def run(*words, **options):
    """A command's end and output."""
    settings = {"capture_output": True, "text": True, "timeout": 120, "preexec_fn": limited, **options}
    return subprocess.run([*map(str, words)], check=False, stdin=subprocess.DEVNULL, **settings)


def bare(*words):
    """A program run by Python itself."""
    return run(sys.executable, *words)


def gradtrace(*words, **options):
    """A command of gradtrace, which shows no traceback of its own and whose recorder does not give up."""
    done = run(*GRADTRACE, *words, **options)
    assert "internal error" not in done.stderr
    assert re.findall("gradtrace/(?:cli|api|recording|renderers|diagnosis)/.*, line", done.stderr) == []
    assert re.findall("switched itself off|the recorder failed|is not recorded", done.stderr) == []
    return done
