"""A gradient penalty is a constant: its gradient was made without `create_graph`.

## What it does

Looks for results of `torch.autograd.grad` without `create_graph=True` that a loss is made from.

## Why is this bad?

Without it the returned gradients have no history: the penalty changes the value of the loss and none of its
gradients.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
opt = torch.optim.Adam(critic.parameters())
for _ in range(3):
    x = torch.randn(8, 2, requires_grad=True)
    out = critic(x)
    (g,) = torch.autograd.grad(out.sum(), x, retain_graph=True)
    penalty = (g.norm(dim=1) - 1).pow(2).mean()
    loss = out.mean() + 10 * penalty
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
opt = torch.optim.Adam(critic.parameters())
for _ in range(3):
    x = torch.randn(8, 2, requires_grad=True)
    out = critic(x)
    (g,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    penalty = (g.norm(dim=1) - 1).pow(2).mean()
    loss = out.mean() + 10 * penalty
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

What autograd.grad returned is followed until it is added to a scalar of the graph; or backward fails and nothing else
explains it.

## Known problems

A term that is multiplied with the loss instead of added is taken as a weight, and meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses, returned
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CutKind, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each gradient that is added to a loss as a constant."""
    advice = "Call `torch.autograd.grad(..., create_graph=True)`."
    for loss in losses(trace):
        if loss.reason is Reason.GRADIENT:
            message = f"{complaint(loss)}: autograd.grad() returns constants without create_graph"
            yield finding("penalty-without-create-graph", loss, Severity.ERROR, message, advice)
    for cut in trace.cuts:
        if cut.kind == CutKind.GRADIENT and cut.reentry is not None and cut.passes:
            chosen = [one for one in trace.passes if one.index in cut.passes]
            place = next((one for backward in chosen if (one := returned(backward, cut)) is not None), None)
            if place is not None:
                yield Finding(
                    "penalty-without-create-graph",
                    Severity.WARNING,
                    "a gradient is added to the loss as a constant: it was made without create_graph",
                    cut.location,
                    (RelatedLocation(place, "it is added here, as a constant"),),
                    advice,
                    passes=cut.passes,
                )


RULE = Rule(
    name="penalty-without-create-graph",
    severity=Severity.WARNING,
    summary="A gradient penalty is a constant: its gradient was made without `create_graph`.",
    check=check,
    page=__doc__ or "",
)
