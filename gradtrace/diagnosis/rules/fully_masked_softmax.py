"""A softmax over a row that is masked completely.

## What it does

Looks for softmax rows of nothing but -inf.

## Why is this bad?

0 / 0 is NaN, and even when the row is dropped later, its gradient poisons the weights.

## Example

```python
import torch

w = torch.randn(2, 3, requires_grad=True)
mask = torch.tensor([[True, False, False], [True, True, True]])
att = torch.softmax(w.masked_fill(mask, float('-inf')), dim=1)
(att * torch.arange(3.0)).sum().backward()
```

## Use instead

```python
import torch

w = torch.randn(2, 3, requires_grad=True)
mask = torch.tensor([[True, False, False], [True, True, True]])
att = torch.softmax(w.masked_fill(mask, -1e9), dim=1)
(att * torch.arange(3.0)).sum().backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a softmax with infinities in its input and NaN in its output.

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
        "fully-masked-softmax",
        Cause.MASKED_SOFTMAX,
        "`{call}` of a row of nothing but -inf is NaN",
        "Use a large negative number instead of -inf, or leave out rows that are masked completely.",
    )


RULE = Rule(
    name="fully-masked-softmax",
    severity=Severity.ERROR,
    summary="A softmax over a row that is masked completely.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
