"""A clamp is saturated everywhere and stops the gradient.

## What it does

Looks for `clamp`, `hardtanh` and their like whose whole input lies outside of the range, in every pass.

## Why is this bad?

The slope outside of the range is zero: what lies below never learns its way back.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
nn.init.constant_(model.bias, 5.0)


def forward(x):
    return model(x).clamp(-1, 1)


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
nn.init.constant_(model.bias, 5.0)


def forward(x):
    return torch.tanh(model(x) / 5)


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
leaves below get zeros alone. Here the node is a clamp.

## Known problems

With a single pass nothing is reported.
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
    for one in blocked(trace, lambda op: op.zeros is Zeros.OUTSIDE):
        yield Finding(
            "clamp-blocks-grad",
            Severity.WARNING,
            f"`{one.node.op}` is saturated everywhere: no gradient reaches {called(one.leaves)}",
            one.node.location,
            (),
            "Use a soft bound (`tanh`, `sigmoid`), clamp only for evaluation, or start inside the range.",
            tuple(leaf.id for leaf in one.leaves),
            of_pass(one.backward),
        )


RULE = Rule(
    name="clamp-blocks-grad",
    severity=Severity.WARNING,
    summary="A clamp is saturated everywhere and stops the gradient.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
