"""A mask of zeros multiplies an infinity.

## What it does

Looks for products of zeros and infinities: `loss.log() * mask`.

## Why is this bad?

0 times infinity is NaN: the mask does not remove what it should remove.

## Example

```python
import torch

p = torch.tensor([0.0, 0.5, 0.9], requires_grad=True)
mask = torch.tensor([0.0, 1.0, 1.0])
loss = -(p.log() * mask).sum()
loss.backward()
```

## Use instead

```python
import torch

p = torch.tensor([0.0, 0.5, 0.9], requires_grad=True)
mask = torch.tensor([0.0, 1.0, 1.0])
loss = -(p.clamp(min=1e-6).log() * mask).sum()
loss.backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a product, with infinities in one input and zeros in the other.

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
        "mask-multiplies-inf",
        Cause.MASKED_INFINITY,
        "Zeros multiply infinities here, which gives NaN",
        "Mask before the operation that gives the infinity, or clamp its input: `p.clamp(min=1e-6).log() * mask`.",
    )


RULE = Rule(
    name="mask-multiplies-inf",
    severity=Severity.ERROR,
    summary="A mask of zeros multiplies an infinity.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
