"""The run as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

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
class GivenTensor:
    """A tensor that a call was given which raised.

    Attributes:
        name: of the argument (`input`), of the parameter (`weight`), or what the source calls it (`self.table`).
        variable: what the program's line calls it; "" where it has no name there.
        dtype: without the `torch.`.
        leaf: the leaf that it is, for a parameter.
        made_by: a parameter of the one layer that computed it, where that is known.
        least: of whole numbers the least, where they could be read.
        greatest: of whole numbers the greatest, where they could be read.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    leaf: int | None = None
    made_by: int | None = None
    least: int | None = None
    greatest: int | None = None
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """Whole numbers that a module was made with: `in_features`, `kernel_size`."""

    name: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RejectedCall:
    """The call of torch's that raised what ended the program.

    Attributes:
        name: the function, where it is written in Python: `cross_entropy`; "" for others.
        module: the path of the innermost module that was being called; "" outside of any, or where it has no name.
        module_class: the class of torch's that this module is of (`Linear`), else its own.
        is_of_module: a module of torch's made the call, not the program's own source.
        settings: what that module was made with.
        tensors: what the call was given, then the module's own parameters.
    """

    name: str = ""
    module: str = ""
    module_class: str = ""
    is_of_module: bool = False
    settings: tuple[Setting, ...] = ()
    tensors: tuple[GivenTensor, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramError:
    """The exception that ended the program.

    Attributes:
        frames: from the outermost call to the innermost, without torch's own.
        call: the call of torch's that raised it, where facts for a diagnosis were asked for and it was one.
        kept: results that were held and that it may be about, where facts for a diagnosis were asked for and the
            exception is of a kind that is about such results: a graph that is walked a second time, a copy.
    """

    type: str
    message: str
    frames: tuple[Location, ...] = ()
    kept: tuple[KeptResult, ...] = ()
    call: RejectedCall | None = None


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


def spans(numbers: Iterable[int]) -> list[str]:
    """Numbers with their runs drawn together: `1-3`, `5`, `8-9`."""
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return [f"{first}" if first == last else f"{first}-{last}" for first, last in runs]


def ranks_in_words(ranks: Iterable[int]) -> str:
    """`rank 2`, `ranks 0 and 2-3`."""
    numbers = set(ranks)
    texts = spans(numbers)
    listed = " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
    return f"rank {listed}" if len(numbers) == 1 else f"ranks {listed}"


@dataclass(frozen=True, slots=True)
class RecordedProcess:
    """One process that was recorded.

    Attributes:
        number: what `process` of leaves, passes and events refers to.
        pid: its number for the operating system.
        rank: its rank in the default process group of `torch.distributed`, or as its launcher set it in `RANK`; None
            for a process of no group, and for a second one of the same rank.
        world_size: how many ranks there are; None without a rank.
        error: the exception that ended it, if one did.
        has_ended: its recorder saw the end of the program; false where it was killed, or ended by `os._exit`.
    """

    number: int
    pid: int
    rank: int | None = None
    world_size: int | None = None
    error: ProgramError | None = None
    has_ended: bool = True

    def __str__(self) -> str:
        """`rank 1`, or `process 1` where no rank is known."""
        return f"process {self.number}" if self.rank is None else f"rank {self.rank}"


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
        processes: those that were recorded, in the order of their numbers; empty where the trace was built by hand.
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
    processes: tuple[RecordedProcess, ...] = field(default=(), compare=False)

    @property
    def has_ranks(self) -> bool:
        """Whether several ranks of a distributed program were recorded."""
        return sum(one.rank is not None for one in self.processes) > 1

    @property
    def failed_rank(self) -> str:
        """`rank 1`, where it was a rank that the exception ended; else ""."""
        ended = (one for one in self.processes if one.rank is not None and one.error is not None)
        return next((str(one) for one in ended if one.error == self.error), "")

    def name_of(self, process: int) -> str:
        """`rank 1`, or `process 1` where no rank is known."""
        return next((str(one) for one in self.processes if one.number == process), f"process {process}")
