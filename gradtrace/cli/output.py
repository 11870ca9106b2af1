"""Where a result goes: a file or stdout."""

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from gradtrace.cli.console import Console, file_console, look_at
from gradtrace.cli.pager import page
from gradtrace.errors import RenderError, UsageError


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
            return cls(None, look_at(sys.stdout, color))
        path = absolute(name or "")
        check_writable(path)
        return cls(path, file_console(color))

    def write(self, content: str | bytes) -> None:
        """Writes all of it; text to stdout is written in stdout's encoding, to a file in UTF-8.

        Raises:
            RenderError: if it cannot be written.
            BrokenPipeError: if the reader has gone.
        """
        try:
            if self.path is not None:
                self.path.write_bytes(
                    content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
                )
            elif self.has_pager and self.console.is_terminal and isinstance(content, str) and page(content):
                return
            elif sys.stdout is not None:
                data = (
                    content if isinstance(content, bytes) else content.encode(sys.stdout.encoding, "backslashreplace")
                )
                sys.stdout.flush()
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            raise RenderError(
                f"cannot write {self.path or 'to stdout'}: {getattr(error, 'strerror', None) or error}"
            ) from error


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
    elif not path.parent.is_dir():
        reason = f"there is no directory {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        reason = os.strerror(errno.EACCES)
    if reason:
        raise UsageError(f"cannot write {path}: {reason}; nothing was run")
