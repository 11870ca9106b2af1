"""Words for the user, left in the session's folder: the launcher says them, on a stderr that is its own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gradtrace.recorder.stream import plain_text


def leave(session: Path, name: str, text: str, *, once: bool = False) -> None:
    """Add a word to a file of words; `once` in the whole run, whichever process is the first.

    A folder that is gone, or cannot be written, is no reason to disturb the program.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_EXCL if once else 0)
    with contextlib.suppress(OSError):
        descriptor = os.open(session / name, flags, 0o600)
        try:
            os.write(descriptor, plain_text(text).encode() + b"\0")
        finally:
            os.close(descriptor)
