"""What was kept as a copy of parameters shares their storage: it follows them.

## What it does

Looks for parameters that are restored from what `state_dict()` gave before they were trained on, for `copy_` of a
parameter onto itself, and for differences of a parameter to what was kept of it, where both are the same memory.

## Why is this bad?

`state_dict()`, `.data`, `detach()` and lists of parameters copy nothing. What is kept as "the best weights" are the
latest ones, so that restoring them does nothing; a target network that is the online network never lags behind; a
difference to "the old weights" is zero.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
best, best_loss = None, float("inf")
for _ in range(4):
    loss = (model(torch.randn(8, 4)) - 1).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    if best is None:
        best, best_loss = model.state_dict(), loss.item()
    opt.step()
model.load_state_dict(best)
```

## Use instead

```python
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
best, best_loss = None, float("inf")
for _ in range(4):
    loss = (model(torch.randn(8, 4)) - 1).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    if best is None:
        best, best_loss = copy.deepcopy(model.state_dict()), loss.item()
    opt.step()
model.load_state_dict(best)
```

## How it is detected

By storage: `load_state_dict` is given tensors that are the module's own. It fires when an optimizer that holds the
parameters has stepped since the dictionary was taken, or when this is done again and again at one line with steps in
between. While passes are recorded in full, `copy_` and differences are looked at in the same way.

## Known problems

Copies by assignment (`p.data = old`) and comparisons by `torch.equal` are not looked at, nor parameters that no
optimizer holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Location, RelatedLocation, Severity, Sharing, SharingKind, Trace
from gradtrace.model.location import same_place


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each line that takes such a copy for one."""
    for one in trace.sharings:
        if one.kind == SharingKind.LOADED:
            yield from _loaded(trace, one)
        elif one.kind == SharingKind.COPIED and not _is_of_one_line(trace, one):
            yield _copied(trace, one)
        elif one.kind == SharingKind.SUBTRACTED and not _is_of_one_line(trace, one):
            yield _subtracted(trace, one)


def _loaded(trace: Trace, one: Sharing) -> Iterator[Finding]:
    if one.n_steps is None and not _has_stepped(trace, one):
        return
    name = _name(trace, one)
    if one.n_steps == 0:
        yield _finding(
            one,
            Severity.WARNING,
            f"This loads {name} onto itself, again and again: both modules are the same weights",
            "Make the second network with `copy.deepcopy`, so that it has weights of its own.",
            notes((one.made, "this dictionary holds the very tensors that it is loaded into")),
        )
        return
    since = "" if one.n_steps is None else f": {one.n_steps} step{'s' if one.n_steps > 1 else ''} came in between"
    yield _finding(
        one,
        Severity.ERROR if one.n_steps else Severity.WARNING,
        f"This restores nothing: the state of {name} that was kept shares its storage",
        "Keep a copy: `copy.deepcopy(model.state_dict())`, or `clone()` of each tensor.",
        notes((one.made, f"state_dict() copies nothing{since}")),
    )


def _copied(trace: Trace, one: Sharing) -> Finding:
    return _finding(
        one,
        Severity.WARNING,
        f"This copies {_name(trace, one)} onto itself: what was kept of it shares its storage",
        _CLONE,
        _cut_note(trace, one),
    )


def _subtracted(trace: Trace, one: Sharing) -> Finding:
    return _finding(
        one,
        Severity.WARNING if one.is_tracked else Severity.INFO,
        f"This difference is always zero: what was kept of {_name(trace, one)} shares its storage",
        _CLONE,
        _cut_note(trace, one),
    )


def _finding(one: Sharing, severity: Severity, message: str, advice: str, told: tuple[RelatedLocation, ...]) -> Finding:
    passes = (one.pass_index,) if one.pass_index else ()
    related = tuple(note for note in told if note.location != one.location)
    return Finding("copy-shares-storage", severity, message, one.location, related, advice, one.leaves, passes)


def _name(trace: Trace, one: Sharing) -> str:
    return called(trace.leaves[leaf] for leaf in one.leaves) if one.leaves else "the module"


def _has_stepped(trace: Trace, one: Sharing) -> bool:
    """Whether a step that used gradients of these parameters came before."""
    wanted = set(one.leaves)
    return any(
        event.kind == EventKind.STEP and event.pass_index <= one.pass_index and wanted.intersection(event.leaves)
        for event in trace.events
    )


def _taken_at(trace: Trace, one: Sharing) -> Location | None:
    return None if one.cut is None else trace.cuts[one.cut].location


def _is_of_one_line(trace: Trace, one: Sharing) -> bool:
    """Whether the same line took the copy: `w - w.detach()` is zero on purpose."""
    return same_place(_taken_at(trace, one), one.location)


def _cut_note(trace: Trace, one: Sharing) -> tuple[RelatedLocation, ...]:
    return notes((_taken_at(trace, one), "this copies nothing"))


_CLONE = "Take the values with `clone()`: `.data`, `detach()` and a list of parameters share the storage."

RULE = Rule(
    name="copy-shares-storage",
    severity=Severity.ERROR,
    summary="What was kept as a copy of parameters shares their storage: it follows them.",
    check=check,
    page=__doc__ or "",
)
