"""A custom backward returns the wrong number of gradients.

## What it does

Looks for `autograd.Function`s whose `backward` returns more or fewer values than `forward` takes inputs.

## Why is this bad?

Backward stops; the traceback shows the call of `backward()` only, not the function.

## Example

```python
import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.factor


w = torch.randn(3, requires_grad=True)
Scale.apply(w, 2.0).sum().backward()
```

## Use instead

```python
import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.factor, None


w = torch.randn(3, requires_grad=True)
Scale.apply(w, 2.0).sum().backward()
```

## How it is detected

The exception ended the pass at the node of a custom Function, whose backward was seen to return.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.custom_functions import wrong_return
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace

_PATTERN = (
    r"function"
    r" (\w+?)(?:Backward)? returned an incorrect number of gradients"
    r" \(expected"
    r" (\d+), got"
    r" (\d+)\)"
)


def _told(function: str, expected: str, returned: str) -> str:
    return f"{function}.backward returns {returned} gradients, but forward has {expected} inputs"


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    advice = "Return one value for each input of `forward` after `ctx`, and `None` for those without a gradient."
    yield from wrong_return(trace, "custom-fn-wrong-grad-count", _PATTERN, _told, advice)


RULE = Rule(
    name="custom-fn-wrong-grad-count",
    severity=Severity.ERROR,
    summary="A custom backward returns the wrong number of gradients.",
    check=check,
    page=__doc__ or "",
)
