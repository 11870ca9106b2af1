"""The public verbs, for use from Python: `record`, `load`, `explain`, `render`.

What the command line does with another process, `record` does in this one: the same recorder, the same trace.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from gradtrace.errors import GradtraceError
from gradtrace.files import PRIVATE, replacing
from gradtrace.model import Level, Trace
from gradtrace.recording import load as load_recording
from gradtrace.recording import merge
from gradtrace.renderers import registry

Passes = Literal["all", "last"] | tuple[tuple[int, int | None], ...]


class Recording:
    """What `record` has seen; `trace` is there when the block has ended."""

    def __init__(self) -> None:
        self._trace: Trace | None = None
        self._bytes = b""

    @property
    def trace(self) -> Trace:
        """Everything that was recorded.

        Raises:
            GradtraceError: the block has not ended yet.
        """
        if self._trace is None:
            raise GradtraceError("the recording is not over: read .trace after the `with` block")
        return self._trace

    def save(self, path: str | Path) -> None:
        """Write a `.gtrace` file, which every command takes; only its owner may read a new one.

        A file that is there is replaced at once, or not at all.

        Raises:
            GradtraceError: the block has not ended yet.
            OSError: the file cannot be written.
        """
        if self._trace is None:
            raise GradtraceError("the recording is not over: save after the `with` block")
        with replacing(Path(path), PRIVATE) as file:
            file.write(self._bytes)


@contextmanager
def record(
    *, passes: Passes = "all", level: str = "default", facts: bool = False, folders: Iterable[str | Path] = ()
) -> Iterator[Recording]:
    """Record the backward passes that run inside the block, in this process.

    Args:
        passes: which are recorded in full: `all`, `last`, or ranges of pass numbers such as `((1, 3), (10, None))`.
        level: how much is measured: `structure` (nothing), `default` (small tensors whole, norms of others), `full`.
        facts: watch also for what a diagnosis needs, such as the places where values leave the graph.
        folders: where files of the program's own lie, besides that of its script and the current one: of calls that
            come through files elsewhere, the line in a file of its own is shown.

    Yields:
        A `Recording`, whose `trace` can be read after the block.

    Raises:
        GradtraceError: another recording is at work in this process.
    """
    from gradtrace import recorder  # imports torch, which only this verb needs  # noqa: PLC0415
    from gradtrace.diagnosis.all_needs import EVERYBODYS  # noqa: PLC0415
    from gradtrace.recorder import live  # noqa: PLC0415
    from gradtrace.recorder.config import Config  # noqa: PLC0415

    if level not in tuple(Level):
        raise GradtraceError(f"there is no level {level!r}: it is {', '.join(Level)}")
    if recorder.current() is not None:
        raise GradtraceError("a recording is at work in this process already: end it first")
    recording = Recording()
    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        session = Path(folder)
        wanted = None if passes == "all" else passes
        target, needs = "gradtrace.record()", EVERYBODYS if facts else None
        own = tuple(os.path.abspath(one) for one in folders)  # noqa: PTH100 - as the names of code are
        running = recorder.start(
            Config(
                session=session,
                target=target,
                passes=wanted,
                level=Level(level),
                facts=facts,
                needs=needs,
                folders=own,
            )
        )
        status = 0
        try:
            yield recording
        except Exception as error:
            status = 1
            live.write_failure(running, error)
            raise
        finally:
            recorder.stop()
            file = session / "run.gtrace"
            merge(session, status=status, target=file)
            recording._bytes = file.read_bytes()  # noqa: SLF001
            recording._trace = load_recording(file)  # noqa: SLF001


def load(path: str | Path) -> Trace:
    """Read a `.gtrace` file.

    Raises:
        RecordingError: the file is foreign, damaged or of a newer version.
    """
    return load_recording(Path(path))


def explain(trace: Trace, **options: Any) -> str:
    """Tell the story of a trace, as `gradtrace explain` does.

    Args:
        trace: what was recorded.
        **options: those of `gradtrace.renderers.explain.explanation.Options`: `pass_index`, `width`,
            `verbose`, `markdown`, ...
    """
    from gradtrace.renderers.explain import explanation  # noqa: PLC0415

    return explanation.render(trace, explanation.Options(**options))


def render(trace: Trace, format: str = "tree", **options: Any) -> str | bytes:  # noqa: A002 - the command's own word
    """Draw a trace: `tree`, `dot`, `svg`, `png`, `pdf`, `mermaid`, `html` or `json`.

    Args:
        trace: what was recorded.
        format: the name of the format.
        **options: those of the format's own `Options`: `pass_index`, `depth`, `fold`, ...

    Returns:
        Text, or bytes for `png` and `pdf`.

    Raises:
        UsageError: there is no such format, or it does not take an option.
        RenderError: the picture cannot be drawn.
    """
    return registry.find(format, registry.PICTURES).render(trace, **options)
