"""A loss compares every prediction with every target.

## What it does

Looks for a difference between a column of shape (N, 1) and a row of shape (N,), which broadcasts to (N, N), on the
way to a loss.

## Why is this bad?

The loss goes down to the variance of the targets and stays there: the model learns their mean. No error is raised.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
x, y = torch.randn(6, 3), torch.randn(6)
loss = ((model(x) - y) ** 2).mean()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
x, y = torch.randn(6, 3), torch.randn(6)
loss = ((model(x).squeeze(1) - y) ** 2).mean()
loss.backward()
```

## How it is detected

The result of a subtraction is a square, one side of it alone has a graph and has the size of one side of the square,
and the result goes through elementwise operations into one sum or mean. For `mse_loss` and its relatives, one operand
had to be expanded to a square.

## Known problems

A difference between N predictions and N fixed points, all of them meant to be compared, looks the same. Write it with
`unsqueeze` to say so.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.shapes import squared
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for backward, node in squared(trace):
        size = (node.shape or (0,))[0] or next((one.shape[0] for one in node.saved if one.shape), 0)
        yield Finding(
            "loss-broadcast",
            Severity.WARNING,
            f"Shapes ({size}, 1) and ({size},) broadcast to ({size}, {size}): all pairs are compared",
            node.location,
            (),
            "Give both the same shape first: `pred.squeeze(1)` or `target.unsqueeze(1)`.",
            (),
            (backward.index,),
        )


RULE = Rule(
    name="loss-broadcast",
    severity=Severity.WARNING,
    summary="A loss compares every prediction with every target.",
    check=check,
    page=__doc__ or "",
)
