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

import re
from collections.abc import Iterator

from gradtrace.diagnosis.errors import failure, notes, of_pass
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Trace

_PATTERN = (
    r"Function"
    r" (\w+?)(?:Backward)? returned an invalid gradient at index"
    r" (\d+)"
    r" - got"
    r" (\[.*?\]) but expected shape compatible with"
    r" (\[.*?\])"
)


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = failure(trace, _PATTERN)
    said = re.search(_PATTERN, found.message) if found is not None else None
    if found is None or said is None:
        return
    node = found.node
    place = node.backward_location if node is not None and node.backward_location is not None else found.place
    function, *numbers = said.groups()
    told = notes(
        (node.location if node is not None else None, "the function is applied here"),
        (found.place, "backward runs from here"),
    )
    yield Finding(
        "custom-fn-wrong-shape",
        "error",
        f"{function}.backward returns {numbers[1]} as gradient {numbers[0]}, whose input is {numbers[2]}",
        place,
        tuple(note for note in told if note.location != place),
        "The gradient of an input has the input's shape: check transposes and sums in `backward`.",
        (),
        of_pass(found.backward),
    )


RULE = Rule(
    name="custom-fn-wrong-shape",
    severity="error",
    summary="A custom backward returns a gradient of the wrong shape.",
    check=check,
    page=__doc__ or "",
)
