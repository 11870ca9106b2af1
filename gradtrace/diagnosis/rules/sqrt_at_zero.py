"""The square root of zero has an infinite derivative.

## What it does

Looks for `sqrt`, `** 0.5` and `hypot` at zero on the way to the loss: distances of a point to itself, norms of empty
rows.

## Why is this bad?

The loss is finite, the gradient is NaN, and after one step so are all weights.

## Example

```python
import torch

w = torch.randn(4, 2, requires_grad=True)
diff = w.unsqueeze(0) - w.unsqueeze(1)
dist = diff.pow(2).sum(-1).sqrt()
dist.mean().backward()
```

## Use instead

```python
import torch

w = torch.randn(4, 2, requires_grad=True)
diff = w.unsqueeze(0) - w.unsqueeze(1)
dist = (diff.pow(2).sum(-1) + 1e-9).sqrt()
dist.mean().backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a root.

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
        "sqrt-at-zero",
        Cause.ROOT_OF_ZERO,
        "`{call}` of 0 makes the gradient NaN: its derivative there is infinite",
        "Add a small number under the root (`sqrt(x + 1e-9)`), or use `torch.linalg.vector_norm` or `torch.cdist`.",
    )


RULE = Rule(
    name="sqrt-at-zero",
    severity=Severity.ERROR,
    summary="The square root of zero has an infinite derivative.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
