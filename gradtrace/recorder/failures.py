"""What our own code could not do: one observation is lost, and the recording says which."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from torch import is_grad_enabled

from gradtrace.model.blind_spot import Blind
from gradtrace.recorder import sections
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.stream import plain_text

_MAX_KINDS = 100


class Failures:
    """Counts what failed; the program never notices."""

    def __init__(self, journal: Journal, stop: Callable[[str], None]) -> None:
        self._journal = journal
        self._stop = stop
        self._counts: dict[tuple[str, str], int] = {}

    def looking(self, what: str) -> AbstractContextManager[None]:
        """Look at something, quietly; what fails is noted, and what the program raises reaches it."""
        return _Looking(self, what)

    def absorb(self, what: str, error: BaseException) -> bool:
        """Note that one observation failed; False if the exception is the program's, and a `raise` must follow."""
        if sections.is_foreign(error):
            sections.leave_no_trace(error)
            return False
        self._note(what, error)
        return True

    def _note(self, what: str, error: BaseException) -> None:
        if isinstance(error, OSError):  # the stream cannot be written
            self.stop(error)
            return
        try:
            _debug(error)
            key = (what, plain_text(f"{type(error).__name__}: {error}")[:500])
            if key in self._counts or len(self._counts) < _MAX_KINDS:
                self._counts[key] = self._counts.get(key, 0) + 1
            if self._counts.get(key) == 1:
                self._journal.blind(Blind.OBSERVATION_FAILED, f"{what} ({key[1]})")
        except Exception as another:  # an exception with a broken __str__, a full disk
            self.stop(another)

    def write(self) -> None:
        """Say of each kind of failure how often it came again."""
        for (what, why), count in self._counts.items():
            if count > 1:
                self._journal.blind(Blind.OBSERVATION_FAILED, f"{what} ({why})", count - 1)

    def begin_stream(self) -> None:
        """Write to a new stream; what fails from here on is said in it, too."""
        self._counts.clear()

    def stop(self, error: BaseException) -> None:
        """Nothing more can be recorded: switch off."""
        _debug(error)
        try:
            text = f"{type(error).__name__}: {error}"
        except Exception:
            text = type(error).__name__
        self._stop(text)


class _Looking:
    """An observation, as a class: a generator costs several times as much, and a step of a program has many."""

    __slots__ = ("_failures", "_grad_mode", "_quiet", "_what")

    def __init__(self, failures: Failures, what: str) -> None:
        self._failures = failures
        self._what = what
        self._quiet = sections.Quiet()
        self._grad_mode = is_grad_enabled()

    def __enter__(self) -> None:
        self._quiet.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        try:
            return error is not None and self._failures.absorb(self._what, error)
        finally:
            if error is not None:
                sections.put_grad_mode_back(self._grad_mode)
            self._quiet.__exit__(kind, error, at)


def _debug(error: BaseException) -> None:
    if os.environ.get("GRADTRACE_DEBUG"):
        import traceback

        traceback.print_exception(error)
