"""The recording of a session of IPython: begun once, cut into windows by the looks at it, bounded in size."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gradtrace.errors import NothingSeenError
from gradtrace.integrations.unwarned import unwarned

if TYPE_CHECKING:
    from gradtrace.recorder.session import Recorder

_PASSES = ((1, 3),)
"""Of each cell, recorded in full."""
_SMALL_PASSES = 50
"""The same, where a pass has few nodes."""
_LARGEST = 64_000_000
"""Bytes of a window; when there is more, what was recorded before is dropped before the next cell."""
_MERGED = "run.gtrace"
_NOTEBOOK, _TERMINAL = "this notebook", "this session"
_NOT_YET = "no backward pass has run since"
_HINT = "run a cell with loss.backward() first"


class KernelRecording:
    """What was seen in a shell of IPython."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._folder: Path | None = None
        self._owner = os.getpid()
        self._n_windows = 0
        self._n_before = 0
        """How many passes had begun before this window."""
        self._recorder: Recorder | None = None
        self._import_watch: _ImportWatch | None = None
        self._shown: Path | None = None
        """The window that was looked at last."""
        self._since = "%load_ext gradtrace"
        self._has_failed = False
        self._failure: str | None = None
        """Why the recorder could not be started."""
        self._is_for_cell = False
        self._n_cells = 0
        """How many cells have run since the last look."""
        self.is_look = False
        """The cell that runs has looked."""
        self._n_at_cell = 0
        self._dropped: str | None = None
        self._notices: list[str] = []

    # On and off.

    @property
    def is_on(self) -> bool:
        """Whether something is recorded, or will be when torch is imported."""
        return self._import_watch is not None or self._is_recorder_on()

    def start(self) -> None:
        """Record from here on; where torch is not imported yet, from its import on."""
        if self.is_on:
            return
        self._failure = None
        if self._folder is None:
            from gradtrace.launch import Session

            self._folder = Session().directory
            atexit.register(self._clean)
        if "torch" in sys.modules:
            self._begin()
        else:
            self._import_watch = _ImportWatch(self._begin)

    def stop(self) -> None:
        """Record no longer; what was recorded can still be looked at."""
        if self._import_watch is not None:
            self._import_watch.undo()
            self._import_watch = None
        if self._is_own_on:
            self._end_window()
            self._own().stop()
        self._recorder = None

    def _begin(self) -> None:
        """Start the recorder; where it cannot be started the cell goes on, and the next look says why."""
        self._import_watch = None
        try:
            self._start_recorder()
        except Exception as error:  # noqa: BLE001 - whatever it is, the cell that imports torch goes on
            self._failure = f"it could not start ({type(error).__name__}: {error})"

    def _start_recorder(self) -> None:
        with unwarned():
            from gradtrace import recorder
            from gradtrace.diagnosis.all_needs import EVERYBODYS
            from gradtrace.recorder.config import Config

            current = recorder.current()
            if current is not None:  # the whole program is recorded already, by whoever runs it
                self._recorder = current
                return
            self._n_before = self._n_at_cell = 0
            self._recorder = recorder.start(
                Config(
                    session=self._next_folder(),
                    target=_NOTEBOOK if hasattr(self._shell, "kernel") else _TERMINAL,
                    passes=_PASSES,
                    small_passes=_SMALL_PASSES,
                    facts=True,
                    needs=EVERYBODYS,
                    step_norms=1,
                )
            )

    def _clean(self) -> None:
        """The process ends: what was recorded is nobody's any more."""
        if os.getpid() != self._owner or self._folder is None:
            return
        if self._is_own_on:
            self._own().stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_recorder_on(self) -> bool:
        return self._recorder is not None and self._recorder.is_on

    @property
    def _is_borrowed(self) -> bool:
        """Whether the recorder is that of a command which runs this session, and goes on until its end."""
        return self._recorder is not None and self._recorder.config.session.parent != self._folder

    @property
    def _is_own_on(self) -> bool:
        """Whether a recorder is at work that was started here, and may be stopped and cut into windows."""
        return self._is_recorder_on() and not self._is_borrowed

    # Around each cell.

    def cell_begins(self) -> None:
        """A cell is about to run: its first passes are recorded in full."""
        if not self._is_own_on:
            return
        from gradtrace.recorder import live

        recorder = self._own()
        if _size(recorder.config.session) > _LARGEST and self._n_new() and self._end_window():
            self._dropped = f"In [{self._shell.execution_count}]"
            self._forget()
        self._n_at_cell = live.n_passes(recorder)
        live.ask_again(recorder, _PASSES)

    def cell_ends(self, error: BaseException | None) -> None:
        """A cell has run.

        Args:
            error: what ended it.
        """
        self._n_cells += not self.is_look
        self.is_look = False
        if error is not None:
            self._has_failed = _is_of_torch(error)
        elif self._is_recorder_on() and self._n_passes() > self._n_at_cell:
            self._has_failed = False

    def begin_cell(self) -> None:
        """What follows, up to the end of this cell, is to be shown by itself."""
        if not self.is_on:
            self.start()
            self._is_for_cell = True
            self.cell_begins()
        elif self._is_own_on and self._n_new():
            self._end_window()
            self.cell_begins()
        self._forget()
        self._since = "this cell began"

    def end_cell(self) -> None:
        """The cell that was to be shown by itself has been."""
        self._since = "the last look"
        if self._is_for_cell:
            self._is_for_cell = False
            self.stop()

    # Looks.

    def window(self) -> Path:
        """A recording of what was seen since the last look; where nothing was, of what was shown then.

        Raises:
            NothingSeenError: no pass was seen yet.
        """
        is_new = self._is_recorder_on() and (self._is_borrowed or self._n_new() > 0)
        if is_new and (self._is_borrowed or not self._end_window()):
            self._copy()
        if self._shown is None:
            raise NothingSeenError(self._nothing())
        if not self.is_on:
            self._notices.append(f"{self._why_off()}: this is what was seen before")
        elif not is_new and self._n_cells:
            self._notices.append("no backward pass has run since the last look: this is what it was about")
        self._n_cells = 0
        merged = self._shown / _MERGED
        return merged if merged.exists() else self._shown

    def take_notices(self) -> list[str]:
        """What is to be said beside the next look, once."""
        said, self._notices = self._notices, []
        if self._dropped is not None:
            said.append(self._was_dropped())
            self._dropped = None
        return said

    def _nothing(self) -> str:
        if self._import_watch is not None:
            return "torch has not been imported yet: there is nothing to show"
        if not self._is_recorder_on():
            return f"{self._why_off()}: %gradtrace on, then run a cell with loss.backward()"
        if self._dropped is not None:
            return f"{_NOT_YET} {self._dropped}, and {self._was_dropped()}: {_HINT}"
        return f"{_NOT_YET} {self._since}: {_HINT}"

    def _was_dropped(self) -> str:
        return f"what was recorded before {self._dropped} was dropped, to keep the recording small"

    def _why_off(self) -> str:
        """That nothing is recorded: because that was asked for, or because the recorder gave up."""
        failure = self._failure
        if failure is None and self._recorder is not None:
            with suppress(OSError):
                words = (self._recorder.config.session / "stopped").read_text("utf-8", "replace")
                failure = f"it has switched itself off ({words.split(chr(0))[0].strip()})"
        return "recording is off" if failure is None else f"recording is off, because the recorder failed: {failure}"

    def _own(self) -> Recorder:
        assert self._recorder is not None  # noqa: S101 - callers have looked
        return self._recorder

    def _n_passes(self) -> int:
        from gradtrace.recorder import live

        return live.n_passes(self._own())

    def _n_new(self) -> int:
        return self._n_passes() - self._n_before

    def _end_window(self) -> bool:
        """What was seen so far is finished, and can be shown; False where that has to wait."""
        from gradtrace.recorder import live

        recorder = self._own()
        ended, n_passes, following = recorder.config.session, self._n_passes(), self._next_folder()
        with unwarned():
            has_ended = live.begin_window(recorder, following, self._variables(), self._error())
        if not has_ended:
            following.rmdir()
            return False
        if n_passes > self._n_before:
            self._show_from(ended)
        else:
            shutil.rmtree(ended, ignore_errors=True)
        self._n_before, self._since = n_passes, "the last look"
        return True

    def _show_from(self, folder: Path) -> None:
        self._forget()
        self._shown = folder

    def _forget(self) -> None:
        if self._shown is not None:
            shutil.rmtree(self._shown, ignore_errors=True)
        self._shown = None

    def _variables(self) -> dict[str, Any]:
        """The person's own, without those that IPython puts beside them."""
        hidden = getattr(self._shell, "user_ns_hidden", {})
        names = dict(self._shell.user_ns)
        return {name: one for name, one in names.items() if name not in hidden and not name.startswith("_")}

    def _error(self) -> BaseException | None:
        """What ended the last cell, if torch raised it."""
        error = getattr(sys, "last_value", None) if self._has_failed else None
        return error if isinstance(error, BaseException) and _is_of_torch(error) else None

    def _copy(self) -> None:
        """Show what has been seen so far in a stream that goes on: a pass runs, or others read it to its end."""
        with unwarned():
            from gradtrace.recorder import live
            from gradtrace.recording import merge

            stream = live.write_all(self._own())
            if self._n_passes() and stream.exists():
                folder = self._next_folder()
                merge(stream, status=0, target=folder / _MERGED)
                self._show_from(folder)

    def _next_folder(self) -> Path:
        assert self._folder is not None  # noqa: S101 - `start` has made it
        self._n_windows += 1
        folder = self._folder / str(self._n_windows)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class _ImportWatch:
    """Stands first among the finders of modules until torch has been imported."""

    def __init__(self, then: Any) -> None:
        self._then = then
        self._is_looking = False
        sys.meta_path.insert(0, self)

    def undo(self) -> None:
        """Look no longer."""
        with suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Find torch where the others do, and begin when it has been executed."""
        if name != "torch" or self._is_looking:  # another finder of this kind asks all others, as this one does
            return None
        self._is_looking = True
        try:
            specs = (one.find_spec(name, path, target) for one in _finders() if one is not self)
            spec: ModuleSpec | None = next((one for one in specs if one is not None), None)
        finally:
            self._is_looking = False
        if spec is not None:
            self._begin_after(spec.loader)
        return spec

    def _begin_after(self, loader: Any) -> None:
        """The loader executes the module as it is, and then recording begins."""
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            execute(module)
            self.undo()
            self._then()

        with suppress(AttributeError):  # a loader that is no ordinary object
            loader.exec_module = exec_module


def _finders() -> list[Any]:
    return [one for one in sys.meta_path if hasattr(one, "find_spec")]


def _size(folder: Path) -> int:
    total = 0
    with suppress(OSError):
        total = sum(one.stat().st_size for one in folder.iterdir())
    return total


def _is_of_torch(error: BaseException) -> bool:
    """Whether torch raised an exception: from its own code, or from C++ in the words of Python."""
    if isinstance(error, RuntimeError):
        return True
    torch = sys.modules.get("torch")
    home = os.path.dirname(getattr(torch, "__file__", None) or "?") + os.sep  # noqa: PTH120 - as frames say
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.startswith(home):
            return True
        traceback = traceback.tb_next
    return False
