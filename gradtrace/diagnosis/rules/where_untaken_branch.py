"""A branch that `where` does not take still makes the gradient NaN.

## What it does

Looks for operations at a singular point (log of 0, division by 0, root of 0) whose result `torch.where` or
`masked_fill` replaces.

## Why is this bad?

The forward value is fine; backwards, 0 times infinity is NaN, in elements that the loss does not even use.

## Example

```python
import torch

x = torch.tensor([0.0, 1.0, 4.0], requires_grad=True)
y = torch.where(x > 0, x.log(), torch.zeros(3))
y.sum().backward()
```

## Use instead

```python
import torch

x = torch.tensor([0.0, 1.0, 4.0], requires_grad=True)
safe = torch.where(x > 0, x, torch.ones(3))
y = torch.where(x > 0, safe.log(), torch.zeros(3))
y.sum().backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here
the node's result goes into a selection, and part of what it gets is zero.

## Known problems

Only the first such place of a run is told: what comes after it is its consequence. Infinities that leave the loss and
all gradients finite are taken as meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.numerics import NEEDS, Cause, findings
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    yield from findings(
        trace,
        "where-untaken-branch",
        Cause.UNTAKEN_BRANCH,
        "`{call}` breaks the gradient in elements that a later selection drops",
        "Make the input safe first, then select: `torch.where(ok, x, 1).log()` inside the `where`.",
    )


RULE = Rule(
    name="where-untaken-branch",
    severity=Severity.ERROR,
    summary="A branch that `where` does not take still makes the gradient NaN.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
