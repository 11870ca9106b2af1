"""The arc cosine has an infinite derivative at ±1.

## What it does

Looks for `acos`, `asin` and `atanh` at the ends of their range; clamping to [-1, 1] does not help.

## Why is this bad?

The gradient is infinite, and NaN after the next multiplication by zero.

## Example

```python
import torch

x = torch.tensor([1.0, 0.5], requires_grad=True)
torch.acos(x.clamp(-1, 1)).sum().backward()
```

## Use instead

```python
import torch

x = torch.tensor([1.0, 0.5], requires_grad=True)
torch.acos(x.clamp(-1 + 1e-6, 1 - 1e-6)).sum().backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is an inverse function of that kind.

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
        "acos-at-boundary",
        Cause.ARC_AT_BOUNDARY,
        "`{call}` at the end of its range has an infinite gradient",
        "Clamp inside the range (`x.clamp(-1 + 1e-6, 1 - 1e-6)`), or use `atan2`.",
    )


RULE = Rule(
    name="acos-at-boundary",
    severity=Severity.ERROR,
    summary="The arc cosine has an infinite derivative at ±1.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
