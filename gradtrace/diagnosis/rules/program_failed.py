"""The program ended in an exception that no other rule explains.

## What it does

Says with which exception the program ended, at which line, and in which backward pass and at which operation if it
was in one. It is heard last: only when no other rule knows the cause.

## Why is this bad?

What came after was not run, so that nothing can be said about it.

## Example

```python
import torch

w = torch.ones(3, requires_grad=True)
weights = {"first": w}
(weights["first"] ** 2).sum().backward()
print(weights["second"])
```

## Use instead

```python
import torch

w = torch.ones(3, requires_grad=True)
weights = {"first": w}
(weights["first"] ** 2).sum().backward()
print(weights["first"])
```

## How it is detected

The program ended with an exception; an interrupt by the keyboard is none. Every other rule is asked what it finds in
the run, and what it would find had the program ended well: a finding that is only in the first explains the exception,
and this rule keeps silent. So it does about an exception that complains of numbers which are not finite, where an
earlier pass had such: other rules say where they came from.

## Known problems

An exception that the program itself turns into an exit status is not seen, and neither is what killed it from outside:
the last line of `gradtrace check` says how it ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from gradtrace.analysis.outcome import fatal_error, first_poisoned
from gradtrace.analysis.source_slice import assigned
from gradtrace.diagnosis.evidence.errors import Failure, called_as, failure, innermost, notes, of_pass
from gradtrace.diagnosis.evidence.rejected import layer_name
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Location, PassError, ProgramError, RelatedLocation, Severity, Trace
from gradtrace.model.location import same_place
from gradtrace.model.needs import Statistic, Tensors, need

_LONGEST = 300


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended in an exception."""
    error = fatal_error(trace)
    if error is None or (first_poisoned(trace) is not None and _ABOUT_VALUES.search(f"{error.type}: {error.message}")):
        return
    who = trace.run.failed_rank or "the program"
    found = failure(trace, "") or Failure(error.message, innermost(error.frames))
    yield Finding(
        "program-failed",
        Severity.ERROR,
        f"{who.capitalize()} ended with {error.type}{_where(trace, found)}; no rule explains it",
        found.place or innermost(error.frames),
        _told(found),
        _help(error.type, error.message),
        (),
        of_pass(found.backward),
    )


_ABOUT_VALUES = re.compile(r"(?i)LinAlgError|\bnan\b|\binf\b|finite|constraint|converge|singular|probability tensor")
"""What is said of numbers that are not finite: a rule that tells where the first of them came from explains that."""


def _where(trace: Trace, found: Failure) -> str:
    if found.backward is None:
        return _in_call(trace)
    return f" in pass {found.backward.index}{f', at `{called_as(found.node)}`' if found.node else ''}"


def _in_call(trace: Trace) -> str:
    """` in layer 2 (Linear)`, where a module of torch's raised it."""
    call = trace.run.error.call if trace.run.error is not None else None
    if call is None or not call.is_of_module:
        return ""
    return (
        f" in {layer_name(call.module)} ({call.module_class})" if call.module else f" in a module `{call.module_class}`"
    )


def _told(found: Failure) -> tuple[RelatedLocation, ...]:
    node = found.node
    if node is None or node.location == found.place:
        return ()
    return notes((node.location, "backward failed at the operation that was made here"))


def _help(kind: str, message: str) -> str:
    if kind == _LAUNCHER and (cause := _ROOT_CAUSE.search(message)):
        who = f"rank {cause[1]} ended first, {_by(int(cause[2]))}"
        return f"The launcher says that {who}.\nWhat the rank printed says why."
    lines = [line.strip() for line in message.splitlines() if line.strip(" =-")]
    first = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    said = f"It says: {first[:_LONGEST]}" if first else "It came without a message."
    if kind in {"ModuleNotFoundError", "ImportError"}:
        return f"{said}\nIf another interpreter has it, name that one: --python PATH."
    given = _NO_TENSOR.search(message) if kind == "TypeError" else None
    if given is not None:
        return f"{said}\n{_INSTEAD[given[1]]}"
    return f"{said}\nThe last calls are in the traceback that Python printed."


_INSTEAD = {
    "tuple": "Take the tensor out of it: a recurrent layer returns `output, state`, attention `output, weights`.",
    "list": "Make a tensor of the list: `torch.tensor(...)` of numbers, `torch.stack(...)` of tensors.",
    "NoneType": "It is given None: a `forward` or a function without `return` gives that.",
    "numpy.ndarray": "Make a tensor of the array: `torch.from_numpy(...)`, with `.float()` for float64.",
}
"""What to do, by what stands where a tensor is needed."""
_NO_TENSOR = re.compile(rf"must be Tensor, not ({'|'.join(map(re.escape, _INSTEAD))})\b")

_LAUNCHER = "ChildFailedError"
"""What torchrun raises when a rank has failed."""
_ROOT_CAUSE = re.compile(r"(?s)Root Cause.*?rank\s*: (\d{1,9}).*?exitcode\s*: (-?\d{1,9})")


def _by(status: int) -> str:
    return f"with status {status}" if status >= 0 else f"by signal {-status}"


def ended_well(trace: Trace) -> Trace:
    """The trace as if nothing had been raised, and no `.grad` been found to be None that the failed line needed."""
    error = trace.run.error
    if error is None:
        return trace

    def is_fatal(raised: PassError | None) -> bool:
        return raised is not None and raised.message.strip()[:100] == error.message.strip()[:100]

    line = innermost(error.frames)
    passes = tuple(replace(one, error=None) if is_fatal(one.error) else one for one in trace.passes)
    events = tuple(
        event for event in trace.events if event.kind != EventKind.GRAD_READ or not _needs(line, event.location, error)
    )
    return replace(trace, run=replace(trace.run, error=None, status=0, complete=True), passes=passes, events=events)


def _needs(failed: Location | None, read: Location | None, error: ProgramError) -> bool:
    """Whether the line that failed reads that `.grad`, or a name to which a line above it has given it."""
    if failed is None or read is None:
        return False
    if same_place(failed, read):
        return True
    if "NoneType" not in error.message or (failed.file, failed.function) != (read.file, read.function):
        return False
    return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", failed.text) for name in assigned(read.text))


RULE = Rule(
    name="program-failed",
    severity=Severity.ERROR,
    summary="The program ended in an exception that no other rule explains.",
    check=check,
    page=__doc__ or "",
    without=ended_well,
    needs=(need(Tensors.ROOTS, Statistic.FINITE), need(Tensors.LEAVES, Statistic.FINITE)),
)
