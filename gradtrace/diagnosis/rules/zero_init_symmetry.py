"""Weights of nothing but zeros keep the layers below from learning.

## What it does

Looks for products with a weight that is zero everywhere, pass after pass.

## Why is this bad?

The gradient that goes through such a weight is zero: what lies below stands still. If two layers are zero, both stand
still for ever.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
for p in model.parameters():
    nn.init.zeros_(p)


def forward(x):
    return model(x)


opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.rand(8, 4), torch.rand(8, 1)
for _ in range(4):
    opt.zero_grad()
    loss = (forward(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))


def forward(x):
    return model(x)


opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.rand(8, 4), torch.rand(8, 1)
for _ in range(4):
    opt.zero_grad()
    loss = (forward(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

In every recorded pass, and in three at least, the saved weight of a product is zero everywhere, the gradient that
arrives is not, and leaves below get zeros alone.

## Known problems

A single layer that starts at zero on purpose (the last one of a residual branch, an adapter) moves with the first
step and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.blocked import NEEDS, ZERO_WEIGHTS, zero_weights
from gradtrace.diagnosis.evidence.errors import of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for one in zero_weights(trace):
        yield Finding(
            "zero-init-symmetry",
            Severity.WARNING,
            f"A weight here is zero in every pass: no gradient reaches {called(one.leaves)} through it",
            one.node.location,
            (),
            "Initialise weights at random (`nn.init.kaiming_uniform_`); zeros are for biases.",
            tuple(leaf.id for leaf in one.leaves),
            of_pass(one.backward),
        )


RULE = Rule(
    name="zero-init-symmetry",
    severity=Severity.WARNING,
    summary="Weights of nothing but zeros keep the layers below from learning.",
    check=check,
    page=__doc__ or "",
    needs=(*NEEDS, ZERO_WEIGHTS),
)
