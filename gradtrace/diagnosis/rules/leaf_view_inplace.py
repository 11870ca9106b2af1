"""A part of a leaf that requires grad is changed in place.

## What it does

Looks for assignments to elements or slices of a parameter (`w[0] = 0`, `w[:2].mul_(2)`) with gradients switched on.

## Why is this bad?

torch refuses: a leaf cannot become the result of an operation.

## Example

```python
import torch

w = torch.randn(3, requires_grad=True)
w[0] = 0.0
```

## Use instead

```python
import torch

w = torch.randn(3, requires_grad=True)
with torch.no_grad():
    w[0] = 0.0
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
        "leaf-view-inplace",
        "a view of a leaf Variable that requires grad is being used in an in-place",
        "A part of a leaf that requires grad is changed in place, with gradients on",
        "Put the assignment into `with torch.no_grad():`, or build the values before `requires_grad_()`.",
    )


RULE = Rule(
    name="leaf-view-inplace",
    severity=Severity.ERROR,
    summary="A part of a leaf that requires grad is changed in place.",
    check=check,
    page=__doc__ or "",
)
