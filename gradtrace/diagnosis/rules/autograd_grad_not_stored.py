"""Gradients are computed by `autograd.grad` and never given to the optimizer.

## What it does

Looks for optimizers whose steps find no gradients although `torch.autograd.grad` computed some for their parameters.

## Why is this bad?

`autograd.grad` returns gradients and leaves `.grad` alone, so step() does nothing.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    loss = nn.functional.mse_loss(model(x), y)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when no step finds a gradient, no pass stores one, and
autograd.grad returned some.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.ownership import received
from gradtrace.diagnosis.evidence.timeline import cycles, optimizer_name, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Effect, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that is left without the gradients that were computed."""
    stored = received(trace)
    for history in cycles(trace):
        steps = stepped(history)
        leaves = history[0].leaves
        if any(step.leaves for _, step in steps) or leaves.intersection(stored):
            continue
        backward = next(
            (
                one
                for one in trace.passes
                if any(each.effect == Effect.NOT_STORED and each.leaf in leaves for each in one.accumulations)
            ),
            None,
        )
        if backward is None:
            continue
        name = optimizer_name(history[0].optimizer)
        place = steps[0][1].location
        yield Finding(
            "autograd-grad-not-stored",
            Severity.ERROR,
            f"{name} never gets the gradients that autograd.grad() returns",
            backward.location,
            () if place is None else (RelatedLocation(place, "step() finds no gradients"),),
            "Store them (`for p, g in zip(params, grads): p.grad = g`), or call `loss.backward()`.",
            tuple(sorted(leaves)),
            (backward.index,),
        )


RULE = Rule(
    name="autograd-grad-not-stored",
    severity=Severity.ERROR,
    summary="Gradients are computed by `autograd.grad` and never given to the optimizer.",
    check=check,
    page=__doc__ or "",
)
