"""Gradients are to be clipped, but what lists the parameters is used up.

## What it does

Looks for `clip_grad_norm_` that is given no parameter, and for loops over a generator of parameters that an earlier
loop has used up.

## Why is this bad?

`model.parameters()` can be gone through once. The second time there is nothing: nothing is clipped, and nothing is
said.

## Example

```python
import torch
from torch import nn


def limit(params, most):
    total = sum(p.grad.pow(2).sum() for p in params).sqrt()
    if total > most:
        for p in params:
            p.grad.mul_(most / total)


torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(3):
    opt.zero_grad()
    (10 * model(torch.randn(8, 3))).pow(2).mean().backward()
    limit(model.parameters(), 1.0)
    opt.step()
```

## Use instead

```python
import torch
from torch import nn


def limit(params, most):
    params = list(params)
    total = sum(p.grad.pow(2).sum() for p in params).sqrt()
    if total > most:
        for p in params:
            p.grad.mul_(most / total)


torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(3):
    opt.zero_grad()
    (10 * model(torch.randn(8, 3))).pow(2).mean().backward()
    limit(model.parameters(), 1.0)
    opt.step()
```

## How it is detected

torch's function is called with an empty list or a used-up generator while gradients are there. Or a line reads `.grad`
in a loop over a generator, the same function loops over the same variable once more, and after that loop's beginning no
line of the function reads or changes a gradient.

## Known problems

A function that is given a generator which is used up already, and is not torch's, leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.clipped_nothing import ClippedNothing, clipped_nothing
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each place that clips nothing."""
    for found in clipped_nothing(trace):
        if found.call is not None:
            message = f"`{found.call}` is given no parameters: it clips nothing"
            remedy = "Give it a new `model.parameters()`, or a list: a generator can be gone through once."
        else:
            message = f"`{found.iterator}` is used up: this loop finds nothing in it, and changes no gradient"
            remedy = f"Make a list first: `{found.iterator} = list({found.iterator})`."
        yield Finding("empty-clipping", Severity.WARNING, message, found.place, _related(found), remedy, found.leaves)


def _related(found: ClippedNothing) -> tuple[RelatedLocation, ...]:
    if found.used_by is None:
        return ()
    return (RelatedLocation(found.used_by, f"this loop goes through `{found.iterator}` first"),)


RULE = Rule(
    name="empty-clipping",
    severity=Severity.WARNING,
    summary="Gradients are to be clipped, but what lists the parameters is used up.",
    check=check,
    page=__doc__ or "",
)
