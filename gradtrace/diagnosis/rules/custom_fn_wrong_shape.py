"""A custom backward returns a gradient of the wrong shape.

## What it does

Looks for `autograd.Function`s whose `backward` returns a gradient that does not have the shape of its input.

## Why is this bad?

Backward stops; the traceback shows the call of `backward()` only, not the function.

## Example

```python
import torch


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.t()

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight, x.t() @ grad


weight = torch.randn(4, 3, requires_grad=True)
Linear.apply(torch.randn(2, 3), weight).sum().backward()
```

## Use instead

```python
import torch


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.t()

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight, grad.t() @ x


weight = torch.randn(4, 3, requires_grad=True)
Linear.apply(torch.randn(2, 3), weight).sum().backward()
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
    r"Function"
    r" (\w+?)(?:Backward)? returned an invalid gradient at index"
    r" (\d+)"
    r" - got"
    r" (\[.*?\]) but expected shape compatible with"
    r" (\[.*?\])"
)


def _told(function: str, index: str, returned: str, expected: str) -> str:
    return f"{function}.backward returns {returned} as gradient {index}, whose input is {expected}"


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    advice = "The gradient of an input has the input's shape: check transposes and sums in `backward`."
    yield from wrong_return(trace, "custom-fn-wrong-shape", _PATTERN, _told, advice)


RULE = Rule(
    name="custom-fn-wrong-shape",
    severity=Severity.ERROR,
    summary="A custom backward returns a gradient of the wrong shape.",
    check=check,
    page=__doc__ or "",
)
