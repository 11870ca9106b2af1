"""What `%load_ext gradtrace` loads into IPython: the magics `%gradtrace` and `%%gradtrace`.

Recording begins here, or where torch is imported later. A look is the command line's own: what has been seen lies in a
folder of streams, and `gradtrace explain FOLDER` in a process of its own shows it. So nothing but the recorder is
imported into the kernel.
"""

from __future__ import annotations

import inspect
import os
import shlex
from typing import Any

from gradtrace.errors import GradtraceError
from gradtrace.integrations.kernel_recording import KernelRecording
from gradtrace.integrations.look import Look, parse, show

_MAGIC = "gradtrace"


class _Extension:
    """What one shell has loaded."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._recording = KernelRecording(shell)
        self._awaited: Look | None = None
        """What is shown when the cell that runs has ended."""

    def load(self) -> None:
        """Register everything, and begin to record."""
        shell = self._shell
        self._recording.start()
        shell.register_magic_function(self._line_magic, "line", _MAGIC)
        shell.register_magic_function(self._cell_magic, "cell", _MAGIC)
        shell.input_transformers_cleanup.append(self._as_line)
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)

    def unload(self) -> None:
        """Undo it all."""
        shell = self._shell
        self._recording.stop()
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop(_MAGIC, None)
        if self._as_line in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(self._as_line)
        shell.events.unregister("pre_run_cell", self._before_cell)
        shell.events.unregister("post_run_cell", self._after_cell)

    # The magics.

    def _line_magic(self, line: str) -> None:
        """Show where the gradients of this session come from: what was recorded since the last look.

          %gradtrace                       the story, as `gradtrace explain` tells it
          %gradtrace render                the graph as a picture; -f tree as text, -o FILE into a file
          %gradtrace page                  the graph as a page to look around in; --height 800
          %gradtrace check                 what is wrong, where, and the fix
          %gradtrace why NAME              one tensor: its gradient, or where it is cut off
          %gradtrace norms                 norms of the gradients, loss and learning rate of every step
          %gradtrace memory                what the graph keeps for backward, by line
          %gradtrace save FILE.gtrace      keep the recording, for every command of gradtrace
          %gradtrace off, %gradtrace on    stop recording; record again
          %gradtrace rule NAME, %gradtrace formula OP    pages of reference

          %%gradtrace [...]                before a cell: run it, then show what ran in it

        All options of the commands work: --pass N, -v, --depth N, --focus NAME, --select RULE, -f FORMAT, -o FILE ...
        Without a new pass since the last look, the same is shown again. Of each cell the first passes are recorded in
        full (3, or 50 where the graph is small), the others in the ledger.
        """
        self._recording.is_look = True
        look = _asked(line)
        if look.is_after_cell:
            self._recording.begin_cell()
            self._awaited = look
        elif look.command == "help":
            print(inspect.getdoc(self._line_magic))  # noqa: T201 - a magic prints
        elif look.command == "off":
            self._recording.stop()
        elif look.command == "on":
            self._recording.start()
        else:
            _carry_out(look, self._recording)

    def _cell_magic(self, line: str, cell: str) -> None:
        """Where a cell does not begin with the magic but another one runs it."""
        self._shell.run_cell(f"%%{_MAGIC} {line}\n{cell}", store_history=False)

    def _as_line(self, lines: list[str]) -> list[str]:
        """A cell that begins with `%%gradtrace` runs as it is, but for that line: its lines keep their numbers."""
        words = lines[0].split(None, 1) if lines else []
        if not words or words[0] != f"%%{_MAGIC}" or not "".join(lines[1:]).strip():
            return lines
        rest = words[1].rstrip("\n") if len(words) > 1 else ""
        return [f"%{_MAGIC} --after-cell {rest}".rstrip() + "\n", *_called(lines[1:])]

    # Around each cell.

    def _before_cell(self, info: Any = None) -> None:
        if not _is_silent(info):
            self._recording.cell_begins()

    def _after_cell(self, result: Any = None) -> None:
        if _is_silent(getattr(result, "info", None)):
            return
        self._recording.cell_ends(getattr(result, "error_in_exec", None))
        look, self._awaited = self._awaited, None
        if look is not None:
            try:
                _carry_out(look, self._recording)
            except _usage_error() as error:
                self._shell.show_usage_error(error)
            self._recording.end_cell()


def _called(lines: list[str]) -> list[str]:
    """The lines below, of which IPython does not see that they begin with the magic of a cell."""
    first = lines[0]
    if not first.startswith("%%"):
        return lines
    name, _, words = first[2:].rstrip("\n").partition(" ")
    return [f"get_ipython().run_cell_magic({name!r}, {words!r}, {''.join(lines[1:])!r})\n"]


_loaded: dict[int, tuple[Any, _Extension]] = {}
"""By the id of its shell."""


def load(shell: Any) -> None:
    """Load the extension into a shell of IPython."""
    extension = _Extension(shell)
    extension.load()
    _loaded[id(shell)] = (shell, extension)


def unload(shell: Any) -> None:
    """Undo `load`."""
    known = _loaded.pop(id(shell), None)
    if known is not None:
        known[1].unload()


def _asked(line: str) -> Look:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise _usage_error()(f"cannot read {line!r}: {error}") from None
    try:
        return parse(words)
    except GradtraceError as error:
        raise _usage_error()(str(error)) from None


def _carry_out(look: Look, recording: KernelRecording) -> None:
    try:
        show(look, recording)
    except GradtraceError as error:
        raise _usage_error()(str(error)) from None
    except Exception as error:
        if os.environ.get("GRADTRACE_DEBUG"):
            raise
        raise _usage_error()(f"{type(error).__name__}: {error} (a fault of gradtrace's: please report it)") from None


def _usage_error() -> type[Exception]:
    """IPython's, which is shown as one line."""
    from IPython.core.error import UsageError

    return UsageError


def _is_silent(info: Any) -> bool:
    return bool(getattr(info, "silent", False))
