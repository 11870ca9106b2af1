"""The run as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.blind_spot import BlindSpot
from gradtrace.model.cut import GradSwitch
from gradtrace.model.kinds import ObservationKind
from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class ProgramError:
    """The exception that ended the program: `frames` from the outermost call to the innermost, without torch's own."""

    type: str
    message: str
    frames: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """A counted fact about a run that helps when little else was seen.

    `switch` is what switched gradients off for the first of the operations that ran without them.
    """

    kind: ObservationKind
    count: int
    location: Location | None = None
    text: str = ""
    switch: GradSwitch | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Where the numbers come from.

    Attributes:
        target: what was run: a path, `-m module`, `-c code` or an expression.
        status: the program's exit status; negative for a signal; None while unknown.
        complete: the program ran to its end and its stream was read whole.
        error: the exception that ended it, if one did.
        expression: the source text, when the target was an expression.
        facts: what only a diagnosis needs was recorded too.
        level: how much was measured: `structure`, `default`, `full`; "" when the recording does not say.
        blind_spots: what was not looked at, as far as the recording says; `analysis.coverage` knows the rest.
    """

    target: str
    argv: tuple[str, ...]
    python: str
    torch: str
    gradtrace: str
    device: str
    seed: int | None = None
    status: int | None = None
    complete: bool = True
    error: ProgramError | None = None
    expression: str | None = None
    n_processes: int = 1
    observations: tuple[Observation, ...] = ()
    notes: tuple[str, ...] = ()
    facts: bool = False
    level: str = ""
    blind_spots: tuple[BlindSpot, ...] = ()
