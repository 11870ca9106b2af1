"""A softmax goes into a loss that applies softmax itself.

## What it does

Looks for `log_softmax` (inside `cross_entropy`) whose input is already the result of a softmax.

## Why is this bad?

The loss sees probabilities instead of logits: it cannot get near zero, gradients are tiny, and training plateaus
without an error.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
loss = nn.CrossEntropyLoss()(model(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
loss = nn.CrossEntropyLoss()(model(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
loss.backward()
```

## How it is detected

A `LogSoftmaxBackward` node whose input, seen through reshaping, comes from a `SoftmaxBackward` node. Every recorded
graph is looked at.

## Known problems

None known: the combination has no use.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.shapes import fed_by
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for backward, node, source in fed_by(trace, "LogSoftmaxBackward", "SoftmaxBackward"):
        yield Finding(
            "double-softmax",
            Severity.WARNING,
            "The softmax of this loss is applied to the result of another softmax",
            node.location,
            notes((source.location, "the first softmax is here")),
            "Return the logits: `cross_entropy` and `CrossEntropyLoss` apply log_softmax themselves.",
            (),
            (backward.index,),
        )


RULE = Rule(
    name="double-softmax",
    severity=Severity.WARNING,
    summary="A softmax goes into a loss that applies softmax itself.",
    check=check,
    page=__doc__ or "",
)
