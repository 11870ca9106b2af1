"""The run as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.blind_spot import BlindSpot
from gradtrace.model.cut import GradSwitch
from gradtrace.model.kinds import ObservationKind
from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class KeptResult:
    """A result with a graph that the program held when an exception ended it.

    Attributes:
        name: how it is reached: `dataset.text`, `model.blocks[0].aux_loss`; `cached()` for the cache of
            `torch.nn.utils.parametrize`.
        location: the line that stores it there, when one is known to; the `with` of the cache.
        made: where it was computed, when that is known.
    """

    name: str
    location: Location | None = None
    made: Location | None = None


@dataclass(frozen=True, slots=True)
class ProgramError:
    """The exception that ended the program.

    Attributes:
        frames: from the outermost call to the innermost, without torch's own.
        kept: results that were held and that it may be about, where facts for a diagnosis were asked for and the
            exception is of a kind that is about such results: a graph that is walked a second time, a copy.
    """

    type: str
    message: str
    frames: tuple[Location, ...] = ()
    kept: tuple[KeptResult, ...] = ()


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
