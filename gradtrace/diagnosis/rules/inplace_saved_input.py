"""A tensor was overwritten after an operation had used it.

## What it does

Looks for in-place writes into a tensor (a window, a state, a buffer) that an earlier operation took in and saved for
its backward.

## Why is this bad?

Backward stops: the operation's derivative depends on the values that were there. When the tensor has no graph of its
own, torch names neither an operation nor a line.

## Example

```python
import torch
from torch import nn

model = nn.Linear(3, 1)
window = torch.randn(3)
outputs = []
for _ in range(2):
    outputs.append(model(window))
    window[-1] = 0.5
torch.cat(outputs).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(3, 1)
window = torch.randn(3)
outputs = []
for _ in range(2):
    outputs.append(model(window))
    window = torch.cat([window[:-1], torch.tensor([0.5])])
torch.cat(outputs).sum().backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where the tensor was an operation's input.

## Known problems

Only the first tensor that torch stumbles over is named: the next one appears when this one is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, new_tensor, overwrite
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.INPUT:
        yield finding(
            "inplace-saved-input",
            found,
            f"{found.subject} overwrites {found.name}, which an earlier operation saved for backward",
            new_tensor(found),
        )


RULE = Rule(
    name="inplace-saved-input",
    severity=Severity.ERROR,
    summary="A tensor was overwritten after an operation had used it.",
    check=check,
    page=__doc__ or "",
)
