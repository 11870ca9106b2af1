"""What is recorded in this process: inside a `with` block, or during the calls of a function."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar

from gradtrace.api import views
from gradtrace.errors import GradtraceError, UsageError
from gradtrace.files import PRIVATE, replacing
from gradtrace.model import Level, Trace
from gradtrace.recording import load as load_recording
from gradtrace.recording import merge

if TYPE_CHECKING:
    from gradtrace.recorder.session import Recorder

Passes = Literal["all", "last"] | tuple[tuple[int, int | None], ...]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_EVERY = ((1, None),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be recorded.

    Attributes:
        target: what the recording says was run.
        passes: which are recorded in full.
        level: how much is measured.
        facts: watch also for what a diagnosis needs.
        folders: where files of the program's own lie, as absolute paths.
        only: which entries are recorded, counted from 1; None for all.
        step_norms: how many levels of module names the norms of every step tell apart; None: they are not measured.
        asks_again: where another recorder is at work, it is made to record these passes in full.
    """

    target: str
    passes: Passes = "all"
    level: Level = Level.DEFAULT
    facts: bool = False
    folders: tuple[str, ...] = ()
    only: frozenset[int] | None = None
    step_norms: int | None = None
    asks_again: bool = True


class Recording:
    """What `record` or `watch` has seen: a context manager, and a decorator of functions.

    It may be entered again and again: `trace` is that of the latest entry that was recorded.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._trace: Trace | None = None
        self._bytes: bytes | None = None
        self._n_entries = self._depth = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        """Where streams are written, while it records by itself."""
        self._before: tuple[Trace, frozenset[int]] | None = None
        """While another recorder is at work: what it had seen before, and the leaves that were alive then."""
        self._is_open = False
        self.recorder: Recorder | None = None

    def __repr__(self) -> str:
        state = "not over" if self._is_open else "nothing yet" if self._trace is None else repr(self._trace)
        return f"<gradtrace.Recording: {state}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002 - as IPython asks
        """What a notebook shows: the trace, when there is one."""
        return {"text/plain": repr(self)} if self._trace is None or self._is_open else views.of_trace(self._trace)

    @property
    def trace(self) -> Trace:
        """Everything that was recorded.

        Raises:
            GradtraceError: nothing was recorded yet.
        """
        return self._finished("read .trace")

    @property
    def is_over(self) -> bool:
        """Whether there is a trace."""
        return self._trace is not None and not self._is_open

    @property
    def is_borrowed(self) -> bool:
        """Whether another recorder, which was at work already, records it."""
        return self._before is not None

    def save(self, path: str | Path) -> None:
        """Write a `.gtrace` file, which every command takes; only its owner may read a new one.

        A file that is there is replaced at once, or not at all.

        Raises:
            GradtraceError: nothing was recorded yet, or what was is a part of another recording.
            OSError: the file cannot be written.
        """
        self._finished("save")
        if self._bytes is None:
            raise GradtraceError(
                "this is a part of a recording that was under way already: save that one as a whole (%gradtrace save "
                "in a notebook, gradtrace record on the command line)"
            )
        with replacing(Path(path), PRIVATE) as file:
            file.write(self._bytes)

    def _finished(self, doing: str) -> Trace:
        if self._is_open:
            raise GradtraceError(f"the recording is not over: {doing} after the `with` block")
        if self._trace is None:
            only = self._wanted.only
            if only is not None and self._n_entries:
                wanted = ", ".join(map(str, sorted(only)))
                raise GradtraceError(f"nothing was recorded: only={wanted}, and it was entered {self._n_entries} times")
            raise GradtraceError(f"nothing was recorded yet: {doing} after a `with` block, or after a call")
        return self._trace

    # As a context manager.

    def __enter__(self) -> Self:
        """Begin to record, if this entry is to be recorded.

        Raises:
            GradtraceError: another recording is at work in this process that measures less or more.
        """
        if self._depth == 0:
            self._n_entries += 1
            if self._wanted.only is None or self._n_entries in self._wanted.only:
                self._begin()
        self._depth += 1
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Record no longer."""
        self._depth -= 1
        if self._depth == 0 and self._is_open:
            self._end(error)

    def _begin(self) -> None:
        from gradtrace import recorder  # imports torch, which only this needs  # noqa: PLC0415

        current = recorder.current()
        self._before = None
        if current is None:
            self._begin_own()
        else:
            self._join(current)
        self.recorder = recorder.current()
        self._is_open = True

    def _begin_own(self) -> None:
        from gradtrace import recorder  # noqa: PLC0415
        from gradtrace.diagnosis.all_needs import EVERYBODYS  # noqa: PLC0415
        from gradtrace.recorder.config import Config  # noqa: PLC0415

        wanted = self._wanted
        self._folder = tempfile.TemporaryDirectory(prefix="gradtrace-")
        recorder.start(
            Config(
                session=Path(self._folder.name),
                target=wanted.target,
                passes=None if wanted.passes == "all" else wanted.passes,
                level=wanted.level,
                facts=wanted.facts,
                needs=EVERYBODYS if wanted.facts else None,
                folders=wanted.folders,
                step_norms=wanted.step_norms,
            )
        )

    def _join(self, current: Recorder) -> None:
        """A process has one recorder: what this one adds to its recording is ours."""
        from gradtrace.recorder import live  # noqa: PLC0415

        level = current.config.level
        if self._wanted.level != level:
            raise GradtraceError(
                f"a recording of level {level} is at work in this process already, so that there can be none of level"
                f" {self._wanted.level}: end it first"
            )
        measured = current.config.step_norms
        if self._wanted.step_norms not in (None, measured):
            others = "no norms" if measured is None else f"norms of another depth (step_norms={measured})"
            raise GradtraceError(f"a recording is at work in this process already that measures {others}: end it first")
        self._before = _read(current), live.leaves_alive(current)
        current.n_readers += 1
        if self._wanted.asks_again:
            passes = self._wanted.passes
            live.ask_again(current, _EVERY if isinstance(passes, str) else passes)

    def _end(self, error: BaseException | None) -> None:
        self._is_open = False
        if self._before is not None and self.recorder is not None:
            self._part(self.recorder, *self._before, error)
            return
        from gradtrace import recorder  # noqa: PLC0415
        from gradtrace.recorder import live  # noqa: PLC0415

        folder, self._folder = self._folder, None
        if folder is None:
            return
        with folder:
            status = 0
            if isinstance(error, Exception) and self.recorder is not None:
                status = 1
                live.write_failure(self.recorder, error)
            if recorder.current() is self.recorder:
                recorder.stop()
            file = Path(folder.name) / "run.gtrace"
            merge(Path(folder.name), status=status, target=file)
            self._bytes = file.read_bytes()
            self._trace = load_recording(file)

    def _part(self, current: Recorder, before: Trace, alive: frozenset[int], error: BaseException | None) -> None:
        from gradtrace.analysis.window import since  # noqa: PLC0415
        from gradtrace.recorder import live  # noqa: PLC0415

        current.n_readers -= 1
        if self._wanted.asks_again:
            live.ask_again(current, ())
        trace = since(_read(current), before, alive)
        described = None if error is None else live.described(error)
        self._trace = replace(trace, run=replace(trace.run, error=described))
        self._bytes = None

    # As a decorator.

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """A function that is recorded while it runs; its attribute `recording` is this object.

        Raises:
            UsageError: it is no function, or one whose call does not run it.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise UsageError(
                f"a call of the generator {function.__name__} does not run it: write `with gradtrace.watch():` inside"
            )
        if not callable(function):
            raise UsageError(f"what is decorated must be a function, and not a {type(function).__name__}")
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def recorded_coroutine(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                with self:
                    return await function(*args, **kwargs)

            recorded: Any = recorded_coroutine
        else:

            @wraps(function)
            def recorded_function(*args: _P.args, **kwargs: _P.kwargs) -> _R:
                with self:
                    return function(*args, **kwargs)

            recorded = recorded_function
        recorded.recording = self
        result: Callable[_P, _R] = recorded
        return result


def wanted(
    target: str,
    *,
    passes: Passes,
    level: str,
    facts: bool,
    folders: Iterable[str | Path],
    only: int | Iterable[int] | None,
    step_norms: int | None = None,
) -> Wanted:
    """The options of a recording, looked at before anything runs.

    Args:
        target: what the recording says was run.
        passes: which are recorded in full.
        level: how much is measured.
        facts: watch also for what a diagnosis needs.
        folders: where files of the program's own lie.
        only: which entries are recorded.
        step_norms: how many levels of module names are told apart in the norms of every step; None: none are measured.

    Raises:
        UsageError: one of them means nothing.
    """
    if level not in tuple(Level):
        raise UsageError(f"there is no level {level!r}: it is {', '.join(Level)}")
    if isinstance(passes, str) and passes not in ("all", "last"):
        raise UsageError(
            f"passes={passes!r} means nothing: it is 'all', 'last', or ranges such as ((1, 3), (10, None))"
        )
    entries = None if only is None else frozenset((only,) if isinstance(only, int) else only)
    if entries is not None and (not entries or any(type(one) is not int or one < 1 for one in entries)):
        raise UsageError(f"only={only!r} means nothing: it is the number of an entry, from 1, or several")
    if step_norms is not None and (type(step_norms) is not int or step_norms < 0):
        raise UsageError(
            f"step_norms={step_norms!r} means nothing: it is a number of levels of module names; 0: each parameter"
        )
    own = tuple(os.path.abspath(one) for one in folders)  # noqa: PTH100 - as the names of code are
    return Wanted(
        target=target, passes=passes, level=Level(level), facts=facts, folders=own, only=entries, step_norms=step_norms
    )


def _read(recorder: Recorder) -> Trace:
    """What a recorder that is at work has seen of this process."""
    from gradtrace.recorder.live import write_all  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        file = Path(folder) / "run.gtrace"
        merge(write_all(recorder), status=0, target=file)
        return load_recording(file)
