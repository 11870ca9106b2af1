"""Tells whether a signal was sent to this process alone or to its whole group, which includes the program.

The kernel does not say. So a small process (`witness_process`) stands in the group, blocks everything and is asked:
what it was sent as well, was sent to the group, and the program has it already.
"""

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

_PROCESS = str(Path(__file__).with_name("witness_process.py"))

_LONGEST_ANSWER = 2.0
"""Seconds after which no answer is expected any more: the witness was stopped or ended."""


class Witness:
    """The parent's end: a context manager around the process, and the question to it."""

    def __init__(self, watched: set[int]) -> None:
        self._watched = watched
        self._pid: int | None = None
        self._question = self._answer = -1

    def __enter__(self) -> Self:
        """Starts the process; where that is impossible, every signal counts as sent to this process alone."""
        with suppress(OSError):
            self._start()
        return self

    def _start(self) -> None:
        asked, self._question = map(_above_the_standard_ones, os.pipe())
        self._answer, answering = map(_above_the_standard_ones, os.pipe())
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", _PROCESS],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, asked, 0),
                    (os.POSIX_SPAWN_DUP2, answering, 1),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsigmask=self._watched,
            )
        finally:
            os.close(asked)
            os.close(answering)

    def received(self, number: int) -> bool:
        """Whether the whole group was sent this signal; what was is forgotten by the question."""
        if self._pid is None:
            return False
        with suppress(OSError):
            os.write(self._question, bytes([number]))
            if select.select([self._answer], [], [], _LONGEST_ANSWER)[0]:
                return os.read(self._answer, 1) == b"y"
        self.close()  # a late answer would be taken for that to the next question
        return False

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process, which ends by itself when nobody can ask any more."""
        for descriptor in (self._question, self._answer):
            if descriptor >= 0:
                os.close(descriptor)
        self._question = self._answer = -1
        if self._pid is not None:
            with suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        self._pid = None


def _above_the_standard_ones(descriptor: int) -> int:
    """The same pipe by a number above 2: the standard streams may be closed here, and must be so in the program."""
    if descriptor > 2:  # noqa: PLR2004
        return descriptor
    moved = _above_the_standard_ones(os.dup(descriptor))
    os.close(descriptor)
    return moved
