"""An exponential overflows.

## What it does

Looks for `exp` of more than about 88 (float32): `log(1 + exp(x))`, hand-written softmax, `exp(logvar)`.

## Why is this bad?

The infinity turns into NaN at the next subtraction or division, or in the gradient.

## Example

```python
import torch

x = torch.tensor([100.0, 1.0], requires_grad=True)
loss = torch.log(1 + torch.exp(x)).mean()
loss.backward()
```

## Use instead

```python
import torch

x = torch.tensor([100.0, 1.0], requires_grad=True)
loss = torch.nn.functional.softplus(x).mean()
loss.backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is an exponential.

## Known problems

Only the first such place of a run is told: what comes after it is its consequence. Infinities that leave the loss and
all gradients finite are taken as meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.numerics import NEEDS, Cause, findings, trap
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = trap(trace)
    advice = "Use `softplus`, `logsumexp`, `softmax` or `expm1` forms, or clamp the exponent."
    if found is not None and found.is_hidden:
        advice = (
            "Mask or clamp the exponent before this line, as in `torch.exp(x.masked_fill(mask == 0, 0.0))`: what is "
            "dropped or masked afterwards still gets the gradient 0 · inf, which is NaN."
        )
    yield from findings(trace, "exp-overflow", Cause.EXP_OVERFLOW, "`{call}` overflows to infinity", advice)


RULE = Rule(
    name="exp-overflow",
    severity=Severity.ERROR,
    summary="An exponential overflows.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
