"""The last rules are heard only when no other rule explains what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import builders
import pytest
from builders import at

from gradtrace.diagnosis import diagnose as module
from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import (
    Finding,
    Location,
    NonFinite,
    Observation,
    PassError,
    ProgramError,
    Root,
    TensorStats,
    Trace,
)

LAST = {rule.name: rule for rule in RULES if rule.without is not None}
FINE = TensorStats((2,), "float32", 2, norm=1.0, min=0.5, max=1.0, nan=0, inf=0)
INF = replace(FINE, norm=float("inf"), max=float("inf"), inf=1)


def failed(kind: str = "ValueError", message: str = "no such thing", **fields: object) -> Trace:
    """A run that an exception ended."""
    trace = builders.product_trace()
    error = ProgramError(kind, message, (at(9, "f(x)"), Location("/lib/python3.11/json/x.py", 3, 1, 3, 2)))
    return replace(trace, run=replace(trace.run, error=error, status=1, **fields))


def infinite(**fields: object) -> Trace:
    """A run whose first pass begins at an infinity, which `erfinv` made."""
    trace = builders.product_trace()
    first = replace(trace.passes[0], location=at(5, "loss.backward()"), roots=(Root(0, "loss", INF),))
    made = NonFinite("erfinv", at(4, "loss = erfinv(x)", "erfinv(x)"), INF, (FINE,), before_pass=1)
    return replace(trace, passes=(first, *trace.passes[1:]), non_finite=(made,), **fields)


def names(trace: Trace, *rules: Rule) -> list[str]:
    return [finding.rule for finding in diagnose(trace, rules or tuple(LAST.values())).findings]


def telling(*, always: bool) -> Rule:
    """A rule that finds something always, or only in a run that failed or is not finite."""

    def check(trace: Trace) -> Iterator[Finding]:
        if always or trace.run.error is not None or trace.non_finite:
            yield Finding("other", "error", "it is this")

    return Rule("other", "error", "It is this.", check, "")


def test_there_are_two() -> None:
    """One for the program's end, one for its numbers."""
    assert set(LAST) == {"program-failed", "not-finite"}
    assert names(builders.product_trace()) == []


def test_an_unexplained_exception_is_found() -> None:
    """At the user's own line."""
    (finding,) = diagnose(failed(), LAST.values()).findings
    assert finding.message == "The program ended with ValueError; no rule explains it"
    assert finding.location == at(9, "f(x)")
    assert finding.help.startswith("It says: no such thing\n")


def test_a_module_that_is_missing_may_be_elsewhere() -> None:
    """Another interpreter may have it."""
    (finding,) = diagnose(failed("ModuleNotFoundError", "No module named 'x'"), LAST.values()).findings
    assert "--python PATH" in finding.help


def test_the_pass_in_which_it_failed_is_named() -> None:
    """With the node, where torch said it."""
    trace = failed(message="it broke")
    first = replace(
        trace.passes[0], error=PassError("RuntimeError", "it broke", node=1), location=at(6, "z.backward()")
    )
    (finding,) = diagnose(replace(trace, passes=(first,)), LAST.values()).findings
    assert finding.message == "The program ended with ValueError in pass 1, at `mul`; no rule explains it"
    assert (finding.location, finding.passes) == (at(6, "z.backward()"), (1,))


def test_an_interrupt_is_not_found() -> None:
    """A person wanted it."""
    assert names(failed("KeyboardInterrupt", "")) == []


def test_where_an_infinity_was_made_is_found() -> None:
    """With what went in and what came out."""
    (finding,) = diagnose(infinite(), LAST.values()).findings
    assert finding.message == "`erfinv` gives an infinity here, from finite values"
    assert finding.location == at(4, "loss = erfinv(x)", "erfinv(x)")
    assert finding.help.startswith(
        "It took in f32[2] from 0.5 to 1, and gave f32[2] with 1 inf. Keep its input inside (-1, 1)"
    )
    assert [one.message for one in finding.related] == ["the value it begins at is not finite in pass 1"]


def test_without_its_beginning_the_pass_is_found() -> None:
    """The numbers may have come from outside."""
    (finding,) = diagnose(replace(infinite(), non_finite=()), LAST.values()).findings
    assert finding.location == at(5, "loss.backward()")
    assert finding.message == "The value it begins at is not finite in pass 1, and where that began was not seen"


def test_a_pass_that_was_only_counted_is_found() -> None:
    """It has no place, and a way to see more."""
    seen = Observation("root_not_finite", 1, text="in pass 9")
    (finding,) = diagnose(Trace(builders.run(observations=(seen,))), LAST.values()).findings
    assert (finding.message, finding.location) == (
        "A root in pass 9 is not finite, and that pass was only counted",
        None,
    )


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("trace", [failed(), infinite()])
def test_a_rule_that_explains_it_silences_them(trace: Trace, always: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heard or not; one that finds the same in a run in which all went well explains nothing."""
    rules = (telling(always=always), *LAST.values())
    monkeypatch.setattr(module, "RULES", rules)
    assert bool(LAST.keys() & names(trace, *rules)) == always
    assert bool(names(trace, *LAST.values())) == always


def test_a_rule_that_breaks_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones are heard all the same."""

    def check(trace: Trace) -> Iterator[Finding]:
        raise ZeroDivisionError

    broken = Rule("broken", "error", "It breaks.", check, "")
    monkeypatch.setattr(module, "RULES", (broken, *LAST.values()))
    assert names(failed(), *LAST.values()) == ["program-failed"]
