"""Runs inside the user's process and observes; the only room that imports torch.

It imports nothing but the standard library, torch and `gradtrace.model`, so that any interpreter that runs the user's
program can run it too. What belongs here: whatever must look at live tensors, nodes, frames or modules. Everything it
sees leaves as lines of a stream (`stream`); analysis and pictures happen elsewhere. The program must not be able to
tell that it is observed: see `invisible` for how, and `session` for what is installed and undone.
"""

from gradtrace.recorder.session import current, name_leaf, start, start_from_environment, stop

__all__ = ["current", "name_leaf", "start", "start_from_environment", "stop"]
