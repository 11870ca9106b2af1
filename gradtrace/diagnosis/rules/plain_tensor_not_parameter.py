"""A module keeps a trained tensor that is no `nn.Parameter`.

## What it does

Looks for tensors that a module keeps as plain attributes, that require grad and get gradients, and that no optimizer
holds.

## Why is this bad?

`parameters()` lists only `nn.Parameter`: the tensor is never trained, moved or saved.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.scale = torch.ones(4, requires_grad=True)

    def forward(self, x):
        h = self.first(x)
        h = h * self.scale
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
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        h = self.first(x)
        h = h * self.scale
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
It fires when the tensor is an attribute of a module.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.orphans import Reason, orphan_groups
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the parameters that are left out."""
    for group in orphan_groups(trace):
        if group.reason is Reason.PLAIN_TENSOR:
            yield Finding(
                "plain-tensor-not-parameter",
                Severity.ERROR,
                f"no optimizer finds {group.subject}: a plain tensor is no nn.Parameter",
                group.place,
                group.related,
                "Wrap it: `self.name = nn.Parameter(...)`, so that `parameters()` lists it.",
                tuple(leaf.id for leaf in group.leaves),
            )


RULE = Rule(
    name="plain-tensor-not-parameter",
    severity=Severity.ERROR,
    summary="A module keeps a trained tensor that is no `nn.Parameter`.",
    check=check,
    page=__doc__ or "",
)
