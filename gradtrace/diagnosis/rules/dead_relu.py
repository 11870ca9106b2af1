"""A ReLU is off for every input and stops the gradient.

## What it does

Looks for ReLUs whose output is zero everywhere, in every pass.

## Why is this bad?

Its slope is zero there: what lies below never learns again. A bias that is far too negative or a step that was too
large does it.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
nn.init.constant_(model.bias, -50.0)


def forward(x):
    return torch.relu(model(x))


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
model = nn.Linear(4, 1)


def forward(x):
    return nn.functional.leaky_relu(model(x))


opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.rand(8, 4), torch.rand(8, 1)
for _ in range(4):
    opt.zero_grad()
    loss = (forward(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

In every recorded pass, all nodes of the same place get a gradient other than zero and send nothing but zeros, and
leaves below get zeros alone. Here the node is a ReLU.

## Known problems

With a single pass nothing is reported, and a layer that is dead for some inputs only is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.blocked import NEEDS, blocked
from gradtrace.diagnosis.evidence.errors import of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas.trait_kinds import Zeros
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for one in blocked(trace, lambda op: op.zeros is Zeros.NOT_POSITIVE):
        yield Finding(
            "dead-relu",
            Severity.WARNING,
            f"This ReLU is off for every input: no gradient reaches {called(one.leaves)}",
            one.node.location,
            (),
            "Lower the learning rate, check the initial bias, or use LeakyReLU or GELU.",
            tuple(leaf.id for leaf in one.leaves),
            of_pass(one.backward),
        )


RULE = Rule(
    name="dead-relu",
    severity=Severity.WARNING,
    summary="A ReLU is off for every input and stops the gradient.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
