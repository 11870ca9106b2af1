"""How a program is run and what is recorded of it."""

from dataclasses import dataclass

from gradtrace.model.run_options import RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(RunOptions):
    """What the command line asks of a run: the recorder's part, and what the launcher does itself.

    Attributes:
        python: another interpreter than this one.
        timeout: seconds after which the program is ended.
        divert_stdout: the program's stdout goes to stderr, because ours carries a document.
    """

    announce: bool = True
    python: str | None = None
    timeout: float | None = None
    divert_stdout: bool = False
