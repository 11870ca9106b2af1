"""What was not looked at, in sentences: what happened, where, and what to do."""

import signal
from collections.abc import Callable

from gradtrace.analysis.coverage import Gap
from gradtrace.model import Blind, BlindSpot
from gradtrace.text import wording
from gradtrace.text.escape import one_line

_LONGEST = 500
_FAILURE = 120
"""Characters of an exception's message: torch's own can be a page."""


def sentence(gap: Gap) -> str:
    """What was not looked at, without a capital and without a full stop."""
    say = _SENTENCES.get(gap.spot.reason)
    text = say(gap) if say else f"something was not looked at ({gap.spot.reason}: {gap.spot.text})"
    if gap.spot.process:
        text = f"{gap.whose or f'process {gap.spot.process}'}: {text}"
    return one_line(f"{text}{wording.at(gap.spot.location)}", _LONGEST)


def advice(gap: Gap) -> str:
    """What to do about it; empty when there is nothing to do."""
    if gap.spot.reason == Blind.NO_TORCH:
        is_error = gap.status is not None and gap.status > 0
        return "if an import failed, --python PATH runs another interpreter" if is_error else ""
    if gap.spot.reason == Blind.PASSES_NOT_RECORDED and gap.spot.text:
        return "TORCH_COMPILE_DISABLE=1 in the environment runs the program without the compiler"
    return _ADVICE.get(gap.spot.reason, "")


def said(gap: Gap) -> str:
    """Sentence and advice in one."""
    return "; ".join(part for part in (sentence(gap), advice(gap)) if part)


def ended(status: int) -> str:
    """How a program ended that raised nothing: `the program ended with status 7`."""
    if status >= 0:
        return f"the program ended with status {status}"
    if status == -signal.SIGINT:
        return "the program was interrupted"
    try:
        return f"the program was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"the program was ended by signal {-status}"


def _no_torch(gap: Gap) -> str:
    if gap.status:
        return f"{ended(gap.status)} before it imported torch"
    return "the program never imported torch"


def _recorder_failed(gap: Gap) -> str:
    index = gap.spot.pass_index
    when = f" at pass {index}" if index else ""
    return f"the recorder failed{when} ({one_line(gap.spot.text, _FAILURE)}); what came after was not seen"


def _killed(gap: Gap) -> str:
    return f"{ended(gap.status or 0)}; what it did until then is all there is"


def _text(spot: BlindSpot, default: str) -> str:
    return spot.text or default


_SENTENCES: dict[str, Callable[[Gap], str]] = {
    Blind.NO_TORCH: _no_torch,
    Blind.OTHER_INTERPRETER: lambda gap: f"there is no torch for {_text(gap.spot, 'this interpreter')}",
    Blind.NOT_INSTALLED: lambda gap: _text(gap.spot, "the recorder could not start"),
    Blind.RECORDER_FAILED: _recorder_failed,
    Blind.PROCESS_NOT_RECORDED: lambda gap: (
        f"a process of the run was not recorded ({one_line(gap.spot.text, _FAILURE)})"
    ),
    Blind.RANKS_NOT_RECORDED: lambda gap: f"nothing was recorded of {gap.spot.text}",
    Blind.RANK_ENDED: lambda gap: (
        f"{gap.spot.text} did not come to the end of its program: it was killed, or left by os._exit; "
        "what it did until then is all there is"
    ),
    Blind.FILE_CUT: lambda gap: _text(gap.spot, "the recording was cut short"),
    Blind.KILLED: _killed,
    Blind.OBSERVATION_FAILED: lambda gap: (
        f"{wording.count(gap.spot.count, 'observation')} failed ({one_line(gap.spot.text, _FAILURE)})"
    ),
    Blind.COMPILED_REGION: lambda gap: (
        f"{gap.spot.text}: it was counted, and its graph was not seen"
        if gap.spot.text
        else f"{wording.count(gap.spot.count, 'compiled region')} in a pass: the operations inside were not seen"
    ),
    Blind.FAKE_TENSORS: lambda gap: (
        f"shapes only: {gap.spot.text or 'this program computes'} with fake tensors, which have no values"
    ),
    Blind.ASLEEP: lambda _: "while torch traced or scripted code, the recorder stood back",
    Blind.NO_FACTS: lambda _: "the recording was made without facts, which most rules need",
    Blind.NO_VALUES: lambda _: "no gradient could be measured: these tensors (fake ones, or of vmap) show no values",
    Blind.STRUCTURE_ONLY: lambda _: "no values were recorded, and many rules need them",
    Blind.PASSES_NOT_RECORDED: lambda gap: (
        f"{gap.spot.count:,} of {wording.count(gap.n_passes, 'pass')} were not recorded in full"
    ),
}

_ADVICE: dict[str, str] = {
    Blind.OTHER_INTERPRETER: "--python PATH names one that has it",
    Blind.RECORDER_FAILED: "please report it (GRADTRACE_DEBUG=1 shows the traceback)",
    Blind.FILE_CUT: "record the program again",
    Blind.RANKS_NOT_RECORDED: "if they ran on other nodes, join all recordings with gradtrace merge",
    Blind.NO_FACTS: "record with --facts, or run `gradtrace check` on the program itself",
    Blind.STRUCTURE_ONLY: "record again without --level structure",
    Blind.PASSES_NOT_RECORDED: "--passes all records every one",
}
