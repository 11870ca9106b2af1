"""A running average is computed with gradients switched on.

## What it does

Looks for averages of weights or features over time whose graph grows with every iteration.

## Why is this bad?

Memory grows, and each step costs more: the average's graph reaches back to the first iteration.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
ema = torch.zeros(1)
for _ in range(6):
    out = model(torch.randn(8, 4))
    opt.zero_grad()
    out.pow(2).mean().backward()
    opt.step()
    ema = 0.9 * ema + 0.1 * out.mean()
print(ema.shape)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
ema = torch.zeros(1)
for _ in range(6):
    out = model(torch.randn(8, 4))
    opt.zero_grad()
    out.pow(2).mean().backward()
    opt.step()
    with torch.no_grad():
        ema = 0.9 * ema + 0.1 * out.mean()
print(ema.shape)
```

## How it is detected

Whenever a pass begins, the variables of the program that still hold graphs of several passes are counted, with the
nodes that they keep alive. A tensor that keeps more with each pass, and whose line reads like an average, is this
cause.

## Known problems

A variable is known by a name in the program's modules, functions that run, or attributes of these; graphs that
something else holds are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.lifetimes import Reason, growths
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for one in growths(trace):
        if one.reason is Reason.AVERAGE:
            name, last = one.last.name, one.last
            yield Finding(
                "ema-tracks-graph",
                Severity.WARNING,
                f"{name} is averaged with gradients on: it keeps the graphs of {one.n_passes} passes alive",
                one.first.location or last.location,
                (),
                "Put the update into `with torch.no_grad():`, or average `.detach()`ed tensors.",
                (),
                (one.first.pass_index, last.pass_index),
            )


RULE = Rule(
    name="ema-tracks-graph",
    severity=Severity.WARNING,
    summary="A running average is computed with gradients switched on.",
    check=check,
    page=__doc__ or "",
)
