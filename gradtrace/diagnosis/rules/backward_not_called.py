"""step() runs although no backward ever did.

## What it does

Looks for optimizers that step again and again in a program without any backward.

## Why is this bad?

Without gradients step() does nothing: the loss stays where it is. `loss.backward` without parentheses is no call.

## Example

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
    loss.backward  # no call
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

No pass was seen in the whole run, an optimizer stepped at least twice, and no `.grad` held anything at any step.

## Known problems

A program that never steps, or that runs some other backward, is not reported. It points at step(), since an attribute
that is only looked up leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import optimizer_name
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that steps without any gradients."""
    if not all(backward.is_drawn_only for backward in trace.passes):
        return
    for optimizer in trace.optimizers:
        steps = [event for event in trace.events if event.kind == EventKind.STEP and event.optimizer == optimizer.id]
        if sum(step.count for step in steps) > 1 and not any(step.leaves for step in steps):
            yield Finding(
                "backward-not-called",
                Severity.ERROR,
                f"{optimizer_name(optimizer)} steps without gradients: backward() never runs",
                steps[0].location,
                help="Call `loss.backward()` before `step()`; without the parentheses it is no call.",
            )


RULE = Rule(
    name="backward-not-called",
    severity=Severity.ERROR,
    summary="step() runs although no backward ever did.",
    check=check,
    page=__doc__ or "",
)
