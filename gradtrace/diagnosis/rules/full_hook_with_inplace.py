"""A full backward hook meets an in-place operation.

## What it does

Looks for modules with `register_full_backward_hook` whose output the next operation changes in place.

## Why is this bad?

torch refuses: the hook wraps the output in a view, and a view of that kind must not be written to. The error stands
at the forward call and names neither the hook nor the in-place module.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
model[0].register_full_backward_hook(lambda module, into, out: None)
model(torch.randn(2, 3)).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
model[0].register_full_backward_hook(lambda module, into, out: None)
model(torch.randn(2, 3)).sum().backward()
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
        "full-hook-with-inplace",
        "BackwardHookFunction\\w* is a view and is being modified inplace",
        "An in-place operation follows a module with a full backward hook",
        "Use `inplace=False` after hooked modules, or `tensor.register_hook` instead of the module hook.",
    )


RULE = Rule(
    name="full-hook-with-inplace",
    severity=Severity.ERROR,
    summary="A full backward hook meets an in-place operation.",
    check=check,
    page=__doc__ or "",
)
