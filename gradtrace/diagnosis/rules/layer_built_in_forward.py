"""A layer is made anew in every forward pass.

## What it does

Looks for parameters that exist for one pass only, at a line which uses other ones in each pass.

## Why is this bad?

Each call starts from new random weights: what backward computes for them is lost with them.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.width = 4

    def forward(self, x):
        h = self.first(x)
        h = nn.Linear(4, self.width)(h)
        return h


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        h = self.first(x)
        h = self.last(h)
        return h


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Parameters are looked at that get gradients from passes after which an optimizer steps, and that no optimizer holds.
It fires when a line uses other parameters of the same shape in every pass, none of them twice.

## Known problems

A program with a single backward is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.orphans import Reason, orphan_groups
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the parameters that are left out."""
    for group in orphan_groups(trace):
        if group.reason is Reason.TEMPORARY:
            yield Finding(
                "layer-built-in-forward",
                Severity.ERROR,
                "this line uses new parameters in every pass: they are never trained",
                group.place,
                group.related,
                "Make the layer once, in `__init__`, and call it in `forward`.",
                tuple(leaf.id for leaf in group.leaves),
            )


RULE = Rule(
    name="layer-built-in-forward",
    severity=Severity.ERROR,
    summary="A layer is made anew in every forward pass.",
    check=check,
    page=__doc__ or "",
)
