"""Recordings that nobody asked for, kept because showing them failed: in the user's cache, and not without end."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from contextlib import suppress
from pathlib import Path

from gradtrace.files import PRIVATE
from gradtrace.formulas.user_cache import cache_directory

_MOST = 20
"""Recordings that are kept at once."""

_BYTES = 4 << 30
"""Bytes that they may take together."""


def keep(recording: Path, name: str, command: str, then: str = "") -> str:
    """Moves a recording to where it stays for a while, and says where.

    Args:
        recording: the file, which is not there afterwards.
        name: what to call it after.
        command: what shows it, such as `gradtrace explain`.
        then: what that takes besides.
    """
    folder = cache_directory() / "recordings"
    try:
        size = recording.stat().st_size
        if size > _BYTES:
            return f"the recording is not kept: it has {size} bytes, and all that are kept may have {_BYTES}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_room(folder, size)
        kept = folder / f"{_as_file_name(name)}-{os.urandom(3).hex()}.gtrace"
        shutil.move(recording, kept)
        kept.chmod(PRIVATE)
    except OSError as error:
        return f"the recording could not be kept either: {folder}: {error.strerror or error}"
    return f"the recording is kept: {command} {shlex.quote(str(kept))}{then} shows it without running anything again"


def _make_room(folder: Path, size: int) -> None:
    """Removes the oldest, until there is room for one more of this size."""
    there = []
    for path in folder.glob("*.gtrace"):
        with suppress(OSError):
            there.append((path.stat().st_mtime_ns, path.stat().st_size, path))
    there.sort(reverse=True)
    total = size
    for number, (_, one, path) in enumerate(there, 1):
        total += one
        if number >= _MOST or total > _BYTES:
            with suppress(OSError):
                path.unlink()


def _as_file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)[:80].strip(".-") or "run"
