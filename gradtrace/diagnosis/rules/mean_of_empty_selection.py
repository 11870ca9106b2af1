"""The mean of an empty selection.

## What it does

Looks for means over no elements: `x[mask].mean()` with an empty mask, `cross_entropy` where every target is ignored.

## Why is this bad?

0 / 0 is NaN; gradients may stay finite, so that a check of gradients alone does not see it.

## Example

```python
import torch

w = torch.randn(3, requires_grad=True)
mask = torch.zeros(3, dtype=torch.bool)
loss = w[mask].mean() + w.pow(2).sum()
loss.backward()
```

## Use instead

```python
import torch

w = torch.randn(3, requires_grad=True)
mask = torch.zeros(3, dtype=torch.bool)
loss = w[mask].sum() / mask.sum().clamp(min=1) + w.pow(2).sum()
loss.backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a mean whose input has no elements, or a loss that is NaN although its inputs are finite.

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
        "mean-of-empty-selection",
        Cause.MEAN_OF_NOTHING,
        "The mean of nothing is NaN: the selection is empty",
        "Divide by a count that is at least 1: `x[mask].sum() / mask.sum().clamp(min=1)`, or skip the batch.",
    )


RULE = Rule(
    name="mean-of-empty-selection",
    severity=Severity.ERROR,
    summary="The mean of an empty selection.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
