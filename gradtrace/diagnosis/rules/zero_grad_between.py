"""Gradients are cleared after backward and before step.

## What it does

Looks for a `zero_grad()` between `backward()` and `step()`.

## Why is this bad?

step() finds nothing to do: the parameters never move, and nothing is raised.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.zero_grad()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when, in every cycle, all that passes added is cleared
before the step. It fires too when each step uses the last of several passes of one line alone, and nothing read what
the others had added before it was cleared.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.timeline import Cycle, cycles, optimizer_name, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CLEARING, Event, EventKind, Finding, Severity, Trace
from gradtrace.model.location import source_line


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer whose steps find only cleared gradients."""
    for history in cycles(trace):
        added = [cycle for cycle, _ in stepped(history) if cycle.additions()]
        if not added:
            continue
        if any(cycle.left() for cycle in added):
            yield from _wasted(trace, history)
            continue
        cycle, step = next((cycle, step) for cycle, step in stepped(history) if cycle.additions())
        clear = [event for event in cycle.events if event.kind in CLEARING][-1]
        backward = cycle.additions()[-1]
        yield Finding(
            "zero-grad-between",
            Severity.ERROR,
            f"{optimizer_name(cycle.optimizer)} never updates anything: gradients are cleared before step()",
            clear.location,
            notes((backward.location, "the gradients are made here"), (step.location, "step() finds none of them")),
            "Clear gradients before `backward()`, or after `step()`.",
            tuple(sorted(cycle.leaves)),
        )


def _wasted(trace: Trace, history: tuple[Cycle, ...]) -> Iterator[Finding]:
    """The finding where each step uses one of several passes: those before it were for nothing."""
    own = [(cycle, step) for cycle, step in stepped(history) if cycle.additions()]
    clears = [_clearing(trace, cycle) for cycle, _ in own]
    if len(own) < _FEWEST or None in clears or any(one.step is None or one.step.own_passes for _, one in own):
        return  # a closure runs its passes within step(), and uses each
    cycle, step = own[0]
    n_passes, clear = len(cycle.additions()), clears[0]
    name = optimizer_name(cycle.optimizer)
    made, used = cycle.additions()[0].location, step.location
    yield Finding(
        "zero-grad-between",
        Severity.WARNING,
        f"{name} uses one of {n_passes} passes: the gradients of the others are cleared before step()",
        clear.location if clear is not None else None,
        notes((made, "the gradients are made here"), (used, "step() finds those of the last pass")),
        "Clear gradients once for each step(), not once for each pass.",
        tuple(sorted(cycle.leaves)),
    )


def _clearing(trace: Trace, cycle: Cycle) -> Event | None:
    """What cleared the gradients of a pass for nothing, if that happened to all passes of a line but the last."""
    passes, found = cycle.additions(), None
    if len(passes) < _FEWEST or len({source_line(one.location) for one in passes}) > 1:
        return None
    for number, one in enumerate(passes[:-1]):
        between = trace.events[one.order + 1 : passes[number + 1].order]
        found = next((event for event in between if event.kind in CLEARING), None)
        if found is None or not set(found.leaves) >= cycle.leaves.intersection(one.leaves):
            return None
        is_used = any(event.kind in _USING for event in between)
        if is_used or (one.process, one.pass_index) in _read_passes(trace):
            return None
    return found


@once
def _read_passes(trace: Trace) -> frozenset[tuple[int, int]]:
    """The passes after which the program read some `.grad`."""
    return frozenset((use.process, use.pass_index) for use in trace.grad_uses)


_FEWEST = 2
_USING = frozenset({EventKind.STEP, EventKind.GRAD_MODIFIED, EventKind.GRAD_READ})

RULE = Rule(
    name="zero-grad-between",
    severity=Severity.ERROR,
    summary="Gradients are cleared after backward and before step.",
    check=check,
    page=__doc__ or "",
)
