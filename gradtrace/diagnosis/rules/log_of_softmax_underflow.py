"""The log of a probability that is zero.

## What it does

Looks for `log` of 0: of a softmax or a sigmoid that rounds to 0, or of any value that reaches it.

## Why is this bad?

The loss becomes infinite and the gradients NaN as soon as the model is sure enough.

## Example

```python
import torch

w = torch.tensor([[200.0, 0.0]], requires_grad=True)
loss = -torch.softmax(w, 1).log().mean()
loss.backward()
```

## Use instead

```python
import torch

w = torch.tensor([[200.0, 0.0]], requires_grad=True)
loss = -torch.log_softmax(w, 1).mean()
loss.backward()
```

## How it is detected

The first pass whose loss or gradients are not finite is looked at. Forwards, every place is recorded where a NaN or
an infinity comes out of finite inputs; backwards, the first node that gets finite gradients and sends others. Here it
is a logarithm, and an input is zero or less.

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
        "log-of-softmax-underflow",
        Cause.LOG_OF_ZERO,
        "`{call}` of 0 gives an infinity",
        "Use `log_softmax`, `logsigmoid` or `BCEWithLogitsLoss`, or clamp first: `p.clamp(min=1e-6).log()`.",
    )


RULE = Rule(
    name="log-of-softmax-underflow",
    severity=Severity.ERROR,
    summary="The log of a probability that is zero.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
