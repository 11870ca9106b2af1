"""A decomposition with repeated values has no finite derivative.

## What it does

Looks for gradients through the vectors of `svd`, `eigh` or `eig` where two values are equal.

## Why is this bad?

The derivative divides by their difference: NaN or infinity.

## Example

```python
import torch

w = torch.eye(3, requires_grad=True)
u, s, vh = torch.linalg.svd(w)
(u @ vh).pow(3).sum().backward()
```

## Use instead

```python
import torch

torch.manual_seed(0)
w = torch.diag(torch.tensor([3.0, 2.0, 1.0])).requires_grad_()
u, s, vh = torch.linalg.svd(w)
(u @ vh).pow(3).sum().backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a decomposition.

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
        "svd-repeated-values",
        Cause.REPEATED_VALUES,
        "`{call}` of a matrix with repeated values has no finite gradient",
        "Use the values alone (`svdvals`, `eigvalsh`), or add a little noise to the matrix.",
    )


RULE = Rule(
    name="svd-repeated-values",
    severity=Severity.ERROR,
    summary="A decomposition with repeated values has no finite derivative.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
