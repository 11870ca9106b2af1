"""Gradients are clipped after step() has used them.

## What it does

Looks for `clip_grad_norm_` and the like between `step()` and the next backward, and never before `step()`.

## Why is this bad?

The update used the gradients as they were: clipping has no effect.

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
    loss.backward()
    opt.step()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
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
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    opt.step()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when every clipping comes after a step and before the
next pass, or the next gradients that the program itself puts there.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.outcome import UNSCALES
from gradtrace.diagnosis.evidence.clipped_by_hand import clipper, clips
from gradtrace.diagnosis.evidence.timeline import cycles, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Event, EventKind, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer whose gradients are clipped too late."""
    for history in cycles(trace):
        late: list[Event] = []
        in_time = False
        for number, cycle in enumerate(history):
            added = False
            for event in cycle.events:
                if event.kind == EventKind.BACKWARD:
                    added = True
                elif clips(trace, event):
                    if added:
                        in_time = True
                    elif number:
                        late.append(event)
                elif event.kind == EventKind.GRAD_MODIFIED and event.call not in UNSCALES:
                    added = True  # gradients of the program's own
        if not late or in_time:
            continue
        step = stepped(history)[0][1]
        yield Finding(
            "clip-after-step",
            Severity.WARNING,
            f"{clipper(late[0])} clips gradients that step() has already used",
            late[0].location,
            () if step.location is None else (RelatedLocation(step.location, "step() used them unclipped"),),
            "Clip between `backward()` and `step()`.",
            late[0].leaves,
        )


RULE = Rule(
    name="clip-after-step",
    severity=Severity.WARNING,
    summary="Gradients are clipped after step() has used them.",
    check=check,
    page=__doc__ or "",
)
