"""How a program is run and what is recorded of it."""

from dataclasses import dataclass

from gradtrace.launch.passes import Passes
from gradtrace.model.kinds import Level
from gradtrace.model.needs import Needs


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line asks of a run.

    Attributes:
        passes: which passes are recorded in full.
        small_passes: of a program of few nodes a pass, so many from the first on are recorded in full too.
        shown_pass: the index of a pass that is recorded in full besides, because it will be shown.
        device: where the program creates tensors by default; None leaves it as it is.
        stop_after: the program is ended after that many passes.
        roots: names of the tensors to draw when the program never runs backward.
        level: how much is measured.
        python: another interpreter than this one.
        timeout: seconds after which the program is ended.
        announce: the recorder may say on stderr that the asked-for passes are in.
        divert_stdout: the program's stdout goes to stderr, because ours carries a document.
        needs: what is measured at the default level; None for what is usual.
        facts: watch also for what a diagnosis needs: where values leave the graph, who switches `requires_grad`.
    """

    passes: Passes = ((1, 3),)
    small_passes: int = 0
    shown_pass: int | None = None
    device: str | None = None
    seed: int | None = None
    dtype: str | None = None
    stop_after: int | None = None
    roots: tuple[str, ...] = ()
    level: Level = Level.DEFAULT
    python: str | None = None
    timeout: float | None = None
    announce: bool = True
    divert_stdout: bool = False
    facts: bool = False
    needs: Needs | None = None
