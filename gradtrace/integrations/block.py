"""A stretch of a program in this process: recorded, or seen through the recording that is under way already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtrace.api.recording import Passes, Recording, wanted
from gradtrace.errors import GradtraceError
from gradtrace.integrations.unwarned import unwarned
from gradtrace.model.kinds import Level

if TYPE_CHECKING:
    from gradtrace.model import Leaf, Trace


class Block:
    """What runs between `begin` and `end`.

    A process has one recorder. Where another one is at work, its recording is read before and after, and what was added
    is the block's: what it does not record in full, this does not either.

    Args:
        passes: which are recorded in full.
        folders: where files of the program's own lie.
    """

    def __init__(self, passes: Passes, folders: Sequence[Path] = ()) -> None:
        level = Level.DEFAULT
        asked = wanted("gradtrace.record()", passes=passes, level=level, facts=True, folders=folders, only=None)
        self._wanted = replace(asked, asks_again=False)
        self._recording = Recording(self._wanted)
        self._is_open = False

    @property
    def is_borrowed(self) -> bool:
        """Whether another recorder records it."""
        return self._recording.is_borrowed

    @property
    def trace(self) -> Trace:
        """What was recorded.

        Raises:
            GradtraceError: it has not begun, or not ended.
        """
        __tracebackhide__ = True
        if self._is_open or not self._recording.is_over:
            raise GradtraceError("nothing has been recorded yet: read it after the `with` block")
        return self._recording.trace

    def begin(self) -> None:
        """From here on."""
        if self._is_open:
            raise GradtraceError("this block records already: end it first")
        with unwarned():
            self._recording = Recording(self._wanted)
            self._recording.__enter__()
            self._is_open = True

    def end(self, error: BaseException | None = None) -> None:
        """Up to here.

        Args:
            error: the exception that ends it.
        """
        if not self._is_open:
            raise GradtraceError("this block has not begun")
        self._is_open = False
        with unwarned():
            self._recording.__exit__(None if error is None else type(error), error, None)

    def leaf(self, tensor: Any) -> Leaf | None:
        """The leaf that a tensor is in the trace; None where the recorder has not met it."""
        from gradtrace.recorder.live import leaf_of

        found = None if self._recording.recorder is None else leaf_of(self._recording.recorder, tensor)
        if found is None:
            return None
        number, name = found
        own = [one for one in self.trace.leaves if one.process == 0]
        by_number = next((one for one in own if one.id == number and one.name == name), None)
        return by_number or next((one for one in own if one.name == name), None)
