"""An update gives a parameter's name to a new tensor.

## What it does

Looks for `w = w - lr * w.grad`: the name then holds a result, no longer the leaf.

## Why is this bad?

From the next pass on `w.grad` is None.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
w = torch.ones(3, requires_grad=True)
for _ in range(2):
    loss = (w * 2).pow(2).sum()
    loss.backward()
    w = w - 0.1 * w.grad
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
w = torch.ones(3, requires_grad=True)
for _ in range(2):
    loss = (w * 2).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
```

## How it is detected

Every read of `.grad` that gives None is recorded, with what was read. It fires when what was read has the name of the
leaf that it is made from. It fires too when a pass finds no graph, or a parameter of an optimizer gets no gradient,
because a result without a graph, computed from a leaf, was given the leaf's name.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence import cut_points
from gradtrace.diagnosis.evidence.cut_points import losses
from gradtrace.diagnosis.evidence.missing_grads import Reason, reads
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each such read."""
    for read in reads(trace):
        if read.reason is Reason.RENAMED:
            name = read.name or "the tensor"
            yield Finding(
                "param-reassigned",
                Severity.ERROR,
                f"{name} is not a leaf any more: this line gives its name to a new tensor",
                read.place,
                read.related,
                _advice(name),
            )
    for loss in losses(trace):
        if loss.reason is cut_points.Reason.RENAMED:
            name = loss.cut.name or "the tensor"
            message = f"{name} is not a leaf any more: this line gives its name to a new tensor"
            yield cut_points.finding("param-reassigned", loss, Severity.ERROR, message, _advice(name))


def _advice(name: str) -> str:
    return f"Update in place: `with torch.no_grad(): {name} -= lr * {name}.grad`, then `{name}.grad = None`."


RULE = Rule(
    name="param-reassigned",
    severity=Severity.ERROR,
    summary="An update gives a parameter's name to a new tensor.",
    check=check,
    page=__doc__ or "",
)
