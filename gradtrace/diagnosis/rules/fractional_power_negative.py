"""A fractional power of a negative number.

## What it does

Looks for `x ** 0.5`, `x ** (1 / gamma)` and `sqrt` with negative `x`.

## Why is this bad?

The result is NaN, forwards already.

## Example

```python
import torch

w = torch.tensor([0.5, 1.0], requires_grad=True)
loss = ((w - 0.7) ** 0.4).sum()
loss.backward()
```

## Use instead

```python
import torch

w = torch.tensor([0.5, 1.0], requires_grad=True)
loss = ((w - 0.7).clamp(min=1e-4) ** 0.4).sum()
loss.backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a power or a root with a negative base.

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
        "fractional-power-negative",
        Cause.POWER_OF_NEGATIVE,
        "A fractional power of a negative number is NaN",
        "Clamp the base (`x.clamp(min=1e-4) ** p`), or use `x.sign() * x.abs() ** p`.",
    )


RULE = Rule(
    name="fractional-power-negative",
    severity=Severity.ERROR,
    summary="A fractional power of a negative number.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
