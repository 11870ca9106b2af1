"""A new tensor is built from tensors, which copies values and drops their history.

## What it does

Looks for `torch.tensor(...)` and `torch.Tensor(...)` of values that require grad.

## Why is this bad?

The new tensor is a constant: backward stops there, or fails when there is no other path.

## Example

```python
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(0)
model = nn.Linear(4, 1)
terms = [model(torch.randn(4)).pow(2).sum() for _ in range(3)]
loss = torch.tensor(terms).mean()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
terms = [model(torch.randn(4)).pow(2).sum() for _ in range(3)]
loss = torch.stack(terms).mean()
loss.backward()
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
        if loss.reason is Reason.REMADE:
            yield finding(
                "tensor-ctor-rewrap",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `torch.tensor` copies values without their history",
                "Use `torch.stack([...])` or `torch.cat([...])`: they keep the graph.",
            )


RULE = Rule(
    name="tensor-ctor-rewrap",
    severity=Severity.WARNING,
    summary="A new tensor is built from tensors, which copies values and drops their history.",
    check=check,
    page=__doc__ or "",
)
