"""Every backward walks through all earlier iterations.

## What it does

Looks for `backward(retain_graph=True)` in a loop whose graph grows each time, because a value is carried from one
iteration to the next.

## Why is this bad?

Time and memory for a step grow without end, and gradients of steps long past are added again.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
center = torch.zeros(2)
for _ in range(6):
    z = model(torch.randn(8, 4))
    center = 0.9 * center + 0.1 * z.mean(0)
    (z - center).sum().backward(retain_graph=True)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
center = torch.zeros(2)
for _ in range(6):
    z = model(torch.randn(8, 4))
    center = 0.9 * center.detach() + 0.1 * z.mean(0)
    (z - center).sum().backward()
```

## How it is detected

Four or more passes at one line keep their graph, each has more nodes than the one before, and an edge leads from the
newest nodes to older ones.

## Known problems

Passes that were not recorded in full are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import node_name, notes
from gradtrace.diagnosis.evidence.lifetimes import longest_walk
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    walk = longest_walk(trace)
    if walk is not None:
        name = node_name(walk.carried)
        place = walk.carried.location if walk.carried is not None else walk.last.location
        yield Finding(
            "retain-graph-growth",
            Severity.WARNING,
            f"{name} is carried over: each backward walks on through earlier iterations",
            place,
            notes((walk.first.location, f"from {walk.n_first} nodes to {walk.n_last}: retain_graph=True keeps all")),
            "Detach what is carried over (`center = center.detach()`) and drop `retain_graph=True`.",
            (),
            (walk.first.index, walk.last.index),
        )


RULE = Rule(
    name="retain-graph-growth",
    severity=Severity.WARNING,
    summary="Every backward walks through all earlier iterations.",
    check=check,
    page=__doc__ or "",
)
