"""A list keeps the graph of every iteration.

## What it does

Looks for lists, dicts and loggers to which every iteration adds tensors with their graphs.

## Why is this bad?

Memory grows: each stored tensor keeps the graph of its iteration, with all activations.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
losses = []
for _ in range(6):
    loss = model(torch.randn(8, 4)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    losses.append(loss)
print(len(losses))
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
losses = []
for _ in range(6):
    loss = model(torch.randn(8, 4)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    losses.append(loss.item())
print(len(losses))
```

## How it is detected

Whenever a pass begins, the variables of the program that still hold graphs of several passes are counted, with the
nodes that they keep alive. A container with more such tensors at each count is this cause.

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
        if one.reason is Reason.HISTORY:
            name, last = one.last.name, one.last
            yield Finding(
                "history-keeps-graph",
                Severity.WARNING,
                f"{name} keeps {last.n_tensors} tensors with the graphs of {one.n_passes} passes alive",
                one.first.location or last.location,
                (),
                f"Store numbers or detached tensors in {name}: `loss.item()`, `output.detach()`.",
                (),
                (one.first.pass_index, last.pass_index),
            )


RULE = Rule(
    name="history-keeps-graph",
    severity=Severity.WARNING,
    summary="A list keeps the graph of every iteration.",
    check=check,
    page=__doc__ or "",
)
