"""A custom function keeps its own output as an attribute of its context.

## What it does

Looks for `ctx.y = y` in the `forward` of an `autograd.Function` that returns `y`.

## Why is this bad?

The output holds its node, the node is the context, and the context holds the output: a cycle that keeps the whole
graph alive until the garbage collector comes by.

## Example

```python
import torch


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.y = y
        return y

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.y


w = torch.zeros(3, requires_grad=True)
Exp.apply(w).sum().backward()
```

## Use instead

```python
import torch


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y


w = torch.zeros(3, requires_grad=True)
Exp.apply(w).sum().backward()
```

## How it is detected

The attributes of the contexts of custom functions in every recorded graph are looked at for tensors whose node is the
context itself.

## Known problems

An output inside a list or a dict on the context is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, HolderKind, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    told = set()
    for holder in trace.holders:
        place = holder.location
        key = (holder.name, place.file, place.line) if place is not None else (holder.name, "", 0)
        if holder.kind == HolderKind.OWN_OUTPUT and key not in told:
            told.add(key)
            yield Finding(
                "ctx-attribute-keeps-output",
                Severity.WARNING,
                f"{holder.name} is the function's own output: the context keeps its graph alive",
                place,
                (),
                f"Use `ctx.save_for_backward({holder.name.removeprefix('ctx.')})` and `ctx.saved_tensors`.",
                (),
                (holder.pass_index,) if holder.pass_index else (),
            )


RULE = Rule(
    name="ctx-attribute-keeps-output",
    severity=Severity.WARNING,
    summary="A custom function keeps its own output as an attribute of its context.",
    check=check,
    page=__doc__ or "",
)
