"""A leaf that requires grad is changed in place.

## What it does

Looks for in-place operations on parameters (`w += 1`, `w.clamp_()`, `w.mul_()`) with gradients switched on.

## Why is this bad?

torch refuses: the leaf would become the result of an operation and could no longer collect gradients.

## Example

```python
import torch

w = torch.randn(3, requires_grad=True)
w.clamp_(min=0)
```

## Use instead

```python
import torch

w = torch.randn(3, requires_grad=True)
with torch.no_grad():
    w.clamp_(min=0)
```

## How it is detected

The exception that ended the program is recorded with the user's line; its text is torch's own.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failing
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    yield from failing(
        trace,
        "leaf-inplace",
        "^a leaf Variable that requires grad (is being|has been) used in an in-place",
        "A leaf that requires grad is changed in place, with gradients on",
        "Put the change into `with torch.no_grad():`.",
    )


RULE = Rule(
    name="leaf-inplace",
    severity=Severity.ERROR,
    summary="A leaf that requires grad is changed in place.",
    check=check,
    page=__doc__ or "",
)
