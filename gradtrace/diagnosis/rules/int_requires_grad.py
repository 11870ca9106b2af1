"""A tensor of integers is asked to require grad.

## What it does

Looks for `requires_grad=True` on a tensor of integers or booleans, mostly made from integer literals.

## Why is this bad?

torch refuses: integers have no derivative.

## Example

```python
import torch

w = torch.tensor([1, 2, 3], requires_grad=True)
```

## Use instead

```python
import torch

w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
w.sum().backward()
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
        "int-requires-grad",
        "(?i)only Tensors of floating point( and complex)? dtype can require gradients",
        "A tensor of integers cannot require grad",
        "Write float literals (`1.0` instead of `1`), or pass `dtype=torch.float32`.",
    )


RULE = Rule(
    name="int-requires-grad",
    severity=Severity.ERROR,
    summary="A tensor of integers is asked to require grad.",
    check=check,
    page=__doc__ or "",
)
