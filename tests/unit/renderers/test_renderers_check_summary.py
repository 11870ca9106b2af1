"""The last lines of `gradtrace check`: the answer, and what stands against it."""

from __future__ import annotations

from dataclasses import replace

import builders
import pytest

from gradtrace.model import (
    Accumulation,
    Blind,
    BlindSpot,
    Finding,
    Leaf,
    Location,
    Observation,
    PassError,
    ProgramError,
    TensorStats,
    Trace,
)
from gradtrace.renderers.findings.summary import summary


def trace(**fields: object) -> Trace:
    """A run of one pass, in which all is well."""
    whole = builders.product_trace()
    return replace(whole, run=replace(whole.run, facts=True, **fields), passes=whole.passes[:1])


def said(of: Trace) -> str:
    return "\n".join(summary(of))


def without(*spots: BlindSpot, **fields: object) -> Trace:
    return trace(blind_spots=spots, **fields)


ALL = "Found nothing in 1 pass, but could not look at everything: "
REPORT = "Please report it (GRADTRACE_DEBUG=1 shows the traceback)."
OTHER = "If an import failed, --python PATH runs another interpreter."
UNSEEN = "the program ended with status 1 before it imported torch"


def never(**fields: object) -> Trace:
    return replace(builders.empty_trace(), run=builders.run(torch="", **fields))


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (trace(), "Found nothing wrong in 1 pass."),
        (Trace(builders.run(facts=True)), "No backward pass ran: there was nothing to check."),
        (trace(status=7), "No finding in 1 pass, but the program ended with status 7."),
        (
            trace(status=1, error=ProgramError("ValueError", "x", (Location("a/train.py", 7, 1, 7, 2),))),
            "No finding in 1 pass, but the program ended with ValueError at train.py:7.",
        ),
        (
            without(BlindSpot(Blind.KILLED), status=-2, error=ProgramError("KeyboardInterrupt", "")),
            "No finding in 1 pass, but the program was interrupted.",
        ),
        (
            without(BlindSpot(Blind.KILLED), status=-9),
            f"{ALL}the program was ended by SIGKILL; what it did until then is all there is.",
        ),
        (never(), "Could not look: the program never imported torch."),
        (never(status=1), f"Could not look: {UNSEEN}. {OTHER}"),
        (
            never(blind_spots=(BlindSpot(Blind.OTHER_INTERPRETER, "/bin/py"),)),
            "Could not look: there is no torch for /bin/py. --python PATH names one that has it.",
        ),
        (
            never(blind_spots=(BlindSpot(Blind.NOT_INSTALLED, "the recorder could not start (X)"),)),
            "Could not look: the recorder could not start (X).",
        ),
        (
            without(BlindSpot(Blind.RECORDER_FAILED, "TypeError: x", pass_index=4)),
            f"{ALL}the recorder failed at pass 4 (TypeError: x); what came after was not seen. {REPORT}",
        ),
        (
            without(BlindSpot(Blind.PROCESS_NOT_RECORDED, "OSError: x")),
            f"{ALL}a process of the run was not recorded (OSError: x).",
        ),
        (
            without(BlindSpot(Blind.FILE_CUT, "it ends"), BlindSpot("of tomorrow", "x", process=2)),
            (f"{ALL}it ends. Record the program again.\n"
            "And: process 2: something was not looked at (of tomorrow: x)."),
        ),
        (
            trace(level="structure"),
            f"{ALL}no values were recorded, and many rules need them. Record again without --level structure.",
        ),
        (
            without(BlindSpot(Blind.COMPILED_REGION, count=2)),
            ("Found nothing wrong in 1 pass.\n"
            "Note: 2 compiled regions in a pass: the operations inside were not seen."),
        ),
        (
            without(BlindSpot(Blind.OBSERVATION_FAILED, "TypeError: x", 2, 1, Location("a.py", 3, 1, 3, 2))),
            f"{ALL}2 observations failed (TypeError: x) at a.py:3.",
        ),
        (
            trace(observations=(Observation("root_not_finite", 1, text="in pass 9"),)),
            "No finding in 1 pass, but a root in pass 9 is not finite.",
        ),
    ],
)  # fmt: skip
def test_the_answer(of: Trace, expected: str) -> None:
    """Nothing wrong is said only where all was looked at and nothing stands against it."""
    assert said(of) == expected


def test_passes_that_were_only_counted_are_told() -> None:
    """By their number."""
    (one,) = trace().passes
    counted = replace(one, index=2, count=40, graph=None, recorded="ledger", accumulations=())
    assert said(replace(trace(), passes=(one, counted))) == (
        "Found nothing wrong in 41 passes, 1 of them recorded in full."
    )


def test_what_is_not_finite_is_told_whichever_rules_were_heard() -> None:
    """It is a fact, not a finding."""
    (one,) = trace().passes
    nan = TensorStats((), "float32", 1, norm=float("nan"), nan=1, inf=0)
    bad = replace(one, roots=(replace(one.roots[0], value=nan),))
    assert said(replace(trace(), passes=(bad,))) == (
        "No finding in 1 pass, but in pass 1 the value at which it began is not finite."
    )


def test_a_parameter_that_nothing_trains_is_told() -> None:
    """With the command that says why."""
    whole = trace()
    lost = Leaf(len(whole.leaves), "head.bias", "parameter", (2,), "float32", optimizers=(0,))
    assert said(replace(whole, leaves=(*whole.leaves, lost))) == (
        "No finding in 1 pass, but no pass gave head.bias a gradient, for an optimizer to use: "
        "`gradtrace why TARGET head.bias` says where it is lost."
    )


def test_a_parameter_whose_gradients_are_zeros_is_not_said_to_get_none() -> None:
    """They came, and say nothing."""
    whole = trace()
    still = Leaf(len(whole.leaves), "head.bias", "parameter", (), "float32", optimizers=(0,))
    zero = TensorStats((), "float32", 1, norm=0.0, value=0.0)
    (one,) = whole.passes
    row = Accumulation(still.id, None, zero, zero, "created")
    passes = (replace(one, accumulations=(*one.accumulations, row)),)
    assert said(replace(whole, leaves=(*whole.leaves, still), passes=passes)) == (
        "No finding in 1 pass, but each gradient that head.bias got was exactly 0: "
        "`gradtrace why TARGET head.bias` says why."
    )


def test_findings_are_counted_first() -> None:
    """What was not looked at is said below them."""
    found = replace(without(BlindSpot(Blind.FILE_CUT, "it ends")), findings=(Finding("r", "error", "message"),))
    assert said(found) == (
        "Found 1 error.\nTo read more about one: gradtrace rule r\n"
        "Not all was looked at: it ends; record the program again."
    )


def test_a_failed_pass_alone_is_no_failed_program() -> None:
    """The program caught it."""
    (one,) = trace().passes
    caught = replace(trace(), passes=(replace(one, error=PassError("RuntimeError", "x")),))
    assert said(caught) == "Found nothing wrong in 1 pass."


def test_a_page_of_a_message_is_cut() -> None:
    """Torch explains itself at length."""
    (line,) = summary(without(BlindSpot(Blind.RECORDER_FAILED, "x" * 1000)))
    assert len(line) < 320
