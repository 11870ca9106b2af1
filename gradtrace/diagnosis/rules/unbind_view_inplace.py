"""A row of a tensor is changed in place while the tensor is split or iterated over.

## What it does

Looks for in-place changes of what `for row in x`, `unbind`, `split` or `chunk` hand out.

## Why is this bad?

torch refuses: these functions return several views at once, and a write into one of them cannot be tracked.

## Example

```python
import torch

w = torch.randn(2, 3, requires_grad=True)
x = w * 2
for row in x:
    row *= 0.5
x.sum().backward()
```

## Use instead

```python
import torch

w = torch.randn(2, 3, requires_grad=True)
x = w * 2
x = torch.stack([row * 0.5 for row in x])
x.sum().backward()
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
        "unbind-view-inplace",
        "output of a function that returns multiple views",
        "A row handed out by iteration or a split is changed in place",
        "Compute new rows (`row * 0.5`) and `torch.stack` them, or work on the whole tensor at once.",
    )


RULE = Rule(
    name="unbind-view-inplace",
    severity=Severity.ERROR,
    summary="A row of a tensor is changed in place while the tensor is split or iterated over.",
    check=check,
    page=__doc__ or "",
)
