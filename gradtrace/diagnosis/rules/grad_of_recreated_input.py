"""`autograd.grad` is asked for a tensor that the result was not computed from.

## What it does

Looks for torch's error that a differentiated tensor was not used in the graph.

## Why is this bad?

A slice or copy made after the forward pass is another tensor: the result does not depend on it.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(2, 1)
points = torch.rand(4, 2, requires_grad=True)
u = net(points)
t = points[:, 1:]
torch.autograd.grad(u.sum(), t)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(2, 1)
points = torch.rand(4, 2, requires_grad=True)
x, t = points[:, :1], points[:, 1:]
u = net(torch.cat([x, t], dim=1))
torch.autograd.grad(u.sum(), t)
```

## How it is detected

A pass failed with this error.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each pass that failed so."""
    for backward in trace.passes:
        if backward.error is not None and "appears to not have been used in the graph" in backward.error.message:
            yield Finding(
                "grad-of-recreated-input",
                Severity.ERROR,
                "the result was not computed from the tensor whose gradient is asked for",
                backward.location,
                help="Slice or copy first, and compute the result from the slices; then ask for their gradients.",
                passes=(backward.index,),
            )


RULE = Rule(
    name="grad-of-recreated-input",
    severity=Severity.ERROR,
    summary="`autograd.grad` is asked for a tensor that the result was not computed from.",
    check=check,
    page=__doc__ or "",
)
