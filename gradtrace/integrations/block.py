"""A stretch of a program in this process: recorded, or seen through the recording that is under way already."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtrace.api import Passes, Recording, record
from gradtrace.errors import GradtraceError

if TYPE_CHECKING:
    from gradtrace.model import Leaf, Trace
    from gradtrace.recorder.session import Recorder


@contextmanager
def unwarned() -> Iterator[None]:
    """What we import and do raises no warning that the host takes for the program's, or turns into an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Block:
    """What runs between `begin` and `end`.

    A process has one recorder. Where another one is at work, its recording is read before and after, and what was added
    is the block's: what it does not record in full, this does not either.

    Args:
        passes: which are recorded in full.
        folders: where files of the program's own lie.
    """

    def __init__(self, passes: Passes, folders: Sequence[Path] = ()) -> None:
        self._passes = passes
        self._folders = folders
        self._own: tuple[AbstractContextManager[Recording], Recording] | None = None
        self._recorder: Recorder | None = None
        self._before: Trace | None = None
        self._alive: frozenset[int] = frozenset()
        self._trace: Trace | None = None
        self._is_open = False

    @property
    def is_borrowed(self) -> bool:
        """Whether another recorder records it."""
        return self._before is not None

    @property
    def trace(self) -> Trace:
        """What was recorded.

        Raises:
            GradtraceError: it has not begun, or not ended.
        """
        __tracebackhide__ = True
        if self._trace is None:
            raise GradtraceError("nothing has been recorded yet: read it after the `with` block")
        return self._trace

    def begin(self) -> None:
        """From here on."""
        if self._is_open:
            raise GradtraceError("this block records already: end it first")
        with unwarned():
            from gradtrace import recorder  # imports torch
            from gradtrace.recorder.live import leaves_alive

            self._trace = self._before = self._own = None
            current = recorder.current()
            if current is not None:
                self._before, self._alive = _read(current), leaves_alive(current)
            else:
                context = record(passes=self._passes, facts=True, folders=self._folders)
                self._own = context, context.__enter__()
            self._recorder = recorder.current()
            self._is_open = True

    def end(self, error: BaseException | None = None) -> None:
        """Up to here.

        Args:
            error: the exception that ends it.
        """
        if not self._is_open or self._recorder is None:
            raise GradtraceError("this block has not begun")
        self._is_open = False
        with unwarned():
            if self._own is not None:
                context, recording = self._own
                if error is None:
                    context.__exit__(None, None, None)
                else:
                    context.__exit__(type(error), error, error.__traceback__)
                self._trace = recording.trace
            elif self._before is not None:
                from gradtrace.analysis.window import since
                from gradtrace.recorder.live import described

                trace = since(_read(self._recorder), self._before, self._alive)
                self._trace = replace(trace, run=replace(trace.run, error=None if error is None else described(error)))

    def leaf(self, tensor: Any) -> Leaf | None:
        """The leaf that a tensor is in the trace; None where the recorder has not met it."""
        from gradtrace.recorder.live import leaf_of

        found = None if self._recorder is None else leaf_of(self._recorder, tensor)
        if found is None:
            return None
        number, name = found
        own = [one for one in self.trace.leaves if one.process == 0]
        by_number = next((one for one in own if one.id == number and one.name == name), None)
        return by_number or next((one for one in own if one.name == name), None)


def _read(recorder: Recorder) -> Trace:
    """What a recorder that is at work has seen of this process."""
    from gradtrace.recorder.live import write_all
    from gradtrace.recording import load, merge

    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        file = Path(folder) / "run.gtrace"
        merge(write_all(recorder), status=0, target=file)
        return load(file)
