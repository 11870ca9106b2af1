"""A hard threshold of learned values is used as a constant.

## What it does

Looks for comparisons and casts of learned values whose results come back into the graph as masks.

## Why is this bad?

A threshold has no derivative: what computes the compared value is never trained.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
gate, head = nn.Linear(4, 4), nn.Linear(4, 1)
opt = torch.optim.SGD([*gate.parameters(), *head.parameters()], lr=0.1)
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    keep = (gate(x) > 0).float()
    loss = head(keep * x).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
gate, head = nn.Linear(4, 4), nn.Linear(4, 1)
opt = torch.optim.SGD([*gate.parameters(), *head.parameters()], lr=0.1)
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    keep = torch.sigmoid(gate(x))
    loss = head(keep * x).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Every place is recorded where a value that requires grad goes in and one that does not comes out, with the leaves
above it. Such a place is reported when its result comes back into the graph of a pass while leaves above it, held by
an optimizer, get nothing from any pass; or when backward fails because nothing else is left.

## Known problems

A leaf that gets a gradient along another path counts as served: a cut that removes one of several paths is taken as
meant. A leaf that no optimizer holds is not expected to be trained.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.THRESHOLD:
            yield finding(
                "hard-threshold-cut",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: the comparison `{loss.cut.call}` has no derivative",
                "Use a soft gate (`torch.sigmoid`), Gumbel-softmax, or a straight-through estimator.",
            )


RULE = Rule(
    name="hard-threshold-cut",
    severity=Severity.WARNING,
    summary="A hard threshold of learned values is used as a constant.",
    check=check,
    page=__doc__ or "",
)
