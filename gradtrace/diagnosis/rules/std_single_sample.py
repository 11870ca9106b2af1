"""The standard deviation of a single sample.

## What it does

Looks for `std` and `var` over one element with the unbiased estimate.

## Why is this bad?

It divides by n - 1 = 0: NaN. It happens with the last batch of an epoch.

## Example

```python
import warnings

import torch

warnings.simplefilter('ignore')
w = torch.randn(3, requires_grad=True)
x = torch.ones(1, 3) * w
loss = (x / (x.std(0) + 1e-6)).sum()
loss.backward()
```

## Use instead

```python
import torch

w = torch.randn(3, requires_grad=True)
x = torch.ones(1, 3) * w
loss = (x / (x.var(0, unbiased=False) + 1e-6)).sum()
loss.backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a spread of one sample.

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
        "std-single-sample",
        Cause.SINGLE_SAMPLE,
        "`{call}` of a single sample is NaN: it divides by n - 1 = 0",
        "Pass `unbiased=False`, or drop the last small batch with `drop_last=True`.",
    )


RULE = Rule(
    name="std-single-sample",
    severity=Severity.ERROR,
    summary="The standard deviation of a single sample.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
