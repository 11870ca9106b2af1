"""A running total keeps the graph of every iteration.

## What it does

Looks for a tensor to which every iteration adds a loss with its graph.

## Why is this bad?

Memory grows over the epoch: the total keeps every iteration's graph, with all activations, until it is dropped.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
total = 0
for _ in range(6):
    loss = model(torch.randn(8, 4)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss
print(f"{float(total.detach()):.3f}")
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
total = 0.0
for _ in range(6):
    loss = model(torch.randn(8, 4)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss.item()
print(f"{total:.3f}")
```

## How it is detected

Whenever a pass begins, the variables of the program that still hold graphs of several passes are counted, with the
nodes that they keep alive. A single tensor that keeps more with each pass is this cause.

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
        if one.reason is Reason.TOTAL:
            name, last = one.last.name, one.last
            yield Finding(
                "loss-sum-keeps-graph",
                Severity.WARNING,
                f"{name} keeps the graphs of {one.n_passes} passes alive, {last.n_nodes} nodes",
                one.first.location or last.location,
                (),
                f"Add the number, not the tensor: `{name} += loss.item()` (or `loss.detach()`).",
                (),
                (one.first.pass_index, last.pass_index),
            )


RULE = Rule(
    name="loss-sum-keeps-graph",
    severity=Severity.WARNING,
    summary="A running total keeps the graph of every iteration.",
    check=check,
    page=__doc__ or "",
)
