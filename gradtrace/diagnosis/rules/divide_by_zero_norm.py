"""A division by a norm, a sum or a count that is zero.

## What it does

Looks for divisions by zero: `x / x.norm()`, `(x - m) / x.std()`, `a / a.sum()` on rows of padding.

## Why is this bad?

NaN in rows that are masked out later still reaches the weights: the gradient of the division is NaN.

## Example

```python
import torch

w = torch.ones(3, requires_grad=True)
rows = torch.tensor([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]]) * w
unit = rows / rows.norm(dim=1, keepdim=True)
unit[:1].sum().backward()
```

## Use instead

```python
import torch

w = torch.ones(3, requires_grad=True)
rows = torch.tensor([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]]) * w
unit = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-6)
unit[:1].sum().backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a division whose divisor has zeros.

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
        "divide-by-zero-norm",
        Cause.DIVISION_BY_ZERO,
        "This divides by zero, which gives NaN or an infinity",
        "Keep the divisor away from zero: `x / x.norm(dim=-1, keepdim=True).clamp(min=1e-6)`.",
    )


RULE = Rule(
    name="divide-by-zero-norm",
    severity=Severity.ERROR,
    summary="A division by a norm, a sum or a count that is zero.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
