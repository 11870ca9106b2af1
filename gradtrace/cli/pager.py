"""A pager for text that does not fit the terminal, as git has one."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

_DEFAULT = "less"
_CODES = re.compile("\x1b\\[[0-9;]*m")
_LESS = "FRX"
"""Ends by itself when all fits, shows colours, leaves the text on the screen."""


def page(text: str) -> bool:
    """Shows text in `PAGER` when it is longer than the terminal on stdout; returns whether it was shown.

    `PAGER` set to nothing or to `cat`, or a pager that is not there, means no pager.
    """
    command = _command()
    if command is None or _fits(text):
        return False
    environment = {"LESS": _LESS, "LESSCHARSET": "utf-8", **os.environ}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's to understand
    try:
        return _shown(command, environment, text)
    finally:
        signal.signal(signal.SIGINT, before)


def _shown(command: list[str], environment: dict[str, str], text: str) -> bool:
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)  # noqa: S603  the user's own pager
    except OSError:
        return False
    try:
        pager.communicate(text.encode("utf-8", "backslashreplace"))
    except BrokenPipeError:
        pager.wait()  # it was left before it had read all
    return True


def _command() -> list[str] | None:
    try:
        words = shlex.split(os.environ.get("PAGER", _DEFAULT))
    except ValueError:
        return None
    if not words or words == ["cat"] or os.environ.get("TERM") == "dumb":
        return None
    return words if shutil.which(words[0]) else None


def _fits(text: str) -> bool:
    try:
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return True
    if columns <= 0 or lines <= 0:
        return True
    needed = sum(max(1, -(-len(_CODES.sub("", line)) // columns)) for line in text.splitlines())
    return needed < lines
