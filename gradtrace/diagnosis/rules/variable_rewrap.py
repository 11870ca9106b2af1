"""The loss is wrapped in a new tensor, which has no graph.

## What it does

Looks for passes whose root is a fresh leaf: `Variable(loss, requires_grad=True)`.

## Why is this bad?

The wrapper is a new leaf: backward() ends where it starts, and no parameter gets a gradient.

## Example

```python
from torch.autograd import Variable
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = Variable(model(torch.randn(4, 3)).pow(2).mean(), requires_grad=True)
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = nn.functional.cross_entropy(model(torch.randn(4, 3)), torch.ones(4, dtype=torch.long))
    loss.backward()
    opt.step()
```

## How it is detected

The root of every pass is a leaf that no optimizer holds, while optimizers step without gradients.

## Known problems

It points at backward(), since the wrapping leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import is_forced, root_leaf
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for the passes that start at a fresh leaf."""
    passes = [backward for backward in trace.passes if not backward.is_drawn_only]
    steps = [event for event in trace.events if event.kind == EventKind.STEP]
    if not passes or not all(is_forced(backward) for backward in passes):
        return
    if not steps or any(event.leaves for event in steps):
        return
    leaves = {root_leaf(backward) for backward in passes}
    if any(event.kind == EventKind.REQUIRES_GRAD and leaves.intersection(event.leaves) for event in trace.events):
        return
    yield Finding(
        "variable-rewrap",
        Severity.ERROR,
        "backward starts at a new tensor that wraps the loss: it reaches no parameter",
        passes[0].location,
        () if steps[0].location is None else (RelatedLocation(steps[0].location, "step() finds no gradients"),),
        "Use the loss itself: `Variable(...)` and `torch.tensor(...)` of a tensor drop its history.",
        passes=(passes[0].index,),
    )


RULE = Rule(
    name="variable-rewrap",
    severity=Severity.ERROR,
    summary="The loss is wrapped in a new tensor, which has no graph.",
    check=check,
    page=__doc__ or "",
)
