"""The run as a whole: what ran, how it ended, and what was not looked at."""

from typing import Literal

from gradtrace.analysis.coverage import Gap, coverage
from gradtrace.model import GradSwitch as SeenSwitch
from gradtrace.model import Level, ObservationKind, RecordedProcess, SwitchKind, Trace
from gradtrace.model import Observation as SeenObservation
from gradtrace.model import ProgramError as SeenError
from gradtrace.model import RejectedCall as SeenCall
from gradtrace.renderers.document.layout import Part, Section
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.tensors import Location, location
from gradtrace.text.coverage_words import advice, sentence


class KeptResult(Part, frozen=True, kw_only=True):
    """A result with a graph that the program held on to when an exception ended it.

    Attributes:
        name: how it is reached: `model.blocks[0].aux_loss`.
        location: the line that stores it there, or null.
        made: where it was computed, or null.
    """

    name: str
    location: Location | None
    made: Location | None


class GivenTensor(Part, frozen=True, kw_only=True):
    """A tensor that a call was given which raised.

    Attributes:
        name: of the argument or the parameter, or what the source calls it.
        variable: what the program's line calls it; empty where it has no name there.
        shape: its extents.
        dtype: without the `torch.`.
        device: where it lies.
        leaf: the id of the leaf that it is, for a parameter; else null.
        made_by: the id of a parameter of the one layer that computed it; null where that is not known.
        least: of whole numbers the least; null for others.
        greatest: of whole numbers the greatest; null for others.
    """

    name: str
    variable: str
    shape: list[int]
    dtype: str
    device: str
    leaf: int | None
    made_by: int | None
    least: int | None
    greatest: int | None


class Setting(Part, frozen=True, kw_only=True):
    """Whole numbers that a module was made with.

    Attributes:
        name: `in_features`, `kernel_size`.
        numbers: one, or one for each dimension.
    """

    name: str
    numbers: list[int]


class RejectedCall(Part, frozen=True, kw_only=True):
    """The call of torch's that raised what ended the program.

    Attributes:
        name: the function, where it is written in Python: `cross_entropy`; else empty.
        module: the path of the innermost module that was being called; empty where there is none.
        module_class: the class of torch's that this module is of, else its own.
        is_of_module: a module of torch's made the call, not the program's own source.
        settings: what that module was made with.
        tensors: what the call was given, then the module's own parameters.
    """

    name: str
    module: str
    module_class: str
    is_of_module: bool
    settings: list[Setting]
    tensors: list[GivenTensor]


class ProgramError(Part, frozen=True, kw_only=True):
    """The exception that ended the program.

    Attributes:
        type: its class.
        message: its text.
        frames: the calls, the outermost first, without torch's own.
        kept: results that the program held and that the exception may be about.
        call: the call of torch's that raised it; null where it was none.
    """

    type: str
    message: str
    frames: list[Location]
    kept: list[KeptResult]
    call: RejectedCall | None


class GradSwitch(Part, frozen=True, kw_only=True):
    """What switched gradients off.

    Attributes:
        kind: how.
        call: what was written or called: `torch.no_grad`, `checkpoint`.
        location: the `with`, the definition of the function, or the call.
    """

    kind: SwitchKind
    call: str
    location: Location | None


class Observation(Part, frozen=True, kw_only=True):
    """A fact that was counted over the run.

    Attributes:
        kind: what was counted.
        count: how often it was.
        location: the first place.
        text: more about it, in words.
        switch: what switched gradients off for the first operation that ran without them, or null.
    """

    kind: ObservationKind
    count: int
    location: Location | None
    text: str
    switch: GradSwitch | None


class BlindSpot(Part, frozen=True, kw_only=True, rename={"is_open": "open", "pass_index": "pass"}):
    """Something that the program did and that was not, or not wholly, looked at.

    Attributes:
        reason: why; one of the words in the table of reasons.
        severity: `total` where nothing could be looked at.
        is_open: something may be wrong although nothing was found; then `gradtrace check` ends with status 2.
        message: a sentence for people.
        help: what to do about it; empty where there is nothing to do.
        count: how many things it stands for.
        pass_index: the last pass before it; 0 before the first.
        location: the first place.
        process: whose it was.
    """

    reason: str
    severity: Literal["total", "partial"]
    is_open: bool
    message: str
    help: str
    count: int
    pass_index: int
    location: Location | None
    process: int


class Rank(Part, frozen=True, kw_only=True, rename={"has_ended": "ended"}):
    """A rank of a distributed program.

    Attributes:
        process: its number among the processes.
        rank: its rank in the default process group.
        world_size: how many ranks there are, or null.
        has_ended: it came to the end of its program; false where it was killed, or left by `os._exit`.
        error: the exception that ended it, or null.
    """

    process: int
    rank: int
    world_size: int | None
    has_ended: bool
    error: ProgramError | None


class Run(Section, frozen=True, kw_only=True):
    """What was run, and how it ended.

    Attributes:
        target: a path, `-m module`, `-c code` or an expression.
        argv: the words that the program was given.
        python: the version of Python.
        torch: the version of torch; empty when it was never imported.
        gradtrace: the version of gradtrace that recorded it.
        device: where new tensors went by default.
        seed: what `--seed` gave, or null.
        status: the program's exit status, negative for a signal; null while it is not known.
        complete: it ran to its end and was recorded to its end.
        error: the exception that ended it, or null.
        expression: its source, where an expression was run, else null.
        processes: how many processes were recorded.
        ranks: which rank of a distributed program each process is; empty where there are none.
        observations: facts that were counted.
        notes: sentences about the recording, for people.
        blind_spots: what was not looked at; empty when all was.
        facts: what only a diagnosis needs was recorded too.
        level: how much of tensors was measured; null when the recording does not say.
    """

    target: str
    argv: tuple[str, ...]
    python: str
    torch: str
    gradtrace: str
    device: str
    seed: int | None
    status: int | None
    complete: bool
    error: ProgramError | None
    expression: str | None
    processes: int
    ranks: list[Rank]
    observations: list[Observation]
    notes: tuple[str, ...]
    blind_spots: list[BlindSpot]
    facts: bool
    level: Level | None


def run(trace: Trace) -> Run:
    """The run of a trace."""
    one = trace.run
    return Run(
        target=one.target,
        argv=one.argv,
        python=one.python,
        torch=one.torch,
        gradtrace=one.gradtrace,
        device=one.device,
        seed=one.seed,
        status=one.status,
        complete=one.complete,
        error=error(one.error),
        expression=one.expression,
        processes=one.n_processes,
        ranks=[_rank(each) for each in one.processes if each.rank is not None],
        observations=list(map(_observation, one.observations)),
        notes=one.notes,
        blind_spots=list(map(blind_spot, coverage(trace))),
        facts=one.facts,
        level=Level(one.level) if one.level in tuple(Level) else None,
    )


def _rank(one: RecordedProcess) -> Rank:
    return Rank(
        process=one.number,
        rank=one.rank or 0,
        world_size=one.world_size,
        has_ended=one.has_ended,
        error=error(one.error),
    )


def error(one: SeenError | None) -> ProgramError | None:
    """The exception that ended a program."""
    if one is None:
        return None
    kept = [mirrored(KeptResult, each) for each in one.kept]
    return mirrored(ProgramError, one, kept=kept, call=None if one.call is None else _rejected(one.call))


def _rejected(one: SeenCall) -> RejectedCall:
    return mirrored(
        RejectedCall,
        one,
        settings=[mirrored(Setting, each) for each in one.settings],
        tensors=[mirrored(GivenTensor, each) for each in one.tensors],
    )


def switch(one: SeenSwitch | None) -> GradSwitch | None:
    """What switched gradients off."""
    return None if one is None else mirrored(GradSwitch, one)


def blind_spot(gap: Gap) -> BlindSpot:
    """What was not looked at."""
    spot = gap.spot
    return BlindSpot(
        reason=spot.reason,
        severity="total" if gap.is_total else "partial",
        is_open=gap.is_open,
        message=sentence(gap),
        help=advice(gap),
        count=spot.count,
        pass_index=spot.pass_index,
        location=location(spot.location),
        process=spot.process,
    )


def _observation(seen: SeenObservation) -> Observation:
    return mirrored(Observation, seen, switch=switch(seen.switch))
