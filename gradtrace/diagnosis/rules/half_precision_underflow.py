"""A gradient is too small for half precision.

## What it does

Looks for gradients in float16 that become zero where the operation itself would not make them so.

## Why is this bad?

float16 ends at 6e-8: smaller gradients are zero, and what lies below does not learn.

## Example

```python
import torch

w = torch.ones(4, dtype=torch.float16, requires_grad=True)
loss = (w.float() * 1e-9).sum()
loss.backward()
```

## Use instead

```python
import torch

w = torch.ones(4, dtype=torch.float32, requires_grad=True)
loss = (w * 1e-9).sum()
loss.backward()
```

## How it is detected

A node gets a gradient other than zero, with no element above 1e-4, and sends a float16 gradient of zeros.

## Known problems

Gradients of which only a part underflows are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.blocked import underflown
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for backward, node in underflown(trace):
        yield Finding(
            "half-precision-underflow",
            Severity.WARNING,
            f"The gradient of `{node.op}` is too small for float16 and becomes zero",
            node.location,
            (),
            "Scale the loss with `torch.amp.GradScaler`, or use bfloat16 or float32 here.",
            (),
            (backward.index,),
        )


RULE = Rule(
    name="half-precision-underflow",
    severity=Severity.WARNING,
    summary="A gradient is too small for half precision.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.TROUBLE, Statistic.EXTREMES)),
)
