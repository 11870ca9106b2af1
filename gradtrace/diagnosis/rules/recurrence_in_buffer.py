"""A recurrence is written into one buffer, step by step.

## What it does

Looks for `out[t] = f(out[t - 1])`: assignments into a tensor whose earlier elements the recurrence has already used.

## Why is this bad?

Every assignment makes a new version of the whole buffer, also of the elements that earlier steps saved, and backward
stops.

## Example

```python
import torch

a = torch.tensor(0.9, requires_grad=True)
out = torch.zeros(4)
out[0] = 1.0
for t in range(1, 4):
    out[t] = a * out[t - 1]
out.sum().backward()
```

## Use instead

```python
import torch

a = torch.tensor(0.9, requires_grad=True)
out = [torch.tensor(1.0)]
for _ in range(1, 4):
    out.append(a * out[-1])
torch.stack(out).sum().backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where the write is an assignment to elements of a tensor with a graph.

## Known problems

Only the first tensor that torch stumbles over is named: the next one appears when this one is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, overwrite
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.RECURRENCE:
        yield finding(
            "recurrence-in-buffer",
            found,
            "This assignment overwrites a buffer whose earlier elements backward still needs",
            "Collect the steps in a list and `torch.stack` them at the end.",
        )


RULE = Rule(
    name="recurrence-in-buffer",
    severity=Severity.ERROR,
    summary="A recurrence is written into one buffer, step by step.",
    check=check,
    page=__doc__ or "",
)
