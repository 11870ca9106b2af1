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
before the step.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import cycles, optimizer_name, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CLEARING, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer whose steps find only cleared gradients."""
    for history in cycles(trace):
        added = [cycle for cycle, _ in stepped(history) if cycle.additions()]
        if not added or any(cycle.left() for cycle in added):
            continue
        cycle, step = next((cycle, step) for cycle, step in stepped(history) if cycle.additions())
        clear = [event for event in cycle.events if event.kind in CLEARING][-1]
        backward = cycle.additions()[-1]
        related = [
            RelatedLocation(place, text)
            for place, text in (
                (backward.location, "the gradients are made here"),
                (step.location, "step() finds none of them"),
            )
            if place is not None
        ]
        yield Finding(
            "zero-grad-between",
            Severity.ERROR,
            f"{optimizer_name(cycle.optimizer)} never updates anything: gradients are cleared before step()",
            clear.location,
            tuple(related),
            "Clear gradients before `backward()`, or after `step()`.",
            tuple(sorted(cycle.leaves)),
        )


RULE = Rule(
    name="zero-grad-between",
    severity=Severity.ERROR,
    summary="Gradients are cleared after backward and before step.",
    check=check,
    page=__doc__ or "",
)
