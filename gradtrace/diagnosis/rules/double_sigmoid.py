"""A sigmoid goes into a loss that applies sigmoid itself.

## What it does

Looks for `binary_cross_entropy_with_logits` (`BCEWithLogitsLoss`) whose input is already the result of a sigmoid.

## Why is this bad?

The loss takes probabilities for logits: predictions below 0.5 cannot be expressed, and the loss stays near 0.7.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
loss = nn.BCEWithLogitsLoss()(model(torch.randn(8, 4)), torch.ones(8, 1))
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
loss = nn.BCEWithLogitsLoss()(model(torch.randn(8, 4)), torch.ones(8, 1))
loss.backward()
```

## How it is detected

A `BinaryCrossEntropyWithLogits` node whose input, seen through reshaping, comes from a `SigmoidBackward` node. Every
recorded graph is looked at.

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
    for backward, node, source in fed_by(trace, "BinaryCrossEntropyWithLogits", "SigmoidBackward"):
        yield Finding(
            "double-sigmoid",
            Severity.WARNING,
            "The sigmoid of this loss is applied to the result of another sigmoid",
            node.location,
            notes((source.location, "the first sigmoid is here")),
            "Return the logits to `BCEWithLogitsLoss`, or keep the sigmoid and use `BCELoss`.",
            (),
            (backward.index,),
        )


RULE = Rule(
    name="double-sigmoid",
    severity=Severity.WARNING,
    summary="A sigmoid goes into a loss that applies sigmoid itself.",
    check=check,
    page=__doc__ or "",
)
