"""A gradient grows at every step of a recurrence.

## What it does

Looks for lines that a gradient passes many times (a recurrence, a stack of layers), growing by a factor each time.

## Why is this bad?

After enough steps it overflows, or one step of the optimizer ruins the weights.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
w = nn.Parameter(torch.eye(4) * 6)
h = torch.ones(1, 4)
for _ in range(12):
    h = h @ w
loss = h.mean()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
w = nn.Parameter(torch.eye(4) * 0.9)
h = torch.ones(1, 4)
for _ in range(12):
    h = torch.tanh(h @ w)
loss = h.mean()
loss.backward()
```

## How it is detected

The nodes of one line are taken in the order in which the engine ran them: at least 8, rising at nearly every step, by
more than a million in all.

## Known problems

Growth that is spread over different lines is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.blocked import growing
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for backward, node, growth, times in growing(trace):
        yield Finding(
            "exploding-recurrence",
            Severity.WARNING,
            f"The gradient grows by {growth:.0e} over {times} repetitions of `{node.op}`",
            node.location,
            (),
            "Clip it (`clip_grad_norm_`), start from an orthogonal matrix, or use a gated cell (LSTM, GRU).",
            (),
            (backward.index,),
        )
        return


RULE = Rule(
    name="exploding-recurrence",
    severity=Severity.WARNING,
    summary="A gradient grows at every step of a recurrence.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM),),
)
