"""Where a result goes: a file or stdout."""

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gradtrace.cli.console import Console, file_console, look_at
from gradtrace.errors import RenderError, UsageError
from gradtrace.files import replacing

_GATHERED = 1 << 18
"""Bytes that are written at once."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file, or stdout when `path` is None; `has_pager` shows long text on a terminal in the user's pager."""

    path: Path | None
    console: Console
    has_pager: bool = False

    @classmethod
    def open(cls, name: str | None, color: str) -> "Output":
        """Resolves `-o`, before the program can change directory.

        Raises:
            UsageError: if the file cannot be written.
        """
        if name in (None, "-"):
            if sys.stdout is None:
                raise UsageError("stdout is closed: give a file with -o; nothing was run")
            return cls(None, look_at(sys.stdout, color))
        path = absolute(name or "")
        check_writable(path)
        return cls(path, file_console(color))

    def format_by_suffix(self, formats: Mapping[str, str]) -> str:
        """The format that the suffix of the file names; `text` for another suffix, and on stdout.

        Args:
            formats: by their suffixes, in small letters: `{".md": "markdown"}`.
        """
        return formats.get(self.path.suffix.lower(), "text") if self.path is not None else "text"

    def write(self, content: str | bytes) -> None:
        """Writes all of it; text to stdout is written in stdout's encoding, to a file in UTF-8.

        Raises:
            RenderError: if it cannot be written; a file is then as it was.
            BrokenPipeError: if the reader has gone.
        """
        if self.has_pager and self.console.is_terminal and isinstance(content, str):
            from gradtrace.cli.pager import page

            if page(content):
                return
        self.write_pieces((content,))

    def write_pieces(self, pieces: Iterable[str | bytes]) -> None:
        """Writes a long document piece by piece, as `write` does."""
        try:
            if self.path is not None:
                with replacing(self.path) as file:
                    _pour(pieces, file, "utf-8")
            elif sys.stdout is not None:
                sys.stdout.flush()
                _pour(pieces, sys.stdout.buffer, sys.stdout.encoding)
                sys.stdout.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            raise RenderError(
                f"cannot write {self.path or 'to stdout'}: {getattr(error, 'strerror', None) or error}"
            ) from error


def _pour(pieces: Iterable[str | bytes], file: BinaryIO, encoding: str) -> None:
    """Small pieces are put together: one write for each would take longer than making it."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece if isinstance(piece, bytes) else piece.encode(encoding, "backslashreplace")
        if len(gathered) > _GATHERED:
            file.write(gathered)
            gathered.clear()
    file.write(gathered)


def absolute(name: str) -> Path:
    """The path as seen from here.

    Raises:
        UsageError: if the current directory does not exist any more.
    """
    try:
        return Path(name).absolute()
    except FileNotFoundError:
        raise UsageError(
            f"{name} cannot be found: the current directory has been removed; give an absolute path"
        ) from None


def check_writable(path: Path) -> None:
    """Finds out before a long run whether its result can be saved, and leaves no trace of having looked.

    Raises:
        UsageError: if not.
    """
    reason = None
    if path.is_dir():
        reason = os.strerror(errno.EISDIR)
    elif not path.exists() and not (folder := Path(os.path.realpath(path)).parent).is_dir():
        reason = f"there is no directory {folder}"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = os.strerror(errno.EACCES)
    if reason:
        raise UsageError(f"cannot write {path}: {reason}; nothing was run")
