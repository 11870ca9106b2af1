"""An operation's output was overwritten although its backward needs it.

## What it does

Looks for in-place writes into the result of an operation whose derivative is computed from that result: sigmoid,
tanh, exp, softmax, sqrt, relu.

## Why is this bad?

Backward stops: with the overwritten values the gradient would be wrong. torch names the operation that saved the
tensor, never the line that overwrote it.

## Example

```python
import torch

w = torch.randn(4, 6, requires_grad=True)
gate = torch.sigmoid(w)
gate *= torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
gate.sum().backward()
```

## Use instead

```python
import torch

w = torch.randn(4, 6, requires_grad=True)
gate = torch.sigmoid(w)
gate = gate * torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
gate.sum().backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where the tensor is the saving operation's own output.

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
    if found is not None and found.reason is Reason.OUTPUT:
        yield finding(
            "inplace-saved-output",
            found,
            f"{found.subject} overwrites {found.name}, which backward still needs",
            new_tensor(found),
        )


RULE = Rule(
    name="inplace-saved-output",
    severity=Severity.ERROR,
    summary="An operation's output was overwritten although its backward needs it.",
    check=check,
    page=__doc__ or "",
)
