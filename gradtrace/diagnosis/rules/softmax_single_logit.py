"""A softmax over a single value is constant.

## What it does

Looks for softmax over a dimension of size 1 on the way to the loss.

## Why is this bad?

It is 1 whatever goes in, so that no gradient comes back.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)


def forward(x):
    return torch.softmax(model(x), dim=1)


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
    return torch.sigmoid(model(x))


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
leaves below get zeros alone. Here the node is a softmax over a dimension of size 1, and no product of matrices stands
between it and the loss, or the dimension is the last one of what a layer with a single output gives.

## Known problems

Attention over a single key is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.blocked import NEEDS, blocked
from gradtrace.diagnosis.evidence.errors import of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.evidence.shapes import dimension, ends_in_loss, is_type, targets, through_views
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas import traits
from gradtrace.model import Finding, Graph, Node, Severity, Trace


def _is_constant(graph: Graph, node: Node) -> bool:
    return dimension(node) == 1 and (ends_in_loss(graph, node) or _is_of_one_output(graph, node))


def _is_of_one_output(graph: Graph, node: Node) -> bool:
    """Whether the dimension is the one that a layer with a single output has made, whatever the other sizes are."""
    shape, below = node.shape or (), targets(graph, node)
    dim = dict(node.arguments).get("dim", "")
    if dim not in {"-1", str(len(shape) - 1)}:
        return False
    while len(below) == 1 and is_type(below[0], "ViewBackward", "UnsafeViewBackward"):
        below = targets(graph, below[0])
    if len(below) != 1 or not traits.of(below[0]).is_product or (below[0].shape or (0,))[-1] != 1:
        return False
    factors = (through_views(graph, one) for one in targets(graph, below[0]))
    return any(one.leaf is not None for one in factors)


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for one in blocked(trace, lambda op: op.is_softmax, fewest=1, is_meant=_is_constant):
        yield Finding(
            "softmax-single-logit",
            Severity.WARNING,
            f"A softmax over one value is always 1: no gradient reaches {called(one.leaves)}",
            one.node.location,
            (),
            "Use `sigmoid` for a single output, or give the last layer two outputs.",
            tuple(leaf.id for leaf in one.leaves),
            of_pass(one.backward),
        )


RULE = Rule(
    name="softmax-single-logit",
    severity=Severity.WARNING,
    summary="A softmax over a single value is constant.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)
