"""A step inside an autocast region changes parameters whose casts the region goes on using.

## What it does

Looks for passes that use casts of parameters which were made before a step.

## Why is this bad?

Autocast casts each parameter once and keeps the copy until the region ends. A region around several steps computes
every loss from the parameters as they were at the first one: the loss does not change, whatever the optimizer does.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(16, 3), torch.randn(16, 1)
with torch.autocast("cpu", dtype=torch.bfloat16):
    for step in range(4):
        opt.zero_grad()
        loss = (model(x).float() - y).pow(2).mean()
        loss.backward()
        opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    opt.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = (model(x).float() - y).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

A step that moves parameters runs while autocast is on, and the graph of a later pass takes in casts of these parameters
that were made before it. Where the cache is off, or was cleared, the casts are new.

## Known problems

Casts that are made without gradients leave no graph, and are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.evidence.stale_casts import stale_casts
from gradtrace.diagnosis.evidence.timeline import quoted
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer whose steps are not seen."""
    for one in stale_casts(trace):
        name = quoted(trace.optimizers[one.step.optimizer])
        used = one.node.location
        place = one.step.location or used
        leaves = tuple(dict.fromkeys(one.leaves))
        yield Finding(
            "stale-autocast",
            Severity.ERROR,
            f"the autocast region goes on with copies of parameters from before this step of {name}",
            place,
            () if used is None or used == place else (RelatedLocation(used, _used(trace, leaves, one.step.autocast)),),
            "End the autocast region before `backward()` and `step()`: open it anew around each forward.",
            leaves,
            (one.backward.index,),
        )


def _used(trace: Trace, leaves: tuple[int, ...], dtype: str | None) -> str:
    return f"pass after pass uses the first {dtype} copy of {called(trace.leaves[leaf] for leaf in leaves)}"


RULE = Rule(
    name="stale-autocast",
    severity=Severity.ERROR,
    summary="Steps inside one autocast region are not seen by the forwards that follow.",
    check=check,
    page=__doc__ or "",
)
