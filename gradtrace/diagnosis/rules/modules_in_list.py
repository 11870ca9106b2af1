"""Modules in a plain list or dict: `parameters()` does not find them.

## What it does

Looks for layers that take part in the loss and belong to a module, but are no part of its `parameters()`.

## Why is this bad?

They are never trained, never moved to another device and never saved.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.rest = [nn.Linear(4, 4) for _ in range(2)]

    def forward(self, x):
        h = self.first(x)
        for layer in self.rest:
            h = layer(h)
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
        self.rest = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def forward(self, x):
        h = self.first(x)
        for layer in self.rest:
            h = layer(h)
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
It fires when their module is part of no model, but was called by one.

## Known problems

Layers that are called through functions outside any module are reported as `optimizer-missing-params`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.orphans import Reason, orphan_groups
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the parameters that are left out."""
    for group in orphan_groups(trace):
        if group.reason is Reason.LISTED:
            yield Finding(
                "modules-in-list",
                Severity.ERROR,
                f"{len(group.leaves)} parameters of layers that the model does not know of are never trained",
                group.place,
                group.related,
                "Keep the layers in `nn.ModuleList` or `nn.ModuleDict` instead of a plain list or dict.",
                tuple(leaf.id for leaf in group.leaves),
            )


RULE = Rule(
    name="modules-in-list",
    severity=Severity.ERROR,
    summary="Modules in a plain list or dict: `parameters()` does not find them.",
    check=check,
    page=__doc__ or "",
)
