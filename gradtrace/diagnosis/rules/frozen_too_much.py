"""Everything is frozen: the loss depends on nothing that requires grad.

## What it does

Looks for a backward that fails because `requires_grad` was switched off for all parameters.

## Why is this bad?

Nothing is left to train; often the new head was frozen along with the backbone.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
for p in model.parameters():
    p.requires_grad = False
loss = model(torch.randn(4, 3)).sum()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
for p in model[0].parameters():
    p.requires_grad = False
loss = model(torch.randn(4, 3)).sum()
loss.backward()
```

## How it is detected

Backward fails for want of a graph, nothing was cut off, and the program froze leaves while none that requires grad is
known.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import losses, rootless
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, LeafKind, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding if backward fails because all is frozen."""
    dead = rootless(trace)
    if dead is None or losses(trace):
        return
    frozen = [event for event in trace.events if event.kind == EventKind.REQUIRES_GRAD and event.requires_grad is False]
    if not frozen or any(leaf.requires_grad for leaf in trace.leaves if leaf.kind == LeafKind.PARAMETER):
        return
    yield Finding(
        "frozen-too-much",
        Severity.ERROR,
        "every parameter is frozen: the loss depends on nothing that requires grad",
        frozen[-1].location,
        () if dead.location is None else (RelatedLocation(dead.location, "backward finds no graph here"),),
        "Freeze first and add the new head afterwards, or freeze by name.",
        tuple(sorted({leaf for event in frozen for leaf in event.leaves})),
        (dead.index,),
    )


RULE = Rule(
    name="frozen-too-much",
    severity=Severity.ERROR,
    summary="Everything is frozen: the loss depends on nothing that requires grad.",
    check=check,
    page=__doc__ or "",
)
