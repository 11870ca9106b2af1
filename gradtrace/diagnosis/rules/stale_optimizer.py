"""The optimizer holds parameters that the model no longer uses.

## What it does

Looks for optimizers that hold parameters which no pass reaches, while parameters that passes do reach are held by
none.

## Why is this bad?

A layer was replaced, or the model rebuilt or copied, after the optimizer was made: the new parameters are never
trained.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
model[1] = nn.Linear(4, 3)
for _ in range(3):
    opt.zero_grad()
    loss = model(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
model[1] = nn.Linear(4, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = model(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Parameters are looked at that get gradients from passes after which an optimizer steps, and that no optimizer holds.
It fires when an optimizer holds as well parameters that belong to no model and that no pass reaches.

## Known problems

It points at the optimizer, not at the line that replaced the layer.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.orphans import Reason, orphan_groups
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the parameters that are left out."""
    for group in orphan_groups(trace):
        if group.reason is Reason.STALE:
            yield Finding(
                "stale-optimizer",
                Severity.ERROR,
                f"the optimizer was made for other parameters: it never trains {group.subject}",
                group.place,
                group.related,
                "Make the optimizer after the model is complete, or call `optimizer.add_param_group`.",
                tuple(leaf.id for leaf in group.leaves),
            )


RULE = Rule(
    name="stale-optimizer",
    severity=Severity.ERROR,
    summary="The optimizer holds parameters that the model no longer uses.",
    check=check,
    page=__doc__ or "",
)
