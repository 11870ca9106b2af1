"""Hardly any gradient reaches the first layers through a stack of sigmoids.

## What it does

Looks for deep stacks of sigmoid or tanh whose first weights get a millionth of what the last ones get, or less.

## Why is this bad?

The first layers stand still. Each sigmoid lets a quarter of the gradient through at best.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
layers = []
for _ in range(14):
    layers += [nn.Linear(4, 4), nn.Sigmoid()]
model = nn.Sequential(*layers, nn.Linear(4, 1))


def forward(x):
    return model(x)


opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.rand(8, 4), torch.rand(8, 1)
for _ in range(4):
    opt.zero_grad()
    loss = (forward(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
layers = []
for _ in range(14):
    layers += [nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU()]
model = nn.Sequential(*layers, nn.Linear(4, 1))


def forward(x):
    return model(x)


opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.rand(8, 4), torch.rand(8, 1)
for _ in range(4):
    opt.zero_grad()
    loss = (forward(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

In every recorded pass, the root mean square of the gradients of matrices used once is compared between the one with
the most such activations above it and the one with the fewest; at least four must lie between.

## Known problems

Networks with shortcuts around the activations are not reported, whatever their gradients.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.blocked import vanished
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for backward, node, deep, shallow, ratio in vanished(trace):
        yield Finding(
            "vanishing-sigmoid",
            Severity.WARNING,
            f"The gradient of {deep.name} is {ratio:.0e} of that of {shallow.name}: `{node.op}` after `{node.op}`",
            node.location,
            (),
            "Use ReLU or GELU with normalisation or shortcuts, and an initialisation made for them.",
            (deep.id, shallow.id),
            (backward.index,),
        )


RULE = Rule(
    name="vanishing-sigmoid",
    severity=Severity.WARNING,
    summary="Hardly any gradient reaches the first layers through a stack of sigmoids.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)
