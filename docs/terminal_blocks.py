"""Terminal blocks: fenced `console` blocks whose output is what the commands in them print.

A line that begins with `$ ` is a command, what follows up to the next one is its output. A command runs in bash, on a
pseudo-terminal of 80 columns (`console 100` in the fence's first line asks for 100), without colours, in an empty
folder that holds a copy of `examples/`; the blocks of one page share the folder, so that one command can read what
another wrote.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

Runner = Callable[[str, int], str]
"""Runs a command on a terminal of so many columns and returns what appears there."""

_BLOCK = re.compile(r"^```console(?: (?P<columns>\d+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_ROWS = 50
_PATIENCE = 120
_SAID_TO_THE_PATIENT = re.compile(r"^gradtrace: the asked-for passes are recorded; .*\n", re.MULTILINE)
"""What is said of a program that goes on for a second: that depends on the machine."""


def refresh(page: str, run: Runner) -> str:
    """Return the page with the output of every terminal block made anew."""

    def remake(block: re.Match[str]) -> str:
        columns = int(block["columns"] or 80)
        commands = [line[2:] for line in block["body"].splitlines() if line.startswith("$ ")]
        fence = block[0].split("\n", 1)[0]
        parts = [f"$ {command}\n{run(command, columns)}" for command in commands]
        return f"{fence}\n{''.join(parts)}```"

    return _BLOCK.sub(remake, page)


class Terminal:
    """Runs commands in one folder, as a reader would who has just installed the package."""

    def __init__(self, folder: Path, examples: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        shutil.copytree(examples, folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, command: str, columns: int) -> str:
        """Run one command; what it writes to stdout and stderr comes back as it stood on the screen.

        Raises:
            TimeoutError: the command hangs.
        """
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment(columns),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            screen = _read_all(ours)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(f"this printed nothing for {_PATIENCE} seconds: {command}") from None
        finally:
            os.close(ours)
            process.wait()
        text = screen.decode("utf-8", "replace").replace("\r\n", "\n")
        return _SAID_TO_THE_PATIENT.sub("", "".join(f"{line.rstrip()}\n" for line in text.splitlines()))

    def _environment(self, columns: int) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in {"HOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}}
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return kept | {
            "PATH": programs,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "NO_COLOR": "1",
            "COLUMNS": str(columns),
            "LINES": str(_ROWS),
            "PAGER": "cat",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _read_all(descriptor: int) -> bytes:
    """Read until the last writer has closed the terminal, which Linux reports as an I/O error."""
    chunks: list[bytes] = []
    while select.select([descriptor], [], [], _PATIENCE)[0]:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
    raise TimeoutError
