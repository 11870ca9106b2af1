"""Parameters get gradients and are in no optimizer.

## What it does

Looks for parameters that backward computes gradients for, step after step, while the optimizer trains only others.

## Why is this bad?

A part of the model never learns; or, if that is meant, gradients are computed for nothing.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt = torch.optim.SGD(encoder.parameters(), lr=0.1)
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    loss = (decoder(encoder(x)) - x).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=0.1)
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    loss = (decoder(encoder(x)) - x).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Parameters are looked at that get gradients from passes after which an optimizer steps, and that no optimizer holds.
It fires when no other rule about such parameters explains why.

## Known problems

A model that is left alone on purpose without `requires_grad_(False)` is reported too: freezing it also saves the time
of its gradients. Programs that train only tensors of their own are not.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.orphans import Reason, orphan_groups
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the parameters that are left out."""
    for group in orphan_groups(trace):
        if group.reason is Reason.LEFT_OUT:
            yield Finding(
                "optimizer-missing-params",
                Severity.WARNING,
                f"gradients reach {group.subject}, which no optimizer holds",
                group.place,
                group.related,
                "Pass these parameters to the optimizer too, or freeze them with `requires_grad_(False)`.",
                tuple(leaf.id for leaf in group.leaves),
            )


RULE = Rule(
    name="optimizer-missing-params",
    severity=Severity.WARNING,
    summary="Parameters get gradients and are in no optimizer.",
    check=check,
    page=__doc__ or "",
)
