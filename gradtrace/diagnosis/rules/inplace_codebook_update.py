"""A module updates its own state in place between forward and backward.

## What it does

Looks for in-place updates of a module's attribute (a codebook, a memory bank, a running centre) after the forward
pass used it and before backward.

## Why is this bad?

Backward stops: an operation of the forward pass had saved the attribute's old values.

## Example

```python
import torch
from torch import nn


class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(8, 3))

    def forward(self, x):
        scores = x @ self.codes.t()
        self.codes.mul_(0.9).add_(0.1 * torch.randn(8, 3))
        return scores


model = nn.Sequential(nn.Linear(5, 3), Quantizer())
model(torch.randn(4, 5)).sum().backward()
```

## Use instead

```python
import torch
from torch import nn


class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(8, 3))

    def forward(self, x):
        scores = x @ self.codes.t()
        self.codes = 0.9 * self.codes + 0.1 * torch.randn(8, 3)
        return scores


model = nn.Sequential(nn.Linear(5, 3), Quantizer())
model(torch.randn(4, 5)).sum().backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where the write goes to an attribute of a module and the tensor has no graph of its own.

## Known problems

A state that a module's forward writes into element by element is reported here as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, overwrite
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.MODULE_STATE:
        yield finding(
            "inplace-codebook-update",
            found,
            f"This line updates {found.name} in place, between its use in forward and backward",
            "Bind a new tensor (`self.codes = 0.9 * self.codes + ...`), or update it after `optimizer.step()`.",
        )


RULE = Rule(
    name="inplace-codebook-update",
    severity=Severity.ERROR,
    summary="A module updates its own state in place between forward and backward.",
    check=check,
    page=__doc__ or "",
)
