"""The parent side: what to run, and how to run it faithfully.

`target` and `expression` read the command line's words and run nothing; `interpreter` chooses the Python; `session` is
the directory shared with the recorders; `process` starts the program and mirrors it; `bootstrap/` is put before
everything in the program's Pythons. Standard library only, never torch. The room knows nothing of recordings or
pictures: who calls it decides what becomes of the streams.
"""

from gradtrace.launch.interpreter import choose
from gradtrace.launch.passes import parse_passes
from gradtrace.launch.process import TIMED_OUT, Ending, run
from gradtrace.launch.session import Session
from gradtrace.launch.settings import Settings
from gradtrace.launch.target import Target, TargetKind, parse_target

__all__ = [
    "TIMED_OUT",
    "Ending",
    "Session",
    "Settings",
    "Target",
    "TargetKind",
    "choose",
    "parse_passes",
    "parse_target",
    "run",
]
