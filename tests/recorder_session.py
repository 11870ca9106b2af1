"""Records what a test does in its own process, and reads it back."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradtrace import recorder
from gradtrace.model import Trace
from gradtrace.recorder.config import Config
from gradtrace.recording import load

_ALL_VALUES = 100_000


class Session:
    """A recording of this process; `trace()` reads what was written so far."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def stream(self) -> Path:
        """The file which this process wrote."""
        return self.directory / f"{os.getpid()}.stream"

    def trace(self) -> Trace:
        """The recording as the reader sees it."""
        return load(self.stream)


@contextlib.contextmanager
def recorded(directory: Path, **options: Any) -> Iterator[Session]:
    """Record the block: every pass in full and every value, unless `options` (those of `Config`) say otherwise."""
    for number in itertools.count():
        session = directory / f"session-{number}"
        if not session.exists():
            break
    session.mkdir()
    settings: dict[str, Any] = {"passes": None, "value_limit": _ALL_VALUES, **options}
    recorder.start(Config(session=session, **settings))
    try:
        yield Session(session)
    finally:
        recorder.stop()
